// SPDX-License-Identifier: GPL-2.0-only
//! Acceptance: the misuse that Linux's debugging options catch is caught in debug images, and named.
//!
//! The driver `tests/c/waist_misuse.c` errs on request. An error that would harm it ends its domain, and the client
//! that asked for it is told; what Linux only reports is in the log, and the domain goes on.

use linux_compat::board::Board;
use linux_compat::system::{ClockKind, Domain, DriverSpec, System, SystemOptions};
use linux_headers::{Profile, Series};
use std::time::Duration;

/// What becomes of an error.
#[derive(Debug)]
enum Outcome {
    /// The domain ends, and the report says this.
    Dies(&'static str),
    /// The log says this, and what was left behind ends the domain a little later.
    DiesLater(&'static str),
    /// The log says this.
    IsLogged(&'static str),
}
use Outcome::{Dies, DiesLater, IsLogged};

const ERRORS: [(&str, Outcome); 28] = [
    ("double_free", Dies("double free of")),
    ("double_vfree", Dies("is not an allocated object")),
    ("double_page_free", Dies("are not allocated")),
    ("use_after_free", Dies("use after free of")),
    ("overrun", Dies("was overrun: byte 40 of 40")),
    ("free_of_no_object", Dies("is not an allocated object")),
    ("free_inside_an_object", Dies("but not at an object")),
    ("free_to_another_cache", Dies("belongs to")),
    ("leak_in_a_cache", IsLogged("1 objects were not freed")),
    ("sleep_under_a_spinlock", Dies("while atomic")),
    (
        "sleep_with_interrupts_off",
        Dies("sleeping function called from invalid context"),
    ),
    (
        "allocation_that_may_sleep_in_atomic",
        Dies("may sleep (GFP_KERNEL) in atomic context"),
    ),
    ("schedule_in_atomic", Dies("scheduling while atomic")),
    ("sleep_in_a_softirq", Dies("while atomic")),
    ("unlock_of_a_free_mutex", IsLogged("DEBUG_LOCKS_WARN_ON")),
    ("unlock_of_another_s_mutex", IsLogged("DEBUG_LOCKS_WARN_ON")),
    ("up_of_a_free_rwsem", IsLogged("DEBUG_RWSEMS_WARN_ON")),
    ("list_entry_added_twice", IsLogged("list_add double add")),
    ("list_entry_deleted_twice", IsLogged("list_del corruption")),
    ("refcount_below_zero", IsLogged("refcount_t")),
    ("stack_overflow", Dies("stack overflow in task")),
    ("null_pointer", Dies("at 0x0 in task")),
    ("zero_size_pointer", Dies("at 0x10 in task")),
    ("bug", Dies("bug")),
    ("work_that_leaves_a_lock", DiesLater("workqueue leaked")),
    ("enable_of_an_enabled_interrupt", IsLogged("Unbalanced enable for IRQ")),
    (
        "sleep_while_not_running",
        IsLogged("do not call blocking ops when !TASK_RUNNING"),
    ),
    ("hardware_that_must_be_saved", Dies("hardware protection: too hot")),
];

/// The attribute that takes an error's name.
const ERR: &str = "devices/platform/misuse/err";

struct Errant {
    system: System,
    spec: DriverSpec,
    built: linux_compat::build::Built,
}

impl Errant {
    fn new(series: Series) -> Self {
        let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/c");
        let system = System::new(SystemOptions {
            series: Some(series),
            profile: Profile::Debug,
            clock: ClockKind::Virtual,
            ..SystemOptions::default()
        })
        .expect("a system");
        let spec = DriverSpec {
            stand_in: None,
            name: format!("{dir}/waist_misuse.c"),
            board: Board::open(format!("{dir}/waist.dts").as_ref()).expect("the board"),
            stimulus: board::Stimulus::default(),
            faults: Vec::new(),
        };
        let built = system.build(&spec.name, &spec.board).unwrap_or_else(|e| panic!("{e}"));
        Self { system, spec, built }
    }

    fn start(&self) -> Domain {
        self.system.start(&self.spec, &self.built).expect("the domain starts")
    }

    /// Whether the error has the outcome; if not, what it has.
    fn tries(&self, name: &str, outcome: &Outcome) -> Result<(), String> {
        let domain = self.start();
        let mut client = domain.client().map_err(|e| e.to_string())?;
        let answer = client.write(ERR, name.as_bytes());
        let log: Vec<String> = domain.log().into_iter().map(|line| line.text).collect();
        let all = |death: &str| format!("{name} shall have {outcome:?}: {answer:?}\n{death}\n{}", log.join("\n"));
        match outcome {
            Dies(text) => {
                let death = domain.wait_death(Duration::from_secs(5)).map(|death| death.to_string());
                let death = death.unwrap_or_default();
                let is_told = answer.as_ref().is_err_and(linux_compat::client::ClientError::is_gone);
                // The trace says where the error was made.
                let is_named = death.contains(text) && death.contains(" at tests/c/waist_misuse.c:");
                if is_told && is_named { Ok(()) } else { Err(all(&death)) }
            }
            DiesLater(text) => {
                let is_named = log.iter().any(|line| line.contains(text));
                let death = domain.wait_death(Duration::from_secs(5));
                if is_named && death.is_some_and(|death| !death.is_orderly) {
                    Ok(())
                } else {
                    Err(all(""))
                }
            }
            IsLogged(text) => {
                let is_named = log.iter().any(|line| line.contains(text));
                if is_named && answer.is_ok() {
                    Ok(())
                } else {
                    let death = domain.wait_death(Duration::from_millis(100));
                    Err(all(&death.map(|death| death.to_string()).unwrap_or_default()))
                }
            }
        }
    }
}

#[test]
fn each_error_is_caught_and_named() {
    let mut failures = Vec::new();
    for series in [Series::V6_12, Series::V6_1] {
        let errant = Errant::new(series);
        let offered = errant
            .start()
            .client()
            .expect("a client")
            .read_text(ERR)
            .expect("the list");
        let tried: Vec<&str> = ERRORS.iter().map(|(name, _)| *name).collect();
        assert_eq!(offered.lines().collect::<Vec<_>>(), tried);
        for (name, outcome) in &ERRORS {
            if let Err(found) = errant.tries(name, outcome) {
                failures.push(format!("{series:?}: {found}"));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}
