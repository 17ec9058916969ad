//! The place of an executor's state on one worker: filled by the executor's constructor, and anew when a panic may have
//! left the state half changed.

use crate::base::ids::TaskKey;
use crate::task::registry::Registry;
use crate::task::{self, Call, Input, Output};
use crate::wire::attachments::{Encoded, Incoming};
use crate::wire::codec::Limits;
use crate::wire::failure::{Failure, FailureKind};
use crate::wire::setup::SetupCall;
use std::any::{Any, type_name};
use std::cell::RefCell;
use std::rc::Rc;

/// The place of one executor's state on this worker.
pub(crate) struct StateSlot {
    made_by: SetupCall,
    function: Call,
    held: RefCell<Held>,
}

/// What is in the place of a state.
enum Held {
    /// Nothing: it was not made yet, or a panic may have left it half changed.
    Absent,
    There(Made),
    /// A task has it.
    Lent,
}

/// A state, and what its type is called.
pub(super) struct Made {
    pub(super) state: Box<dyn Any>,
    pub(super) type_name: &'static str,
}

thread_local! {
    /// What the constructor that runs in this thread has made.
    static MADE: RefCell<Option<Made>> = const { RefCell::new(None) };
}

/// Takes what a constructor returns; for code that `#[remote_state]` generates.
pub fn keep_state<T: 'static>(state: T) {
    MADE.set(Some(Made { state: Box::new(state), type_name: type_name::<T>() }));
}

/// The function of a call that the setup of an executor names.
pub(super) fn look_up(call: &SetupCall, registry: &Registry) -> Result<Call, Failure> {
    let function = registry.get(TaskKey::of(&call.name));
    let unknown = || Failure::new(FailureKind::Unknown, registry.unknown(&format!("`{}`", call.name)));
    Ok(function.ok_or_else(unknown)?.entry().call())
}

impl StateSlot {
    /// The place for what this call makes; nothing is made yet.
    pub(crate) fn new(made_by: SetupCall, registry: &Registry) -> Result<Rc<Self>, Failure> {
        let function = look_up(&made_by, registry)?;
        Ok(Rc::new(StateSlot { made_by, function, held: RefCell::new(Held::Absent) }))
    }

    /// Makes the state, before the first task.
    pub(crate) fn prepare(&self) -> Result<(), Failure> {
        let made = self.make()?;
        self.put_back(made);
        Ok(())
    }

    fn make(&self) -> Result<Made, Failure> {
        let input = Input::new(&self.made_by.arguments, Incoming::NONE);
        let mut nothing = Encoded::default();
        task::catch(|| (self.function)(input, &mut Output::new(&mut nothing, Limits::default())))?;
        MADE.take().ok_or_else(|| {
            let name = &self.made_by.name;
            Failure::new(FailureKind::Unknown, format!("the function {name} makes no state: mark it `#[remote_state]`"))
        })
    }

    /// Takes the state out, and makes it anew if need be.
    pub(super) fn take(&self, wanted: &str) -> Result<Made, Failure> {
        match self.held.replace(Held::Lent) {
            Held::There(made) => Ok(made),
            Held::Absent => self.make().map_err(|failure| {
                self.held.replace(Held::Absent);
                let mut details = failure.into_details();
                details.message = format!("the state cannot be made anew after a panic: {}", details.message);
                Failure::of(details)
            }),
            Held::Lent => {
                let message = format!("the state of type {wanted} is lent to another call in this thread");
                Err(Failure::new(FailureKind::Configuration, message))
            }
        }
    }

    /// Puts a state into its place.
    pub(super) fn put_back(&self, made: Made) {
        self.held.replace(Held::There(made));
    }

    /// Leaves the place empty: the state is to be made anew.
    pub(super) fn give_up(&self) {
        self.held.replace(Held::Absent);
    }

    /// The name of the constructor.
    pub(super) fn made_by(&self) -> &str {
        &self.made_by.name
    }
}

impl Drop for StateSlot {
    fn drop(&mut self) {
        if let Held::There(Made { state, .. }) = self.held.replace(Held::Absent) {
            task::contain(|| drop(state));
        }
    }
}
