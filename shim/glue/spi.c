// SPDX-License-Identifier: GPL-2.0-only
/*
 * The SPI master: one controller for each node "linux-compat,spi" of the
 * board. A message goes to the bus server whole (include/linux/spi/spi.h).
 */
#include <linux/init.h>
#include <linux/of.h>
#include <linux/platform_device.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/spi/spi.h>
#include <linux/version.h>
#include "machine.h"
#include "spi.h"

extern int machine_channel(const char *name, u32 *handle);

/*
 * The core counts a message's transfers (statistics/ in sysfs) where it runs
 * them itself; here they run on the other side.
 */
static void add_to(struct spi_statistics __percpu *sum, struct spi_message *msg)
{
	struct spi_transfer *t;

	SPI_STATISTICS_INCREMENT_FIELD(sum, messages);
	list_for_each_entry(t, &msg->transfers, transfer_list) {
		int order = clamp(fls(t->len), 1, SPI_STATISTICS_HISTO_SIZE);

		SPI_STATISTICS_INCREMENT_FIELD(sum, transfers);
		SPI_STATISTICS_INCREMENT_FIELD(sum,
					       transfer_bytes_histo[order - 1]);
		SPI_STATISTICS_ADD_TO_FIELD(sum, bytes, t->len);
		if (t->tx_buf)
			SPI_STATISTICS_ADD_TO_FIELD(sum, bytes_tx, t->len);
		if (t->rx_buf)
			SPI_STATISTICS_ADD_TO_FIELD(sum, bytes_rx, t->len);
	}
	if (msg->status)
		SPI_STATISTICS_INCREMENT_FIELD(sum, errors);
}

static int one_message(struct spi_controller *host, struct spi_message *msg)
{
	u32 *handle = spi_controller_get_devdata(host);
	struct spi_device *spi = msg->spi;
	struct machine_spi_xfer *list;
	struct spi_transfer *t;
	unsigned int count = 0, at = 0;
	int ret;

	if (unlikely(machine_is_hogged()))
		machine_sleep_ns(NSEC_PER_MSEC);
	list_for_each_entry(t, &msg->transfers, transfer_list)
		count++;
	list = kcalloc(count, sizeof(*list), GFP_KERNEL);
	if (!list) {
		ret = -ENOMEM;
		goto out;
	}
	list_for_each_entry(t, &msg->transfers, transfer_list) {
		struct machine_spi_xfer *x = &list[at++];
		int delay = spi_delay_to_ns(&t->delay, t);

		x->tx = t->tx_buf;
		x->rx = t->rx_buf;
		x->len = t->len;
		x->speed_hz = t->speed_hz;
		x->delay_ns = delay > 0 ? delay : 0;
		x->bits_per_word = t->bits_per_word;
		x->cs_change = t->cs_change;
	}
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
	ret = machine_spi_transfer(*handle, spi_get_chipselect(spi, 0),
				   spi->mode, list, count);
#else
	ret = machine_spi_transfer(*handle, spi->chip_select, spi->mode, list,
				   count);
#endif
	if (!ret)
		msg->actual_length = msg->frame_length;
	kfree(list);
out:
	msg->status = ret;
	add_to(host->pcpu_statistics, msg);
	add_to(spi->pcpu_statistics, msg);
	spi_finalize_current_message(host);
	return ret;
}

/* What one message moves one way (linuxcompat/Spi.idl, MaxBytes). */
static size_t most_bytes(struct spi_device *spi)
{
	return SZ_64K;
}

static int spi_probe(struct platform_device *pdev)
{
	struct device *dev = &pdev->dev;
	struct spi_controller *host;
	const char *channel;
	u32 cs_count = 1;
	int ret;

	ret = of_property_read_string(dev->of_node, "linux-compat,channel",
				      &channel);
	if (ret)
		return dev_err_probe(dev, ret, "no linux-compat,channel\n");
	host = devm_spi_alloc_master(dev, sizeof(u32));
	if (!host)
		return -ENOMEM;
	ret = machine_channel(channel, spi_controller_get_devdata(host));
	if (ret)
		return dev_err_probe(dev, ret, "no bus server at %s\n", channel);

	of_property_read_u32(dev->of_node, "num-cs", &cs_count);
	host->dev.of_node = dev->of_node;
	host->bus_num = -1;
	host->num_chipselect = cs_count;
	host->mode_bits = SPI_CPOL | SPI_CPHA | SPI_CS_HIGH | SPI_LSB_FIRST |
			  SPI_3WIRE;
	host->bits_per_word_mask = SPI_BPW_RANGE_MASK(4, 32);
	host->max_transfer_size = most_bytes;
	host->max_message_size = most_bytes;
	host->transfer_one_message = one_message;
	return devm_spi_register_controller(dev, host);
}

static const struct of_device_id spi_match[] = {
	{ .compatible = "linux-compat,spi" },
	{ }
};

static struct platform_driver spi_master = {
	.probe = spi_probe,
	.driver = {
		.name = "linux-compat-spi",
		.of_match_table = spi_match,
	},
};
builtin_platform_driver(spi_master);
