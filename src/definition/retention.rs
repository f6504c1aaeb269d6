//! `[retention]`: how long what has ended is kept.

use std::time::Duration;

/// How long runs that succeeded are kept, where nothing is written.
const KEEP_DEFAULT: KeepTime = KeepTime::For(Duration::from_secs(30 * 24 * 60 * 60));

/// How many of the last runs of a workflow are kept in any case, where nothing is written.
const KEEP_MIN_DEFAULT: u32 = 20;

/// A time to keep something, counted from its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeepTime {
    /// That long.
    For(Duration),
    /// Until somebody deletes it.
    Forever,
}

/// `[retention]` as it is written in a workflow file or in `engine.toml`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RetentionKeys {
    /// `keep`
    pub keep: Option<KeepTime>,
    /// `keep_min`
    pub keep_min: Option<u32>,
    /// `keep_failed`
    pub keep_failed: Option<KeepTime>,
    /// `keep_letters`
    pub keep_letters: Option<KeepTime>,
}

/// How long runs and dead letters of a workflow are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// How long a run that succeeded is kept; default 30 days.
    pub keep: KeepTime,
    /// How many of its last runs are kept in any case; default 20.
    pub keep_min: u32,
    /// How long a run that did not succeed is kept; default as `keep`.
    pub keep_failed: KeepTime,
    /// How long a dead letter is kept; default for ever.
    pub keep_letters: KeepTime,
}

impl RetentionKeys {
    /// The retention of a workflow with these keys; `machine` has those of `engine.toml`, for what they
    /// leave out.
    ///
    /// ```
    /// use std::time::Duration;
    /// use windlass::definition::{KeepTime, RetentionKeys};
    ///
    /// let day = KeepTime::For(Duration::from_secs(86_400));
    /// let workflow = RetentionKeys { keep: Some(day), ..RetentionKeys::default() };
    /// let kept = workflow.over(&RetentionKeys::default());
    /// assert_eq!((kept.keep, kept.keep_failed, kept.keep_min), (day, day, 20));
    /// assert_eq!(kept.keep_letters, KeepTime::Forever);
    /// ```
    pub fn over(&self, machine: &Self) -> Retention {
        // `keep_failed` is as `keep` where it is not written, so a workflow's own `keep` comes before
        // the machine's `keep_failed`.
        let keep_failed = self.keep_failed.or(self.keep).or(machine.keep_failed).or(machine.keep);
        Retention {
            keep: self.keep.or(machine.keep).unwrap_or(KEEP_DEFAULT),
            keep_min: self.keep_min.or(machine.keep_min).unwrap_or(KEEP_MIN_DEFAULT),
            keep_failed: keep_failed.unwrap_or(KEEP_DEFAULT),
            keep_letters: self.keep_letters.or(machine.keep_letters).unwrap_or(KeepTime::Forever),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn hours(hours: u64) -> KeepTime {
        KeepTime::For(Duration::from_secs(hours * 3_600))
    }

    #[test]
    fn what_a_workflow_leaves_out_is_as_the_machine_has_it() {
        let nothing = RetentionKeys::default();
        let kept = nothing.over(&nothing);
        assert_eq!((kept.keep, kept.keep_failed), (hours(720), hours(720)));
        let machine = RetentionKeys {
            keep: Some(hours(1)),
            keep_min: Some(0),
            keep_failed: Some(hours(2)),
            keep_letters: Some(hours(3)),
        };
        let kept = nothing.over(&machine);
        assert_eq!((kept.keep, kept.keep_min), (hours(1), 0));
        assert_eq!((kept.keep_failed, kept.keep_letters), (hours(2), hours(3)));
        let own = RetentionKeys { keep: Some(KeepTime::Forever), keep_min: Some(7), ..nothing };
        let kept = own.over(&machine);
        assert_eq!((kept.keep, kept.keep_min), (KeepTime::Forever, 7));
        assert_eq!((kept.keep_failed, kept.keep_letters), (KeepTime::Forever, hours(3)));
    }
}
