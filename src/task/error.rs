//! What a handler says when it does not succeed, and how it becomes a [`Failure`].

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::definition::ErrorClass;
use crate::run::Failure;

/// The longest message of a failure, in bytes; more is cut off.
pub const FAILURE_BYTES_MAX: usize = 4 << 10;

/// Why a handler did not succeed: a class that retry rules look at, and a message for people.
///
/// The `?` operator makes one of every [`std::error::Error`], with the class `error`, which is
/// retried where the step's rules name no other classes.
///
/// ```
/// use std::time::Duration;
/// use windlass::task::StepError;
///
/// fn read(text: &str) -> Result<u32, StepError> {
///     let number: u32 = text.parse()?;
///     if number == 0 {
///         return Err(StepError::permanent("zero is no order number"));
///     }
///     Err(StepError::retryable("stock", "the shelf is empty").after(Duration::from_secs(5)))
/// }
/// assert!(read("x").unwrap_err().to_string().contains("invalid digit"));
/// ```
pub struct StepError(Failure);

impl StepError {
    /// An error of a class: one of the engine's (`timeout`, `connection`, `invalid` …) or a name of
    /// your own.
    pub fn new(class: &str, message: impl fmt::Display) -> Self {
        let class = ErrorClass::parse(class).unwrap_or_else(|| ErrorClass::Named(class.into()));
        Self(failure(class, message))
    }

    /// An error that may pass: the next try can succeed. `class` is what `retry.on` names.
    pub fn retryable(class: &str, cause: impl fmt::Display) -> Self {
        Self::new(class, cause)
    }

    /// An error that no further try will cure; final unless a retry rule names `permanent`.
    pub fn permanent(cause: impl fmt::Display) -> Self {
        Self(failure(ErrorClass::Permanent, cause))
    }

    /// How long to wait before the next try, if that is known. Used by `delay = "retry_after"`.
    #[must_use]
    pub fn after(mut self, delay: impl Into<Option<Duration>>) -> Self {
        self.0.retry_after = delay.into();
        self
    }

    /// The class.
    pub fn class(&self) -> String {
        self.0.class.to_string()
    }

    /// The message.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The delay asked for.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// What the run is told.
    pub fn into_failure(self) -> Failure {
        self.0
    }
}

// Not an `Error` itself: that is what makes room for this conversion.
impl<E: std::error::Error> From<E> for StepError {
    fn from(error: E) -> Self {
        Self(failure(ErrorClass::Named("error".into()), Chain(&error)))
    }
}

impl fmt::Display for StepError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.class, self.0.message)
    }
}

impl fmt::Debug for StepError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StepError").field(&self.0).finish()
    }
}

/// An error and its sources, `a: b: c`.
pub(crate) struct Chain<'a>(pub(crate) &'a dyn std::error::Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut last = self.0.to_string();
        f.write_str(&last)?;
        let mut source = self.0.source();
        while let Some(cause) = source {
            let text = cause.to_string();
            // Many errors already say their source's words.
            if !last.contains(&text) {
                write!(f, ": {text}")?;
                last = text;
            }
            source = cause.source();
        }
        Ok(())
    }
}

/// What a caught panic said.
fn panic_message(panic: Box<dyn Any + Send>) -> String {
    let text = match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(panic) => match panic.downcast::<&'static str>() {
            Ok(text) => (*text).to_owned(),
            Err(_) => "the handler panicked with a value that is no text".to_owned(),
        },
    };
    shortened(text)
}

/// Polls the work of an attempt; a panic is a failure of class `panic`.
pub(crate) fn poll_caught<T>(
    work: Pin<&mut (impl Future<Output = Result<T, Failure>> + ?Sized)>,
    context: &mut Context<'_>,
) -> Poll<Result<T, Failure>> {
    catch_unwind(AssertUnwindSafe(|| work.poll(context)))
        .unwrap_or_else(|panic| Poll::Ready(Err(panicked(panic))))
}

/// What a panic comes to.
pub(crate) fn panicked(panic: Box<dyn Any + Send>) -> Failure {
    Failure::new(ErrorClass::Panic, panic_message(panic))
}

/// A failure without a delay, its message cut to [`FAILURE_BYTES_MAX`].
pub(crate) fn failure(class: ErrorClass, message: impl fmt::Display) -> Failure {
    Failure { class, message: shortened(message.to_string()).into(), retry_after: None }
}

/// A failure of class `invalid`.
pub(crate) fn invalid(message: impl fmt::Display) -> Failure {
    failure(ErrorClass::Invalid, message)
}

fn shortened(mut text: String) -> String {
    if text.len() > FAILURE_BYTES_MAX {
        let mut end = FAILURE_BYTES_MAX - ELLIPSIS.len();
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text.push_str(ELLIPSIS);
    }
    text
}

const ELLIPSIS: &str = "…";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_message_is_cut_on_a_character() {
        let error = StepError::permanent("ä".repeat(FAILURE_BYTES_MAX));
        assert!(error.message().len() <= FAILURE_BYTES_MAX);
        assert!(error.message().ends_with("ä…"));
    }

    #[test]
    fn a_class_of_the_engine_is_taken_as_such() {
        let classes = ["timeout", "permanent", "out_of_stock", "exit:3", "with space"];
        let read = classes.map(|class| StepError::new(class, "x").into_failure().class);
        assert_eq!(
            read,
            [
                ErrorClass::Timeout,
                ErrorClass::Permanent,
                ErrorClass::Named("out_of_stock".into()),
                ErrorClass::Exit(3),
                ErrorClass::Named("with space".into()),
            ]
        );
    }

    #[test]
    fn an_error_is_told_with_its_sources() {
        #[derive(Debug, thiserror::Error)]
        #[error("cannot send")]
        struct Outer(#[source] std::num::ParseIntError);
        let error = StepError::from(Outer("x".parse::<u8>().unwrap_err()));
        assert_eq!(error.to_string(), "error: cannot send: invalid digit found in string");
    }

    #[test]
    fn a_panic_is_told_whatever_it_threw() {
        let said = |f: fn()| panic_message(catch_unwind(f).unwrap_err());
        assert_eq!(said(|| std::panic::panic_any("plain")), "plain");
        assert_eq!(said(|| std::panic::panic_any(format!("made {}", 1))), "made 1");
        assert!(said(|| std::panic::panic_any(7)).contains("no text"));
    }

    #[test]
    fn a_delay_is_an_option_or_not() {
        let second = Duration::from_secs(1);
        let error = |delay: Option<Duration>| StepError::permanent("x").after(delay).retry_after();
        assert_eq!(error(None), None);
        assert_eq!(error(Some(second)), Some(second));
        assert_eq!(StepError::permanent("x").after(second).retry_after(), Some(second));
    }
}
