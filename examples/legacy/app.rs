//! A small booking application of the old kind: HTML forms, a JSON API and a session cookie.
//!
//! It stands for the applications that Earwitness is made for, and so it knows nothing of audit: what the
//! records say is derived from its traffic alone. Its habits are typical ones, the awkward too: a wrong
//! password is answered with 200 and an error list in the page, and a form is answered with a redirect.
//!
//! HTTP is here, the state in `office.rs`, the HTML in `pages.rs`.

mod office;
mod pages;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use office::{Caller, Draft, Office, Refusal};

type Answer = Response<Full<Bytes>>;

/// Serves a freshly seeded office. Never returns; dropping the future closes every connection.
pub(crate) async fn serve(listener: TcpListener) {
    let office = Arc::new(Mutex::new(Office::seeded()));
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else {
                    // Out of descriptors, most likely: some close in the meantime.
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                };
                let office = Arc::clone(&office);
                let service = service_fn(move |request| handle(Arc::clone(&office), request));
                connections.spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn handle(office: Arc<Mutex<Office>>, request: Request<Incoming>) -> Result<Answer, Infallible> {
    let (head, body) = request.into_parts();
    let Ok(body) = Limited::new(body, BODY_BYTES_MAX).collect().await else {
        return Ok(html(StatusCode::PAYLOAD_TOO_LARGE, pages::plain("Too much.")));
    };
    let call = Call {
        method: head.method,
        path: head.uri.path().to_owned(),
        session: session_of(&head.headers),
        body: body.to_bytes(),
    };
    Ok(route(&mut office.lock(), &call))
}

/// A request, read.
struct Call {
    method: Method,
    path: String,
    session: String,
    body: Bytes,
}

fn route(office: &mut Office, call: &Call) -> Answer {
    let segments: Vec<&str> = call.path.split('/').filter(|segment| !segment.is_empty()).collect();
    match (call.method.as_str(), segments.as_slice()) {
        ("GET", []) => list_page(office, call, None),
        ("GET", ["login"]) => html(StatusCode::OK, pages::login(None)),
        ("POST", ["login"]) => log_in(office, call),
        ("POST", ["logout"]) => log_out(office, call),
        ("POST", ["bookings"]) => book_by_form(office, call),
        ("GET", ["bookings", id]) => booking_page(office, call, id),
        ("POST", ["admin", "act-as"]) => session_changed(office.act_as(&call.session, &call.field("user"))),
        ("POST", ["admin", "act-as", "stop"]) => session_changed(office.stop_acting(&call.session)),
        ("GET", ["api", "me"]) => json(StatusCode::OK, office.caller(&call.session)),
        (_, ["api", "bookings", rest @ ..]) => bookings_api(office, call, rest),
        _ => html(StatusCode::NOT_FOUND, pages::plain("There is no such page.")),
    }
}

fn bookings_api(office: &mut Office, call: &Call, rest: &[&str]) -> Answer {
    let caller = match office.caller(&call.session) {
        Ok(caller) => caller,
        Err(refusal) => return refused(&refusal),
    };
    match (call.method.as_str(), rest) {
        ("GET", []) => json(StatusCode::OK, Ok(office.visible_to(&caller).collect::<Vec<_>>())),
        ("POST", []) => json(StatusCode::CREATED, call.json().and_then(|draft| office.book(&caller, draft))),
        (method, [id, rest @ ..]) => match id.parse() {
            Ok(id) => booking_api(office, &caller, call, (method, id, rest)),
            Err(_) => refused(&Refusal::NotFound),
        },
        _ => refused(&Refusal::NotFound),
    }
}

fn booking_api(office: &mut Office, caller: &Caller, call: &Call, what: (&str, u64, &[&str])) -> Answer {
    let answer = match what {
        ("GET", id, []) => office.booking(caller, id).cloned(),
        ("PUT", id, []) => call.json().and_then(|draft| office.update(caller, id, draft)),
        ("POST", id, ["move"]) => call.json().and_then(|draft: Draft| office.move_to(caller, id, draft)),
        ("POST", id, ["cancel"]) => call.json::<serde_json::Value>().and_then(|body| {
            office.cancel(caller, id, body["reason"].as_str().unwrap_or_default().to_owned())
        }),
        _ => Err(Refusal::NotFound),
    };
    json(StatusCode::OK, answer)
}

fn list_page(office: &Office, call: &Call, error: Option<&str>) -> Answer {
    match office.caller(&call.session) {
        Ok(caller) => {
            let status = if error.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
            html(status, pages::list(&caller, office.visible_to(&caller), error))
        }
        Err(_) => redirect("/login"),
    }
}

fn booking_page(office: &Office, call: &Call, id: &str) -> Answer {
    let id = id.parse().map_err(|_| Refusal::NotFound);
    let booking = office.caller(&call.session).and_then(|caller| office.booking(&caller, id?).cloned());
    match booking {
        Ok(booking) => html(StatusCode::OK, pages::booking(&booking)),
        Err(Refusal::NotLoggedIn) => redirect("/login"),
        Err(refusal) => html(status_of(&refusal), pages::plain(word_for(&refusal))),
    }
}

fn book_by_form(office: &mut Office, call: &Call) -> Answer {
    let booked = office.caller(&call.session).and_then(|caller| office.book(&caller, call.form()?));
    match booked {
        Ok(booking) => redirect(&format!("/bookings/{}", booking.id)),
        Err(refusal) => list_page(office, call, Some(word_for(&refusal))),
    }
}

fn log_in(office: &mut Office, call: &Call) -> Answer {
    match office.log_in(&call.field("username"), &call.field("password")) {
        Some(session) => with_session(redirect("/"), &session),
        None => html(StatusCode::OK, pages::login(Some("User name or password is wrong."))),
    }
}

fn log_out(office: &mut Office, call: &Call) -> Answer {
    office.log_out(&call.session);
    with_session(redirect("/login"), "; Max-Age=0")
}

fn session_changed(session: Result<String, Refusal>) -> Answer {
    match session {
        Ok(session) => with_session(redirect("/"), &session),
        Err(refusal) => html(status_of(&refusal), pages::plain(word_for(&refusal))),
    }
}

impl Call {
    /// One field of a form; empty when it is not there.
    fn field(&self, name: &str) -> String {
        form_urlencoded::parse(&self.body)
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
            .unwrap_or_default()
    }

    fn form<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        let fields: serde_json::Map<String, serde_json::Value> = form_urlencoded::parse(&self.body)
            .map(|(key, value)| (key.into_owned(), value.into_owned().into()))
            .collect();
        serde_json::from_value(fields.into()).map_err(|_| Refusal::Invalid("not_understood"))
    }

    fn json<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        serde_json::from_slice(&self.body).map_err(|_| Refusal::Invalid("not_understood"))
    }
}

fn session_of(headers: &http::HeaderMap) -> String {
    let cookies = headers.get(header::COOKIE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let session = cookies.split(';').find_map(|cookie| cookie.trim().strip_prefix("session="));
    session.unwrap_or_default().to_owned()
}

fn with_session(mut answer: Answer, session: &str) -> Answer {
    let cookie = format!("session={session}; Path=/; HttpOnly; SameSite=Lax");
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        answer.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    answer
}

fn json(status: StatusCode, value: Result<impl Serialize, Refusal>) -> Answer {
    match value.map(|value| serde_json::to_vec(&value)) {
        Ok(Ok(body)) => answer(status, "application/json", body),
        Ok(Err(_)) => answer(StatusCode::INTERNAL_SERVER_ERROR, "text/plain", "Something broke.".into()),
        Err(refusal) => refused(&refusal),
    }
}

fn refused(refusal: &Refusal) -> Answer {
    let body = serde_json::json!({ "error": word_for(refusal) }).to_string();
    answer(status_of(refusal), "application/json", body.into_bytes())
}

fn html(status: StatusCode, page: String) -> Answer {
    answer(status, "text/html; charset=utf-8", page.into_bytes())
}

fn redirect(to: &str) -> Answer {
    let mut answer = answer(StatusCode::FOUND, "text/plain", Vec::new());
    if let Ok(to) = HeaderValue::from_str(to) {
        answer.headers_mut().insert(header::LOCATION, to);
    }
    answer
}

fn answer(status: StatusCode, content_type: &'static str, body: Vec<u8>) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(body)));
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    answer
}

fn status_of(refusal: &Refusal) -> StatusCode {
    match refusal {
        Refusal::NotLoggedIn => StatusCode::UNAUTHORIZED,
        Refusal::Forbidden => StatusCode::FORBIDDEN,
        Refusal::NotFound => StatusCode::NOT_FOUND,
        Refusal::Conflict(_) => StatusCode::CONFLICT,
        Refusal::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
    }
}

fn word_for(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::NotLoggedIn => "not_logged_in",
        Refusal::Forbidden => "forbidden",
        Refusal::NotFound => "not_found",
        Refusal::Conflict(word) | Refusal::Invalid(word) => word,
    }
}

/// Before another try, when a connection could not be accepted.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// More than any of its forms holds.
const BODY_BYTES_MAX: usize = 64 << 10;
