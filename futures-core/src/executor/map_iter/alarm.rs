//! Wakes a task at a time, by a thread that sleeps until then: no runtime is needed for that.

use crate::task;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::thread;
use std::time::Instant;

/// A thread that wakes a task when the time has come, unless this is dropped before.
pub(super) struct Alarm {
    shared: Arc<Shared>,
    /// False if the system gave no thread.
    has_thread: bool,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    dropped: Condvar,
}

#[derive(Default)]
struct State {
    waker: Option<Waker>,
    is_dropped: bool,
}

impl Alarm {
    pub(super) fn at(time: Instant) -> Self {
        let shared = Arc::<Shared>::default();
        let sleeper = Arc::clone(&shared);
        let thread = thread::Builder::new().name("futures-mpi-alarm".to_owned()).spawn(move || sleeper.wake_at(time));
        Alarm { shared, has_thread: thread.is_ok() }
    }

    /// Has this waker woken, instead of the one before.
    pub(super) fn set(&self, waker: &Waker) {
        if !self.has_thread {
            // The task has to look again and again.
            return waker.wake_by_ref();
        }
        if self.shared.lock().waker.as_ref().is_some_and(|known| known.will_wake(waker)) {
            return;
        }
        // Outside of the lock, because it is somebody else's code; so is the end of the one before.
        let waker = waker.clone();
        let before = self.shared.lock().waker.replace(waker);
        drop(before);
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.is_dropped = true;
        let waker = state.waker.take();
        drop(state);
        self.shared.dropped.notify_one();
        task::contain(|| drop(waker));
    }
}

impl Shared {
    fn wake_at(&self, time: Instant) {
        let mut state = self.lock();
        while !state.is_dropped {
            let left = time.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            state = self.dropped.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            task::contain(|| waker.wake());
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{self, Sender};
    use std::task::Wake;
    use std::time::Duration;

    struct Telling(Sender<u8>, u8);

    impl Wake for Telling {
        fn wake(self: Arc<Self>) {
            self.0.send(self.1).expect("the test waits");
        }
    }

    #[test]
    fn the_last_waker_is_woken_once_and_none_after_the_drop() {
        let (sender, woken) = mpsc::channel();
        let [first, last, dropped] = [1, 2, 3].map(|n| Arc::new(Telling(sender.clone(), n)));
        let alarm = Alarm::at(Instant::now() + Duration::from_millis(20));
        [&first, &last, &last].into_iter().for_each(|telling| alarm.set(&Waker::from(Arc::clone(telling))));
        assert_eq!(Arc::strong_count(&first), 1, "it is replaced");
        assert_eq!(woken.recv_timeout(Duration::from_secs(60)), Ok(2));
        let alarm = Alarm::at(Instant::now() + Duration::from_secs(60));
        alarm.set(&Waker::from(Arc::clone(&dropped)));
        drop(alarm);
        assert_eq!(Arc::strong_count(&dropped), 1);
        assert!(woken.try_recv().is_err());
    }
}
