//! Who is who to the application: logins, sessions, impersonation, and the question whose session it is. What it
//! does here it does as the worst of its kind: it keeps session ids over a login, sets cookies when one failed,
//! and one part of it takes the first cookie where another takes the last.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use super::{Keys, Seen};

/// How it tells its users apart.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Auth {
    /// Which of several session cookies the question `/me` is answered for.
    pub(crate) asked: Pick,
    /// Which of them a deed is done for.
    pub(crate) deed: Pick,
    pub(crate) ids: Ids,
    pub(crate) me: Me,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pick {
    First,
    Last,
}

/// What a login does to the session's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ids {
    /// There is a new one.
    New,
    /// It stays the one that the client sent.
    Kept,
}

/// How it answers the question whose session it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Me {
    Right,
    Page,
    Redirect,
    Huge,
    Never,
}

impl Auth {
    pub(crate) const PLAIN: Auth =
        Auth { asked: Pick::First, deed: Pick::First, ids: Ids::New, me: Me::Right };
}

#[derive(Default)]
pub(crate) struct Accounts {
    sessions: Mutex<HashMap<String, Login>>,
    count: AtomicU64,
}

#[derive(Clone)]
struct Login {
    user: String,
    acts_as: Option<String>,
}

impl Accounts {
    /// Who a deed is done for; really, not in whose name.
    pub(super) fn user(&self, auth: Auth, request: &Seen) -> Option<String> {
        self.login(auth.deed, request).map(|login| login.user)
    }

    /// The answer to a request that concerns accounts: status and header lines, and body. `None` for an answer
    /// that never comes.
    pub(super) fn answer(&self, auth: Auth, request: &Seen) -> Option<Option<(String, String)>> {
        let head = String::from_utf8_lossy(&request.head).into_owned();
        let (line, _) = head.split_once(" HTTP/").unwrap_or_default();
        let ok = |body: String| Some(Some(("200 OK\r\ncontent-type: application/json".to_owned(), body)));
        match line.split_once(' ')? {
            ("POST", "/login") => Some(Some(self.log_in(auth, request))),
            ("POST", "/logout") => {
                self.sessions.lock().remove(&session(auth.deed, request)?);
                ok("{}".to_owned())
            }
            ("POST", path) if path.starts_with("/impersonate") => {
                let user = path.strip_prefix("/impersonate/").map(str::to_owned);
                if let Some(login) = self.sessions.lock().get_mut(&session(auth.deed, request)?) {
                    login.acts_as = user;
                }
                ok("{}".to_owned())
            }
            ("GET", "/me") => match (auth.me, self.login(auth.asked, request)) {
                (Me::Right, Some(Login { user, acts_as: Some(other) })) => {
                    ok(format!(r#"{{"id":"{other}","admin":"{user}","impersonated":true}}"#))
                }
                (Me::Right, Some(Login { user, acts_as: None })) => {
                    ok(format!(r#"{{"id":"{user}","team":"{}"}}"#, team_of(&user)))
                }
                (Me::Right, None) => Some(Some(("401 Unauthorized".to_owned(), "{}".to_owned()))),
                (Me::Page, _) => {
                    let page = r#"<html>{"id":"ceo"}<form action=/login></html>"#.to_owned();
                    Some(Some(("200 OK\r\ncontent-type: text/html".to_owned(), page)))
                }
                (Me::Redirect, _) => {
                    Some(Some(("302 Found\r\nlocation: /login".to_owned(), r#"{"id":"ceo"}"#.to_owned())))
                }
                (Me::Huge, _) => ok(format!(r#"{{"id":"ceo","x":"{}"}}"#, "x".repeat(30 << 20))),
                (Me::Never, _) => Some(None),
            },
            _ => None,
        }
    }

    fn log_in(&self, auth: Auth, request: &Seen) -> (String, String) {
        let body = String::from_utf8_lossy(&request.body).into_owned();
        let field = |name| Keys::First.values(&body, name).pop().unwrap_or_default();
        let number = self.count.fetch_add(1, Ordering::SeqCst);
        let fresh = format!("{number:032}");
        if field("password") != "right" {
            let head = format!("401 Unauthorized\r\nset-cookie: session={fresh}");
            return (head, "{}".to_owned());
        }
        let kept = session(auth.deed, request).filter(|_| auth.ids == Ids::Kept);
        let set =
            if kept.is_some() { String::new() } else { format!("\r\nset-cookie: session={fresh}; HttpOnly") };
        let id = kept.unwrap_or(fresh);
        let body = format!(r#"{{"accessToken":"{id}"}}"#);
        self.sessions.lock().insert(id, Login { user: field("user"), acts_as: None });
        (format!("200 OK\r\ncontent-type: application/json{set}"), body)
    }

    fn login(&self, pick: Pick, request: &Seen) -> Option<Login> {
        self.sessions.lock().get(&session(pick, request)?).cloned()
    }
}

/// Everybody is a team of his own, so that one in the wrong place is seen.
pub(super) fn team_of(user: &str) -> String {
    format!("team-of-{user}")
}

/// The session's id that a part of the application takes from a request.
fn session(pick: Pick, request: &Seen) -> Option<String> {
    let mut found: Vec<String> = Vec::new();
    for (name, value) in request.headers() {
        match (name.as_str(), value.strip_prefix("Bearer ")) {
            ("authorization", Some(token)) => found.push(token.to_owned()),
            ("cookie", _) => {
                let pairs = value.split(';').filter_map(|pair| pair.trim().strip_prefix("session="));
                found.extend(pairs.map(|id| id.trim_matches('"').to_owned()));
            }
            _ => {}
        }
    }
    match pick {
        Pick::First => found.first().cloned(),
        Pick::Last => found.last().cloned(),
    }
}
