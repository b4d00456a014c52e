// SPDX-License-Identifier: GPL-2.0-only
//! A policy for tests of what a domain itself answers.

use linux_compat::policy::PolicyChoice;

/// Lets every message of a driver pass, whose class is `class`. The policy made for it would not: it has only the doors
/// that the driver's users need.
pub(crate) fn open_policy(class: &str) -> PolicyChoice {
    let mut text =
        "use nk.base._\nexecute { grant () }\nrequest { grant () }\nresponse { grant () }\nerror { grant () }\n"
            .to_owned();
    for class in [
        "linuxcompat.Supervisor",
        "linuxcompat.Client",
        class,
        "server.I2c0",
        "server.Spi0",
        "server.Gpio",
        "server.Log",
        "server.Firmware",
        "server.Clock",
    ] {
        text += &format!("use EDL {class}\n");
    }
    PolicyChoice::Text(text)
}
