//! Reading an index in the order of the log, and stopping as soon as nobody wants more.
//!
//! Documents are sorted newest first, so newest first is tantivy's own order. Oldest first is read in windows from
//! the other end, which grow.

use std::ops::RangeInclusive;
use std::sync::OnceLock;

use tantivy::query::{EnableScoring, Scorer, Weight};
use tantivy::{DocId, DocSet, TERMINATED};

use super::{Index, Plan, Segment, guarded};
use crate::store::Order;

/// Sequences of events that may be meant, one after the other.
pub(in crate::store::embedded) struct Candidates<'i> {
    index: &'i Index,
    weight: Box<dyn Weight>,
    times: Option<RangeInclusive<i64>>,
    order: Order,
    place: u64,
    /// How many segments were begun.
    begun: usize,
    walk: Option<Walk<'i>>,
}

/// A segment that is being read.
struct Walk<'i> {
    segment: &'i Segment,
    way: Way,
}

enum Way {
    Forward(Box<dyn Scorer>),
    Backward {
        /// What was found and not taken yet; the last is the next.
        found: Vec<DocId>,
        /// Documents from here on were looked at.
        end: DocId,
        window: DocId,
    },
}

/// Between which times the events of each few thousand documents are; looked up at the first question for a time.
#[derive(Default)]
pub(super) struct Zones(OnceLock<Vec<(i64, i64)>>);

impl<'i> Candidates<'i> {
    pub(super) fn new(
        index: &'i Index,
        plan: &Plan,
        order: Order,
        place: u64,
    ) -> tantivy::Result<Candidates<'i>> {
        let weight = plan.query.weight(EnableScoring::disabled_from_searcher(&index.searcher))?;
        Ok(Candidates { index, weight, times: plan.times.clone(), order, place, begun: 0, walk: None })
    }

    /// The next one.
    ///
    /// # Errors
    /// Says why the index cannot be used.
    pub(in crate::store::embedded) fn next(&mut self) -> Result<Option<u64>, String> {
        guarded(|| self.advance())
    }

    fn advance(&mut self) -> tantivy::Result<Option<u64>> {
        loop {
            if let Some(walk) = &mut self.walk
                && let Some(document) = walk.next(self.weight.as_ref(), self.times.as_ref())?
            {
                return Ok(Some(walk.segment.sequences.get_val(document)));
            }
            let count = self.index.segments.len();
            let at = match self.order {
                Order::Newest => Some(self.begun).filter(|at| *at < count),
                Order::Oldest => count.checked_sub(self.begun + 1),
            };
            let Some(at) = at else { return Ok(None) };
            self.begun += 1;
            self.walk = self.begin(&self.index.segments[at])?;
        }
    }

    /// Begins a segment behind the place; `None` when nothing of it is.
    fn begin(&self, segment: &'i Segment) -> tantivy::Result<Option<Walk<'i>>> {
        let count = segment.reader.max_doc();
        let way = match self.order {
            Order::Newest => {
                let start = segment.first_where(|sequence| sequence < self.place);
                if start == count {
                    return Ok(None);
                }
                let mut scorer = self.weight.scorer(&segment.reader, 1.0)?;
                if scorer.doc() < start {
                    scorer.seek(start);
                }
                Way::Forward(scorer)
            }
            Order::Oldest => {
                let end = segment.first_where(|sequence| sequence <= self.place);
                Way::Backward { found: Vec::new(), end, window: WINDOW_MIN }
            }
        };
        Ok(Some(Walk { segment, way }))
    }
}

impl Walk<'_> {
    fn next(
        &mut self,
        weight: &dyn Weight,
        times: Option<&RangeInclusive<i64>>,
    ) -> tantivy::Result<Option<DocId>> {
        match &mut self.way {
            Way::Forward(scorer) => Ok(self.segment.next_in_time(scorer.as_mut(), times, TERMINATED)),
            Way::Backward { found, end, window } => loop {
                if let Some(document) = found.pop() {
                    return Ok(Some(document));
                }
                if let Some(times) = times {
                    *end = self.segment.end_in_time(*end, times);
                }
                if *end == 0 {
                    return Ok(None);
                }
                let start = end.saturating_sub(*window);
                let mut scorer = weight.scorer(&self.segment.reader, 1.0)?;
                if scorer.doc() < start {
                    scorer.seek(start);
                }
                while let Some(document) = self.segment.next_in_time(scorer.as_mut(), times, *end) {
                    found.push(document);
                }
                *end = start;
                *window = window.saturating_mul(WINDOW_FACTOR).min(WINDOW_MAX);
            },
        }
    }
}

impl Segment {
    /// The first document whose sequence is so low; sequences descend.
    pub(super) fn first_where(&self, is_low: impl Fn(u64) -> bool) -> DocId {
        let (mut low, mut high) = (0, self.reader.max_doc());
        while low < high {
            let middle = low + (high - low) / 2;
            if is_low(self.sequences.get_val(middle)) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        low
    }

    /// The scorer's document, or the next below `end` that is in these times; the scorer then stands behind it.
    pub(super) fn next_in_time(
        &self,
        scorer: &mut dyn Scorer,
        times: Option<&RangeInclusive<i64>>,
        end: DocId,
    ) -> Option<DocId> {
        let mut document = scorer.doc();
        while document < end {
            let Some(times) = times else {
                scorer.advance();
                return Some(document);
            };
            if !overlaps(self.zone(document), times) {
                let behind = (document / ZONE_DOCUMENTS + 1) * ZONE_DOCUMENTS;
                document = scorer.seek(behind.min(TERMINATED));
            } else if times.contains(&self.times.get_val(document)) {
                scorer.advance();
                return Some(document);
            } else {
                document = scorer.advance();
            }
        }
        None
    }

    /// Leaves out documents before `end` that are not in these times.
    fn end_in_time(&self, end: DocId, times: &RangeInclusive<i64>) -> DocId {
        let mut end = end;
        while end > 0 && !overlaps(self.zone(end - 1), times) {
            end = (end - 1) / ZONE_DOCUMENTS * ZONE_DOCUMENTS;
        }
        end
    }

    fn zone(&self, document: DocId) -> (i64, i64) {
        let zones = self.zones.0.get_or_init(|| {
            let mut zones = Vec::new();
            for (at, time) in
                (0..self.reader.max_doc()).map(|document| self.times.get_val(document)).enumerate()
            {
                if at % ZONE_DOCUMENTS as usize == 0 {
                    zones.push((time, time));
                } else if let Some((min, max)) = zones.last_mut() {
                    (*min, *max) = ((*min).min(time), (*max).max(time));
                }
            }
            zones
        });
        let zone = usize::try_from(document / ZONE_DOCUMENTS).ok().and_then(|at| zones.get(at));
        zone.copied().unwrap_or((i64::MIN, i64::MAX))
    }
}

fn overlaps((min, max): (i64, i64), times: &RangeInclusive<i64>) -> bool {
    min <= *times.end() && max >= *times.start()
}

/// A page finds itself in the first window, if most documents are meant.
const WINDOW_MIN: DocId = 512;
const WINDOW_FACTOR: DocId = 4;
/// Each window is a look at all that a beginning of a word may mean, so they are few; and what is found is remembered.
const WINDOW_MAX: DocId = 65_536;
const ZONE_DOCUMENTS: DocId = 4096;
