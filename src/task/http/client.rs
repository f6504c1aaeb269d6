//! Sends the request of an attempt. The home of `reqwest` and `rustls`.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Request, Response};

use super::{REDIRECTS_MAX, answer, request};
use crate::definition::ErrorClass;
use crate::payload::Payload;
use crate::plan::{HttpPlan, Verb};
use crate::run::Failure;
use crate::task::error::{Chain, failure, invalid};
use crate::task::executor::Shared;
use crate::task::shortage::{NO_PROCESS, Patience};
use crate::task::{Attempt, AttemptFuture};

/// How long it may take until a connection stands.
const CONNECT_MAX: Duration = Duration::from_secs(10);

/// The client of an executor, made when the first request is sent.
#[derive(Debug, Default)]
pub(in crate::task) struct Client(OnceLock<reqwest::Client>);

impl Client {
    fn ready(&self) -> Result<&reqwest::Client, Failure> {
        if let Some(client) = self.0.get() {
            return Ok(client);
        }
        let client = made().map_err(|error| {
            failure(ErrorClass::Permanent, format_args!("no client: {}", Chain(&*error)))
        })?;
        Ok(self.0.get_or_init(|| client))
    }
}

/// A client with its own TLS: nothing is installed for the whole process.
fn made() -> Result<reqwest::Client, Box<dyn std::error::Error>> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let mut tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let client = reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .redirect(Policy::limited(REDIRECTS_MAX))
        .connect_timeout(CONNECT_MAX)
        .user_agent(concat!("windlass/", env!("CARGO_PKG_VERSION")))
        .build()?;
    Ok(client)
}

/// The future that sends the request of the attempt's step.
pub(in crate::task) fn start(shared: Arc<Shared>, attempt: Attempt) -> AttemptFuture {
    Box::pin(async move {
        let plan = attempt.plan.clone();
        match &plan.nodes[attempt.unit.node.index()].verb {
            Verb::Http(request) => send(&shared, attempt, request).await,
            Verb::Task(_) | Verb::Run(_) | Verb::Sleep(_) | Verb::Body => {
                Err(invalid("the step has no request"))
            }
        }
    })
}

async fn send(shared: &Shared, mut attempt: Attempt, plan: &HttpPlan) -> Result<Payload, Failure> {
    let made = request::prepare(shared, &mut attempt, plan)?;
    let client = shared.client.ready()?;
    let log = shared.step_log(&attempt);
    let silence = attempt.step().timeout.unwrap_or(shared.limits.http_silence);
    let method = made.request.method().clone();
    let shown = made.shown.clone();
    let exchange = async {
        let answer = execute(client, made.request, (silence, &shown)).await?;
        let status = answer.status();
        log.write(made.masks.apply(format!("{method} {shown} → {status}\n").as_bytes()).as_ref());
        let reader = answer::Reader { plan, at: attempt.at, shown: &shown, silence };
        reader.read(answer, made.save.as_deref()).await
    };
    let result = tokio::select! {
        result = exchange => result,
        reason = attempt.cancel.wait() => Err(reason.failure()),
    };
    if made.masks.is_empty() { result } else { made.masks.hide(result) }
}

/// Sends the request; where the machine has no descriptor for the connection, when it has one again.
///
/// Only where sending twice does no harm: it may have been answered with a redirect before.
async fn execute(
    client: &reqwest::Client,
    request: Request,
    (silence, shown): (Duration, &str),
) -> Result<Response, Failure> {
    let mut patience = Patience::of("a request", NO_PROCESS);
    loop {
        let request = request.try_clone().expect("invariant: its body is bytes");
        let may_repeat = request.method().is_idempotent();
        let sent = async {
            match client.execute(request).await {
                Err(error) if may_repeat && error.is_connect() => Ok(Err(error.without_url())),
                done => done.map(Ok),
            }
        };
        match within(silence, sent, shown).await? {
            Ok(answer) => return Ok(answer),
            Err(error) => patience.after(error).await.map_err(|error| broken(error, shown))?,
        }
    }
}

/// Waits for something of the server, but not for ever.
pub(super) async fn within<T>(
    silence: Duration,
    work: impl Future<Output = reqwest::Result<T>>,
    shown: &str,
) -> Result<T, Failure> {
    match tokio::time::timeout(silence, work).await {
        Ok(result) => result.map_err(|error| broken(error, shown)),
        Err(_) => Err(failure(
            ErrorClass::Timeout,
            format_args!("no answer from {shown} for {}", shown_span(silence)),
        )),
    }
}

fn shown_span(span: Duration) -> String {
    crate::definition::format_duration(span)
}

/// The class of an exchange that did not come to its end.
fn broken(error: reqwest::Error, shown: &str) -> Failure {
    let class = if error.is_builder() {
        ErrorClass::Invalid
    } else if error.is_redirect() {
        ErrorClass::ClientError
    } else if error.is_timeout() {
        ErrorClass::Timeout
    } else {
        ErrorClass::Connection
    };
    // The error's own address may tell a secret of its query.
    failure(class, format_args!("{shown}: {}", Chain(&error.without_url())))
}
