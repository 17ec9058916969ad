//! How far a client is with what it has to do when its last task is done.

/// How far a client is with that.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Retiring {
    /// It has nothing to do then.
    #[default]
    No,
    /// It waits for its last task.
    Waits,
    /// It was told that its last task is done.
    Told,
    /// It has submitted what it does after that.
    Submitted,
}

impl Retiring {
    /// The client's last task is done; whether it is to be told so, which is once.
    pub(super) fn tell(&mut self) -> bool {
        let tells = *self == Retiring::Waits;
        if tells {
            *self = Retiring::Told;
        }
        tells
    }

    /// The client has submitted its last tasks, if it was told to.
    pub(super) fn end(&mut self) {
        if *self == Retiring::Told {
            *self = Retiring::Submitted;
        }
    }

    /// Whether the client submits nothing more when its last task is done.
    pub(super) fn is_over(self) -> bool {
        matches!(self, Retiring::No | Retiring::Submitted)
    }

    /// Whether the tasks that the client still has, if any, are those that it does last.
    pub(super) fn is_last(self) -> bool {
        matches!(self, Retiring::Told | Retiring::Submitted)
    }
}
