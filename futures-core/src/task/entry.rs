//! A task function as the inventory holds it: a name, a signature, a call that takes and gives bytes.

use super::{StateId, TaskId};
use crate::base::ids::TaskKey;
use crate::wire::attachments::{Encoded, Incoming};
use crate::wire::codec::{self, EncodeFailure, Limits, Values};
use crate::wire::failure::{Failure, FailureKind};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Decodes the arguments of one call, runs the function and encodes what it returned.
pub type Call = fn(Input<'_>, &mut Output<'_>) -> Result<(), Failure>;

/// The name and the version of the package that defines a task function, as far as Cargo has said them.
type Package = (Option<&'static str>, Option<&'static str>);

/// A registered task function.
pub struct TaskEntry {
    name: &'static str,
    place: &'static str,
    package: Package,
    signature: fn() -> String,
    call: Call,
}

inventory::collect!(TaskEntry);

impl TaskEntry {
    /// The entry of a function; for code that `#[remote_task]` generates.
    pub const fn new(name: &'static str, place: &'static str, signature: fn() -> String, call: Call) -> Self {
        TaskEntry { name, place, package: (None, None), signature, call }
    }

    /// The entry of the function whose id is `id`: what `#[remote_task]` submits.
    pub const fn of<Args, Output>(id: TaskId<Args, Output>, place: &'static str, package: Package, call: Call) -> Self {
        TaskEntry { name: id.name(), place, package, signature: signature::<Args, Output>, call }
    }

    /// The entry of the function whose id is `id`: what `#[remote_state]` submits.
    pub const fn of_state<Args, State>(
        id: StateId<Args, State>,
        place: &'static str,
        package: Package,
        call: Call,
    ) -> Self {
        TaskEntry { name: id.name(), place, package, signature: state_signature::<Args, State>, call }
    }

    /// The id under which the function is registered.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Where the function is defined, as `file:line`.
    pub fn place(&self) -> &'static str {
        self.place
    }

    /// The versions of the package that defines both functions, if those differ.
    pub(crate) fn versions(&self, other: &TaskEntry) -> Option<(&'static str, [&'static str; 2])> {
        let ((Some(package), Some(version)), (Some(other_package), Some(other_version))) =
            (self.package, other.package)
        else {
            return None;
        };
        (package == other_package && version != other_version).then_some((package, [version, other_version]))
    }

    /// The types of arguments and output.
    pub fn signature(&self) -> String {
        (self.signature)()
    }

    pub(crate) fn key(&self) -> TaskKey {
        TaskKey::of(self.name)
    }

    pub(crate) fn call(&self) -> Call {
        self.call
    }
}

/// A `Result`, under whatever alias, and what the future of a function that returns it yields.
#[diagnostic::on_unimplemented(
    message = "the return type `{Self}` is called `Result` and is not `std::result::Result`",
    label = "not a `std::result::Result`",
    note = "return it under another name: `type Output = {Self};`"
)]
pub trait ResultOutput {
    /// The type of the value in `Ok`.
    type Ok;
    /// The type of the error in `Err`.
    type Err;

    /// The same, under the name that everybody knows.
    fn into_result(self) -> Result<Self::Ok, Self::Err>;
}

impl<T, E> ResultOutput for Result<T, E> {
    type Ok = T;
    type Err = E;

    fn into_result(self) -> Result<T, E> {
        self
    }
}

/// The signature of a function with these argument and output types, as it is compared between processes.
pub fn signature<Args, Output>() -> String {
    format!("{} -> {}", std::any::type_name::<Args>(), std::any::type_name::<Output>())
}

/// The same of a function that makes a state, which no task function has.
fn state_signature<Args, State>() -> String {
    format!("{} -> state {}", std::any::type_name::<Args>(), std::any::type_name::<State>())
}

/// A type whose values arrive as arguments.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an argument of a task function: serde cannot read it",
    label = "this type does not implement `serde::Deserialize`",
    note = "put `#[derive(serde::Serialize, serde::Deserialize)]` on the type; one of another crate has it by a feature \
            of that crate, which is mostly called `serde`"
)]
pub trait Received: DeserializeOwned + 'static {}

#[diagnostic::do_not_recommend]
impl<T: DeserializeOwned + 'static> Received for T {}

/// A type whose values are sent back as results.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the result of a task function: serde cannot write it",
    label = "this type does not implement `serde::Serialize`",
    note = "put `#[derive(serde::Serialize, serde::Deserialize)]` on the type; one of another crate has it by a feature \
            of that crate, which is mostly called `serde`"
)]
pub trait Returnable: Serialize {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + ?Sized> Returnable for T {}

/// The encoded arguments of one call.
pub struct Input<'a>(Values<'a>);

impl<'a> Input<'a> {
    #[inline]
    pub(crate) fn new(bytes: &'a [u8], attachments: Incoming) -> Self {
        Input(Values::new(bytes, attachments))
    }

    /// The next argument; `name` is what its function calls it.
    pub fn argument<A: Received>(&mut self, name: &str) -> Result<A, Failure> {
        self.0.next().map_err(|failure| {
            let type_name = std::any::type_name::<A>();
            let message = format!("argument `{name}` of type {type_name} cannot be decoded: {}", failure.0);
            Failure::new(FailureKind::Codec, message)
        })
    }

    /// Says that all arguments have been taken, and requires that nothing is left.
    #[inline]
    pub fn end(&self) -> Result<(), Failure> {
        self.0.end().map_err(|failure| {
            Failure::new(FailureKind::Codec, format!("the arguments cannot be decoded: {}", failure.0))
        })
    }
}

/// Where the encoded result of a call goes.
pub struct Output<'a> {
    encoded: &'a mut Encoded,
    limits: Limits,
}

impl<'a> Output<'a> {
    /// Appends to `encoded`.
    pub(crate) fn new(encoded: &'a mut Encoded, limits: Limits) -> Self {
        Output { encoded, limits }
    }

    /// Appends what the function returned; nothing is appended on failure.
    pub fn result<T: Returnable + ?Sized>(&mut self, value: &T) -> Result<(), Failure> {
        codec::encode_with_attachments(value, self.encoded, &self.limits).map_err(failed::<T>)
    }

    /// The same for a text, or numbers in a row, whose memory is handed over if it is large.
    pub fn block<T: Returnable + 'static>(&mut self, value: T) -> Result<(), Failure> {
        codec::encode_owned(value, self.encoded, &self.limits).map_err(failed::<T>)
    }
}

#[cold]
fn failed<T: ?Sized>(failure: EncodeFailure) -> Failure {
    let type_name = std::any::type_name::<T>();
    let message = match failure {
        EncodeFailure::Value(message) => format!("the result of type {type_name} cannot be encoded: {message}"),
        EncodeFailure::TooLarge(limit_bytes) => {
            format!("the encoded result of type {type_name} is larger than the limit of {limit_bytes} bytes")
        }
    };
    Failure::new(FailureKind::Codec, message)
}
