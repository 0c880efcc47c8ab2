//! `session`: what a rule says about logins and logouts.

use super::keys::Page;
use crate::rules::expr::{Names, Phase};
use crate::rules::model::{Session, SessionPlace};
use crate::yaml::Node;

/// Reads `ends`, or `{ starts: { cookie: name } }`, or `{ starts: { token: value } }`.
pub(super) fn session(node: &Node, names: &Names, page: &mut Page<'_>) -> Option<Session> {
    if node.as_map().is_none() {
        return page.word(node, "`session`", &[("ends", ())]).map(|()| Session::Ends);
    }
    let node = page.mapping(node, "`session`", &["starts"])?;
    let starts = page.required(node, "starts", "`session`")?;
    let starts = page.mapping(starts, "`starts`", &["cookie", "token"])?;
    match (starts.member("cookie"), starts.member("token")) {
        (Some(cookie), None) => {
            let name = page.text(cookie, "`cookie`")?;
            Some(Session::Starts(SessionPlace::Cookie(name)))
        }
        (None, Some(token)) => {
            let names = Names { phase: Phase::Answer, ..names.clone() };
            Some(Session::Starts(SessionPlace::Token(page.value(token, &names)?)))
        }
        (Some(_), Some(_)) | (None, None) => {
            let cure = "write `{ cookie: name }` or `{ token: $.response.body.… }`";
            page.error("E03", starts.span, "a session is in one place", cure);
            None
        }
    }
}
