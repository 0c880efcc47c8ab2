//! An application that believes everything: it reads paths, methods and keys as lenient frameworks do, does
//! what it is asked, and journals each deed. What stands in its journal must stand in the audit log.
//!
//! Its habits are switches, because no two frameworks share all of them. It keeps every request as raw bytes,
//! so that a test can see whether anything was changed on the way.

pub(crate) mod accounts;
mod answers;
mod batch;
mod bodies;
mod keys;
mod paths;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use parking_lot::Mutex;

use self::accounts::{Accounts, Auth};
pub(crate) use self::answers::Answers;
pub(crate) use self::bodies::Json;
pub(crate) use self::paths::Paths;

/// What an application takes for granted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Habits {
    pub(crate) paths: Paths,
    pub(crate) methods: Methods,
    pub(crate) keys: Keys,
    pub(crate) json: Json,
    pub(crate) auth: Auth,
    pub(crate) answers: Answers,
}

/// Which method it acts on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Methods {
    /// The one on the wire, to the letter.
    Wire,
    /// The one on the wire, in any case.
    AnyCase,
    /// The one that a header, the query or the body names; CGI folds `_` and `-` in header names.
    Overridden,
}

/// Which value it takes of a key that is given twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keys {
    First,
    Last,
    /// All of them; `;` separates as `&` does.
    All,
    /// The last; `.`, blank and `[` in a name become `_`, and `name[]` is a list.
    Php,
}

/// Something that it did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Deed {
    pub(crate) verb: &'static str,
    /// To what; several for a list or a move.
    pub(crate) targets: Vec<String>,
    /// The `X-Request-Id` that it saw.
    pub(crate) request_id: String,
    /// For whom, as its sessions have it.
    pub(crate) by: Option<String>,
    /// For which team it was done.
    pub(crate) team: Option<String>,
}

/// A request as it came: the bytes of its head, and its body without the framing.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) head: Vec<u8>,
    pub(crate) body: Vec<u8>,
}

/// The application, running.
pub(crate) struct Gullible {
    pub(crate) address: SocketAddr,
    deeds: Arc<Mutex<Vec<Deed>>>,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Gullible {
    pub(crate) fn with(habits: Habits) -> Gullible {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let app = Gullible { address, deeds: Arc::default(), seen: Arc::default() };
        let (deeds, seen) = (Arc::clone(&app.deeds), Arc::clone(&app.seen));
        let accounts = Arc::<Accounts>::default();
        thread::spawn(move || {
            for socket in listener.incoming().map_while(Result::ok) {
                let (deeds, seen, accounts) = (Arc::clone(&deeds), Arc::clone(&seen), Arc::clone(&accounts));
                thread::spawn(move || serve(socket, habits, &accounts, &deeds, &seen));
            }
        });
        app
    }

    pub(crate) fn deeds(&self) -> Vec<Deed> {
        self.deeds.lock().clone()
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().clone()
    }
}

impl Habits {
    /// The strictest application.
    pub(crate) const STRICT: Habits = Habits {
        paths: Paths::Raw,
        methods: Methods::Wire,
        keys: Keys::First,
        json: Json::Last,
        auth: Auth::PLAIN,
        answers: Answers::Whole,
    };

    pub(crate) fn paths(paths: Paths) -> Habits {
        Habits { paths, ..Habits::STRICT }
    }

    pub(crate) fn methods(methods: Methods) -> Habits {
        Habits { methods, ..Habits::STRICT }
    }

    pub(crate) fn auth(auth: Auth) -> Habits {
        Habits { auth, ..Habits::STRICT }
    }

    pub(crate) fn answers(answers: Answers) -> Habits {
        Habits { answers, ..Habits::STRICT }
    }

    pub(crate) fn keys(keys: Keys) -> Habits {
        Habits { keys, methods: Methods::Overridden, ..Habits::STRICT }
    }
}

impl Seen {
    /// The target of the request line.
    pub(crate) fn target(&self) -> String {
        let line = self.head.split(|byte| *byte == b'\r').next().unwrap_or_default();
        String::from_utf8_lossy(line).split(' ').nth(1).unwrap_or_default().to_owned()
    }

    /// The first value of a header, by its name in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        self.headers().find(|(found, _)| found == name).map(|(_, value)| value)
    }

    /// The first value of any of these headers, as CGI sees it: `_` and `-` are one.
    fn folded(&self, names: &[&str]) -> Option<String> {
        self.headers().find(|(name, _)| names.contains(&&*name.replace('_', "-"))).map(|(_, value)| value)
    }

    fn headers(&self) -> impl Iterator<Item = (String, String)> {
        let head = String::from_utf8_lossy(&self.head).into_owned();
        let lines: Vec<_> = head.lines().skip(1).map(str::to_owned).collect();
        lines.into_iter().filter_map(|line| {
            let (name, value) = line.split_once(':')?;
            Some((name.to_ascii_lowercase(), value.trim().to_owned()))
        })
    }
}

fn serve(
    socket: TcpStream,
    habits: Habits,
    accounts: &Accounts,
    deeds: &Mutex<Vec<Deed>>,
    seen: &Mutex<Vec<Seen>>,
) {
    let mut writer = socket.try_clone().unwrap();
    let mut reader = BufReader::new(socket);
    while let Some(request) = read(&mut reader) {
        seen.lock().push(request.clone());
        let method = String::from_utf8_lossy(&request.head).split(' ').next().unwrap_or_default().to_owned();
        match accounts.answer(habits.auth, &request) {
            None => {}
            Some(Some((head, body))) => {
                let length = body.len();
                let text = format!("HTTP/1.1 {head}\r\ncontent-length: {length}\r\n\r\n{body}");
                if writer.write_all(text.as_bytes()).is_err() {
                    return;
                }
                continue;
            }
            Some(None) => {
                // Nothing comes before the other end is tired of it.
                let _ = reader.read_to_end(&mut Vec::new());
                return;
            }
        }
        let perform = |request: &Seen| perform(habits, accounts, deeds, request);
        let (head, body) = match request.parts() {
            Some(parts) => {
                let answers: Vec<_> = parts.iter().map(perform).collect();
                let head = "200 OK\r\ncontent-type: multipart/mixed; boundary=r".to_owned();
                (head, batch::answer(&answers).into_bytes())
            }
            None => {
                let (status, body) = perform(&request);
                habits.answers.shaped(&request, status, body)
            }
        };
        let head = format!("HTTP/1.1 {head}\r\ncontent-length: {}\r\n\r\n", body.len());
        let sent = if method.eq_ignore_ascii_case("HEAD") { Vec::new() } else { body };
        if writer.write_all(&[head.into_bytes(), sent].concat()).is_err() {
            return;
        }
    }
}

/// Does what it is asked and journals it; status and body of the answer.
fn perform(
    habits: Habits,
    accounts: &Accounts,
    deeds: &Mutex<Vec<Deed>>,
    request: &Seen,
) -> (&'static str, String) {
    match act(habits, request) {
        Answer::Did(mut deed) => {
            deed.by = accounts.user(habits.auth, request);
            deed.team = deed.by.as_deref().map(accounts::team_of);
            let body = format!(r#"{{"data":{{"uid":{:?}}}}}"#, deed.targets[0]);
            deeds.lock().push(deed);
            ("200 OK", body)
        }
        Answer::Showed if habits.answers == Answers::AsAsked => ("200 OK", r#"{"title":"Old"}"#.to_owned()),
        Answer::Showed => ("200 OK", "{}".to_owned()),
        Answer::Unknown => ("404 Not Found", "{}".to_owned()),
    }
}

/// A whole request; `None` at the end of the connection, also in the midst of one.
fn read(reader: &mut impl BufRead) -> Option<Seen> {
    let mut request = Seen { head: Vec::new(), body: Vec::new() };
    while !request.head.ends_with(b"\r\n\r\n") {
        if reader.read_until(b'\n', &mut request.head).ok()? == 0 {
            return None;
        }
    }
    if request.header("transfer-encoding").is_some() {
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok()?;
            let size = u64::from_str_radix(line.trim(), 16).ok()?;
            if size == 0 {
                break;
            }
            reader.take(size).read_to_end(&mut request.body).ok()?;
            reader.read_line(&mut line).ok()?;
        }
        let mut end = String::new();
        while end != "\r\n" {
            end.clear();
            reader.read_line(&mut end).ok().filter(|count| *count > 0)?;
        }
        return Some(request);
    }
    let length: u64 = request.header("content-length").map_or(0, |length| length.parse().unwrap());
    reader.take(length).read_to_end(&mut request.body).ok()?;
    (request.body.len() as u64 == length).then_some(request)
}

enum Answer {
    Did(Deed),
    Showed,
    Unknown,
}

fn act(habits: Habits, request: &Seen) -> Answer {
    let target = match habits.paths {
        Paths::Rewritten => request.folded(&["x-original-url", "x-rewrite-url"]),
        Paths::Raw | Paths::Express | Paths::Tomcat | Paths::Php | Paths::Iis | Paths::Aliased => None,
    };
    let target = target.unwrap_or_else(|| request.target());
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let segments = habits.paths.segments(path);
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let method = habits.methods.of(request, query);
    let did = |verb, targets: Vec<String>| {
        let request_id = request.header("x-request-id").unwrap_or_default();
        Answer::Did(Deed { verb, targets, request_id, by: None, team: None })
    };
    let named = |name| habits.keys.values(query, name);
    let in_body = |name| bodies::values(habits.json, habits.keys, &request.body, name);
    let is_like = |segment: &str, text: &str| habits.paths.is_like(segment, text);
    let one = |id: &str| vec![habits.paths.part(id)];
    match (method.as_str(), segments.as_slice()) {
        ("MOVE" | "COPY", [.., name]) => {
            let to = request.header("destination").unwrap_or_default();
            did("move", vec![(*name).to_owned(), to.rsplit('/').next().unwrap_or_default().to_owned()])
        }
        ("POST", [cancel]) if is_like(cancel, "cancel") && !named("booking_id").is_empty() => {
            did("cancel", named("booking_id"))
        }
        ("POST", [v2, cancellations])
            if is_like(v2, "v2")
                && is_like(cancellations, "cancellations")
                && !in_body("bookingUid").is_empty() =>
        {
            did("cancel", in_body("bookingUid"))
        }
        // A branch that means "not GET, so POST" does for HEAD what the routes let through.
        ("GET" | "HEAD", [v2, bookings]) if is_like(v2, "v2") && is_like(bookings, "bookings") => {
            match named("delete") {
                ids if ids.is_empty() => Answer::Showed,
                ids => did("delete", ids),
            }
        }
        (method, [v2, bookings, id]) if is_like(v2, "v2") && is_like(bookings, "bookings") => match method {
            "PUT" => did("replace", one(id)),
            "PATCH" => did("patch", one(id)),
            "DELETE" => did("delete", one(id)),
            "GET" | "HEAD" => Answer::Showed,
            _ => Answer::Unknown,
        },
        ("POST", [v2, bookings, id, cancel])
            if is_like(v2, "v2") && is_like(bookings, "bookings") && is_like(cancel, "cancel") =>
        {
            did("cancel", one(id))
        }
        ("POST", ["v2", "bookings"]) if habits.answers == Answers::AsAsked => {
            did("create", vec!["b9".to_owned()])
        }
        ("GET", ["harmless"]) => Answer::Showed,
        _ => Answer::Unknown,
    }
}

impl Methods {
    fn of(self, request: &Seen, query: &str) -> String {
        let line = String::from_utf8_lossy(&request.head);
        let wire = line.split(' ').next().unwrap_or_default().to_owned();
        let named = || {
            let headers = ["x-http-method-override", "x-http-method", "x-method-override"];
            let in_query = Keys::Last.values(query, "_method").pop();
            request.folded(&headers).or(in_query).or_else(|| in_body(&request.body))
        };
        match self {
            Methods::Wire => wire,
            Methods::AnyCase => wire.to_ascii_uppercase(),
            Methods::Overridden => named().unwrap_or(wire).trim().to_ascii_uppercase(),
        }
    }
}

/// `_method` in a form, a document, or a multipart form.
fn in_body(body: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(body);
    if let Ok(document) = serde_json::from_slice::<serde_json::Value>(body) {
        return document["_method"].as_str().map(str::to_owned);
    }
    if let Some((_, part)) = text.split_once("name=\"_method\"\r\n\r\n") {
        return part.lines().next().map(str::to_owned);
    }
    Keys::Last.values(&text, "_method").pop()
}
