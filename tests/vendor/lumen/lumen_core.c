// SPDX-License-Identifier: GPL-2.0-only
/* A made-up light sensor: one channel of 16 bits in registers 2 and 3. */
#include <linux/iio/iio.h>
#include <linux/module.h>
#include <linux/regmap.h>
#include <linux/regulator/consumer.h>
#include "lumen.h"

#define LUMEN_CONTROL 0x00
#define LUMEN_ON 0x01
#define LUMEN_DATA 0x02

struct lumen {
	struct regmap *regmap;
};

static int lumen_read_raw(struct iio_dev *indio_dev,
			  struct iio_chan_spec const *chan, int *val, int *val2,
			  long mask)
{
	struct lumen *lumen = iio_priv(indio_dev);
	__be16 raw;
	int ret;

	switch (mask) {
	case IIO_CHAN_INFO_RAW:
		ret = regmap_bulk_read(lumen->regmap, LUMEN_DATA, &raw,
				       sizeof(raw));
		if (ret)
			return ret;
		*val = be16_to_cpu(raw);
		return IIO_VAL_INT;
	case IIO_CHAN_INFO_SCALE:
		*val = 0;
		*val2 = LUMEN_SCALE_NANO;
		return IIO_VAL_INT_PLUS_NANO;
	default:
		return -EINVAL;
	}
}

static const struct iio_info lumen_info = {
	.read_raw = lumen_read_raw,
};

static const struct iio_chan_spec lumen_channels[] = {
	{
		.type = IIO_LIGHT,
		.info_mask_separate = BIT(IIO_CHAN_INFO_RAW) |
				      BIT(IIO_CHAN_INFO_SCALE),
	},
};

static void lumen_off(void *regmap)
{
	regmap_write(regmap, LUMEN_CONTROL, 0);
}

int lumen_register(struct device *dev, struct regmap *regmap)
{
	struct iio_dev *indio_dev;
	struct lumen *lumen;
	int ret;

	ret = devm_regulator_get_enable(dev, "vdd");
	if (ret)
		return dev_err_probe(dev, ret, "no supply\n");
	indio_dev = devm_iio_device_alloc(dev, sizeof(*lumen));
	if (!indio_dev)
		return -ENOMEM;
	lumen = iio_priv(indio_dev);
	lumen->regmap = regmap;
	ret = regmap_write(regmap, LUMEN_CONTROL, LUMEN_ON);
	if (ret)
		return dev_err_probe(dev, ret, "cannot be switched on\n");
	ret = devm_add_action_or_reset(dev, lumen_off, regmap);
	if (ret)
		return ret;
	indio_dev->name = "lumen";
	indio_dev->info = &lumen_info;
	indio_dev->channels = lumen_channels;
	indio_dev->num_channels = ARRAY_SIZE(lumen_channels);
	return devm_iio_device_register(dev, indio_dev);
}
