//! Callbacks of the model, which are short and wait for nothing: whoever is to call them does so at once.

use crate::base::ids::ClientNumber;
use crate::driver::promise::Callback;

#[derive(Default)]
pub(crate) struct ClientCallbacks(());

impl ClientCallbacks {
    pub(crate) fn without_pool() -> Self {
        ClientCallbacks(())
    }

    pub(crate) fn call(&self, _client: ClientNumber, callback: Callback) {
        callback();
    }

    pub(crate) fn finish(&self, _client: ClientNumber) {}

    pub(crate) fn end(&self, _client: ClientNumber) {}

    pub(crate) fn finish_all(&self) {}
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Calling {
    Hook,
    Callback,
}

pub(crate) fn run_here(_calling: Calling, callback: impl FnOnce(), _later: impl FnOnce(Callback)) {
    callback();
}

pub(crate) fn may_block() {}
