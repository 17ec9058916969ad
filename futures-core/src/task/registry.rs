//! The task functions of this program, collected from the static inventory, sorted and checked at first use.

use crate::base::ids::{FunctionNumber, TaskKey};
use crate::error::{Error, Kind, Result};
use crate::task::entry::{TaskEntry, signature};
use crate::task::id::TaskId;
use crate::wire::message::Description;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::OnceLock;

/// How many names an error message lists before it says "and so on".
const NAMES_SHOWN: usize = 20;

/// What to do when a function is missing.
const LINK_HINT: &str = "a task function is registered only if its crate is linked: mention a library crate of tasks in \
                         the binary, as in `use my_tasks as _;`";

/// The task functions of a program, found by key, unique by name.
#[derive(Debug)]
pub(crate) struct Registry {
    /// Sorted by key.
    tasks: Vec<(TaskKey, Registered)>,
    fingerprint: u64,
}

/// A task function as the registry holds it.
#[derive(Clone, Copy)]
pub(crate) struct Registered {
    entry: &'static TaskEntry,
}

/// Whether the program's task functions are in order.
///
/// # Errors
///
/// If two functions have one id, or two ids one key, every such pair is named.
pub fn check_functions() -> Result<()> {
    Registry::global().map(drop)
}

impl Registry {
    /// The registry of this program.
    ///
    /// # Errors
    ///
    /// If two functions have one id, or two ids one key, every such pair is named.
    pub(crate) fn global() -> Result<&'static Registry> {
        static GLOBAL: OnceLock<Result<Registry>> = OnceLock::new();
        GLOBAL.get_or_init(|| Registry::of(inventory::iter::<TaskEntry>)).as_ref().map_err(Error::clone)
    }

    fn of(entries: impl IntoIterator<Item = &'static TaskEntry>) -> Result<Registry> {
        let mut tasks: Vec<_> = entries.into_iter().map(|entry| (entry.key(), Registered { entry })).collect();
        tasks.sort_by_key(|(key, task)| (*key, task.entry.name(), task.entry.place()));
        let clashes: Vec<String> =
            tasks.windows(2).filter(|pair| pair[0].0 == pair[1].0).map(|pair| clash(&pair[0].1, &pair[1].1)).collect();
        if !clashes.is_empty() {
            return Err(Error::new(Kind::Registry, clashes.join("; ")));
        }
        let fingerprint = fingerprint(tasks.iter().map(|(_, task)| task));
        Ok(Registry { tasks, fingerprint })
    }

    /// The function with this key.
    pub(crate) fn get(&self, key: TaskKey) -> Option<Registered> {
        self.number(key).map(|number| self.function(number))
    }

    /// The number of the function with this key: its place in the registry.
    pub(crate) fn number(&self, key: TaskKey) -> Option<FunctionNumber> {
        let at = self.tasks.binary_search_by_key(&key, |(key, _)| *key).ok()?;
        Some(FunctionNumber(at as u32))
    }

    /// The function with this number, which is one of this registry.
    pub(crate) fn function(&self, number: FunctionNumber) -> Registered {
        self.tasks[number.index()].1
    }

    /// A hash over all ids and signatures, equal in processes that can work together.
    pub(crate) fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    /// All functions, sorted by name.
    pub(crate) fn descriptions(&self) -> Vec<Description> {
        let mut all: Vec<_> = self.tasks.iter().map(|(_, task)| task.description()).collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }

    /// The message about a function that is not registered; `wanted` is its name or what is known of it.
    pub(crate) fn unknown(&self, wanted: &str) -> String {
        let names: Vec<_> = self.descriptions().into_iter().map(|description| description.name).collect();
        let known = match names.len() {
            0 => "no task function is registered here".to_owned(),
            count => format!("registered here: {}", shorten(&names, count)),
        };
        format!("no task function {wanted} is registered; {known}; {LINK_HINT}")
    }
}

impl<Args, Output> TaskId<Args, Output> {
    /// The id of the function that is registered as `name`, for programs that choose functions at run time.
    ///
    /// # Errors
    ///
    /// If no function of this name is registered here, with the names that are; if its signature is another one than
    /// `Args` and `Output`, with both.
    ///
    /// # Examples
    ///
    /// ```
    /// # mod futures_mpi { pub use futures_mpi_core::*; pub use futures_mpi_macros::remote_task; }
    /// use futures_mpi::{TaskId, remote_task};
    ///
    /// #[remote_task(id = "filters/sharpen")]
    /// fn sharpen(radius: f64) -> f64 {
    ///     radius * 2.0
    /// }
    ///
    /// assert!(TaskId::<(f64,), f64>::find("filters/sharpen").is_ok());
    /// let error = TaskId::<(f64,), f64>::find("filters/blur").unwrap_err();
    /// assert!(error.is_registry() && error.message().contains("no task function `filters/blur` is registered"));
    /// ```
    pub fn find(name: &str) -> Result<Self> {
        let registry = Registry::global()?;
        let Some(function) = registry.get(TaskKey::of(name)).filter(|function| function.name() == name) else {
            return Err(Error::new(Kind::Registry, registry.unknown(&format!("`{name}`"))));
        };
        let (wanted, found) = (signature::<Args, Output>(), function.description().signature);
        if wanted != found {
            let message = format!("the task function `{name}` is `{found}` and not `{wanted}`");
            return Err(Error::new(Kind::Registry, message));
        }
        Ok(TaskId::new(function.name()))
    }
}

impl Registered {
    pub(crate) fn name(&self) -> &'static str {
        self.entry.name()
    }

    pub(crate) fn entry(&self) -> &'static TaskEntry {
        self.entry
    }

    pub(crate) fn description(&self) -> Description {
        Description { name: self.entry.name().to_owned(), signature: self.entry.signature() }
    }
}

impl std::fmt::Debug for Registered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} at {}", self.entry.name(), self.entry.place())
    }
}

/// Names the functions that differ between the master and a worker, and how.
pub(crate) fn difference(master: &[Description], worker: &[Description]) -> String {
    let by_name = |all: &[Description]| -> BTreeMap<String, String> {
        all.iter().map(|one| (one.name.clone(), one.signature.clone())).collect()
    };
    let (master, worker) = (by_name(master), by_name(worker));
    let names: BTreeSet<&String> = master.keys().chain(worker.keys()).collect();
    let differences: Vec<String> = names
        .into_iter()
        .filter_map(|name| match (master.get(name), worker.get(name)) {
            (Some(_), None) => Some(format!("`{name}` is missing on the worker")),
            (None, Some(_)) => Some(format!("`{name}` is missing on the master")),
            (Some(here), Some(there)) if here != there => {
                Some(format!("`{name}` is `{here}` on the master and `{there}` on the worker"))
            }
            _ => None,
        })
        .collect();
    format!(
        "master and worker are different programs: {}; start both from the same build",
        shorten(&differences, differences.len())
    )
}

fn shorten(names: &[String], count: usize) -> String {
    let mut text = names.iter().take(NAMES_SHOWN).cloned().collect::<Vec<_>>().join(", ");
    if count > NAMES_SHOWN {
        let _ = write!(text, " and {} more", count - NAMES_SHOWN);
    }
    text
}

fn clash(a: &Registered, b: &Registered) -> String {
    if let Some((package, [one, other])) = a.entry.versions(b.entry).filter(|_| a.name() == b.name()) {
        format!(
            "two versions of the package `{package}` are linked, {one} and {other}, and both have a task function with \
             the id `{}`: at {} and at {}; let the program depend on one version only (`cargo tree --invert {package}` \
             shows who asks for which)",
            a.name(),
            a.entry.place(),
            b.entry.place()
        )
    } else if a.name() == b.name() {
        format!(
            "two task functions have the id `{}`: at {} and at {}; give one of them another, as in \
             `#[remote_task(id = \"...\")]`",
            a.name(),
            a.entry.place(),
            b.entry.place()
        )
    } else {
        format!("the task ids `{}` and `{}` have the same hash; change one by `id = \"...\"`", a.name(), b.name())
    }
}

fn fingerprint<'a>(tasks: impl Iterator<Item = &'a Registered>) -> u64 {
    let mut text = String::new();
    for task in tasks {
        let Description { name, signature } = task.description();
        // Lengths keep "ab" + "c" and "a" + "bc" apart.
        let _ = write!(text, "{}:{name}{}:{signature}", name.len(), signature.len());
    }
    TaskKey::of(&text).0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::{Input, Output, signature};
    use crate::wire::failure::Failure;

    fn nothing(_: Input<'_>, _: &mut Output<'_>) -> Result<(), Failure> {
        Ok(())
    }

    static F: TaskEntry = TaskEntry::new("a::f", "a.rs:1", signature::<(u32,), u64>, nothing);
    static G: TaskEntry = TaskEntry::new("a::g", "a.rs:2", signature::<(), ()>, nothing);
    static OTHER_F: TaskEntry = TaskEntry::new("a::f", "b.rs:7", signature::<(u32,), u32>, nothing);

    #[test]
    fn functions_are_found_by_key_whatever_the_order() {
        let registry = Registry::of([&F, &G]).expect("no clash");
        assert_eq!(registry.get(TaskKey::of("a::g")).map(|task| task.name()), Some("a::g"));
        assert!(registry.get(TaskKey::of("a::h")).is_none());
        assert_eq!(registry.fingerprint(), Registry::of([&G, &F]).expect("no clash").fingerprint());
        assert_ne!(registry.fingerprint(), Registry::of([&G, &OTHER_F]).expect("no clash").fingerprint());
    }

    #[test]
    fn two_functions_of_one_id_are_named_with_their_places() {
        let error = Registry::of([&F, &G, &OTHER_F]).expect_err("a::f is there twice");
        assert!(error.is_registry());
        for part in ["`a::f`", "a.rs:1", "b.rs:7", "id = \"...\""] {
            assert!(error.message().contains(part), "{part} is not in: {error}");
        }
    }

    #[test]
    fn an_unknown_id_says_what_is_known_and_how_to_link() {
        let message = Registry::of([&F, &G]).expect("no clash").unknown("`a::h`");
        for part in ["`a::h`", "a::f, a::g", "use my_tasks as _;"] {
            assert!(message.contains(part), "{part} is not in: {message}");
        }
        assert!(Registry::of([]).expect("no clash").unknown("x").contains("no task function is registered here"));
    }

    #[test]
    fn differences_name_the_functions() {
        let all =
            |entries: &[&'static TaskEntry]| Registry::of(entries.iter().copied()).expect("no clash").descriptions();
        let message = difference(&all(&[&F, &G]), &all(&[&OTHER_F]));
        assert!(
            message.contains("`a::f` is `(u32,) -> u64` on the master and `(u32,) -> u32` on the worker"),
            "{message}"
        );
        assert!(message.contains("`a::g` is missing on the worker"), "{message}");
        assert!(difference(&[], &all(&[&G])).contains("`a::g` is missing on the master"));
    }
}
