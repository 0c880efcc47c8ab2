//! After a restore: what was erased since the backup was made is there again, and is erased again (THREATS P02), as the
//! lists of erasures tell it. By the command that restores, before anybody reads.

use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use jiff::Timestamp;
use tokio::runtime::Handle;

use super::event;
use super::list::{self, Past};
use crate::record::Log;
use crate::store::{Erasing, Whose};

/// What came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::app) struct Repeated {
    /// Values that were there again, and are gone.
    pub(in crate::app) values: u64,
    /// Lines of the lists that cannot be read.
    pub(in crate::app) unread: usize,
}

/// Erases again what these lists have of that log.
///
/// # Errors
/// When a list cannot be read, or something not be erased.
pub(in crate::app) fn repeat(
    log: &Log,
    data_dir: &Path,
    lists: &[PathBuf],
    runtime: &Handle,
) -> Result<Repeated> {
    let (pasts, unread) = list::read(lists, log.instance()).context("a list of erasures cannot be read")?;
    let mut repeated = Repeated { values: 0, unread };
    for past in pasts {
        repeated.values += one(log, data_dir, past, runtime)?;
    }
    Ok(repeated)
}

fn one(log: &Log, data_dir: &Path, past: Past, runtime: &Handle) -> Result<u64> {
    let Past { person, by, listed } = past;
    // A hold of today protects nothing that was gone already.
    let erasing = Erasing { whose: Whose::Listed(listed), person, holds: Vec::new(), now: Timestamp::now() };
    // The next backup must know of it, too.
    let inside = [data_dir.join(list::INSIDE)];
    let tell = |gone: &[_]| {
        list::keep(&inside, log.instance(), gone, &erasing.person, &by)?;
        Ok(event::told_again(log.instance(), gone, &erasing.person, &by))
    };
    let (mut values, deadline) = (0, Instant::now() + WAIT_MAX);
    loop {
        let erasure = log.erase(&erasing, tell, runtime).context("what was erased cannot be erased again")?;
        values += erasure.values;
        if erasure.is_done {
            return Ok(values);
        }
        ensure!(Instant::now() < deadline, "what was erased cannot be erased again: the store is behind");
        thread::sleep(PAUSE);
    }
}

const PAUSE: Duration = Duration::from_millis(500);
const WAIT_MAX: Duration = Duration::from_secs(600);
