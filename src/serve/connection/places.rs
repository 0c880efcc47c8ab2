//! Places for connections: so many in all, and so many for one client, so that nobody takes them all
//! (THREATS D03). Counted across workers, at the beginning and the end of a connection only.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;

use crate::exchange::network_of;
use crate::telemetry::Metrics;

/// How many connections there are, of all workers together.
#[derive(Debug)]
pub(in crate::serve) struct Places {
    taken: AtomicUsize,
    /// No more entries than connections.
    by_client: Mutex<HashMap<IpAddr, usize>>,
    max: usize,
    client_max: usize,
    metrics: Arc<Metrics>,
}

/// One connection's place; given back when dropped.
#[derive(Debug)]
pub(in crate::serve) struct Place {
    places: Arc<Places>,
    /// Under which address it counts, where it does.
    client: Option<IpAddr>,
}

/// Why there is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::serve) enum Full {
    /// `connections_max`.
    All,
    /// `client_connections_max`.
    Client,
}

impl Places {
    pub(in crate::serve) fn new(max: usize, client_max: usize, metrics: Arc<Metrics>) -> Arc<Places> {
        let (taken, by_client) = (AtomicUsize::new(0), Mutex::default());
        Arc::new(Places { taken, by_client, max, client_max, metrics })
    }

    /// A place among all. Whom the connection is from may not be known yet.
    ///
    /// # Errors
    /// When all are taken.
    pub(in crate::serve) fn take(self: &Arc<Places>) -> Result<Place, Full> {
        if self.taken.fetch_add(1, Ordering::Relaxed) >= self.max {
            self.taken.fetch_sub(1, Ordering::Relaxed);
            return Err(self.full(Full::All));
        }
        self.metrics.connections.inc();
        Ok(Place { places: Arc::clone(self), client: None })
    }

    fn full(&self, why: Full) -> Full {
        let limit = match why {
            Full::All => "connections_max",
            Full::Client => "client_connections_max",
        };
        self.metrics.limits_hit.with_label_values(&[limit]).inc();
        why
    }
}

impl Place {
    /// Counts the place under its client's address.
    ///
    /// # Errors
    /// When that client has as many as one may have.
    pub(in crate::serve) fn count_for(&mut self, client: IpAddr) -> Result<(), Full> {
        let client = network_of(client);
        let mut by_client = self.places.by_client.lock();
        let count = by_client.entry(client).or_insert(0);
        if *count >= self.places.client_max {
            return Err(self.places.full(Full::Client));
        }
        *count += 1;
        self.client = Some(client);
        Ok(())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(client) = self.client {
            let mut by_client = self.places.by_client.lock();
            if let Some(count) = by_client.get_mut(&client) {
                *count -= 1;
                if *count == 0 {
                    by_client.remove(&client);
                }
            }
        }
        self.places.taken.fetch_sub(1, Ordering::Relaxed);
        self.places.metrics.connections.dec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(places: &Arc<Places>, client: &str) -> Result<Place, Full> {
        let mut place = places.take()?;
        place.count_for(client.parse().unwrap())?;
        Ok(place)
    }

    // THREATS D03
    #[test]
    fn one_client_cannot_take_the_places_of_all() {
        let metrics = Metrics::new();
        let places = Places::new(4, 2, Arc::clone(&metrics));
        let first = taken(&places, "2001:db8::1").unwrap();
        let _second = taken(&places, "2001:db8::2").unwrap();
        assert_eq!(taken(&places, "2001:db8::ffff").unwrap_err(), Full::Client);
        let _third = taken(&places, "192.0.2.1").unwrap();
        let _mapped = taken(&places, "::ffff:192.0.2.1").unwrap();
        assert_eq!(taken(&places, "192.0.2.2").unwrap_err(), Full::All);
        assert_eq!(metrics.connections.get(), 4);
        drop(first);
        let _again = taken(&places, "2001:db8::3").unwrap();
        assert_eq!(metrics.connections.get(), 4);
        let told = metrics.render();
        assert!(told.contains(r#"limits_hit_total{limit="client_connections_max"} 1"#), "{told}");
        assert!(told.contains(r#"limits_hit_total{limit="connections_max"} 1"#), "{told}");
    }

    #[test]
    fn what_is_given_back_leaves_nothing_behind() {
        let places = Places::new(10, 10, Metrics::new());
        drop([taken(&places, "192.0.2.1"), taken(&places, "192.0.2.1"), taken(&places, "192.0.2.2")]);
        assert!(places.by_client.lock().is_empty());
        assert_eq!(places.taken.load(Ordering::Relaxed), 0);
    }
}
