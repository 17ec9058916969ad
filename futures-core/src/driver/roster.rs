//! A list whose entries are taken out by the key that each got when it came, in a time that hardly grows with the list.

use std::num::NonZeroU64;

/// What an entry is found by; no key is given twice by the same roster.
pub(crate) type Key = NonZeroU64;

/// So much room is kept when entries go, because it is little.
const ROOM_KEPT: usize = 8;

/// Entries in the order in which they came.
///
/// A place whose entry is gone is given back when half of the places are such, so that the room that is taken follows
/// the number of entries.
#[derive(Debug)]
pub(crate) struct Roster<T> {
    /// In the order of their keys.
    places: Vec<(Key, Option<T>)>,
    gone: usize,
    keys_given: u64,
}

impl<T> Default for Roster<T> {
    fn default() -> Self {
        Roster { places: Vec::new(), gone: 0, keys_given: 0 }
    }
}

impl<T> Roster<T> {
    pub(crate) fn add(&mut self, entry: T) -> Key {
        if self.places.capacity() == 0 {
            // Most have one.
            self.places.reserve_exact(1);
        }
        self.keys_given += 1;
        let key = Key::new(self.keys_given).expect("fewer than 2^64 keys are given");
        self.places.push((key, Some(entry)));
        key
    }

    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        let at = self.find(key)?;
        self.places[at].1.as_mut()
    }

    /// The entry, if there is one and no more.
    pub(crate) fn only(&mut self) -> Option<&mut T> {
        let mut entries = self.places.iter_mut().filter_map(|(_, entry)| entry.as_mut());
        entries.next().filter(|_| entries.next().is_none())
    }

    pub(crate) fn remove(&mut self, key: Key) -> Option<T> {
        let at = self.find(key)?;
        let entry = self.places[at].1.take()?;
        self.gone += 1;
        if self.gone > self.places.len() / 2 {
            self.places.retain(|(_, entry)| entry.is_some());
            self.gone = 0;
            if self.places.capacity() > ROOM_KEPT.max(4 * self.places.len()) {
                self.places.shrink_to(ROOM_KEPT.max(2 * self.places.len()));
            }
        }
        Some(entry)
    }

    fn find(&self, key: Key) -> Option<usize> {
        self.places.binary_search_by_key(&key, |(key, _)| *key).ok()
    }
}

impl<T> IntoIterator for Roster<T> {
    type Item = T;
    type IntoIter = std::iter::FilterMap<std::vec::IntoIter<(Key, Option<T>)>, fn((Key, Option<T>)) -> Option<T>>;

    fn into_iter(self) -> Self::IntoIter {
        self.places.into_iter().filter_map(|(_, entry)| entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn a_roster_is_an_ordered_map_that_takes_little_room(steps in prop::collection::vec((0..3, 0usize..1000), 0..300)) {
            let (mut roster, mut model) = (Roster::default(), BTreeMap::new());
            let mut given = Vec::new();
            for (kind, n) in steps {
                let key = given.get(n % given.len().max(1)).copied();
                match (kind, key) {
                    (0, _) | (_, None) => {
                        let key = roster.add(n);
                        prop_assert_eq!(model.insert(key, n), None);
                        given.push(key);
                    }
                    (1, Some(key)) => prop_assert_eq!(roster.remove(key), model.remove(&key)),
                    (_, Some(key)) => prop_assert_eq!(roster.get_mut(key), model.get_mut(&key)),
                }
                let only = Some(model.len()).filter(|len| *len == 1).and_then(|_| model.values().next().copied());
                prop_assert_eq!(roster.only().copied(), only);
                prop_assert!(roster.places.len() <= 2 * model.len() + 1);
                prop_assert!(roster.places.capacity() <= 8 * model.len() + ROOM_KEPT);
            }
            prop_assert_eq!(Vec::from_iter(roster), Vec::from_iter(model.into_values()));
        }
    }
}
