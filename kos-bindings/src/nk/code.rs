// SPDX-License-Identifier: MIT OR Apache-2.0
//! The two families of results: `nk_err_t` of the message layer and `Retcode` of the kernel.

use core::fmt;

/// What the message layer can say of a message; the names are those of KasperskyOS's `nk_err_t`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NkErr {
    /// `NK_EPERM`: the security module refused the message.
    Perm,
    /// `NK_EINVAL`: the sender's own arguments break a limit of the interface.
    Inval,
    /// `NK_ENOENT`: there is no such interface or method.
    NoEnt,
    /// `NK_EBADMSG`: the bytes are not a message of this interface and method.
    BadMsg,
    /// `NK_ENOMEM`: the message does not fit into the room that it was given.
    NoMem,
}

impl fmt::Display for NkErr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Perm => "refused by the security policy",
            Self::Inval => "an argument exceeds its declared size",
            Self::NoEnt => "no such interface or method",
            Self::BadMsg => "malformed message",
            Self::NoMem => "message larger than its buffer",
        })
    }
}

impl core::error::Error for NkErr {}

/// A kernel return code: zero is success, an error packs customer flag, space, facility and code.
///
/// The names are those that KasperskyOS's documentation and examples confirm. Of the numbers only
/// `TIMEOUT` (general space, code 20) has been seen; the other codes are this back end's own and
/// must not be stored.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct Retcode(pub i32);

impl Retcode {
    /// `rcOk`.
    pub const OK: Self = Self(0);
    /// `rcFail`: an error without a name of its own.
    pub const FAIL: Self = Self::general(1);
    /// `rcInvalidArgument`: the message is not one of its interface, or does not fit.
    pub const INVALID_ARGUMENT: Self = Self::general(2);
    /// `rcSecurityDisallow`: the security module refused the request or the response.
    pub const SECURITY_DISALLOW: Self = Self::general(3);
    /// `rcNotConnected`: nobody serves this handle, or its server died before it answered.
    pub const NOT_CONNECTED: Self = Self::general(4);
    /// `rcBusy`.
    pub const BUSY: Self = Self::general(5);
    /// `rcAlreadyExists`.
    pub const ALREADY_EXISTS: Self = Self::general(6);
    /// `rcHandleRevoked`: the handle's resource was taken back.
    pub const HANDLE_REVOKED: Self = Self::general(7);
    /// `rcIpcInterrupt`: a synchronisation object ended the wait.
    pub const IPC_INTERRUPT: Self = Self::general(8);
    /// `rcTimeout`.
    pub const TIMEOUT: Self = Self::general(20);

    const fn general(code: i32) -> Self {
        Self(i32::MIN | 0x1000_0000 | code)
    }

    /// Tells whether this is a success.
    #[must_use]
    pub const fn is_ok(self) -> bool {
        self.0 == 0
    }

    /// Turns success into `Ok`.
    ///
    /// # Errors
    ///
    /// The code itself, if it is not `rcOk`.
    pub const fn ok(self) -> Result<(), Self> {
        if self.is_ok() { Ok(()) } else { Err(self) }
    }

    /// Returns the code's name as in `rtl/retcode.h`, if it has one.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::OK => "rcOk",
            Self::FAIL => "rcFail",
            Self::INVALID_ARGUMENT => "rcInvalidArgument",
            Self::SECURITY_DISALLOW => "rcSecurityDisallow",
            Self::NOT_CONNECTED => "rcNotConnected",
            Self::BUSY => "rcBusy",
            Self::ALREADY_EXISTS => "rcAlreadyExists",
            Self::HANDLE_REVOKED => "rcHandleRevoked",
            Self::IPC_INTERRUPT => "rcIpcInterrupt",
            Self::TIMEOUT => "rcTimeout",
            _ => return None,
        })
    }
}

impl fmt::Display for Retcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "retcode {:#010x}", self.0),
        }
    }
}

impl fmt::Debug for Retcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl core::error::Error for Retcode {}

/// The error form of a method that declares no `error` parameter: there is none.
pub type Never = core::convert::Infallible;

/// Why a generated client method has no result. `E` is the method's error form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallError<E> {
    /// The kernel did not deliver the request or its response.
    Retcode(Retcode),
    /// The request could not be built, or the response is not one of this method.
    Nk(NkErr),
    /// The server answered with the method's error form.
    Error(E),
}

impl<E> CallError<E> {
    /// Returns what KasperskyOS's generated proxies say of it: a refusal of the policy is `NK_EPERM` there. `None`
    /// where what they say is not published, and for the error form, which is an answer to them.
    #[must_use]
    pub fn nk_err(&self) -> Option<NkErr> {
        match self {
            Self::Nk(err) => Some(*err),
            Self::Retcode(Retcode::SECURITY_DISALLOW) => Some(NkErr::Perm),
            Self::Retcode(_) | Self::Error(_) => None,
        }
    }
}

impl<E> From<Retcode> for CallError<E> {
    fn from(code: Retcode) -> Self {
        Self::Retcode(code)
    }
}

impl<E> From<NkErr> for CallError<E> {
    fn from(err: NkErr) -> Self {
        Self::Nk(err)
    }
}

impl<E: fmt::Debug> fmt::Display for CallError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Retcode(code) => code.fmt(f),
            Self::Nk(err) => err.fmt(f),
            Self::Error(err) => write!(f, "the server refused: {err:?}"),
        }
    }
}

impl<E: fmt::Debug> core::error::Error for CallError<E> {}

/// Why a server method wrote no result. `E` is the method's error form, which `dispatch` then
/// sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault<E> {
    /// The response could not be built; no response is sent and the caller's `Call` fails.
    Nk(NkErr),
    /// The error form to answer with.
    Error(E),
}

impl<E> From<NkErr> for Fault<E> {
    fn from(err: NkErr) -> Self {
        Self::Nk(err)
    }
}
