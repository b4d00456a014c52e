// SPDX-License-Identifier: GPL-2.0-only
//! `nfc`: a client of a running domain that has a reader; and what `run` shows of one.

use super::Outcome;
use super::access::connect;
use super::args::{NfcAction, NfcArgs};
use anyhow::{Context, Result, anyhow};
use linux_compat::client::Errno;
use linux_compat::nfc::ndef::{self, Record};
use linux_compat::nfc::tag::{self, StatusWord};
use linux_compat::nfc::{Adapter, Nfc, NfcError, Protocols, Target, hex};
use serde::Serialize;
use std::fmt::Write as _;
use std::io::Write;
use std::time::Duration;

/// A tag, for programs and for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct TagReport {
    /// The driver.
    pub(crate) driver: String,
    /// The controller, such as `nfc0`.
    pub(crate) adapter: String,
    /// What it speaks, by the kernel's names.
    pub(crate) protocol: Vec<&'static str>,
    /// What identifies it, in hexadecimal digits.
    pub(crate) uid: String,
    /// NFC-A: the two bytes of ATQA and the byte SAK, in hexadecimal digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) atqa: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sak: Option<String>,
    /// Its NDEF records; `None` if it was not read or has no room for any.
    pub(crate) ndef: Option<Vec<Record>>,
    /// Why it could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
}

impl TagReport {
    fn new(driver: &str, adapter: &Adapter, target: &Target) -> Self {
        let is_a = !target.nfcid1.is_empty();
        Self {
            driver: driver.to_owned(),
            adapter: adapter.name.clone(),
            protocol: target.protocols.names(),
            uid: hex(target.uid()),
            atqa: is_a.then(|| format!("{:04x}", target.sens_res)),
            sak: is_a.then(|| format!("{:02x}", target.sel_res)),
            ndef: None,
            error: None,
        }
    }

    /// Reads what is on the tag; that it cannot be read is a part of the report.
    fn read(mut self, nfc: &mut Nfc, adapter: &Adapter, target: &Target) -> Result<Self, NfcError> {
        let records =
            tag::read(nfc, adapter.index, target).and_then(|message| message.map(|m| ndef::decode(&m)).transpose());
        match records {
            Ok(records) => self.ndef = records,
            Err(error) if error.is_gone() => return Err(error),
            Err(error) => self.error = Some(error.to_string()),
        }
        Ok(self)
    }

    /// A few lines.
    pub(crate) fn text(&self) -> String {
        let mut out = format!("  tag {} ({})", self.uid, self.protocol.join(", "));
        if let (Some(atqa), Some(sak)) = (&self.atqa, &self.sak) {
            // Writing to a string cannot fail, here and below.
            let _ = write!(out, "  ATQA {atqa}  SAK {sak}");
        }
        out.push('\n');
        for record in self.ndef.iter().flatten() {
            let _ = writeln!(out, "    {record}");
        }
        if let Some(error) = &self.error {
            let _ = writeln!(out, "    {error}");
        }
        out
    }
}

/// Powers a controller up, unless it is.
pub(crate) fn power(nfc: &mut Nfc, adapter: &Adapter) -> Result<(), NfcError> {
    if adapter.is_powered {
        return Ok(());
    }
    match nfc.up(adapter.index) {
        // Another client was faster.
        Err(error) if error.errno() == Some(Errno::EALREADY) => Ok(()),
        done => done,
    }
}

/// Polls for tags, and reads those that come.
pub(crate) fn look(
    nfc: &mut Nfc,
    driver: &str,
    adapter: &Adapter,
    limit: Duration,
) -> Result<Vec<TagReport>, NfcError> {
    let mut tags = Vec::new();
    for target in nfc.poll(adapter.index, adapter.protocols, limit)? {
        tags.push(TagReport::new(driver, adapter, &target).read(nfc, adapter, &target)?);
    }
    Ok(tags)
}

/// `nfc`.
///
/// # Errors
///
/// The domain does not run or has no reader, no tag came, or what it says.
pub(crate) fn command(args: &NfcArgs) -> Result<Outcome> {
    let mut nfc = Nfc::open(connect(&args.driver)?).context(args.driver.clone())?;
    run(&mut nfc, args).context(args.driver.clone())?;
    Ok(Outcome::Success)
}

fn run(nfc: &mut Nfc, args: &NfcArgs) -> Result<()> {
    let adapter = nfc.first()?;
    if let NfcAction::Info = args.action {
        return info(nfc, args);
    }
    power(nfc, &adapter)?;
    let done = act(nfc, args, &adapter);
    if !adapter.is_powered {
        // As it was found. What went wrong before is the news.
        let down = nfc.down(adapter.index);
        done.and(down.map_err(Into::into))
    } else {
        done
    }
}

fn act(nfc: &mut Nfc, args: &NfcArgs, adapter: &Adapter) -> Result<()> {
    let limit = Duration::from_secs_f64(args.timeout);
    let wanted = match args.action {
        NfcAction::Apdu { .. } => Protocols::ISO14443 | Protocols::ISO14443_B,
        _ => adapter.protocols,
    };
    let targets = nfc.poll(adapter.index, wanted, limit)?;
    let Some(first) = targets.first() else {
        return Err(anyhow!("no tag came within {} s", args.timeout));
    };
    match &args.action {
        NfcAction::Info => Ok(()),
        NfcAction::Poll => {
            let found = targets
                .iter()
                .map(|target| TagReport::new(&args.driver, adapter, target));
            found.into_iter().try_for_each(|tag| print(args, &tag, &tag.text()))
        }
        NfcAction::Read => {
            let tag = TagReport::new(&args.driver, adapter, first).read(nfc, adapter, first)?;
            print(args, &tag, &tag.text())?;
            tag.error.map_or(Ok(()), |error| Err(anyhow!(error)))
        }
        NfcAction::Write { uri } => {
            let message = ndef::of_uri(uri)?;
            tag::write(nfc, adapter.index, first, &message)?;
            let tag = TagReport::new(&args.driver, adapter, first).read(nfc, adapter, first)?;
            print(args, &tag, &format!("  wrote {} bytes\n{}", message.len(), tag.text()))
        }
        NfcAction::Apdu { apdus } => exchange(nfc, args, adapter, first, apdus),
    }
}

fn exchange(nfc: &mut Nfc, args: &NfcArgs, adapter: &Adapter, target: &Target, apdus: &[Vec<u8>]) -> Result<()> {
    #[derive(Serialize)]
    struct Answer {
        apdu: String,
        data: String,
        sw: String,
    }
    let protocol = [Protocols::ISO14443, Protocols::ISO14443_B]
        .into_iter()
        .find(|p| target.protocols.has(*p));
    let protocol = protocol.ok_or_else(|| anyhow!("the tag {} takes no APDU", hex(target.uid())))?;
    let mut link = nfc.link(adapter.index, target, protocol)?;
    for apdu in apdus {
        let (data, word) = StatusWord::split(link.transceive(apdu)?)?;
        let answer = Answer {
            apdu: hex(apdu),
            data: hex(&data),
            sw: format!("{:04x}", word.0),
        };
        let text = format!(
            "  > {}\n  < {}{}{}\n",
            answer.apdu,
            answer.data,
            if data.is_empty() { "" } else { " " },
            answer.sw
        );
        print(args, &answer, &text)?;
    }
    Ok(())
}

fn info(nfc: &mut Nfc, args: &NfcArgs) -> Result<()> {
    #[derive(Serialize)]
    struct Info {
        adapter: String,
        powered: bool,
        protocols: Vec<&'static str>,
        secure_elements: Vec<String>,
    }
    let elements = nfc.secure_elements()?;
    for adapter in nfc.adapters()? {
        let of_it = elements.iter().filter(|element| element.adapter == adapter.index);
        let info = Info {
            adapter: adapter.name.clone(),
            powered: adapter.is_powered,
            protocols: adapter.protocols.names(),
            secure_elements: of_it
                .map(|element| format!("{} {:?}", element.index, element.kind))
                .collect(),
        };
        let mut text = format!(
            "  {}  {}  {}\n",
            info.adapter,
            if info.powered { "up" } else { "down" },
            info.protocols.join(", ")
        );
        for element in &info.secure_elements {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "    secure element {element}");
        }
        print(args, &info, &text)?;
    }
    Ok(())
}

fn print(args: &NfcArgs, value: &impl Serialize, text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    if args.json {
        serde_json::to_writer(&mut out, value)?;
        writeln!(out)?;
    } else {
        out.write_all(text.as_bytes())?;
    }
    out.flush()?;
    Ok(())
}
