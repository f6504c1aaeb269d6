use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::definition::{ErrorClass, SecretSource};
use crate::plan::{HttpBody, HttpPlan, Output, Template, Verb};
use crate::run::Failure;
use crate::task::StopReason;
use crate::task::fixture::{Fixture, text};

/// Answers each request with the bytes for its path, and keeps what it was sent.
struct Server {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn start(answer: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        let answer = Arc::new(answer);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&answer), Arc::clone(&seen)));
            }
        });
        Self { address, requests }
    }

    /// A server that gives the same answer to everybody.
    async fn saying(answer: impl Into<Vec<u8>>) -> Self {
        let answer = answer.into();
        Self::start(move |_| answer.clone()).await
    }

    fn step(&self, path: &str) -> Fixture {
        request(&format!("http://{}{path}", self.address))
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

async fn serve(
    mut stream: TcpStream,
    answer: Arc<impl Fn(&str) -> Vec<u8>>,
    seen: Arc<Mutex<Vec<String>>>,
) {
    let mut request = Vec::new();
    let whole = |request: &[u8]| {
        let text = String::from_utf8_lossy(request);
        let (head, body) = text.split_once("\r\n\r\n")?;
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        (body.len() >= length.map_or(0, |length| length.parse().unwrap())).then(|| text.to_string())
    };
    while stream.read_buf(&mut request).await.is_ok_and(|read| read > 0) {
        if let Some(text) = whole(&request) {
            let path = text.split(' ').nth(1).unwrap().to_owned();
            seen.lock().unwrap().push(text);
            stream.write_all(&answer(&path)).await.unwrap();
            return;
        }
    }
}

/// An answer with these lines in its head.
fn answer(head: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {head}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}")
}

fn request(url: &str) -> Fixture {
    Fixture::of(Verb::Http(Box::new(HttpPlan {
        method: "GET".into(),
        url: text(url),
        headers: Vec::new(),
        query: Vec::new(),
        body: HttpBody::Empty,
        expect: vec![(200, 299)],
        save: None,
        max_size: 1 << 20,
        output: Output::Default,
    })))
}

impl Fixture {
    fn with(mut self, change: impl FnOnce(&mut HttpPlan)) -> Self {
        if let Verb::Http(plan) = &mut self.verb {
            change(plan);
        }
        self
    }

    async fn failure(mut self) -> Failure {
        self.run().await.unwrap_err()
    }
}

#[tokio::test]
async fn a_body_is_read_as_its_type_or_the_step_says() {
    let json = answer("200 OK\r\ncontent-type: application/json; charset=utf-8", "{\"a\": [1]}\n");
    let problem = answer("200 OK\r\ncontent-type: application/problem+json", "[]");
    let page = answer("200 OK\r\ncontent-type: text/html", "<p>1\n2\n");
    let empty = answer("204 No Content\r\ncontent-type: application/json", "");
    for (said, output, value) in [
        (&json, Output::Default, json!({ "a": [1] })),
        (&json, Output::Text, json!("{\"a\": [1]}")),
        (&json, Output::None, Value::Null),
        (&problem, Output::Default, json!([])),
        (&page, Output::Default, json!("<p>1\n2")),
        (&page, Output::Lines, json!(["<p>1", "2"])),
        (&empty, Output::Default, Value::Null),
    ] {
        let server = Server::saying(said.as_str()).await;
        let mut step = server.step("/").with(|plan| plan.output = output);
        assert_eq!(step.run().await.unwrap(), value, "{said}");
    }
    let server = Server::saying(page).await;
    let failure = server.step("/").with(|plan| plan.output = Output::Json).failure().await;
    assert_eq!(failure.class, ErrorClass::Invalid);
    assert!(failure.message.contains("the answer is not JSON"), "{}", failure.message);
}

#[tokio::test]
async fn a_request_is_sent_as_it_was_written() {
    let server = Server::saying(answer("200 OK", "")).await;
    let mut step = server
        .step("/orders/${{ input.id }}?a=1")
        .with(|plan| {
            plan.method = "PUT".into();
            plan.headers = vec![("X-Tag".to_owned(), text("t${{ input.id }}"))];
            plan.query = vec![("q".to_owned(), text("${{ input.text }}"))];
            let body = json!({ "id": "${{ input.id }}" });
            plan.body = HttpBody::Json(Template::compile(&body).unwrap());
        })
        .input(json!({ "id": 7, "text": "a b&c=d" }));
    step.key = Some(text("order-${{ input.id }}"));
    step.run().await.unwrap();
    let sent = server.requests().remove(0);
    let (head, body) = sent.split_once("\r\n\r\n").unwrap();
    assert_eq!(body, "{\"id\":7}");
    assert!(head.starts_with("PUT /orders/7?a=1&q=a+b%26c%3Dd HTTP/1.1\r\n"), "{head}");
    for line in ["x-tag: t7", "idempotency-key: order-7", "content-type: application/json"] {
        assert!(head.lines().any(|sent| sent == line), "{head}");
    }
    assert!(step.log().ends_with("/orders/7 → 200 OK\n"), "{}", step.log());
}

#[tokio::test]
async fn each_request_has_a_key_unless_it_brings_its_own() {
    let server = Server::saying(answer("200 OK", "")).await;
    let mut first = server.step("/").with(|plan| plan.body = HttpBody::Text(text("plain")));
    first.item = Some(3);
    first.run().await.unwrap();
    let own = vec![("Idempotency-Key".to_owned(), text("mine"))];
    server.step("/").with(|plan| plan.headers = own).run().await.unwrap();
    let keys: Vec<String> = server
        .requests()
        .iter()
        .map(|sent| {
            let mut keys = sent.lines().filter_map(|line| line.strip_prefix("idempotency-key: "));
            let key = keys.next().unwrap().to_owned();
            assert_eq!(keys.next(), None);
            key
        })
        .collect();
    assert!(keys[0].ends_with("/work/3"), "{keys:?}");
    assert_eq!(keys[1], "mine");
}

#[tokio::test]
async fn a_status_has_its_class() {
    for (status, class) in [
        ("429 Too Many Requests", ErrorClass::RateLimited),
        ("500 Internal Server Error", ErrorClass::ServerError),
        ("503 Service Unavailable", ErrorClass::ServerError),
        ("400 Bad Request", ErrorClass::ClientError),
        ("404 Not Found", ErrorClass::ClientError),
        ("307 Temporary Redirect", ErrorClass::ClientError),
    ] {
        let server = Server::saying(answer(status, "no \u{1}luck\n")).await;
        let url = format!("http://{}/x", server.address);
        let failure = server.step("/x?token=1").failure().await;
        let code = status.split(' ').next().unwrap();
        assert_eq!(failure.class, class);
        assert_eq!(&*failure.message, format!("http {code} from {url}\nno \u{1}luck"));
        assert_eq!(failure.retry_after, None);
    }
    let server = Server::saying(answer("404 Not Found", "gone")).await;
    let expected = server.step("/").with(|plan| plan.expect = vec![(200, 200), (404, 404)]);
    assert_eq!({ expected }.run().await.unwrap(), json!("gone"));
    let server = Server::saying(answer("200 OK", "")).await;
    let unexpected = server.step("/").with(|plan| plan.expect = vec![(201, 201)]);
    assert_eq!(unexpected.failure().await.class, ErrorClass::ClientError);
}

#[tokio::test]
async fn the_server_says_when_to_come_again() {
    for (head, seconds) in [
        ("retry-after: 7", Some(7)),
        ("retry-after: soon", None),
        // The attempt of the fixture begins with the year 2026.
        ("retry-after: Thu, 01 Jan 2026 00:00:09 GMT", Some(9)),
        ("retry-after: Wed, 31 Dec 2025 00:00:00 GMT", Some(0)),
        (
            "date: Sun, 06 Nov 1994 08:49:37 GMT\r\nretry-after: Sun, 06 Nov 1994 08:50:07 GMT",
            Some(30),
        ),
    ] {
        let server = Server::saying(answer(&format!("503 Busy\r\n{head}"), "")).await;
        let failure = server.step("/").failure().await;
        assert_eq!(failure.retry_after, seconds.map(Duration::from_secs), "{head}");
    }
}

#[tokio::test]
async fn what_breaks_is_a_matter_of_the_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let refused = request(&format!("http://{address}/")).failure().await;
    assert_eq!(refused.class, ErrorClass::Connection);
    assert!(refused.message.contains("onnection refused"), "{}", refused.message);
    for cut in ["", "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc"] {
        let server = Server::saying(cut).await;
        assert_eq!(server.step("/").failure().await.class, ErrorClass::Connection, "{cut}");
    }
}

#[tokio::test]
async fn a_silent_server_is_not_waited_for_for_ever() {
    for begin in ["", "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc"] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let silent = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 16];
            stream.read_exact(&mut request).await.unwrap();
            stream.write_all(begin.as_bytes()).await.unwrap();
            std::future::pending::<()>().await;
        });
        let mut step = request(&format!("http://{address}/"));
        step.limits.http_silence = Duration::from_millis(30);
        let failure = step.failure().await;
        assert_eq!(failure.class, ErrorClass::Timeout);
        assert!(failure.message.contains("for 30ms"), "{}", failure.message);
        silent.abort();
    }
}

#[tokio::test]
async fn a_request_ends_when_its_attempt_is_cancelled() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut step = request(&format!("http://{}/", listener.local_addr().unwrap()));
    let work = tokio::spawn(step.start());
    let (mut stream, _) = listener.accept().await.unwrap();
    step.cancel.set(StopReason::Shutdown);
    let failure = work.await.unwrap().unwrap_err();
    assert_eq!(failure.class, ErrorClass::Named("interrupted".into()));
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.unwrap();
}

#[tokio::test]
async fn an_answer_has_a_largest_size() {
    let chunked =
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n12345\r\n1\r\n6\r\n0\r\n\r\n";
    for said in [answer("200 OK", "123456"), chunked.to_owned()] {
        let server = Server::saying(said).await;
        assert_eq!(
            server.step("/").with(|plan| plan.max_size = 6).run().await.unwrap(),
            json!("123456")
        );
        let failure = server.step("/").with(|plan| plan.max_size = 5).failure().await;
        assert_eq!(failure.class, ErrorClass::Invalid);
        assert!(failure.message.contains("`max_size` (5 bytes)"), "{}", failure.message);
        let mut save = server.step("/").with(|plan| {
            (plan.max_size, plan.save) = (5, Some(text("file")));
        });
        assert!(save.run().await.is_err());
        let left = std::fs::read_dir(save.run_folder()).unwrap();
        assert!(left.map(|entry| entry.unwrap().file_name()).all(|name| name == "work.log"));
    }
    let large = "x".repeat((1 << 20) + 1);
    let server = Server::saying(answer("200 OK", &large)).await;
    let failure = server.step("/").with(|plan| plan.max_size = 1 << 30).failure().await;
    assert!(failure.message.contains("`http.save`"), "{}", failure.message);
}

#[tokio::test]
async fn an_answer_can_be_saved_in_the_work_folder_and_nowhere_else() {
    let server = Server::saying(answer("200 OK", "the body")).await;
    let mut step = server.step("/").with(|plan| plan.save = Some(text("a/${{ item }}.txt")));
    step = step.input(Value::Null);
    step.item = Some(2);
    let failure = step.run().await.unwrap_err();
    assert_eq!(failure.class, ErrorClass::Invalid, "an undefined item is no name");

    let mut step = server.step("/").with(|plan| plan.save = Some(text("a/raw.txt")));
    step.item = Some(2);
    let file = step.run_folder().join("work/2/a/raw.txt");
    assert_eq!(step.run().await.unwrap(), json!({ "file": file, "size": 8 }));
    assert_eq!(std::fs::read_to_string(file).unwrap(), "the body");

    let before = server.requests().len();
    for name in ["../out", "/tmp/windlass-out", "a/../../out", "", "."] {
        let failure = server.step("/").with(|plan| plan.save = Some(text(name))).failure().await;
        assert_eq!(failure.class, ErrorClass::Invalid);
        assert!(failure.message.contains("inside the work folder"), "{}", failure.message);
    }
    assert_eq!(server.requests().len(), before);
}

#[tokio::test]
async fn redirects_are_followed_so_far() {
    let server = Server::start(|path| {
        match path {
            "/a" => answer("302 Found\r\nlocation: /b", ""),
            "/b" => answer("200 OK", "there"),
            _ => answer("302 Found\r\nlocation: /loop", ""),
        }
        .into()
    })
    .await;
    assert_eq!(server.step("/a").run().await.unwrap(), json!("there"));
    let failure = server.step("/loop").failure().await;
    assert_eq!(failure.class, ErrorClass::ClientError);
    assert!(failure.message.contains("too many redirects"), "{}", failure.message);
    assert_eq!(server.requests().len(), 2 + 1 + super::REDIRECTS_MAX);
}

#[tokio::test]
async fn what_is_no_request_is_invalid() {
    for url in ["", "example.com", "file:///etc/passwd", "http://", "http://[::1"] {
        let failure = request(url).failure().await;
        assert_eq!(failure.class, ErrorClass::Invalid, "{url}: {}", failure.message);
    }
    let forged = vec![("X-A".to_owned(), text("1\r\nX-B: 2"))];
    let step = request("http://localhost/").with(|plan| plan.headers = forged);
    assert!(step.failure().await.message.contains("control character"));
    let odd = request("http://localhost/").with(|plan| plan.method = "GE T".into());
    assert!(odd.failure().await.message.contains("`GE T` is no method"));
}

#[tokio::test]
async fn a_secret_is_sent_and_told_to_nobody() {
    let server = Server::saying(answer("500 Oops", "bad token s3cr3t-token")).await;
    let mut step = server.step("/s3cr3t-not").with(|plan| {
        plan.headers = vec![("Authorization".to_owned(), text("Bearer ${{ secrets.token }}"))];
        plan.query = vec![("t".to_owned(), text("${{ secrets.token }}"))];
    });
    std::fs::write(step.folder.path().join("token"), "s3cr3t-token").unwrap();
    step.secrets.push(("token".to_owned(), SecretSource::File("token".to_owned())));
    let failure = step.run().await.unwrap_err();
    assert!(failure.message.ends_with("/s3cr3t-not\nbad token ***"), "{}", failure.message);
    assert!(!step.log().contains("s3cr3t-token"));
    let sent = server.requests().remove(0);
    assert!(sent.contains("authorization: Bearer s3cr3t-token"));
}
