//! What a function is to the library: a task, or what makes a state.

use syn::Attribute;

/// What an attribute makes of a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// `#[remote_task]`
    Task,
    /// `#[remote_state]`
    State,
}

impl Role {
    /// The attribute, as users write it.
    pub(crate) fn attribute(self) -> &'static str {
        match self {
            Role::Task => "#[remote_task]",
            Role::State => "#[remote_state]",
        }
    }

    /// What messages and documentation call such a function.
    pub(crate) fn noun(self) -> &'static str {
        match self {
            Role::Task => "task function",
            Role::State => "state constructor",
        }
    }

    /// What another attribute makes of the function, if it is one of this library's.
    pub(crate) fn of(attribute: &Attribute) -> Option<Role> {
        let last = attribute.path().segments.last()?;
        [Role::Task, Role::State].into_iter().find(|role| role.attribute() == format!("#[{}]", last.ident))
    }
}
