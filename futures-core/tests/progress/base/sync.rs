//! The checker's locks, atomics and threads in the place of the standard library's, and the looks that are left out.

use crate::base::deep_sleep::DeepSleep;
use crate::faults;
use std::ops::{Deref, DerefMut};
use std::sync::{LockResult, PoisonError, TryLockError, TryLockResult};
use std::time::Duration;

pub(crate) use shuttle::sync::atomic;
pub(crate) use shuttle::{thread, thread_local};

/// Does what a look says, or leaves it out where the test wants to see what comes of that.
macro_rules! look {
    ($name:ident, $look:expr) => {
        crate::faults::look(crate::faults::Look::$name, || $look)
    };
}
pub(crate) use look;

/// A mutex that is never poisoned, and whose guard knows it.
#[derive(Debug, Default)]
pub(crate) struct Mutex<T>(shuttle::sync::Mutex<T>);

pub(crate) struct MutexGuard<'a, T>(shuttle::sync::MutexGuard<'a, T>, &'a Mutex<T>);

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Mutex(shuttle::sync::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> LockResult<MutexGuard<'_, T>> {
        Ok(MutexGuard(self.0.lock().unwrap_or_else(PoisonError::into_inner), self))
    }

    pub(crate) fn try_lock(&self) -> TryLockResult<MutexGuard<'_, T>> {
        match self.0.try_lock() {
            Ok(guard) => Ok(MutexGuard(guard, self)),
            Err(TryLockError::Poisoned(poisoned)) => Ok(MutexGuard(poisoned.into_inner(), self)),
            Err(TryLockError::WouldBlock) => {
                // Whoever tries again and again must not keep the other from going on.
                thread::yield_now();
                Err(TryLockError::WouldBlock)
            }
        }
    }

    pub(crate) fn get_mut(&mut self) -> LockResult<&mut T> {
        self.0.get_mut()
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

/// A condition variable on which short sleeps end by themselves, whenever the checker likes, and long ones only by a
/// wake-up: one that gets lost then costs everything, and not a tenth of a second.
#[derive(Debug, Default)]
pub(crate) struct Condvar(shuttle::sync::Condvar);

impl Condvar {
    pub(crate) fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> LockResult<MutexGuard<'a, T>> {
        let MutexGuard(guard, mutex) = guard;
        Ok(MutexGuard(self.0.wait(guard).unwrap_or_else(PoisonError::into_inner), mutex))
    }

    /// Like the standard library's, but the second half of what it returns says nothing.
    pub(crate) fn wait_timeout<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        longest: Duration,
    ) -> LockResult<(MutexGuard<'a, T>, ())> {
        if longest >= DeepSleep::length() {
            return Ok((self.wait(guard).unwrap_or_else(PoisonError::into_inner), ()));
        }
        let MutexGuard(guard, mutex) = guard;
        drop(guard);
        thread::yield_now();
        faults::slept(longest);
        Ok((mutex.lock().unwrap_or_else(PoisonError::into_inner), ()))
    }

    pub(crate) fn notify_one(&self) {
        self.0.notify_one();
    }
}
