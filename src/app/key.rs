//! The installation's secret: 32 random bytes for keyed hashes, made at the first start.
//!
//! It lives outside the data directory, so that a copied data directory can reverse no hash.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use anyhow::{Context, Result, bail};

/// Reads the key, or makes it when there is none yet.
///
/// # Errors
/// When the file cannot be read or made, holds something else, or is open to other users.
pub(super) fn load_or_create(path: &Path) -> Result<[u8; 32]> {
    match create(path) {
        Ok(key) => Ok(key),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => load(path),
        Err(error) => Err(error).with_context(|| format!("the key file {} cannot be made", path.display())),
    }
}

/// The key where there is one already. Who only reads makes none: nothing that is there would be sealed with it.
///
/// # Errors
/// As [`load_or_create`].
pub(super) fn existing(path: &Path) -> Result<Option<[u8; 32]>> {
    path.exists().then(|| load(path)).transpose()
}

fn create(path: &Path) -> std::io::Result<[u8; 32]> {
    if path.exists() {
        return Err(ErrorKind::AlreadyExists.into());
    }
    let mut key = [0; 32];
    getrandom::fill(&mut key).map_err(|error| std::io::Error::other(error.to_string()))?;
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)?;
    }
    // Written whole under another name first: a crash must not leave half a key under this one.
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let fresh = path.with_extension(format!("new-{}", std::process::id()));
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
    file.write_all(&key)?;
    file.sync_all()?;
    // A link decides between two processes that start at once; the loser reads.
    let linked = std::fs::hard_link(&fresh, path);
    std::fs::remove_file(&fresh)?;
    linked?;
    File::open(folder)?.sync_all()?;
    Ok(key)
}

fn load(path: &Path) -> Result<[u8; 32]> {
    let file = File::open(path).with_context(|| format!("the key file {} cannot be read", path.display()))?;
    let mode = file.metadata()?.mode();
    if mode & 0o077 != 0 {
        bail!("the key file {} may be read by others: chmod 600 it", path.display());
    }
    let mut key = Vec::with_capacity(33);
    file.take(33).read_to_end(&mut key)?;
    let length = key.len();
    key.try_into()
        .map_err(|_| anyhow::anyhow!("the key file {} holds {length} bytes instead of 32", path.display()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_key_is_made_once_and_kept_from_other_users() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys/earwitness.key");
        let first = load_or_create(&path).unwrap();
        assert_eq!(load_or_create(&path).unwrap(), first);
        assert_ne!(first, [0; 32]);
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_key_that_others_may_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("earwitness.key");
        load_or_create(&path).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(load_or_create(&path).unwrap_err().to_string().contains("chmod 600"));
    }

    #[test]
    fn a_key_of_another_length_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("earwitness.key");
        std::fs::write(&path, [7; 31]).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert!(load_or_create(&path).unwrap_err().to_string().contains("31 bytes"));
    }
}
