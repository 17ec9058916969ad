//! What travels between manager and workers: values as bytes, the memory beside them, messages, and the transport's
//! seam.

pub(crate) mod attachments;
pub(crate) mod buffer;
#[cfg(feature = "cbor")]
pub(crate) mod cbor;
pub(crate) mod claims;
pub(crate) mod codec;
pub(crate) mod failure;
pub(crate) mod frame;
pub(crate) mod held;
pub(crate) mod memory;
pub(crate) mod message;
pub(crate) mod parts;
pub(crate) mod payload;
pub(crate) mod setup;
pub(crate) mod transport;
