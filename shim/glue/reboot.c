// SPDX-License-Identifier: GPL-2.0-only
/*
 * A domain's power is its process (include/linux/reboot.h,
 * include/linux/suspend.h): it never sleeps or restarts, so nobody calls those
 * who want to hear of it. Where Linux would switch the machine off to save it,
 * the domain ends and says why.
 */
#include <linux/kernel.h>
#include <linux/notifier.h>
#include <linux/pm.h>
#include <linux/reboot.h>
#include <linux/suspend.h>
#include <linux/version.h>

suspend_state_t pm_suspend_target_state = PM_SUSPEND_ON;
/* Drivers of power chips leave their function here, as on other machines. */
void (*pm_power_off)(void);

static BLOCKING_NOTIFIER_HEAD(on_reboot);
static BLOCKING_NOTIFIER_HEAD(on_suspend);
static ATOMIC_NOTIFIER_HEAD(on_restart);

int register_reboot_notifier(struct notifier_block *nb)
{
	return blocking_notifier_chain_register(&on_reboot, nb);
}

int unregister_reboot_notifier(struct notifier_block *nb)
{
	return blocking_notifier_chain_unregister(&on_reboot, nb);
}

int register_pm_notifier(struct notifier_block *nb)
{
	return blocking_notifier_chain_register(&on_suspend, nb);
}

int unregister_pm_notifier(struct notifier_block *nb)
{
	return blocking_notifier_chain_unregister(&on_suspend, nb);
}

int register_restart_handler(struct notifier_block *nb)
{
	return atomic_notifier_chain_register(&on_restart, nb);
}

int unregister_restart_handler(struct notifier_block *nb)
{
	return atomic_notifier_chain_unregister(&on_restart, nb);
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
