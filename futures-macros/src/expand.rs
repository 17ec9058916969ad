//! The code generated for a task function: the function, the struct that carries its id, the entry in the registry.

use crate::fallback;
use crate::model::{Argument, Output, Owned, Task};
use crate::parse::{Accepted, Function, Keys};
use crate::validate;
use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;

/// All of `#[remote_task(keys)] item`.
pub(crate) fn remote_task(keys: TokenStream, item: TokenStream) -> TokenStream {
    let function = match Function::parse(item.clone(), "#[remote_task]") {
        Ok(function) => function,
        Err(error) => return fallback::item(&item, &error),
    };
    let keys = match validate::function(&function).and_then(|()| Keys::parse(keys, Accepted::IdAndCrate)) {
        Ok(keys) => keys,
        Err(error) => return fallback::function(&function, error),
    };
    match Task::new(function.clone(), &keys) {
        Ok(task) => expand(&task),
        Err(error) => fallback::function(&function, error),
    }
}

fn expand(task: &Task) -> TokenStream {
    let function = &task.function;
    let id = id(task);
    let marker = marker(function, &id);
    let registration = registration(task);
    quote! {
        #function
        #marker
        #registration
    }
}

/// The struct `name {}`: with braces it lives among the types only, and beside the function.
pub(crate) fn marker(function: &Function, id: &TokenStream) -> TokenStream {
    let Function { vis, sig, .. } = function;
    let ident = &sig.ident;
    let struct_doc = format!("The task function `{0}`, of which `{0}::ID` is the id.", ident.unraw());
    let id_doc = format!("The id by which executors take the task function `{}`.", ident.unraw());
    quote! {
        #[doc = #struct_doc]
        #[allow(non_camel_case_types, dead_code)]
        #vis struct #ident {}

        #[allow(dead_code)]
        impl #ident {
            #[doc = #id_doc]
            #vis const ID: #id;
        }
    }
}

/// The type and the value of `ID`.
fn id(task: &Task) -> TokenStream {
    let private = private(task);
    let arguments = task.arguments.iter().map(|argument| owned(&argument.owned, &private));
    let output = output(&task.output, &private);
    let name = match &task.id {
        Some(id) => id.to_token_stream(),
        None => {
            let name = task.function.sig.ident.unraw().to_string();
            quote!(::core::concat!(::core::module_path!(), "::", #name))
        }
    };
    quote!(#private::TaskId<(#(#arguments,)*), #output> = #private::TaskId::new(#name))
}

fn registration(task: &Task) -> TokenStream {
    let private = private(task);
    let ident = &task.function.sig.ident;
    let call = call(task);
    quote! {
        const _: () = {
            #call

            #private::inventory::submit! {
                #private::TaskEntry::of(#ident::ID, ::core::concat!(::core::file!(), ":", ::core::line!()), __call)
            }
        };
    }
}

/// The function that decodes the arguments, calls the user's function and encodes what it returns.
fn call(task: &Task) -> TokenStream {
    let private = private(task);
    let ident = &task.function.sig.ident;
    let decoded = task.arguments.iter().enumerate().map(|(index, argument)| decode(index, argument, &private));
    let passed = task.arguments.iter().enumerate().map(|(index, argument)| {
        let local = local(index);
        if argument.is_lent { quote!(&#local) } else { local.to_token_stream() }
    });
    let reply = reply(&task.output, &quote!(#ident(#(#passed),*)), &private);
    let input = if task.arguments.is_empty() { quote!(_) } else { quote_spanned!(Span::mixed_site()=> __input) };
    quote_spanned! {Span::mixed_site()=>
        #[allow(deprecated)]
        fn __call(
            #input: &mut #private::Input<'_>,
            __output: &mut #private::Output<'_>,
        ) -> ::core::result::Result<(), #private::Failure> {
            #(#decoded)*
            #reply
        }
    }
}

fn decode(index: usize, argument: &Argument, private: &TokenStream) -> TokenStream {
    let local = local(index);
    let name = &argument.name;
    let owned = owned(&argument.owned, private);
    quote_spanned!(place_of(&owned)=> let #local = __input.argument::<#owned>(#name)?;)
}

fn reply(output: &Output, value: &TokenStream, private: &TokenStream) -> TokenStream {
    match output {
        Output::Unit => quote_spanned!(Span::mixed_site()=> __output.result(&#value)),
        Output::Value(ty) => quote_spanned!(place_of(ty)=> __output.result(&#value)),
        Output::Result(ty) => quote_spanned! {place_of(ty)=>
            match #value {
                ::core::result::Result::Ok(__value) => __output.result(&__value),
                ::core::result::Result::Err(__error) => {
                    #[allow(unused_imports)]
                    use #private::{causes::*, typed::*};
                    let __returned = &&&#private::Returned(&__error);
                    ::core::result::Result::Err(#private::Failure::returned(
                        &__error,
                        __returned.causes(),
                        __returned.typed(),
                    ))
                }
            }
        },
    }
}

fn owned(owned: &Owned, private: &TokenStream) -> TokenStream {
    match owned {
        Owned::Same(ty) => ty.to_token_stream(),
        Owned::String(str) => quote_spanned!(place_of(str)=> #private::String),
        Owned::Vec(element) => quote_spanned!(place_of(element)=> #private::Vec<#element>),
        Owned::Path(ty) => quote_spanned!(place_of(ty)=> <#ty as #private::Lent>::Owned),
    }
}

fn output(output: &Output, private: &TokenStream) -> TokenStream {
    match output {
        Output::Unit => quote!(()),
        Output::Value(ty) => ty.to_token_stream(),
        Output::Result(ty) => quote_spanned!(place_of(ty)=> <#ty as #private::ResultOutput>::Ok),
    }
}

/// The place of the user's tokens for errors, with this macro's names and lints.
fn place_of(tokens: &impl ToTokens) -> Span {
    tokens.span().resolved_at(Span::mixed_site())
}

fn local(index: usize) -> syn::Ident {
    format_ident!("__argument_{}", index, span = Span::mixed_site())
}

fn private(task: &Task) -> TokenStream {
    let library = &task.library;
    quote!(#library::__private)
}
