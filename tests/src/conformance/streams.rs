//! Streams of results and of futures, under a plain executor of async programs.

use super::futures::wait_until;
use super::gate::{Busy, Gate, pass};
use super::tasks::*;
use super::{LONG, Setting, promises};
use futures_core::Stream;
use futures_executor::{block_on, block_on_stream};
use futures_mpi::{Future, as_completed};
use std::cell::Cell;
use std::future::poll_fn;
use std::panic::{self, AssertUnwindSafe};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

promises![
    a_map_as_a_stream_gives_what_its_iterator_gives,
    a_stream_submits_no_more_than_its_buffer,
    a_stream_of_a_map_ends_at_its_limit,
    errors_and_panics_keep_their_places_in_a_stream,
    dropping_a_stream_cancels_what_is_left,
    streams_may_be_polled_side_by_side,
    futures_come_as_a_stream_as_they_are_completed,
    futures_can_be_pushed_into_a_stream,
    a_stream_has_the_waker_of_its_last_poll_and_leaves_none,
    a_stream_that_is_dropped_wakes_nobody,
];

fn a_map_as_a_stream_gives_what_its_iterator_gives(setting: &Setting) {
    let executor = setting.executor();
    for length in [0, 1, 90] {
        for (chunksize, buffersize, unordered) in
            [(1, 1, false), (1, 1000, false), (3, 4, false), (1, 1, true), (1, 9, true), (7, 3, true)]
        {
            let map = || {
                let map = executor.map(square::ID, 0..length).chunksize(chunksize).buffersize(buffersize).timeout(LONG);
                if unordered { map.unordered() } else { map }
            };
            let mut squares: Vec<i64> = block_on_stream(map().into_stream()).map(|n| n.expect("all succeed")).collect();
            let items: Vec<_> = block_on_stream(map().with_items().indexed().into_stream()).collect();
            assert!(
                items.iter().all(|(index, n, square)| *index as i64 == *n && square.as_ref().ok() == Some(&(n * n)))
            );
            if unordered {
                squares.sort_unstable();
            }
            assert!(squares.into_iter().eq((0..length).map(|n| n * n)), "{chunksize}, {buffersize}, {unordered}");
            assert_eq!(items.len() as i64, length);
        }
    }
    // Without a buffer size, of an endless input.
    let squares: Vec<i64> = block_on_stream(executor.map(square::ID, 0..).into_stream())
        .take(9000)
        .map(|n| n.expect("it succeeds"))
        .collect();
    assert!(squares.into_iter().eq((0..9000).map(|n| n * n)));
    let mut refused = block_on_stream(executor.map(square::ID, 0..3).chunksize(0).into_stream());
    assert!(refused.next().is_some_and(|error| error.is_err_and(|error| error.is_configuration())));
    assert!(refused.next().is_none() && refused.next().is_none());
}

/// What a stream gives at once.
fn poll<S: Stream + Unpin>(stream: &mut S, waker: &Waker) -> Poll<Option<S::Item>> {
    Pin::new(stream).poll_next(&mut Context::from_waker(waker))
}

fn a_stream_submits_no_more_than_its_buffer(setting: &Setting) {
    let executor = setting.executor();
    for unordered in [false, true] {
        let busy = Busy::all(&executor);
        let taken = Cell::new(0);
        let items = (0i64..).inspect(|_| taken.set(taken.get() + 1));
        let map = executor.map(square::ID, items).chunksize(2).buffersize(3);
        let mut stream = if unordered { map.unordered() } else { map }.into_stream();
        for _ in 0..10 {
            assert!(poll(&mut stream, Waker::noop()).is_pending());
            assert_eq!(taken.get(), 6, "three chunks are ahead, however often it is polled");
        }
        busy.release();
        let mut results = block_on_stream(stream);
        for used in 0..100 {
            assert!(taken.get() <= used + 8, "{} items are taken when {used} are used", taken.get());
            assert!(results.next().expect("it is endless").is_ok());
        }
    }
}

fn a_stream_of_a_map_ends_at_its_limit(setting: &Setting) {
    let executor = setting.executor();
    executor.bootup(true).expect("the pool starts");
    for unordered in [false, true] {
        let gate = Gate::new();
        let items = vec![(gate.path(), 1); setting.workers + 20];
        let map = executor.map(pass::ID, items).timeout(Duration::from_millis(50));
        let mut results = block_on_stream(if unordered { map.unordered() } else { map }.into_stream());
        let error = results.next().expect("it says that time is up").expect_err("they stand at the gate");
        assert!(error.is_timeout(), "{error}");
        assert!(results.next().is_none(), "what is left was cancelled");
    }
}

fn errors_and_panics_keep_their_places_in_a_stream(setting: &Setting) {
    let executor = setting.executor();
    for unordered in [false, true] {
        let map = executor.starmap(panic_at::ID, (0..10).map(|n| (n, 6))).chunksize(2).buffersize(2).indexed();
        let map = if unordered { map.unordered() } else { map };
        let results: Vec<_> = block_on_stream(map.into_stream()).collect();
        assert!(results.len() == 10 && results.iter().all(|(index, result)| result.is_ok() == (*index != 6)));
        let input = (0..40i64).inspect(|n| assert!(*n != 20, "there is no 20"));
        let map = executor.map(square::ID, input).buffersize(3);
        let mut stream = if unordered { map.unordered() } else { map }.into_stream();
        let (mut count, mut panics) = (0, 0);
        loop {
            let next = poll_fn(|context| Pin::new(&mut stream).poll_next(context));
            match panic::catch_unwind(AssertUnwindSafe(|| block_on(next))) {
                Ok(Some(result)) => count += usize::from(result.is_ok()),
                Ok(None) => break,
                Err(_) => panics += 1,
            }
        }
        assert_eq!((count, panics), (39, 1));
    }
}

fn dropping_a_stream_cancels_what_is_left(setting: &Setting) {
    let executor = setting.executor();
    executor.bootup(true).expect("the pool starts");
    let begin = Instant::now();
    for unordered in [false, true] {
        let map = executor.map(sleep::ID, [100; 600]);
        let mut stream = block_on_stream(if unordered { map.unordered() } else { map }.into_stream());
        assert_eq!(stream.next().expect("there are many").expect("it succeeds"), 100);
    }
    drop(executor);
    let limit = LONG / setting.workers as u32;
    assert!(begin.elapsed() < limit, "the rest was cancelled, not executed");
}

fn streams_may_be_polled_side_by_side(setting: &Setting) {
    let executor = setting.executor();
    let mut squares = executor.map(square::ID, 0..200).buffersize(5).into_stream();
    let mut powers = executor.starmap(power::ID, (0..200).map(|n| (n, 2))).unordered().buffersize(7).into_stream();
    let mut futures = as_completed((0..200).map(|n| executor.submit(square::ID, n))).into_stream();
    let (mut sums, mut over) = ([0; 3], [false; 3]);
    block_on(poll_fn(|context| {
        let mut add = |which: usize, given: Poll<Option<i64>>| match given {
            Poll::Ready(Some(n)) => {
                sums[which] += n;
                true
            }
            Poll::Ready(None) => {
                over[which] = true;
                false
            }
            Poll::Pending => false,
        };
        // One item of each in turn, until all are pending or over.
        loop {
            let square = Pin::new(&mut squares).poll_next(context).map(|n| n.map(|n| n.expect("it succeeds")));
            let power = Pin::new(&mut powers).poll_next(context);
            let power = power.map(|n| n.map(|n| n.expect("it succeeds").cast_signed()));
            let future = Pin::new(&mut futures).poll_next(context).map(|n| n.map(|n| n.result().expect("it succeeds")));
            let given = [add(0, square), add(1, power), add(2, future)];
            if given == [false; 3] {
                break;
            }
        }
        if over == [true; 3] { Poll::Ready(()) } else { Poll::Pending }
    }));
    let sum: i64 = (0..200).map(|n| n * n).sum();
    assert_eq!(sums, [sum; 3]);
}

fn futures_come_as_a_stream_as_they_are_completed(setting: &Setting) {
    let executor = setting.executor();
    let gate = Gate::new();
    let slow = executor.submit(pass::ID, (gate.path(), 1));
    let opened = Gate::new();
    opened.open();
    let quick: Vec<Future<u64>> = if setting.workers > 1 {
        (0..20).map(|_| executor.call(pass::ID).prefetch(false).submit((opened.path(), 2))).collect()
    } else {
        (0..20).map(|_| Future::from(Ok(2))).collect()
    };
    let mut futures = block_on_stream(as_completed([slow].into_iter().chain(quick)).into_stream());
    assert_eq!(futures.size_hint(), (21, Some(21)));
    for _ in 0..20 {
        assert_eq!(futures.next().expect("twenty are quick").result().expect("it succeeds"), 2);
    }
    gate.open();
    assert_eq!(futures.next().expect("one is slow").result().expect("it succeeds"), 1);
    assert!(futures.next().is_none());
    assert!(block_on_stream(as_completed(Vec::<Future<u8>>::new()).into_stream()).next().is_none());
}

fn futures_can_be_pushed_into_a_stream(setting: &Setting) {
    let executor = setting.executor();
    let threads = futures_mpi::ThreadPoolExecutor::builder().max_workers(1).build().expect("there are threads");
    let mut stream = as_completed([executor.submit(square::ID, 0)]).into_stream();
    let mut sum = 0;
    block_on(async {
        let mut pushed = 1;
        while let Some(future) = poll_fn(|context| Pin::new(&mut stream).poll_next(context)).await {
            sum += future.result_timeout(Duration::ZERO).expect("it is done");
            if pushed < 100 {
                stream.push(executor.submit(square::ID, pushed));
                stream.push(threads.submit(square::ID, -pushed).then(|n| Ok(-n)));
                pushed += 1;
            }
        }
    });
    assert_eq!(sum, 0);
    // What is done already wakes the task that has found nothing.
    let counting = Arc::<Counting>::default();
    let gate = Gate::new();
    let mut stream = as_completed([executor.submit(pass::ID, (gate.path(), 1))]).into_stream();
    assert!(poll(&mut stream, &Waker::from(Arc::clone(&counting))).is_pending());
    stream.push(Future::from(Ok(5)));
    assert_eq!(counting.woken(), 1);
    assert!(poll(&mut stream, &Waker::from(Arc::clone(&counting))).is_ready());
}

/// Counts the calls of its wakers; its `Arc` counts the wakers.
#[derive(Default)]
struct Counting(AtomicUsize);

impl Counting {
    fn woken(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Wake for Counting {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Polls a pending stream by several wakers, and drops it or lets it go on.
fn watch_wakers<S: Stream + Unpin>(mut stream: S, release: Option<&dyn Fn()>) {
    let [first, last, late] = [(); 3].map(|()| Arc::<Counting>::default());
    for counting in [&first, &first, &last, &last] {
        assert!(poll(&mut stream, &Waker::from(Arc::clone(counting))).is_pending());
    }
    // A stream with a time-out has it twice.
    assert_eq!(Arc::strong_count(&first), 1, "only the last waker is kept");
    assert!(Arc::strong_count(&last) > 1);
    match release {
        None => drop(stream),
        Some(release) => {
            release();
            wait_until(|| last.woken() == 1);
            while poll(&mut stream, &Waker::from(Arc::clone(&late))).is_pending() {
                wait_until(|| late.woken() > 0);
            }
            drop(stream);
        }
    }
    wait_until(|| [&first, &last, &late].iter().all(|counting| Arc::strong_count(counting) == 1));
    assert_eq!(first.woken(), 0, "who was replaced is not woken");
}

fn a_stream_has_the_waker_of_its_last_poll_and_leaves_none(setting: &Setting) {
    let executor = setting.executor();
    for goes_on in [false, true] {
        for unordered in [false, true] {
            for limit in [None, Some(LONG)] {
                let busy = Busy::all(&executor);
                let release = || busy.release();
                let release = goes_on.then_some(&release as &dyn Fn());
                let map = executor.map(square::ID, 0..5);
                let map = if unordered { map.unordered() } else { map };
                watch_wakers(if let Some(limit) = limit { map.timeout(limit) } else { map }.into_stream(), release);
            }
        }
        let busy = Busy::all(&executor);
        let release = || busy.release();
        let release = goes_on.then_some(&release as &dyn Fn());
        watch_wakers(as_completed((0..3).map(|n| executor.submit(square::ID, n))).into_stream(), release);
    }
}

fn a_stream_that_is_dropped_wakes_nobody(setting: &Setting) {
    let executor = setting.executor();
    for unordered in [false, true] {
        let busy = Busy::all(&executor);
        let counting = Arc::<Counting>::default();
        let map = executor.map(square::ID, 0..5).timeout(Duration::from_millis(50));
        let mut stream = if unordered { map.unordered() } else { map }.into_stream();
        assert!(poll(&mut stream, &Waker::from(Arc::clone(&counting))).is_pending());
        drop(stream);
        busy.release();
        wait_until(|| busy.iter().all(Future::done));
        std::thread::sleep(Duration::from_millis(60));
        assert_eq!((counting.woken(), Arc::strong_count(&counting)), (0, 1));
    }
}
