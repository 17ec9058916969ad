//! A map from ever-increasing numbers to values that stays about as small as what is in it.

use std::collections::VecDeque;

/// How many consecutive numbers share a page.
const PAGE: u64 = 256;

/// So many empty pages are kept: a map over many items fills and empties about as many in turn.
const SPARE_PAGES: usize = 8;

/// A map whose keys are given out in about increasing order and removed in about any order.
///
/// Values lie in pages of consecutive numbers. A page is free with its last value, so that one old survivor keeps a
/// page alive, and of all that came after it no more than a pointer for each page.
#[derive(Debug)]
pub(crate) struct PagedMap<V> {
    /// The number of the first page.
    first: u64,
    /// Consecutive pages; the first and the last are there.
    pages: VecDeque<Option<Box<Page<V>>>>,
    len: usize,
    /// A few empty pages, kept because filling memory with nothing and freeing it takes time.
    spare: Vec<Box<Page<V>>>,
}

#[derive(Debug)]
struct Page<V> {
    len: usize,
    values: [Option<V>; PAGE as usize],
}

impl<V> Default for PagedMap<V> {
    fn default() -> Self {
        PagedMap { first: 0, pages: VecDeque::new(), len: 0, spare: Vec::new() }
    }
}

impl<V> PagedMap<V> {
    /// How many values there are.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Puts a value under a number, and returns the one that was there.
    pub(crate) fn insert(&mut self, number: u64, value: V) -> Option<V> {
        let at = self.make_room(number / PAGE);
        let spare = &mut self.spare;
        let page = self.pages[at].get_or_insert_with(|| spare.pop().unwrap_or_else(Page::new));
        let old = page.values[(number % PAGE) as usize].replace(value);
        if old.is_none() {
            page.len += 1;
            self.len += 1;
        }
        old
    }

    pub(crate) fn get_mut(&mut self, number: u64) -> Option<&mut V> {
        let at = self.place(number)?;
        self.pages.get_mut(at)?.as_mut()?.values[(number % PAGE) as usize].as_mut()
    }

    pub(crate) fn get(&self, number: u64) -> Option<&V> {
        self.pages.get(self.place(number)?)?.as_ref()?.values[(number % PAGE) as usize].as_ref()
    }

    pub(crate) fn remove(&mut self, number: u64) -> Option<V> {
        let at = self.place(number)?;
        let page = self.pages.get_mut(at)?.as_mut()?;
        let value = page.values[(number % PAGE) as usize].take()?;
        page.len -= 1;
        self.len -= 1;
        if page.len == 0 {
            let empty = self.pages[at].take();
            if self.spare.len() < SPARE_PAGES {
                self.spare.extend(empty);
            }
            self.trim();
        }
        Some(value)
    }

    /// The values with their numbers, in increasing order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, &V)> {
        let pages = (self.first..).zip(&self.pages).filter_map(|(number, page)| Some((number, page.as_ref()?)));
        pages.flat_map(|(page_number, page)| {
            let numbers = page_number * PAGE..;
            numbers.zip(&page.values).filter_map(|(number, value)| Some((number, value.as_ref()?)))
        })
    }

    /// Empties the map and returns its values with their numbers, in increasing order.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = (u64, V)> + use<V> {
        self.len = 0;
        let pages = (self.first..).zip(std::mem::take(&mut self.pages));
        pages.filter_map(|(number, page)| Some((number, page?))).flat_map(|(page_number, page)| {
            let numbers = page_number * PAGE..;
            numbers.zip(page.values).filter_map(|(number, value)| Some((number, value?)))
        })
    }

    /// Where the page of a number is, if there are pages so far.
    fn place(&self, number: u64) -> Option<usize> {
        usize::try_from((number / PAGE).checked_sub(self.first)?).ok()
    }

    /// Sees to it that there is a place for a page, and returns it.
    fn make_room(&mut self, page: u64) -> usize {
        if self.pages.is_empty() {
            self.first = page;
        }
        while page < self.first {
            self.pages.push_front(None);
            self.first -= 1;
        }
        let at = (page - self.first) as usize;
        if self.pages.len() <= at {
            self.pages.resize_with(at + 1, || None);
        }
        at
    }

    /// Takes away the places at both ends that have no page.
    fn trim(&mut self) {
        while self.pages.front().is_some_and(Option::is_none) {
            self.pages.pop_front();
            self.first += 1;
        }
        while self.pages.back().is_some_and(Option::is_none) {
            self.pages.pop_back();
        }
    }
}

impl<V> Page<V> {
    fn new() -> Box<Self> {
        Box::new(Page { len: 0, values: [const { None }; PAGE as usize] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    #[test]
    fn one_survivor_keeps_one_page() {
        let mut map = PagedMap::default();
        let numbers = 2 * SPARE_PAGES as u64 * PAGE;
        for number in 0..numbers {
            assert_eq!(map.insert(number, number), None);
        }
        for number in 1..numbers {
            assert_eq!(map.remove(number), Some(number));
            assert_eq!(map.remove(number), None);
        }
        assert_eq!((map.len(), map.pages.len()), (1, 1));
        assert_eq!(map.spare.len(), SPARE_PAGES);
        assert!(map.spare.iter().all(|page| page.len == 0));
        assert_eq!(map.get(0), Some(&0));
        assert_eq!(map.insert(0, 7), Some(0));
        assert_eq!(map.iter().collect::<Vec<_>>(), [(0, &7)]);
        map.insert(3 * PAGE + 1, 8);
        *map.get_mut(0).expect("is there") += 1;
        assert_eq!(map.drain().collect::<Vec<_>>(), [(0, 8), (3 * PAGE + 1, 8)]);
        assert_eq!((map.len(), map.get(0)), (0, None));
    }
    proptest! {
        /// It does what a map of the standard library does.
        #[test]
        fn it_is_a_map(steps in prop::collection::vec((0..4u8, 0..3000u64), 1..500), offset in 0..u64::MAX / 2) {
            let (mut map, mut model) = (PagedMap::default(), BTreeMap::new());
            for (step, number) in steps {
                let number = number + offset;
                match step {
                    0 => prop_assert_eq!(map.insert(number, step), model.insert(number, step)),
                    1 => prop_assert_eq!(map.remove(number), model.remove(&number)),
                    2 => prop_assert_eq!(map.get(number), model.get(&number)),
                    _ => prop_assert_eq!(map.get_mut(number), model.get_mut(&number)),
                }
                prop_assert_eq!(map.len(), model.len());
                prop_assert_eq!(map.pages.is_empty(), model.is_empty());
            }
            prop_assert!(map.iter().eq(model.iter().map(|(number, value)| (*number, value))));
            prop_assert!(map.drain().eq(model));
        }
    }
}
