//! Events, each with a tag of its own.

mod attempt;
mod run;
mod unit;

use serde::{Deserialize, Serialize};

use self::attempt::{
    AttemptFailed, Crashed, Failed, Interrupted, RetryScheduled, Slept, Started, Succeeded,
};
use self::run::{Began, CancelRequested, Ended, Reopened, Replayed};
use self::unit::{
    Blocked, Cancelled, EvaluationRequested, FannedOut, Gathered, GroupOpened, Parked, Ready,
    Skipped,
};
use super::accepted::AcceptedRecord;
use crate::run::Event;
use crate::stored::StoredError;
use crate::stored::tagged;

/// How one kind of event is stored.
trait Form: Serialize {
    /// Never used for any other form.
    const TAG: u16;

    /// What was stored.
    fn event(self) -> Result<Event, StoredError>;
}

/// Appends an event.
pub(in crate::stored) fn encode(out: &mut Vec<u8>, event: &Event) {
    match event {
        Event::Accepted(accepted) => write(out, &AcceptedRecord::from(accepted.as_ref())),
        Event::Began { at } => write(out, &Began::of(*at)),
        Event::Ready { unit, at } => write(out, &Ready::of(*unit, *at)),
        Event::Skipped { unit, at, reason } => write(out, &Skipped::of(*unit, *at, *reason)),
        Event::Blocked { unit, at, by } => write(out, &Blocked::of(*unit, *at, *by)),
        Event::FannedOut { unit, at, items } => write(out, &FannedOut::of(*unit, *at, items)),
        Event::GroupOpened { unit, at } => write(out, &GroupOpened::of(*unit, *at)),
        Event::EvaluationRequested { of, at } => write(out, &EvaluationRequested::of(*of, *at)),
        Event::Started { .. } => write_some(out, Started::of(event)),
        Event::Slept { unit, at, until } => write(out, &Slept::of(*unit, *at, *until)),
        Event::Succeeded { attempt, output } => write(out, &Succeeded::of(*attempt, output)),
        Event::AttemptFailed { attempt, failure } => {
            write(out, &AttemptFailed::of(*attempt, failure));
        }
        Event::RetryScheduled { unit, at, due } => {
            write(out, &RetryScheduled::of(*unit, *at, *due));
        }
        Event::Failed { unit, at, failure } => write(out, &Failed::of(*unit, *at, failure)),
        Event::Crashed { .. } => write_some(out, Crashed::of(event)),
        Event::Interrupted { unit, dispatch, at } => {
            write(out, &Interrupted::of(*unit, *dispatch, *at));
        }
        Event::Parked { unit, at } => write(out, &Parked::of(*unit, *at)),
        Event::Gathered { unit, at } => write(out, &Gathered::of(*unit, *at)),
        Event::Cancelled { unit, at } => write(out, &Cancelled::of(*unit, *at)),
        Event::CancelRequested { at, reason, timed_out } => {
            write(out, &CancelRequested::of(*at, reason, *timed_out));
        }
        Event::Reopened { at, units, from } => write(out, &Reopened::of(*at, units, *from)),
        Event::Replayed { .. } => write_some(out, Replayed::of(event)),
        Event::Ended { .. } => write_some(out, Ended::of(event)),
    }
}

fn write<F: Form>(out: &mut Vec<u8>, form: &F) {
    tagged::write(out, F::TAG, form);
}

fn write_some<F: Form>(out: &mut Vec<u8>, form: Option<F>) {
    let form = form.expect("invariant: the caller has matched the variant");
    write(out, &form);
}

/// Reads the event with this tag.
pub(in crate::stored) fn decode(tag: u16, body: &[u8]) -> Result<Event, StoredError> {
    match tag {
        AcceptedRecord::TAG => read::<AcceptedRecord<'_>>(body),
        Began::TAG => read::<Began>(body),
        Ready::TAG => read::<Ready>(body),
        Skipped::TAG => read::<Skipped>(body),
        Blocked::TAG => read::<Blocked>(body),
        FannedOut::TAG => read::<FannedOut<'_>>(body),
        GroupOpened::TAG => read::<GroupOpened>(body),
        Started::TAG => read::<Started<'_>>(body),
        Slept::TAG => read::<Slept>(body),
        Succeeded::TAG => read::<Succeeded<'_>>(body),
        AttemptFailed::TAG => read::<AttemptFailed<'_>>(body),
        RetryScheduled::TAG => read::<RetryScheduled>(body),
        Failed::TAG => read::<Failed<'_>>(body),
        Crashed::TAG => read::<Crashed>(body),
        Interrupted::TAG => read::<Interrupted>(body),
        Parked::TAG => read::<Parked>(body),
        Gathered::TAG => read::<Gathered>(body),
        Cancelled::TAG => read::<Cancelled>(body),
        CancelRequested::TAG => read::<CancelRequested<'_>>(body),
        Reopened::TAG => read::<Reopened>(body),
        Replayed::TAG => read::<Replayed<'_>>(body),
        Ended::TAG => read::<Ended<'_>>(body),
        EvaluationRequested::TAG => read::<EvaluationRequested>(body),
        tag => Err(StoredError::UnknownTag { what: "an event", tag }),
    }
}

fn read<'a, F: Form + Deserialize<'a>>(body: &'a [u8]) -> Result<Event, StoredError> {
    tagged::decode::<F>("an event", body)?.event()
}

impl Form for AcceptedRecord<'_> {
    const TAG: u16 = 1;

    fn event(self) -> Result<Event, StoredError> {
        Ok(Event::Accepted(std::sync::Arc::new(self.try_into()?)))
    }
}
