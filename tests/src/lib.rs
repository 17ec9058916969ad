//! Tests.
pub mod conformance;
