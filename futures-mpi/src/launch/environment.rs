//! Which MPI this is, how the process was started, and what has to be set or refused because of it. Pure: it is told
//! what there is, and returns decisions; [`start`](crate::launch::start) looks and acts.

use crate::launch::implementation::Implementation;
use crate::launch::placement::{is_placed, names_hosts};
use crate::liveness::Setting;
use crate::sys::ThreadLevel;
use std::path::{Path, PathBuf};

/// The variable that chooses the thread level to ask for.
pub(crate) const THREAD_LEVEL_VARIABLE: &str = "FUTURES_MPI_THREAD_LEVEL";

/// The variables by which a launcher tells a process its place.
const LAUNCHER_VARIABLES: [&str; 6] =
    ["OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK", "PMI_SIZE", "PMI_FD", "PMI_PORT"];

/// The variables by which a launcher tells how many processes it started.
pub(crate) const SIZE_VARIABLES: [&str; 2] = ["OMPI_COMM_WORLD_SIZE", "PMI_SIZE"];

/// The variables that show that several nodes may be there, though no launcher is.
const ALLOCATION_VARIABLES: [&str; 6] =
    ["SLURM_JOB_ID", "PBS_NODEFILE", "LSB_HOSTS", "LSB_DJOB_HOSTFILE", "PE_HOSTFILE", "HYDRA_HOST_FILE"];

/// Where the system keeps shared memory.
pub(crate) const SHARED_MEMORY: &str = "/dev/shm";

/// How much of that a process takes from the start, where UCX uses it: measured 4.2 MiB.
pub(crate) const SHARED_MEMORY_OF_PROCESS: u64 = 9 << 19;

/// There is room for so many processes, or they are kept out of [`SHARED_MEMORY`].
const PROCESSES_IN_SHARED_MEMORY: u64 = 256;

/// The variable by which libfabric, below MPICH, is told its transport, and the one by shared memory.
const PROVIDER: &str = "FI_PROVIDER";
const IN_MEMORY: &str = "shm";

/// How Intel MPI says its name.
const INTEL_MPI: &str = "Intel(R) MPI Library";

/// What there is, for [`plan`] to decide on.
pub(crate) struct Situation<'a> {
    /// What `MPI_Get_library_version` gives.
    pub(crate) version: &'a str,
    /// The value of an environment variable.
    pub(crate) variable: &'a dyn Fn(&str) -> Option<String>,
    /// Whether the process belongs to root.
    pub(crate) root: bool,
    /// Whether the machine has no network interface but `lo`.
    pub(crate) loopback_only: bool,
    /// The directory of the MPI library.
    pub(crate) library_directory: Option<PathBuf>,
    /// The directory for temporary files.
    pub(crate) temporary_directory: PathBuf,
    /// The bytes that are free for shared memory, in [`SHARED_MEMORY`], if that is there.
    pub(crate) shared_memory_bytes: Option<u64>,
    /// Whether a file of hosts that MPI reads by itself names some.
    pub(crate) lists_hosts: bool,
    /// The file behind a path, links resolved, if it exists.
    pub(crate) resolve: &'a dyn Fn(&Path) -> Option<PathBuf>,
}

/// What follows from a [`Situation`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Which MPI this is.
    pub(crate) implementation: Implementation,
    /// Whether this process was started by itself, without `mpiexec` or the like.
    pub(crate) singleton: bool,
    /// Whether nothing says that other nodes are there: started by itself, outside the allocation of a batch system, and
    /// without a file of hosts.
    pub(crate) one_node: bool,
    /// The variables to set before MPI is initialised; none of them is set now, but for `PATH`, which is extended.
    pub(crate) variables: Vec<(&'static str, String)>,
    /// Keys and values for `MPI_Comm_spawn`, unless the user says where the workers are to run.
    pub(crate) spawn_info: Vec<(&'static str, &'static str)>,
    /// To what workers are bound, unless the user says it; none where that is left to MPI.
    pub(crate) binding: Option<String>,
    /// Whether workers can be spawned; if not, why, and what to do instead.
    pub(crate) spawning: Result<(), String>,
}

/// The info key by which a user says to what workers are bound.
const BINDING_KEY: &str = "bind_to";

/// The variables by which a user says that to Open MPI 4, `mpiexec --bind-to` among them, and to Open MPI 5.
const BINDING_VARIABLE: &str = "OMPI_MCA_hwloc_base_binding_policy";
const BINDING_VARIABLE_OF_5: &str = "PRTE_MCA_hwloc_default_binding_policy";

/// Whether a user has said to what workers are bound; cores for each of them do, because only a binding gives them.
fn is_bound(info: &[(String, String)]) -> bool {
    info.iter().any(|(key, value)| key == BINDING_KEY || value.to_lowercase().contains("pe="))
}

/// To what spawned workers are bound. Open MPI would bind each to a core, where there are few of them, and threads in
/// tasks would share it.
fn binding(situation: &Situation<'_>, implementation: &Implementation, singleton: bool) -> Option<String> {
    let variable = match implementation {
        Implementation::OpenMpi { major: ..=4, .. } => BINDING_VARIABLE,
        // Under its launcher nothing tells whether the user has said something.
        Implementation::OpenMpi { .. } if singleton => BINDING_VARIABLE_OF_5,
        _ => return None,
    };
    // Alone, Open MPI 4 does not look at the variable.
    Some((situation.variable)(variable).filter(|value| !value.is_empty()).unwrap_or_else(|| "none".to_owned()))
}

impl Plan {
    /// The user's keys and values for `MPI_Comm_spawn` and those that follow from the situation.
    pub(crate) fn with_spawn_info(&self, mut info: Vec<(String, String)>) -> Vec<(String, String)> {
        let binding = self.binding.iter().filter(|_| !is_bound(&info)).cloned();
        let binding: Vec<_> = binding.map(|binding| (BINDING_KEY.to_owned(), binding)).collect();
        if !is_placed(&info) {
            info.extend(self.spawn_info.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
        }
        info.extend(binding);
        info
    }

    /// Whether workers that are spawned with these keys and values are on the host of this process.
    pub(crate) fn spawns_here(&self, info: &[(String, String)]) -> bool {
        self.one_node && !names_hosts(info)
    }

    /// Refuses hosts that cannot be reached by the way that was chosen before they were named.
    pub(crate) fn check_hosts(&self, info: &[(String, String)]) -> Result<(), String> {
        if !names_hosts(info) || !self.variables.iter().any(|(name, value)| *name == PROVIDER && value == IN_MEMORY) {
            return Ok(());
        }
        Err(format!(
            "mpi_info names hosts, but this program was started alone, so MPI was told to use shared memory \
             ({PROVIDER}={IN_MEMORY}), which reaches no other host. Set {PROVIDER}=tcp in the program's environment, or \
             start it by mpiexec -n 1 with a list of the hosts"
        ))
    }
}

/// Decides what to set for this MPI and whether it can spawn.
///
/// What the user has set stays as it is, and what would keep processes from reaching another node is set only for a
/// process that was started alone and outside the allocation of a batch system.
pub(crate) fn plan(situation: &Situation<'_>) -> Plan {
    let is_set = |name: &&str| (situation.variable)(name).is_some();
    let implementation = Implementation::parse(situation.version);
    let singleton = !LAUNCHER_VARIABLES.iter().any(is_set);
    let allocated = ALLOCATION_VARIABLES.iter().any(is_set);
    let one_node = singleton && !allocated && !situation.lists_hosts;
    // A container has 64 MiB there if nobody asks for more.
    let ample = PROCESSES_IN_SHARED_MEMORY * SHARED_MEMORY_OF_PROCESS;
    let little_shared_memory = situation.shared_memory_bytes.is_some_and(|bytes| bytes < ample);
    let tools = singleton.then(|| tools_directory(situation, &implementation)).flatten();

    let mut wanted: Vec<(&'static str, String)> = Vec::new();
    let mut want = |name, value: &str| wanted.push((name, value.to_owned()));
    match &implementation {
        Implementation::OpenMpi { major: 5.., .. } => {
            // Opening the one-sided transport over libfabric takes a second in every start; messages do not use it.
            want("OMPI_MCA_btl", "^ofi");
            if singleton {
                if situation.root {
                    want("PRTE_ALLOW_RUN_AS_ROOT", "1");
                    want("PRTE_ALLOW_RUN_AS_ROOT_CONFIRM", "1");
                }
                if let Some(prefix) = tools.as_deref().and_then(Path::parent) {
                    want("OPAL_PREFIX", &prefix.to_string_lossy());
                }
                // In the default place, /dev/shm, a file of 16 MiB is left behind by every run.
                want("OMPI_MCA_btl_sm_backing_directory", &situation.temporary_directory.to_string_lossy());
            }
            if one_node {
                want("OMPI_MCA_mtl", "^ofi");
            }
        }
        Implementation::OpenMpi { .. } if singleton => {
            if situation.root {
                want("OMPI_ALLOW_RUN_AS_ROOT", "1");
                want("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1");
            }
            // The prefix that it was built for may be another: that of a package that was moved.
            if let Some(prefix) = tools.as_deref().and_then(Path::parent) {
                want("OPAL_PREFIX", &prefix.to_string_lossy());
            }
            want("OMPI_MCA_rmaps_base_oversubscribe", "1");
            // Without it, spawns that follow one another hang now and then.
            want("EVENT_NOEPOLL", "1");
            // Without it, the death of one worker is the death of all. Open MPI tells nobody of it, the liveness
            // connection does.
            if (situation.variable)(Setting::VARIABLE).as_deref() != Some("0") {
                want(RECOVERY_VARIABLE, "1");
            }
            if one_node {
                // UCX, where it is built in, serves spawned workers by shared memory: 0.4 instead of 13 microseconds.
                want("OMPI_MCA_opal_common_ucx_tls", "any");
                want("OMPI_MCA_opal_common_ucx_devices", "any");
                want("OMPI_MCA_pml", "^cm");
                if little_shared_memory && (situation.variable)("UCX_POSIX_DIR").is_none() {
                    // UCX shares the same memory by segments of System V, which have no size of their own.
                    want("UCX_TLS", "^posix");
                }
            }
        }
        Implementation::Mpich { device, .. } => {
            if device.contains("ucx") && device.contains("ofi") {
                // Spawned workers lose their first message over UCX now and then.
                want("MPIR_CVAR_CH4_NETMOD", "ofi");
            }
            if one_node && device.contains("ofi") && !little_shared_memory {
                // Shared memory, for spawned workers too: 2 instead of 20 microseconds.
                want(PROVIDER, IN_MEMORY);
            }
        }
        // Without it, a program that spawns ends with a segmentation fault.
        Implementation::Other(name) if name.starts_with(INTEL_MPI) => want("I_MPI_SPAWN", "on"),
        Implementation::OpenMpi { .. } | Implementation::Other(_) => {}
    }
    if singleton && situation.loopback_only && matches!(implementation, Implementation::OpenMpi { .. }) {
        // Open MPI leaves `lo` out, and then finds no way at all to spawned workers.
        want("OMPI_MCA_btl_tcp_if_include", "lo");
    }

    let mut variables: Vec<_> = wanted.into_iter().filter(|(name, _)| !is_set(name)).collect();
    let path = (situation.variable)("PATH").unwrap_or_default();
    let path = match tools {
        Some(tools) if path.split(':').next() != Some(&*tools.to_string_lossy()) => {
            let path = format!("{}:{path}", tools.display());
            variables.push(("PATH", path.clone()));
            path
        }
        _ => path,
    };
    // Outside a batch system's allocation, who asks for more workers than the machine has cores shall have them.
    let spawn_info = match &implementation {
        Implementation::OpenMpi { .. } if !singleton && !allocated => vec![("map_by", "slot:oversubscribe")],
        _ => Vec::new(),
    };
    let binding = binding(situation, &implementation, singleton);
    let spawning = can_spawn(situation, &implementation, singleton, &path);
    Plan { implementation, singleton, one_node, variables, spawn_info, binding, spawning }
}

/// The `bin` beside the MPI library, if the program that this MPI starts in a singleton is there.
fn tools_directory(situation: &Situation<'_>, implementation: &Implementation) -> Option<PathBuf> {
    let tool = match implementation {
        Implementation::OpenMpi { major: 5.., .. } => "prte",
        Implementation::OpenMpi { .. } => "orted",
        Implementation::Mpich { .. } => "mpiexec",
        Implementation::Other(_) => return None,
    };
    let bin = situation.library_directory.as_ref()?.parent()?.join("bin");
    (situation.resolve)(&bin.join(tool))?;
    Some(bin)
}

/// Whether workers can be spawned; if not, why, and what to do instead.
fn can_spawn(
    situation: &Situation<'_>,
    implementation: &Implementation,
    singleton: bool,
    path: &str,
) -> Result<(), String> {
    let Implementation::Mpich { major, minor, device } = implementation else { return Ok(()) };
    let version = (*major, *minor);
    let instead = "start the program with its workers instead: mpiexec -n N PROGRAM";
    if device.contains("ucx") && !device.contains("ofi") && version < (4, 3) {
        return Err(format!("{implementation} cannot spawn processes (over UCX, MPICH can from 4.3 on); {instead}"));
    }
    if !singleton {
        return Ok(());
    }
    if version < (4, 1) {
        return Err(format!(
            "{implementation} cannot spawn processes from a program that was started without mpiexec (MPICH can from \
             4.1 on); {instead}"
        ));
    }
    // Such a program starts the first mpiexec on the PATH, and waits for ever if that is not MPICH's.
    let found = path.split(':').find_map(|directory| (situation.resolve)(&Path::new(directory).join("mpiexec")));
    let Some(found) = found else {
        return Err(format!(
            "{implementation} needs its own mpiexec on the PATH to spawn processes from a program that was started \
             without it, and there is none; extend the PATH, or {instead}"
        ));
    };
    let name = found.file_name().unwrap_or_default().to_string_lossy();
    if ["orterun", "prterun", "prte", "mpirun.openmpi", "mpiexec.openmpi"].contains(&&*name) {
        return Err(format!(
            "{implementation} needs its own mpiexec on the PATH to spawn processes from a program that was started \
             without it, but the first one there is Open MPI's ({}); change the PATH, or {instead}",
            found.display()
        ));
    }
    Ok(())
}

/// How many processes the launcher has room for: what MPI says, which must not be asked in an MPICH singleton; under
/// MPICH's `mpiexec` also the variable that is documented for it, of which not every version tells its processes.
pub(crate) fn universe_size(
    plan: &Plan,
    ask: impl FnOnce() -> Option<usize>,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Option<usize> {
    match &plan.implementation {
        Implementation::Mpich { .. } if plan.singleton => None,
        Implementation::Mpich { .. } => ask().or_else(|| variable("MPIEXEC_UNIVERSE_SIZE")?.trim().parse().ok()),
        _ => ask(),
    }
}

/// How many workers a program of `world` processes spawns if nobody says it: as many as there is room for.
pub(crate) fn default_workers(universe: Option<usize>, world: usize) -> usize {
    universe.map_or(1, |universe| universe.saturating_sub(world)).max(1)
}

/// Whether Open MPI's `mpiexec` surely has no room for `count` more processes: it would refuse them, and then, up to
/// Open MPI 4, never end. `universe` and `world` are the sizes that MPI tells; `configured` are the texts of Open MPI's
/// own files of parameters.
pub(crate) fn check_room(
    plan: &Plan,
    variable: &dyn Fn(&str) -> Option<String>,
    configured: &[String],
    info: &[(String, String)],
    (universe, world, count): (Option<usize>, usize, usize),
) -> Result<(), String> {
    let Some(universe) = universe else { return Ok(()) };
    if !launcher_waits_after_refusal(plan) || universe >= world + count {
        return Ok(());
    }
    let oversubscribes = |text: &str| text.to_lowercase().contains("oversubscribe");
    let allowed = is_placed(info)
        || variable("OMPI_MCA_rmaps_base_oversubscribe").is_some()
        || variable("OMPI_MCA_rmaps_base_mapping_policy").is_some_and(|text| oversubscribes(&text))
        || configured
            .iter()
            .flat_map(|text| text.lines())
            .any(|line| !line.trim().starts_with('#') && oversubscribes(line));
    if allowed {
        return Ok(());
    }
    Err(format!("mpiexec has room for {universe} processes, and {world} of them are already running"))
}

/// The variable by which Open MPI 4 is told to let the others live when a process dies.
const RECOVERY_VARIABLE: &str = "OMPI_MCA_orte_enable_recovery";

/// Whether the launcher of this process lets it live when others die, its master among them.
pub(crate) fn lets_workers_live() -> bool {
    std::env::var_os(RECOVERY_VARIABLE).is_some_and(|value| value != "0")
}

/// The variable by which Open MPI 5 is told to let the others live when a process dies.
const FAULT_TOLERANCE_VARIABLE: &str = "OMPI_MCA_mpi_ft_enable";

/// Whether Open MPI 5 lets this process live when others die.
pub(crate) fn tolerates_faults() -> bool {
    std::env::var_os(FAULT_TOLERANCE_VARIABLE).is_some_and(|value| value != "0" && value != "false")
}

/// Whether this launcher does not end any more after it has refused to spawn; a non-zero exit status still ends it.
pub(crate) fn launcher_waits_after_refusal(plan: &Plan) -> bool {
    !plan.singleton && matches!(plan.implementation, Implementation::OpenMpi { major: ..=4, .. })
}

/// Which thread level to ask for, by the value of [`THREAD_LEVEL_VARIABLE`].
pub(crate) fn thread_level(value: Option<&str>) -> Result<ThreadLevel, String> {
    match value {
        None | Some("") | Some("multiple") => Ok(ThreadLevel::Multiple),
        Some("serialized") => Ok(ThreadLevel::Serialized),
        Some("funneled") => Ok(ThreadLevel::Funneled),
        Some("single") => Ok(ThreadLevel::Single),
        Some(other) => {
            Err(format!("{THREAD_LEVEL_VARIABLE} is {other:?}; accepted are single, funneled, serialized and multiple"))
        }
    }
}

/// Finds out whether the launcher's processes do not know each other, because it belongs to another MPI.
pub(crate) fn check_world(
    implementation: &Implementation,
    variable: &dyn Fn(&str) -> Option<String>,
    world_size: usize,
) -> Result<(), String> {
    if world_size != 1 {
        return Ok(());
    }
    for name in SIZE_VARIABLES {
        let started = variable(name).and_then(|value| value.trim().parse::<usize>().ok()).unwrap_or(1);
        if started > 1 {
            return Err(format!(
                "{started} processes were started ({name} says so), but each is alone in its MPI_COMM_WORLD: the \
                 program was built for {implementation} and was started by the mpiexec of another MPI; start it with \
                 the mpiexec of its own MPI, or rebuild it with MPICC naming the mpicc of the other"
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
