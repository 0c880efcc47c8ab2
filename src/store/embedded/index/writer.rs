//! Writing an index, on a thread that lets others go first: whoever has it written may hold locks that others wait for,
//! and keeps its priority. It is one for the whole store, for as long as that is open: a thread for each piece of work
//! would leave its memory in another of the allocator's arenas each time, and so would the four that tantivy's
//! `IndexWriter` begins.
//!
//! A piece of work makes a segment. Segments are merged like the digits of a number, so that an event is written a few
//! times, and into a single one once the partition takes no more.
//!
//! Each is made aside, as an index of its own, and then taken in: its files are moved, the list of segments is
//! written anew in one step, and what no list names any more is removed. A stop in between leaves files that are
//! removed the next time.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SendError, Sender, channel};
use std::thread;

use parking_lot::Mutex;
use tantivy::directory::{META_LOCK, MmapDirectory};
use tantivy::index::SegmentId;
use tantivy::indexer::merge_filtered_segments;
use tantivy::{Directory, IndexMeta, SingleSegmentIndexWriter, TantivyDocument};

use super::build::Extent;
use super::schema::{schema, tokenizers};
use super::{FOLDER, Index, LIST, Mark, guarded, mark, odd, opened, settings, whole};
use crate::store::embedded::partition::remove_folder;

/// What a writer is told.
pub(super) enum Told {
    /// What is next, in order.
    Documents(Vec<TantivyDocument>),
    /// That is all, and what the index covers then, if that is more than before.
    End(Option<Mark>, Extent),
}

/// A piece of work for the writer.
pub(super) struct Work {
    /// The partition's directory.
    pub partition: PathBuf,
    /// True when nothing that is there is of use.
    pub is_anew: bool,
    /// Set once it should be told no more.
    pub is_full: Arc<AtomicBool>,
    /// What the index is told.
    pub heard: Receiver<Told>,
}

/// The index as it is after a piece of work; or, in words, why it could not be written, or that its end was not told:
/// then it is as it was.
pub(super) type Written = Result<Arc<Index>, String>;

/// A piece of work, and where to say what came of it.
type Given = (Work, Sender<Written>);

/// The thread that writes. It is begun when it is wanted first.
#[derive(Default)]
pub(in crate::store::embedded) struct Writer(Mutex<Option<Sender<Given>>>);

impl Writer {
    /// Has a piece of work done, after what it was given before.
    ///
    /// # Errors
    /// In words, when there can be no thread.
    pub(super) fn begin(&self, work: Work) -> Result<Receiver<Written>, String> {
        let (done, written) = channel();
        let mut work = (work, done);
        let mut thread = self.0.lock();
        if let Some(given) = &*thread {
            match given.send(work) {
                Ok(()) => return Ok(written),
                // It has ended, and not by itself.
                Err(SendError(unsent)) => work = unsent,
            }
        }
        let (given, taken) = channel();
        thread::Builder::new()
            .name("index-writer".to_owned())
            .spawn(move || run(&taken))
            .map_err(|error| error.to_string())?;
        given.send(work).map_err(|_| "the index's thread has ended".to_owned())?;
        *thread = Some(given);
        Ok(written)
    }
}

fn run(taken: &Receiver<Given>) {
    give_way();
    for (work, done) in taken {
        // Who does not wait for it any more has been told why.
        let _ = done.send(guarded(|| work.write()));
    }
}

impl Work {
    fn write(&self) -> tantivy::Result<Arc<Index>> {
        if self.is_anew {
            remove_folder(&self.folder())?;
            fs::create_dir(self.folder())?;
        }
        let mut segment = None;
        for told in &self.heard {
            match told {
                Told::Documents(documents) => {
                    for document in documents {
                        let segment = match &mut segment {
                            Some(segment) => segment,
                            empty => empty.insert(self.segment()?),
                        };
                        segment.add_document(document)?;
                        if segment.mem_usage() >= SEGMENT_BYTES_MAX {
                            self.is_full.store(true, Ordering::Relaxed);
                        }
                    }
                }
                Told::End(mark, extent) => return self.end(segment, mark, extent),
            }
        }
        Err(odd("it was stopped".to_owned()))
    }

    fn end(
        &self,
        segment: Option<SingleSegmentIndexWriter>,
        mark: Option<Mark>,
        extent: Extent,
    ) -> tantivy::Result<Arc<Index>> {
        if let Some(mark) = mark {
            let made = segment.map(SingleSegmentIndexWriter::finalize).transpose()?;
            self.take_in(made.as_ref(), &[], &mark)?;
        }
        loop {
            let index = self.opened()?.ok_or_else(|| odd("it is gone".to_owned()))?;
            let loaded = Index::load(&index)?;
            let newest_first: Vec<_> = loaded.segments.iter().map(|segment| &segment.reader).collect();
            let sizes: Vec<u32> = newest_first.iter().map(|reader| reader.max_doc()).collect();
            let count = match extent {
                Extent::Sealed => sizes.len(),
                Extent::Growing => due(&sizes),
            };
            if count < 2 {
                return Ok(Arc::new(loaded));
            }
            let ids: Vec<_> = newest_first[..count].iter().map(|reader| reader.segment_id()).collect();
            self.merge(&index, &ids)?;
        }
    }

    /// Makes one segment of some, given the newest first.
    fn merge(&self, index: &tantivy::Index, ids: &[SegmentId]) -> tantivy::Result<()> {
        let mut segments = index.searchable_segments()?;
        segments.retain(|segment| ids.contains(&segment.id()));
        segments.sort_by_key(|segment| ids.iter().position(|id| *id == segment.id()));
        let all = segments.iter().map(|_| None).collect();
        let made = merge_filtered_segments(&segments, settings(), all, self.aside()?)?;
        self.take_in(Some(&made), ids, &mark(index)?)
    }

    /// One that is made aside.
    fn segment(&self) -> tantivy::Result<SingleSegmentIndexWriter> {
        let builder = tantivy::Index::builder().schema(schema().0.clone()).settings(settings());
        builder.tokenizers(tokenizers()).single_segment_index_writer(self.aside()?, TABLE_BYTES)
    }

    /// Takes in what was made aside, in the place of others; from then on the index goes as far as that mark says.
    fn take_in(
        &self,
        made: Option<&tantivy::Index>,
        replaced: &[SegmentId],
        mark: &Mark,
    ) -> tantivy::Result<()> {
        let made = made.map(tantivy::Index::load_metas).transpose()?;
        let mut segments = match self.opened()? {
            Some(index) => index.load_metas()?.segments,
            None => Vec::new(),
        };
        segments.retain(|segment| !replaced.contains(&segment.id()));
        if let Some(made) = made {
            for name in made.list_segment_files() {
                if is_written(&name) {
                    fs::rename(self.folder().join(ASIDE).join(&name), self.folder().join(&name))?;
                }
            }
            segments.extend(made.segments);
        }
        let list = IndexMeta {
            index_settings: settings(),
            persisted_custom_extensions: Vec::new(),
            segments,
            schema: schema().0.clone(),
            opstamp: 0,
            payload: Some(serde_json::to_string(mark)?),
        };
        let directory = MmapDirectory::open(self.folder())?;
        directory.sync_directory()?;
        directory.atomic_write(Path::new(LIST), &serde_json::to_vec(&list)?)?;
        directory.sync_directory()?;
        tidied(&self.partition);
        Ok(())
    }

    /// An empty folder to make a segment in.
    fn aside(&self) -> tantivy::Result<MmapDirectory> {
        let aside = self.folder().join(ASIDE);
        remove_folder(&aside)?;
        fs::create_dir(&aside)?;
        Ok(MmapDirectory::open(aside)?)
    }

    fn opened(&self) -> tantivy::Result<Option<tantivy::Index>> {
        opened(&self.partition).map_err(odd)
    }

    fn folder(&self) -> PathBuf {
        self.partition.join(FOLDER)
    }
}

/// Removes what is not of a partition's index. Who has it open keeps what he reads; who opens it is waited for. That a file
/// stays takes nothing from the index.
pub(super) fn tidied(partition: &Path) {
    let tidy = || {
        let Some(index) = opened(partition).map_err(odd)? else { return Ok(()) };
        // Whoever opens it from here on reads its list as it is now.
        drop(index.directory().acquire_lock(&META_LOCK)?);
        let mut kept = index.load_metas()?.list_segment_files();
        kept.extend([LIST, whole::NAME].map(PathBuf::from));
        kept.insert(META_LOCK.filepath.clone());
        let folder = partition.join(FOLDER);
        remove_folder(&folder.join(ASIDE))?;
        for file in fs::read_dir(folder)? {
            let file = file?;
            if !kept.contains(Path::new(&file.file_name()))
                && let Err(error) = fs::remove_file(file.path())
            {
                tracing::debug!(file = %file.path().display(), %error, "a file of an index is not removed");
            }
        }
        Ok(())
    };
    if let Err(why) = guarded(tidy) {
        tracing::debug!(partition = %partition.display(), why, "an index is not tidied");
    }
}

/// Whether a segment has that file of those that tantivy names: no event is taken out of one, and none is kept twice.
pub(super) fn is_written(file: &Path) -> bool {
    let name = file.to_string_lossy();
    !name.ends_with(".store.temp") && !name.ends_with(".del")
}

/// This thread takes a tenth of a core where all cores are wanted. Elsewhere than on Linux the whole process would.
pub(in crate::store::embedded) fn give_way() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, NICE) {
        tracing::debug!(%error, "a thread that should give way keeps its priority");
    }
}

/// How many of the newest segments are to become one: once there are eight of one size, these and all that are
/// newer. `sizes` are the newest first.
fn due(sizes: &[u32]) -> usize {
    let tier = |size: u32| (size / SMALL_DOCUMENTS).checked_ilog(MERGE_SEGMENTS).map_or(0, |tier| tier + 1);
    let mut tiers: Vec<u32> = sizes.iter().map(|size| tier(*size)).collect();
    tiers.sort_unstable();
    tiers.dedup();
    let run = |most: u32| sizes.iter().take_while(move |size| tier(**size) <= most);
    let is_due = |most: u32| run(most).filter(|size| tier(**size) == most).count() >= MERGE_SEGMENTS as usize;
    tiers.into_iter().find(|most| is_due(*most)).map_or(0, |most| run(most).count())
}

const ASIDE: &str = "aside";
/// Some ten thousand events, which then make a segment.
const SEGMENT_BYTES_MAX: usize = 15_000_000;
/// What its table of terms begins with is a third of this at most; it grows.
const TABLE_BYTES: usize = 3_000_000;
/// A process of the usual priority gets ten times as much of a core.
#[cfg(target_os = "linux")]
const NICE: i32 = 10;
const MERGE_SEGMENTS: u32 = 8;
const SMALL_DOCUMENTS: u32 = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_of_one_size_are_merged_with_what_is_newer() {
        let check = |sizes: &[u32], expected: usize| assert_eq!(due(sizes), expected, "{sizes:?}");
        check(&[], 0);
        check(&[1; 7], 0);
        check(&[1; 8], 8);
        check(&[1, 2000, 3, 4, 5, 6, 7, 8, 600_000], 8);
        check(&[1, 1, 5000, 5000, 600_000], 0);
        check(&[[1].as_slice(), &[5000; 8], &[600_000]].concat(), 9);
        check(&[[5000].as_slice(), &[1; 8]].concat(), 0);
    }

    #[test]
    fn each_event_is_merged_a_few_times() {
        let (mut sizes, mut written) = (Vec::new(), 0u64);
        for _ in 0..1000 {
            sizes.insert(0, 1000);
            let count = due(&sizes);
            let merged: u32 = sizes.drain(..count).sum();
            written += u64::from(merged);
            sizes.splice(..0, (count > 0).then_some(merged));
            assert!(sizes.len() <= 28, "{sizes:?}");
        }
        assert!(written < 4 * 1000 * 1000, "{written}");
    }
}
