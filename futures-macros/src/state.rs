//! The mark `#[state]` of a parameter, which is lent on the worker and does not travel.

use crate::parse::Function;
use syn::{Attribute, FnArg, PatType};

/// The `#[state]` of a parameter.
pub(crate) fn mark(argument: &PatType) -> Option<&Attribute> {
    argument.attrs.iter().find(|attribute| attribute.path().is_ident("state"))
}

/// The function without its marks, which the compiler does not know.
pub(crate) fn without_marks(mut function: Function) -> Function {
    for argument in &mut function.sig.inputs {
        if let FnArg::Typed(argument) = argument {
            argument.attrs.retain(|attribute| !attribute.path().is_ident("state"));
        }
    }
    function
}
