//! `earwitness backup` and `restore`: the data directory copied file by file, and the copy checked.
//!
//! A log that is running is held still meanwhile: it records into its journal and changes nothing else. First
//! everything but the journal is copied, then the journal, so that nothing falls between; its last entry may be cut
//! in two by the copy, which is what opening a journal mends. A copy counts when it has been opened and its whole
//! tree computed anew; then its note is written, without which nothing is restored.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::erasure::{Repeated, repeat};
use super::key;
use super::reading::{Source, check_log, is_held};
use super::serve::runtime;
use super::witness::{RESTORED_FILE, RestoredFrom};
use crate::cli::{BackupArgs, Exit, RestoreArgs, show};
use crate::config::{Config, Limits, environment};
use crate::record::{COPY_LEAVES_OUT, COPY_LEAVES_OUT_BELOW, Log, Still};
use crate::store::{Checked, hex};
use crate::telemetry::Metrics;

/// What a backup says of itself.
#[derive(Debug, Serialize, Deserialize)]
struct Note {
    format: u32,
    /// Of this program.
    version: String,
    made: Timestamp,
    /// Sequence of the last event in it.
    events: u64,
    /// Root of the tree of them all.
    root: String,
}

/// Copies the data directory and checks the copy.
///
/// # Errors
/// When it cannot be copied, or the copy is not sound.
pub fn backup(args: &BackupArgs) -> Result<Exit> {
    let (data, key) = match &args.data_dir {
        Some(directory) => (directory.clone(), None),
        None => match Config::load(args.config.as_deref(), environment()) {
            Ok(config) => (config.data_dir, key::existing(&config.key_file)?),
            Err(problems) => {
                show(&problems)?;
                return Ok(Exit::Wrong);
            }
        },
    };
    ensure!(data.join(JOURNAL).is_dir(), "{} is no data directory", data.display());
    make_empty(&args.backup)?;
    let copied = copy_still(&data, &args.backup);
    copied.with_context(|| format!("{} cannot be copied", data.display()))?;
    let checked = open_and_check(&args.backup, key)?;
    if !checked.is_sound() {
        write!(io::stdout(), "{checked}")?;
        bail!(
            "the log is damaged, and so is this copy, which nothing will restore: keep both, and look at the log"
        );
    }
    let note = Note {
        format: FORMAT,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        made: Timestamp::now(),
        events: checked.range.map_or(0, |(newest, _)| newest),
        root: checked.root.map(|root| hex(&root)).unwrap_or_default(),
    };
    let mut file = new_file(&args.backup.join(NOTE))?;
    file.write_all(serde_json::to_string_pretty(&note)?.as_bytes())?;
    file.sync_all()?;
    File::open(&args.backup)?.sync_all()?;
    writeln!(
        io::stdout(),
        "{} events in {}, checked; root {}",
        note.events,
        args.backup.display(),
        note.root
    )?;
    Ok(Exit::Done)
}

/// Makes a data directory of a backup.
///
/// # Errors
/// When it is none, is no longer as it was made, or cannot be copied.
pub fn restore(args: &RestoreArgs) -> Result<Exit> {
    let (backup, data) = (&args.backup, &args.data_dir);
    let Some(again) = again(args)? else { return Ok(Exit::Wrong) };
    let note =
        fs::read(backup.join(NOTE)).with_context(|| format!("{} is no whole backup", backup.display()))?;
    let note: Note =
        serde_json::from_slice(&note).with_context(|| format!("{NOTE} of the backup is damaged"))?;
    ensure!(note.format <= FORMAT, "the backup was made by a newer version, {}", note.version);
    make_empty(data)?;
    copy(backup, data, &[COPY_LEAVES_OUT, &[NOTE]].concat())
        .with_context(|| format!("{} cannot be copied", backup.display()))?;
    let checked = open_and_check(data, None)?;
    if !checked.is_sound() || checked.root.map(|root| hex(&root)).as_ref() != Some(&note.root) {
        write!(io::stdout(), "{checked}")?;
        bail!(
            "the backup is no longer as it was made: it ended with event {} and root {}",
            note.events,
            note.root
        );
    }
    let erased_again = match &again {
        Again::Nothing => None,
        Again::Listed(config, lists) => Some(erase_again(data, config, lists)?),
    };
    // The next start compares the log with newer checkpoints, and is to know that this was meant.
    let left = RestoredFrom { events: note.events, root: note.root.clone(), erased_again };
    let mut file = new_file(&data.join(RESTORED_FILE))?;
    file.write_all(serde_json::to_string(&left)?.as_bytes())?;
    file.sync_all()?;
    writeln!(
        io::stdout(),
        "{} events in {}, as they were on {}; root {}",
        note.events,
        data.display(),
        note.made,
        note.root
    )?;
    match erased_again {
        Some(values) => {
            writeln!(io::stdout(), "{values} values are erased again, as the lists of erasures tell")?
        }
        None => writeln!(io::stdout(), "nothing is erased again: what was erased since is there")?,
    }
    Ok(Exit::Done)
}

/// What a restore does about what was erased since the backup.
enum Again {
    Nothing,
    /// These lists are followed.
    Listed(Box<Config>, Vec<PathBuf>),
}

/// What the arguments say; `None` when the configuration is wrong, which has been shown. A backup that brings back what was
/// erased must not pass unnoticed (THREATS P02).
fn again(args: &RestoreArgs) -> Result<Option<Again>> {
    if args.without_erasures {
        return Ok(Some(Again::Nothing));
    }
    let Some(path) = &args.config else { bail!(NO_LIST) };
    let config = match Config::load(Some(path), environment()) {
        Ok(config) => config,
        Err(problems) => {
            show(&problems)?;
            return Ok(None);
        }
    };
    let lists: Vec<PathBuf> = config.erasure.files.iter().chain(&args.erasures).cloned().collect();
    ensure!(!lists.is_empty(), NO_LIST);
    // One that was never written lists nothing; one that is elsewhere just now would.
    if let Some(missing) = lists.iter().find(|list| !list.exists()) {
        bail!(
            "the list of erasures {} is not there: bring it, or give --without-erasures",
            missing.display()
        );
    }
    Ok(Some(Again::Listed(Box::new(config), lists)))
}

/// Erases again what the lists tell, and checks the log once more.
fn erase_again(data: &Path, config: &Config, lists: &[PathBuf]) -> Result<u64> {
    let key = key::load_or_create(&config.key_file)?;
    let log = Log::open(data, Some(key), &config.limits, Metrics::new())?;
    let runtime = runtime()?;
    let repeated = repeat(&log, data, lists, runtime.handle());
    log.close(CLOSE_MAX);
    // It holds the directory.
    drop(log);
    let Repeated { values, unread } = repeated?;
    if unread > 0 {
        writeln!(
            io::stdout(),
            "{unread} lines of the lists of erasures cannot be read, and were passed over"
        )?;
    }
    if values > 0 {
        let checked = open_and_check(data, Some(key))?;
        ensure!(checked.is_sound(), "the log is not sound after it was erased from again:\n{checked}");
    }
    Ok(values)
}

/// Copies a log, whether it is running or not.
fn copy_still(data: &Path, backup: &Path) -> Result<()> {
    let mut still = Still::hold(data)?;
    copy(data, backup, &[COPY_LEAVES_OUT, &[JOURNAL]].concat())?;
    // What is synced up to now is in the journal or in what was copied.
    make_empty(&backup.join(JOURNAL))?;
    copy(&data.join(JOURNAL), &backup.join(JOURNAL), &[])?;
    ensure!(still.has_held(), "it had to move on meanwhile: try again when it is less busy");
    Ok(())
}

/// Opens a data directory of our own, and computes its tree anew. With the installation's key, what is not sealed
/// with it does not count; without, the next start finds it.
fn open_and_check(directory: &Path, key: Option<[u8; 32]>) -> Result<Checked> {
    ensure!(!is_held(directory), "somebody uses {}", directory.display());
    let source = Source::directory(directory, key, Limits::default())?;
    let checked = check_log(&source, &[]);
    source.close();
    for left in COPY_LEAVES_OUT {
        // Nothing but the locks that opening made.
        let _ = fs::remove_file(directory.join(left));
    }
    checked
}

/// All files of a folder but those named, into one that is there, synced.
fn copy(from: &Path, to: &Path, but: &[&str]) -> Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (name, kind) = (entry.file_name(), entry.file_type()?);
        if but.iter().any(|left| name == **left) {
            continue;
        }
        let (from, to) = (entry.path(), to.join(&name));
        if kind.is_dir() {
            make_empty(&to)?;
            copy(&from, &to, COPY_LEAVES_OUT_BELOW)?;
        } else if kind.is_file() {
            match File::open(&from) {
                Ok(mut source) => {
                    let mut target = new_file(&to)?;
                    io::copy(&mut source, &mut target)?;
                    target.sync_all()?;
                }
                // One that was written beside another, and took its place.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error).with_context(|| from.display().to_string()),
            }
        } else {
            bail!("{} is neither a file nor a folder", from.display());
        }
    }
    Ok(File::open(to)?.sync_all()?)
}

/// Makes a folder for us alone; one that holds something is not taken.
fn make_empty(path: &Path) -> Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .with_context(|| format!("{} cannot be made", path.display()))?;
    let mut entries = fs::read_dir(path).with_context(|| format!("{} cannot be read", path.display()))?;
    ensure!(entries.next().is_none(), "{} is not empty", path.display());
    Ok(())
}

fn new_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

const FORMAT: u32 = 2;
const NOTE: &str = "backup.json";
const JOURNAL: &str = "journal";
const CLOSE_MAX: Duration = Duration::from_secs(30);
const NO_LIST: &str = "what was erased since the backup would be there again: give --config, whose `erasure.files` list it, \
    or with --erasures the file `erasures` of the data directory that was; or --without-erasures";
