//! Which MPI the tests run on, found once by asking `mpiexec --version`, and the variables that it needs here.

use std::env;
use std::ffi::OsString;
use std::fmt;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// The families of launchers that differ in their variables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Open MPI: `mpiexec` is orterun (up to 4) or prterun (from 5).
    OpenMpi,
    /// MPICH with the hydra launcher.
    Mpich,
    /// Anything else, Intel MPI for example: nothing is set for it.
    Other,
}

/// The MPI that the launcher belongs to.
#[derive(Clone, Debug)]
pub struct Mpi {
    /// The launcher's path, or its name where it is found on the PATH.
    pub mpiexec: PathBuf,
    /// The family.
    pub kind: Kind,
    /// Major, minor and patch; zeros where the launcher does not say.
    pub version: (u32, u32, u32),
    /// Whether `MPI_Comm_spawn` works: not on MPICH before 4.3 with the device ch4:ucx.
    pub can_spawn: bool,
}

/// The MPI that the tests run on. Panics where there is no launcher: see [`mpiexec_or_skip`].
pub fn mpi() -> &'static Mpi {
    found().as_ref().unwrap_or_else(|reason| panic!("{reason}"))
}

/// The MPI that the tests run on, or `None` after having said that this test is skipped.
///
/// With `FUTURES_MPI_TEST_REQUIRE_MPI=1` it panics instead, so that CI cannot skip everything and stay green.
pub fn mpiexec_or_skip() -> Option<&'static Mpi> {
    match found() {
        Ok(mpi) => Some(mpi),
        Err(reason) => {
            skip(reason);
            None
        }
    }
}

/// Like [`mpiexec_or_skip`], and skips also where this MPI cannot spawn processes.
///
/// An MPI that cannot spawn is a property, not a mistake of the machine: this skips even where MPI is required.
pub fn spawn_or_skip() -> Option<&'static Mpi> {
    let mpi = mpiexec_or_skip()?;
    if !mpi.can_spawn {
        say_skipped(&format!("{mpi} cannot spawn processes"));
        return None;
    }
    Some(mpi)
}

impl Mpi {
    /// The variables that launches need on test machines: few cores, often root in a container.
    pub(super) fn variables(&self, oversubscribe: bool) -> Vec<(&'static str, &'static str)> {
        if self.kind != Kind::OpenMpi {
            return Vec::new();
        }
        let mut variables = vec![
            ("OMPI_ALLOW_RUN_AS_ROOT", "1"),
            ("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1"),
            ("PRTE_ALLOW_RUN_AS_ROOT", "1"),
            ("PRTE_ALLOW_RUN_AS_ROOT_CONFIRM", "1"),
            ("OMPI_MCA_mpi_yield_when_idle", "1"),
        ];
        if oversubscribe {
            variables.extend(OVERSUBSCRIBE);
        }
        if self.version.0 <= 4 {
            // Repeated spawns hang at random without it, and it must already stand in mpiexec's environment.
            variables.push(("EVENT_NOEPOLL", "1"));
        }
        variables
    }

    /// Reads the output of `mpiexec --version`.
    fn parse(mpiexec: PathBuf, text: &str) -> Mpi {
        let kind = if text.contains("OpenRTE") || text.contains("Open MPI") || text.contains("PRRTE") {
            Kind::OpenMpi
        } else if text.contains("HYDRA") || text.contains("MPICH") {
            Kind::Mpich
        } else {
            Kind::Other
        };
        let version = text.lines().find_map(version_in).unwrap_or_default();
        let can_spawn = kind != Kind::Mpich || version >= (4, 3, 0) || !text.contains("ch4:ucx");
        Mpi { mpiexec, kind, version, can_spawn }
    }
}

impl fmt::Display for Mpi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.kind {
            Kind::OpenMpi => "Open MPI",
            Kind::Mpich => "MPICH",
            Kind::Other => "an unknown MPI",
        };
        let (major, minor, patch) = self.version;
        write!(f, "{name} {major}.{minor}.{patch} ({})", self.mpiexec.display())
    }
}

/// The variables that let Open MPI 4 and 5 start more processes than there are cores.
pub(super) const OVERSUBSCRIBE: [(&str, &str); 2] =
    [("OMPI_MCA_rmaps_base_oversubscribe", "1"), ("PRTE_MCA_rmaps_default_mapping_policy", ":oversubscribe")];

fn found() -> &'static Result<Mpi, String> {
    static FOUND: OnceLock<Result<Mpi, String>> = OnceLock::new();
    FOUND.get_or_init(|| find(launcher(|name| env::var_os(name).filter(|value| !value.is_empty()))))
}

fn find((mpiexec, chosen): (PathBuf, bool)) -> Result<Mpi, String> {
    let output = Command::new(&mpiexec).arg("--version").stdin(Stdio::null()).output();
    match output {
        Ok(output) => {
            let text = [output.stdout, output.stderr].concat();
            Ok(Mpi::parse(mpiexec, &String::from_utf8_lossy(&text)))
        }
        // A launcher that was named and is not there is a mistake, which no test should hide by skipping itself.
        Err(error) if chosen => panic!("cannot run the chosen launcher {}: {error}", mpiexec.display()),
        Err(_) => Err("no mpiexec on the PATH".to_owned()),
    }
}

/// The launcher, and whether somebody chose it.
fn launcher(variable: impl Fn(&str) -> Option<OsString>) -> (PathBuf, bool) {
    if let Some(path) = variable("FUTURES_MPI_TEST_MPIEXEC").or_else(|| variable("MPIEXEC")) {
        return (path.into(), true);
    }
    // Programs built by MPICC=mpicc.mpich would be so many singletons under the mpiexec of another MPI.
    if let Some(path) = variable("MPICC").and_then(|mpicc| sibling_of_mpicc(Path::new(&mpicc))) {
        return (path, true);
    }
    (PathBuf::from("mpiexec"), false)
}

fn sibling_of_mpicc(mpicc: &Path) -> Option<PathBuf> {
    let suffix = mpicc.file_name()?.to_str()?.strip_prefix("mpicc")?;
    Some(mpicc.with_file_name(format!("mpiexec{suffix}")))
}

/// The first number of the form `4.1.4` in a line that speaks of a version.
fn version_in(line: &str) -> Option<(u32, u32, u32)> {
    let speaks = ["OpenRTE", "Open MPI", "PRRTE", "Version", "version"].iter().any(|word| line.contains(word));
    let number = line.split([' ', '(', ')', ',', 'v']).find(|word| speaks && is_version(word))?;
    let mut parts = number.split(|c: char| !c.is_ascii_digit()).map(|part| part.parse().unwrap_or(0));
    Some((parts.next()?, parts.next()?, parts.next().unwrap_or(0)))
}

fn is_version(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_digit()) && word.contains('.')
}

fn skip(reason: &str) {
    assert!(
        env::var_os("FUTURES_MPI_TEST_REQUIRE_MPI").is_none_or(|value| value != "1"),
        "{reason}, but FUTURES_MPI_TEST_REQUIRE_MPI=1 requires one"
    );
    say_skipped(reason);
}

/// Writes past the capture of the test runner: a skipped test that looks like a passed one must at least be visible.
pub(super) fn say_skipped(reason: &str) {
    let _ = writeln!(std::io::stderr(), "skipped: {reason}");
}

#[cfg(test)]
mod tests {
    use super::*;

    const HYDRA: &str = "HYDRA build details:\n    Version:                                 VERSION\n    \
        Release Date:                            Thu Apr  7 12:34:45 CDT 2022\n    \
        Configure options:  '--with-device=DEVICE' '--with-ucx=/usr'\n";

    fn parse(text: &str) -> (Kind, (u32, u32, u32), bool) {
        let mpi = Mpi::parse(PathBuf::from("mpiexec"), text);
        (mpi.kind, mpi.version, mpi.can_spawn)
    }

    #[test]
    fn launchers_are_told_apart() {
        let hydra = |version, device| HYDRA.replace("VERSION", version).replace("DEVICE", device);
        let table = [
            ("mpiexec (OpenRTE) 4.1.4\n\nReport bugs to ...".to_owned(), Kind::OpenMpi, (4, 1, 4), true),
            ("mpiexec (Open MPI) 5.0.11\n".to_owned(), Kind::OpenMpi, (5, 0, 11), true),
            ("prterun (PRRTE) 3.0.13rc1\n".to_owned(), Kind::OpenMpi, (3, 0, 13), true),
            (hydra("4.0.2", "ch4:ucx"), Kind::Mpich, (4, 0, 2), false),
            (hydra("4.0.2", "ch4:ofi"), Kind::Mpich, (4, 0, 2), true),
            (hydra("4.3.0b1", "ch4:ucx,ofi"), Kind::Mpich, (4, 3, 0), true),
            (hydra("5.0.2", "ch4:ucx,ofi"), Kind::Mpich, (5, 0, 2), true),
            ("Intel(R) MPI Library for Linux* OS, Version 2021.10".to_owned(), Kind::Other, (2021, 10, 0), true),
            (String::new(), Kind::Other, (0, 0, 0), true),
        ];
        for (text, kind, version, can_spawn) in table {
            assert_eq!(parse(&text), (kind, version, can_spawn), "{text}");
        }
    }

    #[test]
    fn the_launcher_is_chosen_by_variables() {
        let chosen = |pairs: &[(&str, &str)]| {
            launcher(|name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value)))
        };
        assert_eq!(chosen(&[]), (PathBuf::from("mpiexec"), false));
        assert_eq!(chosen(&[("MPICC", "gcc")]), (PathBuf::from("mpiexec"), false));
        assert_eq!(chosen(&[("MPICC", "/o/mpicc.mpich")]), (PathBuf::from("/o/mpiexec.mpich"), true));
        assert_eq!(chosen(&[("MPICC", "mpicc"), ("MPIEXEC", "x")]), (PathBuf::from("x"), true));
        assert_eq!(chosen(&[("MPIEXEC", "x"), ("FUTURES_MPI_TEST_MPIEXEC", "y")]), (PathBuf::from("y"), true));
    }
}
