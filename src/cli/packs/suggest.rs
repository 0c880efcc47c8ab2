//! `earwitness suggest`: a rule to begin with, for a request that no rule covers.
//!
//! What can be guessed from method and path is guessed; what only somebody who knows the application can say
//! is marked `TODO` in a comment. The outcome is checked before it is printed: it loads, and its tests pass.

use std::fmt::Write as _;
use std::io::Write as _;

use anyhow::{Result, bail};
use serde_json::json;

use super::description::describe;
use crate::cli::{Exit, SuggestArgs};
use crate::rules::described::Suggestion;
use crate::rules::model::{MatchLine, RuleSet, SegmentPattern};

/// Prints a rule for an operation or a line.
///
/// # Errors
/// When the description cannot be read or does not have the operation, when the request cannot be matched by a
/// line, or standard output cannot be written.
pub fn suggest(args: &SuggestArgs) -> Result<Exit> {
    let suggestion = match (&args.openapi, &args.operation, &args.from_blindspot) {
        (Some(file), Some(operation), None) => match describe(file)?.suggestion(operation) {
            Some(suggestion) => suggestion,
            None => bail!("{} has no operation `{operation}`", file.display()),
        },
        (None, None, Some(line)) => match line.split_once(' ') {
            Some((method, path)) => {
                Suggestion { method: method.to_owned(), path: path.trim().to_owned(), read: None }
            }
            None => {
                bail!("`{line}` is no request: write it as `earwitness blindspots` does, \"POST /x/{{id}}\"")
            }
        },
        (_, _, _) => {
            bail!("name a blind spot (--from-blindspot), or a description with one of its operations")
        }
    };
    let text = skeleton(&suggestion)?;
    write!(std::io::stdout(), "{text}")?;
    Ok(Exit::Done)
}

/// A rule file for a request.
fn skeleton(suggestion: &Suggestion) -> Result<String> {
    let path = with_names(&suggestion.path);
    let line = match MatchLine::parse(&format!("{} {path}", suggestion.method)) {
        Ok(line) => line,
        Err(error) => bail!("a rule cannot be written for this request: {}; {}", error.message, error.cure),
    };
    let text = written(&line, suggestion.read.as_deref().map(with_names).as_deref());
    match RuleSet::from_texts("pack", &[("suggested.yaml", &text)]) {
        Ok(_) => Ok(text),
        Err(problems) => bail!("a rule cannot be written for this request:\n{}", problems.render()),
    }
}

fn written(line: &MatchLine, read: Option<&str>) -> String {
    let (thing, action) = guessed(line);
    let method = &line.methods[0];
    let target = example(&line.segments);
    let id = line.parts().last().map(|part| format!("$.path.{part}"));
    let mut text = "# TODO: this is where to begin, guessed from method and path; compare it with real requests.\nversion: 1\n".to_owned();
    if let Some(read) = read {
        let _ = write!(
            text,
            "\nresources:\n  {thing}:\n    read: {{ request: {} }}\n    select: $.answer.body        # TODO: where in the answer the thing stands\n",
            json!(format!("GET {read}"))
        );
    }
    let _ = write!(
        text,
        "\nrules:\n  - id: {}\n    match: {}\n",
        action.to_lowercase().replacen('_', ".", 1),
        json!(format!("{method} {}", line.path()))
    );
    if read.is_some() {
        let _ = write!(
            text,
            "    before: {thing}\n    after: $.response.body         # TODO: the thing afterwards, or `read` to ask again\n"
        );
    }
    let id_path = id.as_deref().unwrap_or("$.response.body.id");
    let _ = write!(
        text,
        "    action: {action}\n    target: {{ type: {thing}, id: {id_path} }}  # TODO: is this what it is done to?\n    \
         message: {}                 # TODO: who did what, in words\n    # TODO: `details` for what the request says; `when`, if only some of these requests count.\n",
        json!(action.replace('_', " ").to_lowercase())
    );
    let answers = read.map_or_else(String::new, |read| {
        let asked = json!(format!(
            "GET {}",
            MatchLine::parse(&format!("GET {read}"))
                .map_or_else(|_| read.to_owned(), |line| example(&line.segments))
        ));
        format!("        answers: {{ {asked}: {{ body: {{ id: \"7\" }} }} }}\n")
    });
    let _ = write!(
        text,
        "    tests:\n      - name: it is recorded            # TODO: a real request and answer\n        request: {{ line: {}, body: {{}} }}\n{answers}        \
         response: {{ status: 200, body: {{ id: \"7\" }} }}\n        expect: [{{ action: {action}, target: {{ type: {thing}, id: \"7\" }} }}]\n      \
         - name: looking is not doing\n        request: {{ line: {} }}\n        response: {{ status: 200 }}\n        expect: []\n",
        json!(format!("{method} {target}")),
        json!(format!("{} {target}", if method == "OPTIONS" { "GET" } else { "OPTIONS" })),
    );
    text
}

/// Kind of thing and action: `/bookings/{id}/cancel` is `booking`, `BOOKING_CANCEL`.
fn guessed(line: &MatchLine) -> (String, String) {
    let words: Vec<(usize, &String)> = line
        .segments
        .iter()
        .enumerate()
        .filter_map(|(at, segment)| match segment {
            SegmentPattern::Literal(text) if text.chars().any(char::is_alphabetic) => Some((at, text)),
            SegmentPattern::Literal(_) | SegmentPattern::Part { .. } | SegmentPattern::Tail(_) => None,
        })
        .collect();
    let last = words.last().copied();
    let before = words
        .iter()
        .rev()
        .find(|(at, _)| matches!(line.segments.get(at + 1), Some(SegmentPattern::Part { .. })));
    let is_verb = last.is_some_and(|(at, text)| at + 1 == line.segments.len() && !text.ends_with('s'));
    let (thing, deed) = match (before, last) {
        (Some((_, thing)), Some((_, verb))) if is_verb => (name(thing), Some(name(verb))),
        (_, Some((_, thing))) => (name(thing), None),
        (_, None) => ("thing".to_owned(), None),
    };
    let thing = singular(&thing);
    let deed = deed.unwrap_or_else(|| match line.methods[0].as_str() {
        "POST" => "created".to_owned(),
        "PUT" | "PATCH" => "updated".to_owned(),
        "DELETE" => "deleted".to_owned(),
        other => name(other),
    });
    let action = format!("{thing}_{deed}").to_uppercase();
    (thing, action)
}

fn singular(word: &str) -> String {
    match (word.strip_suffix("ies"), word.strip_suffix('s')) {
        (Some(stem), _) => format!("{stem}y"),
        (None, Some(stem)) if !stem.is_empty() && !stem.ends_with('s') => stem.to_owned(),
        (None, _) => word.to_owned(),
    }
}

/// Letters, digits and `_`, beginning with a letter.
fn name(text: &str) -> String {
    let plain: String =
        text.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' }).collect();
    let plain = plain.trim_matches('_');
    if plain.starts_with(|c: char| c.is_ascii_alphabetic()) { plain.to_owned() } else { format!("x_{plain}") }
}

/// The path with parts that have names which rules take, each once.
fn with_names(path: &str) -> String {
    let mut known: Vec<String> = Vec::new();
    let mut named = |part: &str| {
        let (part, tail) = part.strip_suffix('*').map_or((part, ""), |part| (part, "*"));
        let plain: String =
            part.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' }).collect();
        let plain = plain.trim_matches('_');
        let mut unique = if plain.starts_with(|c: char| c.is_ascii_alphabetic()) {
            plain.to_owned()
        } else {
            format!("x{plain}")
        };
        while known.contains(&unique) {
            unique.push('_');
        }
        known.push(unique.clone());
        format!("{{{unique}{tail}}}")
    };
    let segment = |text: &str| match (text.find('{'), text.rfind('}')) {
        (Some(open), Some(close)) if open < close => {
            format!("{}{}{}", &text[..open], named(&text[open + 1..close]), &text[close + 1..])
        }
        (_, _) => text.to_owned(),
    };
    path.split('/').map(segment).collect::<Vec<_>>().join("/")
}

/// A path with something in each part.
fn example(segments: &[SegmentPattern]) -> String {
    let segment = |segment: &SegmentPattern| match segment {
        SegmentPattern::Literal(text) => format!("/{text}"),
        SegmentPattern::Part { prefix, suffix, .. } => format!("/{prefix}7{suffix}"),
        SegmentPattern::Tail(_) => "/7".to_owned(),
    };
    let path: String = segments.iter().map(segment).collect();
    if path.is_empty() { "/".to_owned() } else { path }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thing_and_action_are_guessed_from_method_and_path() {
        let check = |line: &str, expected: (&str, &str)| {
            let (thing, action) = guessed(&MatchLine::parse(line).unwrap());
            assert_eq!((thing.as_str(), action.as_str()), expected, "{line}");
        };
        check("POST /v2/bookings/{id}/cancel", ("booking", "BOOKING_CANCEL"));
        check("POST /v2/bookings", ("booking", "BOOKING_CREATED"));
        check("PATCH /v2/event-types/{id}", ("event_type", "EVENT_TYPE_UPDATED"));
        check("DELETE /v2/policies/{id}", ("policy", "POLICY_DELETED"));
        check("POST /teams/{t}/memberships", ("membership", "MEMBERSHIP_CREATED"));
        check("MKCALENDAR /{path*}", ("thing", "THING_MKCALENDAR"));
        check("POST /", ("thing", "THING_CREATED"));
    }

    #[test]
    fn names_of_parts_are_made_such_that_rules_take_them() {
        assert_eq!(
            with_names("/a/{booking-uid}/{+name}/{7}/{a}.{b}/{rest*}"),
            "/a/{booking_uid}/{name}/{x7}/{a___b}/{rest*}"
        );
        assert_eq!(with_names("/{id}/{id}.ics"), "/{id}/{id_}.ics");
    }
}
