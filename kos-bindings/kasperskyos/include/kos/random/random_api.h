/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* kos/random/random_api.h: random numbers of the process's own generator. */
#ifndef KOS_RANDOM_RANDOM_API_H
#define KOS_RANDOM_RANDOM_API_H
#include <rtl/retcode.h>

Retcode KosRandomGenerate(rtl_size_t size, void *output);

#endif
