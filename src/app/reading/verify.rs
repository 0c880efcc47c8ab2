//! `earwitness verify`: the leaves and the tree, computed anew from what is stored or was exported.

use std::fs::File;
use std::io::{BufRead, BufReader, IsTerminal, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::thread;

use anyhow::{Context, Result, bail, ensure};
use uuid::Uuid;

use super::Source;
use crate::api;
use crate::app::serve::runtime;
use crate::app::witness::{self, Restored};
use crate::cli::{Exit, VerifyArgs, WhichArgs, show};
use crate::config::{Config, environment};
use crate::export::{Between, Place, Taken, Wholeness};
use crate::notary::{Checkpoint, Verifier};
use crate::store::{Checked, ERASED, Fault, Hash, LeafCheck, Looked, PURGED, hex, unhex};

/// Looks at every event of a log or an export, and tells of the first that is not as it was recorded.
///
/// # Errors
/// When the log cannot be read to its end.
pub fn verify(args: &VerifyArgs) -> Result<Exit> {
    let pinned = pinned(args)?;
    let Some(signed) = signed_for(args, pinned.as_ref())? else { return Ok(Exit::Wrong) };
    let (mut checked, faults, (known, given_up)) = match &args.file {
        Some(file) => {
            let OfFile { checked, wholeness, restores } = of_file(file)?;
            let proven = proven(args, pinned.as_ref(), &checked, &wholeness);
            if wholeness.is_part() {
                let told = match wholeness.signed() {
                    None => "This export holds a part of the log: what was not asked for shows as missing.",
                    Some(_) => "This export holds a part of the log.",
                };
                writeln!(std::io::stdout(), "{told}")?;
            }
            let mut faults = wholeness.finish();
            match proven {
                Ok(told) => told.iter().try_for_each(|told| writeln!(std::io::stdout(), "{told}"))?,
                Err(fault) => faults.push(fault),
            }
            (checked, faults, signed.after(&restores))
        }
        None => {
            let Some(source) = Source::open(&args.at)? else { return Ok(Exit::Wrong) };
            let checked = after_restores(&source, &signed)
                .and_then(|after| Ok((of_log(&source, &after.0)?, Vec::new(), after)));
            source.close();
            checked?
        }
    };
    checked.compare(&known);
    let mut out = std::io::stdout();
    if given_up > 0 {
        let told =
            "checkpoints are of events that a restore has given up, as LOG_RESTORED tells: not compared";
        writeln!(out, "{given_up} {told}")?;
    }
    write!(out, "{checked}")?;
    if let Some(root) = checked.root {
        writeln!(out, "root of the tree: {}", hex(&root))?;
    }
    faults.iter().try_for_each(|fault| writeln!(out, "{fault}"))?;
    let is_sound = checked.is_sound() && faults.is_empty();
    if is_sound && !known.is_empty() {
        let newest = known.iter().map(|(size, _, _)| *size).max().unwrap_or_default();
        writeln!(
            out,
            "{} checkpoints, the newest of {newest} events: it is the log that was signed for",
            known.len()
        )?;
    }
    Ok(if is_sound { Exit::Done } else { Exit::Failed })
}

/// The key that is trusted, where one is named.
fn pinned(args: &VerifyArgs) -> Result<Option<Verifier>> {
    let parse =
        |key: &String| Verifier::parse(key.trim()).context("--key takes what `earwitness keys show` writes");
    args.key.as_ref().map(parse).transpose()
}

/// What the checkpoint in an export proves, in words; nothing where it has none.
///
/// # Errors
/// What keeps it from proving anything.
fn proven(
    args: &VerifyArgs,
    pinned: Option<&Verifier>,
    checked: &Checked,
    wholeness: &Wholeness,
) -> Result<Option<String>, String> {
    let Some(signed) = wholeness.signed() else {
        let is_asked = pinned.is_some() && args.checkpoint.is_empty();
        return if is_asked { Err(NO_CHECKPOINT.to_owned()) } else { Ok(None) };
    };
    let Some((Checkpoint { size, root, .. }, key)) = witness::opened_by(signed, pinned) else {
        return Err("its checkpoint is not signed by a key that is trusted".to_owned());
    };
    match checked.root {
        _ if checked.size != size => {
            Err(format!("its checkpoint is of {size} events, and it reaches to event {}", checked.size))
        }
        None => {
            Err("its events do not lead to its checkpoint: something between them is not there".to_owned())
        }
        Some(found) if found != root => {
            Err("its events do not lead to its checkpoint: not all are as they were recorded".to_owned())
        }
        Some(_) if pinned.is_some() => {
            Ok(Some(format!("in the log of {size} events that was signed for by {}", key.name())))
        }
        Some(_) => Ok(Some(format!(
            "in the log of {size} events that was signed for with the key {}\nthat this is the key of the log, only somebody else can say: --key",
            key.text()
        ))),
    }
}

/// What checkpoints tell of the log, those in its directory and those that were named; `None` when the configuration is
/// wrong, which has been shown.
fn signed_for(args: &VerifyArgs, pinned: Option<&Verifier>) -> Result<Option<witness::Known>> {
    let (mut directory, mut files) = (args.at.data_dir.clone(), args.checkpoint.clone());
    let is_configured = args.file.is_none() && args.at.url.is_none() && directory.is_none();
    if is_configured {
        match Config::load(args.at.config.as_deref(), environment()) {
            Ok(config) => {
                files.extend(config.checkpoints.files.into_iter().filter(|path| path.exists()));
                directory = Some(config.data_dir);
            }
            Err(problems) => {
                show(&problems)?;
                return Ok(None);
            }
        }
    }
    let (known, empty) = witness::known(directory.as_deref(), &files, pinned)?;
    if let Some(path) = empty.first() {
        bail!("{} holds no checkpoint that a known key has signed; --key names one", path.display());
    }
    Ok(Some(known))
}

/// What is known of a log, without what its restores have given up, and how much that is.
fn after_restores(source: &Source, signed: &witness::Known) -> Result<(Vec<Known>, usize)> {
    let which = WhichArgs { action: vec![witness::RESTORED.to_owned()], ..WhichArgs::default() };
    let mut restores = Vec::new();
    let each = source.each(
        &which,
        None,
        |event| {
            let restored = api::sealed(event.as_bytes()).and_then(|entry| Restored::told_by(&entry.json));
            restores.extend(restored);
            Ok(ControlFlow::Continue(()))
        },
        |_| {},
    );
    runtime()?.block_on(each)?;
    Ok(signed.after(&restores))
}

/// Checks all events of a log; those roots of sizes, too, where it is read from its beginning.
pub(in crate::app) fn of_log(source: &Source, known: &[Known]) -> Result<Checked> {
    let mut progress = Progress::new();
    if let Source::Directory { log, .. } = source {
        let checked = log.check(known, &mut |count| {
            progress.tell(count);
            ControlFlow::Continue(())
        });
        return Ok(checked?);
    }
    let runtime = runtime()?;
    let mut check = LeafCheck::backward(runtime.block_on(instance(source)));
    let all = WhichArgs::default();
    let mut count = 0;
    let each = source.each(
        &all,
        None,
        |event| {
            check.take(api::sealed(event.as_bytes()).as_ref().map(Looked::at));
            count += 1;
            if count % PIECE_LINES as u64 == 0 {
                progress.tell(count);
            }
            Ok(ControlFlow::Continue(()))
        },
        |_| {},
    );
    runtime.block_on(each)?;
    runtime.block_on(hear_of_later(source, &mut check))?;
    Ok(check.finish())
}

/// A log that is read while it is written loses values and events to an erasure or a purge that began meanwhile. These are
/// told by events that are newer than the first page, and were recorded before anything went.
async fn hear_of_later(source: &Source, check: &mut LeafCheck) -> Result<()> {
    let Some(newest) = check.first() else { return Ok(()) };
    let action = vec![ERASED.to_owned(), PURGED.to_owned()];
    let which = WhichArgs { action, ..WhichArgs::default() };
    let hear = |event: &str| {
        let entry = api::sealed(event.as_bytes()).filter(|entry| entry.sequence > newest);
        let Some(entry) = entry else { return Ok(ControlFlow::Break(())) };
        check.hear(&Looked::at(&entry));
        Ok(ControlFlow::Continue(()))
    };
    source.each(&which, None, hear, |_| {}).await
}

/// Whose log it is, as its checkpoints say; `None` where nobody signs.
async fn instance(source: &Source) -> Option<Uuid> {
    let checkpoint = source.get("/audit/v1/checkpoint").await.ok()?;
    let origin = checkpoint.split(|byte| *byte == b'\n').next()?;
    std::str::from_utf8(origin).ok()?.strip_prefix("earwitness/")?.parse().ok()
}

/// What was found in an export.
struct OfFile {
    checked: Checked,
    /// Whether it holds what it says about itself.
    wholeness: Wholeness,
    /// The restores that it tells of.
    restores: Vec<Restored>,
}

/// Checks an export.
fn of_file(path: &Path) -> Result<OfFile> {
    let mut lines: Box<dyn BufRead> = match path.to_str() {
        Some("-") => Box::new(std::io::stdin().lock()),
        _ => Box::new(BufReader::new(
            File::open(path).with_context(|| format!("{} cannot be read", path.display()))?,
        )),
    };
    let (mut check, mut wholeness) = (LeafCheck::backward(None), Wholeness::default());
    let (mut progress, mut count, mut restores) = (Progress::new(), 0, Vec::new());
    loop {
        let mut piece: Vec<Vec<u8>> = Vec::new();
        // What stands for events that are left out, each with how many lines of the piece stand before it.
        let mut betweens: Vec<(usize, Between)> = Vec::new();
        let (mut bytes, mut is_end) = (0, false);
        while piece.len() < PIECE_LINES && bytes < PIECE_BYTES {
            let mut line = Vec::new();
            if lines.read_until(b'\n', &mut line)? == 0 {
                is_end = true;
                break;
            }
            bytes += line.len();
            match wholeness.take(line.trim_ascii()) {
                Taken::Event => {
                    restores.extend(restored(&line));
                    piece.push(line);
                }
                Taken::Between(between) => betweens.push((piece.len(), between)),
                Taken::Telling => {}
            }
        }
        if wholeness.is_scoped() && !piece.is_empty() {
            bail!(
                "it was exported by somebody who sees a part of the log: events have no places in it that could be checked; auditors export with them"
            );
        }
        let mut betweens = betweens.into_iter().peekable();
        for (at, looked) in looked_at(&piece).into_iter().enumerate() {
            while let Some((_, between)) = betweens.next_if(|(place, _)| *place <= at) {
                take_between(&mut check, &wholeness, &between);
            }
            check.take(looked);
        }
        betweens.for_each(|(_, between)| take_between(&mut check, &wholeness, &between));
        count += piece.len() as u64;
        progress.tell(count);
        if is_end {
            break;
        }
    }
    Ok(OfFile { checked: check.finish(), wholeness, restores })
}

/// Takes what stands for events that are left out. An export that was not asked for a part of the log has to have all that
/// no purge has told.
fn take_between(check: &mut LeafCheck, wholeness: &Wholeness, between: &Between) {
    let Between { first, last, hashes } = between;
    let hashes: Option<Vec<Hash>> = hashes.iter().map(|hash| unhex(hash.as_bytes())).collect();
    check.take_between(*first, *last, &hashes.unwrap_or_default());
    if !wholeness.is_part() {
        check.miss_between(*first, *last);
    }
}

/// The restore that a line tells of.
fn restored(line: &[u8]) -> Option<Restored> {
    // This is looked at for each of millions.
    memchr::memmem::find(line, witness::RESTORED.as_bytes())?;
    Restored::told_by(&api::sealed(line.trim_ascii())?.json)
}

/// Checks an export whose events are to be recorded elsewhere: how many they are, and where their log stood. Some may be
/// missing between them; what is there must be as it was, and the file whole.
///
/// # Errors
/// When it is not.
pub(super) fn sound_file(path: &Path) -> Result<(u64, Option<Place>)> {
    let OfFile { checked, wholeness, .. } = of_file(path)?;
    let log = wholeness.log().cloned();
    ensure!(log.is_some(), "{} is no export with its facts (NDJSON)", path.display());
    let is_missing = |fault: &Fault| {
        matches!(fault, Fault::Missing(..) | Fault::Untold { .. } | Fault::ErasedUntold { .. })
    };
    let faults = checked.faults.iter().filter(|fault| !is_missing(fault)).map(ToString::to_string);
    let faults: Vec<String> = faults.chain(wholeness.finish()).collect();
    ensure!(faults.is_empty(), "{} is not as it was exported: {}", path.display(), faults.join("; "));
    Ok((checked.count, log))
}

/// What stands in these lines, looked at on all cores.
fn looked_at(lines: &[Vec<u8>]) -> Vec<Option<Looked>> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let look = |line: &Vec<u8>| api::sealed(line.trim_ascii()).as_ref().map(Looked::at);
    thread::scope(|scope| {
        let parts: Vec<_> = lines
            .chunks(lines.len().div_ceil(cores).max(1))
            .map(|part| scope.spawn(move || part.iter().map(look).collect::<Vec<Option<Looked>>>()))
            .collect();
        // Nothing in there panics; should it, what was not looked at is told as unreadable.
        parts.into_iter().flat_map(|part| part.join().unwrap_or_else(|_| vec![None])).collect()
    })
}

/// How far it is, for who sits before a terminal.
struct Progress {
    is_seen: bool,
}

impl Progress {
    fn new() -> Progress {
        Progress { is_seen: std::io::stderr().is_terminal() }
    }

    fn tell(&mut self, count: u64) {
        // A terminal that went away is no reason to stop.
        self.is_seen = self.is_seen && write!(std::io::stderr(), "\r{count} events").is_ok();
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.is_seen {
            let _ = writeln!(std::io::stderr());
        }
    }
}

/// A size, the root that the tree had then, and who tells it.
type Known = (u64, Hash, &'static str);

const NO_CHECKPOINT: &str = "it has no checkpoint that --key could be compared with: export it with --proof yes, or name one with --checkpoint";
const PIECE_LINES: usize = 8_192;
const PIECE_BYTES: usize = 64 << 20;
