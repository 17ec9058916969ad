//! Options of builders: named values, variables, the working directory, limits; and values that are not accepted.

use super::futures::wait_until;
use super::gate::Gate;
use super::tasks::*;
use super::{AnyExecutor, Kind, LONG, Setting, promises};
use futures_mpi::mpi::topology::SimpleCommunicator;
use futures_mpi::mpi::traits::*;
use futures_mpi::{
    Error, Future, MpiPoolExecutor, ThreadPoolExecutor, get_comm_workers, global, global_ref, remote_task,
};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

promises![
    globals_are_read_by_name,
    globals_are_there_before_the_initializer,
    a_global_of_another_name_or_type_is_an_error,
    a_global_outside_of_tasks_is_an_error,
    a_global_that_cannot_be_encoded_fails_the_build,
    every_executor_has_its_own_globals,
    a_global_is_decoded_once_a_worker_and_lent,
    variables_are_set_before_the_first_task,
    the_working_directory_is_entered_before_the_first_task,
    a_working_directory_that_is_not_there_breaks_the_executor,
    bad_values_fail_the_build,
    results_do_not_depend_on_the_way_of_buffers,
    options_may_be_given_all_together,
    spawned_workers_are_given_their_arguments,
    as_many_threads_as_cores_are_the_default,
    worker_threads_have_names,
    a_lone_task_may_ask_for_the_workers_communicator,
];

#[remote_task]
fn read_number_global(name: &str) -> Result<i64, Error> {
    global(name)
}

#[remote_task]
fn read_text_global(name: &str) -> Result<String, Error> {
    global(name)
}

#[remote_task]
fn sum_global(name: &str) -> Result<i64, Error> {
    Ok(global::<Vec<i64>>(name)?.into_iter().sum())
}

/// Which worker this is, where the numbers are that it is lent, and their sum, by another thread.
#[remote_task]
fn sum_lent_global(name: &str) -> Result<(String, usize, i64), Error> {
    let numbers = global_ref::<Vec<i64>>(name)?;
    let worker = format!("{}, {:?}", std::process::id(), std::thread::current().id());
    let place = numbers.as_ptr().addr();
    let sum = std::thread::spawn(move || numbers.iter().sum()).join().expect("it is a sum");
    Ok((worker, place, sum))
}

#[remote_task]
fn require_number_global(name: &str, value: i64) -> Result<(), String> {
    let found: i64 = global(name).map_err(|error| error.to_string())?;
    if found == value { Ok(()) } else { Err(format!("{found} is not {value}")) }
}

#[remote_task]
fn read_variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[remote_task]
fn working_directory() -> PathBuf {
    std::env::current_dir().expect("there is one")
}

fn globals_are_read_by_name(setting: &Setting) {
    let numbers: Vec<i64> = (0..10_000).collect();
    let builder = setting.builder().global("n", &7i64).global("text", "hello").global("numbers", &numbers[..]);
    let executor = builder.build().expect("they are good");
    let sums: Vec<_> = (0..10).map(|_| executor.submit(sum_global::ID, "numbers")).collect();
    assert_eq!(executor.submit(read_number_global::ID, "n").result_timeout(LONG).expect("it is there"), 7);
    assert_eq!(executor.submit(read_text_global::ID, "text").result_timeout(LONG).expect("it is there"), "hello");
    assert!(sums.iter().all(|sum| sum.result_timeout(LONG).expect("it is there") == 49_995_000));
}

fn globals_are_there_before_the_initializer(setting: &Setting) {
    let builder = setting.builder().initializer(require_number_global::ID, ("n", 7)).global("n", &7i64);
    builder.build().expect("they are good").bootup(true).expect("the initializer reads it");
    let builder = setting.builder().global("n", &7i64).initializer(require_number_global::ID, ("n", 8));
    let error = builder.build().expect("they are good").bootup(true).expect_err("it is another one");
    assert_eq!(error.message(), "the initializer failed: 7 is not 8");
}

fn a_global_of_another_name_or_type_is_an_error(setting: &Setting) {
    let executor = setting.builder().global("n", &7i64).global("m", &8i64).build().expect("they are good");
    let error = executor.submit(read_number_global::ID, "k").result_timeout(LONG).expect_err("there is none");
    assert_eq!(error.message(), "the task's executor has no global \"k\"; it has \"m\", \"n\"");
    let error = executor.submit(read_text_global::ID, "n").result_timeout(LONG).expect_err("it is no text");
    assert_eq!(error.message(), "the global \"n\" is of type i64 and not of type alloc::string::String");
}

fn a_global_outside_of_tasks_is_an_error(setting: &Setting) {
    let executor = setting.builder().global("n", &7i64).build().expect("it is good");
    executor.bootup(true).expect("the pool starts");
    let error = global::<i64>("n").expect_err("this is no task");
    assert!(error.is_configuration(), "{error}");
    assert_eq!(error.message(), "the global \"n\" can be read only inside a task, in the thread that executes it");
}

fn a_global_that_cannot_be_encoded_fails_the_build(setting: &Setting) {
    let built = setting.builder().global("touchy", &Touchy { encodes: false, ..PLACID }).build();
    let error = built.err().expect("it cannot be encoded");
    assert!(error.is_codec(), "{error}");
    assert!(error.message().contains("global \"touchy\"") && error.message().contains("I stay here"), "{error}");
}

fn every_executor_has_its_own_globals(setting: &Setting) {
    let build = |n: i64| setting.builder().global("n", &n).build().expect("it is good");
    let executors: Vec<AnyExecutor> = (0..3).map(build).collect();
    let bare = setting.executor();
    let futures: Vec<_> = (0..90).map(|n| executors[n % 3].submit(read_number_global::ID, "n")).collect();
    let missing: Vec<_> = (0..9).map(|_| bare.submit(read_number_global::ID, "n")).collect();
    for (n, future) in (0..).zip(&futures) {
        assert_eq!(future.result_timeout(LONG).expect("it is there"), n % 3);
    }
    for future in missing {
        let error = future.result_timeout(LONG).expect_err("there is none");
        assert_eq!(error.message(), "the task's executor has no global \"n\"; it has none");
    }
    drop(executors);
    assert!(bare.submit(read_number_global::ID, "n").result_timeout(LONG).is_err());
}

fn a_global_is_decoded_once_a_worker_and_lent(setting: &Setting) {
    let build = |n: i64| setting.builder().global("numbers", &vec![n; 10_000]).global("n", &n).build();
    let executors = [1, 2].map(|n| build(n).expect("they are good"));
    let calls: Vec<_> = (0..60).map(|n| executors[n % 2].submit(sum_lent_global::ID, "numbers")).collect();
    let mut places = BTreeMap::new();
    for (n, call) in calls.iter().enumerate() {
        let (worker, place, sum) = call.result_timeout(LONG).expect("it is there");
        assert_eq!(sum, 10_000 * (n as i64 % 2 + 1), "it is that of its executor");
        let first = *places.entry((n % 2, worker)).or_insert(place);
        assert_eq!(place, first, "it stays where it was decoded");
    }
    let error = executors[0].submit(sum_lent_global::ID, "n").result_timeout(LONG).expect_err("it is one number");
    assert_eq!(error.message(), "the global \"n\" is of type i64 and not of type alloc::vec::Vec<i64>");
}

/// An executor on processes; threads cannot have these options.
fn on_processes(setting: &Setting) -> Option<futures_mpi::MpiPoolBuilder> {
    (setting.kind == Kind::Mpi).then(|| MpiPoolExecutor::builder().max_workers(setting.workers))
}

fn variables_are_set_before_the_first_task(setting: &Setting) {
    let Some(builder) = on_processes(setting) else { return };
    let name = "FUTURES_MPI_TEST_VARIABLE";
    let builder = builder.envs([(name, "first"), ("FUTURES_MPI_TEST_OTHER", "a = b")]).env(name, "second");
    let executor = builder.build().expect("they are good");
    for value in executor.map(read_variable::ID, vec![name; 20]) {
        assert_eq!(value.expect("it succeeds").as_deref(), Some("second"));
    }
    let other = executor.submit(read_variable::ID, "FUTURES_MPI_TEST_OTHER").result().expect("it succeeds");
    assert_eq!(other.as_deref(), Some("a = b"));
    assert!(std::env::var_os(name).is_none(), "this process is left alone");
}

fn the_working_directory_is_entered_before_the_first_task(setting: &Setting) {
    let Some(builder) = on_processes(setting) else { return };
    let here = std::env::current_dir().expect("there is one");
    let temporary = std::env::temp_dir().canonicalize().expect("it is there");
    let executor = builder.wdir(&temporary).build().expect("it is good");
    let directories: Vec<_> = (0..20).map(|_| executor.submit(working_directory::ID, ())).collect();
    assert!(directories.iter().all(|directory| directory.result().expect("it succeeds") == temporary));
    assert_eq!(std::env::current_dir().expect("there is one"), here, "this process is left alone");
    drop(executor);
    // Workers of a shared pool stay where they are sent.
    let builder = on_processes(setting).expect("they are processes").wdir(&here);
    builder.build().expect("it is good").bootup(true).expect("it is there");
}

fn a_working_directory_that_is_not_there_breaks_the_executor(setting: &Setting) {
    let Some(builder) = on_processes(setting) else { return };
    let executor = builder.wdir("no/such/directory").build().expect("that it is not there shows later");
    let error = executor.submit(square::ID, 1).result_timeout(LONG).expect_err("it is broken");
    assert!(error.is_broken(), "{error}");
    assert!(error.message().starts_with("the working directory \"no/such/directory\" cannot be entered: "), "{error}");
    assert!(error.worker().is_some(), "{error}");
}

fn bad_values_fail_the_build(setting: &Setting) {
    let table = [
        (setting.builder().boot_limit(Duration::ZERO), "boot_limit is \"0 s\", which is not accepted: it must be"),
        (setting.builder().shutdown_limit(Duration::ZERO), "shutdown_limit is \"0 s\", which is not accepted"),
    ];
    for (builder, text) in table {
        let error = builder.build().err().expect("it is bad");
        assert!(error.is_configuration() && error.message().contains(text), "{error}");
    }
    let no_threads = ThreadPoolExecutor::builder().max_workers(0).build().expect_err("it is bad");
    let text = "max_workers is \"0\", which is not accepted: it must be";
    assert!(no_threads.is_configuration() && no_threads.message().contains(text), "{no_threads}");
    let Some(builder) = on_processes(setting) else { return };
    let table = [
        (builder.clone().env("A=B", ""), "env is \"A=B\", which is not accepted: it must be"),
        (builder.clone().wdir(""), "wdir is \"\", which is not accepted: it must be"),
        (builder.max_workers(0), "max_workers is \"0\", which is not accepted: it must be"),
    ];
    for (builder, text) in table {
        let error = builder.build().expect_err("it is bad");
        assert!(error.is_configuration() && error.message().contains(text), "{error}");
    }
}

fn results_do_not_depend_on_the_way_of_buffers(setting: &Setting) {
    for out_of_band in [false, true] {
        let executor = setting.builder().out_of_band(out_of_band).build().expect("it is good");
        assert_eq!(
            executor.submit(echo_bytes::ID, &[7u8; 1000][..]).result_timeout(LONG).expect("it succeeds"),
            [7; 1000]
        );
    }
}

fn options_may_be_given_all_together(setting: &Setting) {
    let builder = setting.builder().initializer(require_number_global::ID, ("n", 7)).global("n", &7i64);
    let builder = builder.out_of_band(false).boot_limit(LONG).shutdown_limit(LONG);
    let executors = [Some(builder.build()), on_processes(setting).map(|builder| all_of(builder).map(AnyExecutor::Mpi))];
    for executor in executors.into_iter().flatten() {
        let executor = executor.expect("they are good");
        let numbers: Vec<_> = (0..setting.workers).map(|_| executor.submit(read_number_global::ID, "n")).collect();
        assert!(numbers.iter().all(|number| number.result_timeout(LONG).expect("it is there") == 7));
        executor.shutdown(true, false);
    }
}

/// Every option of a pool of processes, at values that change nothing.
fn all_of(builder: futures_mpi::MpiPoolBuilder) -> Result<MpiPoolExecutor, Error> {
    let builder = builder.initializer(require_number_global::ID, ("n", 7)).global("n", &7i64).out_of_band(true);
    let builder = builder.exe(std::env::current_exe().expect("it is known")).args([""; 0]).mpi_info([("", ""); 0]);
    let builder = builder.wdir(std::env::current_dir().expect("there is one")).envs([("", ""); 0]);
    builder.backoff(Duration::from_millis(1)).boot_limit(LONG).shutdown_limit(LONG).watchdog(LONG).build()
}

#[remote_task]
fn arguments() -> Vec<String> {
    std::env::args().collect()
}

fn spawned_workers_are_given_their_arguments(setting: &Setting) {
    let Some(builder) = on_processes(setting) else { return };
    let executor = builder.args(["--one", "two words"]).args(["three"]).build().expect("they are good");
    let given = executor.submit(arguments::ID, ()).result_timeout(LONG).expect("it succeeds");
    // In command line mode the workers are there already.
    let spawned = SimpleCommunicator::world().size() == 1;
    assert_eq!(given[1..].starts_with(&["--one", "two words", "three"].map(str::to_owned)), spawned, "{given:?}");
}

fn as_many_threads_as_cores_are_the_default(setting: &Setting) {
    if setting.kind == Kind::Threads && std::env::var_os("FUTURES_MPI_MAX_WORKERS").is_none() {
        let cores = std::thread::available_parallelism().expect("it is known").get();
        let executor = ThreadPoolExecutor::new().expect("an executor can be made");
        assert_eq!(executor.num_workers().expect("the pool starts"), cores);
    }
}

#[remote_task]
fn thread_name(gate: &Path) -> Option<String> {
    super::gate::stand_at(gate);
    std::thread::current().name().map(str::to_owned)
}

fn worker_threads_have_names(setting: &Setting) {
    if setting.kind != Kind::Threads {
        return;
    }
    let executor = setting.executor();
    let gate = Gate::new();
    let calls: Vec<_> = (0..setting.workers).map(|_| executor.submit(thread_name::ID, gate.path())).collect();
    wait_until(|| calls.iter().all(Future::running));
    gate.open();
    let names: BTreeSet<_> =
        calls.iter().map(|call| call.result().expect("it succeeds").expect("it has one")).collect();
    let expected: BTreeSet<_> = (0..setting.workers).map(|number| format!("futures-mpi-worker-{number}")).collect();
    assert_eq!(names, expected);
}

#[remote_task]
fn count_companions() -> Result<i32, Error> {
    Ok(get_comm_workers()?.size())
}

fn a_lone_task_may_ask_for_the_workers_communicator(setting: &Setting) {
    let executor = setting.executor();
    let counted = executor.submit(count_companions::ID, ()).result_timeout(LONG);
    if setting.kind == Kind::Threads {
        assert!(counted.expect_err("threads have none").message().contains("no communicator"));
    } else {
        assert_eq!(counted.expect("there is one"), setting.workers as i32);
        assert_eq!(executor.num_workers().expect("the pool is there"), setting.workers);
    }
    assert!(get_comm_workers().is_err(), "this is no task");
}
