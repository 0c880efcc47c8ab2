//! The file of the key that signs: one line, as the note package of Go writes private keys,
//! `PRIVATE+KEY+<name>+<id>+<key>`. It lives outside the data directory, for its owner alone (THREATS S03): who has the
//! data cannot sign what he made of it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::note::Signer;
use crate::store::hex;

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyFault {
    /// The file cannot be read or made.
    #[error("the signing key {} cannot be used: {why}", .path.display())]
    Io {
        /// Where.
        path: PathBuf,
        /// The system's words.
        why: String,
    },
    /// Others may read it.
    #[error("the signing key {} may be read by others: chmod 600 it", .0.display())]
    Open(PathBuf),
    /// It holds something else.
    #[error("{} holds no signing key", .0.display())]
    None(PathBuf),
    /// It is the key of another log.
    #[error("{} is not the signing key of this log, {name}", .path.display())]
    Other {
        /// Where.
        path: PathBuf,
        /// Whose key it should be.
        name: String,
    },
}

/// Reads the key of the log of this name, or makes it when there is none yet.
///
/// # Errors
/// When the file cannot be read or made, holds something else, or is open to other users.
pub fn load_or_create(path: &Path, name: &str) -> Result<Signer, KeyFault> {
    match existing(path, name)? {
        Some(signer) => Ok(signer),
        None => replace(path, name, |_| Ok(())),
    }
}

fn existing(path: &Path, name: &str) -> Result<Option<Signer>, KeyFault> {
    let other = || KeyFault::Other { path: path.to_owned(), name: name.to_owned() };
    let signer = any(path)?;
    match signer.as_ref().is_none_or(|signer| signer.verifier().name() == name) {
        true => Ok(signer),
        false => Err(other()),
    }
}

/// The key of whatever log it is, where there is one.
///
/// # Errors
/// When the file cannot be read, holds something else, or is open to other users.
pub fn any(path: &Path) -> Result<Option<Signer>, KeyFault> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io_fault(path, &error)),
    };
    let mode = file.metadata().map_err(|error| io_fault(path, &error))?.mode();
    if mode & 0o077 != 0 {
        return Err(KeyFault::Open(path.to_owned()));
    }
    let mut text = String::new();
    file.take(KEY_BYTES_MAX).read_to_string(&mut text).map_err(|error| io_fault(path, &error))?;
    let none = || KeyFault::None(path.to_owned());
    parse(text.trim_end_matches('\n')).map(Some).ok_or_else(none)
}

/// Makes a new key in the place of the one that may be there. `tell` hears of it before it takes the place.
///
/// # Errors
/// When it cannot be written, or `tell` refuses.
pub fn replace(
    path: &Path,
    name: &str,
    tell: impl FnOnce(&Signer) -> io::Result<()>,
) -> Result<Signer, KeyFault> {
    write(path, name, tell).map_err(|error| io_fault(path, &error))
}

fn write(path: &Path, name: &str, tell: impl FnOnce(&Signer) -> io::Result<()>) -> io::Result<Signer> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|error| io::Error::other(error.to_string()))?;
    let signer = Signer::new(name, &seed).ok_or_else(|| io::Error::other("the log's name is none"))?;
    let key = STANDARD.encode([&[1], &seed[..]].concat());
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    // Written whole under another name first: a crash must not leave half a key under this one.
    let mut fresh = path.as_os_str().to_owned();
    fresh.push(format!(".new-{}", std::process::id()));
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
    writeln!(file, "{PREFIX}{name}+{}+{key}", hex(&signer.verifier().id()))?;
    file.sync_all()?;
    tell(&signer)?;
    fs::rename(&fresh, path)?;
    File::open(folder)?.sync_all()?;
    Ok(signer)
}

fn parse(text: &str) -> Option<Signer> {
    let (name, rest) = text.strip_prefix(PREFIX)?.split_once('+')?;
    let (id, key) = rest.split_once('+')?;
    let key = STANDARD.decode(key).ok()?;
    let signer = Signer::new(name, key.strip_prefix(&[1])?.try_into().ok()?)?;
    (id == hex(&signer.verifier().id())).then_some(signer)
}

fn io_fault(path: &Path, error: &io::Error) -> KeyFault {
    KeyFault::Io { path: path.to_owned(), why: error.to_string() }
}

const PREFIX: &str = "PRIVATE+KEY+";
const KEY_BYTES_MAX: u64 = 1_024;

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    // THREATS S03
    #[test]
    fn the_key_is_made_once_for_its_owner_alone_and_belongs_to_one_log() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys/signing");
        assert!(existing(&path, "log").unwrap().is_none());
        let first = load_or_create(&path, "log").unwrap();
        let verifier = |signer: &Signer| signer.verifier().text();
        assert_eq!(verifier(&load_or_create(&path, "log").unwrap()), verifier(&first));
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert!(matches!(existing(&path, "other"), Err(KeyFault::Other { .. })));
        assert_ne!(verifier(&replace(&path, "log", |_| Ok(())).unwrap()), verifier(&first));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(existing(&path, "log"), Err(KeyFault::Open(_))));
        fs::write(&path, "PRIVATE+KEY+log+00000000+AQ==").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert!(matches!(load_or_create(&path, "log"), Err(KeyFault::None(_))), "never written over");
    }
}
