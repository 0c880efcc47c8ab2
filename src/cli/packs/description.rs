//! The description of an application, as it lies in a file.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::rules::described::Description;
use crate::yaml::{self, Problems, Source};

/// The description in a file; JSON is tried first, because it is what large ones are written in.
///
/// # Errors
/// When the file cannot be read, is too large or no description.
pub(super) fn describe(path: &Path) -> Result<Description> {
    let name = path.display();
    let size = fs::metadata(path).with_context(|| format!("{name} cannot be read"))?.len();
    if size > DESCRIPTION_BYTES_MAX {
        bail!("{name} is larger than 32 MiB");
    }
    let text = fs::read_to_string(path).with_context(|| format!("{name} cannot be read"))?;
    let document = match serde_json::from_str(&text) {
        Ok(document) => document,
        Err(_) => {
            let mut problems = Problems::default();
            let node = yaml::parse(&Source::new(name.to_string(), text), &mut problems);
            match node.filter(|_| problems.error_count() == 0) {
                Some(node) => node.to_json(),
                None => bail!("{name} is neither JSON nor YAML:\n{}", problems.render()),
            }
        }
    };
    Description::read(&document).with_context(|| {
        format!("{name} has no `paths`: it is no OpenAPI description, and no discovery document either")
    })
}

const DESCRIPTION_BYTES_MAX: u64 = 32 << 20;
