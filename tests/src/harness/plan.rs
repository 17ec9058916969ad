//! The command line and the variables of one launch, ready to be started, and to be printed for repeating it by hand.

use super::mpi::OVERSUBSCRIBE;
use super::tree::MARK;
use std::env;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Everything that distinguishes one launch from another.
#[derive(Clone, Debug, Default)]
pub(super) struct Plan {
    /// What stands before all else, to start it on another host.
    pub(super) before: Vec<OsString>,
    /// The launcher and its options; empty where the program is started directly.
    pub(super) launcher: Vec<OsString>,
    /// The program and its arguments.
    pub(super) program: Vec<OsString>,
    /// How many ranks the launcher starts; zero where there is none.
    pub(super) ranks: u32,
    /// Variables to set, later ones win.
    pub(super) set: Vec<(OsString, OsString)>,
    /// Variables to remove.
    pub(super) removed: Vec<OsString>,
    /// Nothing is inherited but what a process cannot do without.
    pub(super) clean: bool,
    pub(super) directory: Option<PathBuf>,
    /// What stands on standard input; nothing is said about it in the line to repeat the launch.
    pub(super) input: Option<Vec<u8>>,
}

/// What a process keeps in a clean environment. Some MPIs cannot even be loaded without the library path.
const KEPT: [&str; 3] = ["PATH", "HOME", "LD_LIBRARY_PATH"];

/// Sends what a rank says into the folder `$0`'s files, by whichever variable this launcher numbers its ranks.
const RANK_SCRIPT: &str = r#"rank=${OMPI_COMM_WORLD_RANK:-${PMIX_RANK:-${PMI_RANK:-unknown}}}
exec "$@" >"${0%/*}/rank.$rank.out" 2>"${0%/*}/rank.$rank.err"
"#;

/// What keeps the pipes to the launcher open: without them Open MPI takes a rank for one that is done, and gives it no
/// more input.
const KEEP_PIPES: &str = "exec 3>&1 4>&2\n";

impl Plan {
    /// The process to start: in its own session, marked, its outputs in files of `folder`.
    pub(super) fn command(&self, folder: &Path, mark: &str) -> Command {
        let mut command = Command::new("setsid");
        command.args(&self.before);
        if !self.launcher.is_empty() {
            let script = folder.join("rank.sh");
            let first = if self.input.is_some() { KEEP_PIPES } else { "" };
            std::fs::write(&script, [first, RANK_SCRIPT].concat()).expect("the launch's folder can be written");
            command.args(&self.launcher).arg("sh").arg(script);
        }
        let input = self.input.as_ref().map_or_else(Stdio::null, |input| {
            let path = folder.join("launcher.in");
            std::fs::write(&path, input).expect("the launch's folder can be written");
            File::open(path).expect("it was written").into()
        });
        command.args(&self.program).stdin(input).stdout(file(folder, "out")).stderr(file(folder, "err"));
        if self.clean {
            command.env_clear().envs(kept());
        }
        for name in self.variables_to_remove() {
            command.env_remove(name);
        }
        command.envs(self.set.iter().map(|(name, value)| (name, value))).env(MARK, mark);
        if let Some(directory) = &self.directory {
            command.current_dir(directory);
        }
        command
    }

    /// The line that does the same in a shell, its outputs on the terminal.
    pub(super) fn line(&self) -> String {
        let mut words: Vec<String> = Vec::new();
        if let Some(directory) = &self.directory {
            words.extend(["cd".to_owned(), quoted(directory.as_os_str()), "&&".to_owned()]);
        }
        words.push("env".to_owned());
        if self.clean {
            words.push("-i".to_owned());
            words.extend(kept().map(|(name, value)| assignment(name.as_ref(), &value)));
        } else {
            words.extend(self.variables_to_remove().iter().flat_map(|name| ["-u".to_owned(), quoted(name)]));
        }
        words.extend(self.set.iter().map(|(name, value)| assignment(name, value)));
        words.extend(self.before.iter().chain(&self.launcher).chain(&self.program).map(|word| quoted(word)));
        words.join(" ")
    }

    /// The asked ones, and what another launcher left if the tests themselves run in an MPI job.
    fn variables_to_remove(&self) -> Vec<OsString> {
        let inherited = env::vars_os().map(|(name, _)| name).filter(|name| is_of_another_launch(name));
        self.removed.iter().cloned().chain(inherited).collect()
    }

    /// Removes the permission to start more processes than there are slots.
    pub(super) fn forbid_oversubscription(&mut self) {
        self.removed.extend(OVERSUBSCRIBE.iter().map(|(name, _)| OsString::from(name)));
    }
}

fn file(folder: &Path, ending: &str) -> File {
    File::create(folder.join(format!("launcher.{ending}"))).expect("the launch's folder can be written")
}

fn kept() -> impl Iterator<Item = (&'static str, OsString)> {
    KEPT.into_iter().filter_map(|name| Some((name, env::var_os(name)?)))
}

fn is_of_another_launch(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    let settings = ["PMIX_MCA_", "OMPI_MCA_", "PRTE_MCA_"];
    let own = ["PMIX_", "PMI_", "OMPI_COMM_WORLD_", "OMPI_UNIVERSE_SIZE", "HYDI_", "MPI_LOCAL"];
    own.iter().any(|start| name.starts_with(start)) && !settings.iter().any(|start| name.starts_with(start))
}

fn assignment(name: &OsStr, value: &OsStr) -> String {
    format!("{}={}", name.to_string_lossy(), quoted(value))
}

fn quoted(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,+@%^".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.into_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_for_the_shell() {
        let table = [("a/b-c", "a/b-c"), ("", "''"), ("a b", "'a b'"), ("it's", r"'it'\''s'"), ("$HOME", "'$HOME'")];
        for (word, expected) in table {
            assert_eq!(quoted(OsStr::new(word)), expected);
        }
    }

    #[test]
    fn another_launch_is_recognised_by_its_variables_but_settings_stay() {
        for name in ["PMI_RANK", "PMIX_RANK", "OMPI_COMM_WORLD_RANK", "OMPI_UNIVERSE_SIZE"] {
            assert!(is_of_another_launch(OsStr::new(name)), "{name}");
        }
        for name in ["PATH", "OMPI_MCA_pml", "PMIX_MCA_gds", "MPICC"] {
            assert!(!is_of_another_launch(OsStr::new(name)), "{name}");
        }
    }
}
