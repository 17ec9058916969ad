//! What becomes of a task of the model: it is done, or has failed.

use crate::error::Error;

#[derive(Debug)]
pub(crate) enum Outcome {
    Done,
    Failed(Error),
}
