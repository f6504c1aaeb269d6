//! A shared value that each worker counts for itself.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// A reference to a shared value, with a count that only the clones of this one write.
///
/// An attempt counts several times on what it uses. On one count for all workers the cores wait for
/// each other, and that takes longer than an attempt that does nothing; so each worker has its own.
pub struct Apart<T>(Arc<Own<T>>);

struct Own<T>(Arc<T>);

impl<T> Apart<T> {
    /// A count of its own for a shared value.
    pub fn new(shared: Arc<T>) -> Self {
        Self(Arc::new(Own(shared)))
    }

    /// The same value with another count.
    #[must_use]
    pub fn apart(&self) -> Self {
        Self::new(Arc::clone(&self.0.0))
    }
}

impl<T> Clone for Apart<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Deref for Apart<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0.0
    }
}

impl<T: fmt::Debug> fmt::Debug for Apart<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
