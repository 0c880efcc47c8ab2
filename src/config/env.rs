//! Settings from the environment: every key as `EARWITNESS_` and its path in capitals.
//!
//! What is wrong here is told like what is wrong in a file: the variables, one a line, are the text of a
//! source named `environment`. That text is made for the eye: a secret, and whatever a variable holds that we
//! do not know, stands there masked.

use std::sync::Arc;

use crate::yaml::{Node, Problems, Source, Span, Yaml, nearest};

use super::mask::mask_userinfo;
use super::tls::is_pem;

/// The process's variables that are text; `std::env::vars` panics at one that is not.
pub fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

/// The variables that are settings, and how they are shown.
pub(super) struct Environment {
    /// The `NAME=value` lines.
    pub(super) source: Arc<Source>,
    settings: Vec<(String, Node)>,
}

impl Environment {
    /// Picks our variables; those that name no setting are problems. `keys` are all keys, dotted.
    pub(super) fn read(
        variables: impl IntoIterator<Item = (String, String)>,
        keys: &[String],
        problems: &mut Problems,
    ) -> Environment {
        let mut ours: Vec<(String, String)> = variables
            .into_iter()
            .filter(|(name, _)| name.starts_with(PREFIX) && !NOT_SETTINGS.contains(&name.as_str()))
            .collect();
        ours.sort();
        let (mut text, mut settings, mut unknown) = (String::new(), Vec::new(), Vec::new());
        for (name, value) in ours {
            let key = keys.iter().find(|key| variable(key) == name);
            let at = text.len();
            let value_at = at + name.len() + 1;
            text.push_str(&format!("{name}={}\n", shown(key.map(String::as_str), &value)));
            match key {
                Some(key) => {
                    let span = Span { start: value_at, end: text.len() - 1 };
                    settings.push((key.clone(), Node { value: Yaml::Text(value), span }));
                }
                None => unknown.push((name, Span { start: at, end: value_at - 1 })),
            }
        }
        let source = Source::new("environment", text);
        for (name, span) in unknown {
            report_unknown(&name, span, keys, &source, problems);
        }
        Environment { source, settings }
    }

    /// The setting of that dotted key.
    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        self.settings.iter().find(|(name, _)| name == key).map(|(_, node)| node)
    }
}

/// The variable for a dotted key: `EARWITNESS_ADMIN_LISTEN`.
pub(super) fn variable(key: &str) -> String {
    format!("{PREFIX}{}", key.replace('.', "_").to_uppercase())
}

fn report_unknown(name: &str, span: Span, keys: &[String], source: &Arc<Source>, problems: &mut Problems) {
    let variables: Vec<String> = keys.iter().map(|key| variable(key)).collect();
    let cure = match nearest_variable(name, &variables) {
        Some(variable) => format!("did you mean `{variable}`?"),
        None => "unset it; docs/configuration.md lists all variables".to_owned(),
    };
    problems.error("E02", source, span, format!("`{name}` is not a setting")).cure(cure);
}

/// Compared without the prefix, which would make everything look alike.
fn nearest_variable<'a>(name: &str, variables: &'a [String]) -> Option<&'a String> {
    let bare = |name: &'a str| name.strip_prefix(PREFIX).unwrap_or(name);
    let wanted = name.strip_prefix(PREFIX).unwrap_or(name);
    let found = nearest(wanted, variables.iter().map(|variable| bare(variable)))?;
    variables.iter().find(|variable| bare(variable) == found)
}

/// A value as it may be shown: on one line, not too long, and nothing that is or could be a secret.
fn shown(key: Option<&str>, value: &str) -> String {
    match key {
        None | Some("admin.token") => "********".to_owned(),
        Some(_) if is_pem(value) => "********".to_owned(),
        Some(_) => {
            let line = value.chars().take(SHOWN_CHARS_MAX);
            mask_userinfo(&line.map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect::<String>())
        }
    }
}

const PREFIX: &str = "EARWITNESS_";
/// Read by the command line itself, before there is a configuration.
const NOT_SETTINGS: [&str; 2] = ["EARWITNESS_CONFIG", "EARWITNESS_LOG"];
const SHOWN_CHARS_MAX: usize = 500;
