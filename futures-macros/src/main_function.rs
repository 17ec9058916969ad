//! `#[futures_mpi::main]`: the user's main function, wrapped so that the library decides which process runs it.

use crate::fallback;
use crate::locate::Library;
use crate::parse::{Accepted, Function, Keys};
use proc_macro2::TokenStream;
use quote::quote;
use syn::{Error, Result, Safety, Signature, Visibility};

/// All of `#[futures_mpi::main(keys)] item`.
pub(crate) fn expand(keys: TokenStream, item: TokenStream) -> TokenStream {
    let function = match Function::parse(item.clone(), "#[futures_mpi::main]") {
        Ok(function) => function,
        Err(error) => return fallback::item(&item, &error),
    };
    match library(keys, &function) {
        Ok(library) => wrap(function, &library),
        Err(error) => unwrapped(function, &error),
    }
}

/// The path of the library, if the attribute and the function are as they should be.
fn library(keys: TokenStream, function: &Function) -> Result<TokenStream> {
    validate(&function.sig)?;
    let keys = Keys::parse(keys, Accepted::Crate)?;
    Ok(Library::Mpi.path(keys.library.as_ref()))
}

fn validate(sig: &Signature) -> Result<()> {
    if let Some(asyncness) = &sig.asyncness {
        return Err(Error::new_spanned(
            asyncness,
            "`main` runs inside `#[futures_mpi::main]` and cannot be `async`: make it a plain `fn` and block on the \
             runtime in its body, or put the runtime's attribute above this one",
        ));
    }
    if let Safety::Unsafe(token) = &sig.safety {
        return Err(Error::new_spanned(token, "`main` cannot be `unsafe`: use an `unsafe` block in its body"));
    }
    if let Some(abi) = &sig.abi {
        return Err(Error::new_spanned(abi, "`main` cannot be `extern`: make it a plain `fn`"));
    }
    if !sig.generics.params.is_empty() {
        return Err(Error::new_spanned(&sig.generics, "`main` cannot be generic: remove the parameters"));
    }
    if !sig.inputs.is_empty() {
        return Err(Error::new_spanned(
            &sig.inputs,
            "`main` takes no arguments: read the command line with `std::env::args()`",
        ));
    }
    Ok(())
}

/// The function inside one of the same name, which hands it to the library.
fn wrap(function: Function, library: &TokenStream) -> TokenStream {
    let ident = function.sig.ident.clone();
    let vis = function.vis.clone();
    let inner = Function { vis: Visibility::Inherited, ..function };
    quote! {
        #vis fn #ident() -> ::std::process::ExitCode {
            #inner
            #library::__private::run_main(#ident)
        }
    }
}

/// The error, and a main function that calls nothing but makes everything count as called.
fn unwrapped(function: Function, error: &Error) -> TokenStream {
    let ident = function.sig.ident.clone();
    let vis = function.vis.clone();
    let inner = Function { vis: Visibility::Inherited, ..function };
    let error = error.to_compile_error();
    quote! {
        #error
        #vis fn #ident() {
            #[allow(dead_code)]
            #inner
        }
    }
}
