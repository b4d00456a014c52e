/* SPDX-License-Identifier: GPL-2.0-only */
#include <linux/anon_inodes.h>
#include <linux/eventpoll.h>
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/notifier.h>
#include <linux/random.h>
#include <linux/socket.h>
#include <linux/uaccess.h>
#include <crypto/chacha.h>
#include "door.h"
