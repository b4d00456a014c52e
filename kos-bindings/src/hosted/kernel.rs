// SPDX-License-Identifier: MIT OR Apache-2.0
//! The kernel: makes domains, connects them, and lets nothing past the judge.

use std::boxed::Box;
use std::collections::BTreeMap;
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::string::{String, ToString};
use std::sync::atomic::Ordering::{Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex, MutexGuard, Weak, mpsc};
use std::thread::JoinHandle;
use std::vec::Vec;

use super::caps;
use super::cm::Manager;
use super::config::{Config, Event};
use super::cpu;
use super::dma::Dma;
use super::domain::DomainHandle;
use super::elf::Headers;
use super::error::Error;
use super::handles::{Rights, Target};
use super::irq::Interrupts;
use super::judge::{AllowAll, CLIENT, Counts, Judge, Sharing};
use super::launcher::{Launcher, Limits};
use super::life::{Cause, Life};
use super::local::LocalClient;
use super::notice::lock;
use super::object::{Kind, Object};
use super::process::Process;
use super::quota;
use super::reaper::{Watch, reap};
use super::seccomp;
use super::serve::{Thread, serve};
use super::server::Server;
use super::share::Share;
use super::shared::Shared;
use super::spec::{DomainSpec, Endpoint};
use super::task::{Born, Task};
use crate::kn::right;
use crate::nk::{Handle, Retcode};
use crate::port::{BootInfo, isolation};

/// Where a client is.
enum From {
    /// In this program: it is a party of its own.
    Here,
    /// In another one, with this number. All of its connections are one party.
    Program(i32),
}

/// What the kernel's threads share.
#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) config: Config,
    pub(crate) cpu: Option<usize>,
    pub(crate) judge: Arc<Judge>,
    pub(crate) watch: Watch,
    pub(crate) is_stopping: AtomicBool,
    launcher: Launcher,
    /// The domains' seccomp programs: without and with shared memory.
    filters: [Vec<u8>; 2],
    pub(crate) interrupts: Interrupts,
    pub(crate) dma: Dma,
    pub(crate) manager: Manager,
    domains: Mutex<BTreeMap<u64, Arc<Process>>>,
    /// Processes whose threads are this program's.
    tasks: Mutex<Vec<Weak<Task>>>,
    ids: AtomicU64,
    calls: AtomicU64,
}

impl Inner {
    /// Returns a number for a call, that was not used before.
    pub(crate) fn next_call(&self) -> u64 {
        self.calls.fetch_add(1, Relaxed)
    }

    /// Finds a living process by its name.
    pub(crate) fn task_called(&self, name: &str) -> Option<Arc<Task>> {
        let tasks = lock(&self.tasks);
        let mut alive = tasks.iter().filter_map(Weak::upgrade);
        alive.find(|task| task.name == name && !task.is_dead())
    }

    /// Notes a process; its name must be free.
    pub(crate) fn add_task(&self, task: &Arc<Task>) -> Result<(), Retcode> {
        let mut tasks = lock(&self.tasks);
        tasks.retain(|task| task.upgrade().is_some_and(|task| !task.is_dead()));
        if tasks
            .iter()
            .filter_map(Weak::upgrade)
            .any(|other| other.name == task.name)
        {
            return Err(Retcode::ALREADY_EXISTS);
        }
        tasks.push(Arc::downgrade(task));
        Ok(())
    }

    /// Returns a number for a process or thread, that was not used before.
    pub(crate) fn next_id(&self) -> u64 {
        self.ids.fetch_add(1, Relaxed)
    }

    fn domains(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Process>>> {
        lock(&self.domains)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.domains().is_empty()
    }

    pub(crate) fn domain(&self, domain: u64) -> Option<Arc<Process>> {
        self.domains().get(&domain).cloned()
    }

    pub(crate) fn remove(&self, domain: u64) -> Option<Arc<Process>> {
        self.domains().remove(&domain)
    }

    /// Describes a process that is about to be made.
    pub(super) fn born(&self, name: &str, class: &str) -> Born {
        Born {
            id: self.next_id(),
            name: name.to_string(),
            class: class.to_string(),
            party: None,
            security: None,
            limits: quota::Limits::default(),
            death: self.config.unknowns.server_death,
            judge: Arc::clone(&self.judge),
        }
    }

    /// Starts the kernel thread of a port.
    pub(crate) fn start_thread(self: &Arc<Self>, process: &Arc<Process>) -> Result<(), Error> {
        let inner = Arc::clone(self);
        let process = Arc::clone(process);
        std::thread::Builder::new()
            .name(std::format!("port {}", process.id))
            .stack_size(THREAD_STACK_BYTES)
            .spawn(move || {
                let cpu = inner.cpu;
                // Its memory is made on whatever core is free; on the domains' core it would be made when the
                // domain, which starts there meanwhile, waits for its first answer.
                let thread = Thread::new(inner, process);
                cpu::pin(cpu);
                // Linux rounds a sleep up by 50 µs otherwise, and a domain's timers end here.
                let _ = rustix::thread::set_current_timer_slack(std::num::NonZero::new(1));
                serve(thread);
            })
            .map(drop)
            .map_err(Error::Thread)
    }

    /// Makes a process that only calls, with one handle.
    fn new_client(
        &self,
        class: &str,
        endpoint: Endpoint,
        rights: Rights,
        from: From,
    ) -> Result<(Arc<Process>, Handle), Error> {
        let shared = Shared::create(&BootInfo::EMPTY, &[]).map_err(|error| Error::Port(error.into()))?;
        let mut born = self.born(class, class);
        let id = born.id;
        let shared = match from {
            From::Here => shared.private(),
            From::Program(pid) => {
                // Numbers of processes of ours never get there.
                born.party = Some(u64::from(pid.unsigned_abs()) | 1 << 63);
                shared
            }
        };
        let process = Arc::new(Process::of_task(id, Task::with_one_thread(born), shared, None));
        let born = process.task.born_with(endpoint.0, 0, rights);
        Ok((process, born.map_err(Error::Handle)?))
    }

    /// Makes a client from outside, program `pid`, of the domain called `name`, and its kernel thread.
    pub(crate) fn admit(
        self: &Arc<Self>,
        name: &str,
        rights: Rights,
        pid: i32,
    ) -> Result<(Arc<Process>, Handle), String> {
        let found = self
            .domains()
            .values()
            .find(|process| is_called(process, name))
            .cloned();
        let domain = found.ok_or_else(|| String::from("no such domain"))?;
        if domain.life.as_ref().is_some_and(|life| life.is_private) {
            return Err(String::from("no client has a channel to this domain"));
        }
        let endpoint = Endpoint(Target::Process(Arc::downgrade(&domain)));
        let (process, handle) = self
            .new_client(CLIENT, endpoint, rights, From::Program(pid))
            .map_err(|error| error.to_string())?;
        let charge = process.task.charge_thread().map_err(|code| code.to_string())?;
        let added = process.task.add_thread(&process, charge);
        added.map_err(|code| code.to_string())?;
        self.start_thread(&process).map_err(|error| error.to_string())?;
        Ok((process, handle))
    }

    /// Makes one more thread of a client from outside, with a port of its own and its kernel thread. To domains all
    /// threads are one client, and it ends with the first of them.
    pub(crate) fn admit_thread(self: &Arc<Self>, first: &Arc<Process>) -> Result<Arc<Process>, String> {
        let charge = first.task.charge_thread().map_err(|code| code.to_string())?;
        let shared = Shared::create(&BootInfo::EMPTY, &[]).map_err(|error| error.to_string())?;
        let process = Arc::new(Process::of_task(self.next_id(), Arc::clone(&first.task), shared, None));
        let added = first.task.add_thread(&process, charge);
        added.map_err(|code| code.to_string())?;
        self.start_thread(&process).map_err(|error| error.to_string())?;
        Ok(process)
    }

    /// Returns name, number and process of each domain.
    pub(crate) fn names(&self) -> Vec<(String, u64, i32)> {
        let domains = self.domains();
        let lives = domains
            .values()
            .filter_map(|process| Some((process.id, process.life.as_ref()?)));
        lives
            .map(|(id, life)| (life.name.clone(), id, life.pid().unwrap_or(0)))
            .collect()
    }

    pub(crate) fn server_panicked(&self, server: &str, text: String) {
        (self.config.on_event)(Event::ServerPanicked {
            server: server.to_string(),
            text,
        });
    }
}

/// Gives a process its handle for the kernel's own services, which stays with it.
pub(super) fn born_with_kernel(task: &Task) -> Result<Handle, Retcode> {
    let rights = Rights(right::CALL | right::GET_SID);
    caps::root(task, Object::new(Kind::Kernel, None), rights)
}

/// `NAME`, or `NAME@PID` where several domains have the name.
fn is_called(process: &Process, wanted: &str) -> bool {
    let Some(life) = &process.life else {
        return false;
    };
    match wanted.rsplit_once('@').map(|(name, pid)| (name, pid.parse())) {
        Some((name, Ok(pid))) => life.name == name && life.pid() == Some(pid),
        _ => life.name == wanted,
    }
}

/// The hosted kernel. Dropping it ends every domain.
#[derive(Debug)]
pub struct Kernel {
    inner: Arc<Inner>,
    reaper: Option<JoinHandle<()>>,
}

/// Enough for a server object's work; a page is paid when it is touched.
const THREAD_STACK_BYTES: usize = 1 << 20;
/// Beside its data: image, reserved ranges, the port.
const ADDRESS_SPACE_BYTES: u64 = 1 << 30;

impl Kernel {
    /// Starts a kernel and, inside the outer sandbox, the launcher of its domains.
    ///
    /// # Errors
    ///
    /// [`Error::Sandbox`] where this machine does not permit the sandbox; there is no way to run
    /// without.
    pub fn new(config: Config) -> Result<Self, Error> {
        let cpu = cpu::current();
        let (give_launcher, launcher) = mpsc::sync_channel(1);
        let (give_inner, inner) = mpsc::sync_channel::<Arc<Inner>>(1);
        let reaper = std::thread::Builder::new()
            .name("reaper".to_string())
            .spawn(move || {
                // The launcher must be this thread's child: the domains die with their parent
                // thread. It runs on any core.
                let launcher = Launcher::start(cpu);
                cpu::pin(cpu);
                if give_launcher.send(launcher).is_ok()
                    && let Ok(inner) = inner.recv()
                {
                    reap(&inner);
                }
            })
            .map_err(Error::Thread)?;
        let ended = |_| Error::Launcher(std::io::ErrorKind::BrokenPipe.into());
        let launcher = launcher.recv().map_err(ended)??;
        let registry = config.registry;
        let interrupts = Interrupts::new(config.irq_lines, config.unknowns.irq_mask);
        let filter = |shares| seccomp::program(shares).map_err(|error| Error::Seccomp(error.to_string()));
        let mut config = config;
        let policy = std::mem::replace(&mut config.policy, Box::new(AllowAll));
        let inner = Arc::new(Inner {
            config,
            cpu,
            judge: Arc::new(Judge::new(registry, policy, Sharing::Threads)),
            watch: Watch::new()?,
            is_stopping: AtomicBool::new(false),
            launcher,
            filters: [filter(false)?, filter(true)?],
            interrupts,
            dma: Dma::default(),
            manager: Manager::default(),
            domains: Mutex::default(),
            tasks: Mutex::default(),
            ids: AtomicU64::new(1),
            calls: AtomicU64::new(1),
        });
        // It waits for exactly this.
        let _ = give_inner.send(Arc::clone(&inner));
        Ok(Self {
            inner,
            reaper: Some(reaper),
        })
    }

    /// Makes `server` callable.
    pub fn register(&self, name: &str, server: impl Server + 'static) -> Endpoint {
        Endpoint::of_server(name, server)
    }

    /// Makes a domain. It runs when this returns; [`DomainHandle::wait_ready`] tells when it
    /// listens.
    ///
    /// # Errors
    ///
    /// One variant of [`Error`] per step.
    pub fn spawn(&self, spec: &DomainSpec) -> Result<DomainHandle, Error> {
        let born = Born {
            limits: spec.limits,
            security: spec.security,
            ..self.inner.born(&spec.name, &spec.class)
        };
        let id = born.id;
        self.inner.judge.execute(&spec.class, id)?;
        let made = self.make(spec, born);
        if made.is_err() {
            self.inner.judge.ended(&spec.class, id);
        }
        made
    }

    fn make(&self, spec: &DomainSpec, born: Born) -> Result<DomainHandle, Error> {
        let path = || spec.image.display().to_string();
        let image = File::open(&spec.image).map_err(|error| Error::Image(path(), error))?;
        let metadata = image.metadata().map_err(|error| Error::Image(path(), error))?;
        if rustix::process::geteuid().is_root() && metadata.permissions().mode() & 0o1 == 0 {
            return Err(Error::ImageMode(path()));
        }
        Headers::read(&image).map_err(|error| Error::Image(path(), error))?;
        let [plain, sharing] = &self.inner.filters;
        let filter = if spec.shares_memory { sharing } else { plain };
        let handles = (1..).take(spec.channels.len()).collect::<Vec<u32>>();
        let (mut boot, blob) = spec.layout(filter, isolation::PROCESS, &handles)?;
        // The kernel's services come behind the channels.
        boot.kernel = boot.channel_count.saturating_add(1);
        let shared = Shared::create(&boot, &blob).map_err(|error| Error::Port(error.into()))?;
        let mut life = Life::new(spec.name.clone(), spec.shares_memory.then(Share::default));
        life.is_private = spec.is_private;
        let id = born.id;
        let process = Arc::new(Process::of_task(id, Task::with_one_thread(born), shared, Some(life)));
        for channel in &spec.channels {
            let born = process
                .task
                .born_with(channel.endpoint.0.clone(), channel.riid, channel.rights);
            born.map_err(Error::Handle)?;
        }
        born_with_kernel(&process.task).map_err(Error::Handle)?;
        spec.lines.attach(&process);
        let limits = Limits {
            data: spec.memory_bytes,
            address_space: spec.memory_bytes.saturating_add(ADDRESS_SPACE_BYTES),
            stack: spec.stack_bytes,
        };
        let start_thread = || self.inner.start_thread(&process);
        let port = process.shared.file();
        let (born, served) = self.inner.launcher.spawn(image.as_fd(), port, limits, start_thread);
        let adopted = born.and_then(|(pid, pidfd)| self.adopt(&process, pid, pidfd).and(served));
        if adopted.is_err() {
            // Ends the kernel thread, and what there may be of the process, which nobody watches.
            process.break_off();
            self.inner.remove(process.id);
            process.bury();
        }
        adopted.map(|()| DomainHandle::new(process))
    }

    pub(super) fn inner(&self) -> &Arc<Inner> {
        &self.inner
    }

    /// Starts to watch a process that was just born.
    fn adopt(&self, process: &Arc<Process>, pid: i32, pidfd: OwnedFd) -> Result<(), Error> {
        let Some(life) = &process.life else {
            return Ok(());
        };
        life.born(pid, pidfd);
        self.inner.domains().insert(process.id, Arc::clone(process));
        let Some(pidfd) = life.pidfd() else {
            return Ok(());
        };
        self.inner.watch.add(process.id, pidfd)
    }

    /// Makes a client of `domain` in this process. `class` is what the policy calls it.
    ///
    /// # Errors
    ///
    /// [`Error::Port`] if memory for the port is missing.
    pub fn client(&self, class: &str, domain: &DomainHandle) -> Result<LocalClient, Error> {
        let (process, handle) = self
            .inner
            .new_client(class, domain.endpoint(), Rights::CALL, From::Here)?;
        Ok(LocalClient::new(Arc::clone(&self.inner), process, handle))
    }

    /// Keeps the calling thread, and those that it makes from now on, off the domains' core: a domain that boots would
    /// wait for them. Returns whether there is another core that it may use.
    pub fn leave_core(&self) -> bool {
        cpu::leave(self.inner.cpu)
    }

    /// Returns how many messages were judged.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.inner.judge.counts()
    }
}

impl Drop for Kernel {
    fn drop(&mut self) {
        self.inner.is_stopping.store(true, Release);
        for process in self.inner.domains().values() {
            if let Some(life) = &process.life {
                life.kill(Cause::Stopped);
            }
        }
        let tasks = std::mem::take(&mut *lock(&self.inner.tasks));
        for task in tasks.iter().filter_map(Weak::upgrade) {
            task.end();
        }
        self.inner.watch.wake();
        if let Some(reaper) = self.reaper.take() {
            let _ = reaper.join();
        }
        self.inner.launcher.stop();
    }
}
