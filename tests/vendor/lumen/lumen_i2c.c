// SPDX-License-Identifier: GPL-2.0-only
/* A made-up light sensor: its I2C half. */
#include <linux/i2c.h>
#include <linux/module.h>
#include <linux/regmap.h>
#include "lumen.h"

static const struct regmap_config lumen_regmap = {
	.reg_bits = 8,
	.val_bits = 8,
	.max_register = 0x03,
};

static int lumen_probe(struct i2c_client *client)
{
	struct regmap *regmap = devm_regmap_init_i2c(client, &lumen_regmap);

	if (IS_ERR(regmap))
		return PTR_ERR(regmap);
	return lumen_register(&client->dev, regmap);
}

static const struct of_device_id lumen_of_match[] = {
	{ .compatible = "vendor,lumen" },
	{ }
};
MODULE_DEVICE_TABLE(of, lumen_of_match);

static struct i2c_driver lumen_driver = {
	.driver = {
		.name = "lumen",
		.of_match_table = lumen_of_match,
	},
	.probe = lumen_probe,
};
module_i2c_driver(lumen_driver);

MODULE_DESCRIPTION("a made-up light sensor");
MODULE_LICENSE("GPL");
