//! Names, places and signatures as the inventory holds them.

#![allow(clippy::unwrap_used)]

use futures_mpi_core::__private::{TaskEntry, call, entry, inventory};
use futures_mpi_core::TaskId;
use futures_mpi_macros::remote_task;

mod inner {
    use super::remote_task;

    #[remote_task]
    pub(crate) fn double(n: u32) -> u32 {
        2 * n
    }
}

#[remote_task(id = "tests/answer")]
fn answer() -> u8 {
    42
}

#[remote_task(crate = futures_mpi_core, id = "tests/both keys",)]
fn both_keys(text: &str, numbers: Vec<u8>) -> Result<usize, String> {
    Ok(text.len() + numbers.len())
}

#[remote_task]
fn r#try(r#type: u8) -> u8 {
    r#type
}

#[remote_task]
#[cfg(any())]
fn absent() -> Absent {}

#[cfg(not(all()))]
#[remote_task]
fn absent() -> Absent {}

macro_rules! task_of {
    ($name:ident, $argument:ty, $output:ty) => {
        #[remote_task]
        fn $name(__input: $argument, output: &$argument) -> $output {
            (__input + output).into()
        }
    };
}

task_of!(widened, u8, u64);

#[test]
fn names_are_paths_or_given() {
    assert_eq!(inner::double::ID.name(), "registration::inner::double");
    assert_eq!(answer::ID.name(), "tests/answer");
    assert_eq!(both_keys::ID.name(), "tests/both keys");
    assert_eq!(r#try::ID.name(), "registration::try");
}

#[test]
fn entries_know_place_and_signature() {
    let entry = entry(both_keys::ID).expect("registered");
    assert_eq!(entry.signature(), "(alloc::string::String, alloc::vec::Vec<u8>) -> usize");
    let (file, line) = entry.place().rsplit_once(':').expect("file:line");
    assert!(file.ends_with("registration.rs"), "{file}");
    let source = include_str!("registration.rs").lines().nth(line.parse::<usize>().unwrap() - 1);
    assert_eq!(source, Some("#[remote_task(crate = futures_mpi_core, id = \"tests/both keys\",)]"));
}

#[test]
fn every_function_is_registered_once() {
    let mut names: Vec<_> = inventory::iter::<TaskEntry>.into_iter().map(TaskEntry::name).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "registration::inner::double",
            "registration::local",
            "registration::try",
            "registration::widened",
            "tests/answer",
            "tests/both keys",
        ]
    );
}

#[test]
fn functions_in_bodies_and_from_macros() {
    #[remote_task]
    fn local(n: u8) -> u8 {
        n + 1
    }

    let id: TaskId<(u8,), u8> = local::ID;
    assert_eq!(call(id, 1).unwrap(), 2);
    assert_eq!(call(widened::ID, (1, 2)).unwrap(), 3);
    assert_eq!(call(r#try::ID, 5).unwrap(), 5);
}
