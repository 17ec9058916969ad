//! Finds and ends the processes of a launch, also those that moved to other sessions: by a mark in their environment.

use std::fmt;
use std::fs;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// The variable that marks every process of one launch.
pub(super) const MARK: &str = "FUTURES_MPI_TEST_LAUNCH";

/// A process that was still there after its launch had ended. It has been ended since.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOver {
    /// Its process id.
    pub pid: u32,
    /// Its command line.
    pub command: String,
}

impl fmt::Display for LeftOver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {}: {}", self.pid, self.command)
    }
}

/// Sends the signal called `name` (`"TERM"`, `"INT"`, `"KILL"`) to one process; says whether that was possible.
pub fn signal(pid: u32, name: &str) -> bool {
    kill(name, &[pid.to_string()])
}

/// The processes of one launch.
#[derive(Clone, Debug)]
pub(super) struct Tree {
    /// `FUTURES_MPI_TEST_LAUNCH=...`, as it stands in their environment.
    mark: Vec<u8>,
    /// The session and process group that the launch began with.
    session: u32,
}

impl Tree {
    pub(super) fn new(mark: &str, session: u32) -> Tree {
        Tree { mark: format!("{MARK}={mark}").into_bytes(), session }
    }

    /// Every process that lives and carries the mark, or is in the launch's session (its environment may be cleared).
    pub(super) fn processes(&self) -> Vec<LeftOver> {
        let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
        let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        let mut found: Vec<LeftOver> = pids.filter(|&pid| self.contains(pid)).map(describe).collect();
        found.sort_by_key(|process| process.pid);
        found
    }

    /// Sends a signal to the process group that the launch began with.
    pub(super) fn signal_group(&self, name: &str) -> bool {
        kill(name, &[format!("-{}", self.session)])
    }

    /// Waits until no process is left; returns those that are left at the limit.
    pub(super) fn wait_until_empty(&self, limit: Duration) -> Vec<LeftOver> {
        let begin = Instant::now();
        loop {
            let processes = self.processes();
            if processes.is_empty() || begin.elapsed() >= limit {
                return processes;
            }
            sleep(Duration::from_millis(20));
        }
    }

    /// Ends every process by its id, again and again, because they may start others meanwhile.
    pub(super) fn end(&self) {
        for _ in 0..100 {
            let pids: Vec<String> = self.processes().iter().map(|process| process.pid.to_string()).collect();
            if pids.is_empty() {
                return;
            }
            kill("KILL", &pids);
            sleep(Duration::from_millis(20));
        }
    }

    fn contains(&self, pid: u32) -> bool {
        let Some((state, session)) = state_and_session(pid) else { return false };
        let alive = !matches!(state, 'Z' | 'X');
        alive && (session == self.session || self.marks(pid))
    }

    fn marks(&self, pid: u32) -> bool {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment.split(|&byte| byte == 0).any(|variable| variable == self.mark)
    }
}

fn state_and_session(pid: u32) -> Option<(char, u32)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The command's name stands in parentheses, and may itself contain spaces and parentheses.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?.chars().next()?;
    let session = fields.nth(2)?.parse().ok()?;
    Some((state, session))
}

fn describe(pid: u32) -> LeftOver {
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let command = String::from_utf8_lossy(&line).replace('\0', " ").trim_end().to_owned();
    LeftOver { pid, command }
}

fn kill(name: &str, targets: &[String]) -> bool {
    // The shell's own `kill` needs no package and, unlike some others, takes process groups after `--`.
    let status = Command::new("sh")
        .args(["-c", r#"kill -s "$0" -- "$@""#, name])
        .args(targets)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}
