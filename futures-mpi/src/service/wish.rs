//! What a client wants of a group: a number in its greeting.

/// What a client wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    /// To be served.
    Join = 1,
    /// That the group ends.
    End = 2,
}

impl Wish {
    /// The wish of this number; `None` if this version knows no such wish.
    pub(super) fn of(number: u32) -> Option<Self> {
        [Wish::Join, Wish::End].into_iter().find(|wish| *wish as u32 == number)
    }
}
