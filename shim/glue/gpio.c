// SPDX-License-Identifier: GPL-2.0-only
/*
 * GPIO lines, and interrupts through them: one controller for each node
 * "linux-compat,gpio" of the board (include/linux/gpio/driver.h). Levels and
 * edges come from the port; masks are kept here; flow is upstream's.
 */
#include <linux/gpio/driver.h>
#include <linux/init.h>
#include <linux/interrupt.h>
#include <linux/irq.h>
#include <linux/irqdomain.h>
#include <linux/of.h>
#include <linux/platform_device.h>
#include <linux/seq_file.h>

#define MAX_LINES 64

extern int machine_channel(const char *name, u32 *handle);
extern int machine_gpio_lines(u32 handle, u32 *count, u64 *outputs);
extern int machine_gpio_get(u32 handle, u32 line);
extern int machine_gpio_set(u32 handle, u32 line, u32 value);
extern int machine_gpio_set_direction(u32 handle, u32 line, u32 is_input,
				      u32 value);
/* shim/src/irq: whom to tell of changed lines, and asking to be told again */
extern void machine_on_lines(void (*handler)(void *arg, u64 level, u64 rise,
					     u64 fall), void *arg);
extern void machine_retake(u64 lines);
extern u64 machine_line_levels(void);

struct controller {
	struct gpio_chip chip;
	u32 handle;
	u64 masked;
	u64 latched; /* edges that came while their line was masked */
	u64 on_rise, on_fall, on_high, on_low;
	u64 outputs; /* told once; from then on only this side changes them */
};

static int get(struct gpio_chip *chip, unsigned int line)
{
	struct controller *c = gpiochip_get_data(chip);

	return machine_gpio_get(c->handle, line);
}

static void set(struct gpio_chip *chip, unsigned int line, int value)
{
	struct controller *c = gpiochip_get_data(chip);
	int ret = machine_gpio_set(c->handle, line, !!value);

	if (ret)
		dev_err(chip->parent, "line %u cannot be set: %d\n", line, ret);
}

static int get_direction(struct gpio_chip *chip, unsigned int line)
{
	struct controller *c = gpiochip_get_data(chip);

	return c->outputs & BIT_ULL(line) ? GPIO_LINE_DIRECTION_OUT :
					    GPIO_LINE_DIRECTION_IN;
}

static int direction_input(struct gpio_chip *chip, unsigned int line)
{
	struct controller *c = gpiochip_get_data(chip);
	int ret = machine_gpio_set_direction(c->handle, line, 1, 0);

	if (!ret)
		c->outputs &= ~BIT_ULL(line);
	return ret;
}

static int direction_output(struct gpio_chip *chip, unsigned int line,
			    int value)
{
	struct controller *c = gpiochip_get_data(chip);
	int ret = machine_gpio_set_direction(c->handle, line, 0, !!value);

	if (!ret)
		c->outputs |= BIT_ULL(line);
	return ret;
}

/* A level that is active, or an edge that came, must interrupt when its mask goes. */
static void look_again(struct controller *c, u64 lines)
{
	u64 level = machine_line_levels();
	u64 active = (level & c->on_high) | (~level & c->on_low);

	active |= c->latched;
	if (active & lines & ~c->masked)
		machine_retake(active & lines);
}

static void irq_mask(struct irq_data *d)
{
	struct gpio_chip *chip = irq_data_get_irq_chip_data(d);
	struct controller *c = gpiochip_get_data(chip);

	c->masked |= BIT_ULL(irqd_to_hwirq(d));
	gpiochip_disable_irq(chip, irqd_to_hwirq(d));
}

static void irq_unmask(struct irq_data *d)
{
	struct gpio_chip *chip = irq_data_get_irq_chip_data(d);
	struct controller *c = gpiochip_get_data(chip);

	gpiochip_enable_irq(chip, irqd_to_hwirq(d));
	c->masked &= ~BIT_ULL(irqd_to_hwirq(d));
	look_again(c, BIT_ULL(irqd_to_hwirq(d)));
}

/* What happened on the line before anybody asked for its interrupts is forgotten. */
static unsigned int irq_startup(struct irq_data *d)
{
	struct gpio_chip *chip = irq_data_get_irq_chip_data(d);
	struct controller *c = gpiochip_get_data(chip);

	c->latched &= ~BIT_ULL(irqd_to_hwirq(d));
	irq_unmask(d);
	return 0;
}

static void irq_ack(struct irq_data *d)
{
	/* The edge was taken out of the port before its handler ran. */
}

static int irq_set_type(struct irq_data *d, unsigned int type)
{
	struct gpio_chip *chip = irq_data_get_irq_chip_data(d);
	struct controller *c = gpiochip_get_data(chip);
	u64 bit = BIT_ULL(irqd_to_hwirq(d));

	c->on_rise &= ~bit;
	c->on_fall &= ~bit;
	c->on_high &= ~bit;
	c->on_low &= ~bit;
	if (type & IRQ_TYPE_EDGE_RISING)
		c->on_rise |= bit;
	if (type & IRQ_TYPE_EDGE_FALLING)
		c->on_fall |= bit;
	if (type & IRQ_TYPE_LEVEL_HIGH)
		c->on_high |= bit;
	if (type & IRQ_TYPE_LEVEL_LOW)
		c->on_low |= bit;
	if (type & IRQ_TYPE_EDGE_BOTH)
		irq_set_handler_locked(d, handle_edge_irq);
	else if (type & IRQ_TYPE_LEVEL_MASK)
		irq_set_handler_locked(d, handle_level_irq);
	else
		return -EINVAL;
	return 0;
}

static int irq_set_wake(struct irq_data *d, unsigned int on)
{
	/* Every line can wake a domain: it waits for all of them at idle. */
	return 0;
}

static const struct irq_chip line_irqs = {
	.name = "linux-compat-gpio",
	.irq_startup = irq_startup,
	.irq_ack = irq_ack,
	.irq_mask = irq_mask,
	.irq_unmask = irq_unmask,
	.irq_set_type = irq_set_type,
	.irq_set_wake = irq_set_wake,
	.flags = IRQCHIP_IMMUTABLE,
	GPIOCHIP_IRQ_RESOURCE_HELPERS,
};

static void lines_changed(void *arg, u64 level, u64 rise, u64 fall)
{
	struct controller *c = arg;
	u64 fire;

	c->latched |= (rise & c->on_rise) | (fall & c->on_fall);
	fire = c->latched | (level & c->on_high) | (~level & c->on_low);
	fire &= ~c->masked;
	c->latched &= ~fire;
	while (fire) {
		unsigned int line = __ffs64(fire);

		fire &= fire - 1;
		generic_handle_domain_irq(c->chip.irq.domain, line);
	}
}

static int gpio_probe(struct platform_device *pdev)
{
	struct device *dev = &pdev->dev;
	struct gpio_irq_chip *girq;
	struct controller *c;
	const char *channel;
	u32 count;
	int ret;

	/* A board has one line server, so its node need not name the channel. */
	if (of_property_read_string(dev->of_node, "linux-compat,channel",
				    &channel))
		channel = "gpio";
	c = devm_kzalloc(dev, sizeof(*c), GFP_KERNEL);
	if (!c)
		return -ENOMEM;
	ret = machine_channel(channel, &c->handle);
	if (!ret)
		ret = machine_gpio_lines(c->handle, &count, &c->outputs);
	if (ret)
		return dev_err_probe(dev, ret, "no line server at %s\n", channel);
	if (count > MAX_LINES)
		return dev_err_probe(dev, -EINVAL, "%u lines, at most %u\n",
				     count, MAX_LINES);

	c->masked = ~0ULL;
	c->chip.label = dev_name(dev);
	c->chip.parent = dev;
	c->chip.owner = THIS_MODULE;
	c->chip.base = -1;
	c->chip.ngpio = count;
	c->chip.can_sleep = false;
	c->chip.get = get;
	c->chip.set = set;
	c->chip.get_direction = get_direction;
	c->chip.direction_input = direction_input;
	c->chip.direction_output = direction_output;
	girq = &c->chip.irq;
	gpio_irq_chip_set_chip(girq, &line_irqs);
	girq->default_type = IRQ_TYPE_NONE;
	girq->handler = handle_bad_irq;
	ret = devm_gpiochip_add_data(dev, &c->chip, c);
	if (!ret)
		machine_on_lines(lines_changed, c);
	return ret;
}

static const struct of_device_id gpio_match[] = {
	{ .compatible = "linux-compat,gpio" },
	{ }
};

static struct platform_driver gpio_lines = {
	.probe = gpio_probe,
	.driver = {
		.name = "linux-compat-gpio",
		.of_match_table = gpio_match,
	},
};

/* Before the buses, whose chips ask for their interrupts when they probe. */
static int __init gpio_lines_init(void)
{
	return platform_driver_register(&gpio_lines);
}
postcore_initcall(gpio_lines_init);
