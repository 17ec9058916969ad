//! One run of the suite by a process of its own, and what became of each promise in it.

use crate::harness::{Launch, Outcome};
use std::collections::HashMap;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

/// All promises take a minute or three; this is for a slow machine that does something else as well. A promise that hangs
/// ends the run earlier.
const LIMIT: Duration = Duration::from_secs(1500);

/// The name of the test of a run as a whole, beside those of its promises.
pub const WELL: &str = "the_run_ends_well";

/// How the suite is run by a process of its own.
pub struct Run {
    name: &'static str,
    /// Describes how to start it, unless that is not possible here, which it says.
    launch: fn() -> Option<Launch>,
    said: &'static str,
    not_said: Option<&'static str>,
    /// The promises that are asked for; if none, all.
    asked: Vec<&'static str>,
    /// Filled in by the first thread that asks for a verdict.
    verdicts: OnceLock<Option<Verdicts>>,
}

/// What became of the promises of a run.
struct Verdicts {
    /// Each by its name: kept, or the reason why not.
    promises: HashMap<String, Result<(), String>>,
    /// Why the run as a whole was not as it has to be.
    failure: Option<String>,
    /// All about the launch, for the first that fails.
    report: Mutex<Option<String>>,
}

impl Run {
    /// A run of all promises with this name, such as `threads_3`; `launch` gives nothing where it cannot be started.
    pub fn new(name: &'static str, launch: fn() -> Option<Launch>) -> Self {
        // What a callback says that panics, in one of the promises.
        let said = "a callback has had enough";
        Run { name, launch, said, not_said: None, asked: Vec::new(), verdicts: OnceLock::new() }
    }

    /// What some process has to say in a run of all promises.
    pub fn saying(self, said: &'static str) -> Self {
        Run { said, ..self }
    }

    /// What no process may say.
    pub fn not_saying(self, not_said: &'static str) -> Self {
        Run { not_said: Some(not_said), ..self }
    }

    /// Checks only those promises, by the names of their tests, for which `is_asked` holds.
    pub fn asking(self, is_asked: impl Fn(&str) -> bool) -> Self {
        if is_asked(&self.test(WELL)) {
            return self;
        }
        let asked = super::all().map(|promise| promise.name).filter(|name| is_asked(&self.test(name))).collect();
        Run { asked, ..self }
    }

    /// The name of the test of one promise in this run.
    pub fn test(&self, promise: &str) -> String {
        format!("{}::{promise}", self.name)
    }

    /// What became of a promise: `None` if nothing can be run here, else why it was not kept.
    pub fn verdict(&self, promise: &str) -> Option<Result<(), String>> {
        let verdicts = self.verdicts()?;
        let not_reached = || Err(format!("the run ended before it had come so far; {} says how", self.test(WELL)));
        let verdict = verdicts.promises.get(promise).cloned().unwrap_or_else(not_reached);
        Some(verdict.map_err(|reason| verdicts.with_report(reason)))
    }

    /// Whether the run as a whole ended well: `None` if nothing can be run here, else why not.
    pub fn end(&self) -> Option<Result<(), String>> {
        let verdicts = self.verdicts()?;
        Some(verdicts.failure.clone().map_or(Ok(()), |failure| Err(verdicts.with_report(failure))))
    }

    fn verdicts(&self) -> Option<&Verdicts> {
        let run = || {
            let launch = (self.launch)()?.args(self.asked.iter().copied());
            Some(self.judge(&launch.mostly_waits().limit(LIMIT).run()))
        };
        self.verdicts.get_or_init(run).as_ref()
    }

    fn judge(&self, outcome: &Outcome) -> Verdicts {
        let checks = panic::catch_unwind(AssertUnwindSafe(|| {
            outcome.expect_success();
            if self.asked.is_empty() {
                outcome.expect_said(self.said);
            }
            if let Some(not_said) = self.not_said {
                outcome.expect_not_said(not_said);
            }
        }));
        let report = checks.err().map(|payload| super::message_of(&*payload).to_owned());
        let failure = report.as_ref().map(|report| report.lines().next().unwrap_or_default().to_owned());
        // The root of a communicator may be any rank.
        let outputs = outcome.ranks.iter().map(|rank| &rank.stdout).chain([&outcome.launcher_stdout]);
        Verdicts { promises: outputs.flat_map(|output| read(output)).collect(), failure, report: Mutex::new(report) }
    }
}

impl Verdicts {
    /// The reason, and the report of the launch unless it has been given.
    fn with_report(&self, reason: String) -> String {
        let report = self.report.lock().unwrap_or_else(PoisonError::into_inner).take();
        report.map(|report| format!("{reason}\n{report}")).unwrap_or(reason)
    }
}

/// Reads what [`run`](super::run) has printed.
fn read(output: &str) -> HashMap<String, Result<(), String>> {
    let mut promises = HashMap::new();
    let mut begun: Option<&str> = None;
    let mut lines = output.lines().peekable();
    while let Some(line) = lines.next() {
        if let Some(broken) = line.strip_prefix("BROKEN ")
            && let Some((name, reason)) = broken.split_once(": ")
        {
            let mut reason = reason.to_owned();
            while let Some(more) = lines.next_if(|line| !line.starts_with("BROKEN ")) {
                reason = reason + "\n" + more;
            }
            promises.insert(name.to_owned(), Err(reason));
        } else if let Some(name) = line.strip_suffix(" ...") {
            begun = Some(name);
        } else if let Some(name) = begun
            && let Some(word) = line.strip_prefix(name)
        {
            begun = None;
            let kept = word.starts_with(" kept,");
            promises.insert(name.to_owned(), if kept { Ok(()) } else { Err("it is broken".to_owned()) });
        }
    }
    if let Some(name) = begun {
        promises.insert(name.to_owned(), Err("the run ended while it was being checked".to_owned()));
    }
    promises
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_promise_gets_what_the_run_says_of_it() {
        let output = "\
            a ...\n\
            something that a task prints\n\
            a kept, 0.001 s\n\
            b ...\n\
            b BROKEN, 0.100 s\n\
            1 promises kept, 1 broken, with 2 workers\n\
            BROKEN b: left is not right:\n\
            1, 2\n";
        let promises = read(output);
        assert_eq!(promises["a"], Ok(()));
        assert_eq!(promises["b"], Err("left is not right:\n1, 2".to_owned()));
        assert_eq!(promises.len(), 2);
    }

    #[test]
    fn a_promise_in_which_the_run_ends_is_not_kept() {
        assert!(read("a ...\na kept, 1 s\nb ...\n")["b"].is_err());
    }
}
