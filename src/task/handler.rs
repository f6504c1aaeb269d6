//! How an `async fn` or closure becomes the code behind `task = "…"`: its arguments are taken from
//! the attempt by type, its result becomes a payload or a failure.

use std::any::{Any, TypeId, type_name};
use std::future::Future;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::invalid;
use super::executor::{self, Shared};
use super::secret::Masks;
use super::{Attempt, StepContext, StepError};
use crate::payload::{PAYLOAD_BYTES_MAX, Payload};
use crate::run::{AttemptSource, Failure};

/// An `async fn` or a closure that returns a future.
///
/// Its arguments, up to seven, are extractors ([`State<T>`](State), [`StepContext`]), and last the
/// step's input as any type that serde can read; an input that nobody asks for is not read. It
/// returns a `Result` of anything serde can write, and an error that [`StepError`] can be made of.
/// A [`Payload`] as input or output is handed on as it is.
///
/// ```
/// use windlass::task::{Registry, State, StepContext, StepError};
///
/// #[derive(Clone)]
/// struct Greeting(String);
///
/// async fn greet(State(greeting): State<Greeting>, context: StepContext, name: String)
///     -> Result<String, StepError>
/// {
///     Ok(format!("{}, {name} ({})", greeting.0, context.attempt()))
/// }
///
/// let mut tasks = Registry::new();
/// tasks.add_state(Greeting("hello".to_owned()));
/// tasks.add("greet", greet);
/// tasks.add("double", async |number: i64| Ok::<_, StepError>(number * 2));
/// tasks.check().unwrap();
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a task's handler",
    label = "not a handler",
    note = "a handler is an `async fn` or closure whose arguments are `State<T>` or `StepContext`, \
            and last the input, a type that implements `serde::Deserialize`",
    note = "it returns a `Result<T, E>` with `T: serde::Serialize` and an `E` that `StepError` can be \
            made of, and its future is `Send`",
    note = "a closure names the type of each argument, and what it captures is cloned into the future: \
            `move |order: Order| {{ let db = db.clone(); async move {{ … }} }}`"
)]
pub trait Handler<Args>: Send + Sync + 'static {
    /// Serves one attempt.
    fn call(&self, call: &mut Call) -> impl Future<Output = Result<Payload, Failure>> + Send;

    /// The states that the arguments ask for.
    fn needs() -> Vec<StateNeed>;
}

/// An argument that is not the input.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an argument of a handler",
    label = "not an extractor",
    note = "use `State<T>`, `StepContext`, or put the input (`serde::Deserialize`) last"
)]
pub trait Extract: Sized {
    /// Takes it from the call.
    ///
    /// # Errors
    /// Where it is not there.
    fn extract(call: &mut Call) -> Result<Self, StepError>;

    /// The state it asks for.
    fn need() -> Option<StateNeed> {
        None
    }
}

/// The last argument: an extractor, or the input. `Via` says which, and is always inferred.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the last argument of a handler",
    label = "neither an extractor nor an input",
    note = "an input implements `serde::Deserialize`: `#[derive(serde::Deserialize)]`"
)]
pub trait ExtractLast<Via>: Sized {
    /// Takes it from the call.
    ///
    /// # Errors
    /// Where it is not there, or the input does not fit.
    fn extract_last(call: &mut Call) -> Result<Self, StepError>;

    /// The state it asks for.
    fn need() -> Option<StateNeed>;
}

/// The last argument is an extractor.
#[derive(Debug)]
pub enum ViaExtract {}

/// The last argument is the input.
#[derive(Debug)]
pub enum ViaInput {}

impl<T: Extract> ExtractLast<ViaExtract> for T {
    fn extract_last(call: &mut Call) -> Result<Self, StepError> {
        Self::extract(call)
    }

    fn need() -> Option<StateNeed> {
        <Self as Extract>::need()
    }
}

impl<T: DeserializeOwned + 'static> ExtractLast<ViaInput> for T {
    fn extract_last(call: &mut Call) -> Result<Self, StepError> {
        let input = std::mem::take(&mut call.input);
        let input = match same_type::<Payload, Self>(input) {
            Ok(input) => Ok(input),
            Err(input) => input.parse(),
        };
        input.map_err(|error| StepError::new("invalid", misfit(&error)))
    }

    fn need() -> Option<StateNeed> {
        None
    }
}

/// A value that the program gave to the engine (`.state(…)`), cloned for each call.
#[derive(Debug, Clone, Copy)]
pub struct State<T>(pub T);

impl<T: Clone + Send + Sync + 'static> Extract for State<T> {
    fn extract(call: &mut Call) -> Result<Self, StepError> {
        let missing = || StepError::permanent(format!("no state `{}`", type_name::<T>()));
        call.shared.registry.state::<T>().cloned().map(State).ok_or_else(missing)
    }

    fn need() -> Option<StateNeed> {
        Some(StateNeed { id: TypeId::of::<T>(), name: type_name::<T>() })
    }
}

impl Extract for StepContext {
    fn extract(call: &mut Call) -> Result<Self, StepError> {
        call.context()
    }
}

/// A type that must have been given to the registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StateNeed {
    pub(crate) id: TypeId,
    /// The type's name, for people.
    pub name: &'static str,
}

/// What a handler's result becomes.
#[diagnostic::on_unimplemented(
    message = "a handler returns a `Result`, not `{Self}`",
    label = "not a `Result<T, E>` with `T: serde::Serialize` and `E: Into<StepError>`",
    note = "end with `Ok::<_, StepError>(value)`"
)]
pub trait Outcome {
    /// The payload, or why there is none.
    ///
    /// # Errors
    /// The handler's own failure, or `invalid` where its output is no JSON or too large.
    fn into_payload(self) -> Result<Payload, Failure>;
}

impl<T: Serialize + 'static, E: Into<StepError>> Outcome for Result<T, E> {
    fn into_payload(self) -> Result<Payload, Failure> {
        let output = self.map_err(|error| error.into().into_failure())?;
        let payload = match same_type::<T, Payload>(output) {
            Ok(payload) => payload,
            Err(output) => Payload::of(&output)
                .map_err(|error| invalid(format_args!("the output is refused: {error}")))?,
        };
        within_limit(payload)
    }
}

/// One call of a handler, before its arguments are taken from it.
#[derive(Debug)]
pub struct Call {
    shared: Arc<Shared>,
    /// There until somebody asks for the context.
    attempt: Option<Attempt>,
    context: Option<StepContext>,
    input: Payload,
    rendered: Rendered,
}

/// What was rendered for a call, beside its input.
#[derive(Debug, Default)]
pub(crate) struct Rendered {
    /// What `idempotency_key` gave.
    pub(crate) key: Option<Box<str>>,
    /// What must not be shown.
    pub(crate) masks: Masks,
}

impl Call {
    pub(super) fn new(shared: Arc<Shared>, mut attempt: Attempt) -> Self {
        let input = match &mut attempt.input {
            AttemptSource::Payload(input) => std::mem::take(input),
            AttemptSource::Rendered(_) => Payload::NULL,
        };
        Self { shared, attempt: Some(attempt), context: None, input, rendered: Rendered::default() }
    }

    /// Renders what the handler is to be given; not for one that is to stop before it was called.
    pub(super) fn prepare(&mut self) -> Result<(), Failure> {
        let Some(attempt) = &mut self.attempt else { return Ok(()) };
        if let Some(reason) = attempt.cancel.reason() {
            return Err(reason.failure());
        }
        if !matches!(attempt.input, AttemptSource::Payload(_)) {
            (self.input, self.rendered) = executor::render_call(attempt)?;
        }
        Ok(())
    }

    pub(super) fn masks(&self) -> &Masks {
        &self.rendered.masks
    }

    /// The attempt's context.
    fn context(&mut self) -> Result<StepContext, StepError> {
        if let Some(attempt) = self.attempt.take() {
            let shared = Arc::clone(&self.shared);
            let rendered = std::mem::take(&mut self.rendered);
            self.context = Some(StepContext::new(shared, attempt, rendered));
        }
        self.context.clone().ok_or_else(|| StepError::permanent("the call has no attempt"))
    }

    /// All arguments are taken: what is left is not kept while the handler works.
    fn release(&mut self) {
        self.attempt = None;
        self.context = None;
        self.input = Payload::NULL;
    }
}

macro_rules! handler {
    ($($first:ident $value:ident)*) => {
        impl<F, Fut, M, $($first,)* Last> Handler<(M, $($first,)* Last)> for F
        where
            F: Fn($($first,)* Last) -> Fut + Send + Sync + 'static,
            Fut: Future + Send,
            Fut::Output: Outcome,
            $($first: Extract,)*
            Last: ExtractLast<M>,
        {
            async fn call(&self, call: &mut Call) -> Result<Payload, Failure> {
                $(let $value = $first::extract(call).map_err(StepError::into_failure)?;)*
                let last = Last::extract_last(call).map_err(StepError::into_failure)?;
                call.release();
                self($($value,)* last).await.into_payload()
            }

            fn needs() -> Vec<StateNeed> {
                [$($first::need(),)* Last::need()].into_iter().flatten().collect()
            }
        }
    };
}

handler!();
handler!(A a);
handler!(A a B b);
handler!(A a B b C c);
handler!(A a B b C c D d);
handler!(A a B b C c D d E e);
handler!(A a B b C c D d E e G g);

impl<F, Fut> Handler<()> for F
where
    F: Fn() -> Fut + Send + Sync + 'static,
    Fut: Future + Send,
    Fut::Output: Outcome,
{
    async fn call(&self, call: &mut Call) -> Result<Payload, Failure> {
        call.release();
        self().await.into_payload()
    }

    fn needs() -> Vec<StateNeed> {
        Vec::new()
    }
}

/// The payload, if it is not too large.
pub(crate) fn within_limit(payload: Payload) -> Result<Payload, Failure> {
    let bytes = payload.as_bytes().len();
    if bytes <= PAYLOAD_BYTES_MAX {
        return Ok(payload);
    }
    Err(invalid(format_args!(
        "a value of {bytes} bytes is larger than a payload may be ({PAYLOAD_BYTES_MAX} bytes): \
         hand over a file or a reference"
    )))
}

fn misfit(error: &serde_json::Error) -> String {
    format!("the input does not fit: {error}")
}

/// The value as a `B`, which it is if the types are one. Decided when the program is compiled.
fn same_type<A: 'static, B: 'static>(value: A) -> Result<B, A> {
    let mut slot = Some(value);
    let place: &mut dyn Any = &mut slot;
    match place.downcast_mut::<Option<B>>().and_then(Option::take) {
        Some(value) => Ok(value),
        None => Err(slot.expect("invariant: only a value of the other type was taken")),
    }
}
