// SPDX-License-Identifier: GPL-2.0-only
//! The live table on a real terminal: values in their units, and the terminal as it was afterwards. `script` (bsdutils,
//! which every Debian has) makes the terminal.

mod common;

use common::{LIMIT, Place};
use rustix::process::{Pid, Signal, kill_process};
use std::io::{Read, Write};
use std::process::{ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// A shell on a terminal of its own, 140 by 40, that runs drivers between two looks at the terminal's settings.
struct Terminal {
    script: std::process::Child,
    keys: ChildStdin,
    screen: Arc<Mutex<Vec<u8>>>,
    reader: std::thread::JoinHandle<()>,
}

const ENTER_SCREEN: &str = "\u{1b}[?1049h";
const LEAVE_SCREEN: &str = "\u{1b}[?1049l";

impl Terminal {
    fn run(place: &Place, words: &str) -> Self {
        let line = format!(
            "stty cols 140 rows 40; stty -a; {} run {words}; echo status=$?; stty -a; echo finished",
            env!("CARGO_BIN_EXE_linux-compat")
        );
        let mut script = Command::new("script")
            .args(["-qfec", &line, "/dev/null"])
            .current_dir(common::ROOT)
            .env("XDG_RUNTIME_DIR", place.path())
            .env("TERM", "xterm-256color")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("script starts");
        let screen: Arc<Mutex<Vec<u8>>> = Arc::default();
        let (mut out, to) = (script.stdout.take().expect("stdout"), Arc::clone(&screen));
        let reader = std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = out.read(&mut bytes) {
                to.lock().expect("the screen").extend(&bytes[..count]);
            }
        });
        Self {
            keys: script.stdin.take().expect("stdin"),
            script,
            screen,
            reader,
        }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.screen.lock().expect("the screen")).into_owned()
    }

    fn wait_for(&self, text: &str) {
        let begun = Instant::now();
        while !self.text().contains(text) {
            assert!(begun.elapsed() < LIMIT, "no {text:?} in {:?}", self.text());
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }

    fn press(&mut self, key: &[u8]) {
        self.keys.write_all(key).expect("a key");
        self.keys.flush().expect("a key");
    }

    /// Waits for the shell's end, and returns the exit status and what was on the terminal before, in and after the
    /// table.
    fn end(mut self) -> (String, [String; 3]) {
        self.wait_for("finished\r\n");
        drop(self.keys);
        self.script.wait().expect("script ends");
        self.reader.join().expect("the reader");
        let text = String::from_utf8_lossy(&self.screen.lock().expect("the screen")).into_owned();
        let (before, rest) = text.split_once(ENTER_SCREEN).expect("a screen of its own");
        let (table, after) = rest.rsplit_once(LEAVE_SCREEN).expect("the terminal is given back");
        let status = after.split_once("status=").expect("a status").1;
        let status = status.lines().next().unwrap_or_default().trim().to_owned();
        (status, [before, table, after].map(str::to_owned))
    }
}

/// The settings that `stty -a` prints, of its last time.
fn settings(text: &str) -> Vec<String> {
    let from = text.rfind("speed ").expect("settings");
    let lines = text[from..].lines().take_while(|line| !line.contains("finished"));
    lines
        .map(|line| line.trim().to_owned())
        .filter(|line| !line.is_empty())
        .collect()
}

fn is_given_back(before: &str, after: &str) {
    let (before, after) = (settings(before), settings(after));
    assert!(
        before.concat().contains(" icanon") && before.concat().contains(" echo "),
        "{before:?}"
    );
    assert_eq!(before, after);
}

#[test]
fn values_are_shown_in_units_and_each_way_out_gives_the_terminal_back() {
    for key in [&b"q"[..], b"\x03", b"\x1b"] {
        let place = Place::new();
        let words = "adxl345 bmg160 --interval 50 --stimulus accel=0,0,9.81 --stimulus rate=1,0,0";
        let mut terminal = Terminal::run(&place, words);
        for text in [
            "accel_x",
            "accel_z",
            "9.80",
            "m/s²",
            "anglvel_x",
            "rad/s",
            "°C",
            "q ends",
            "█",
        ] {
            terminal.wait_for(text);
        }
        terminal.press(key);
        let (status, [before, table, after]) = terminal.end();
        assert_eq!(status, "0", "{after}");
        assert!(table.contains("Linux 6.12."), "{table:?}");
        is_given_back(&before, &after);
        assert!(
            after.contains("\u{1b}[?25h") || table.contains("\u{1b}[?25h"),
            "the cursor is hidden: {after:?}"
        );
        assert_eq!(place.sockets(), [] as [std::path::PathBuf; 0]);
    }
}

#[test]
fn a_death_is_told_in_the_table_and_after_it() {
    let place = Place::new();
    let mut terminal = Terminal::run(&place, "adxl345 bmg160 --interval 50");
    terminal.wait_for("rad/s");
    let said = place.run(&["cat", "adxl345", "name"]).succeeds();
    assert_eq!(said.out, "adxl345\n");
    let pid = terminal
        .text()
        .split_once("adxl345: Linux ")
        .and_then(|(_, rest)| rest.split_once("pid ")?.1.split(',').next()?.parse().ok());
    let pid = Pid::from_raw(pid.expect("a process id")).expect("a process id");
    kill_process(pid, Signal::KILL).expect("it lives");
    terminal.wait_for("dead");
    terminal.press(b"q");
    let (status, [before, _, after]) = terminal.end();
    assert_eq!(status, "3", "{after}");
    assert!(
        after.contains("linux-compat: adxl345: the domain died: it was ended by"),
        "{after}"
    );
    is_given_back(&before, &after);
}

#[test]
fn a_run_that_cannot_start_leaves_the_terminal_alone() {
    let place = Place::new();
    let terminal = Terminal::run(&place, "adlx345");
    terminal.wait_for("finished\r\n");
    let text = terminal.text();
    assert!(
        text.contains("no driver named \"adlx345\"") && text.contains("status=1"),
        "{text}"
    );
    assert!(!text.contains(ENTER_SCREEN), "{text}");
}
