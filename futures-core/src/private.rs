//! What generated code names, and how its tests run it; not part of the public interface.

use crate::error::{Error, Kind, Origin};
use crate::task::encode;
use crate::wire::attachments::{Encoded, Incoming};
use crate::wire::codec::{self, Limits};
use serde::de::DeserializeOwned;

pub use crate::task::{
    Call, Input, Lent, Output, ResultOutput, Returned, StateId, TaskEntry, TaskId, causes, signature, typed,
};
pub use crate::wire::failure::{Failure, Typed};
pub use crate::worker::state::{LentState, lend_state};
pub use crate::worker::state_slot::keep_state;
pub use inventory;
pub use std::string::String;
pub use std::vec::Vec;

/// The entry that is registered under the name of `id`.
pub fn entry<Args, Output>(id: TaskId<Args, Output>) -> Option<&'static TaskEntry> {
    inventory::iter::<TaskEntry>.into_iter().find(|entry| entry.name() == id.name())
}

/// Encodes arguments as a submission does; returns how many bytes they are.
pub fn encode<Args, Output>(id: TaskId<Args, Output>, args: impl crate::IntoArgs<Args>) -> Result<usize, Error> {
    encode::encode_arguments(id.name(), args.as_args(), &Limits::default()).map(|payload| payload.bytes().len())
}

/// Encodes arguments, buffers included; returns their bytes.
pub fn arguments<Args, Output>(_id: TaskId<Args, Output>, args: impl crate::IntoArgs<Args>) -> Result<Vec<u8>, Error> {
    let mut encoded = Encoded::default();
    let limits = Limits { inline_bytes: usize::MAX, ..Limits::default() };
    codec::encode_with_attachments(args.as_args(), &mut encoded, &limits)
        .map_err(|failure| Error::new(Kind::Codec, format!("{failure:?}")))?;
    Ok(encoded.bytes)
}

/// Calls a registered function in this thread, over bytes, as a worker does.
pub fn call<Args, Output: DeserializeOwned + 'static>(
    id: TaskId<Args, Output>,
    args: impl crate::IntoArgs<Args>,
) -> Result<Output, Error> {
    let reply = call_with_bytes(id, &arguments(id, args)?)?;
    codec::decode_with_attachments(&reply, Incoming::NONE).map_err(|failure| Error::new(Kind::Codec, failure.0))
}

/// The same with encoded arguments, giving the encoded result.
pub fn call_with_bytes<Args, Output>(id: TaskId<Args, Output>, bytes: &[u8]) -> Result<Vec<u8>, Error> {
    let entry = entry(id).ok_or_else(|| Error::new(Kind::Registry, format!("no function is registered as {id}")))?;
    let mut reply = Encoded::default();
    let limits = Limits { inline_bytes: usize::MAX, ..Limits::default() };
    (entry.call())(Input::new(bytes, Incoming::NONE), &mut crate::task::Output::new(&mut reply, limits)).map_err(
        |failure| {
            let origin = Origin { worker: 0, host: String::from("here"), task: String::from(id.name()) };
            Error::from_failure(failure, origin)
        },
    )?;
    Ok(reply.bytes)
}
