/* SPDX-License-Identifier: GPL-2.0-only */
/* What glue/spi.c hands to shim/src/bus for each transfer of a message. */
#ifndef SHIM_SPI_H
#define SHIM_SPI_H

#include <linux/types.h>

struct machine_spi_xfer {
	const void *tx;		/* len bytes to send, or NULL for zeros */
	void *rx;		/* room for len bytes, or NULL */
	u32 len;
	u32 speed_hz;
	u32 delay_ns;		/* after the transfer */
	u8 bits_per_word;
	u8 cs_change;
};

int machine_spi_transfer(u32 handle, u32 cs, u32 mode,
			 struct machine_spi_xfer *xfers, u32 count);

#endif
