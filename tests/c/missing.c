// SPDX-License-Identifier: GPL-2.0-only
/* Calls what nobody provides: the domain must end and say the name. */
#include <linux/init.h>

extern void nobody_provides_this(int argument);

static int __init missing_init(void)
{
	nobody_provides_this(1);
	return 0;
}
late_initcall(missing_init);
