//! `http`: a request, its answer, and the class of what went wrong.

#[cfg(feature = "http")]
mod answer;
#[cfg(feature = "http")]
mod client;
#[cfg(feature = "http")]
mod date;
#[cfg(feature = "http")]
mod file;
#[cfg(feature = "http")]
mod request;

#[cfg(feature = "http")]
pub(super) use client::{Client, start};

#[cfg(not(feature = "http"))]
pub(super) use without::start;

/// Redirects of one request.
pub const REDIRECTS_MAX: usize = 10;

/// What stands here in a build without the feature `http`.
#[cfg(not(feature = "http"))]
mod without {
    use std::sync::Arc;

    use crate::definition::ErrorClass;
    use crate::task::error::failure;
    use crate::task::executor::Shared;
    use crate::task::{Attempt, AttemptFuture};

    /// Says what is missing.
    pub(in crate::task) fn start(_: Arc<Shared>, _: Attempt) -> AttemptFuture {
        let text = "this program was built without HTTP steps: enable the feature `http` of the \
                    crate `windlass`";
        Box::pin(std::future::ready(Err(failure(ErrorClass::Permanent, text))))
    }
}

#[cfg(test)]
#[cfg(feature = "http")]
mod tests;
