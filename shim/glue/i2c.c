// SPDX-License-Identifier: GPL-2.0-only
/*
 * The I2C master: one adapter for each node "linux-compat,i2c" of the board.
 * Its messages go to the bus server as they are (include/linux/i2c.h).
 */
#include <linux/i2c.h>
#include <linux/init.h>
#include <linux/of.h>
#include <linux/platform_device.h>
#include "machine.h"

/* shim/src/bus */
extern int machine_channel(const char *name, u32 *handle);
extern int machine_i2c_xfer(u32 handle, struct i2c_msg *msgs, int num);
extern int machine_i2c_functionality(u32 handle, u32 *functionality);

struct master {
	struct i2c_adapter adapter;
	u32 handle;
	u32 functionality;
};

static int xfer(struct i2c_adapter *adapter, struct i2c_msg *msgs, int num)
{
	struct master *master = i2c_get_adapdata(adapter);
	int ret;

	if (unlikely(machine_is_hogged()))
		machine_sleep_ns(NSEC_PER_MSEC);
	ret = machine_i2c_xfer(master->handle, msgs, num);
	machine_transferred();
	return ret;
}

static u32 functionality(struct i2c_adapter *adapter)
{
	struct master *master = i2c_get_adapdata(adapter);

	return master->functionality;
}

static const struct i2c_algorithm algorithm = {
	.master_xfer = xfer,
	.functionality = functionality,
};

static int i2c_probe(struct platform_device *pdev)
{
	struct device *dev = &pdev->dev;
	struct master *master;
	const char *channel;
	int ret;

	ret = of_property_read_string(dev->of_node, "linux-compat,channel",
				      &channel);
	if (ret)
		return dev_err_probe(dev, ret, "no linux-compat,channel\n");
	master = devm_kzalloc(dev, sizeof(*master), GFP_KERNEL);
	if (!master)
		return -ENOMEM;
	ret = machine_channel(channel, &master->handle);
	if (!ret)
		ret = machine_i2c_functionality(master->handle,
						&master->functionality);
	if (ret)
		return dev_err_probe(dev, ret, "no bus server at %s\n", channel);

	i2c_set_adapdata(&master->adapter, master);
	master->adapter.owner = THIS_MODULE;
	master->adapter.algo = &algorithm;
	master->adapter.dev.parent = dev;
	master->adapter.dev.of_node = dev->of_node;
	snprintf(master->adapter.name, sizeof(master->adapter.name), "%s",
		 channel);
	return devm_i2c_add_adapter(dev, &master->adapter);
}

static const struct of_device_id i2c_match[] = {
	{ .compatible = "linux-compat,i2c" },
	{ }
};

static struct platform_driver i2c_master = {
	.probe = i2c_probe,
	.driver = {
		.name = "linux-compat-i2c",
		.of_match_table = i2c_match,
	},
};
builtin_platform_driver(i2c_master);
