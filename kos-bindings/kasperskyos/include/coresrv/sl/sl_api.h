/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* coresrv/sl/sl_api.h: static channels, which init.yaml names. */
#ifndef CORESRV_SL_SL_API_H
#define CORESRV_SL_SL_API_H
#include <handle/handletype.h>
#include <nk/types.h>

typedef rtl_uint16_t ServiceId;

Handle ServiceLocatorConnect(const char *channelName);
/* The arguments after the first are obsolete. */
Handle ServiceLocatorRegister(const char *channelName, const char *obsolete, rtl_size_t zero, ServiceId *id);
nk_iid_t ServiceLocatorGetRiid(Handle channel, const char *endpoint);

#endif
