//! What cannot be a task function: every mistake with its place in the source and the way out.

use crate::model::{peel, result_arguments};
use crate::parse::Function;
use quote::ToTokens;
use syn::visit::{self, Visit};
use syn::{
    Attribute, Error, FnArg, GenericParam, ParenthesizedGenericArguments, PatType, Path, Result, ReturnType, Safety,
    Type, TypeFnPtr, TypeImplTrait, TypeReference,
};

/// The length of the longest tuple for which `IntoArgs` is implemented.
const ARGUMENTS_MAX: usize = 12;

/// Checks that a worker can call the function, and reports all that stands against it.
pub(crate) fn function(function: &Function) -> Result<()> {
    let mut mistakes = Mistakes::default();
    if let Some(sign) = sign_of_method(function) {
        mistakes.add(sign, "a method cannot be a task function: make it a free function that takes the value");
        return mistakes.into_result();
    }
    if let Some(second) = second_attribute(function) {
        mistakes.add(second, "`#[remote_task]` is written twice: remove one of them");
    }
    qualifiers(function, &mut mistakes);
    generics(function, &mut mistakes);
    for argument in &function.sig.inputs {
        if let FnArg::Typed(argument) = argument {
            self::argument(argument, &mut mistakes);
        }
    }
    if let Some(surplus) = function.sig.inputs.iter().nth(ARGUMENTS_MAX) {
        mistakes.add(surplus, "a task function takes at most 12 arguments: put some of them in a struct");
    }
    if let ReturnType::Type(_, returned) = &function.sig.output {
        self::returned(returned, &mut mistakes);
    }
    mistakes.into_result()
}

/// What tells that the function stands in an `impl` or a `trait`, where no item may be put beside it.
pub(crate) fn sign_of_method(function: &Function) -> Option<&dyn ToTokens> {
    if let Some(receiver) = function.sig.receiver() {
        return Some(receiver);
    }
    let mut finder = Finder::default();
    finder.visit_signature(&function.sig);
    finder.self_type.map(|path| path as _)
}

/// Another `#[remote_task]` on the function, which is expanded after this one.
pub(crate) fn second_attribute(function: &Function) -> Option<&Attribute> {
    let is_second =
        |attribute: &&Attribute| attribute.path().segments.last().is_some_and(|segment| segment.ident == "remote_task");
    function.attrs.iter().find(is_second)
}

const IMPL_TRAIT: &str = "a task function cannot have `impl Trait` in its signature: write the concrete type";

/// The mistakes found so far.
#[derive(Default)]
struct Mistakes(Option<Error>);

impl Mistakes {
    fn add(&mut self, tokens: impl ToTokens, message: &str) {
        let error = Error::new_spanned(tokens, message);
        match &mut self.0 {
            Some(errors) => errors.combine(error),
            None => self.0 = Some(error),
        }
    }

    fn into_result(self) -> Result<()> {
        self.0.map_or(Ok(()), Err)
    }
}

fn qualifiers(function: &Function, mistakes: &mut Mistakes) {
    let sig = &function.sig;
    if let Some(asyncness) = &sig.asyncness {
        mistakes.add(
            asyncness,
            "a task function cannot be `async`: make it a plain `fn` and block on the runtime inside its body",
        );
    }
    if let Safety::Unsafe(token) = &sig.safety {
        mistakes.add(
            token,
            "a task function cannot be `unsafe`, because workers call it without checks: wrap it in a safe `fn`",
        );
    }
    if let Some(abi) = &sig.abi {
        mistakes.add(abi, "a task function cannot be `extern`: write a plain `fn` that calls it");
    }
    if let Some(variadic) = &sig.variadic {
        mistakes.add(variadic, "a task function cannot be variadic: take a `Vec<T>` or `&[T]`");
    }
}

fn generics(function: &Function, mistakes: &mut Mistakes) {
    for parameter in &function.sig.generics.params {
        match parameter {
            GenericParam::Lifetime(_) => {}
            GenericParam::Type(_) | GenericParam::Const(_) => mistakes.add(
                parameter,
                "a task function cannot be generic: write one function for each type, which may call this one",
            ),
        }
    }
}

fn argument(argument: &PatType, mistakes: &mut Mistakes) {
    for attribute in &argument.attrs {
        if attribute.path().is_ident("cfg") || attribute.path().is_ident("cfg_attr") {
            mistakes.add(attribute, "an argument cannot depend on `cfg`: write one function for each configuration");
        }
    }
    match peel(&argument.ty) {
        Type::Reference(reference) => lent(reference, mistakes),
        owned => travelling(owned, mistakes),
    }
}

fn lent(reference: &TypeReference, mistakes: &mut Mistakes) {
    let elem = peel(&reference.elem);
    if reference.mutability.is_some() {
        mistakes.add(reference, "a change made on a worker does not come back: take the value and return the new one");
    } else if let Some(lifetime) = reference.lifetime.as_ref().filter(|lifetime| lifetime.ident == "static") {
        mistakes.add(lifetime, "a worker lends arguments for the duration of the call only: remove `'static`");
    } else if let Type::TraitObject(_) = elem {
        mistakes.add(elem, "a trait object cannot be sent to a worker: take a concrete type");
    } else {
        travelling(elem, mistakes);
    }
}

/// A type of which values are sent to the worker.
fn travelling(ty: &Type, mistakes: &mut Mistakes) {
    let found = Finder::of(ty);
    if let Some(impl_trait) = found.impl_trait {
        mistakes.add(impl_trait, IMPL_TRAIT);
    } else if let Some(reference) = found.reference {
        mistakes
            .add(reference, "a reference inside another type cannot be lent: take the owned type, such as `String`");
    }
}

fn returned(returned: &Type, mistakes: &mut Mistakes) {
    let returned = peel(returned);
    let found = Finder::of(returned);
    // The error of a `Result` stays on the worker and may hold references.
    let found_in_value = Finder::of(result_arguments(returned).first().copied().unwrap_or(returned));
    if let Type::Never(_) = returned {
        mistakes.add(returned, "a task function has to return for its future to be fulfilled: return `()`");
    } else if let Some(impl_trait) = found.impl_trait {
        mistakes.add(impl_trait, IMPL_TRAIT);
    } else if let Some(reference) = found_in_value.reference {
        mistakes
            .add(reference, "a result travels and cannot hold a reference: return the owned type, such as `String`");
    }
}

/// The first occurrence, in a type, of what a task function cannot have there.
#[derive(Default)]
struct Finder<'ast> {
    impl_trait: Option<&'ast TypeImplTrait>,
    reference: Option<&'ast TypeReference>,
    self_type: Option<&'ast Path>,
}

impl<'ast> Finder<'ast> {
    fn of(ty: &'ast Type) -> Self {
        let mut finder = Finder::default();
        finder.visit_type(ty);
        finder
    }
}

impl<'ast> Visit<'ast> for Finder<'ast> {
    fn visit_type_impl_trait(&mut self, found: &'ast TypeImplTrait) {
        self.impl_trait.get_or_insert(found);
    }

    fn visit_type_reference(&mut self, found: &'ast TypeReference) {
        self.reference.get_or_insert(found);
        visit::visit_type_reference(self, found);
    }

    // What a function takes and gives is nothing that a value of its type holds.
    fn visit_type_fn_ptr(&mut self, _: &'ast TypeFnPtr) {}

    fn visit_parenthesized_generic_arguments(&mut self, _: &'ast ParenthesizedGenericArguments) {}

    fn visit_path(&mut self, path: &'ast Path) {
        if path.segments.first().is_some_and(|segment| segment.ident == "Self") {
            self.self_type.get_or_insert(path);
        }
        visit::visit_path(self, path);
    }
}
