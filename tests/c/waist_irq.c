// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lines and interrupts through them: include/linux/gpio/consumer.h, interrupt.h, Documentation/core-api/genericirq.rst.
 * No chip drives the board's lines, so what a chip would do is asked of the line server beneath Linux.
 */
#include <linux/delay.h>
#include <linux/gpio/consumer.h>
#include <linux/gpio/machine.h>
#include <linux/interrupt.h>
#include <linux/irq.h>
#include <linux/kernel_stat.h>
#include <linux/platform_device.h>
#include <linux/sched.h>
#include <linux/sched/rt.h>
#include "ktap.h"

/* shim/glue/gpio.c */
extern int machine_channel(const char *name, u32 *handle);
extern int machine_gpio_lines(u32 handle, u32 *count, u64 *outputs);
extern int machine_gpio_get(u32 handle, u32 line);
extern int machine_gpio_set(u32 handle, u32 line, u32 value);
extern int machine_gpio_set_direction(u32 handle, u32 line, u32 is_input, u32 value);
extern u64 machine_line_levels(void);

static struct gpiod_lookup_table table = {
	.dev_id = "waist-lines",
	.table = {
		GPIO_LOOKUP_IDX("gpio", 2, "line", 0, GPIO_ACTIVE_HIGH),
		GPIO_LOOKUP_IDX("gpio", 3, "line", 1, GPIO_ACTIVE_LOW),
		{ }
	},
};

static struct platform_device *owner;
static struct gpio_desc *line;
static u32 server;
static int irq, hits, thread_hits;
static bool is_quieted;

/* What a chip on the line would do. */
static void drive(int value)
{
	machine_gpio_set_direction(server, 2, 0, value);
}

/* Lets go of it: the board pulls it down. A line must be an input to be made an interrupt. */
static void let_go(void)
{
	machine_gpio_set_direction(server, 2, 1, 0);
}

static void lines_are_found(void)
{
	u32 count = 0, none = 7;
	u64 outputs = ~0ULL;

	expect_eq(machine_channel("gpio", &server), 0);
	expect(machine_channel("nowhere", &none) < 0);
	expect_eq(none, 7);
	expect_eq(machine_gpio_lines(server, &count, &outputs), 0);
	expect_eq(count, 8);
	expect(!(outputs & BIT_ULL(3)));
	expect_eq(machine_gpio_set_direction(server, 3, 0, 1), 0);
	expect_eq(machine_gpio_lines(server, &count, &outputs), 0);
	expect(outputs & BIT_ULL(3));
	expect_eq(machine_gpio_set_direction(server, 3, 1, 0), 0);
	expect(machine_gpio_get(server, 99) < 0);
	expect(machine_gpio_set(server, 99, 1) < 0);
	expect(machine_gpio_set_direction(server, 99, 1, 0) < 0);
	owner = platform_device_register_simple("waist-lines", -1, NULL, 0);
	gpiod_add_lookup_table(&table);
	line = gpiod_get_index(&owner->dev, "line", 0, GPIOD_IN);
	expect(!IS_ERR(line));
}

/* What the server says of a line, behind gpiolib's back. */
static bool server_drives(u32 line)
{
	u32 count;
	u64 outputs = 0;

	expect_eq(machine_gpio_lines(server, &count, &outputs), 0);
	return outputs & BIT_ULL(line);
}

static void a_line_has_direction_and_value(void)
{
	struct gpio_desc *low = gpiod_get_index(&owner->dev, "line", 1, GPIOD_OUT_HIGH);

	if (!expect(!IS_ERR(low)))
		return;
	expect_eq(gpiod_get_direction(line), 1);
	expect_eq(gpiod_get_direction(low), 0);
	expect_eq(gpiod_is_active_low(low), 1);
	expect_eq(gpiod_get_value(low), 1);
	expect_eq(gpiod_get_raw_value(low), 0);
	expect_eq(machine_gpio_get(server, 3), 0);
	gpiod_set_value(low, 0);
	expect_eq(machine_gpio_get(server, 3), 1);
	expect(server_drives(3));
	expect(machine_line_levels() & BIT(3));
	expect_eq(gpiod_direction_input(low), 0);
	expect(!server_drives(3));
	expect(machine_gpio_set(server, 3, 1) < 0);
	expect_eq(gpiod_direction_output(low, 1), 0);
	expect_eq(machine_gpio_get(server, 3), 0);
	expect_eq(gpiod_cansleep(low), 0);
	expect_eq(gpiod_direction_input(low), 0);
	gpiod_put(low);
	expect(IS_ERR(gpiod_get_index(&owner->dev, "line", 5, GPIOD_IN)));
	irq = gpiod_to_irq(line);
	expect(irq > 0);
}

static irqreturn_t count(int number, void *argument)
{
	hits++;
	expect_eq(number, irq);
	expect(in_interrupt() && irqs_disabled());
	return IRQ_HANDLED;
}

static void rising_edges_interrupt(void)
{
	unsigned int before = kstat_irqs_usr(irq);

	hits = 0;
	let_go();
	if (!expect_eq(request_irq(irq, count, IRQF_TRIGGER_RISING, "rise", &hits), 0))
		return;
	drive(1);
	expect_eq(hits, 1);
	drive(0);
	expect_eq(hits, 1);
	drive(1);
	expect_eq(hits, 2);
	expect_eq(kstat_irqs_usr(irq) - before, 2);
	free_irq(irq, &hits);
	drive(0);
	drive(1);
	expect_eq(hits, 2);
}

static void falling_edges_and_both_interrupt(void)
{
	hits = 0;
	let_go();
	expect_eq(request_irq(irq, count, IRQF_TRIGGER_FALLING, "fall", &hits), 0);
	expect_eq(irq_get_trigger_type(irq), IRQ_TYPE_EDGE_FALLING);
	drive(1);
	drive(0);
	drive(1);
	expect_eq(hits, 1);
	expect_eq(irq_set_irq_type(irq, IRQ_TYPE_EDGE_BOTH), 0);
	drive(0);
	drive(1);
	expect_eq(hits, 3);
	free_irq(irq, &hits);
}

static irqreturn_t quiet(int number, void *argument)
{
	hits++;
	if (hits == 3)
		drive(0);
	return IRQ_HANDLED;
}

static void a_level_interrupts_until_it_is_gone(void)
{
	hits = 0;
	let_go();
	expect_eq(request_irq(irq, quiet, IRQF_TRIGGER_HIGH, "level", &hits), 0);
	expect_eq(hits, 0);
	drive(1);
	msleep(5);
	expect_eq(hits, 3);
	free_irq(irq, &hits);
}

static void an_active_level_interrupts_at_once_when_enabled(void)
{
	hits = 2;
	let_go();
	expect_eq(request_irq(irq, quiet, IRQF_TRIGGER_HIGH | IRQF_NO_AUTOEN, "auto", &hits), 0);
	drive(1);
	msleep(2);
	expect_eq(hits, 2);
	enable_irq(irq);
	msleep(2);
	expect_eq(hits, 3);
	free_irq(irq, &hits);
}

static irqreturn_t raise_it(int number, void *argument)
{
	hits++;
	drive(1);
	return IRQ_HANDLED;
}

static void a_low_level_interrupts(void)
{
	hits = 0;
	let_go();
	expect_eq(request_irq(irq, raise_it, IRQF_TRIGGER_LOW | IRQF_NO_AUTOEN, "low", &hits), 0);
	drive(1);
	enable_irq(irq);
	msleep(2);
	expect_eq(hits, 0);
	drive(0);
	msleep(2);
	expect_eq(hits, 1);
	free_irq(irq, &hits);
}

static void interrupts_wait_while_they_are_off(void)
{
	unsigned long flags;

	hits = 0;
	let_go();
	expect_eq(request_irq(irq, count, IRQF_TRIGGER_RISING, "off", &hits), 0);
	local_irq_save(flags);
	drive(1);
	udelay(50);
	expect_eq(hits, 0);
	local_irq_restore(flags);
	expect_eq(hits, 1);
	free_irq(irq, &hits);
}

static void disabling_nests_and_an_edge_is_kept(void)
{
	hits = 0;
	let_go();
	expect_eq(request_irq(irq, count, IRQF_TRIGGER_RISING, "depth", &hits), 0);
	disable_irq(irq);
	disable_irq_nosync(irq);
	drive(1);
	drive(0);
	msleep(2);
	expect_eq(hits, 0);
	enable_irq(irq);
	msleep(2);
	expect_eq(hits, 0);
	/* The edge that came meanwhile is delivered now. */
	enable_irq(irq);
	msleep(2);
	expect_eq(hits, 1);
	free_irq(irq, &hits);
}

static irqreturn_t wake_thread(int number, void *argument)
{
	hits++;
	return IRQ_WAKE_THREAD;
}

static irqreturn_t in_thread(int number, void *argument)
{
	expect(!in_interrupt() && !irqs_disabled());
	expect(rt_task(current));
	expect(!strncmp(current->comm, "irq/", 4));
	msleep(3);
	/* The line is still high: with ONESHOT nothing interrupted meanwhile. */
	expect_eq(hits, thread_hits + 1);
	if (++thread_hits == 2)
		drive(0);
	is_quieted = thread_hits == 2;
	return IRQ_HANDLED;
}

static void oneshot_keeps_the_line_masked_until_the_thread_is_done(void)
{
	hits = thread_hits = 0;
	is_quieted = false;
	let_go();
	expect_eq(request_threaded_irq(irq, wake_thread, in_thread,
				       IRQF_TRIGGER_HIGH | IRQF_ONESHOT, "oneshot", &hits), 0);
	drive(1);
	msleep(20);
	expect_eq(thread_hits, 2);
	expect_eq(hits, 2);
	expect(is_quieted);
	free_irq(irq, &hits);
}

static irqreturn_t slow_thread(int number, void *argument)
{
	msleep(5);
	thread_hits++;
	return IRQ_HANDLED;
}

static void synchronize_and_free_wait_for_the_thread(void)
{
	thread_hits = 0;
	let_go();
	expect_eq(request_threaded_irq(irq, NULL, slow_thread,
				       IRQF_TRIGGER_RISING | IRQF_ONESHOT, "slow", &hits), 0);
	drive(1);
	msleep(1);
	synchronize_irq(irq);
	expect_eq(thread_hits, 1);
	drive(0);
	drive(1);
	msleep(1);
	disable_irq(irq);
	expect_eq(thread_hits, 2);
	enable_irq(irq);
	drive(0);
	drive(1);
	msleep(1);
	free_irq(irq, &hits);
	expect_eq(thread_hits, 3);
}

static int shared_hits[2];

static irqreturn_t shared(int number, void *argument)
{
	int *mine = argument;

	++*mine;
	return mine == &shared_hits[1] ? IRQ_HANDLED : IRQ_NONE;
}

static void sharers_are_all_asked(void)
{
	let_go();
	expect_eq(request_irq(irq, shared, IRQF_SHARED | IRQF_TRIGGER_RISING, "a", &shared_hits[0]), 0);
	expect_eq(request_irq(irq, shared, IRQF_SHARED | IRQF_TRIGGER_RISING, "b", &shared_hits[1]), 0);
	drive(1);
	expect_eq(shared_hits[0], 1);
	expect_eq(shared_hits[1], 1);
	expect_eq(request_irq(irq, count, IRQF_TRIGGER_RISING | IRQF_PROBE_SHARED, "alone", &hits), -EBUSY);
	expect_eq(request_irq(irq, shared, IRQF_SHARED | IRQF_TRIGGER_FALLING | IRQF_PROBE_SHARED, "c", &hits), -EBUSY);
	free_irq(irq, &shared_hits[0]);
	drive(0);
	drive(1);
	expect_eq(shared_hits[0], 1);
	expect_eq(shared_hits[1], 2);
	free_irq(irq, &shared_hits[1]);
}

static void requests_that_make_no_sense_are_refused(void)
{
	let_go();
	expect_eq(request_irq(irq, shared, IRQF_SHARED | IRQF_TRIGGER_RISING, "x", NULL), -EINVAL);
	expect_eq(request_irq(irq, NULL, IRQF_TRIGGER_RISING, "x", &hits), -EINVAL);
	expect_eq(request_threaded_irq(irq, NULL, in_thread, IRQF_TRIGGER_HIGH, "x", &hits), -EINVAL);
	expect_eq(request_irq(100000, count, 0, "x", &hits), -EINVAL);
}

static void a_line_can_wake(void)
{
	let_go();
	expect_eq(request_irq(irq, count, IRQF_TRIGGER_RISING, "wake", &hits), 0);
	expect_eq(enable_irq_wake(irq), 0);
	expect(irqd_is_wakeup_set(irq_get_irq_data(irq)));
	expect_eq(disable_irq_wake(irq), 0);
	expect(!irqd_is_wakeup_set(irq_get_irq_data(irq)));
	free_irq(irq, &hits);
}

static void an_interrupt_s_line_cannot_be_made_output(void)
{
	let_go();
	expect_eq(request_irq(irq, count, IRQF_TRIGGER_RISING, "input", &hits), 0);
	expect_eq(gpiod_direction_output(line, 1), -EIO);
	free_irq(irq, &hits);
	expect_eq(gpiod_direction_output(line, 1), 0);
	gpiod_put(line);
	gpiod_remove_lookup_table(&table);
	platform_device_unregister(owner);
}

static const struct ktap_case cases[] = {
	KTAP_CASE(lines_are_found),
	KTAP_CASE(a_line_has_direction_and_value),
	KTAP_CASE(rising_edges_interrupt),
	KTAP_CASE(falling_edges_and_both_interrupt),
	KTAP_CASE(a_level_interrupts_until_it_is_gone),
	KTAP_CASE(an_active_level_interrupts_at_once_when_enabled),
	KTAP_CASE(a_low_level_interrupts),
	KTAP_CASE(interrupts_wait_while_they_are_off),
	KTAP_CASE(disabling_nests_and_an_edge_is_kept),
	KTAP_CASE(oneshot_keeps_the_line_masked_until_the_thread_is_done),
	KTAP_CASE(synchronize_and_free_wait_for_the_thread),
	KTAP_CASE(sharers_are_all_asked),
	KTAP_CASE(requests_that_make_no_sense_are_refused),
	KTAP_CASE(a_line_can_wake),
	KTAP_CASE(an_interrupt_s_line_cannot_be_made_output),
};
KTAP_MODULE(cases);
