//! The metrics, by their names on `/metrics`. Labels come from closed sets or from rule ids, never from
//! traffic.

use std::sync::Arc;

use prometheus::{
    Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, Opts, Registry, TextEncoder,
    core::Collector,
};

/// How a request was treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestKind {
    /// No rule concerns it: streamed through.
    Passed,
    /// At least one rule concerns it.
    Audited,
    /// Refused by us, the application never saw it.
    Refused,
    /// The application could not be reached or did not answer in time.
    Failed,
}

/// All metrics of the process. Cheap to share; every member may be bumped from any thread.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    passed: IntCounter,
    audited: IntCounter,
    refused: IntCounter,
    failed: IntCounter,
    /// Seconds that a request spends in the proxy and not in the application or on its clients' wires.
    pub latency_added_seconds: Histogram,
    /// Events recorded, by result.
    pub events: IntCounterVec,
    /// Events in the journal that the store has not taken yet.
    pub queue_depth: IntGauge,
    /// Events in the newest partition of the store that its index does not cover yet.
    pub unindexed: IntGauge,
    /// Events that could not be recorded, by reason.
    pub drops: IntCounterVec,
    /// Intents, by whether they were on the disk before their requests went on.
    pub intents: IntCounterVec,
    /// Events of the gap that is open now: not recorded, and not told yet.
    pub gap_events: IntGauge,
    /// Gaps that were told.
    pub gaps: IntCounter,
    /// Rules whose derivation failed, so that only the least could be recorded.
    pub rule_failed: IntCounterVec,
    /// Body copies that stopped at their limit, by side.
    pub capture_truncations: IntCounterVec,
    /// Seconds for one write and sync of the journal.
    pub journal_sync_seconds: Histogram,
    /// Reads of the application, by outcome.
    pub reads: IntCounterVec,
    /// Reads whose answers set cookies; these reach nobody.
    pub reads_cookies_dropped: IntCounter,
    /// 1 while the application is not asked because it does not answer.
    pub reads_paused: IntGauge,
    /// Values that a rule asks for and that were not there, by rule and field.
    pub rule_missing: IntCounterVec,
    /// Events that rules in shadow mode would have recorded, by rule.
    pub rule_shadowed: IntCounterVec,
    /// Requests that met a rule only with a loosened path and were answered 404, 405 or 421.
    pub loosened_not_found: IntCounter,
    /// Templates of requests that nothing recorded.
    pub blind_spots: IntGauge,
    /// Rules that have stopped firing while the application is at work; set when it is asked for.
    pub rules_silent: IntGauge,
    /// Requests that may have changed something and that nothing recorded.
    pub blind_requests: IntCounter,
    /// Headers taken off a request because its peer is not trusted, by kind.
    pub headers_removed: IntCounterVec,
    /// TLS handshakes of clients that came to nothing.
    pub handshakes_failed: IntCounter,
    /// Times that changed files of TLS were taken into use, or were not, by outcome.
    pub tls_reloads: IntCounterVec,
    /// Answers of the application that were not passed on because they could be read in two ways, by reason.
    pub answers_refused: IntCounterVec,
    /// Connections closed for want of a proper PROXY header, by reason.
    pub proxy_headers_refused: IntCounterVec,
    /// Client connections now.
    pub connections: IntGauge,
    /// Requests now, from the head to the end of the answer and its record.
    pub requests_in_flight: IntGauge,
    /// Reloads of rules and configuration, by what asked for them and how they ended.
    pub reloads: IntCounterVec,
    /// When the rules in force were loaded, in seconds since 1970.
    pub rules_loaded_timestamp_seconds: IntGauge,
    /// 1 while the rules in force are older than the last attempt to load them.
    pub rules_stale: IntGauge,
    /// Connections to the application that were tried, by outcome.
    pub upstream_connections: IntCounterVec,
    /// Connections to the application that nothing is under way on.
    pub upstream_idle: IntGauge,
    /// 1 while whoever answers is believed to be the application.
    pub upstream_unverified: IntGauge,
    /// When a checkpoint was last taken by all places outside, in seconds since 1970; 0 for never.
    pub checkpoint_outside_seconds: IntGauge,
    /// Events that retention has removed, by policy.
    pub purged_events: IntCounterVec,
    /// 1 while retention waits for somebody to confirm a plan.
    pub retention_asks: IntGauge,
    /// When retention has made its last pass, in seconds since 1970.
    pub retention_last_timestamp_seconds: IntGauge,
    /// The store on the disk, when it was last looked at for retention.
    pub store_bytes: IntGauge,
    /// The disk that the data directory is on.
    pub disk_bytes: IntGauge,
    /// What is left of it.
    pub disk_free_bytes: IntGauge,
    /// Spans of requests, by what has become of them.
    pub spans: IntCounterVec,
    /// Ceilings reached, by name in `limits`.
    pub limits_hit: IntCounterVec,
}

impl Metrics {
    /// A fresh set, all zero.
    ///
    /// # Panics
    /// Never: the names below are valid and each stands once, as the test shows.
    pub fn new() -> Arc<Metrics> {
        let registry = Registry::new();
        let requests =
            counters(&registry, "requests_total", "Requests, by how they were treated.", &["kind"]);
        Arc::new(Metrics {
            passed: requests.with_label_values(&["passed"]),
            audited: requests.with_label_values(&["audited"]),
            refused: requests.with_label_values(&["refused"]),
            failed: requests.with_label_values(&["failed"]),
            latency_added_seconds: histogram(
                &registry,
                "latency_added_seconds",
                "Time that a request spends in the proxy itself.",
                &[0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.05, 0.25, 1.0],
            ),
            events: counters(&registry, "events_total", "Events recorded, by result.", &["result"]),
            queue_depth: gauge(
                &registry,
                "queue_depth",
                "Events in the journal that the store has not taken yet.",
            ),
            unindexed: gauge(
                &registry,
                "unindexed_events",
                "Events in the newest partition of the store that its index does not cover yet.",
            ),
            drops: counters(&registry, "drops_total", "Events that could not be recorded.", &["reason"]),
            intents: counters(
                &registry,
                "intents_total",
                "Intents, by whether they were on the disk before their requests went on.",
                &["outcome"],
            ),
            gap_events: gauge(&registry, "gap_events", "Events that are not recorded, and not told yet."),
            gaps: counter(&registry, "gaps_total", "Gaps that were told by an event."),
            rule_failed: counters(
                &registry,
                "rule_failed_total",
                "Times that a rule failed, so that only the least was recorded.",
                &["rule"],
            ),
            capture_truncations: counters(
                &registry,
                "capture_truncations_total",
                "Body copies that stopped at their limit.",
                &["side"],
            ),
            journal_sync_seconds: histogram(
                &registry,
                "journal_sync_seconds",
                "Time for one write and sync of the journal.",
                &[0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5],
            ),
            reads: counters(&registry, "reads_total", "Reads of the application, by outcome.", &["outcome"]),
            reads_cookies_dropped: counter(
                &registry,
                "reads_cookies_dropped_total",
                "Reads whose answers set cookies; these reach nobody.",
            ),
            reads_paused: gauge(
                &registry,
                "reads_paused",
                "1 while the application is not asked because it does not answer.",
            ),
            rule_missing: counters(
                &registry,
                "rule_missing_total",
                "Values that a rule asks for and that were not there.",
                &["rule", "field"],
            ),
            rule_shadowed: counters(
                &registry,
                "rule_shadowed_total",
                "Events that rules in shadow mode would have recorded.",
                &["rule"],
            ),
            loosened_not_found: counter(
                &registry,
                "loosened_not_found_total",
                "Requests that met a rule only with a loosened path and were answered 404, 405 or 421.",
            ),
            blind_spots: gauge(&registry, "blind_spots", "Templates of requests that nothing recorded."),
            rules_silent: gauge(
                &registry,
                "rules_silent",
                "Rules that have stopped firing while the application is at work.",
            ),
            blind_requests: counter(
                &registry,
                "blind_requests_total",
                "Requests that may have changed something and that nothing recorded.",
            ),
            headers_removed: counters(
                &registry,
                "headers_removed_total",
                "Headers taken off requests of peers that are not trusted.",
                &["kind"],
            ),
            handshakes_failed: counter(
                &registry,
                "handshakes_failed_total",
                "TLS handshakes of clients that came to nothing.",
            ),
            tls_reloads: counters(
                &registry,
                "tls_reloads_total",
                "Times that changed certificates were taken into use, or were not.",
                &["outcome"],
            ),
            answers_refused: counters(
                &registry,
                "answers_refused_total",
                "Answers of the application that could be read in two ways.",
                &["reason"],
            ),
            proxy_headers_refused: counters(
                &registry,
                "proxy_headers_refused_total",
                "Connections closed for want of a proper PROXY header.",
                &["reason"],
            ),
            connections: gauge(&registry, "connections", "Client connections now."),
            requests_in_flight: gauge(
                &registry,
                "requests_in_flight",
                "Requests that are not answered to the end, or not recorded.",
            ),
            reloads: counters(
                &registry,
                "reloads_total",
                "Reloads of rules and configuration.",
                &["trigger", "outcome"],
            ),
            rules_loaded_timestamp_seconds: gauge(
                &registry,
                "rules_loaded_timestamp_seconds",
                "When the rules in force were loaded, in seconds since 1970.",
            ),
            rules_stale: gauge(
                &registry,
                "rules_stale",
                "1 while the rules in force are older than the last attempt to load them.",
            ),
            upstream_connections: counters(
                &registry,
                "upstream_connections_total",
                "Connections to the application that were tried, by outcome.",
                &["outcome"],
            ),
            upstream_idle: gauge(
                &registry,
                "upstream_connections_idle",
                "Connections to the application that nothing is under way on.",
            ),
            upstream_unverified: gauge(
                &registry,
                "upstream_unverified",
                "1 while TLS to the application is not verified (upstream_tls.insecure).",
            ),
            checkpoint_outside_seconds: gauge(
                &registry,
                "checkpoint_outside_timestamp_seconds",
                "When a checkpoint was last taken by all places outside; 0 for never.",
            ),
            purged_events: counters(
                &registry,
                "purged_events_total",
                "Events that retention has removed.",
                &["policy"],
            ),
            retention_asks: gauge(
                &registry,
                "retention_asks",
                "1 while retention removes nothing until somebody confirms it.",
            ),
            retention_last_timestamp_seconds: gauge(
                &registry,
                "retention_last_timestamp_seconds",
                "When retention has made its last pass, in seconds since 1970.",
            ),
            store_bytes: gauge(&registry, "store_bytes", "The store on the disk, as retention last saw it."),
            disk_bytes: gauge(&registry, "disk_bytes", "The disk that the data directory is on."),
            disk_free_bytes: gauge(&registry, "disk_free_bytes", "What is left of that disk."),
            spans: counters(
                &registry,
                "spans_total",
                "Spans of requests, by what has become of them.",
                &["outcome"],
            ),
            limits_hit: counters(&registry, "limits_hit_total", "Ceilings reached.", &["limit"]),
            registry,
        })
    }

    /// Counts a request.
    pub fn request(&self, kind: RequestKind) {
        match kind {
            RequestKind::Passed => self.passed.inc(),
            RequestKind::Audited => self.audited.inc(),
            RequestKind::Refused => self.refused.inc(),
            RequestKind::Failed => self.failed.inc(),
        }
    }

    /// In the text format of Prometheus.
    pub fn render(&self) -> String {
        TextEncoder::new().encode_to_string(&self.registry.gather()).unwrap_or_default()
    }
}

fn counter(registry: &Registry, name: &str, help: &str) -> IntCounter {
    registered(registry, IntCounter::with_opts(opts(name, help)))
}

fn counters(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
    registered(registry, IntCounterVec::new(opts(name, help), labels))
}

fn gauge(registry: &Registry, name: &str, help: &str) -> IntGauge {
    registered(registry, IntGauge::with_opts(opts(name, help)))
}

fn histogram(registry: &Registry, name: &str, help: &str, buckets: &[f64]) -> Histogram {
    let opts = HistogramOpts::new(format!("earwitness_{name}"), help).buckets(buckets.to_vec());
    registered(registry, Histogram::with_opts(opts))
}

fn opts(name: &str, help: &str) -> Opts {
    Opts::new(format!("earwitness_{name}"), help)
}

fn registered<C: Collector + Clone + 'static>(registry: &Registry, metric: prometheus::Result<C>) -> C {
    let metric = metric.expect("the names and labels in this file are valid, as its test shows");
    registry
        .register(Box::new(metric.clone()))
        .expect("each name in this file stands once, as its test shows");
    metric
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_registers_and_renders() {
        let metrics = Metrics::new();
        metrics.request(RequestKind::Audited);
        metrics.drops.with_label_values(&["journal"]).inc();
        let text = metrics.render();
        assert!(text.contains("earwitness_requests_total{kind=\"audited\"} 1"), "{text}");
        assert!(text.contains("earwitness_drops_total{reason=\"journal\"} 1"), "{text}");
        assert!(text.contains("earwitness_journal_sync_seconds_bucket"), "{text}");
    }

    #[test]
    fn every_metric_stands_in_the_docs_and_none_that_is_not() {
        let (own, docs) = (include_str!("metrics.rs"), include_str!("../../docs/metrics.md"));
        let (own, _) = own.split_once("#[cfg(test)]").unwrap();
        let quoted = |text: &'static str| text.split('"').nth(1).unwrap();
        let mut made: Vec<&str> = own.split("&registry,").skip(1).map(quoted).collect();
        let is_name = |c: char| c.is_ascii_lowercase() || c == '_';
        let told = |text: &'static str| text.split(|c: char| !is_name(c)).next().unwrap();
        let mut told: Vec<&str> = docs.split("earwitness_").skip(1).map(told).collect();
        for names in [&mut made, &mut told] {
            names.sort_unstable();
            names.dedup();
        }
        assert_eq!(made, told);
    }
}
