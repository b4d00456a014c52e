// SPDX-License-Identifier: GPL-2.0-only
//! `chip`: our chip models as virtio I²C and GPIO devices, for any virtual machine that speaks vhost-user.

use super::args::ChipArgs;
use super::{Outcome, catch_signals};
use ::board::chip::CHIPS;
use ::board::vhost::{Device, GpioDevice, I2cDevice, serve};
use ::board::{BoardOptions, Clock, SharedBoard, SimBoard, dts};
use anyhow::{Context, Result, anyhow, bail};
use linux_compat::Board;
use std::fmt::Write;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

const CHANNEL: &str = "i2c0";
/// How often the end is looked for.
const TICK: Duration = Duration::from_millis(40);

/// A model and where it sits on the bus.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Placed {
    compatible: &'static str,
    address: u32,
}

/// Reads `MODEL` or `MODEL@ADDRESS`; the address is hexadecimal, as in a device tree.
fn placed(text: &str) -> Result<Placed> {
    let (model, address) = match text.split_once('@') {
        Some((model, address)) => (model, Some(address)),
        None => (text, None),
    };
    let is_it = |name: &str| name == model || name.rsplit(',').next() == Some(model);
    let known = || CHIPS.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    let Some((compatible, _)) = CHIPS.iter().find(|(name, _)| is_it(name)) else {
        bail!("no model {model:?}; there are {}", known());
    };
    let address = match address {
        Some(text) => u32::from_str_radix(text.trim_start_matches("0x"), 16)
            .ok()
            .filter(|address| (0x08..0x78).contains(address))
            .ok_or_else(|| anyhow!("{text:?} is no address on an I2C bus, expected 08 to 77"))?,
        None => {
            let part = Board::of_driver(model)
                .ok()
                .and_then(|board| board.parts().into_iter().next());
            part.ok_or_else(|| anyhow!("{model}: at which address? Write {model}@ADDRESS"))?
                .reg
        }
    };
    Ok(Placed { compatible, address })
}

/// The board: one bus with all chips, the first interrupt pin of the n-th on line n.
fn source(chips: &[Placed]) -> String {
    let mut nodes = String::new();
    for (line, Placed { compatible, address }) in chips.iter().enumerate() {
        // Writing to a string cannot fail.
        let _ = writeln!(
            nodes,
            "chip@{address:x} {{ compatible = \"{compatible}\"; reg = <{address:#x}>; \
             interrupt-parent = <&gpio>; interrupts = <{line} 4>; }};"
        );
    }
    format!(
        "/dts-v1/;\n/ {{ compatible = \"linux-compat,board\"; #address-cells = <1>; #size-cells = <0>;\n\
         gpio: gpio {{ compatible = \"linux-compat,gpio\"; gpio-controller; #gpio-cells = <2>;\n\
         interrupt-controller; #interrupt-cells = <2>; ngpios = <{}>; }};\n\
         i2c@0 {{ compatible = \"linux-compat,i2c\"; reg = <0>; linux-compat,channel = \"{CHANNEL}\";\n\
         #address-cells = <1>; #size-cells = <0>;\n{nodes}}};\n}};\n",
        chips.len()
    )
}

/// A socket that goes away with its value.
struct Socket {
    path: PathBuf,
    listener: UnixListener,
}

impl Socket {
    fn bind(path: &Path) -> Result<Self> {
        // What somebody left who was killed; nobody listens there.
        if path.exists() && UnixStream::connect(path).is_err() {
            std::fs::remove_file(path).with_context(|| path.display().to_string())?;
        }
        let listener = UnixListener::bind(path).with_context(|| path.display().to_string())?;
        Ok(Self {
            path: path.to_owned(),
            listener,
        })
    }

    /// Serves one front end after the other.
    fn serve(&self, device: &mut dyn Device) {
        for stream in self.listener.incoming() {
            let served = stream.and_then(|stream| serve(stream, device));
            if let Err(error) = served {
                eprintln!("linux-compat: {}: {error}", self.path.display());
            }
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // Somebody may have removed it.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Serves chips until a signal ends it.
///
/// # Errors
///
/// There is no such model, or a socket cannot be made.
pub(crate) fn command(args: &ChipArgs) -> Result<Outcome> {
    let chips = args
        .models
        .iter()
        .map(|text| placed(text))
        .collect::<Result<Vec<_>>>()?;
    let begun = Instant::now();
    let clock = move || u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
    let options = BoardOptions {
        clock: Clock::Real(Box::new(clock)),
        stimulus: args.stimulus()?,
        ..BoardOptions::default()
    };
    let mut sim = SimBoard::new(&dts::compile_text(&source(&chips))?, options)?;
    for fault in args.fault.iter().flat_map(|faults| &faults.0) {
        sim.inject(fault)?;
    }
    let board = SharedBoard::new(sim);
    let bus = I2cDevice::new(&board, CHANNEL).context("the board has no bus")?;
    let mut devices: Vec<(&Path, Box<dyn Device>)> = vec![(&args.vhost_user, Box::new(bus))];
    if let Some(path) = &args.vhost_user_gpio {
        devices.push((path, Box::new(GpioDevice::new(&board)?)));
    }
    let stop = Arc::new(AtomicBool::new(false));
    catch_signals(&stop)?;
    let _events = board.run_events()?;
    let mut sockets = Vec::new();
    for (path, mut device) in devices {
        let socket = Arc::new(Socket::bind(path)?);
        let serving = Arc::clone(&socket);
        std::thread::Builder::new()
            .name("vhost-user".to_owned())
            .spawn(move || serving.serve(&mut *device))?;
        println!("listening on {}", path.display());
        sockets.push(socket);
    }
    while !stop.load(Relaxed) {
        std::thread::sleep(TICK);
    }
    // The threads that serve hold the sockets too, and end with the process.
    for socket in sockets {
        let _ = std::fs::remove_file(&socket.path);
    }
    Ok(Outcome::Success)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_sit_where_their_boards_have_them_or_where_the_user_wants() {
        let at = |text| {
            placed(text)
                .map(|placed| placed.address)
                .map_err(|error| error.to_string())
        };
        assert_eq!(at("adxl345"), Ok(0x53));
        assert_eq!(at("adi,adxl345@1d"), Ok(0x1d));
        assert_eq!(at("bmg160"), Ok(0x69));
        assert!(at("adxl345@99").is_err_and(|text| text.contains("08 to 77")));
        assert!(at("lm99").is_err_and(|text| text.contains("adi,adxl345")));
    }

    #[test]
    fn several_models_make_one_bus() {
        let chips = [placed("adxl345").expect("a model"), placed("bmg160").expect("a model")];
        let dtb = dts::compile_text(&source(&chips)).expect("a board");
        let sim = SimBoard::new(&dtb, BoardOptions::default()).expect("a board");
        assert_eq!((sim.warnings(), sim.line_count()), ([].as_slice(), 2));
    }
}
