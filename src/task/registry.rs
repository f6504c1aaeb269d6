//! The handlers and states of a program, by name and by type.

use std::any::{Any, TypeId};
use std::collections::BTreeMap;
use std::fmt;
use std::future::poll_fn;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;

use super::error::poll_caught;
use super::executor::Shared;
use super::handler::{Call, Handler, StateNeed};
use super::{Apart, Attempt, AttemptFuture};

/// What `task = "…"` may name, and what `State<T>` may ask for.
#[derive(Default)]
pub struct Registry {
    // Trees: each attempt looks its handler up, and a few names are compared faster than one is hashed.
    handlers: BTreeMap<Box<str>, Box<dyn ErasedHandler>>,
    states: BTreeMap<TypeId, Arc<dyn Any + Send + Sync>>,
}

impl Registry {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes `handler` the code behind `task = "name"`; the one that was it, goes.
    pub fn add<Args: 'static>(&mut self, name: &str, handler: impl Handler<Args>) {
        let handler = Apart::new(Arc::new(handler));
        self.handlers.insert(name.into(), Box::new(Erased { handler, args: PhantomData }));
    }

    /// Gives `value` to all handlers with a `State<T>` argument; the one that was there, goes.
    pub fn add_state<T: Clone + Send + Sync + 'static>(&mut self, value: T) {
        self.states.insert(TypeId::of::<T>(), Arc::new(value));
    }

    /// Whether a handler has this name.
    pub fn has(&self, name: &str) -> bool {
        self.handlers.contains_key(name)
    }

    /// The names of the handlers, in order.
    pub fn names(&self) -> Vec<&str> {
        self.handlers.keys().map(AsRef::as_ref).collect()
    }

    /// Looks whether each state that a handler asks for is there.
    ///
    /// # Errors
    /// All that are missing, in the order of the tasks' names.
    pub fn check(&self) -> Result<(), Vec<MissingState>> {
        let mut missing = Vec::new();
        for task in self.names() {
            for need in self.handlers[task].needs() {
                if !self.states.contains_key(&need.id) {
                    missing.push(MissingState { task: task.to_owned(), state: need.name });
                }
            }
        }
        if missing.is_empty() { Ok(()) } else { Err(missing) }
    }

    pub(super) fn handler(&self, name: &str) -> Option<&dyn ErasedHandler> {
        self.handlers.get(name).map(Box::as_ref)
    }

    /// The same handlers and states; each handler has a count of its own.
    pub(super) fn apart(&self) -> Self {
        let handlers = self.handlers.iter();
        Self {
            handlers: handlers.map(|(name, handler)| (name.clone(), handler.apart())).collect(),
            states: self.states.clone(),
        }
    }

    pub(super) fn state<T: 'static>(&self) -> Option<&T> {
        self.states.get(&TypeId::of::<T>()).and_then(|state| state.downcast_ref())
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").field("tasks", &self.names()).finish_non_exhaustive()
    }
}

/// A handler asks for a state that nobody has given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("task `{task}` needs the state `{state}`: give it with `.state(…)`")]
pub struct MissingState {
    /// The task.
    pub task: String,
    /// The type's name.
    pub state: &'static str,
}

/// A handler whose arguments are known to nobody any more.
pub(super) trait ErasedHandler: Send + Sync {
    fn start(&self, shared: Arc<Shared>, attempt: Attempt) -> AttemptFuture;
    fn needs(&self) -> Vec<StateNeed>;
    /// The same handler with a reference count of its own.
    fn apart(&self) -> Box<dyn ErasedHandler>;
}

struct Erased<H, Args> {
    handler: Apart<H>,
    args: PhantomData<fn(Args)>,
}

impl<Args: 'static, H: Handler<Args>> ErasedHandler for Erased<H, Args> {
    fn start(&self, shared: Arc<Shared>, attempt: Attempt) -> AttemptFuture {
        let handler = self.handler.clone();
        let mut call = Call::new(shared, attempt);
        Box::pin(async move {
            call.prepare()?;
            let masks = call.masks().clone();
            if masks.is_empty() {
                return handler.call(&mut call).await;
            }
            // Also what a panic says must not show a secret.
            let mut called: Pin<Box<dyn Future<Output = _> + Send>> =
                Box::pin(handler.call(&mut call));
            masks.hide(poll_fn(|context| poll_caught(called.as_mut(), context)).await)
        })
    }

    fn needs(&self) -> Vec<StateNeed> {
        H::needs()
    }

    fn apart(&self) -> Box<dyn ErasedHandler> {
        Box::new(Self { handler: self.handler.apart(), args: PhantomData })
    }
}

#[cfg(test)]
mod tests;
