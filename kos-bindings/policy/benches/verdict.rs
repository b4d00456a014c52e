// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a verdict costs: the time of one message, for policies of more and more domains.
//!
//! `cargo bench -p kos-policy` prints a table. Each domain has the rules of a driver on an I2C bus; the message is its
//! transfer, whose address and flags are looked at, and after it the answer. The median of many rounds is shown.

use std::hint::black_box;
use std::time::Instant;

use kos_bindings::hosted::judge::{Kind, Policy, Subject, Verdict};
use kos_bindings::idl::{i2c, interface};
use kos_bindings::nk::{PartsMut, Seq};
use kos_policy::{Live, Loaded, World, compile};

const MESSAGES: usize = 2_000;
const ROUNDS: usize = 200;

fn policy(domains: usize) -> String {
    let mut text = "use nk.base._\nuse linuxcompat.each._\nuse EDL linuxcompat.Client\n\
                    audit profile refusals = { 0 : { base : { kss : [\"denied\"] } } }\naudit default = refusals 0\n"
        .to_owned();
    for i in 0..domains {
        text += &format!(
            "use EDL driver.D{i}\nuse EDL i2c{i}\n\
             request src=driver.D{i} dst=i2c{i} interface=linuxcompat.I2c {{\n\
             match method=Functionality {{ grant () }}\n\
             match method=Xfer {{ assert (each.equals {{items : message.msgs, field : \"addr\", value : 0x53}} && \
             each.clear {{items : message.msgs, field : \"flags\", mask : 0x10}}) }} }}\n\
             response src=i2c{i} dst=driver.D{i} interface=linuxcompat.I2c {{ grant () }}\n\
             request src=linuxcompat.Client dst=driver.D{i} interface=linuxcompat.Sysfs {{ grant () }}\n\
             response src=driver.D{i} dst=linuxcompat.Client interface=linuxcompat.Sysfs {{ grant () }}\n"
        );
    }
    text
}

/// Nanoseconds of a message, the median round.
fn measure(domains: usize) -> (f64, f64) {
    let loaded = Loaded::text("bench.psl", &policy(domains)).unwrap_or_else(|error| panic!("{error}"));
    let program = compile(&loaded, World::hosted()).unwrap_or_else(|error| panic!("{error}"));
    let live = Live::new(program, Box::new(|record| panic!("{}", record.text())));
    let msg = |flags| i2c::Msg {
        addr: 0x53,
        flags,
        len: 1,
        reserved: 0,
    };
    let (mut constant, mut arena) = ([0; 64], [0; 64]);
    let mut out = PartsMut {
        constant: &mut constant,
        arena: &mut arena,
    };
    let msgs = [msg(0), msg(1)];
    let request = i2c::XferReq {
        msgs: Seq::from(&msgs[..]),
        wdata: &[0x32],
    };
    let lens = request.encode(out.reborrow()).unwrap_or_default();
    let request = out.filled(lens).unwrap_or_default();
    let (mut constant, mut arena) = ([0; 64], [0; 64]);
    let mut out = PartsMut {
        constant: &mut constant,
        arena: &mut arena,
    };
    let answer = i2c::XferRes {
        done: 2,
        rdata: &[0xe5],
    };
    let lens = answer.encode(out.reborrow()).unwrap_or_default();
    let answer = out.filled(lens).unwrap_or_default();
    let Some((interface, method)) = interface(i2c::RIID).and_then(|found| Some((found, found.method(i2c::mid::XFER)?)))
    else {
        panic!("there is such a method");
    };
    let classes: Vec<_> = (0..domains)
        .map(|i| (format!("driver.D{i}"), format!("i2c{i}")))
        .collect();
    let round = |kind, message| {
        let mut times: Vec<f64> = (0..ROUNDS)
            .map(|_| {
                let start = Instant::now();
                for (client, server) in classes.iter().cycle().take(MESSAGES) {
                    let subject = Subject {
                        client,
                        client_process: 1,
                        server,
                        server_process: 0,
                        interface,
                        method,
                        kind,
                        message,
                    };
                    assert_eq!(live.judge(black_box(&subject)), Verdict::Allow);
                }
                // There are few.
                start.elapsed().as_secs_f64() * 1e9 / f64::from(u32::try_from(MESSAGES).unwrap_or(1))
            })
            .collect();
        times.sort_by(f64::total_cmp);
        times.get(ROUNDS / 2).copied().unwrap_or(0.0)
    };
    (round(Kind::Request, request), round(Kind::Response, answer))
}

fn main() {
    println!("{:>8} {:>14} {:>14}", "domains", "request, ns", "response, ns");
    for domains in [1, 10, 50, 100, 200] {
        let (request, response) = measure(domains);
        println!("{domains:>8} {request:>14.0} {response:>14.0}");
        println!("figure verdict_{domains} {:.1} ns", request.max(response));
    }
}
