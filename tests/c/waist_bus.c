// SPDX-License-Identifier: GPL-2.0-only
/*
 * The bus masters: Documentation/i2c/i2c-protocol.rst, fault-codes.rst, include/linux/i2c.h, include/linux/spi/spi.h.
 * An ADXL345 answers on both buses: its register 0 reads 0xe5, registers 0x1e to 0x20 hold what is written.
 */
#include <linux/i2c.h>
#include <linux/kthread.h>
#include <linux/spi/spi.h>
#include "ktap.h"

/* shim/glue/i2c.c, spi.c */
extern int machine_channel(const char *name, u32 *handle);
extern int machine_i2c_xfer(u32 handle, struct i2c_msg *msgs, int num);
extern int machine_i2c_functionality(u32 handle, u32 *functionality);
struct machine_spi_xfer {
	const void *tx;
	void *rx;
	u32 len, speed_hz, delay_ns;
	u8 bits_per_word, cs_change;
};
extern int machine_spi_transfer(u32 handle, u32 cs, u32 mode,
				struct machine_spi_xfer *xfers, u32 count);

#define CHIP 0x53
#define ABSENT 0x2a
#define ID 0xe5

static struct i2c_adapter *adapter;

static void the_adapter_is_there(void)
{
	adapter = i2c_get_adapter(0);
	expect(adapter);
	expect(i2c_check_functionality(adapter, I2C_FUNC_I2C | I2C_FUNC_SMBUS_BYTE_DATA));
}

static int read_register(u16 addr, u8 reg, u8 *to, u16 len)
{
	struct i2c_msg msgs[] = {
		{ .addr = addr, .len = 1, .buf = &reg },
		{ .addr = addr, .flags = I2C_M_RD, .len = len, .buf = to },
	};

	return i2c_transfer(adapter, msgs, 2);
}

static void messages_reach_the_chip(void)
{
	u8 value = 0, write[] = { 0x1e, 0x12, 0x34, 0x56 }, three[3] = {};
	struct i2c_msg msg = { .addr = CHIP, .len = 4, .buf = write };

	expect_eq(read_register(CHIP, 0, &value, 1), 2);
	expect_eq(value, ID);
	expect_eq(i2c_transfer(adapter, &msg, 1), 1);
	expect_eq(read_register(CHIP, 0x1e, three, 3), 2);
	expect(!memcmp(three, write + 1, 3));
	memset(write + 1, 0, 3);
	expect_eq(i2c_transfer(adapter, &msg, 1), 1);
}

static void smbus_is_made_of_messages(void)
{
	union i2c_smbus_data data = {};

	expect_eq(i2c_smbus_xfer(adapter, CHIP, 0, I2C_SMBUS_READ, 0, I2C_SMBUS_BYTE_DATA, &data), 0);
	expect_eq(data.byte, ID);
	data.byte = 0x21;
	expect_eq(i2c_smbus_xfer(adapter, CHIP, 0, I2C_SMBUS_WRITE, 0x1e, I2C_SMBUS_BYTE_DATA, &data), 0);
	data.byte = 0;
	expect_eq(i2c_smbus_xfer(adapter, CHIP, 0, I2C_SMBUS_READ, 0x1e, I2C_SMBUS_BYTE_DATA, &data), 0);
	expect_eq(data.byte, 0x21);
}

/* fault-codes.rst: ENXIO when no device answers to the address. */
static void a_chip_that_is_not_there_does_not_answer(void)
{
	u8 value = 0x5a;

	expect_eq(read_register(ABSENT, 0, &value, 1), -ENXIO);
	expect_eq(value, 0x5a);
}

static void more_messages_than_fit_are_refused(void)
{
	static struct i2c_msg msgs[200];
	static u8 byte;
	u32 handle, functions = 0;
	int i, ret;

	for (i = 0; i < ARRAY_SIZE(msgs); i++)
		msgs[i] = (struct i2c_msg){ .addr = CHIP, .len = 1, .buf = &byte };
	ret = i2c_transfer(adapter, msgs, ARRAY_SIZE(msgs));
	expect_eq(ret, -EOPNOTSUPP);
	expect_eq(i2c_transfer(adapter, msgs, 8), 8);
	expect_eq(machine_channel("i2c0", &handle), 0);
	expect_eq(machine_i2c_functionality(handle, &functions), 0);
	expect(functions & I2C_FUNC_I2C);
	expect_eq(machine_i2c_xfer(handle, msgs, 1), 1);
	/* A handle that the domain does not hold leads nowhere. */
	expect(machine_i2c_xfer(handle + 1000, msgs, 1) < 0);
	expect(machine_i2c_functionality(handle + 1000, &functions) < 0);
}

static bool is_begun, is_done;

static int asks_too(void *unused)
{
	u8 value;

	is_begun = true;
	expect_eq(read_register(CHIP, 0, &value, 1), 2);
	is_done = true;
	return 0;
}

/* On Linux a transfer sleeps, and whoever waits for the bus has it next: kernel/locking/rtmutex.c, rt_mutex_steal. */
static void others_run_during_a_transfer_and_have_the_bus_next(void)
{
	struct task_struct *task = kthread_run(asks_too, NULL, "beside");
	u8 value;

	if (!expect(!IS_ERR(task)))
		return;
	expect(!is_begun);
	expect_eq(read_register(CHIP, 0, &value, 1), 2);
	expect(is_begun);
	expect(!is_done);
	expect_eq(read_register(CHIP, 0, &value, 1), 2);
	expect(is_done);
}

static void an_empty_message_only_addresses(void)
{
	struct i2c_msg msg = { .addr = CHIP };

	expect_eq(i2c_transfer(adapter, &msg, 1), 1);
	msg.addr = ABSENT;
	expect_eq(i2c_transfer(adapter, &msg, 1), -ENXIO);
	i2c_put_adapter(adapter);
}

static struct spi_device *chip;

static int match_any(struct device *dev, const void *data)
{
	return dev->of_node && of_device_is_compatible(dev->of_node, "adi,adxl345");
}

static void the_spi_chip_is_there(void)
{
	struct device *dev = bus_find_device(&spi_bus_type, NULL, NULL, match_any);

	if (expect(dev))
		chip = to_spi_device(dev);
}

static void spi_writes_then_reads(void)
{
	u8 command = 0x80, value = 0;

	expect_eq(spi_write_then_read(chip, &command, 1, &value, 1), 0);
	expect_eq(value, ID);
	expect_eq(spi_w8r8(chip, 0x80), ID);
}

static void spi_transfers_both_ways_at_once(void)
{
	u8 tx[] = { 0xc0 | 0x1e, 0, 0, 0 }, rx[4] = { 1, 1, 1, 1 };
	u8 set[] = { 0x40 | 0x1e, 7, 8, 9 };
	struct spi_transfer t = { .tx_buf = tx, .rx_buf = rx, .len = 4 };
	struct spi_message m;

	expect_eq(spi_write(chip, set, 4), 0);
	spi_message_init_with_transfers(&m, &t, 1);
	expect_eq(spi_sync(chip, &m), 0);
	expect_eq(m.status, 0);
	expect_eq(m.actual_length, 4);
	expect_eq(rx[1], 7);
	expect_eq(rx[3], 9);
	memset(set + 1, 0, 3);
	expect_eq(spi_write(chip, set, 4), 0);
}

static bool is_complete;

static void on_complete(void *context)
{
	is_complete = context == &is_complete;
}

static void an_asynchronous_message_completes(void)
{
	u8 tx[2] = { 0x80 }, rx[2];
	struct spi_transfer t = { .tx_buf = tx, .rx_buf = rx, .len = 2 };
	struct spi_message m;

	spi_message_init_with_transfers(&m, &t, 1);
	m.complete = on_complete;
	m.context = &is_complete;
	expect_eq(spi_async(chip, &m), 0);
	/* Another message takes its turn behind it. */
	expect_eq(spi_w8r8(chip, 0x80), ID);
	expect(is_complete);
	expect_eq(rx[1], ID);
}

static void spi_refuses_what_the_controller_cannot(void)
{
	u8 byte;
	struct spi_transfer t = { .tx_buf = &byte, .len = 1, .bits_per_word = 64 };
	struct machine_spi_xfer x = { .tx = &byte, .len = 1, .speed_hz = 1000, .bits_per_word = 8 };
	struct spi_message m;
	u32 handle;

	spi_message_init_with_transfers(&m, &t, 1);
	expect_eq(spi_sync(chip, &m), -EINVAL);
	spi_message_init(&m);
	expect_eq(spi_sync(chip, &m), -EINVAL);
	expect_eq(machine_channel("spi0", &handle), 0);
	expect(machine_spi_transfer(handle + 1000, 0, 0, &x, 1) < 0);
	expect_eq(machine_spi_transfer(handle, 0, SPI_MODE_3, &x, 1), 0);
	put_device(&chip->dev);
}

static const struct ktap_case cases[] = {
	KTAP_CASE(the_adapter_is_there),
	KTAP_CASE(messages_reach_the_chip),
	KTAP_CASE(smbus_is_made_of_messages),
	KTAP_CASE(a_chip_that_is_not_there_does_not_answer),
	KTAP_CASE(more_messages_than_fit_are_refused),
	KTAP_CASE(others_run_during_a_transfer_and_have_the_bus_next),
	KTAP_CASE(an_empty_message_only_addresses),
	KTAP_CASE(the_spi_chip_is_there),
	KTAP_CASE(spi_writes_then_reads),
	KTAP_CASE(spi_transfers_both_ways_at_once),
	KTAP_CASE(an_asynchronous_message_completes),
	KTAP_CASE(spi_refuses_what_the_controller_cannot),
};

/* After the buses, whose drivers are initialised at the same level as modules. */
static int __init bus_init(void)
{
	return ktap_run(cases, ARRAY_SIZE(cases));
}
late_initcall(bus_init);
MODULE_LICENSE("GPL");
