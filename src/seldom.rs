//! What few have and all have room for: a pointer, and nothing behind it as long as it is empty.

use std::fmt;
use std::ops::{Deref, DerefMut};

/// A type with an empty value that all can look at.
pub trait Empty: Default + PartialEq + 'static {
    /// The empty value.
    const EMPTY: &'static Self;
}

impl<K: Ord + PartialEq + 'static, V: PartialEq + 'static> Empty
    for std::collections::BTreeMap<K, V>
{
    const EMPTY: &'static Self = &Self::new();
}

/// A `T` that is empty for most, and takes eight bytes then. It is made when it is first changed.
#[derive(Clone)]
pub struct Seldom<T>(Option<Box<T>>);

impl<T: Empty> Seldom<T> {
    /// Makes it empty again, without having to be made for that.
    pub(crate) fn clear(&mut self) {
        self.0 = None;
    }
}

impl<T> Default for Seldom<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T: Empty> From<T> for Seldom<T> {
    fn from(value: T) -> Self {
        Self((value != *T::EMPTY).then(|| Box::new(value)))
    }
}

impl<T: Empty> Deref for Seldom<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_deref().unwrap_or(T::EMPTY)
    }
}

impl<T: Empty> DerefMut for Seldom<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.get_or_insert_default()
    }
}

impl<T: Empty> PartialEq for Seldom<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: Empty + Eq> Eq for Seldom<T> {}

impl<T: Empty + fmt::Debug> fmt::Debug for Seldom<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn an_empty_one_has_nothing_behind_it() {
        let mut few: Seldom<BTreeMap<u32, u32>> = Seldom::default();
        assert_eq!((few.len(), size_of_val(&few)), (0, 8));
        assert!(few.0.is_none());
        few.insert(1, 2);
        assert_eq!(few.get(&1), Some(&2));
        few.remove(&1);
        assert_eq!(few, Seldom::from(BTreeMap::new()), "made or not, empty is empty");
        few.clear();
        assert!(few.0.is_none());
    }
}
