//! The builder that describes what to start.

use super::cluster::{Cluster, Placement};
use super::folder::Folder;
use super::guard::Guard;
use super::mpi::{Mpi, mpi};
use super::outcome::Outcome;
use super::plan::Plan;
use super::running::Running;
use super::tree::{MARK, Tree};
use super::turn::Turn;
use std::collections::BTreeSet;
use std::env;
use std::ffi::OsString;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// A program to start, and how.
#[derive(Debug)]
#[must_use = "nothing is started before `run` or `start`"]
pub struct Launch {
    mpi: Option<&'static Mpi>,
    ranks: Option<u32>,
    launcher_arguments: Vec<OsString>,
    program: Option<OsString>,
    arguments: Vec<OsString>,
    set: Vec<(OsString, OsString)>,
    removed: Vec<OsString>,
    clean: bool,
    oversubscribe: bool,
    directory: Option<PathBuf>,
    input: Option<Vec<u8>>,
    limit: Duration,
    turn: Option<Rc<Turn>>,
    shares_turn: bool,
    placement: Option<Placement>,
}

impl Launch {
    /// Starts `ranks` processes under `mpiexec`. Panics where there is none.
    pub fn mpiexec(ranks: u32) -> Launch {
        Launch { ranks: Some(ranks), ..Launch::with(Some(mpi())) }
    }

    /// Starts one MPI process without a launcher (a singleton), with the variables of [`Launch::mpiexec`].
    pub fn alone() -> Launch {
        Launch::with(Some(mpi()))
    }

    /// Starts one process that has nothing to do with MPI: no variables are set, and it does not wait for its turn.
    pub fn plain() -> Launch {
        Launch::with(None)
    }

    /// The program to run.
    pub fn program(mut self, program: impl Into<OsString>) -> Launch {
        self.program = Some(program.into());
        self
    }

    /// One more argument of the program.
    pub fn arg(mut self, argument: impl Into<OsString>) -> Launch {
        self.arguments.push(argument.into());
        self
    }

    /// More arguments of the program.
    pub fn args<A: Into<OsString>>(mut self, arguments: impl IntoIterator<Item = A>) -> Launch {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// One more option of the launcher itself, `--enable-recovery` for example.
    pub fn launcher_arg(mut self, argument: impl Into<OsString>) -> Launch {
        self.launcher_arguments.push(argument.into());
        self
    }

    /// Sets a variable, whatever the harness or the environment says.
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Launch {
        self.set.push((name.into(), value.into()));
        self
    }

    /// Removes a variable, also one that the harness would set.
    pub fn env_remove(mut self, name: impl Into<OsString>) -> Launch {
        self.removed.push(name.into());
        self
    }

    /// Inherits nothing but PATH, HOME and LD_LIBRARY_PATH.
    ///
    /// A program that is started alone then has none of the variables that its MPI may need: it must set them itself.
    /// A launcher still gets them, because nobody else can give them to it.
    pub fn clean_environment(mut self) -> Launch {
        self.clean = true;
        self
    }

    /// Whether more processes than slots may be started (the default), or a spawn of too many must fail.
    pub fn oversubscribe(mut self, oversubscribe: bool) -> Launch {
        self.oversubscribe = oversubscribe;
        self
    }

    /// The working directory.
    pub fn current_dir(mut self, directory: impl Into<PathBuf>) -> Launch {
        self.directory = Some(directory.into());
        self
    }

    /// What stands on standard input (nothing, unless said).
    pub fn input(mut self, input: impl Into<Vec<u8>>) -> Launch {
        self.input = Some(input.into());
        self
    }

    /// Starts it on the hosts of a cluster, which have room for so many processes, as `h1:2,h2:2`: the launcher, or a
    /// program that is started alone, on the first.
    pub fn on(mut self, cluster: &Cluster, places: &str) -> Launch {
        self.placement = Some(cluster.place(places));
        self
    }

    /// How long it may take (60 seconds unless said), multiplied by `FUTURES_MPI_TEST_LIMIT_FACTOR`.
    pub fn limit(mut self, limit: Duration) -> Launch {
        self.limit = limit;
        self
    }

    /// Runs while `other` is still running, where MPI launches otherwise wait for each other.
    pub fn beside(mut self, other: &Running) -> Launch {
        self.turn = other.turn();
        self
    }

    /// It mostly waits, and may run beside a few others of which the same is said.
    pub fn mostly_waits(mut self) -> Launch {
        self.shares_turn = true;
        self
    }

    /// Starts it and waits until everything has ended, by itself or at the limit.
    pub fn run(self) -> Outcome {
        self.start().wait()
    }

    /// Starts it. The limit counts from here, or from when the turn of this launch came.
    pub fn start(mut self) -> Running {
        let turn = self.turn.take().or_else(|| {
            let turn = if self.shares_turn { Turn::share } else { Turn::take };
            self.mpi.map(|_| Rc::new(turn()))
        });
        let limit = self.limit.mul_f64(limit_factor());
        let plan = self.into_plan();
        let folder = Folder::create();
        let mut command = plan.command(folder.path(), folder.name());
        let begin = Instant::now();
        let child = command.spawn().unwrap_or_else(|error| panic!("cannot start `setsid`: {error}"));
        let tree = Tree::new(folder.name(), child.id());
        let guard = Guard::over(child.id());
        Running::new(plan, folder, child, tree, guard, turn, begin, limit)
    }

    fn with(mpi: Option<&'static Mpi>) -> Launch {
        Launch {
            mpi,
            ranks: None,
            launcher_arguments: Vec::new(),
            program: None,
            arguments: Vec::new(),
            set: Vec::new(),
            removed: Vec::new(),
            clean: false,
            oversubscribe: true,
            directory: None,
            input: None,
            limit: Duration::from_secs(60),
            turn: None,
            shares_turn: false,
            placement: None,
        }
    }

    fn into_plan(self) -> Plan {
        let mut plan = Plan {
            clean: self.clean,
            removed: self.removed,
            directory: self.directory,
            input: self.input,
            ..Plan::default()
        };
        let program = self.program.expect("a launch needs a program");
        plan.program = [program].into_iter().chain(self.arguments).collect();
        if let (Some(mpi), Some(ranks)) = (self.mpi, self.ranks) {
            plan.ranks = ranks;
            let count = [OsString::from("-n"), ranks.to_string().into()];
            plan.launcher =
                [mpi.mpiexec.clone().into()].into_iter().chain(self.launcher_arguments).chain(count).collect();
        }
        if !self.oversubscribe {
            plan.forbid_oversubscription();
        }
        // In a clean environment a program alone shall show that it needs none of these.
        let needed = self.mpi.filter(|_| !self.clean || self.ranks.is_some());
        for (name, value) in needed.iter().flat_map(|mpi| mpi.variables(self.oversubscribe)) {
            let inherited = !self.clean && env::var_os(name).is_some();
            let removed = plan.removed.iter().any(|removed| removed == name);
            if !inherited && !removed {
                plan.set.push((name.into(), value.into()));
            }
        }
        let placement = self.placement.as_ref();
        plan.set.extend(placement.iter().flat_map(|placement| placement.variables()));
        plan.set.extend(self.set);
        plan.before = placement.map_or_else(Vec::new, Placement::words_before);
        if let (Some(mpi), Some(placement), false) = (self.mpi, placement, plan.launcher.is_empty()) {
            // Open MPI hands on its own variables only. The mark is to be found on the other hosts, too.
            let own = |name: &OsString| name.to_string_lossy().starts_with("FUTURES_MPI_") || name == "TMPDIR";
            let handed_on: BTreeSet<OsString> = plan.set.iter().map(|(name, _)| name.clone()).filter(own).collect();
            let handed_on = handed_on.into_iter().chain([MARK.into()]);
            plan.launcher.splice(1..1, placement.launcher_arguments(mpi, handed_on));
        }
        plan
    }
}

fn limit_factor() -> f64 {
    let Some(text) = env::var_os("FUTURES_MPI_TEST_LIMIT_FACTOR") else { return 1.0 };
    let factor = text.to_str().and_then(|text| text.parse::<f64>().ok()).filter(|factor| *factor > 0.0);
    factor.unwrap_or_else(|| panic!("FUTURES_MPI_TEST_LIMIT_FACTOR must be a number above zero, not {text:?}"))
}
