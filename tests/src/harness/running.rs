//! A launch that has been started: wait for it, look at it, send it signals.

use super::folder::Folder;
use super::guard::Guard;
use super::outcome::{End, Outcome, RankOutput};
use super::plan::Plan;
use super::tree::{LeftOver, Tree, signal};
use super::turn::Turn;
use std::process::{Child, ExitStatus};
use std::rc::Rc;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long the processes of a launch may take to vanish after the launched process has ended.
const VANISH_LIMIT: Duration = Duration::from_secs(4);

/// How long a launch may take to end itself after TERM at its limit.
const TERM_LIMIT: Duration = Duration::from_secs(2);

const POLL: Duration = Duration::from_millis(10);

/// A launch that has been started. Everything it started is ended when this value is dropped.
#[derive(Debug)]
#[must_use = "dropping it ends the launch; `wait` says how it went"]
pub struct Running {
    plan: Plan,
    /// Present until the outcome takes it.
    folder: Option<Folder>,
    child: Child,
    tree: Tree,
    /// Whether the launched process has been waited for: its id may belong to somebody else from then on.
    reaped: bool,
    _guard: Guard,
    turn: Option<Rc<Turn>>,
    begin: Instant,
    limit: Duration,
}

impl Running {
    #[expect(clippy::too_many_arguments, reason = "the parts of the value, from one caller")]
    pub(super) fn new(
        plan: Plan,
        folder: Folder,
        child: Child,
        tree: Tree,
        guard: Guard,
        turn: Option<Rc<Turn>>,
        begin: Instant,
        limit: Duration,
    ) -> Running {
        Running { plan, folder: Some(folder), child, tree, reaped: false, _guard: guard, turn, begin, limit }
    }

    /// The id of the launched process: of `mpiexec`, or of the program where there is no launcher.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal, `"TERM"` for example, to the launched process only.
    pub fn signal(&self, name: &str) {
        assert!(signal(self.pid(), name), "cannot send {name} to process {}", self.pid());
    }

    /// Sends a signal to the launch's process group, as Ctrl-C in a terminal does with `"INT"`.
    pub fn signal_group(&self, name: &str) {
        assert!(self.tree.signal_group(name), "cannot send {name} to process group {}", self.pid());
    }

    /// Every process of the launch that lives now, wherever it moved.
    pub fn processes(&self) -> Vec<LeftOver> {
        self.tree.processes()
    }

    /// Whether the launched process is still there.
    pub fn is_running(&mut self) -> bool {
        self.try_wait().is_none()
    }

    /// Waits until any process has said `text`; panics with the report if the launch ends or the limit passes before.
    pub fn wait_until_said(&mut self, text: &str) {
        loop {
            let ended = self.try_wait().is_some();
            if self.outputs_contain(text) {
                return;
            }
            if ended || self.begin.elapsed() >= self.limit {
                self.finish().fail(&format!("no process said {text:?}"));
            }
            sleep(POLL);
        }
    }

    /// Waits until everything has ended, by itself or at the limit.
    pub fn wait(mut self) -> Outcome {
        self.finish()
    }

    pub(super) fn turn(&self) -> Option<Rc<Turn>> {
        self.turn.clone()
    }

    fn finish(&mut self) -> Outcome {
        let status = self.wait_until(self.begin + self.limit);
        let limit_passed = status.is_none();
        let launcher_hangs = limit_passed && self.only_launcher_is_left();
        let status = status.unwrap_or_else(|| self.end_group());
        let duration = self.begin.elapsed();
        let left_over = self.tree.wait_until_empty(if limit_passed { Duration::ZERO } else { VANISH_LIMIT });
        self.tree.end();
        let folder = self.folder.take().expect("a launch is finished once");
        Outcome {
            end: End::of(status),
            limit_passed,
            launcher_hangs,
            duration,
            limit: self.limit,
            left_over,
            command_line: self.plan.line(),
            launcher_stdout: folder.read("launcher.out"),
            launcher_stderr: folder.read("launcher.err"),
            ranks: (0..self.plan.ranks).map(|rank| RankOutput::read(rank, &folder)).collect(),
            folder,
            reported: false.into(),
        }
    }

    fn only_launcher_is_left(&self) -> bool {
        self.plan.ranks > 0 && self.processes().iter().all(|process| process.pid == self.pid())
    }

    fn wait_until(&mut self, time: Instant) -> Option<ExitStatus> {
        loop {
            let status = self.try_wait();
            if status.is_some() || Instant::now() >= time {
                return status;
            }
            sleep(POLL);
        }
    }

    /// TERM, so that a launcher can end its ranks, then KILL.
    fn end_group(&mut self) -> ExitStatus {
        self.tree.signal_group("TERM");
        let status = self.wait_until(Instant::now() + TERM_LIMIT);
        self.tree.signal_group("KILL");
        status.unwrap_or_else(|| {
            self.reaped = true;
            self.child.wait().expect("a started process can be waited for")
        })
    }

    fn try_wait(&mut self) -> Option<ExitStatus> {
        let status = self.child.try_wait().expect("a started process can be waited for");
        self.reaped |= status.is_some();
        status
    }

    fn outputs_contain(&self, text: &str) -> bool {
        let Some(folder) = &self.folder else { return false };
        let ranks = (0..self.plan.ranks).map(|rank| format!("rank.{rank}"));
        let mut names = ranks.chain(["launcher".to_owned()]);
        names.any(|name| [".out", ".err"].iter().any(|end| folder.read(&format!("{name}{end}")).contains(text)))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.reaped {
            self.tree.signal_group("KILL");
            let _ = self.child.wait();
        }
        if self.folder.is_some() {
            self.tree.end();
        }
    }
}
