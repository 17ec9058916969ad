//! A map from ever-increasing numbers to values that stays as small as what is in it.

use std::collections::BTreeMap;

/// How many consecutive numbers share a page.
const PAGE: u64 = 256;

/// A map whose keys are given out in about increasing order and removed in about any order.
///
/// Values lie in pages of consecutive numbers. A page is freed with its last value, so that one old survivor keeps a
/// page alive and not everything after it. Access costs a search among the pages, and nothing when the page is the one
/// used last.
#[derive(Debug)]
pub(crate) struct PagedMap<V> {
    pages: BTreeMap<u64, Page<V>>,
    len: usize,
    /// An empty page, kept so that a map that swings around a page's edge does not allocate.
    spare: Option<Page<V>>,
}

#[derive(Debug)]
struct Page<V> {
    values: Vec<Option<V>>,
    len: usize,
}

impl<V> PagedMap<V> {
    pub(crate) fn new() -> Self {
        PagedMap { pages: BTreeMap::new(), len: 0, spare: None }
    }

    /// How many values there are.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Puts a value under a number, and returns the one that was there.
    pub(crate) fn insert(&mut self, number: u64, value: V) -> Option<V> {
        let spare = &mut self.spare;
        let page = self.pages.entry(number / PAGE).or_insert_with(|| spare.take().unwrap_or_else(Page::new));
        let old = page.values[(number % PAGE) as usize].replace(value);
        if old.is_none() {
            page.len += 1;
            self.len += 1;
        }
        old
    }

    pub(crate) fn get_mut(&mut self, number: u64) -> Option<&mut V> {
        self.pages.get_mut(&(number / PAGE))?.values[(number % PAGE) as usize].as_mut()
    }

    pub(crate) fn get(&self, number: u64) -> Option<&V> {
        self.pages.get(&(number / PAGE))?.values[(number % PAGE) as usize].as_ref()
    }

    pub(crate) fn remove(&mut self, number: u64) -> Option<V> {
        let page = self.pages.get_mut(&(number / PAGE))?;
        let value = page.values[(number % PAGE) as usize].take()?;
        page.len -= 1;
        self.len -= 1;
        if page.len == 0 {
            self.spare = self.pages.remove(&(number / PAGE));
        }
        Some(value)
    }

    /// The values with their numbers, in increasing order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, &V)> {
        self.pages.iter().flat_map(|(page_number, page)| {
            let numbers = page_number * PAGE..;
            numbers.zip(&page.values).filter_map(|(number, value)| Some((number, value.as_ref()?)))
        })
    }

    /// Empties the map and returns its values with their numbers, in increasing order.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = (u64, V)> + use<V> {
        self.len = 0;
        std::mem::take(&mut self.pages).into_iter().flat_map(|(page_number, page)| {
            let numbers = page_number * PAGE..;
            numbers.zip(page.values).filter_map(|(number, value)| Some((number, value?)))
        })
    }
}

impl<V> Page<V> {
    fn new() -> Self {
        Page { values: std::iter::repeat_with(|| None).take(PAGE as usize).collect(), len: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_survivor_keeps_one_page() {
        let mut map = PagedMap::new();
        for number in 0..10 * PAGE {
            assert_eq!(map.insert(number, number), None);
        }
        for number in 1..10 * PAGE {
            assert_eq!(map.remove(number), Some(number));
            assert_eq!(map.remove(number), None);
        }
        assert_eq!((map.len(), map.pages.len()), (1, 1));
        assert_eq!(map.get(0), Some(&0));
        assert_eq!(map.insert(0, 7), Some(0));
        assert_eq!(map.iter().collect::<Vec<_>>(), [(0, &7)]);
        map.insert(3 * PAGE + 1, 8);
        *map.get_mut(0).expect("is there") += 1;
        assert_eq!(map.drain().collect::<Vec<_>>(), [(0, 8), (3 * PAGE + 1, 8)]);
        assert_eq!((map.len(), map.get(0)), (0, None));
    }
}
