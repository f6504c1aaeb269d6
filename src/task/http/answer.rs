//! An answer: its class, its body, and the file that it may go to.

use std::path::Path;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, DATE, HeaderName, RETRY_AFTER};
use reqwest::{Response, StatusCode};
use tokio::fs::File;
use tokio::io::AsyncWriteExt;

use super::client::within;
use super::date;
use super::file::Part;
use crate::clock::Timestamp;
use crate::definition::ErrorClass;
use crate::payload::{PAYLOAD_BYTES_MAX, Payload};
use crate::plan::{HttpPlan, Output};
use crate::run::Failure;
use crate::task::error::{failure, invalid};
use crate::task::output;

/// What is read of an answer that is no success, in bytes.
const EXCERPT_BYTES_MAX: usize = 2 << 10;

/// How long it is waited for.
const EXCERPT_MAX: Duration = Duration::from_secs(2);

/// Reads an answer.
pub(super) struct Reader<'a> {
    pub(super) plan: &'a HttpPlan,
    /// When the attempt began.
    pub(super) at: Timestamp,
    /// The address, for messages.
    pub(super) shown: &'a str,
    /// How long the server may say nothing.
    pub(super) silence: Duration,
}

impl Reader<'_> {
    /// The result, or why there is none.
    pub(super) async fn read(
        &self,
        answer: Response,
        save: Option<&Path>,
    ) -> Result<Payload, Failure> {
        let status = answer.status().as_u16();
        if !self.plan.expect.iter().any(|(from, to)| (*from..=*to).contains(&status)) {
            return Err(self.unexpected(answer).await);
        }
        if answer.content_length().is_some_and(|length| length > self.plan.max_size) {
            return Err(self.too_large());
        }
        match save {
            Some(file) => self.save(answer, file).await,
            None => self.value(answer).await,
        }
    }

    async fn value(&self, mut answer: Response) -> Result<Payload, Failure> {
        if matches!(self.plan.output, Output::None) {
            return Ok(Payload::NULL);
        }
        let is_json = is_json(&answer);
        let mut body = Vec::new();
        while let Some(chunk) = self.chunk(&mut answer).await? {
            body.extend_from_slice(&chunk);
            if u64::try_from(body.len()).is_ok_and(|length| length > self.plan.max_size) {
                return Err(self.too_large());
            }
            if body.len() > PAYLOAD_BYTES_MAX {
                return Err(invalid(format_args!(
                    "the answer of {} is larger than a payload may be ({PAYLOAD_BYTES_MAX} bytes): \
                     let it go to a file (`http.save`)",
                    self.shown
                )));
            }
        }
        match (&self.plan.output, is_json) {
            (Output::Default, true) if body.trim_ascii().is_empty() => Ok(Payload::NULL),
            (Output::Default, true) => output::json(&body, "the answer"),
            (kind, _) => output::read(kind, &body, "the answer"),
        }
    }

    /// Writes the body beside the file, and gives it its name when it is whole.
    async fn save(&self, mut answer: Response, file: &Path) -> Result<Payload, Failure> {
        let part = Part::beside(file);
        let io = |error: std::io::Error| {
            let text = format_args!("`{}` cannot be written: {error}", file.display());
            failure(ErrorClass::Named("io".into()), text)
        };
        let mut to = File::create(&part.0).await.map_err(io)?;
        let mut length: u64 = 0;
        while let Some(chunk) = self.chunk(&mut answer).await? {
            length = length.saturating_add(u64::try_from(chunk.len()).unwrap_or(u64::MAX));
            if length > self.plan.max_size {
                return Err(self.too_large());
            }
            to.write_all(&chunk).await.map_err(io)?;
        }
        to.sync_all().await.map_err(io)?;
        tokio::fs::rename(&part.0, file).await.map_err(io)?;
        output::written(file)
    }

    async fn chunk(&self, answer: &mut Response) -> Result<Option<bytes::Bytes>, Failure> {
        within(self.silence, answer.chunk(), self.shown).await
    }

    fn too_large(&self) -> Failure {
        let max = self.plan.max_size;
        let shown = self.shown;
        invalid(format_args!("the answer of {shown} is larger than `max_size` ({max} bytes)"))
    }

    /// The failure of an answer that is no success.
    async fn unexpected(&self, mut answer: Response) -> Failure {
        let status = answer.status();
        let delay = self.retry_after(&answer);
        let mut body = Vec::new();
        // What does not come, or not soon, is left out: the status says enough.
        drop(tokio::time::timeout(EXCERPT_MAX, self.excerpt(&mut answer, &mut body)).await);
        body.truncate(EXCERPT_BYTES_MAX);
        let text = String::from_utf8_lossy(body.trim_ascii());
        let line_end = if text.is_empty() { "" } else { "\n" };
        let text = format_args!("http {} from {}{line_end}{text}", status.as_u16(), self.shown);
        Failure { retry_after: delay, ..failure(class(status), text) }
    }

    async fn excerpt(&self, answer: &mut Response, body: &mut Vec<u8>) {
        while body.len() < EXCERPT_BYTES_MAX {
            let Ok(Some(chunk)) = self.chunk(answer).await else { return };
            body.extend_from_slice(&chunk);
        }
    }

    /// `Retry-After`: seconds, or a date, which is compared with the server's own where it tells it.
    fn retry_after(&self, answer: &Response) -> Option<Duration> {
        let header = |name: HeaderName| answer.headers().get(name)?.to_str().ok().map(str::trim);
        let text = header(RETRY_AFTER)?;
        if let Ok(seconds) = text.parse() {
            return Some(Duration::from_secs(seconds));
        }
        let now = header(DATE).and_then(date::parse).unwrap_or(self.at);
        date::parse(text).map(|then| then.since(now))
    }
}

/// The class of a status that is no success.
pub(super) fn class(status: StatusCode) -> ErrorClass {
    match status.as_u16() {
        429 => ErrorClass::RateLimited,
        500..=599 => ErrorClass::ServerError,
        _ => ErrorClass::ClientError,
    }
}

/// `application/json`, `application/problem+json` …
fn is_json(answer: &Response) -> bool {
    let kind = answer.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let kind = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default();
    let kind = kind.trim().to_ascii_lowercase();
    kind == "application/json" || kind == "text/json" || kind.ends_with("+json")
}
