//! How many requests are under way at a time, in the whole process (`requests_max`; THREATS D03). What each of them
//! holds has its own limits; only this one keeps all of them together within bounds. Whom it turns away is told at
//! once to come back, instead of waiting with everybody else.
//!
//! A request is under way from its head to the end of its answer, and for as long as it takes to record it. What stays
//! open, a WebSocket or an event stream, is not counted: it keeps its connection's place.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use crate::telemetry::Metrics;

/// One worker's view of all that is under way. The count is the gauge on `/metrics`, which all workers share.
#[derive(Debug)]
pub(super) struct Crowd {
    metrics: Arc<Metrics>,
    /// True from the first request that is turned away until half of the places are free: one line in the log says
    /// it once, whatever comes meanwhile.
    is_full: Cell<bool>,
}

/// One request's place; given back when dropped.
#[derive(Debug)]
pub(crate) struct Place(Rc<Crowd>);

impl Crowd {
    pub(super) fn new(metrics: &Arc<Metrics>) -> Rc<Crowd> {
        Rc::new(Crowd { metrics: Arc::clone(metrics), is_full: Cell::new(false) })
    }

    /// A place for a request; `None` when all are taken. Workers do not wait for each other: there may be as many
    /// more of them as there are workers.
    pub(super) fn enter(self: &Rc<Crowd>, requests_max: usize) -> Option<Place> {
        let under_way = usize::try_from(self.metrics.requests_in_flight.get()).unwrap_or(0);
        if under_way >= requests_max {
            if !self.is_full.replace(true) {
                tracing::warn!(requests_max, "requests are turned away: too many are under way");
            }
            return None;
        }
        if self.is_full.get() && under_way <= requests_max / 2 {
            self.is_full.set(false);
        }
        self.metrics.requests_in_flight.inc();
        Some(Place(Rc::clone(self)))
    }
}

impl Place {
    /// The metrics of who gave it.
    pub(super) fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.metrics.requests_in_flight.dec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // THREATS D03
    #[test]
    fn a_place_is_free_again_when_it_is_dropped() {
        let metrics = Metrics::new();
        let (one, other) = (Crowd::new(&metrics), Crowd::new(&metrics));
        let first = one.enter(2).unwrap();
        let _second = other.enter(2).unwrap();
        assert!(one.enter(2).is_none() && other.enter(2).is_none());
        assert!(one.is_full.get());
        drop(first);
        assert_eq!(metrics.requests_in_flight.get(), 1);
        assert!(one.enter(2).is_some());
        assert!(!one.is_full.get(), "half of the places were free");
    }
}
