//! Calls that may panic and must not take the process, or the thread, along: redb on a file whose
//! structure is broken, the rules of a run that meet a state they do not expect.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

thread_local! {
    /// How many guards this thread is within.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

/// Whether this thread is within a call whose panic is caught and told as damage. The panic hook of
/// a program may then say nothing; the library sets no hook.
pub fn is_guarded() -> bool {
    DEPTH.with(Cell::get) > 0
}

/// Runs `work`; `Err` has what it said when it panicked.
pub(crate) fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    struct Within;
    impl Drop for Within {
        fn drop(&mut self) {
            DEPTH.with(|depth| depth.set(depth.get() - 1));
        }
    }
    DEPTH.with(|depth| depth.set(depth.get() + 1));
    let within = Within;
    let result = catch_unwind(AssertUnwindSafe(work));
    drop(within);
    result.map_err(|panic| {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
        text.unwrap_or_else(|| "a panic without words".to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_within_is_an_error_and_the_thread_is_guarded_no_more() {
        assert!(!is_guarded());
        let inner = || guarded(|| panic!("{}", is_guarded()));
        let found: (bool, Result<(), String>) = guarded(|| (is_guarded(), inner())).unwrap();
        assert_eq!(found, (true, Err("true".to_owned())));
        assert!(!is_guarded());
    }
}
