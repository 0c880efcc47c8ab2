//! How often somebody may ask: buckets that fill by themselves, one for each, and never more than a fixed number.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Instant;

use parking_lot::Mutex;

/// Buckets, one for each key.
pub(in crate::api) struct Rate<K> {
    per_s: f64,
    most: f64,
    buckets: Mutex<HashMap<K, Bucket>>,
}

#[derive(Clone, Copy)]
struct Bucket {
    left: f64,
    at: Instant,
}

impl<K: Hash + Eq> Rate<K> {
    /// Buckets that hold `most` turns, and get `per_s` of them back in a second.
    pub(in crate::api) fn new(per_s: f64, most: f64) -> Rate<K> {
        Rate { per_s, most, buckets: Mutex::default() }
    }

    /// True while there is a turn left.
    pub(in crate::api) fn has_turn(&self, key: &K, now: Instant) -> bool {
        self.buckets.lock().get(key).is_none_or(|bucket| self.left(*bucket, now) >= 1.0)
    }

    /// Takes a turn; false when there is none.
    pub(in crate::api) fn take(&self, key: K, now: Instant) -> bool {
        let mut buckets = self.buckets.lock();
        if buckets.len() >= KEYS_MAX && !buckets.contains_key(&key) {
            buckets.retain(|_, bucket| self.left(*bucket, now) < self.most);
            if buckets.len() >= KEYS_MAX {
                // So many at once are no readers. Who was slowed down before begins anew, as the others do.
                buckets.clear();
            }
        }
        let bucket = buckets.entry(key).or_insert(Bucket { left: self.most, at: now });
        let left = self.left(*bucket, now);
        let has_turn = left >= 1.0;
        *bucket = Bucket { left: if has_turn { left - 1.0 } else { left }, at: now };
        has_turn
    }

    fn left(&self, bucket: Bucket, now: Instant) -> f64 {
        let since = now.saturating_duration_since(bucket.at).as_secs_f64();
        (bucket.left + since * self.per_s).min(self.most)
    }
}

const KEYS_MAX: usize = 10_000;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn turns_come_back_with_time_and_each_key_has_its_own() {
        let (rate, start) = (Rate::new(2.0, 3.0), Instant::now());
        let check = |key: u8, after_ms: u64, expected: bool| {
            let now = start + Duration::from_millis(after_ms);
            assert_eq!(rate.has_turn(&key, now), expected, "{key} {after_ms}");
            assert_eq!(rate.take(key, now), expected, "{key} {after_ms}");
        };
        for expected in [true, true, true, false] {
            check(1, 0, expected);
        }
        check(2, 0, true);
        check(1, 499, false);
        check(1, 500, true);
        check(1, 500, false);
        for expected in [true, true, true, false] {
            check(1, 3_600_000, expected);
        }
    }

    #[test]
    fn there_are_never_more_buckets_than_fit() {
        let (rate, now) = (Rate::new(1.0, 1.0), Instant::now());
        for key in 0..3 * KEYS_MAX {
            assert!(rate.take(key, now));
        }
        assert!(rate.buckets.lock().len() <= KEYS_MAX);
    }
}
