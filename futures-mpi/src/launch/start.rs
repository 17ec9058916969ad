//! Starts MPI once: looks around, sets what [`environment`](crate::launch::environment) decides, initialises and
//! checks.

use crate::launch::environment::{self, Plan, Situation};
use crate::launch::implementation::Implementation;
use crate::launch::placement;
use crate::sys::{self, Communicator, ThreadLevel};
use std::path::{Path, PathBuf};
use std::thread::{self, ThreadId};
use std::{env, fs};

/// MPI, running.
#[derive(Debug, Clone)]
pub(crate) struct Started {
    /// What was decided, in which MPI.
    pub(crate) plan: Plan,
    /// Whether MPI was initialised here, and may be finalised; otherwise it belongs to the application.
    pub(crate) owned: bool,
    /// The thread level that MPI gives.
    pub(crate) level: ThreadLevel,
    /// The thread that has started it.
    pub(crate) thread: ThreadId,
    /// How many processes MPI's launcher has room for; `None` where it does not say, or [was not
    /// asked](Self::ask_universe).
    pub(crate) universe: Option<usize>,
}

impl Started {
    /// The only thread that may drive a pool while it waits, where MPI promises nothing about others.
    pub(crate) fn only_driver(&self) -> Option<ThreadId> {
        (self.level < ThreadLevel::Serialized).then_some(self.thread)
    }

    /// Asks MPI's launcher once how many processes it has room for: while another thread spawns, the question would
    /// end the job on MPICH.
    pub(crate) fn ask_universe(&mut self) {
        self.universe = environment::universe_size(&self.plan, sys::universe_size, &|name| env::var(name).ok());
    }
}

/// Whether there is room for `count` more processes, as far as that is known before MPI is asked.
pub(crate) fn check_room(started: &Started, info: &[(String, String)], count: usize) -> Result<(), String> {
    let mut files = vec![PathBuf::from("/etc/openmpi/openmpi-mca-params.conf")];
    files.extend(env::var_os("HOME").map(|home| Path::new(&home).join(".openmpi/mca-params.conf")));
    let prefix = sys::library_directory().and_then(|directory| directory.parent().map(Path::to_owned));
    files.extend(prefix.map(|prefix| prefix.join("etc/openmpi-mca-params.conf")));
    let configured: Vec<String> = files.iter().filter_map(|file| fs::read_to_string(file).ok()).collect();
    let world = Communicator::world().size().ok().and_then(|size| usize::try_from(size).ok()).unwrap_or(1);
    let sizes = (started.universe, world, count);
    environment::check_room(&started.plan, &|name| env::var(name).ok(), &configured, info, sizes)
}

/// Initialises MPI, unless that has been done; to be called before any other thread is started, because it sets
/// environment variables. An error says what is wrong with the environment; MPI may run nevertheless.
pub(crate) fn start() -> Result<Started, String> {
    let variable = |name: &str| env::var_os(name).map(|value| value.to_string_lossy().into_owned());
    let level = environment::thread_level(variable(environment::THREAD_LEVEL_VARIABLE).as_deref())?;
    let plan = environment::plan(&Situation {
        version: &sys::library_version(),
        variable: &variable,
        root: sys::is_root(),
        loopback_only: loopback_only(),
        library_directory: sys::library_directory(),
        temporary_directory: env::temp_dir(),
        shared_memory_bytes: sys::free_bytes(Path::new(environment::SHARED_MEMORY)),
        lists_hosts: lists_hosts(&variable),
        resolve: &|path| path.canonicalize().ok(),
    });
    // What a launcher said is read now: a singleton's own MPI may set the same variables for itself.
    let sizes: Vec<(&str, String)> =
        environment::SIZE_VARIABLES.iter().filter_map(|name| Some((*name, variable(name)?))).collect();
    if !sys::is_initialized() {
        for (name, value) in &plan.variables {
            sys::set_variable(name, value);
        }
    }
    let owned = sys::initialize(level).is_some();
    let (level, thread) = (sys::thread_level(), thread::current().id());
    let started = Started { plan, owned, level, thread, universe: None };
    let world_size = Communicator::world().size().map_err(|error| error.to_string())?;
    let said = |name: &str| sizes.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone());
    environment::check_world(&started.plan.implementation, &said, usize::try_from(world_size).unwrap_or(0))?;
    Ok(started)
}

/// Whether the launcher's processes know each other, in a program that has initialised MPI itself.
pub(crate) fn check_launcher() -> Result<(), String> {
    let implementation = Implementation::parse(&sys::library_version());
    let world = Communicator::world().size().map_err(|error| error.to_string())?;
    environment::check_world(&implementation, &|name| env::var(name).ok(), usize::try_from(world).unwrap_or(0))
}

/// Whether a file of hosts that MPI reads by itself names some.
fn lists_hosts(variable: &dyn Fn(&str) -> Option<String>) -> bool {
    let named = placement::HOST_FILE_VARIABLES.iter().filter_map(|name| variable(name)).map(PathBuf::from);
    let prefix = sys::library_directory().and_then(|directory| directory.parent().map(Path::to_owned));
    let own = placement::HOST_FILES.iter().map(|file| prefix.as_deref().unwrap_or(Path::new("/")).join(file));
    named.chain(own).any(|file| fs::read_to_string(file).is_ok_and(|text| placement::lists_hosts(&text)))
}

/// Whether the machine has no network interface but `lo`.
fn loopback_only() -> bool {
    let Ok(interfaces) = Path::new("/sys/class/net").read_dir() else { return false };
    let mut names = interfaces.flatten().map(|entry| entry.file_name()).peekable();
    names.peek().is_some() && names.all(|name| name == "lo")
}
