/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* handle/handletype.h: what names a kernel resource, in one process only. */
#ifndef HANDLE_HANDLETYPE_H
#define HANDLE_HANDLETYPE_H
#include <rtl/stdint.h>

typedef rtl_uint32_t Handle;
/* Here as on the hosted back end; the SDK's number is not public. */
#define INVALID_HANDLE ((Handle)UINT32_MAX)

#endif
