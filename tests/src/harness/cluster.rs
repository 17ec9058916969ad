//! Several hosts on this machine, which `tests/cluster/cluster.sh` makes of network namespaces. They are taken down when
//! the value is dropped, or this process ends.

use super::folder::Folder;
use super::mpi::{self, Kind, Mpi};
use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{self, Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// The variable that names a cluster for its scripts.
const NAME: &str = "FUTURES_MPI_CLUSTER";

/// The variable by which the scripts learn which folder below /tmp all hosts share.
const SHARED: &str = "FUTURES_MPI_CLUSTER_SHARED";

/// With 1, tests fail where no hosts can be made, instead of skipping themselves.
const REQUIRED: &str = "FUTURES_MPI_TEST_REQUIRE_HOSTS";

/// How long the processes of a host may take to vanish.
const VANISH_LIMIT: Duration = Duration::from_secs(5);

/// Hosts h1, h2, ... that are up, on which launches can be [put](super::Launch::on).
#[derive(Debug)]
pub struct Cluster {
    name: String,
    /// Takes the hosts down when its input ends.
    keeper: Child,
    folder: Folder,
}

/// How a launch is put on the hosts of a cluster.
#[derive(Clone, Debug)]
pub(super) struct Placement {
    cluster: String,
    /// As `h1:2,h2:2`.
    places: String,
    /// A folder that all hosts share.
    folder: PathBuf,
}

impl Cluster {
    /// Brings so many hosts up; `None` after having said why that is not possible here.
    ///
    /// With `FUTURES_MPI_TEST_REQUIRE_HOSTS=1` it panics instead.
    pub fn up(hosts: u32) -> Option<Cluster> {
        mpi::mpiexec_or_skip()?;
        if let Err(reason) = check_tools() {
            let required = env::var_os(REQUIRED).is_some_and(|value| value == "1");
            assert!(!required, "no hosts can be made ({reason}), but {REQUIRED}=1 requires them");
            mpi::say_skipped(&format!("no hosts can be made: {reason}"));
            return None;
        }
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("{}-{}", process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let mut keep = Command::new("setsid");
        keep.arg(script("cluster.sh")).arg("keep").env(NAME, &name);
        let keeper = keep.stdin(Stdio::piped()).spawn().expect("`setsid` can be started");
        let cluster = Cluster { name, keeper, folder: Folder::create() };
        cluster.expect(&["up", &hosts.to_string()]);
        Some(cluster)
    }

    /// Cuts a host off, as if its cable were pulled.
    pub fn pull_cable(&self, host: &str) {
        self.expect(&["lose", host, "cable"]);
    }

    /// Cuts a host off and ends all that runs there, as if its power failed.
    pub fn cut_power(&self, host: &str) {
        self.expect(&["lose", host, "power"]);
    }

    /// Gives a host so many more interfaces, before the one that works, over which nobody is reached.
    pub fn add_dead_interfaces(&self, host: &str, count: u32) {
        self.expect(&["dead", host, &count.to_string()]);
    }

    /// Fails if something still runs on a host after a while.
    pub fn expect_nothing_left_on(&self, host: &str) {
        let begin = Instant::now();
        loop {
            let processes = self.expect(&["processes", host]);
            if processes.is_empty() {
                return;
            }
            assert!(begin.elapsed() < VANISH_LIMIT, "{host} still runs:\n{processes}");
            sleep(Duration::from_millis(50));
        }
    }

    pub(super) fn place(&self, places: &str) -> Placement {
        let (cluster, places) = (self.name.clone(), places.to_owned());
        Placement { cluster, places, folder: self.folder.path().to_path_buf() }
    }

    /// What a command of the script prints; it has to succeed.
    fn expect(&self, words: &[&str]) -> String {
        let mut command = Command::new(script("cluster.sh"));
        command.args(words).env(NAME, &self.name).envs(shared_folder().map(|folder| (SHARED, folder)));
        let Output { status, stdout, stderr } = command.stdin(Stdio::null()).output().expect("the script can be run");
        assert!(status.success(), "cluster.sh {}: {}", words.join(" "), String::from_utf8_lossy(&stderr));
        String::from_utf8_lossy(&stdout).into_owned()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

impl Placement {
    /// What stands before the launcher, or before a program that is started alone: it begins on the first host.
    pub(super) fn words_before(&self) -> Vec<OsString> {
        let first = self.places.split([':', ',']).next().unwrap_or_default();
        vec![script("cluster.sh").into(), "on".into(), first.into()]
    }

    /// The options of the launcher; `handed_on` are the variables of the ranks.
    pub(super) fn launcher_arguments(&self, mpi: &Mpi, handed_on: impl Iterator<Item = OsString>) -> Vec<OsString> {
        match mpi.kind {
            Kind::OpenMpi => {
                let places = ["--host", &self.places].map(OsString::from);
                places.into_iter().chain(handed_on.flat_map(|name| [OsString::from("-x"), name])).collect()
            }
            _ => {
                let agent = script("agent.sh");
                let words = ["-launcher".into(), "ssh".into(), "-launcher-exec".into(), agent.into()];
                words.into_iter().chain(["-hosts".into(), self.places.clone().into()]).collect()
            }
        }
    }

    /// The variables of the launch itself.
    pub(super) fn variables(&self) -> Vec<(OsString, OsString)> {
        let pair = |name: &str, value: &str| (OsString::from(name), OsString::from(value));
        vec![
            pair(NAME, &self.cluster),
            // Tests keep files there that all ranks see. Open MPI's own are for each host.
            ("TMPDIR".into(), self.folder.clone().into()),
            pair("OMPI_MCA_orte_tmpdir_base", "/tmp"),
            ("OMPI_MCA_plm_rsh_agent".into(), script("agent.sh").into()),
            // Each "host" would bind its first process to the same core.
            pair("OMPI_MCA_hwloc_base_binding_policy", "none"),
            // Without these, the launcher notices a lost host after 8 minutes.
            pair("OMPI_MCA_oob_tcp_keepalive_time", "6"),
            pair("OMPI_MCA_oob_tcp_keepalive_intvl", "2"),
            pair("OMPI_MCA_oob_tcp_keepalive_probes", "3"),
        ]
    }
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("cluster").join(name)
}

/// The folder below /tmp that the hosts share: where the programs are, if that is there.
fn shared_folder() -> Option<PathBuf> {
    let program = env::current_exe().ok()?;
    let inside = program.strip_prefix("/tmp").ok()?;
    Some(Path::new("/tmp").join(inside.components().next()?))
}

/// Whether this user can make hosts; if not, why.
fn check_tools() -> Result<(), String> {
    let says = |program: &str, argument: &str| {
        let output = Command::new(program).arg(argument).stdin(Stdio::null()).stderr(Stdio::null()).output();
        output.ok().map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    if says("id", "-u").as_deref() != Some("0") {
        return Err("it takes root".to_owned());
    }
    for (program, package) in [("ip", "iproute2"), ("unshare", "util-linux"), ("nsenter", "util-linux")] {
        if says(program, "-V").is_none() {
            return Err(format!("`{program}` is missing, of the package {package}"));
        }
    }
    Ok(())
}
