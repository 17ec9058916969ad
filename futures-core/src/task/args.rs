//! What may be passed for the arguments of a task: the tuple itself, a lone argument, or references to the values.

use serde::Serialize;
use std::path::{Path, PathBuf};

/// A value that can be passed for one argument of type `A`: an `A`, a reference to one, a `&str` for a [`String`], a
/// slice for a [`Vec`], a `&Path` for a [`PathBuf`], a `Cbor<&T>` for a `Cbor<T>`. It encodes to the same bytes as the
/// `A`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be passed for an argument of type `{A}`",
    label = "the task takes `{A}` here"
)]
pub trait Argument<A>: Serialize {}

impl<A: Serialize> Argument<A> for A {}
impl<A: Serialize> Argument<A> for &A {}
impl Argument<String> for &str {}
impl<T: Serialize> Argument<Vec<T>> for &[T] {}
impl Argument<PathBuf> for &Path {}

/// What a worker owns in order to lend a `&Self` to a task function that takes one.
///
/// It tells the standard library's unsized `Path` from types of users that are also called `Path`.
pub trait Lent {
    /// The type of the value that travels.
    type Owned;
}

impl<T> Lent for T {
    type Owned = T;
}

impl Lent for Path {
    type Owned = PathBuf;
}

/// See [`IntoArgs`], which only this crate implements.
#[derive(Debug)]
pub struct Seal;

/// A value that [`submit`](crate::Executor::submit) and [`map`](crate::Executor::map) accept for the argument tuple
/// `Args` of a task.
///
/// Accepted are the tuple, with references where copying would be a waste (`&T` for a `T`, `&str` for a `String`,
/// `&[T]` for a `Vec<T>`, `&Path` for a `PathBuf`, `Cbor<&T>` for a `Cbor<T>`), and for a task of one argument also
/// that argument without the tuple.
///
/// # Examples
///
/// ```
/// # mod futures_mpi { pub use futures_mpi_core::*; pub use futures_mpi_macros::remote_task; }
/// use futures_mpi::{ThreadPoolExecutor, remote_task};
///
/// #[remote_task]
/// fn count(text: &str, letters: Vec<char>) -> usize {
///     text.chars().filter(|letter| letters.contains(letter)).count()
/// }
///
/// #[remote_task]
/// fn square(x: f64) -> f64 {
///     x * x
/// }
///
/// let executor = ThreadPoolExecutor::builder().max_workers(1).build()?;
/// let vowels = vec!['a', 'e', 'i', 'o', 'u'];
/// assert_eq!(executor.submit(count::ID, ("parallel", &vowels)).result()?, 3);
/// assert_eq!(executor.submit(square::ID, 3.0).result()?, 9.0);
/// # Ok::<(), futures_mpi::Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be passed for the task's arguments `{Args}`",
    label = "the task takes `{Args}`",
    note = "pass the arguments as one tuple, as in `submit(power::ID, (2, 10))`; a lone argument needs no tuple",
    note = "a type of your own needs `#[derive(serde::Serialize, serde::Deserialize)]`"
)]
pub trait IntoArgs<Args> {
    /// The type that is encoded.
    #[doc(hidden)]
    type Encoded: Serialize;

    /// Of a type that cannot be named elsewhere, so that nobody else implements the trait.
    #[doc(hidden)]
    const SEAL: Seal;

    /// The value to encode; borrowed, so that a map can give the item back.
    #[doc(hidden)]
    fn as_args(&self) -> &Self::Encoded;
}

impl<A: Serialize> IntoArgs<(A,)> for A {
    type Encoded = A;
    const SEAL: Seal = Seal;

    fn as_args(&self) -> &Self::Encoded {
        self
    }
}

impl<'a, A: Serialize> IntoArgs<(A,)> for &'a A {
    type Encoded = &'a A;
    const SEAL: Seal = Seal;

    fn as_args(&self) -> &Self::Encoded {
        self
    }
}

impl<'a> IntoArgs<(String,)> for &'a str {
    type Encoded = &'a str;
    const SEAL: Seal = Seal;

    fn as_args(&self) -> &Self::Encoded {
        self
    }
}

impl<'a, T: Serialize> IntoArgs<(Vec<T>,)> for &'a [T] {
    type Encoded = &'a [T];
    const SEAL: Seal = Seal;

    fn as_args(&self) -> &Self::Encoded {
        self
    }
}

impl<'a> IntoArgs<(PathBuf,)> for &'a Path {
    type Encoded = &'a Path;
    const SEAL: Seal = Seal;

    fn as_args(&self) -> &Self::Encoded {
        self
    }
}

#[cfg(feature = "cbor")]
mod cbor {
    use super::{Argument, IntoArgs, Seal, Serialize};
    use crate::wire::cbor::Cbor;

    impl<T: Serialize> Argument<Cbor<T>> for Cbor<&T> {}

    impl<T: Serialize> IntoArgs<(Cbor<T>,)> for Cbor<&T> {
        type Encoded = Self;
        const SEAL: Seal = Seal;

        fn as_args(&self) -> &Self::Encoded {
            self
        }
    }

    impl<T: Serialize> IntoArgs<(Cbor<T>,)> for (Cbor<&T>,) {
        type Encoded = Self;
        const SEAL: Seal = Seal;

        fn as_args(&self) -> &Self::Encoded {
            self
        }
    }
}

macro_rules! tuple_of_one {
    ($([$($generics:tt)*] $given:ty => $argument:ty;)*) => {$(
        impl<$($generics)*> IntoArgs<($argument,)> for ($given,) {
            type Encoded = Self;
            const SEAL: Seal = Seal;

            fn as_args(&self) -> &Self::Encoded {
                self
            }
        }
    )*};
}

tuple_of_one! {
    [A: Serialize] A => A;
    ['a, A: Serialize] &'a A => A;
    ['a] &'a str => String;
    ['a, T: Serialize] &'a [T] => Vec<T>;
    ['a] &'a Path => PathBuf;
}

macro_rules! tuples {
    ($(($($given:ident: $argument:ident),*))*) => {$(
        impl<$($given, $argument),*> IntoArgs<($($argument,)*)> for ($($given,)*)
        where
            $($given: Argument<$argument>),*
        {
            type Encoded = Self;
            const SEAL: Seal = Seal;

            fn as_args(&self) -> &Self::Encoded {
                self
            }
        }
    )*};
}

tuples! {
    ()
    (X1: A1, X2: A2)
    (X1: A1, X2: A2, X3: A3)
    (X1: A1, X2: A2, X3: A3, X4: A4)
    (X1: A1, X2: A2, X3: A3, X4: A4, X5: A5)
    (X1: A1, X2: A2, X3: A3, X4: A4, X5: A5, X6: A6)
    (X1: A1, X2: A2, X3: A3, X4: A4, X5: A5, X6: A6, X7: A7)
    (X1: A1, X2: A2, X3: A3, X4: A4, X5: A5, X6: A6, X7: A7, X8: A8)
    (X1: A1, X2: A2, X3: A3, X4: A4, X5: A5, X6: A6, X7: A7, X8: A8, X9: A9)
    (X1: A1, X2: A2, X3: A3, X4: A4, X5: A5, X6: A6, X7: A7, X8: A8, X9: A9, X10: A10)
    (X1: A1, X2: A2, X3: A3, X4: A4, X5: A5, X6: A6, X7: A7, X8: A8, X9: A9, X10: A10, X11: A11)
    (X1: A1, X2: A2, X3: A3, X4: A4, X5: A5, X6: A6, X7: A7, X8: A8, X9: A9, X10: A10, X11: A11, X12: A12)
}
