// SPDX-License-Identifier: GPL-2.0-only
//! The folder's other texts.

use super::Interrupt;
use super::board::channels;
use crate::build::Report;
use crate::policy::{Needs, class_of_channel};
use crate::solution::Domain;
use kos_bindings::idl::INTERFACES;
use std::fmt::Write;

pub(super) fn main() -> String {
    "\
// SPDX-License-Identifier: GPL-2.0-only
/* The process's main thread becomes the driver's. */
#include \"lc_kos.h\"

extern const struct lc_board lc_board;

int main(void)
{
	lc_domain_start(&lc_board);
}
"
    .to_owned()
}

/// What the driver asks the kernel itself: the functions of `lc_kos.c`, and no others.
pub(super) fn kernel_psl(class: &str, irqs: &[Interrupt]) -> String {
    let mut out = format!(
        "
use EDL kl.core.Core

// Memory, and interruption of its own waiting. UNCONFIRMED: what the SDK's libraries ask beside this when a
// process starts differs between editions; the audit log of a first run shows it.
request src={class} dst=kl.core.Core {{
    match endpoint=vmm.VMM {{
        match method=Allocate {{ grant () }}
        match method=Commit {{ grant () }}
        match method=Decommit {{ grant () }}
        match method=Free {{ grant () }}
    }}
    match endpoint=ipc.IPC {{
        match method=CreateSyncObject {{ grant () }}
        match method=SetInterrupt {{ grant () }}
        match method=ClearInterrupt {{ grant () }}
    }}
"
    );
    if !irqs.is_empty() {
        let numbers: Vec<String> = irqs.iter().map(|irq| format!("message.irq == {}", irq.irq)).collect();
        // Writing to a string cannot fail.
        let _ = write!(
            out,
            "    // Its interrupts, and no others.
    match endpoint=io.IO {{
        match method=RegisterIrq {{ assert ({}) }}
        match method=AttachIrq {{ grant () }}
        match method=EnableIrq {{ grant () }}
        match method=DisableIrq {{ grant () }}
    }}
    match endpoint=thread.Thread {{
        match method=Create {{ grant () }}
    }}
",
            numbers.join(" || ")
        );
    }
    out += &format!("}}\nresponse src=kl.core.Core dst={class} {{ grant () }}\n");
    out
}

/// Compares what this library was built with, with what the SDK's compiler makes of the same IDL.
pub(super) fn checks(needs: &Needs) -> String {
    let mut out = "\
// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fails to compile if nk-gen-c of this SDK numbers methods or lays out requests in another way than the library was
 * built for. Made by linux-compat.
 */
"
    .to_owned();
    let used = |name: &str| {
        let short = name.rsplit('.').next().unwrap_or(name);
        match short {
            "I2c" | "Spi" | "Gpio" => needs
                .channels
                .iter()
                .any(|channel| format!("{:?}", channel.kind) == short),
            "Firmware" => !needs.firmware.is_empty(),
            "Log" | "Sysfs" | "Chardev" | "Socket" | "Control" => true,
            _ => false,
        }
    };
    let used: Vec<_> = INTERFACES
        .iter()
        .filter(|interface| interface.name.starts_with("linuxcompat.") && used(interface.name))
        .collect();
    // Writing to a string cannot fail, here and below.
    for interface in &used {
        let _ = writeln!(out, "#include <{}.idl.h>", interface.name.replace('.', "/"));
    }
    for interface in &used {
        let prefix = interface.name.replace('.', "_");
        out.push('\n');
        for method in interface.methods {
            let (name, size) = (method.name, method.request.constant);
            let _ = write!(
                out,
                "_Static_assert({prefix}_{name}_mid == {}, \"{}.{name}: number\");\n\
                 _Static_assert(sizeof({prefix}_{name}_req) == {size}, \"{}.{name}: size of the request\");\n",
                method.mid, interface.name, interface.name
            );
        }
    }
    out
}

pub(super) fn cmake(domain: &Domain<'_>, name: &str) -> String {
    let class = domain.class;
    let program = class.rsplit('.').next().unwrap_or(class);
    let mut idl = String::new();
    let mut edl = String::new();
    for path in crate::solution::files(&[*domain]).keys() {
        let target = path.replace(['/', '.'], "_");
        let module = path.split('/').next().unwrap_or("linuxcompat");
        let file = format!("resources/{path}");
        // Writing to a string cannot fail.
        let _ = match path.rsplit('.').next() {
            Some("idl") => writeln!(
                idl,
                "nk_build_idl_files ({target} NK_MODULE \"{module}\" IDL \"{file}\")"
            ),
            Some("cdl") => writeln!(
                edl,
                "nk_build_cdl_files ({target} NK_MODULE \"{module}\" CDL \"{file}\")"
            ),
            _ => writeln!(
                edl,
                "nk_build_edl_files ({target} NK_MODULE \"{module}\" EDL \"{file}\")"
            ),
        };
    }
    let needed = class.replace('.', "_") + "_edl";
    format!(
        "\
# SPDX-License-Identifier: GPL-2.0-only
# {driver} as a program of a KasperskyOS solution: add_subdirectory this folder from the project, list {program} among
# the IMAGE_FILES, merge init.yaml and security.psl into the project's.
# Made by linux-compat; not run on KasperskyOS yet.
include (platform/nk)

{idl}{edl}
add_library ({name}_domain STATIC IMPORTED GLOBAL)
set_target_properties ({name}_domain PROPERTIES
    IMPORTED_LOCATION \"${{CMAKE_CURRENT_SOURCE_DIR}}/lib/lib{name}.a\")

add_executable ({program} src/main.c src/board.c src/lc_kos.c src/checks.c)
add_dependencies ({program} {needed})
target_link_libraries ({program} {name}_domain)
",
        driver = domain.needs.driver,
    )
}

pub(super) fn readme(domain: &Domain<'_>, name: &str, report: &Report) -> String {
    let class = domain.class;
    let lines: u64 = report.sources.iter().map(|source| u64::from(source.lines)).sum();
    let mut servers = String::new();
    for (channel, endpoint, riid) in channels(domain) {
        let interface = kos_bindings::idl::interface(riid).map_or("?", |interface| interface.name);
        // Writing to a string cannot fail.
        let _ = writeln!(
            servers,
            "| `{channel}` | `{}` | `{endpoint}` | `{interface}` |",
            class_of_channel(&channel)
        );
    }
    let mut missing = String::new();
    for symbol in &report.missing {
        let _ = write!(missing, " `{}`", symbol.name);
    }
    if missing.is_empty() {
        missing.push_str(" none");
    }
    format!(
        "\
<!-- SPDX-License-Identifier: GPL-2.0-only -->
# {driver} for KasperskyOS

The Linux driver `{driver}`, unmodified, as a process of the class `{class}`: Linux {kernel}, {files} files,
{lines} lines, with the machine that it runs on in `lib/lib{name}.a`.

**This has not run on KasperskyOS itself.** The library's code, `src/lc_kos.c` and the table in `src/board.c` run in
linux-compat's tests against another implementation of the same C functions, declared from the public documents
(editions 1.1 to 1.4). What those documents leave open is marked UNCONFIRMED in `src/lc_kos.c` and below.

| file | what |
|---|---|
| `lib/lib{name}.a` | driver, upstream code that it needs, and machine: one object, one entry point, `lc_domain_start` |
| `src/board.c` | device tree, channels, interrupts: to be looked through |
| `src/lc_kos.c` | the SDK's functions and macros as the library wants them |
| `src/checks.c` | stops the build where the SDK's compiler lays messages out differently |
| `resources/` | IDL, CDL and EDL of the driver, of its servers and of a client |
| `init.yaml`, `security.psl` | to be merged into the project's |
| `CMakeLists.txt` | to be included with `add_subdirectory` |

## What the project must have

A server for each channel that the driver calls:

| channel | class | endpoint | interface |
|---|---|---|---|
{servers}
An I2C or GPIO server of that interface is a thin one over the SDK's own drivers: `linuxcompat.I2c`'s messages are
those of `I2cXfer`. Interrupts: `linux-compat build --irq LINE=NUMBER` puts them into `src/board.c` and
`security.psl`.

## What is not known

* UNCONFIRMED: the numbers of the class's endpoints (`LC_RIID_…` in `src/board.c`), the order of RecvEx's arguments,
  what the received sizes are read from, the form's bit in a header, which requests to the kernel the SDK's libraries
  make when a process starts (`security.psl`).
* A client that dies leaves open what it had open: nothing public tells a server so on a static channel.
* A fault ends the process without a call trace.
* Symbols of Linux that nobody provides; calling one ends the process and names it:{missing}

## Licence

The library is a work derived from Linux: GPL-2.0-only.
",
        driver = domain.needs.driver,
        kernel = report.kernel,
        files = report.sources.len(),
    )
}
