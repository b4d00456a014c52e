/* SPDX-License-Identifier: GPL-2.0-only */
/* A made-up light sensor: what its two halves share. */
#ifndef LUMEN_H
#define LUMEN_H

struct device;
struct regmap;

int lumen_register(struct device *dev, struct regmap *regmap);

#endif
