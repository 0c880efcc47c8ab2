//! Request and exchange ids: UUIDv7, made on the worker without a lock. The random bits come from the
//! system in blocks, because a system call for each request would cost more than all else in its head.

use std::cell::RefCell;
use std::time::{SystemTime, UNIX_EPOCH};

use http::HeaderValue;
use uuid::{Builder, Uuid};

/// A worker's source of ids.
#[derive(Debug)]
pub(crate) struct Ids {
    block: RefCell<Block>,
}

#[derive(Debug)]
struct Block {
    bytes: [u8; BLOCK_BYTES],
    at: usize,
}

impl Ids {
    pub(crate) fn new() -> Ids {
        Ids { block: RefCell::new(Block { bytes: [0; BLOCK_BYTES], at: BLOCK_BYTES }) }
    }

    /// A fresh id.
    pub(crate) fn id(&self) -> Uuid {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let millis = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        match self.block.borrow_mut().take() {
            Some(random) => Builder::from_unix_timestamp_millis(millis, &random).into_uuid(),
            // The system gives no random bytes: the crate's own source says so or knows better.
            None => Uuid::now_v7(),
        }
    }

    /// A fresh id as a header's value.
    pub(crate) fn header(&self) -> HeaderValue {
        let mut text = Uuid::encode_buffer();
        let text = self.id().hyphenated().encode_lower(&mut text);
        HeaderValue::from_str(text).expect("a UUID in text is hexadecimal digits and hyphens")
    }
}

impl Ids {
    /// A fresh `traceparent` (W3C Trace Context section 3.2): not sampled, because nobody here collects spans. Both
    /// ids end in random bits, which is where others look for them.
    pub(crate) fn trace_parent(&self) -> HeaderValue {
        let (mut trace, mut parent) = (Uuid::encode_buffer(), Uuid::encode_buffer());
        let trace = self.id().simple().encode_lower(&mut trace);
        let parent = self.id().simple().encode_lower(&mut parent);
        let mut text = *b"00-00000000000000000000000000000000-0000000000000000-00";
        text[3..35].copy_from_slice(trace.as_bytes());
        text[36..52].copy_from_slice(&parent.as_bytes()[16..]);
        HeaderValue::from_bytes(&text).expect("it is hexadecimal digits and hyphens")
    }

    /// A fresh id of a span.
    pub(crate) fn span(&self) -> [u8; 8] {
        let id = self.id().as_u64_pair().1;
        id.to_be_bytes()
    }
}

/// The `traceparent` of a span of ours, in a trace that is collected.
pub(crate) fn sampled(trace_id: [u8; 16], span_id: [u8; 8]) -> HeaderValue {
    let (trace, span) = (u128::from_be_bytes(trace_id), u64::from_be_bytes(span_id));
    let text = format!("00-{trace:032x}-{span:016x}-01");
    HeaderValue::from_str(&text).expect("it is hexadecimal digits and hyphens")
}

impl Block {
    fn take(&mut self) -> Option<[u8; ID_BYTES]> {
        if self.at + ID_BYTES > BLOCK_BYTES {
            getrandom::fill(&mut self.bytes).ok()?;
            self.at = 0;
        }
        let random = self.bytes[self.at..self.at + ID_BYTES].try_into().ok();
        self.at += ID_BYTES;
        random
    }
}

const ID_BYTES: usize = 10;
const BLOCK_BYTES: usize = 250 * ID_BYTES;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_version_7_and_never_repeat() {
        let ids = Ids::new();
        let made: std::collections::HashSet<Uuid> = (0..1_000).map(|_| ids.id()).collect();
        assert_eq!(made.len(), 1_000);
        assert!(made.iter().all(|id| id.get_version_num() == 7));
        assert_eq!(ids.header().len(), 36);
    }

    #[test]
    fn a_trace_that_is_begun_is_a_good_one_and_another_each_time() {
        let ids = Ids::new();
        let begun = || {
            let mut headers = http::HeaderMap::new();
            headers.insert(crate::exchange::TRACEPARENT, ids.trace_parent());
            crate::exchange::trace_id(&headers).unwrap().to_owned()
        };
        assert_ne!(begun(), begun());
    }
}
