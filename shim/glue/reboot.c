// SPDX-License-Identifier: GPL-2.0-only
/*
 * A domain's power is its process (include/linux/reboot.h): it never restarts,
 * so nobody calls those who want to hear of it. Where Linux would switch the
 * machine off to save it, the domain ends and says why.
 */
#include <linux/device.h>
#include <linux/kernel.h>
#include <linux/notifier.h>
#include <linux/pm.h>
#include <linux/reboot.h>
#include <linux/version.h>

/* Drivers of power chips leave their function here, as on other machines. */
void (*pm_power_off)(void);

static BLOCKING_NOTIFIER_HEAD(on_reboot);
static ATOMIC_NOTIFIER_HEAD(on_restart);

int register_reboot_notifier(struct notifier_block *nb)
{
	return blocking_notifier_chain_register(&on_reboot, nb);
}

int unregister_reboot_notifier(struct notifier_block *nb)
{
	return blocking_notifier_chain_unregister(&on_reboot, nb);
}

int register_restart_handler(struct notifier_block *nb)
{
	return atomic_notifier_chain_register(&on_restart, nb);
}

int unregister_restart_handler(struct notifier_block *nb)
{
	return atomic_notifier_chain_unregister(&on_restart, nb);
}

/* A device's part in switching the machine off; it ends with its driver. */
struct off_handler {
	struct notifier_block nb;
	struct sys_off_data data;
	int (*call)(struct sys_off_data *data);
};

static BLOCKING_NOTIFIER_HEAD(on_off);

static int switch_off(struct notifier_block *nb, unsigned long mode, void *cmd)
{
	struct off_handler *handler = container_of(nb, struct off_handler, nb);

	handler->data.mode = mode;
	handler->data.cmd = cmd;
	return handler->call(&handler->data);
}

static void forget_off_handler(void *nb)
{
	blocking_notifier_chain_unregister(&on_off, nb);
}

int devm_register_sys_off_handler(struct device *dev, enum sys_off_mode mode,
				  int priority,
				  int (*call)(struct sys_off_data *data),
				  void *cb_data)
{
	struct off_handler *handler;
	int ret;

	handler = devm_kzalloc(dev, sizeof(*handler), GFP_KERNEL);
	if (!handler)
		return -ENOMEM;
	handler->nb.notifier_call = switch_off;
	handler->nb.priority = priority;
	handler->data.cb_data = cb_data;
	handler->call = call;
	ret = blocking_notifier_chain_register(&on_off, &handler->nb);
	return ret ?: devm_add_action_or_reset(dev, forget_off_handler,
					       &handler->nb);
}

int devm_register_power_off_handler(struct device *dev,
				    int (*call)(struct sys_off_data *data),
				    void *cb_data)
{
	return devm_register_sys_off_handler(dev, SYS_OFF_MODE_POWER_OFF,
					     SYS_OFF_PRIO_DEFAULT, call, cb_data);
}

int devm_register_restart_handler(struct device *dev,
				  int (*call)(struct sys_off_data *data),
				  void *cb_data)
{
	return devm_register_sys_off_handler(dev, SYS_OFF_MODE_RESTART,
					     SYS_OFF_PRIO_DEFAULT, call, cb_data);
}

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 9, 0)
void __hw_protection_shutdown(const char *reason, int ms_until_forced,
			      bool shutdown)
#else
void hw_protection_shutdown(const char *reason, int ms_until_forced)
#endif
{
	panic("hardware protection: %s", reason);
}
