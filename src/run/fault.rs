//! Faults that tests plant into the rules, to prove that the simulation sees them.
//!
//! Outside of tests [`planted`] is a constant `false`: nothing of this is in the library.

/// A rule that a test breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// The outcome of an old dispatch is taken.
    StaleOutcome,
    /// A delay is half as long as its rule says.
    EarlyRetry,
    /// One try more than the rule gives.
    ExtraTry,
    /// `permanent` and its like are tried again.
    FinalRetried,
    /// A skipped dependency stops who only waits for it.
    SkipStops,
    /// A fan-in starts one dependency too early.
    EarlyJoin,
    /// Results of a fan-out come in the wrong order.
    ShuffledItems,
    /// One failed item more than allowed is tolerated.
    LooseTolerance,
    /// A cancelled run forgets what waits for its next try.
    DeafRetries,
    /// A death counts as a try.
    DeathIsTry,
    /// A death is not counted.
    ForgottenDeath,
    /// `owed` leaves out what waits for a timer.
    LostTimer,
    /// One attempt more than `max_parallel` at once.
    ExtraSlot,
    /// Who lost a race goes on.
    LosersGoOn,
    /// `fail_fast` is ignored.
    SlowFail,
    /// A failed dependency does not block.
    FailureAllowed,
    /// No dead letter.
    NoDeadLetter,
    /// A retry leaves what was blocked as it is.
    ForgottenBlocked,
}

#[cfg(test)]
impl Fault {
    /// All of them.
    pub(super) const ALL: [Self; 18] = [
        Self::StaleOutcome,
        Self::EarlyRetry,
        Self::ExtraTry,
        Self::FinalRetried,
        Self::SkipStops,
        Self::EarlyJoin,
        Self::ShuffledItems,
        Self::LooseTolerance,
        Self::DeafRetries,
        Self::DeathIsTry,
        Self::ForgottenDeath,
        Self::LostTimer,
        Self::ExtraSlot,
        Self::LosersGoOn,
        Self::SlowFail,
        Self::FailureAllowed,
        Self::NoDeadLetter,
        Self::ForgottenBlocked,
    ];
}

#[cfg(test)]
thread_local! {
    static PLANTED: std::cell::Cell<Option<Fault>> = const { std::cell::Cell::new(None) };
}

/// Plants a fault into this thread, or takes it out.
#[cfg(test)]
pub(super) fn plant(fault: Option<Fault>) {
    PLANTED.set(fault);
}

/// Whether a test has planted this fault.
#[cfg(test)]
pub(super) fn planted(fault: Fault) -> bool {
    PLANTED.get() == Some(fault)
}

/// Never.
#[cfg(not(test))]
pub(super) const fn planted(_: Fault) -> bool {
    false
}
