//! Files that hold the log and its secret: who can use them, and whether there is room.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use super::Finding;
use crate::config::Config;

/// Looks at `data_dir` and `key_file`.
pub(super) fn look(config: &Config) -> Vec<Finding> {
    let data = config.data_dir.as_path();
    if !data.exists() {
        return vec![Finding::look(
            "data_dir",
            format!("{} is not there yet", data.display()),
            "start Earwitness once",
        )];
    }
    vec![owned("data_dir", data), space(data), key(&config.key_file, data)]
}

fn owned(what: &'static str, path: &Path) -> Finding {
    match fs::metadata(path) {
        Err(error) => {
            Finding::bad(what, format!("{}: {error}", path.display()), "run this as the user of Earwitness")
        }
        Ok(data) if data.permissions().mode() & 0o077 != 0 => {
            let found = format!("{} can be used by others (mode {:o})", path.display(), data.mode() & 0o777);
            Finding::bad(what, found, format!("chmod go= {}", path.display()))
        }
        Ok(_) => Finding::ok(what, format!("{} is its owner's alone", path.display())),
    }
}

fn key(path: &Path, data: &Path) -> Finding {
    const WHAT: &str = "key_file";
    let real = |path: &Path| fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    if !path.exists() {
        return Finding::look(WHAT, format!("{} is not there yet", path.display()), "start Earwitness once");
    }
    if real(path).starts_with(real(data)) {
        let found = "it lies in the data directory: who copies that can try secrets against their hashes";
        return Finding::bad(WHAT, found, "move it elsewhere, and set `key_file`");
    }
    owned(WHAT, path)
}

fn space(path: &Path) -> Finding {
    const WHAT: &str = "disk";
    let asked = fs2::available_space(path).and_then(|free| Ok((free, fs2::total_space(path)?)));
    match asked {
        Err(error) => Finding::look(WHAT, format!("its free space is not known: {error}"), "look yourself"),
        Ok((free, total)) => {
            let found = format!("{} MiB free of {} MiB", free >> 20, total >> 20);
            // At 80 % somebody should know (THREATS E44).
            match free {
                _ if free < FREE_BYTES_MIN => {
                    Finding::bad(WHAT, found, "make room: soon nothing can be recorded")
                }
                _ if free < total / 5 => {
                    Finding::look(WHAT, found, "make room, or give `data_dir` a larger disk")
                }
                _ => Finding::ok(WHAT, found),
            }
        }
    }
}

/// Less than a few segments of the journal.
const FREE_BYTES_MIN: u64 = 256 << 20;

#[cfg(test)]
mod tests {
    use std::fs::Permissions;

    use super::super::State;
    use super::*;

    #[test]
    fn files_that_others_can_use_and_a_key_beside_the_data_are_bad() {
        let folder = tempfile::tempdir().unwrap();
        let (data, inside, outside) =
            (folder.path().join("data"), folder.path().join("data/key"), folder.path().join("key"));
        fs::create_dir(&data).unwrap();
        for path in [&inside, &outside] {
            fs::write(path, "k").unwrap();
        }
        let check = |path: &Path, mode: u32, expected: State| {
            fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
            assert_eq!(owned("data_dir", path).state, expected, "{mode:o}");
        };
        check(&data, 0o700, State::Ok);
        check(&data, 0o750, State::Bad);
        check(&outside, 0o644, State::Bad);
        check(&outside, 0o600, State::Ok);
        assert_eq!(key(&outside, &data).state, State::Ok);
        assert_eq!(key(&inside, &data).state, State::Bad);
        assert_eq!(key(&folder.path().join("none"), &data).state, State::Look);
        assert_eq!(owned("data_dir", &folder.path().join("none")).state, State::Bad);
    }
}
