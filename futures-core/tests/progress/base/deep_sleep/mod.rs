//! The library's deep sleep: what its two ends ask as it is, with a shorter rule.

#[path = "../../../../src/base/deep_sleep/ends.rs"]
mod ends;
mod rule;

pub(crate) use ends::{DeepSleep, Silence};
pub(crate) use rule::Rule;
