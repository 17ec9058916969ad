//! The executors that a worker has been prepared for.

use super::place::Place;
use crate::base::ids::{ClientNumber, TaskKey};
use crate::task::registry::Registry;
use crate::task::{self, Input, Output};
use crate::wire::attachments::{Encoded, Incoming};
use crate::wire::codec::Limits;
use crate::wire::failure::{Failure, FailureKind};
use crate::wire::setup::{Initializer, Setup};
use crate::worker::globals::{NamedValues, Scope};
use std::collections::BTreeMap;
use std::env;
use std::sync::Arc;

/// The state that a worker keeps for the executors whose setup has succeeded here.
#[derive(Default)]
pub(super) struct Clients {
    prepared: BTreeMap<ClientNumber, Client>,
    /// For executors without any.
    no_globals: Arc<NamedValues>,
}

struct Client {
    globals: Arc<NamedValues>,
    limits: Limits,
}

impl Clients {
    /// The named values of a client.
    pub(super) fn globals(&self, client: ClientNumber) -> &Arc<NamedValues> {
        self.prepared.get(&client).map_or(&self.no_globals, |client| &client.globals)
    }

    /// The limits of results for a client, if it has set them.
    pub(super) fn limits(&self, client: ClientNumber) -> Option<Limits> {
        self.prepared.get(&client).map(|client| client.limits)
    }

    /// Makes the preparations for a client.
    pub(super) fn prepare(
        &mut self,
        client: ClientNumber,
        setup: Setup,
        registry: &Registry,
        place: &Place<'_>,
        limits: Limits,
    ) -> Result<(), Failure> {
        if let Some(directory) = &setup.directory {
            env::set_current_dir(directory)
                .map_err(|error| failed(format!("the working directory {directory:?} cannot be entered: {error}")))?;
        }
        if !setup.variables.is_empty() {
            let set = place.set_variable.ok_or_else(|| failed("environment variables cannot be set on this worker"))?;
            setup.variables.iter().for_each(|(name, value)| set(name, value));
        }
        let globals = Arc::new(NamedValues::new(setup.globals));
        let limits = Limits { payload_bytes: limits.payload_bytes, ..Limits::of(!setup.in_band) };
        if let Some(initializer) = &setup.initializer {
            let scope = Scope::open();
            scope.show(&globals);
            initialize(initializer, registry, limits)?;
        }
        self.prepared.insert(client, Client { globals, limits });
        Ok(())
    }

    /// Drops the state of a client that has ended.
    pub(super) fn forget(&mut self, client: ClientNumber) {
        self.prepared.remove(&client);
    }
}

fn initialize(call: &Initializer, registry: &Registry, limits: Limits) -> Result<(), Failure> {
    let Some(function) = registry.get(TaskKey::of(&call.name)) else {
        return Err(Failure::new(FailureKind::Unknown, registry.unknown(&format!("`{}`", call.name))));
    };
    let input = Input::new(&call.arguments, Incoming::NONE);
    let mut dropped = Encoded::default();
    task::catch(|| (function.entry().call())(input, &mut Output::new(&mut dropped, limits)))
}

fn failed(message: impl Into<String>) -> Failure {
    Failure::new(FailureKind::Setup, message)
}
