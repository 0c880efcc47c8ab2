//! `signing_key_file` and `checkpoints`: with which key the log's size and root are signed, and where these statements
//! are kept besides. They are worth something only where who can change the data cannot change them.

use std::path::{Path, PathBuf};

use http::Uri;

use crate::yaml::Problems;

use super::check::resolved;
use super::settings::Settings;

/// Where checkpoints are kept, beside the data directory itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checkpoints {
    /// Files that each is written to the end of.
    pub files: Vec<PathBuf>,
    /// Addresses, `http` or `https`, that each is sent to.
    pub webhooks: Vec<Uri>,
}

/// The key that signs; never inside the data directory (THREATS S03).
pub(super) fn signing_key_file(
    settings: &Settings,
    data_dir: &Path,
    key_file: Option<&Path>,
    problems: &mut Problems,
) -> Option<PathBuf> {
    let Some(setting) = settings.get("signing_key_file", problems) else {
        return key_file.map(|key_file| key_file.with_extension("signing-key"));
    };
    let cure = "name a file outside the data directory; it is made if it is not there";
    let path = setting.path(setting.text(problems, cure)?);
    if resolved(&path).starts_with(resolved(data_dir)) {
        problems
            .error("C03", setting.source, setting.node.span, "`signing_key_file` lies inside `data_dir`")
            .cure("put it elsewhere, so that who changes the data cannot sign it anew");
    } else if path.is_dir() {
        setting.wrong(problems, "is a folder", cure);
    }
    Some(path)
}

/// Where checkpoints are kept.
pub(super) fn checkpoints(settings: &Settings, data_dir: &Path, problems: &mut Problems) -> Checkpoints {
    let files = files_outside(settings, "checkpoints.files", data_dir, problems);
    let mut checkpoints = Checkpoints { files, ..Checkpoints::default() };
    let cure = "write addresses such as `https://audit.example.org/checkpoints`";
    if let Some(setting) = settings.get("checkpoints.webhooks", problems) {
        for item in setting.items(&[',', ' '], problems, cure) {
            let uri = item.text.parse::<Uri>().ok();
            let is_web = |uri: &Uri| matches!(uri.scheme_str(), Some("http" | "https"));
            match uri.filter(|uri| is_web(uri) && uri.host().is_some_and(|host| !host.is_empty())) {
                Some(uri) => checkpoints.webhooks.push(uri),
                None => setting.wrong_at(item.span, problems, "holds something that is no web address", cure),
            }
        }
    }
    checkpoints
}

/// Files that are to outlive the data directory.
pub(super) fn files_outside(
    settings: &Settings,
    key: &str,
    data_dir: &Path,
    problems: &mut Problems,
) -> Vec<PathBuf> {
    let cure = "name files outside the data directory, on another machine's disk if you can";
    let Some(setting) = settings.get(key, problems) else { return Vec::new() };
    let mut files = Vec::new();
    for item in setting.items(&[','], problems, cure) {
        let path = setting.path(&item.text);
        if resolved(&path).starts_with(resolved(data_dir)) {
            setting.wrong_at(item.span, problems, "names a file inside `data_dir`", cure);
        } else if path.is_dir() {
            setting.wrong_at(item.span, problems, "names a folder", cure);
        }
        files.push(path);
    }
    files
}
