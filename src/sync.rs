//! Locks: the one place that takes them, so that another kind (one that a model checker drives) can
//! stand in for the standard library's.
//!
//! A lock that a panic has poisoned is taken all the same. What the crate keeps behind locks is
//! valid after every statement, and a panic is dealt with where it arises: the run is set aside,
//! the actor started again.

use std::sync::PoisonError;

pub(crate) use std::sync::{Condvar, Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Locks a mutex, whoever panicked before.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Locks for reading, whoever panicked before.
pub(crate) fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

/// Locks for writing, whoever panicked before.
pub(crate) fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}

/// Gives the lock up until the condition variable is notified.
pub(crate) fn wait<'a, T>(changed: &Condvar, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
    changed.wait(guard).unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn a_lock_is_taken_after_a_panic_under_it() {
        let locks = Arc::new((Mutex::new(1), RwLock::new(2)));
        let inside = Arc::clone(&locks);
        let died = std::thread::spawn(move || {
            let (_mutex, _rw) = (lock(&inside.0), write(&inside.1));
            panic!("while both are held");
        });
        assert!(died.join().is_err());
        assert!(locks.0.is_poisoned() && locks.1.is_poisoned());
        assert_eq!((*lock(&locks.0), *read(&locks.1)), (1, 2));
    }
}
