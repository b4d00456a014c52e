/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * rtl/retcode.h: return codes. An error packs customer flag, space, facility and code.
 * The names are public. Of the numbers only rcTimeout's is (general space, code 20); the others are the hosted back
 * end's own, so nothing may store them.
 */
#ifndef RTL_RETCODE_H
#define RTL_RETCODE_H
#include <rtl/stdint.h>

typedef rtl_int32_t Retcode;

#define RC_GENERAL(code) ((Retcode)(0x90000000u | (code)))
#define RC_GET_CODE(rc) ((rc) & 0xffff)

#define rcOk ((Retcode)0)
#define rcFail RC_GENERAL(1)
#define rcInvalidArgument RC_GENERAL(2)
#define rcSecurityDisallow RC_GENERAL(3)
#define rcNotConnected RC_GENERAL(4)
#define rcBusy RC_GENERAL(5)
#define rcAlreadyExists RC_GENERAL(6)
#define rcHandleRevoked RC_GENERAL(7)
/* What a synchronisation object's interruption is called is not public. */
#define rcIpcInterrupt RC_GENERAL(8)
#define rcTimeout RC_GENERAL(20)

#endif
