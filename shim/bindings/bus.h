/* SPDX-License-Identifier: GPL-2.0-only */
#include <linux/i2c.h>
#include "spi.h"

/* bindgen keeps a macro's first value, and HZ has another before the kernel's own (asm-generic/param.h). */
enum { MACHINE_HZ = HZ };
