// SPDX-License-Identifier: GPL-2.0-only
/* Read-copy-update on one processor: include/linux/rcupdate.h. */
#include <linux/delay.h>
#include <linux/rcupdate.h>
#include <linux/srcu.h>
#include "ktap.h"

static bool has_called_back;
static struct rcu_head head;

static void on_grace_period(struct rcu_head *unused)
{
	has_called_back = true;
}

static void rcu_waits_for_readers(void)
{
	has_called_back = false;
	rcu_read_lock();
	call_rcu(&head, on_grace_period);
	udelay(100);
	expect(!has_called_back);
	rcu_read_unlock();
	synchronize_rcu();
	rcu_barrier();
	expect(has_called_back);
}

DEFINE_STATIC_SRCU(domain);

static void srcu_calls_back_when_readers_are_gone(void)
{
	int index = srcu_read_lock(&domain);

	has_called_back = false;
	call_srcu(&domain, &head, on_grace_period);
	msleep(10);
	expect(!has_called_back);
	srcu_read_unlock(&domain, index);
	srcu_barrier(&domain);
	expect(has_called_back);
}

static const struct ktap_case cases[] = {
	KTAP_CASE(rcu_waits_for_readers),
	KTAP_CASE(srcu_calls_back_when_readers_are_gone),
};
KTAP_MODULE(cases);
