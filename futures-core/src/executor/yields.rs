//! What a map yields for each item: its result alone, or with the item's index, the item itself, or both.

use crate::error::{Error, Result};
use std::collections::VecDeque;

/// What comes beside the results of a map; one of the types of this file.
pub trait Beside: Sized {
    /// The same with the index.
    type AndIndex;
    /// The same with the item.
    type AndItem<Item>;

    /// Takes away what belongs to the items behind so many.
    fn split_off(&mut self, count: usize) -> Self;
}

/// What a map keeps of some consecutive items until their results are taken, to put it beside these.
pub trait Yields<Item>: Beside {
    /// What the map yields for one item.
    type Output<T>;

    /// Of no items yet, of which the first will have this index.
    fn begin(index: usize) -> Self;

    /// The next item, whose arguments have been encoded.
    fn keep(&mut self, item: Item);

    /// What is yielded for the first item that is left.
    fn output<T>(&mut self, result: Result<T>) -> Self::Output<T>;

    /// Forgets the first item that is left: its result has panicked.
    fn skip(&mut self);

    /// What is yielded for an error that ends the map; none if there is no item left to say it of.
    fn last_word<T>(&mut self, item: impl FnOnce() -> Option<Item>, error: Error) -> Option<Self::Output<T>>;
}

/// Nothing but results.
#[derive(Debug, Clone, Copy)]
pub struct Alone;

/// The index of the item.
#[derive(Debug, Clone, Copy)]
pub struct WithIndex(usize);

/// The item.
#[derive(Debug)]
pub struct WithItem<Item>(VecDeque<Item>);

/// The index of the item, and the item.
#[derive(Debug)]
pub struct WithIndexAndItem<Item>(WithIndex, WithItem<Item>);

impl Beside for Alone {
    type AndIndex = WithIndex;
    type AndItem<Item> = WithItem<Item>;

    fn split_off(&mut self, _: usize) -> Self {
        Alone
    }
}

impl Beside for WithIndex {
    type AndIndex = WithIndex;
    type AndItem<Item> = WithIndexAndItem<Item>;

    fn split_off(&mut self, count: usize) -> Self {
        WithIndex(self.0 + count)
    }
}

impl<Known> Beside for WithItem<Known> {
    type AndIndex = WithIndexAndItem<Known>;
    type AndItem<Item> = WithItem<Item>;

    fn split_off(&mut self, count: usize) -> Self {
        WithItem(self.0.split_off(count))
    }
}

impl<Known> Beside for WithIndexAndItem<Known> {
    type AndIndex = WithIndexAndItem<Known>;
    type AndItem<Item> = WithIndexAndItem<Item>;

    fn split_off(&mut self, count: usize) -> Self {
        WithIndexAndItem(self.0.split_off(count), self.1.split_off(count))
    }
}

impl<Item> Yields<Item> for Alone {
    type Output<T> = Result<T>;

    #[inline]
    fn begin(_: usize) -> Self {
        Alone
    }

    #[inline]
    fn keep(&mut self, _: Item) {}

    #[inline]
    fn output<T>(&mut self, result: Result<T>) -> Result<T> {
        result
    }

    #[inline]
    fn skip(&mut self) {}

    fn last_word<T>(&mut self, _: impl FnOnce() -> Option<Item>, error: Error) -> Option<Result<T>> {
        Some(Err(error))
    }
}

impl WithIndex {
    fn next(&mut self) -> usize {
        let index = self.0;
        self.0 += 1;
        index
    }
}

impl<Item> Yields<Item> for WithIndex {
    type Output<T> = (usize, Result<T>);

    fn begin(index: usize) -> Self {
        WithIndex(index)
    }

    fn keep(&mut self, _: Item) {}

    fn output<T>(&mut self, result: Result<T>) -> (usize, Result<T>) {
        (self.next(), result)
    }

    fn skip(&mut self) {
        self.next();
    }

    fn last_word<T>(&mut self, _: impl FnOnce() -> Option<Item>, error: Error) -> Option<(usize, Result<T>)> {
        Some((self.next(), Err(error)))
    }
}

impl<Item> WithItem<Item> {
    fn next(&mut self) -> Item {
        self.0.pop_front().expect("every result has its item")
    }

    fn last(&mut self, item: impl FnOnce() -> Option<Item>) -> Option<Item> {
        self.0.pop_front().or_else(item)
    }
}

impl<Item> Yields<Item> for WithItem<Item> {
    type Output<T> = (Item, Result<T>);

    fn begin(_: usize) -> Self {
        WithItem(VecDeque::new())
    }

    fn keep(&mut self, item: Item) {
        if self.0.capacity() == 0 {
            // Most chunks have one.
            self.0.reserve_exact(1);
        }
        self.0.push_back(item);
    }

    fn output<T>(&mut self, result: Result<T>) -> (Item, Result<T>) {
        (self.next(), result)
    }

    fn skip(&mut self) {
        self.next();
    }

    fn last_word<T>(&mut self, item: impl FnOnce() -> Option<Item>, error: Error) -> Option<(Item, Result<T>)> {
        Some((self.last(item)?, Err(error)))
    }
}

impl<Item> Yields<Item> for WithIndexAndItem<Item> {
    type Output<T> = (usize, Item, Result<T>);

    fn begin(index: usize) -> Self {
        WithIndexAndItem(WithIndex(index), WithItem(VecDeque::new()))
    }

    fn keep(&mut self, item: Item) {
        self.1.keep(item);
    }

    fn output<T>(&mut self, result: Result<T>) -> (usize, Item, Result<T>) {
        (self.0.next(), self.1.next(), result)
    }

    fn skip(&mut self) {
        self.0.next();
        self.1.next();
    }

    fn last_word<T>(&mut self, item: impl FnOnce() -> Option<Item>, error: Error) -> Option<(usize, Item, Result<T>)> {
        Some((self.0.next(), self.1.last(item)?, Err(error)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    fn error() -> Error {
        Error::new(Kind::Timeout, "too late")
    }

    /// A chunk of three items from the seventh on, of which the second result panics, and a last word of the third.
    fn three<B: Yields<char>>() -> (B::Output<u8>, Option<B::Output<u8>>) {
        let mut beside = B::begin(7);
        "abc".chars().for_each(|item| beside.keep(item));
        let first = beside.output(Ok(1));
        beside.skip();
        (first, beside.last_word(|| panic!("an item is left"), error()))
    }

    #[test]
    fn what_comes_beside_a_result_belongs_to_its_item() {
        assert!(matches!(three::<Alone>(), (Ok(1), Some(Err(_)))));
        assert!(matches!(three::<WithIndex>(), ((7, Ok(1)), Some((9, Err(_))))));
        assert!(matches!(three::<WithItem<char>>(), (('a', Ok(1)), Some(('c', Err(_))))));
        assert!(matches!(three::<WithIndexAndItem<char>>(), ((7, 'a', Ok(1)), Some((9, 'c', Err(_))))));
    }

    #[test]
    fn what_is_split_off_belongs_to_the_items_behind() {
        let mut beside = WithIndexAndItem::begin(7);
        "abc".chars().for_each(|item| beside.keep(item));
        let mut behind = beside.split_off(1);
        assert!(matches!(beside.output(Ok(1)), (7, 'a', Ok(1))));
        assert!(matches!(behind.output(Ok(2)), (8, 'b', Ok(2))));
        assert!(matches!(behind.split_off(0).output(Ok(3)), (9, 'c', Ok(3))));
    }

    #[test]
    fn a_last_word_without_an_item_is_said_of_the_next_one() {
        fn last_word<B: Yields<char>>(next: Option<char>) -> Option<B::Output<u8>> {
            B::begin(0).last_word(|| next, error())
        }
        assert!(matches!(last_word::<WithIndex>(None), Some((0, Err(_)))));
        assert!(matches!(last_word::<WithItem<char>>(Some('x')), Some(('x', Err(_)))));
        assert!(matches!(last_word::<WithIndexAndItem<char>>(Some('x')), Some((0, 'x', Err(_)))));
        assert!(last_word::<WithItem<char>>(None).is_none() && last_word::<WithIndexAndItem<char>>(None).is_none());
    }
}
