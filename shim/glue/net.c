// SPDX-License-Identifier: GPL-2.0-only
/*
 * What upstream's socket layer (net/socket.c, net/core, net/netlink) asks of
 * the parts of Linux that a domain does not have: network devices, packet
 * filters and processes (include/linux/netdevice.h, filter.h, pid.h, nsproxy.h).
 */
#include <linux/bug.h>
#include <linux/cred.h>
#include <linux/filter.h>
#include <linux/gfp.h>
#include <linux/highuid.h>
#include <linux/interrupt.h>
#include <linux/jump_label.h>
#include <linux/mm.h>
#include <linux/netdevice.h>
#include <linux/nsproxy.h>
#include <linux/pid.h>
#include <linux/rtnetlink.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/skbuff.h>
#include <linux/version.h>
#include <net/net_namespace.h>
#include <net/rtnetlink.h>
#include <net/sock.h>
#include "machine.h"

#ifdef CONFIG_NET

/* kernel/sys.c: what an identity is shown as that cannot be shown. */
int overflowuid = DEFAULT_OVERFLOWUID;
int overflowgid = DEFAULT_OVERFLOWGID;

/* mm/mm_init.c: sockets are cleared as their protocols ask for, not all memory. */
DEFINE_STATIC_KEY_FALSE(init_on_alloc);

/* One process, as seen from the socket layer: the domain. */
static struct pid domain_pid = { .count = REFCOUNT_INIT(1) };
static struct signal_struct domain_signal = {
	.pids[PIDTYPE_TGID] = &domain_pid,
};
static struct nsproxy domain_nsproxy = {
	.net_ns = &init_net,
};

/* Root, as init_cred of kernel/cred.c. It is never counted: all tasks are born with it, and it stays. */
static struct group_info no_groups;
static struct cred domain_cred = {
	.user_ns = &init_user_ns,
	.group_info = &no_groups,
};

void machine_join_net(struct task_struct *task)
{
	task->signal = &domain_signal;
	task->nsproxy = &domain_nsproxy;
	rcu_assign_pointer(task->real_cred, &domain_cred);
	rcu_assign_pointer(task->cred, &domain_cred);
}

pid_t __task_pid_nr_ns(struct task_struct *task, enum pid_type type,
		       struct pid_namespace *ns)
{
	return task->tgid;
}

/* There are no devices, so there is no family that configures them. */
void __init rtnetlink_init(void)
{
}

void rtnl_register(int protocol, int msgtype, rtnl_doit_func doit,
		   rtnl_dumpit_func dumpit, unsigned int flags)
{
}

/* No filter can be attached: the doors know no option of SOL_SOCKET. */
int sk_filter_trim_cap(struct sock *sk, struct sk_buff *skb, unsigned int cap)
{
	BUG_ON(rcu_access_pointer(sk->sk_filter));
	return 0;
}

/* Buffers that were given up where their owners' locks may be held: they go when no interrupt is served. */
static struct sk_buff_head given_up = {
	.next = (struct sk_buff *)&given_up,
	.prev = (struct sk_buff *)&given_up,
	.lock = __SPIN_LOCK_UNLOCKED(given_up.lock),
};

static void free_given_up(struct tasklet_struct *tasklet)
{
	skb_queue_purge(&given_up);
}

static DECLARE_TASKLET(free_later, free_given_up);

/* Whether a buffer cannot be freed at once; its reference is taken over then. */
static bool goes_later(struct sk_buff *skb)
{
	if (!skb || !(in_hardirq() || irqs_disabled()))
		return false;
	/* A buffer that somebody else holds must not be put on a list. */
	if (skb_unref(skb)) {
		refcount_set(&skb->users, 1);
		skb_queue_tail(&given_up, skb);
		tasklet_schedule(&free_later);
	}
	return true;
}

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 4, 0)
void dev_kfree_skb_any_reason(struct sk_buff *skb, enum skb_drop_reason reason)
{
	if (!goes_later(skb))
		kfree_skb_reason(skb, reason);
}
#else
void __dev_kfree_skb_any(struct sk_buff *skb, enum skb_free_reason reason)
{
	if (goes_later(skb))
		return;
	if (reason == SKB_REASON_CONSUMED)
		consume_skb(skb);
	else
		kfree_skb(skb);
}
#endif

/* Nothing is kept back for a swap device that is reached over a network. */
bool gfp_pfmemalloc_allowed(gfp_t flags)
{
	return false;
}

#else

void machine_join_net(struct task_struct *task)
{
}

#endif

/* No process has a number in a namespace of its own. */
pid_t pid_vnr(struct pid *pid)
{
	return 0;
}

/* The one that there is stays. */
void put_pid(struct pid *pid)
{
	if (pid)
		WARN_ON(refcount_dec_and_test(&pid->count));
}
