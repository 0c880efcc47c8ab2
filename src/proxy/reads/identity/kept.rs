//! What is remembered for a while: a map in which every entry has an end, and which has a limit itself.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

use tokio::time::Instant;

/// Entries by key, each until its time is over. Full, it lets go of those that were not used for longest.
#[derive(Debug)]
pub(super) struct Kept<K, V> {
    entries: HashMap<K, Entry<V>>,
    count_max: usize,
}

#[derive(Debug)]
struct Entry<V> {
    value: V,
    until: Instant,
    used: Instant,
}

impl<K: Eq + Hash, V> Kept<K, V> {
    pub(super) fn new(count_max: usize) -> Kept<K, V> {
        Kept { entries: HashMap::new(), count_max }
    }

    /// What is kept under that key and not outdated.
    pub(super) fn find(&mut self, key: &K, now: Instant) -> Option<&mut V> {
        let entry = self.entries.get_mut(key).filter(|entry| entry.until > now)?;
        entry.used = now;
        Some(&mut entry.value)
    }

    pub(super) fn keep(&mut self, key: K, value: V, keep: Duration, now: Instant) {
        if self.entries.len() >= self.count_max {
            self.make_room(now);
        }
        self.entries.insert(key, Entry { value, until: now + keep, used: now });
    }

    pub(super) fn remove(&mut self, key: &K) {
        self.entries.remove(key);
    }

    pub(super) fn clear(&mut self) {
        self.entries.clear();
    }

    /// What is outdated, and if that is not enough the tenth that was not used for longest: seldom, and
    /// simpler than a list in order of use.
    fn make_room(&mut self, now: Instant) {
        self.entries.retain(|_, entry| entry.until > now);
        if self.entries.len() >= self.count_max {
            let mut used: Vec<_> = self.entries.values().map(|entry| entry.used).collect();
            let (_, oldest, _) = used.select_nth_unstable(self.count_max / 10);
            let oldest = *oldest;
            self.entries.retain(|_, entry| entry.used > oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_ends_in_time_and_the_longest_unused_make_room() {
        let begin = Instant::now();
        let at = |ms: u64| begin + Duration::from_millis(ms);
        let mut kept = Kept::new(100);
        for number in 0..100 {
            kept.keep(number, number, Duration::from_secs(1), at(number));
        }
        assert_eq!(kept.find(&0, at(500)), Some(&mut 0));
        assert_eq!(kept.find(&50, at(1_050)), None);
        assert_eq!(kept.find(&50, at(1_049)), Some(&mut 50));
        kept.keep(100, 100, Duration::from_secs(1), at(600));
        let left: Vec<u64> = (0..=100).filter(|number| kept.entries.contains_key(number)).collect();
        assert_eq!(left.len(), 90);
        assert!(left.contains(&0) && left.contains(&50) && !left.contains(&5), "{left:?}");
        kept.remove(&0);
        assert_eq!(kept.find(&0, at(600)), None);
    }
}
