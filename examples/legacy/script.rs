//! What people do in the booking office on a demonstration day, as requests that are really sent.
//!
//! The script is data; [`play`] sends it to an address, which is the proxy's in a demonstration. It keeps a
//! cookie for each person, as their browsers would, and knows of bookings only what the answers tell.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// One request of the script.
#[derive(Debug)]
struct Step {
    /// Who sends it; each has a cookie of their own.
    who: &'static str,
    /// What it is for, for people.
    what: &'static str,
    method: &'static str,
    /// `{booking}` stands for the number of the last booking made.
    path: &'static str,
    body: Body,
}

/// What a step sends.
#[derive(Debug)]
enum Body {
    Nothing,
    Form(&'static str),
    Json(&'static str),
}

/// A step that was played.
#[derive(Debug)]
pub(crate) struct Played {
    /// Who did what, for people: `ben books a meeting`.
    pub(crate) what: String,
    /// `POST /api/bookings`.
    pub(crate) line: String,
    /// The status of the answer.
    pub(crate) status: u16,
}

/// Plays the whole script against an address, one request after the other.
///
/// # Errors
/// When no connection can be made, one breaks, or an answer takes longer than ten seconds. Dropping the
/// future stops the script after the request in flight.
pub(crate) async fn play(address: SocketAddr) -> io::Result<Vec<Played>> {
    let mut stage = Stage::enter(address).await?;
    let mut played = Vec::new();
    for step in SCRIPT {
        played.push(stage.perform(step).await?);
    }
    Ok(played)
}

/// The connection, and what the players have in hand.
struct Stage {
    address: SocketAddr,
    sender: SendRequest<Full<Bytes>>,
    connection: JoinHandle<()>,
    cookies: HashMap<&'static str, String>,
    booking: String,
}

impl Stage {
    async fn enter(address: SocketAddr) -> io::Result<Stage> {
        let stream = TcpStream::connect(address).await?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
        // A broken connection shows in the next answer; there is nobody to tell here.
        let connection = tokio::spawn(async move { drop(connection.await) });
        Ok(Stage { address, sender, connection, cookies: HashMap::new(), booking: String::new() })
    }

    async fn perform(&mut self, step: &Step) -> io::Result<Played> {
        let path = step.path.replace("{booking}", &self.booking);
        let request = self.request(step, &path)?;
        let answer = timeout(ANSWER_MAX, self.send(request)).await.map_err(io::Error::other)??;
        self.remember(step.who, answer.headers());
        self.note_booking(answer.body());
        Ok(Played {
            what: format!("{} {}", step.who, step.what),
            line: format!("{} {path}", step.method),
            status: answer.status().as_u16(),
        })
    }

    fn request(&self, step: &Step, path: &str) -> io::Result<Request<Full<Bytes>>> {
        let mut request = Request::builder()
            .method(step.method)
            .uri(path)
            .header(header::HOST, self.address.to_string())
            .header(header::USER_AGENT, "Demonstration/1.0");
        if let Some(cookie) = self.cookies.get(step.who) {
            request = request.header(header::COOKIE, cookie);
        }
        let (content_type, body) = match step.body {
            Body::Nothing => (None, ""),
            Body::Form(body) => (Some("application/x-www-form-urlencoded"), body),
            Body::Json(body) => (Some("application/json"), body),
        };
        if let Some(content_type) = content_type {
            request = request.header(header::CONTENT_TYPE, content_type);
        }
        request.body(Full::new(Bytes::from_static(body.as_bytes()))).map_err(io::Error::other)
    }

    async fn send(&mut self, request: Request<Full<Bytes>>) -> io::Result<Response<Bytes>> {
        self.sender.ready().await.map_err(io::Error::other)?;
        let answer: Response<Incoming> = self.sender.send_request(request).await.map_err(io::Error::other)?;
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await.map_err(io::Error::other)?;
        Ok(Response::from_parts(head, body.to_bytes()))
    }

    fn remember(&mut self, who: &'static str, headers: &HeaderMap) {
        let cookie = headers.get(header::SET_COOKIE).and_then(|value| value.to_str().ok());
        if let Some((pair, _)) = cookie.and_then(|cookie| cookie.split_once(';')) {
            self.cookies.insert(who, pair.to_owned());
        }
    }

    fn note_booking(&mut self, body: &[u8]) {
        let answer: Option<serde_json::Value> = serde_json::from_slice(body).ok();
        let booking = answer.filter(|answer| answer.get("owner").is_some());
        if let Some(id) = booking.and_then(|booking| booking.get("id")?.as_u64()) {
            self.booking = id.to_string();
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

const fn step(who: &'static str, what: &'static str, line: (&'static str, &'static str), body: Body) -> Step {
    Step { who, what, method: line.0, path: line.1, body }
}

/// The day: booking, moving, cancelling, a wrong password, an administrator acting for somebody else.
const SCRIPT: &[Step] = &[
    step("ben", "logs in", ("POST", "/login"), Body::Form("username=ben&password=ben-knows")),
    step("ben", "looks at the list", ("GET", "/"), Body::Nothing),
    step(
        "ben",
        "books a fitting",
        ("POST", "/api/bookings"),
        Body::Json(
            r#"{"title":"Glasses fitting","start":"2026-02-03T09:00:00Z","end":"2026-02-03T09:30:00Z","location":"Room 1","attendees":[{"email":"ben@booking.example","name":"Ben Becker"}]}"#,
        ),
    ),
    step(
        "ben",
        "moves it by a week",
        ("POST", "/api/bookings/{booking}/move"),
        Body::Json(r#"{"start":"2026-02-10T11:00:00Z","end":"2026-02-10T11:30:00Z"}"#),
    ),
    step(
        "ben",
        "cancels it",
        ("POST", "/api/bookings/{booking}/cancel"),
        Body::Json(r#"{"reason":"Found my old glasses again"}"#),
    ),
    step(
        "ben",
        "tries to cancel another's booking",
        ("POST", "/api/bookings/102/cancel"),
        Body::Json(r#"{"reason":"Wrong number"}"#),
    ),
    step(
        "chloe",
        "mistypes her password",
        ("POST", "/login"),
        Body::Form("username=chloe&password=chole-knows"),
    ),
    step("alma", "logs in", ("POST", "/login"), Body::Form("username=alma&password=alma-knows")),
    step("alma", "starts to act for Chloe", ("POST", "/admin/act-as"), Body::Form("user=chloe")),
    step(
        "alma",
        "changes Chloe's booking",
        ("PUT", "/api/bookings/102"),
        Body::Json(
            r#"{"location":"Room 3","attendees":[{"email":"chloe@booking.example","name":"Chloe Conti"},{"email":"optician@booking.example","name":"Olu Optician"}]}"#,
        ),
    ),
    step("alma", "stops acting for Chloe", ("POST", "/admin/act-as/stop"), Body::Nothing),
    step(
        "ben",
        "books by the form",
        ("POST", "/bookings"),
        Body::Form("title=Eye+test&start=2026-03-02T10:00&end=2026-03-02T10:30&location=Room+1"),
    ),
    step("ben", "logs out", ("POST", "/logout"), Body::Nothing),
];

const ANSWER_MAX: Duration = Duration::from_secs(10);

const ANSWER_BYTES_MAX: usize = 1 << 20;
