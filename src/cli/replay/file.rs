//! Opens a file of traffic, whichever kind it is.

use std::fs;
use std::io::{Read, Write};
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::cli::visible;
use crate::config::Limits;
use crate::traffic::{Traffic, curl, har};

/// The exchanges of a HAR or of what `curl -v` printed; `-` is standard input. What is odd about the file
/// goes to standard error.
///
/// # Errors
/// When it cannot be read, is too large, or is neither.
pub(in crate::cli) fn open(path: &Path, limits: &Limits) -> Result<Traffic> {
    let name = if path == Path::new("-") { "standard input".to_owned() } else { path.display().to_string() };
    let bytes = bytes_of(path).with_context(|| format!("{name} cannot be read"))?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        bail!("{name} is larger than 512 MiB: split it");
    }
    // A terminal's copy of a dump may hold anything; a HAR is UTF-8 or broken.
    let text = String::from_utf8_lossy(&bytes);
    let is_har = text.trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n']).starts_with(['{', '[']);
    let read = if is_har {
        har::read(&text, limits.capture_bytes_max)
    } else {
        curl::read(&text, limits.capture_bytes_max)
    };
    let kind = if is_har { "HAR" } else { "dump of `curl -v`" };
    let traffic = match read {
        Ok(traffic) => traffic,
        Err(error) => bail!("{name} cannot be read as a {kind}: {}", visible(&error.to_string())),
    };
    let mut out = std::io::stderr();
    if traffic.is_cut {
        writeln!(out, "{name} ends in the middle: the {} exchanges before are used", traffic.entries.len())?;
    }
    if traffic.skipped > 0 {
        writeln!(out, "{name}: {} entries are no HTTP exchanges and are left out", traffic.skipped)?;
    }
    Ok(traffic)
}

/// One byte more than is accepted is read.
fn bytes_of(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if path == Path::new("-") {
        std::io::stdin().take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    } else {
        fs::File::open(path)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

const FILE_BYTES_MAX: u64 = 512 << 20;
