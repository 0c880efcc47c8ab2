//! Intents that wait for the disk: so many in all, and a quarter of them for one client, so that nobody who holds
//! the disk busy keeps others from being recorded (THREATS E45).

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::exchange::network_of;

/// Who waits. Shared by all who write and the journal's thread.
#[derive(Debug)]
pub(in crate::record) struct Waits {
    /// No more clients than waits.
    now: Mutex<Now>,
    max: usize,
}

#[derive(Debug, Default)]
struct Now {
    count: usize,
    by_client: HashMap<IpAddr, usize>,
}

/// One of them; over when dropped.
#[derive(Debug)]
pub(in crate::record) struct Wait {
    waits: Arc<Waits>,
    client: IpAddr,
}

impl Waits {
    pub(in crate::record) fn new(max: usize) -> Arc<Waits> {
        Arc::new(Waits { now: Mutex::default(), max })
    }

    /// A wait for that client; `None` where there are too many.
    pub(in crate::record) fn begin(self: &Arc<Waits>, client: IpAddr) -> Option<Wait> {
        let client = network_of(client);
        let mut now = self.now.lock();
        let own = now.by_client.get(&client).copied().unwrap_or(0);
        if now.count >= self.max || own >= (self.max / CLIENTS_MIN).max(1) {
            return None;
        }
        now.count += 1;
        now.by_client.insert(client, own + 1);
        drop(now);
        Some(Wait { waits: Arc::clone(self), client })
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        let mut now = self.waits.now.lock();
        now.count -= 1;
        if let Some(own) = now.by_client.get_mut(&self.client) {
            *own -= 1;
            if *own == 0 {
                now.by_client.remove(&self.client);
            }
        }
    }
}

/// Clients that it takes to use them up.
const CLIENTS_MIN: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    // THREATS E45
    #[test]
    fn one_client_cannot_take_the_waits_of_all() {
        let waits = Waits::new(8);
        let begin = |client: &str| waits.begin(client.parse().unwrap());
        let first = begin("2001:db8::1").unwrap();
        let _second = begin("2001:db8::2").unwrap();
        assert!(begin("2001:db8::ffff").is_none());
        let others: Vec<Wait> = (1..=6)
            .map(|n| begin(&format!("192.0.2.{}", n.min(4))).or_else(|| begin("192.0.2.9")).unwrap())
            .collect();
        assert!(begin("192.0.2.77").is_none());
        drop(first);
        assert!(begin("2001:db8::3").is_some());
        drop(others);
        assert_eq!(waits.now.lock().by_client.len(), 1);
    }
}
