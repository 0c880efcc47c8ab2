//! `session`: what a rule says about logins and logouts.

use crate::rules::expr::{Names, Phase};
use crate::rules::load::keys::Page;
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

#[cfg(test)]
mod tests {
    use crate::rules::model::RuleSet;

    fn codes(text: &str) -> Vec<&'static str> {
        let text = format!("version: 1\n{text}");
        let problems = match RuleSet::from_texts("p", &[("a.yaml", &text)]) {
            Ok(loaded) => loaded.problems,
            Err(problems) => problems,
        };
        problems.iter().map(|problem| problem.code).filter(|code| code.starts_with('E')).collect()
    }

    #[test]
    fn a_session_begins_in_one_known_place_or_ends() {
        let check = |session: &str, expected: &[&str]| {
            let text = format!("rules: [{{ id: a, match: POST /a, action: A, session: {session} }}]");
            assert_eq!(codes(&text), expected, "{session}");
        };
        check("ends", &[]);
        check("{ starts: { cookie: session } }", &[]);
        check("{ starts: { token: $.response.body.token } }", &[]);
        check("end", &["E03"]);
        check("5", &["E03"]);
        check("{}", &["E04"]);
        check("{ start: {} }", &["E04", "E02"]);
        check("{ starts: {} }", &["E03"]);
        check("{ starts: { cookie: a, token: $.response.body.b } }", &["E03"]);
        check("{ starts: { cookie: '' } }", &["E03"]);
        check("{ starts: { token: $.respons.body } }", &["E09"]);
    }

    #[test]
    fn a_way_that_learns_says_nothing_else() {
        let check = |way: &str, expected: &[&str]| {
            let text =
                format!("actors: [{{ name: a, {way} }}]\nrules: [{{ id: a, match: POST /a, action: A }}]");
            assert_eq!(codes(&text), expected, "{way}");
        };
        check("learned: true", &[]);
        check("learned: false", &["E03"]);
        check("learned: true, ask: GET /me", &["E03"]);
        check("learned: true, actor: { id: 1 }", &["E03"]);
        let rule = |choice: &str| {
            codes(&format!(
                "defaults: {{ authenticated: {choice} }}\nrules: [{{ id: a, match: POST /a, action: A }}]"
            ))
        };
        assert_eq!((rule("true"), rule("maybe")), (vec![], vec!["E03"]));
    }
}
