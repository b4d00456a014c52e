/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* services/rtl/nk_msg.h: binds a message's two parts to what the system calls take. */
#ifndef SERVICES_RTL_NK_MSG_H
#define SERVICES_RTL_NK_MSG_H
#include <ipc/if_rend.h>
#include <nk/types.h>

/* To be sent: the used part of the arena. */
nk_err_t PackOutMsg(struct SSMsgHdr *header, nk_message *message, nk_arena *arena);
/* To be received: all of the arena. */
nk_err_t PackInMsg(struct SSMsgHdr *header, nk_message *message, nk_arena *arena);

#endif
