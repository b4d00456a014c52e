// SPDX-License-Identifier: GPL-2.0-only
//! A reader of tags: the PN7150 with its driver, in a domain of its own, under virtual time.
//!
//! Virtual time is that of the buses: what code takes is not in it. So how long a tag is unknown to the client is
//! virtual time; what an exchange takes beyond the bus is real time, over the bus's time at 400 kHz.

use anyhow::{Context, Result, ensure};
use board::Stimulus;
use board::transcript::Transfer;
use linux_compat::nfc::{Nfc, Protocols, Target};
use linux_compat::system::{ClockKind, Domain, DriverSpec, System, SystemOptions};
use std::time::{Duration, Instant};

const DRIVER: &str = "nxp-nci";
const LIMIT: Duration = Duration::from_secs(5);
/// Comings of a tag, and exchanges, to take the middle one of.
const ROUNDS: u32 = 101;
/// One bit at 400 kHz.
const BIT_NS: f64 = 2_500.0;
/// SELECT of a payment card's directory, which answers 49 bytes and its status.
const SELECT: &[u8] = b"\x00\xa4\x04\x00\x0e2PAY.SYS.DDF01\x00";

/// Prints the figures of a reader's domain.
pub(super) fn measure() -> Result<()> {
    let system = System::new(SystemOptions {
        clock: ClockKind::Virtual,
        pins_clients: true,
        ..SystemOptions::default()
    })?;
    let spec = DriverSpec::new(DRIVER)?;
    let built = system.build(DRIVER, &spec.board)?;
    let image = std::fs::metadata(&built.image).with_context(|| built.image.display().to_string())?;
    println!("figure reader_image {:.1} kB", image.len() as f64 / 1e3);
    let domain = system.start(&spec, &built)?;
    let mut nfc = Nfc::open(domain.client()?)?;
    let adapter = nfc.first()?;
    nfc.up(adapter.index)?;
    println!(
        "figure tag_known {:.1} us",
        until_known(&domain, &mut nfc, adapter.index, adapter.protocols)?
    );
    println!(
        "figure apdu_beyond {:.2} %",
        exchanges(&domain, &mut nfc, adapter.index)?
    );
    let kib = domain.private_kib().context("the domain has ended")?;
    println!("figure reader_private {kib} KiB");
    domain.stop();
    Ok(())
}

fn middle(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn now_ns(domain: &Domain) -> u64 {
    domain.board().with(|board| board.now_ns())
}

/// From a tag's coming until the client has its UID, in µs of virtual time.
fn until_known(domain: &Domain, nfc: &mut Nfc, adapter: u32, protocols: Protocols) -> Result<f64> {
    /// How long after the poll has begun.
    const COMES_NS: u64 = 50_000_000;
    let comes = Stimulus::parse("tag=ntag213:https://example.org@50ms..")?;
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let from = domain.board().with(|board| {
            board.set_stimulus(comes.clone());
            board.now_ns() + COMES_NS
        });
        let found = nfc.poll(adapter, protocols, LIMIT)?;
        let known = now_ns(domain);
        ensure!(
            found.len() == 1 && found.iter().all(|tag| tag.uid().len() == 7),
            "no tag: {found:?}"
        );
        ensure!(known > from, "it was known before it came");
        times.push((known - from) as f64 / 1e3);
        domain.board().with(|board| board.set_stimulus(Stimulus::default()));
    }
    Ok(middle(times))
}

/// Bits on the wire: START, an address and its bytes with their acknowledgements for each message, STOP.
fn bits(transfer: &Transfer) -> usize {
    let message = |bytes: usize| 1 + 9 * (1 + bytes);
    transfer
        .segments
        .iter()
        .map(|segment| message(segment.bytes.len()))
        .sum::<usize>()
        + 1
}

/// What an exchange takes in real time, in per cent of what the same exchange takes on the bus.
fn exchanges(domain: &Domain, nfc: &mut Nfc, adapter: u32) -> Result<f64> {
    domain.board().with(|board| -> Result<()> {
        board.set_stimulus(Stimulus::parse("tag=ppse")?);
        Ok(())
    })?;
    let found = nfc.poll(adapter, Protocols::ISO14443, LIMIT)?;
    let target: &Target = found.first().context("no card")?;
    let mut link = nfc.link(adapter, target, Protocols::ISO14443)?;
    let mut ratios = Vec::new();
    domain.board().with(|board| board.record());
    for _ in 0..ROUNDS {
        let before = recorded(domain, 0).0;
        let begun = Instant::now();
        let answer = link.transceive(SELECT)?;
        let took_ns = begun.elapsed().as_secs_f64() * 1e9;
        ensure!(answer.ends_with(&[0x90, 0x00]), "the card answers {answer:02x?}");
        let bus_ns = recorded(domain, before).1 as f64 * BIT_NS;
        ensure!(bus_ns > 0.0, "nothing went over the bus");
        ratios.push(took_ns / bus_ns * 100.0);
    }
    Ok(middle(ratios))
}

/// How many transfers there were, and the bits of those from `from` on.
fn recorded(domain: &Domain, from: usize) -> (usize, usize) {
    domain.board().with(|board| {
        let transfers = board.transcript().map_or(&[][..], |transcript| transcript.transfers());
        let new = transfers.get(from..).unwrap_or_default();
        (transfers.len(), new.iter().map(bits).sum())
    })
}
