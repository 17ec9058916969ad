//! The code generated for a task function or a state constructor: the function, the struct that carries its id, the entry in the registry.

use crate::fallback;
use crate::locate::Library;
use crate::marker::marker;
use crate::model::{Argument, Borrowed, Output, Owned, Task, is_block};
use crate::parse::{Accepted, Function, Keys};
use crate::role::Role;
use crate::validate;
use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::Ident;
use syn::ext::IdentExt;
use syn::spanned::Spanned;

/// All of `#[remote_task(keys)] item`, as `library` exports it.
pub(crate) fn remote_task(keys: TokenStream, item: TokenStream, library: Library) -> TokenStream {
    registered(keys, item, library, Role::Task)
}

/// All of `#[remote_state(keys)] item`, as `library` exports it.
pub(crate) fn remote_state(keys: TokenStream, item: TokenStream, library: Library) -> TokenStream {
    registered(keys, item, library, Role::State)
}

fn registered(keys: TokenStream, item: TokenStream, library: Library, role: Role) -> TokenStream {
    let function = match Function::parse(item.clone(), role.attribute()) {
        Ok(function) => function,
        Err(error) => return fallback::item(&item, &error),
    };
    let keys = match validate::function(&function, role).and_then(|()| Keys::parse(keys, Accepted::IdAndCrate)) {
        Ok(keys) => keys,
        Err(error) => return fallback::function(&function, role, error),
    };
    expand(&Task::new(function, role, &keys, library))
}

fn expand(task: &Task) -> TokenStream {
    let function = &task.function;
    let marker = marker(function, task.role, &id(task));
    quote! {
        #function
        #marker
    }
}

/// The type and the value of `ID`; the block of the value contains the registration, so that nothing is left outside of
/// the two items, which the compiler refuses where no function can be a task function.
fn id(task: &Task) -> TokenStream {
    let span = task.output.span();
    let private = private(task, span);
    let arguments = task.arguments.iter().map(|argument| owned(task, &argument.owned));
    let output = output(task);
    let registration = registration(task);
    let name = match &task.id {
        Some(id) => id.to_token_stream(),
        None => {
            let name = task.function.sig.ident.unraw().to_string();
            quote_spanned!(span=> ::core::concat!(::core::module_path!(), "::", #name))
        }
    };
    let id = match task.role {
        Role::Task => quote_spanned!(span=> TaskId),
        Role::State => quote_spanned!(span=> StateId),
    };
    quote_spanned! {span=>
        #private::#id<(#(#arguments,)*), #output> = {
            #registration
            #private::#id::new(#name)
        }
    }
}

fn registration(task: &Task) -> TokenStream {
    let private = private(task, Span::mixed_site());
    let ident = &task.function.sig.ident;
    let call = call(task);
    let of = match task.role {
        Role::Task => quote!(of),
        Role::State => quote!(of_state),
    };
    quote! {
        #call

        #private::inventory::submit! {
            #private::TaskEntry::#of(
                #ident::ID,
                ::core::concat!(::core::file!(), ":", ::core::line!()),
                (::core::option_env!("CARGO_PKG_NAME"), ::core::option_env!("CARGO_PKG_VERSION")),
                __call,
            )
        }
    }
}

/// The function that decodes the arguments, calls the user's function and encodes what it returns.
fn call(task: &Task) -> TokenStream {
    let private = private(task, Span::mixed_site());
    let decoded = task.arguments.iter().enumerate().map(|(index, argument)| decode(task, index, argument));
    let passed = task.arguments.iter().enumerate().map(|(index, argument)| {
        let local = local(index);
        if argument.is_lent { quote_spanned!(local.span()=> &#local) } else { local.to_token_stream() }
    });
    let mut passed: Vec<TokenStream> = passed.collect();
    let lent = task.state.as_ref().map(|state| {
        let local = Ident::new("__state", Span::mixed_site());
        let and = if state.is_mutable { quote!(&mut *) } else { quote!(&*) };
        passed.insert(state.position, quote_spanned!(local.span()=> #and #local));
        lend(task, state, &local)
    });
    let span = task.output.span();
    let mut ident = task.function.sig.ident.clone();
    ident.set_span(span);
    let reply = reply(task, &quote_spanned!(span=> #ident(#(#passed),*)));
    quote_spanned! {Span::mixed_site()=>
        #[allow(deprecated, unused_mut, unused_variables)]
        fn __call(
            mut __input: #private::Input<'_>,
            __output: &mut #private::Output<'_>,
        ) -> ::core::result::Result<(), #private::Failure> {
            #(#decoded)*
            __input.end()?;
            #lent
            #reply
        }
    }
}

fn decode(task: &Task, index: usize, argument: &Argument) -> TokenStream {
    let local = local(index);
    let name = &argument.name;
    let owned = owned(task, &argument.owned);
    quote_spanned!(place_of(&owned)=> let #local = __input.argument::<#owned>(#name)?;)
}

fn lend(task: &Task, Borrowed { ty, is_mutable, .. }: &Borrowed, local: &Ident) -> TokenStream {
    let span = place_of(ty);
    let private = private(task, span);
    quote_spanned!(span=> let mut #local = #private::lend_state::<#ty>(#is_mutable)?;)
}

fn reply(task: &Task, value: &TokenStream) -> TokenStream {
    let span = task.output.span();
    let private = private(task, span);
    let kept = |span: Span, value: &TokenStream| {
        let private = self::private(task, span);
        quote_spanned!(span=> { #private::keep_state(#value); ::core::result::Result::Ok(()) })
    };
    match &task.output {
        Output::Unit | Output::Value(_) if task.role == Role::State => kept(span, value),
        Output::Value(ty) if is_block(ty) => quote_spanned!(span=> __output.block(#value)),
        Output::Unit | Output::Value(_) => quote_spanned!(span=> __output.result(&#value)),
        Output::Result(_, arguments) => {
            let ok = arguments.first().map_or(span, place_of);
            let err = arguments.get(1).map_or(span, place_of);
            let encode = match arguments.first() {
                _ if task.role == Role::State => kept(ok, &quote_spanned!(ok=> __value)),
                Some(ty) if is_block(ty) => quote_spanned!(ok=> __output.block(__value)),
                _ => quote_spanned!(ok=> __output.result(&__value)),
            };
            let failure = quote_spanned! {err=>
                #private::Failure::returned(&__error, __returned.causes(), __returned.typed())
            };
            quote_spanned! {span=>
                match #private::ResultOutput::into_result(#value) {
                    ::core::result::Result::Ok(__value) => #encode,
                    ::core::result::Result::Err(__error) => {
                        #[allow(unused_imports)]
                        use #private::{causes::*, typed::*};
                        let __returned = &&&#private::Returned(&__error);
                        ::core::result::Result::Err(#failure)
                    }
                }
            }
        }
    }
}

fn owned(task: &Task, owned: &Owned) -> TokenStream {
    let span = match owned {
        Owned::Same(ty) => return ty.to_token_stream(),
        Owned::String(str) => place_of(str),
        Owned::Vec(ty) | Owned::Path(ty) => place_of(ty),
    };
    let private = private(task, span);
    match owned {
        Owned::Same(ty) => ty.to_token_stream(),
        Owned::String(_) => quote_spanned!(span=> #private::String),
        Owned::Vec(element) => quote_spanned!(span=> #private::Vec<#element>),
        Owned::Path(ty) => quote_spanned!(span=> <#ty as #private::Lent>::Owned),
    }
}

fn output(task: &Task) -> TokenStream {
    let span = task.output.span();
    match &task.output {
        Output::Unit => quote_spanned!(span=> ()),
        Output::Value(ty) => ty.to_token_stream(),
        Output::Result(ty, _) => {
            let private = private(task, span);
            quote_spanned!(span=> <#ty as #private::ResultOutput>::Ok)
        }
    }
}

impl Output {
    fn span(&self) -> Span {
        match self {
            Output::Unit => Span::mixed_site(),
            Output::Value(ty) | Output::Result(ty, _) => place_of(ty),
        }
    }
}

/// The place of the user's tokens for errors, with this macro's names and lints.
fn place_of(tokens: &impl ToTokens) -> Span {
    tokens.span().resolved_at(Span::mixed_site())
}

fn local(index: usize) -> Ident {
    format_ident!("__argument_{}", index, span = Span::mixed_site())
}

/// The path of what generated code names; errors in it are shown at `span`.
fn private(task: &Task, span: Span) -> TokenStream {
    let library = task.library.clone().into_iter().map(|mut token| {
        token.set_span(token.span().located_at(span));
        token
    });
    quote_spanned!(span=> #(#library)*::__private)
}
