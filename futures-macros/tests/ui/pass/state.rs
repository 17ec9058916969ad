//! States in all the ways in which they may be written.

#![deny(warnings)]

use futures_mpi_core::{StateId, TaskId};
use futures_mpi_macros::{remote_state, remote_task};
use std::borrow::Cow;
use std::cell::Cell;
use std::rc::Rc;

/// It can be neither sent nor encoded.
pub struct Model<'a> {
    name: Cow<'a, str>,
    steps: Rc<Cell<u64>>,
}

#[remote_state(id = "ui/model", crate = futures_mpi_core)]
pub fn model(name: &str, steps: u64) -> std::io::Result<Model<'static>> {
    Ok(Model { name: Cow::Owned(name.to_owned()), steps: Rc::new(Cell::new(steps)) })
}

#[remote_state]
fn counts() -> Vec<u64> {
    Vec::new()
}

#[remote_task]
pub fn step<'a>(text: &str, #[state] model: &'a mut Model<'static>, (a, b): (u64, u64)) -> Result<u64, String> {
    model.steps.set(model.steps.get() + a + b);
    if model.name == text { Ok(model.steps.get()) } else { Err("another name".to_owned()) }
}

#[remote_task]
fn steps(#[state] Model { steps, .. }: &Model<'_>) -> u64 {
    steps.get()
}

#[remote_task]
fn push(#[state] counts: &mut Vec<u64>, count: u64) -> String {
    counts.push(count);
    String::new()
}

fn main() {
    let _: [StateId<(String, u64), Model<'static>>; 1] = [model::ID];
    let _: (TaskId<(String, (u64, u64)), u64>, TaskId<(), u64>) = (step::ID, steps::ID);
    let mut model = model("m", 1).expect("it is made");
    assert_eq!(step("m", &mut model, (2, 3)), Ok(6));
    assert_eq!(steps(&model), 6);
    assert_eq!(push(&mut counts(), 1), "");
    let _ = (counts::ID, push::ID);
}
