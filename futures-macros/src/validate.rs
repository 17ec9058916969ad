//! What cannot be a task function, or make a state: every mistake with its place in the source and the way out.

use crate::model::{peel, result_arguments};
use crate::parse::Function;
use crate::role::Role;
use crate::state;
use quote::ToTokens;
use syn::visit::{self, Visit};
use syn::{
    Attribute, Error, FnArg, GenericParam, ParenthesizedGenericArguments, PatType, Path, Result, ReturnType, Safety,
    Type, TypeFnPtr, TypeImplTrait, TypeReference,
};

/// The length of the longest tuple for which `IntoArgs` is implemented.
const ARGUMENTS_MAX: usize = 12;

/// Checks that a worker can call the function, and reports all that stands against it.
pub(crate) fn function(function: &Function, role: Role) -> Result<()> {
    let mut mistakes = Mistakes { errors: None, role };
    if let Some(sign) = sign_of_method(function) {
        mistakes.add(sign, "a method cannot be a task function: make it a free function that takes the value");
        return mistakes.into_result();
    }
    if let Some(second) = second_attribute(function) {
        if Role::of(second) == Some(role) {
            mistakes.add(second, &format!("`{}` is written twice: remove one of them", role.attribute()));
        } else {
            mistakes.add(second, "a function is a task or makes a state, not both: remove one of the attributes");
        }
    }
    qualifiers(function, &mut mistakes);
    generics(function, &mut mistakes);
    let mut borrows_state = false;
    let mut arguments = Vec::new();
    for argument in &function.sig.inputs {
        let FnArg::Typed(argument) = argument else { continue };
        unconditional(argument, &mut mistakes);
        match state::mark(argument) {
            Some(mark) if role == Role::State => {
                mistakes.add(mark, "this function makes the state, and cannot borrow it: `#[state]` is for tasks");
            }
            Some(mark) if std::mem::replace(&mut borrows_state, true) => {
                mistakes.add(mark, "an executor has one state: put what the task needs into one struct");
            }
            Some(mark) => borrowed(mark, argument, &mut mistakes),
            None => {
                self::argument(argument, &mut mistakes);
                arguments.push(argument);
            }
        }
    }
    if let Some(surplus) = arguments.get(ARGUMENTS_MAX) {
        mistakes.add(surplus, "a task function takes at most 12 arguments: put some of them in a struct");
    }
    match &function.sig.output {
        ReturnType::Type(_, returned) => self::returned(returned, &mut mistakes),
        ReturnType::Default if role == Role::State => {
            mistakes.add(&function.sig.ident, "a state constructor returns the state: give it a return type");
        }
        ReturnType::Default => {}
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

/// Another attribute of this library on the function, which is expanded after this one.
pub(crate) fn second_attribute(function: &Function) -> Option<&Attribute> {
    function.attrs.iter().find(|attribute| Role::of(attribute).is_some())
}

const IMPL_TRAIT: &str = "a task function cannot have `impl Trait` in its signature: write the concrete type";

/// The mistakes found so far.
struct Mistakes {
    errors: Option<Error>,
    role: Role,
}

impl Mistakes {
    fn add(&mut self, tokens: impl ToTokens, message: &str) {
        // Most of what is said about tasks holds for both.
        let message = message.replace(Role::Task.noun(), self.role.noun());
        let error = Error::new_spanned(tokens, message);
        match &mut self.errors {
            Some(errors) => errors.combine(error),
            None => self.errors = Some(error),
        }
    }

    fn into_result(self) -> Result<()> {
        self.errors.map_or(Ok(()), Err)
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

fn unconditional(argument: &PatType, mistakes: &mut Mistakes) {
    for attribute in &argument.attrs {
        if attribute.path().is_ident("cfg") || attribute.path().is_ident("cfg_attr") {
            mistakes.add(attribute, "an argument cannot depend on `cfg`: write one function for each configuration");
        }
    }
}

fn argument(argument: &PatType, mistakes: &mut Mistakes) {
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

/// A state, which a task borrows where it is.
fn borrowed(mark: &Attribute, argument: &PatType, mistakes: &mut Mistakes) {
    if let Err(error) = mark.meta.require_path_only() {
        mistakes.add(&mark.meta, &format!("{error}: it is written `#[state]`"));
    }
    let Type::Reference(reference) = peel(&argument.ty) else {
        mistakes.add(&argument.ty, "a state stays on its worker, and is lent to the task: take `&T` or `&mut T`");
        return;
    };
    let elem = peel(&reference.elem);
    let found = Finder::of(elem);
    let is_str = matches!(elem, Type::Path(ty) if ty.path.is_ident("str"));
    if let Some(lifetime) = reference.lifetime.as_ref().filter(|lifetime| lifetime.ident == "static") {
        mistakes.add(lifetime, "a worker lends its state for the duration of the call only: remove `'static`");
    } else if is_str || matches!(elem, Type::TraitObject(_) | Type::Slice(_)) {
        mistakes.add(elem, "a state is what its constructor returns: take a reference to that type");
    } else if let Some(impl_trait) = found.impl_trait {
        mistakes.add(impl_trait, IMPL_TRAIT);
    } else if let Some(reference) = found.reference {
        mistakes.add(reference, "a state stays on its worker and cannot hold a reference: make it hold the owned type");
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
    let never = match mistakes.role {
        Role::Task => "a task function has to return for its future to be fulfilled: return `()`",
        Role::State => "a state constructor returns the state: give it a return type",
    };
    if let Type::Never(_) = returned {
        mistakes.add(returned, never);
    } else if let Some(impl_trait) = found.impl_trait {
        mistakes.add(impl_trait, IMPL_TRAIT);
    } else if let Some(reference) = found_in_value.reference.filter(|_| mistakes.role == Role::State) {
        mistakes.add(reference, "a state stays on its worker and cannot hold a reference: make it hold the owned type");
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
