//! A request, rendered.

use std::path::PathBuf;

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Request, Url};

use super::file::inside;
use crate::definition::ErrorClass;
use crate::plan::{HttpBody, HttpPlan, Output};
use crate::run::Failure;
use crate::task::Attempt;
use crate::task::context::default_key;
use crate::task::error::{failure, invalid};
use crate::task::executor::{Shared, idempotency_key, names_of};
use crate::task::place::Place;
use crate::task::render::Rendering;
use crate::task::secret::Masks;

/// The header that tells a service which requests are one.
pub(super) const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// A request, ready to be sent.
pub(super) struct Prepared {
    pub(super) request: Request,
    /// Its address without what may be secret: no user, no query, no fragment.
    pub(super) shown: String,
    /// The file that gets the answer.
    pub(super) save: Option<PathBuf>,
    pub(super) masks: Masks,
}

/// Renders the request of the attempt.
///
/// # Errors
/// Class `invalid`, where a template or a secret cannot be had, or the result is no request.
pub(super) fn prepare(
    shared: &Shared,
    attempt: &mut Attempt,
    plan: &HttpPlan,
) -> Result<Prepared, Failure> {
    let names = names_of(attempt);
    let rendering = Rendering::prepare(attempt, names)?;
    let hidden = |failure: Failure| rendering.masks().hide_failure(failure);
    let url = address(plan, &rendering).map_err(hidden)?;
    let shown = without_secrets(&url);
    let method = Method::from_bytes(plan.method.as_bytes())
        .map_err(|_| invalid(format_args!("`{}` is no method", plan.method)))?;
    let mut request = Request::new(method, url);
    *request.headers_mut() = headers(attempt, plan, &rendering).map_err(hidden)?;
    match &plan.body {
        HttpBody::Empty => {}
        HttpBody::Json(template) => {
            *request.body_mut() = Some(rendering.value(template)?.as_bytes().to_vec().into());
            let json = HeaderValue::from_static("application/json");
            request.headers_mut().entry(CONTENT_TYPE).or_insert(json);
        }
        HttpBody::Text(template) => {
            *request.body_mut() = Some(rendering.text(template)?.into());
        }
    }
    let save = save(shared, attempt, plan, &rendering)?;
    Ok(Prepared { request, shown, save, masks: rendering.into_masks() })
}

fn address(plan: &HttpPlan, rendering: &Rendering) -> Result<Url, Failure> {
    let text = rendering.text(&plan.url)?;
    let mut url =
        Url::parse(&text).map_err(|error| invalid(format_args!("`{text}` is no URL: {error}")))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(invalid(format_args!("`{text}` is neither http nor https")));
    }
    for (name, template) in &plan.query {
        url.query_pairs_mut().append_pair(name, &rendering.text(template)?);
    }
    Ok(url)
}

fn without_secrets(url: &Url) -> String {
    let mut shown = url.clone();
    shown.set_query(None);
    shown.set_fragment(None);
    // These fail only for addresses without a host, which http does not have.
    let _no_host = shown.set_username("");
    let _no_host = shown.set_password(None);
    shown.into()
}

fn headers(
    attempt: &Attempt,
    plan: &HttpPlan,
    rendering: &Rendering,
) -> Result<HeaderMap, Failure> {
    let mut headers = HeaderMap::new();
    for (name, template) in &plan.headers {
        let value = rendering.text(template)?;
        let (name, value) = header(name, &value)?;
        headers.append(name, value);
    }
    if !headers.contains_key(IDEMPOTENCY_KEY) {
        let key = idempotency_key(attempt, rendering)?.unwrap_or_else(|| default_key(attempt));
        let (name, value) = header(IDEMPOTENCY_KEY, &key)?;
        headers.append(name, value);
    }
    Ok(headers)
}

fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), Failure> {
    let known = HeaderName::from_bytes(name.as_bytes());
    let known = known.map_err(|_| invalid(format_args!("`{name}` is no name of a header")))?;
    let value = HeaderValue::from_str(value).map_err(|_| {
        invalid(format_args!("the value of the header `{name}` holds a control character"))
    })?;
    Ok((known, value))
}

/// The file that `save` or `output.file` names, inside the work folder.
fn save(
    shared: &Shared,
    attempt: &Attempt,
    plan: &HttpPlan,
    rendering: &Rendering,
) -> Result<Option<PathBuf>, Failure> {
    let template = match (&plan.save, &plan.output) {
        (Some(template), _) | (None, Output::File(template)) => template,
        (None, Output::Default | Output::Json | Output::Text | Output::Lines | Output::None) => {
            return Ok(None);
        }
    };
    let name = rendering.text(template)?;
    let place = Place::prepare(attempt, &shared.scratch).map_err(|error| {
        failure(ErrorClass::Named("io".into()), format_args!("no work folder: {error}"))
    })?;
    inside(&place.work, &name).map(Some).map_err(invalid)
}
