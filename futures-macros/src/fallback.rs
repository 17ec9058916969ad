//! What stands for an item whose attribute was misused: the item, the error, and nothing that makes a second error.

use crate::expand;
use crate::parse::Function;
use crate::validate;
use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::Error;

/// For what is no function, or no free one: the item as it was, and the error behind it.
pub(crate) fn item(item: &impl ToTokens, error: &Error) -> TokenStream {
    let error = error.to_compile_error();
    quote!(#item #error)
}

/// For a function: beside it an `ID` with the error in place of its type and its value. The compiler shows the same
/// error in one place once, and says nothing about the uses of such a constant.
pub(crate) fn function(function: &Function, error: Error) -> TokenStream {
    let is_written_twice = validate::second_attribute(function).is_some();
    if is_written_twice || validate::sign_of_method(function).is_some() {
        return item(function, &error);
    }
    let mut function = function.clone();
    // The compiler has its own error for it.
    function.sig.variadic = None;
    let mut errors = error.into_iter().map(|error| error.to_compile_error());
    let first = errors.next();
    let marker = expand::marker(&function, &quote!(#first = #first));
    quote!(#function #marker #(#errors)*)
}
