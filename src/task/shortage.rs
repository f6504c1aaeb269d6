//! What the machine runs out of for a while: descriptors, processes, memory, room on a disk. What was
//! accepted does not fail for want of it, but waits; it can be stopped meanwhile.

use std::error::Error;
use std::io;
use std::time::Duration;

use rustix::io::Errno;

/// The pauses between tries: the first, and the longest.
const PAUSE_MIN: Duration = Duration::from_millis(10);
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// What the system says where there is no descriptor or no process for us.
pub(super) const NO_PROCESS: &[Errno] = &[Errno::MFILE, Errno::NFILE, Errno::AGAIN];

/// What it says where there is no descriptor, or no room for a file.
pub(super) const NO_FILE: &[Errno] =
    &[Errno::MFILE, Errno::NFILE, Errno::NOMEM, Errno::NOSPC, Errno::DQUOT];

/// Tries until the machine has what it takes. Only what has had no effect may be tried again: `lacks`
/// names such refusals.
pub(super) async fn patient<T, E: Error + 'static>(
    (what, lacks): (&'static str, &'static [Errno]),
    mut attempt: impl FnMut() -> Result<T, E>,
) -> Result<T, E> {
    let mut patience = Patience::of(what, lacks);
    loop {
        match attempt() {
            Ok(done) => return Ok(done),
            Err(error) => patience.after(error).await?,
        }
    }
}

/// The pauses of one thing that is tried again and again.
pub(super) struct Patience {
    what: &'static str,
    lacks: &'static [Errno],
    pause: Duration,
}

impl Patience {
    pub(super) fn of(what: &'static str, lacks: &'static [Errno]) -> Self {
        Self { what, lacks, pause: PAUSE_MIN }
    }

    /// Pauses before the next try.
    ///
    /// # Errors
    /// The error, where it is none of those that are waited for.
    pub(super) async fn after<E: Error + 'static>(&mut self, error: E) -> Result<(), E> {
        if !is_one_of(self.lacks, &error) {
            return Err(error);
        }
        if self.pause == PAUSE_MIN {
            tracing::warn!(error = %super::error::Chain(&error), "{} waits", self.what);
        }
        drop(error);
        tokio::time::sleep(self.pause).await;
        self.pause = (self.pause * 2).min(PAUSE_MAX);
        Ok(())
    }
}

/// Whether the system has refused with one of these, itself or behind other errors.
pub(super) fn is_one_of(lacks: &[Errno], error: &(dyn Error + 'static)) -> bool {
    let found = error.downcast_ref::<io::Error>().and_then(Errno::from_io_error);
    found.is_some_and(|found| lacks.contains(&found))
        || error.source().is_some_and(|error| is_one_of(lacks, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(errno: Errno) -> io::Error {
        io::Error::from_raw_os_error(errno.raw_os_error())
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_machine_lacks_is_waited_for() {
        let mut left = 100;
        let attempt = || {
            left -= 1;
            if left > 0 { Err(refusal(Errno::MFILE)) } else { Ok(left) }
        };
        assert_eq!(patient(("a test", NO_FILE), attempt).await.unwrap(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn other_errors_are_errors() {
        for errno in [Errno::NOENT, Errno::ACCESS, Errno::TOOBIG] {
            let error = patient(("a test", NO_FILE), || Err::<(), _>(refusal(errno))).await;
            assert_eq!(Errno::from_io_error(&error.unwrap_err()), Some(errno));
        }
    }

    #[derive(Debug, thiserror::Error)]
    #[error("outer")]
    struct Outer(#[source] io::Error);

    #[test]
    fn a_shortage_is_seen_behind_other_errors() {
        assert!(is_one_of(NO_FILE, &Outer(refusal(Errno::NFILE))));
        assert!(!is_one_of(NO_FILE, &io::Error::other("full")));
    }
}
