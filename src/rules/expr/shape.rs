//! What the fixed parts of the document look like, so that a path which can never find anything, and a
//! test which can never hold, is an error at load and not a field that is silently missing.

use super::compile::Flaw;
use super::path::Path;
use super::reach::{Reach, ReachStep};
use super::scope::Root;
use super::test::Test;
use crate::value::Value;

/// E23 for a way that leads nowhere.
pub(super) fn refuse_dead_end(root: Root, steps: &[ReachStep]) -> Result<(), Flaw> {
    let (first, below) = match steps {
        [ReachStep::Name(first), below @ ..] => (first.as_str(), below),
        _ => ("", steps),
    };
    match (root, first) {
        (Root::Request | Root::Response | Root::Answer, "headers") => header(below),
        (Root::Request | Root::Response, "cookies") => cookie(root, below),
        (Root::Request, "query") => parameter(below),
        (Root::Client, "certificate") => certificate(below),
        (Root::Response, "stream") => stream(below),
        (Root::Path | Root::Client | Root::Request | Root::Response | Root::Credential, _)
            if is_plain(root, first) && !below.is_empty() =>
        {
            plain(root, first)
        }
        (Root::Result | Root::BeforeState, _) if !steps.is_empty() => plain(root, ""),
        (_, _) => Ok(()),
    }
}

/// E23 for a test on a word out of a fixed list that is none of them.
pub(super) fn refuse_unknown_word(path: &Path, test: &Test) -> Result<(), Flaw> {
    let [Reach { root, steps, .. }] = path.reaches() else { return Ok(()) };
    let place = match steps.as_slice() {
        [] => String::new(),
        [ReachStep::Name(first)] => first.clone(),
        [ReachStep::Name(first), ReachStep::Name(second)] => format!("{first}.{second}"),
        _ => return Ok(()),
    };
    let Some((_, words)) = WORDS.iter().find(|((of, name), _)| of == root && *name == place) else {
        return Ok(());
    };
    let mut unknown = None;
    test.visit_literals(&mut |value| {
        if !matches!(value, Value::String(word) if words.contains(&word.as_str())) {
            unknown = Some(value.clone());
        }
    });
    let Some(value) = unknown else { return Ok(()) };
    let flaw = Flaw::whole("E23", format!("never holds: `{}` is never {value}", path.text));
    let near = value.as_str().and_then(|text| crate::yaml::nearest(text, words.iter().copied()));
    Err(match near {
        Some(near) => flaw.cure(format!("did you mean `{near}`?")),
        None => flaw.cure(format!("it is one of {}", words.join(", "))),
    })
}

fn header(below: &[ReachStep]) -> Result<(), Flaw> {
    match below {
        [ReachStep::Name(name), ..] if name.chars().any(char::is_uppercase) => {
            let flaw = Flaw::word("E23", name, format!("never matches: no header is named `{name}` here"));
            Err(flaw.cure(format!("names of headers are in lower case: `{}`", name.to_lowercase())))
        }
        [_, below, ..] => Err(nothing_below(below, "a header is text")),
        [_] | [] => Ok(()),
    }
}

fn cookie(root: Root, below: &[ReachStep]) -> Result<(), Flaw> {
    match below {
        [ReachStep::Name(name), ..] => {
            let flaw = Flaw::word("E23", name, "never matches: cookies are a list of names");
            let test = format!("test the names: `$.{}.cookies[*].name`", root.name());
            Err(flaw.cure(test))
        }
        [_, ReachStep::Name(name), ..] if name != "name" => {
            let flaw = Flaw::word("E23", name, "never matches: of a cookie only the name is kept");
            Err(flaw.cure("test `name`, or `$.credential.hash`"))
        }
        _ => Ok(()),
    }
}

fn parameter(below: &[ReachStep]) -> Result<(), Flaw> {
    match below {
        [ReachStep::Name(_), ReachStep::Name(name), ..] => {
            let step = ReachStep::Name(name.clone());
            Err(nothing_below(&step, "a parameter is text, or a list where it is given twice"))
        }
        _ => Ok(()),
    }
}

fn certificate(below: &[ReachStep]) -> Result<(), Flaw> {
    match below {
        [ReachStep::Name(name), ..] if !CERTIFICATE.contains(&name.as_str()) => {
            let flaw = Flaw::word("E23", name, format!("never matches: a certificate has no `{name}` here"));
            Err(match crate::yaml::nearest(name, CERTIFICATE) {
                Some(near) => flaw.cure(format!("did you mean `{near}`?")),
                None => flaw.cure(format!("known are {}", CERTIFICATE.join(", "))),
            })
        }
        [_, below, ..] => Err(nothing_below(below, "what a certificate says is text")),
        [_] | [] => Ok(()),
    }
}

fn stream(below: &[ReachStep]) -> Result<(), Flaw> {
    match below {
        [ReachStep::Name(name), ..] if !STREAM.contains(&name.as_str()) => {
            let flaw = Flaw::word("E23", name, format!("never matches: a stream has no `{name}`"));
            Err(match crate::yaml::nearest(name, STREAM) {
                Some(near) => flaw.cure(format!("did you mean `{near}`?")),
                None => flaw.cure(format!("known are {}", STREAM.join(", "))),
            })
        }
        [_, below, ..] => Err(nothing_below(below, "it is one value")),
        [_] | [] => Ok(()),
    }
}

fn is_plain(root: Root, first: &str) -> bool {
    root == Root::Path && !first.is_empty() || PLAIN.contains(&(root, first))
}

fn plain(root: Root, first: &str) -> Result<(), Flaw> {
    let name = if first.is_empty() { root.name().to_owned() } else { format!("{}.{first}", root.name()) };
    let flaw = Flaw::whole("E23", format!("never matches: `{name}` is one value, with nothing below it"));
    Err(flaw.cure(format!("write `$.{name}`")))
}

fn nothing_below(step: &ReachStep, why: &str) -> Flaw {
    let message = format!("never matches: {why}, with nothing below it");
    let flaw = match step {
        ReachStep::Name(name) => Flaw::word("E23", name, message),
        ReachStep::Index(_) | ReachStep::Any => Flaw::whole("E23", message),
    };
    flaw.cure("leave the rest of the path out")
}

const CERTIFICATE: [&str; 6] = ["id", "subject", "issuer", "name", "email", "keyHash"];
const STREAM: [&str; 4] = ["state", "bytesIn", "bytesOut", "durationMs"];

const PLAIN: [(Root, &str); 18] = [
    (Root::Request, "method"),
    (Root::Request, "path"),
    (Root::Request, "target"),
    (Root::Request, "scheme"),
    (Root::Request, "host"),
    (Root::Request, "operation"),
    (Root::Request, "part"),
    (Root::Request, "format"),
    (Root::Request, "bodyState"),
    (Root::Client, "ip"),
    (Root::Client, "port"),
    (Root::Client, "trusted"),
    (Root::Credential, "kind"),
    (Root::Credential, "user"),
    (Root::Credential, "hash"),
    (Root::Response, "status"),
    (Root::Response, "format"),
    (Root::Response, "bodyState"),
];

const WORDS: [((Root, &str), &[&str]); 3] = [
    ((Root::Response, "stream.state"), &["opened", "closed"]),
    ((Root::Result, ""), &["success", "failure", "denied", "unknown"]),
    ((Root::BeforeState, ""), &["none", "read", "remembered", "absent", "unavailable"]),
];
