//! The rule of deep sleep, with numbers that a model reaches in a few sleeps of 10 µs.

use std::time::Duration;

/// The rule that both ends keep.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rule {
    pub(crate) after: Duration,
    pub(crate) length: Duration,
    pub(crate) silence: Duration,
}

impl Rule {
    pub(crate) fn get() -> Rule {
        let micros = Duration::from_micros;
        // Ten sleeps; `length` is one that ends by a wake-up only, see the condition variable of the model.
        Rule { after: micros(160), length: Duration::from_millis(100), silence: micros(20) }
    }
}
