//! From which futures a future is derived, and rows of futures of which each becomes what the next becomes.

use super::handle::{Handle, WeakHandle, cancel_all};
use crate::driver::promise::{Listener, Listeners, Sources};
use crate::driver::roster::Key;
use std::any::Any;
use std::sync::Arc;

/// The futures from which another one is derived.
struct Derivation(Vec<Source>);

/// A future that another one is derived from.
struct Source {
    handle: Handle,
    /// Where the derived future listens there, once it does.
    key: Option<Key>,
    /// Whether the derived future becomes what this one becomes.
    linked: bool,
}

impl Source {
    /// Takes away what listens there for the derived future, which is done or gone.
    fn leave(&self) {
        if let Some(key) = self.key {
            self.handle.forget(key);
        }
    }
}

impl Sources for Derivation {
    fn leave(&self) {
        self.0.iter().for_each(Source::leave);
    }

    fn cancel(self: Box<Self>) {
        cancel_all(self.0.into_iter().map(|source| source.handle));
    }

    /// One after the other, because a row of them may be long.
    fn let_go(self: Box<Self>) {
        let mut left = self.0;
        while let Some(source) = left.pop() {
            source.leave();
            let sources = Arc::into_inner(source.handle.promise).and_then(|mut promise| promise.take_sources());
            if let Some(sources) = sources
                && let Ok(sources) = (sources as Box<dyn Any>).downcast::<Derivation>()
            {
                left.extend(sources.0);
            }
        }
    }
}

/// The sources among the listeners of a derived future.
fn sources_of(listeners: &mut Option<Box<Listeners>>) -> &mut [Source] {
    let sources = listeners.as_mut().and_then(|listeners| listeners.sources.as_deref_mut());
    let derivation = sources.and_then(|sources| (sources as &mut dyn Any).downcast_mut::<Derivation>());
    derivation.map_or(&mut [], |derivation| &mut derivation.0)
}

impl Handle {
    /// Says from which futures this one is derived, instead of those before; `false` if it is done already.
    pub(super) fn derive_from(&self, sources: impl IntoIterator<Item = Handle>) -> bool {
        let source = |handle| Source { handle, key: None, linked: false };
        let sources: Vec<Source> = sources.into_iter().map(source).collect();
        let mut listeners = self.promise.listen();
        let open = !self.is_done();
        if open {
            listeners.get_or_insert_default().sources = Some(Box::new(Derivation(sources)));
        }
        open
    }

    /// Says where this future listens at one of its sources, so that it does no more when it is done or gone.
    pub(super) fn listens_at(&self, place: usize, source: &Handle, key: Key, linked: bool) {
        let mut listeners = self.promise.lock();
        let at = sources_of(&mut listeners).get_mut(place);
        match at.filter(|at| Arc::ptr_eq(&at.handle.promise, &source.promise)) {
            Some(at) => (at.key, at.linked) = (Some(key), linked),
            None => {
                drop(listeners);
                source.forget(key);
            }
        }
    }

    /// The futures from which this one is derived, as long as it is not done.
    pub(super) fn sources(&self) -> Vec<Handle> {
        let mut listeners = self.promise.lock();
        sources_of(&mut listeners).iter().map(|source| source.handle.clone()).collect()
    }

    /// Steps out of a row of futures of which each becomes what the next becomes, so that a row that grows at one end
    /// is not kept; with those before it, which had no chance to do it before.
    ///
    /// Only if nobody holds this future but the one before it, and the caller by one handle.
    pub(super) fn step_aside(&self) {
        let mut before = self.step_aside_alone();
        while let Some(handle) = before {
            before = handle.step_aside_alone();
        }
    }

    /// The same for this one; the one before it if it is out of the row now.
    fn step_aside_alone(&self) -> Option<Handle> {
        if Arc::strong_count(&self.promise) != 2 {
            return None;
        }
        let (before, next, key) = self.neighbours()?;
        let before = before.upgrade()?;
        // From here on the one before is cancelled together with the next one.
        if !before.follows_instead(self, &next, key) || !next.relink(key, &before) {
            return None;
        }
        // What listened at the next one for this future does so for the one before, and nobody listens here any more.
        let gone = self.promise.lock().take();
        drop(gone);
        self.pool.progress().drop_interest(1);
        Some(before)
    }

    /// The future before this one in a row, which must be all that listens here, and the one after it, with the key by
    /// which this one listens there.
    fn neighbours(&self) -> Option<(WeakHandle, Handle, Key)> {
        let mut listeners = self.promise.lock();
        let [Source { handle, key: Some(key), linked: true }] = sources_of(&mut listeners) else { return None };
        let (next, key) = (handle.clone(), *key);
        let listeners = listeners.as_mut().filter(|listeners| listeners.interested == 1)?;
        let before = derived(listeners.roster.only()?)?.clone();
        Some((before, next, key))
    }

    /// Follows `next`, where something listens already, instead of `source`; `false` if it does not follow that any
    /// more.
    fn follows_instead(&self, source: &Handle, next: &Handle, key: Key) -> bool {
        let mut listeners = self.promise.lock();
        let [at] = sources_of(&mut listeners) else { return false };
        let follows = Arc::ptr_eq(&at.handle.promise, &source.promise) && at.linked;
        if follows {
            // The caller holds the one before.
            *at = Source { handle: next.clone(), key: Some(key), linked: true };
        }
        follows
    }

    /// Lets another future than before become what this one becomes; `false` if what listened has been told or taken
    /// away.
    fn relink(&self, key: Key, to: &Handle) -> bool {
        let mut listeners = self.promise.lock();
        let listener = listeners.as_mut().and_then(|listeners| listeners.roster.get_mut(key));
        let Some(derived) = listener.and_then(derived) else { return false };
        *derived = to.downgrade();
        true
    }
}

/// The future that becomes what the one becomes at which this listens.
fn derived(listener: &mut Listener) -> Option<&mut WeakHandle> {
    let Listener::Link(link) = listener else { return None };
    link.derived().downcast_mut()
}
