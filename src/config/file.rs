//! Loads a configuration: the file and the environment, read, merged and checked, every problem at once.
//!
//! Nothing that is or may be a secret reaches a problem: what the excerpts show is a masked copy of the text
//! (see [`super::mask`]).

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::yaml::{Key, Node, Problems, Source, Span, Yaml, nearest, parse};

use super::bounds::BOUNDS;
use super::env::Environment;
use super::mask::mask;
use super::settings::{SECTIONS, Settings, TOP, keys};
use super::{Config, check, credentials, tls};

impl Config {
    /// The configuration of a file, if there is one, and the environment, which wins.
    ///
    /// # Errors
    /// Everything that is wrong with it, with place and cure.
    pub fn load(
        path: Option<&Path>,
        env: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Config, Problems> {
        let mut problems = Problems::default();
        let file = path.and_then(|path| read_file(path, &mut problems));
        let is_readable = file.is_some() || path.is_none();
        let variables: Vec<(String, String)> = env.into_iter().collect();
        let environment = Environment::read(variables.iter().cloned(), &keys(), &mut problems);
        let folder = path.and_then(Path::parent).map(PathBuf::from).unwrap_or_default();
        let settings = Settings { file, folder, environment, variables };
        // Without the file, what it would have said is not missing.
        let config = is_readable.then(|| check::config(&settings, &mut problems)).flatten();
        match config {
            Some(config) if problems.error_count() == 0 => Ok(config),
            Some(_) | None => Err(problems),
        }
    }
}

/// The file's text as it may be shown, and its tree; `None` when it cannot be read or is not YAML.
fn read_file(path: &Path, problems: &mut Problems) -> Option<(Arc<Source>, Node)> {
    let name = path.display().to_string();
    let text = match read_text(path) {
        Ok(text) => text,
        Err(error) => {
            let message = format!("the configuration file cannot be read: {error}");
            let source = Source::new(name, "");
            problems
                .error("C01", &source, Span::default(), message)
                .cure("check the path and its permissions");
            return None;
        }
    };
    let mut found = Problems::default();
    let root = parse(&Source::new(name.as_str(), text.as_str()), &mut found);
    let hidden = root.as_ref().map(hidden_values).unwrap_or_default();
    let source = Source::new(name, mask(&text, &hidden));
    for problem in found.iter() {
        let told = problems.error(problem.code, &source, problem.span, problem.message.as_str());
        told.cure.clone_from(&problem.cure);
    }
    let root = root?;
    refuse_unknown_keys(&root, &source, problems);
    Some((source, root))
}

/// One byte more than is accepted is read, so that `parse` sees that there is too much.
fn read_text(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(FILE_BYTES_MAX + 1).read_to_string(&mut text)?;
    Ok(text)
}

/// The token, and the values of keys that we do not know: one of those may be a mistyped `token`.
fn hidden_values(root: &Node) -> Vec<&Node> {
    let members = root.as_map().unwrap_or_default();
    let mut hidden = Vec::new();
    for (key, node) in members {
        match key.text.as_str() {
            "limits" => {}
            "credentials" => hidden.extend(credentials::hidden_values(node)),
            name if TOP.contains(&name) => {}
            name => match section(name) {
                Some((_, known)) => {
                    let is_open = |(key, node): &&(Key, Node)| {
                        let is_known = known.contains(&key.text.as_str()) && key.text != "token";
                        // Somebody may have put a key's text where its file is named.
                        is_known && !node.as_text().is_some_and(tls::is_pem)
                    };
                    let inside = node.as_map().unwrap_or_default().iter();
                    hidden.extend(inside.filter(|member| !is_open(member)).map(|(_, node)| node));
                }
                None => hidden.push(node),
            },
        }
    }
    hidden
}

/// A key that holds other keys, and these.
fn section(name: &str) -> Option<(&'static str, &'static [&'static str])> {
    SECTIONS.into_iter().find(|(known, _)| *known == name)
}

fn refuse_unknown_keys(root: &Node, source: &Arc<Source>, problems: &mut Problems) {
    let limits: Vec<&str> = BOUNDS.iter().map(|bound| bound.name).collect();
    let Some(members) = members(root, "the configuration", source, problems) else { return };
    for (key, node) in members {
        let (inside, known) = match key.text.as_str() {
            // It looks at its own members.
            "credentials" => continue,
            name if TOP.contains(&name) => continue,
            "limits" => ("limits", limits.as_slice()),
            name => match section(name) {
                Some(section) => section,
                None => {
                    unknown(key, "", &at_the_top(), source, problems);
                    continue;
                }
            },
        };
        for (key, _) in self::members(node, &format!("`{inside}`"), source, problems).unwrap_or_default() {
            if !known.contains(&key.text.as_str()) {
                unknown(key, inside, known, source, problems);
            }
        }
    }
}

/// Every key that may stand at the top.
fn at_the_top() -> Vec<&'static str> {
    let sections = SECTIONS.into_iter().map(|(name, _)| name);
    TOP.into_iter().chain(sections).chain(["credentials", "limits"]).collect()
}

/// The members of a mapping; nothing at all counts as an empty one.
fn members<'a>(
    node: &'a Node,
    name: &str,
    source: &Arc<Source>,
    problems: &mut Problems,
) -> Option<&'a [(Key, Node)]> {
    if matches!(node.value, Yaml::Null) {
        return Some(&[]);
    }
    if node.as_map().is_none() {
        let message = format!("{name} is {}, not a mapping", node.kind());
        problems.error("E03", source, node.span, message).cure("write `key: value` lines");
    }
    node.as_map()
}

fn unknown(key: &Key, inside: &str, known: &[&str], source: &Arc<Source>, problems: &mut Problems) {
    let elsewhere = keys()
        .into_iter()
        .find(|dotted| dotted == &key.text || dotted.rsplit('.').next().is_some_and(|name| name == key.text));
    let cure = match (nearest(&key.text, known.iter().copied()), elsewhere) {
        (_, Some(dotted)) if dotted.contains('.') => {
            let (parent, name) = dotted.split_once('.').unwrap_or_default();
            format!("write it under `{parent}:`, as `{name}`")
        }
        (_, Some(dotted)) => format!("`{dotted}` stands at the top, not under `{inside}`"),
        (Some(near), None) => format!("did you mean `{near}`?"),
        (None, None) => format!("known here: {}", known.join(", ")),
    };
    let place = if inside.is_empty() { String::new() } else { format!(" under `{inside}`") };
    problems.error("E02", source, key.span, format!("unknown key `{}`{place}", key.text)).cure(cure);
}

const FILE_BYTES_MAX: u64 = 1 << 20;
