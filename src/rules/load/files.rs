//! The files of packs: which there are, in which order, within which limits. Reads files and nothing else;
//! what stands in them is checked elsewhere.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::yaml::{self, Node, Problems, Source, Span};

/// The files of one pack, parsed.
pub(super) struct PackFiles {
    /// The folder's name, or the file's without its ending.
    pub(super) name: String,
    /// Whether it is a folder or a file of the operator's own.
    pub(super) kind: PackKind,
    /// The path prefix in front of its application; empty for none.
    pub(super) base: String,
    /// By name.
    pub(super) files: Vec<PackFile>,
    /// What the rules leave uncovered on purpose: no rule file, though it lies among them.
    pub(super) exceptions: Option<PackFile>,
}

/// Where a pack comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PackKind {
    /// A folder, which others may have written.
    Folder,
    /// A single file, named by itself: the operator's own.
    SingleFile,
}

/// One file of a pack.
pub(super) struct PackFile {
    /// Its name in the folder.
    pub(super) name: String,
    /// Name and text, for problems.
    pub(super) source: Arc<Source>,
    /// What stands in it.
    pub(super) root: Node,
}

impl PackFile {
    /// True for the file that holds what the others share.
    pub(super) fn is_shared(&self, kind: PackKind) -> bool {
        kind == PackKind::SingleFile || matches!(&*self.name, "pack.yaml" | "pack.yml")
    }
}

impl PackFiles {
    /// A pack of these files.
    pub(super) fn new(name: String, kind: PackKind, mut files: Vec<PackFile>) -> PackFiles {
        let is_exceptions = |file: &PackFile| matches!(&*file.name, "coverage.yaml" | "coverage.yml");
        let at = files.iter().position(|file| kind == PackKind::Folder && is_exceptions(file));
        let exceptions = at.map(|at| files.remove(at));
        PackFiles { name, kind, base: String::new(), files, exceptions }
    }

    /// SHA-256 of what the files mean, file by file, without comments and order of keys.
    pub(super) fn version(&self) -> String {
        let files = self.files.iter();
        digest(&files.map(|file| (file.name.clone(), file.root.to_json())).collect::<Map<_, _>>().into())
    }

    /// Where the files lie.
    pub(super) fn paths(&self) -> Vec<String> {
        self.files.iter().map(|file| file.source.name.clone()).collect()
    }
}

/// SHA-256 (hex) of a document, whatever the order of its members.
pub(super) fn digest(document: &Value) -> String {
    // `Map` keeps its members sorted.
    let canonical = document.to_string();
    Sha256::digest(canonical).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The same of a rule and the `defaults` around it. Its tests do not change what it does.
pub(super) fn digest_of_rule(node: &Node, defaults: &[(&Node, &Arc<Source>)]) -> String {
    let mut own = node.to_json();
    own.as_object_mut().and_then(|members| members.remove("tests"));
    let defaults = defaults.iter().map(|(node, _)| node.to_json());
    digest(&std::iter::once(own).chain(defaults).collect())
}

/// The packs at a path: a file, a folder of files, or a folder of such folders.
pub(super) fn read(path: &Path, problems: &mut Problems) -> Vec<PackFiles> {
    if path.is_file() {
        return read_pack(path, PackKind::SingleFile, &[path.to_owned()], problems).into_iter().collect();
    }
    let Some(entries) = list(path, problems) else { return Vec::new() };
    let files: Vec<PathBuf> = entries.iter().filter(|entry| is_rule_file(entry)).cloned().collect();
    if !files.is_empty() {
        return read_pack(path, PackKind::Folder, &files, problems).into_iter().collect();
    }
    let mut packs = Vec::new();
    for folder in entries.iter().filter(|entry| entry.is_dir()).take(PACKS_MAX) {
        let files: Vec<PathBuf> = list(folder, problems)
            .unwrap_or_default()
            .into_iter()
            .filter(|file| is_rule_file(file))
            .collect();
        if !files.is_empty() {
            packs.extend(read_pack(folder, PackKind::Folder, &files, problems));
        }
    }
    if packs.is_empty() && problems.error_count() == 0 {
        refuse(path, "there are no rule files (*.yaml) here", problems);
    }
    packs
}

fn read_pack(path: &Path, kind: PackKind, files: &[PathBuf], problems: &mut Problems) -> Option<PackFiles> {
    let absolute = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let name = match kind {
        PackKind::Folder => absolute.file_name(),
        PackKind::SingleFile => absolute.file_stem(),
    };
    let name = name.map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if files.len() > FILES_MAX {
        let place = Source::new(path.display().to_string(), "");
        let message = format!("{} files in one pack; the limit is {FILES_MAX}", files.len());
        problems.error("E22", &place, Span::default(), message).cure("join some of them, or make two packs");
        return None;
    }
    let mut parsed = Vec::new();
    for file in files {
        // A link that leads out of a pack's folder would make its author read what the operator may read.
        let leads_out = file.canonicalize().is_ok_and(|real| !real.starts_with(&absolute));
        if kind == PackKind::Folder && leads_out {
            refuse(file, "this link leads out of the pack's folder", problems);
            continue;
        }
        parsed.extend(read_file(file, problems));
    }
    Some(PackFiles::new(name, kind, parsed))
}

/// One file of YAML.
pub(super) fn read_file(path: &Path, problems: &mut Problems) -> Option<PackFile> {
    let size = fs::metadata(path).map(|facts| facts.len());
    let text = match size {
        Ok(size) if size > FILE_BYTES_MAX => {
            let place = Source::new(path.display().to_string(), "");
            let message = "the file is larger than 1 MiB";
            problems.error("E22", &place, Span::default(), message).cure("split it");
            return None;
        }
        Ok(_) => fs::read(path),
        Err(error) => Err(error),
    };
    let text = match text.map(String::from_utf8) {
        Ok(Ok(text)) => text,
        Ok(Err(_)) => {
            refuse(path, "the file is not UTF-8", problems);
            return None;
        }
        Err(error) => {
            refuse(path, &format!("cannot be read: {error}"), problems);
            return None;
        }
    };
    let source = Source::new(path.display().to_string(), text);
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let root = yaml::parse(&source, problems)?;
    Some(PackFile { name, source, root })
}

/// What lies in a folder, by name.
fn list(folder: &Path, problems: &mut Problems) -> Option<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).and_then(|entries| {
        entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<PathBuf>, _>>()
    });
    match entries {
        Ok(mut entries) => {
            entries.sort();
            Some(entries)
        }
        Err(error) => {
            refuse(folder, &format!("cannot be read: {error}"), problems);
            None
        }
    }
}

/// Hidden files and backups of editors are none.
fn is_rule_file(path: &Path) -> bool {
    let is_yaml = path.extension().is_some_and(|ending| ending == "yaml" || ending == "yml");
    let is_hidden = path.file_name().is_none_or(|name| name.to_string_lossy().starts_with('.'));
    is_yaml && !is_hidden && path.is_file()
}

fn refuse(path: &Path, message: &str, problems: &mut Problems) {
    let place = Source::new(path.display().to_string(), "");
    problems.error("E01", &place, Span::default(), message).cure("check the path under `rules`");
}

const FILE_BYTES_MAX: u64 = 1 << 20;
const FILES_MAX: usize = 64;
const PACKS_MAX: usize = 256;
