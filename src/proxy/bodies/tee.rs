//! Bounded copies of bodies. The traffic never waits for a copy: past the limit of one body, or of all
//! bodies together, the copy stops, says so, and the bytes go on.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::HeaderName;
use http_body::Frame;
use parking_lot::Mutex;

use super::trailers::drop_forbidden;
use crate::exchange::{Capture, CaptureState};

/// What all copies of the process together may hold. Each copy is assured its first [`ASSURED_BYTES`], so
/// that a neighbour's large bodies cannot leave a small request without a copy; and no client's copies hold
/// more than a quarter of the whole, so that three greedy ones leave the rest theirs (THREATS E25).
#[derive(Debug)]
pub(crate) struct Budget {
    used: AtomicUsize,
    bytes_max: usize,
    /// What each client's copies hold beyond what is assured; shared by all workers. Only clients that hold
    /// something stand here, so that it cannot outgrow the open exchanges.
    by_client: Mutex<HashMap<IpAddr, usize>>,
    client_bytes_max: usize,
}

impl Budget {
    /// `copy_bytes_max` is the largest single copy: no client's share is smaller.
    pub(crate) fn new(bytes_max: usize, copy_bytes_max: usize) -> Arc<Budget> {
        let client_bytes_max = (bytes_max / CLIENTS_MIN).max(copy_bytes_max);
        Arc::new(Budget {
            used: AtomicUsize::new(0),
            bytes_max,
            by_client: Mutex::default(),
            client_bytes_max,
        })
    }

    fn take(&self, client: IpAddr, bytes: usize) -> bool {
        let mut by_client = self.by_client.lock();
        let held = by_client.get(&client).copied().unwrap_or(0);
        if held + bytes > self.client_bytes_max {
            return false;
        }
        let before = self.used.fetch_add(bytes, Ordering::Relaxed);
        if before + bytes > self.bytes_max {
            self.used.fetch_sub(bytes, Ordering::Relaxed);
            return false;
        }
        by_client.insert(client, held + bytes);
        true
    }

    fn give_back(&self, client: IpAddr, bytes: usize) {
        if bytes == 0 {
            return;
        }
        self.used.fetch_sub(bytes, Ordering::Relaxed);
        let mut by_client = self.by_client.lock();
        if let Some(held) = by_client.get_mut(&client) {
            *held = held.saturating_sub(bytes);
            if *held == 0 {
                by_client.remove(&client);
            }
        }
    }

    #[cfg(test)]
    fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }
}

/// A share of the budget; given back when dropped, so it lives as long as the bytes do.
#[derive(Debug)]
pub(crate) struct Share {
    bytes: usize,
    client: IpAddr,
    budget: Arc<Budget>,
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.give_back(self.client, self.bytes);
    }
}

/// A copy under way.
#[derive(Debug)]
pub(crate) struct Copy {
    bytes: Vec<u8>,
    seen_bytes: u64,
    bytes_max: usize,
    is_cut: bool,
    end: Option<End>,
    dropped_trailers: Vec<HeaderName>,
    share: Share,
}

/// How a body ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// At its proper end, trailers or not.
    Proper,
    /// Its sender went away.
    Broken,
}

impl Copy {
    /// A copy of at most `bytes_max`, made for a client's exchange.
    pub(crate) fn new(bytes_max: usize, budget: &Arc<Budget>, client: IpAddr) -> Copy {
        Copy {
            bytes: Vec::new(),
            seen_bytes: 0,
            bytes_max,
            is_cut: false,
            end: None,
            dropped_trailers: Vec::new(),
            share: Share { bytes: 0, client, budget: Arc::clone(budget) },
        }
    }

    /// Makes room for a body of a known length at once instead of growing to it.
    pub(crate) fn expect(&mut self, length: u64) {
        let room = usize::try_from(length).unwrap_or(usize::MAX).min(self.bytes_max).min(ROOM_BYTES_MAX);
        self.bytes.reserve_exact(room);
    }

    /// How much has gone by.
    pub(crate) fn seen_bytes(&self) -> u64 {
        self.seen_bytes
    }

    /// Bytes go by.
    pub(crate) fn push(&mut self, data: &[u8]) {
        self.seen_bytes += data.len() as u64;
        if self.is_cut {
            return;
        }
        let mut kept = data.len().min(self.bytes_max - self.bytes.len());
        let assured = ASSURED_BYTES.saturating_sub(self.bytes.len()).min(kept);
        if kept > assured {
            if self.share.budget.take(self.share.client, kept - assured) {
                self.share.bytes += kept - assured;
            } else {
                kept = assured;
            }
        }
        self.bytes.extend_from_slice(&data[..kept]);
        self.is_cut = kept < data.len();
    }

    /// A frame goes by; what it must not have is taken out of it.
    pub(crate) fn pass(&mut self, frame: &mut Frame<Bytes>) {
        if let Some(data) = frame.data_ref() {
            self.push(data);
        }
        self.dropped_trailers.extend(drop_forbidden(frame));
    }

    /// The body is over.
    pub(crate) fn end(&mut self, end: End) {
        self.end.get_or_insert(end);
    }

    /// Whether the copy stopped before the body did.
    pub(crate) fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// What was copied so far, without ending the copy.
    pub(crate) fn so_far(&self) -> Capture {
        Capture {
            bytes: Bytes::copy_from_slice(&self.bytes),
            seen_bytes: self.seen_bytes,
            state: self.state(),
            dropped_trailers: self.dropped_trailers.clone(),
        }
    }

    /// The copy, and the share that must live as long as it.
    pub(crate) fn finish(self) -> (Capture, Share) {
        let state = self.state();
        let Copy { bytes, seen_bytes, dropped_trailers, share, .. } = self;
        (Capture { bytes: Bytes::from(bytes), seen_bytes, state, dropped_trailers }, share)
    }

    fn state(&self) -> CaptureState {
        match self.end {
            Some(End::Proper) if self.seen_bytes == 0 => CaptureState::Empty,
            _ if self.is_cut => CaptureState::Cut,
            Some(End::Proper) => CaptureState::Complete,
            Some(End::Broken) | None => CaptureState::Broken,
        }
    }
}

const ASSURED_BYTES: usize = 16 << 10;
/// Clients that it takes to use up the budget.
const CLIENTS_MIN: usize = 4;
/// A length that was only announced reserves no more than this.
const ROOM_BYTES_MAX: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    const ADA: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));
    const BOB: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2));

    fn check(pushed: &[usize], end: Option<End>, kept: usize, seen: u64, state: CaptureState) {
        let budget = Budget::new(40 << 10, 32 << 10);
        let mut copy = Copy::new(32 << 10, &budget, ADA);
        for size in pushed {
            copy.push(&vec![7; *size]);
        }
        if let Some(end) = end {
            copy.end(end);
        }
        let (capture, share) = copy.finish();
        assert_eq!((capture.bytes.len(), capture.seen_bytes, capture.state), (kept, seen, state));
        assert_eq!(budget.used(), kept.saturating_sub(ASSURED_BYTES));
        drop(share);
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn a_copy_says_how_much_it_holds_and_how_its_body_ended() {
        let limit = 32 << 10;
        check(&[], Some(End::Proper), 0, 0, CaptureState::Empty);
        check(&[], None, 0, 0, CaptureState::Broken);
        check(&[10, 20], Some(End::Proper), 30, 30, CaptureState::Complete);
        check(&[10, 20], Some(End::Broken), 30, 30, CaptureState::Broken);
        check(&[limit], Some(End::Proper), limit, limit as u64, CaptureState::Complete);
        check(&[limit, 1], Some(End::Proper), limit, limit as u64 + 1, CaptureState::Cut);
        check(&[limit + 1, 5], None, limit, limit as u64 + 6, CaptureState::Cut);
    }

    // THREATS E25
    #[test]
    fn large_bodies_of_others_leave_each_copy_its_assured_bytes() {
        let budget = Budget::new(20 << 10, 20 << 10);
        let mut large = Copy::new(1 << 20, &budget, ADA);
        large.push(&vec![7; 36 << 10]);
        let mut small = Copy::new(1 << 20, &budget, BOB);
        small.push(&vec![7; 10 << 10]);
        small.push(&vec![7; 10 << 10]);
        small.end(End::Proper);
        let (capture, _share) = small.finish();
        assert_eq!((capture.bytes.len(), capture.state), (16 << 10, CaptureState::Cut));
        drop(large);
        assert_eq!(budget.used(), 0);
    }
    // THREATS E25
    #[test]
    fn one_client_cannot_use_up_what_others_need() {
        let budget = Budget::new(400 << 10, 50 << 10);
        let copy = |client, kib: usize| {
            let mut copy = Copy::new(50 << 10, &budget, client);
            copy.push(&vec![7; kib << 10]);
            copy.end(End::Proper);
            copy
        };
        let greedy: Vec<Copy> = (0..10).map(|_| copy(ADA, 50)).collect();
        assert_eq!(greedy.iter().filter(|copy| !copy.is_cut()).count(), 2);
        assert!(greedy.iter().all(|copy| copy.so_far().bytes.len() >= ASSURED_BYTES));
        assert!(!copy(BOB, 50).is_cut());
        drop(greedy);
        assert!(!copy(ADA, 50).is_cut());
        assert_eq!((budget.used(), budget.by_client.lock().len()), (0, 0));
    }
}
