//! Arguments, results and errors that do not pass the codec, in both directions, in submissions and in maps.

use super::errors::assert_works;
use super::tasks::*;
use super::{LONG, Setting, promises};
use futures_mpi::{Error, Executor};
use std::panic::{self, AssertUnwindSafe};

promises![
    an_argument_that_cannot_be_encoded_fails_its_future,
    an_argument_that_cannot_be_decoded_fails_its_future,
    a_result_that_cannot_be_encoded_fails_its_future,
    a_result_that_cannot_be_decoded_fails_its_future,
    an_error_that_cannot_be_encoded_keeps_its_message,
    an_error_that_panics_when_it_is_reported_fails_its_future,
    a_panic_in_the_codec_harms_nobody,
    what_a_map_cannot_encode_or_decode_costs_its_own_call,
];

fn an_argument_that_cannot_be_encoded_fails_its_future(setting: &Setting) {
    let executor = setting.executor();
    let error = executor.submit(take_touchy::ID, Touchy { encodes: false, ..PLACID }).result().expect_err("it refuses");
    assert!(error.is_codec(), "{error}");
    assert!(error.message().contains("I stay here") && error.message().contains("take_touchy"), "{error}");
    assert_works(&executor);
}

fn an_argument_that_cannot_be_decoded_fails_its_future(setting: &Setting) {
    let executor = setting.executor();
    let future = executor.submit(take_touchy::ID, Touchy { decodes: false, ..PLACID });
    let error = future.result_timeout(LONG).expect_err("it refuses");
    assert!(error.is_codec(), "{error}");
    assert!(error.message().contains("I do not want to arrive") && error.message().contains("argument"), "{error}");
    assert_works(&executor);
}

fn a_result_that_cannot_be_encoded_fails_its_future(setting: &Setting) {
    let executor = setting.executor();
    let error = executor.submit(give_touchy::ID, (false, true)).result_timeout(LONG).expect_err("it refuses");
    assert!(error.is_codec(), "{error}");
    assert!(error.message().contains("I stay here") && error.message().contains("result"), "{error}");
    assert_works(&executor);
}

fn a_result_that_cannot_be_decoded_fails_its_future(setting: &Setting) {
    let executor = setting.executor();
    let error = executor.submit(give_touchy::ID, (true, false)).result_timeout(LONG).expect_err("it refuses");
    assert!(error.is_codec(), "{error}");
    assert!(error.message().contains("I do not want to arrive"), "{error}");
    assert_works(&executor);
}

fn an_error_that_cannot_be_encoded_keeps_its_message(setting: &Setting) {
    let executor = setting.executor();
    for (encodes, decodes) in [(true, true), (true, false), (false, true)] {
        let error = executor.submit(refuse_with::ID, (encodes, decodes)).result_timeout(LONG).expect_err("it refuses");
        assert!(error.is_task_error() && error.message() == "touched", "{error}");
        let value = error.downcast::<Touchy>();
        assert_eq!(value, (encodes && decodes).then_some(PLACID), "encodes: {encodes}, decodes: {decodes}");
        let why = if encodes { "I do not want to arrive" } else { "I stay here" };
        let told = |reason: &Error| reason.is_codec() && reason.message().contains(why);
        assert!(error.try_downcast::<Touchy>().as_ref().map_or_else(told, |_| encodes && decodes), "{error:?}");
        assert_eq!(format!("{error:?}").contains("cannot be encoded: I stay here"), !encodes, "{error:?}");
    }
    let results: Vec<_> = executor.starmap(refuse_with::ID, [(false, true); 3]).chunksize(2).into_iter().collect();
    assert!(results.len() == 3 && results.iter().all(|result| result.as_ref().is_err_and(Error::is_task_error)));
    assert_works(&executor);
}

fn an_error_that_panics_when_it_is_reported_fails_its_future(setting: &Setting) {
    let executor = setting.executor();
    for (function, message) in [(refuse_with_unspeakable::ID, "displayed"), (refuse_with_explosive::ID, "encoded")] {
        let error = executor.submit(function, ()).result_timeout(LONG).expect_err("it refuses");
        assert!(error.is_panic() && error.message() == message, "{error}");
    }
    assert_works(&executor);
}

fn a_panic_in_the_codec_harms_nobody(setting: &Setting) {
    let executor = setting.executor();
    // On the worker it is the task's own panic.
    let error = executor.submit(give_explosive::ID, ()).result_timeout(LONG).expect_err("its result explodes");
    assert!(error.is_panic() && error.message() == "encoded", "{error}");
    let error = executor.submit(take_parcel::ID, PARCEL).result_timeout(LONG).expect_err("its argument explodes");
    assert!(error.is_panic() && error.message() == "decoded", "{error}");
    // In the program it is a panic of whoever asks, and in a hook an error.
    let future = executor.submit(give_parcel::ID, ());
    assert!(panic::catch_unwind(AssertUnwindSafe(|| future.result())).is_err());
    let derived = future.then(|_| Ok(()));
    assert!(derived.result_timeout(LONG).expect_err("its value explodes").is_panic());
    assert!(panic::catch_unwind(AssertUnwindSafe(|| future.result())).is_err(), "and it may be asked again");
    assert_works(&executor);
}

fn what_a_map_cannot_encode_or_decode_costs_its_own_call(setting: &Setting) {
    let executor = setting.executor();
    let touchy = |encodes, decodes| Touchy { encodes, decodes };
    let arguments = [touchy(true, true), touchy(false, true), touchy(true, false), touchy(true, true)];
    let results = [(true, true), (false, true), (true, true), (true, true)];
    for chunksize in [1, 2, 4] {
        assert_eq!(
            outcomes(&executor, take_touchy::ID, arguments, chunksize),
            [true, false, false, true],
            "arguments in chunks of {chunksize}"
        );
        assert_eq!(outcomes(&executor, give_touchy::ID, results, chunksize), [true, false, true, true]);
        let results = [(true, true), (true, true), (true, false), (true, true)];
        assert_eq!(
            outcomes(&executor, give_touchy::ID, results, chunksize),
            [true, true, false, true],
            "results in chunks of {chunksize}"
        );
    }
    assert_works(&executor);
}

/// Which calls of a map succeed; those that fail are failures of the codec.
fn outcomes<Args, T, A, const N: usize>(
    executor: &Executor,
    function: futures_mpi::TaskId<Args, T>,
    items: [A; N],
    chunksize: usize,
) -> Vec<bool>
where
    A: futures_mpi::IntoArgs<Args>,
    T: serde::de::DeserializeOwned + 'static,
{
    let results = executor.map(function, items).chunksize(chunksize);
    let checked = |result: Result<T, Error>| result.map_err(|error| assert!(error.is_codec(), "{error}")).is_ok();
    results.into_iter().map(checked).collect()
}
