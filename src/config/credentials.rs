//! Service credentials: what Earwitness itself shows to the application when a rule reads with
//! `credentials: name` instead of the caller's own.
//!
//! A rule pack can name a credential and nothing more. Which secret that is, to which application it goes and
//! below which paths stands here, in the operator's own file (THREATS B05): it is sent to `upstream` and
//! nowhere else. The secret comes from a file or a variable, never from the configuration's own text.

use std::fs::File;
use std::io::Read as _;

use http::{HeaderName, HeaderValue, header};

use crate::yaml::{Node, Problems, nearest};

use super::Secret;
use super::settings::{Setting, Settings};

/// A service credential.
#[derive(Clone, Debug)]
pub struct Credential {
    /// How rules name it.
    pub name: String,
    /// Path prefixes, each a whole number of segments and without a slash at its end.
    pub paths: Vec<String>,
    /// The header that carries it.
    pub header: HeaderName,
    secret: Secret,
}

impl Credential {
    /// A credential for reads below these paths.
    pub fn new(name: &str, paths: &[&str], header: HeaderName, secret: Secret) -> Credential {
        let paths = paths.iter().map(|path| path.trim_end_matches('/').to_owned()).collect();
        Credential { name: name.to_owned(), paths, header, secret }
    }

    /// True when it is shown in the same way to the same places, and its secret is the same.
    pub(super) fn is_same(&self, other: &Credential) -> bool {
        let Credential { name, paths, header, secret } = self;
        (name, paths, header, secret.expose())
            == (&other.name, &other.paths, &other.header, other.secret.expose())
    }

    /// True when a path (without query, as it goes over the wire) lies below one of the prefixes. Paths with
    /// dot segments, in whatever encoding, are for the caller to keep out.
    pub fn reaches(&self, path: &str) -> bool {
        let is_below = |prefix: &String| {
            path.strip_prefix(prefix.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.paths.iter().any(is_below)
    }

    /// The header's value, for the one who sends it; `None` when the secret cannot stand in a header.
    pub fn value(&self) -> Option<HeaderValue> {
        let mut value = HeaderValue::from_str(self.secret.expose()).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

/// The credentials of a configuration.
pub(super) fn credentials(settings: &Settings, problems: &mut Problems) -> Vec<Credential> {
    let Some(setting) = settings.get("credentials", problems) else { return Vec::new() };
    let Some(members) = setting.node.as_map() else {
        setting.wrong(problems, &format!("is {}, not a mapping", setting.node.kind()), EXAMPLE);
        return Vec::new();
    };
    let one =
        |(key, node): &(crate::yaml::Key, Node)| credential(&key.text, node, &setting, settings, problems);
    members.iter().filter_map(one).collect()
}

fn credential(
    name: &str,
    node: &Node,
    setting: &Setting<'_>,
    settings: &Settings,
    problems: &mut Problems,
) -> Option<Credential> {
    let Some(members) = node.as_map() else {
        setting.wrong_at(
            node.span,
            problems,
            &format!("`{name}` is {}, not a mapping", node.kind()),
            EXAMPLE,
        );
        return None;
    };
    for (key, _) in members {
        if !KEYS.contains(&key.text.as_str()) {
            let cure = match nearest(&key.text, KEYS) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "known here: paths, header, file, env".to_owned(),
            };
            let message = format!("unknown key `{}` under `credentials.{name}`", key.text);
            problems.error("E02", setting.source, key.span, message).cure(cure);
        }
    }
    let (paths, header) = (paths(name, node, setting, problems), header(node, setting, problems));
    let secret = secret(name, node, setting, settings, problems)?;
    let secret = match (&header, node.member("header")) {
        // RFC 6750 section 2.1.
        (Some(_), None) => Secret::new(format!("Bearer {}", secret.expose())),
        (Some(_) | None, Some(_)) | (None, None) => secret,
    };
    if HeaderValue::from_str(secret.expose()).is_err() {
        setting.wrong_at(
            node.span,
            problems,
            &format!("`{name}` holds what no header can"),
            "one line of text",
        );
    }
    Some(Credential { name: name.to_owned(), paths: paths?, header: header?, secret })
}

fn paths(name: &str, node: &Node, setting: &Setting<'_>, problems: &mut Problems) -> Option<Vec<String>> {
    let Some(list) = node.member("paths").and_then(Node::as_list).filter(|list| !list.is_empty()) else {
        let message = format!("`credentials.{name}` has no list of `paths`");
        problems
            .error("E04", setting.source, node.span, message)
            .cure("name where it may be sent: paths: [/v2]");
        return None;
    };
    let mut paths = Vec::new();
    for item in list {
        match item.as_text().and_then(plain_path) {
            Some(path) => paths.push(path),
            None => setting.wrong_at(
                item.span,
                problems,
                "holds a path that is none",
                "write it from its slash, plainly: /v2/bookings",
            ),
        }
    }
    Some(paths)
}

/// A path of plain segments, without the slash at its end; `None` for anything that could be read in two
/// ways. `/` is the empty prefix: everywhere.
pub(super) fn plain_path(text: &str) -> Option<String> {
    let path = text.trim().trim_end_matches('/');
    let is_plain = |segment: &str| {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~@:!$&'()*+,=".contains(&byte);
        !segment.is_empty() && segment != "." && segment != ".." && segment.bytes().all(fits)
    };
    let is_root = path.is_empty() && text.trim().starts_with('/');
    let is_path = path.strip_prefix('/').is_some_and(|rest| rest.split('/').all(is_plain));
    (is_root || is_path).then(|| path.to_owned())
}

fn header(node: &Node, setting: &Setting<'_>, problems: &mut Problems) -> Option<HeaderName> {
    let Some(named) = node.member("header") else { return Some(header::AUTHORIZATION) };
    let name = named.as_text().and_then(|text| HeaderName::try_from(text.trim()).ok());
    let name = name.filter(|name| !FRAMING.contains(&name.as_str()));
    if name.is_none() {
        let cure = "write a name such as `x-api-key`, or leave it out for `Authorization: Bearer …`";
        setting.wrong_at(named.span, problems, "names a header that cannot carry it", cure);
    }
    name
}

fn secret(
    name: &str,
    node: &Node,
    setting: &Setting<'_>,
    settings: &Settings,
    problems: &mut Problems,
) -> Option<Secret> {
    let found = match (node.member("file"), node.member("env")) {
        (Some(file), None) => {
            let path = setting.path(file.as_text()?.trim());
            read(&path)
                .map_err(|error| (file, format!("the file {} cannot be read: {error}", path.display())))
        }
        (None, Some(env)) => {
            let wanted = env.as_text()?.trim();
            let found = settings.variables.iter().find(|(name, _)| name == wanted);
            found.map(|(_, value)| value.clone()).ok_or((env, format!("there is no variable {wanted}")))
        }
        (Some(_), Some(_)) | (None, None) => {
            let message = format!("`credentials.{name}` needs `file` or `env`, one of the two");
            problems.error("E04", setting.source, node.span, message).cure(EXAMPLE);
            return None;
        }
    };
    let cure = "write the secret there, on one line; its text never stands in the configuration";
    let text = match found {
        Ok(text) => text.trim().to_owned(),
        Err((at, message)) => {
            problems.error("C05", setting.source, at.span, message).cure(cure);
            return None;
        }
    };
    if text.is_empty() {
        problems
            .error("C05", setting.source, node.span, format!("the secret of `{name}` is empty"))
            .cure(cure);
        return None;
    }
    Some(Secret::new(text))
}

pub(super) fn read(path: &std::path::Path) -> std::io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(SECRET_BYTES_MAX).read_to_string(&mut text)?;
    Ok(text)
}

/// What of a `credentials` section must not be shown: all that is not one of its own keys, since it may be
/// a secret that was written there by mistake.
pub(super) fn hidden_values(section: &Node) -> Vec<&Node> {
    let Some(members) = section.as_map() else { return vec![section] };
    let mut hidden = Vec::new();
    for (_, credential) in members {
        match credential.as_map() {
            Some(members) => {
                hidden.extend(
                    members.iter().filter(|(key, _)| !KEYS.contains(&&*key.text)).map(|(_, node)| node),
                );
            }
            None => hidden.push(credential),
        }
    }
    hidden
}

const EXAMPLE: &str = "write `name: { paths: [/v2], file: audit.token }`, or `env: VARIABLE`";
const KEYS: [&str; 4] = ["paths", "header", "file", "env"];
/// Headers that say how a message is framed or where it goes.
pub(super) const FRAMING: [&str; 8] =
    ["host", "connection", "content-length", "transfer-encoding", "upgrade", "te", "trailer", "expect"];
const SECRET_BYTES_MAX: u64 = 8 << 10;
