// SPDX-License-Identifier: MIT OR Apache-2.0
//! The functions' addresses. A linker takes from a library what somebody refers to; C code that is linked later refers
//! too late, so a program that has such code refers to [`all`].

use crate::{io, ipc, kernel, memory, thread};

/// Returns the address of each function.
#[must_use]
pub fn all() -> [*const (); 50] {
    [
        ipc::CallEx as *const (),
        ipc::Call as *const (),
        ipc::RecvEx as *const (),
        ipc::Recv as *const (),
        ipc::Reply as *const (),
        ipc::PackOutMsg as *const (),
        ipc::PackInMsg as *const (),
        ipc::ServiceLocatorConnect as *const (),
        ipc::ServiceLocatorRegister as *const (),
        ipc::ServiceLocatorGetRiid as *const (),
        kernel::KnHandleConnect as *const (),
        kernel::KnHandleClose as *const (),
        kernel::KnHandleCopy as *const (),
        kernel::KnHandleRevoke as *const (),
        kernel::KnHandleRevokeSubtree as *const (),
        kernel::KnHandleCreateBadge as *const (),
        kernel::KnHandleCreateUserObjectEx as *const (),
        kernel::KnHandleCreateUserObject as *const (),
        kernel::KnHandleGetSidByHandle as *const (),
        kernel::KnNoticeCreate as *const (),
        kernel::KnNoticeSubscribeToObject as *const (),
        kernel::KnNoticeUnsubscribeFromEvent as *const (),
        kernel::KnNoticeUnsubscribeFromObject as *const (),
        kernel::KnNoticeSetObjectEvent as *const (),
        kernel::KnNoticeDropAndWake as *const (),
        kernel::KnNoticeGetEvent as *const (),
        kernel::KnIpcCreateSyncObject as *const (),
        kernel::KnIpcSetInterrupt as *const (),
        kernel::KnIpcClearInterrupt as *const (),
        io::KnRegisterIrq as *const (),
        io::KnIoAttachIrq as *const (),
        io::KnIoDetachIrq as *const (),
        io::KnIoEnableIrq as *const (),
        io::KnIoDisableIrq as *const (),
        io::KnIoClose as *const (),
        io::KnPmmMdlCreate as *const (),
        io::KnPmmMdlGetSize as *const (),
        io::KnPmmMdlClone as *const (),
        io::KnPmmMdlMap as *const (),
        memory::KnVmAllocate as *const (),
        memory::KnVmCommit as *const (),
        memory::KnVmDecommit as *const (),
        memory::KnVmProtect as *const (),
        memory::KnVmUnmap as *const (),
        thread::KosThreadCreate as *const (),
        thread::KosThreadWait as *const (),
        thread::KosThreadSleep as *const (),
        thread::KnGetUpTime as *const (),
        thread::KnGetMSecSinceStart as *const (),
        thread::KosRandomGenerate as *const (),
    ]
}
