//! The state of the executor whose task this thread is executing, lent to the task.

use super::globals;
use super::state_slot::{Made, StateSlot};
use crate::task;
use crate::wire::failure::{Failure, FailureKind};
use std::any::type_name;
use std::ops::{Deref, DerefMut};
use std::rc::Rc;
use std::thread;

/// Lends the state of the current task's executor; for code that `#[remote_task]` generates. `changing`: the task may
/// change it.
///
/// # Errors
///
/// If the executor has no state, or one of another type, with both; or if it has to be made anew, and that fails.
pub fn lend_state<T: 'static>(changing: bool) -> Result<LentState<T>, Failure> {
    let wanted = type_name::<T>();
    let values = globals::shown().ok_or_else(|| {
        refusal(format!("the state of type {wanted} is lent only inside a task, in the thread that executes it"))
    })?;
    let slot = values.state().ok_or_else(|| {
        refusal(format!(
            "the task needs a state of type {wanted}, and its executor has no state: give it one by the method \
             `state` of its builder"
        ))
    })?;
    let Made { state, type_name } = slot.take(wanted)?;
    match state.downcast::<T>() {
        Ok(state) => {
            let keeps = !changing || thread::panicking();
            Ok(LentState { slot: Rc::clone(slot), state: Some(state), keeps })
        }
        Err(state) => {
            slot.put_back(Made { state, type_name });
            let name = slot.made_by();
            Err(refusal(format!(
                "the task needs a state of type {wanted}, and the state of its executor, made by {name}, is of type \
                 {type_name}"
            )))
        }
    }
}

fn refusal(message: String) -> Failure {
    Failure::new(FailureKind::Configuration, message)
}

/// A state that is lent to a task.
pub struct LentState<T: 'static> {
    slot: Rc<StateSlot>,
    /// `None` only while this is dropped.
    state: Option<Box<T>>,
    /// Whether the state stays as it is after a panic.
    keeps: bool,
}

impl<T> Deref for LentState<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.state.as_deref().expect("it is there until this is dropped")
    }
}

impl<T> DerefMut for LentState<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.state.as_deref_mut().expect("it is there until this is dropped")
    }
}

impl<T> Drop for LentState<T> {
    fn drop(&mut self) {
        let Some(state) = self.state.take() else { return };
        if self.keeps || !thread::panicking() {
            return self.slot.put_back(Made { state, type_name: type_name::<T>() });
        }
        self.slot.give_up();
        // A second panic would end the process.
        task::contain(|| drop(state));
    }
}
