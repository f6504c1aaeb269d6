//! Faults of a simulated world, to show that the checks see them.

/// What the simulated journal can do wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// Batches are told to have landed as soon as they are handed over.
    ToldBeforeLanding,
    /// As [`Fault::ToldBeforeLanding`], where there are records alone: an answer comes early.
    AnsweredBeforeLanding,
    /// A batch that did not land is told to have landed.
    NotLandedTakenForLanded,
    /// A batch of which nothing is known, and which is not there, is told to have landed.
    UnknownTakenForLanded,
    /// A batch of which nothing is known is there, and is not found after the failure.
    UnknownNotFound,
    /// A fenced batch is told to have landed.
    FencedTakenForLanded,
    /// The results of two batches change places.
    ResultOfAnother,
    /// A replay visits a record twice.
    VisitedTwice,
    /// A replay leaves a record out, and does not say so.
    GapInSeq,
    /// A run that goes on stays in the archive.
    LostReopen,
    /// A run that stands in the archive stays in the log.
    ArchivedNotForgotten,
    /// An ended run leaves the log and does not come into the archive.
    ForgottenNotArchived,
    /// The archive gives the state of a run as it was when it ended the first time.
    OldArchive,
    /// The key of an archived run is not kept.
    LostKey,
    /// A dead letter lands one batch later than its cause.
    LateLetter,
    /// A dead letter that is settled stays.
    StaleLetter,
    /// The log is cut behind what a shard still needs.
    CutTooMuch,
    /// The log is never cut.
    NeverCut,
    /// An operator's line is not written.
    LostAudit,
}

impl Fault {
    pub(super) const ALL: [Self; 19] = [
        Self::ToldBeforeLanding,
        Self::AnsweredBeforeLanding,
        Self::NotLandedTakenForLanded,
        Self::UnknownTakenForLanded,
        Self::UnknownNotFound,
        Self::FencedTakenForLanded,
        Self::ResultOfAnother,
        Self::VisitedTwice,
        Self::GapInSeq,
        Self::LostReopen,
        Self::ArchivedNotForgotten,
        Self::ForgottenNotArchived,
        Self::OldArchive,
        Self::LostKey,
        Self::LateLetter,
        Self::StaleLetter,
        Self::CutTooMuch,
        Self::NeverCut,
        Self::LostAudit,
    ];
}
