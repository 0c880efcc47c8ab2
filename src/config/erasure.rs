//! `erasure`: what an erasure of a person's values needs beside somebody who wants it.

use std::path::{Path, PathBuf};

use crate::yaml::Problems;

use super::checkpoints::files_outside;
use super::settings::Settings;

/// What an erasure needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Erasure {
    /// Whether a second person must confirm it.
    pub approval: Approval,
    /// Files elsewhere in which it is listed what was erased, so that a restored backup does not bring it back.
    pub files: Vec<PathBuf>,
}

/// Whether a second person must confirm an erasure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Approval {
    /// Whoever has looked at its plan has it carried out.
    #[default]
    None,
    /// Two who may erase must confirm the same plan.
    Required,
}

/// The section, with whatever of it is sound.
pub(super) fn erasure(settings: &Settings, data_dir: &Path, problems: &mut Problems) -> Erasure {
    let files = files_outside(settings, "erasure.files", data_dir, problems);
    Erasure { approval: approval(settings, problems).unwrap_or_default(), files }
}

fn approval(settings: &Settings, problems: &mut Problems) -> Option<Approval> {
    let setting = settings.get("erasure.approval", problems)?;
    let cure = "write `required`, and a second operator must confirm each erasure; or `none`";
    match setting.text(problems, cure)? {
        "none" => Some(Approval::None),
        "required" => Some(Approval::Required),
        _ => {
            setting.wrong(problems, "is neither `required` nor `none`", cure);
            None
        }
    }
}

/// The keys of the section.
pub(super) const KEYS: [&str; 2] = ["approval", "files"];
