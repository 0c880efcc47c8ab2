//! What an erasure keeps on the disk while it is under way: `erasure.json` in the data directory, for its owner alone.
//! It names the person, as the log still does then, so that the next start can go on; it is removed when nothing is
//! left of him.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// An erasure under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Underway {
    /// Addresses, ids and names of the person.
    pub(super) subject: Vec<String>,
    /// Who has confirmed it.
    pub(super) by: String,
    /// Who has confirmed it after him, where that is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) approved_by: Option<String>,
}

impl Underway {
    /// Writes it, whole or not at all, and waits until it is on the disk.
    pub(super) fn write(&self, data_dir: &Path) -> io::Result<()> {
        let fresh = data_dir.join(format!("{FILE}.new"));
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
        file.write_all(&serde_json::to_vec(self)?)?;
        file.sync_all()?;
        fs::rename(&fresh, data_dir.join(FILE))?;
        File::open(data_dir)?.sync_all()
    }

    /// The one that was not finished; `None` when there is none.
    pub(super) fn read(data_dir: &Path) -> io::Result<Option<Underway>> {
        match fs::read(data_dir.join(FILE)) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            read => Ok(Some(serde_json::from_slice(&read?)?)),
        }
    }

    /// Removes it, and what a crash has left of writing one.
    pub(super) fn forget(data_dir: &Path) -> io::Result<()> {
        for name in [FILE.to_owned(), format!("{FILE}.new")] {
            match fs::remove_file(data_dir.join(name)) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                Ok(()) | Err(_) => {}
            }
        }
        File::open(data_dir)?.sync_all()
    }
}

const FILE: &str = "erasure.json";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_erasure_under_way_is_found_by_the_next_start_and_leaves_no_trace() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Underway::read(folder.path()).unwrap(), None);
        Underway::forget(folder.path()).unwrap();
        let underway = Underway {
            subject: vec!["anna@example.org".to_owned()],
            by: "ops".to_owned(),
            approved_by: None,
        };
        underway.write(folder.path()).unwrap();
        assert_eq!(Underway::read(folder.path()).unwrap(), Some(underway));
        fs::write(folder.path().join("erasure.json.new"), "anna").unwrap();
        Underway::forget(folder.path()).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        fs::write(folder.path().join(FILE), "{").unwrap();
        assert!(Underway::read(folder.path()).is_err());
    }
}
