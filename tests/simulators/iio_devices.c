// SPDX-License-Identifier: GPL-2.0-only
/*
 * Makes what a user makes with mkdir below /sys/kernel/config/iio: a software
 * device and a software trigger, by the functions that configfs's own mkdir
 * ends in (include/linux/iio/sw_device.h, sw_trigger.h).
 */
#include <linux/err.h>
#include <linux/iio/sw_device.h>
#include <linux/iio/sw_trigger.h>
#include <linux/init.h>
#include <linux/module.h>

/* What the build takes this file in for. */
int iio_devices_failed;

static int __init make_devices(void)
{
	struct iio_sw_device *device = iio_sw_device_create("dummy", "my_dummy_device");
	struct iio_sw_trigger *trigger = iio_sw_trigger_create("hrtimer", "my_timer");

	iio_devices_failed = PTR_ERR_OR_ZERO(device) ?: PTR_ERR_OR_ZERO(trigger);
	return iio_devices_failed;
}
late_initcall(make_devices);
MODULE_LICENSE("GPL");
