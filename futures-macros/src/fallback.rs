//! What stands for an item whose attribute was misused: the item, the error, and nothing that makes a second error.

use crate::marker::marker;
use crate::parse::Function;
use crate::role::Role;
use crate::state;
use crate::validate;
use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::Error;

/// For what is no function, or no free one: the item as it was, and the error behind it.
pub(crate) fn item(item: &impl ToTokens, error: &Error) -> TokenStream {
    let error = error.to_compile_error();
    quote!(#item #error)
}

/// For a function: beside it an `ID` of a type in which the error stands, so that the compiler says nothing about the
/// uses of it. An array's length serves for that: in place of a whole type, `compile_error!` counts as `()`.
pub(crate) fn function(function: &Function, role: Role, error: Error) -> TokenStream {
    let is_written_twice = validate::second_attribute(function).is_some();
    let mut function = state::without_marks(function.clone());
    if is_written_twice || validate::sign_of_method(&function).is_some() {
        return item(&function, &error);
    }
    // The compiler has its own error for it.
    function.sig.variadic = None;
    let mut errors = error.into_iter().map(|error| error.to_compile_error());
    let first = errors.next();
    let marker = marker(&function, role, &quote!([(); #first] = []));
    quote!(#function #marker #(#errors)*)
}
