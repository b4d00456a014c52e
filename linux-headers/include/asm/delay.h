/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _ASM_DELAY_H
#define _ASM_DELAY_H

/* The shim waits on its clock; there is no loop to calibrate. */
extern void __udelay(unsigned long usecs);
extern void __ndelay(unsigned long nsecs);
extern void __const_udelay(unsigned long xloops);
extern void __delay(unsigned long loops);
#define udelay(n) __udelay(n)
#define ndelay(n) __ndelay(n)

#endif
