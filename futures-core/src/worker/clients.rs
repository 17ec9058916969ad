//! The executors that a worker has been prepared for.

use super::place::Place;
use crate::base::ids::ClientNumber;
use crate::task::registry::Registry;
use crate::task::{self, Input, Output};
use crate::wire::attachments::{Encoded, Incoming};
use crate::wire::codec::Limits;
use crate::wire::failure::{Failure, FailureKind};
use crate::wire::setup::{Setup, SetupCall};
use crate::worker::globals::{NamedValues, Scope};
use crate::worker::state_slot::{StateSlot, look_up};
use std::collections::BTreeMap;
use std::env;
use std::rc::Rc;

/// The state that a worker keeps for the executors whose setup has succeeded here.
#[derive(Default)]
pub(super) struct Clients {
    prepared: BTreeMap<ClientNumber, Client>,
    /// For executors without any.
    no_globals: Rc<NamedValues>,
}

struct Client {
    globals: Rc<NamedValues>,
    limits: Limits,
}

impl Clients {
    /// The named values of a client.
    pub(super) fn globals(&self, client: ClientNumber) -> &Rc<NamedValues> {
        self.prepared.get(&client).map_or(&self.no_globals, |client| &client.globals)
    }

    /// The limits of results for a client, if it has set them.
    pub(super) fn limits(&self, client: ClientNumber) -> Option<Limits> {
        self.prepared.get(&client).map(|client| client.limits)
    }

    /// Makes the preparations for a client; a failure comes with whether the making of its state has failed.
    pub(super) fn prepare(
        &mut self,
        client: ClientNumber,
        setup: Setup,
        registry: &Registry,
        place: &Place<'_>,
        limits: Limits,
    ) -> Result<(), (Failure, bool)> {
        let Setup { in_band, directory, variables, globals, initializer, state } = setup;
        let others = |failure| (failure, false);
        if let Some(directory) = &directory {
            env::set_current_dir(directory)
                .map_err(|error| failed(format!("the working directory {directory:?} cannot be entered: {error}")))
                .map_err(others)?;
        }
        if !variables.is_empty() {
            let set = place
                .set_variable
                .ok_or_else(|| others(failed("environment variables cannot be set on this worker")))?;
            variables.iter().for_each(|(name, value)| set(name, value));
        }
        let of_state = |failure| (failure, true);
        let state = state.map(|state| StateSlot::new(state, registry)).transpose().map_err(of_state)?;
        let globals = Rc::new(NamedValues::new(globals, state));
        let limits = Limits { payload_bytes: limits.payload_bytes, ..Limits::of(!in_band) };
        let scope = Scope::open();
        scope.show(&globals);
        if let Some(initializer) = &initializer {
            initialize(initializer, registry, limits).map_err(others)?;
        }
        if let Some(state) = globals.state() {
            state.prepare().map_err(of_state)?;
        }
        self.prepared.insert(client, Client { globals, limits });
        Ok(())
    }

    /// Drops the state of a client that has ended.
    pub(super) fn forget(&mut self, client: ClientNumber) {
        self.prepared.remove(&client);
    }
}

fn initialize(call: &SetupCall, registry: &Registry, limits: Limits) -> Result<(), Failure> {
    let function = look_up(call, registry)?;
    let input = Input::new(&call.arguments, Incoming::NONE);
    let mut dropped = Encoded::default();
    task::catch(|| function(input, &mut Output::new(&mut dropped, limits)))
}

fn failed(message: impl Into<String>) -> Failure {
    Failure::new(FailureKind::Setup, message)
}
