//! The journal on a disk that fails.

use std::ffi::OsString;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::journal::disk::{Disk, Segment};
use crate::journal::open::open_on;

/// A disk whose n-th call fails: an append after half of its bytes, a sync after all.
struct FailingDisk(Arc<Failure>);

struct Failure {
    calls: AtomicUsize,
    fails: std::ops::Range<usize>,
}

struct FailingSegment(Box<dyn Segment>, Arc<Failure>);

impl Failure {
    fn check(&self) -> io::Result<()> {
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        if self.fails.contains(&call) { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
}

impl Disk for FailingDisk {
    fn make_directory(&self, path: &Path) -> io::Result<()> {
        RealDisk.make_directory(path)
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<OsString>> {
        RealDisk.list(directory)
    }

    fn is_plain(&self, path: &Path) -> io::Result<bool> {
        RealDisk.is_plain(path)
    }

    fn read(&self, path: &Path, from: u64) -> io::Result<Box<dyn io::Read>> {
        RealDisk.read(path, from)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.0.check()?;
        RealDisk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.0.check()?;
        RealDisk.remove(path)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn Segment>> {
        self.0.check()?;
        Ok(Box::new(FailingSegment(RealDisk.create(path)?, Arc::clone(&self.0))))
    }

    fn resume(&self, path: &Path, length: u64) -> io::Result<Box<dyn Segment>> {
        Ok(Box::new(FailingSegment(RealDisk.resume(path, length)?, Arc::clone(&self.0))))
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        self.0.check()?;
        RealDisk.sync_directory(path)
    }
}

impl Segment for FailingSegment {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Err(error) = self.1.check() {
            self.0.append(&bytes[..bytes.len() / 2])?;
            return Err(error);
        }
        self.0.append(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.1.check()?;
        self.0.sync()
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.1.check()?;
        self.0.cut(length)
    }
}

#[test]
fn a_disk_that_fails_at_any_call_loses_no_acknowledged_entry() {
    for start in 0..21 {
        for count in [1, 2, 3, 6] {
            let directory = tempfile::tempdir().unwrap();
            let failure = Arc::new(Failure { calls: AtomicUsize::new(0), fails: start..start + count });
            let disk = Arc::new(FailingDisk(Arc::clone(&failure)));
            let small = || Settings { segment_bytes_max: 250, ..settings(directory.path()) };
            let opened = open_on(small(), disk, &mut |_| ()).unwrap();
            let mut acknowledged = Vec::new();
            for number in 0..12 {
                let payload = format!("{{\"number\":{number}}}");
                acknowledged.extend(append(&opened.journal, &[&payload]).unwrap_or_default());
            }
            assert!(acknowledged.len() >= 12 - count, "{start}+{count}");
            assert_eq!(opened.journal.trouble(), None, "{start}+{count}");
            close(opened);
            let (opened, entries) = reopen_with(small());
            assert_eq!(entries, acknowledged, "{start}+{count}: {:?}", opened.damage);
            assert_is_chain(&entries);
            assert!(opened.damage.is_empty(), "{start}+{count}: {:?}", opened.damage);
        }
    }
}
