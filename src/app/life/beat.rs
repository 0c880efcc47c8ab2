//! A heartbeat as it is kept, and what two of them say: since when nothing was recorded, how that came, and whether
//! somebody has moved the clock in between. Pure.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::event::own::{self, Own};
use crate::event::{Event, Outcome};
use crate::value::json;

/// That the recorder lived at that moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::app) struct Beat {
    /// The clock's time.
    pub(in crate::app) time: Timestamp,
    /// The machine's id of its present life (`boot_id`); a new one each time that it starts.
    pub(in crate::app) boot: Option<String>,
    /// How long that life has lasted, in milliseconds. Nobody can set this clock.
    pub(in crate::app) awake_ms: Option<i64>,
    /// True in the last one of a recorder that was told to stop.
    pub(in crate::app) is_last: bool,
}

impl Beat {
    /// True when the machine has not been started anew since the other one.
    pub(in crate::app) fn is_of_life(&self, before: &Beat) -> bool {
        self.boot.is_some() && self.boot == before.boot
    }

    /// By how much the clock was moved since the other one, in seconds, positive for ahead; 0 where nothing tells.
    /// Within one life of the machine its own clock tells; else only that time does not run backwards.
    pub(in crate::app) fn clock_moved_s(&self, before: &Beat) -> i64 {
        let by_clock = self.time.duration_since(before.time);
        let is_one_life = self.is_of_life(before);
        let truly = match (self.awake_ms, before.awake_ms) {
            (Some(now), Some(then)) if is_one_life => SignedDuration::from_millis(now.saturating_sub(then)),
            (_, _) => by_clock.max(SignedDuration::ZERO),
        };
        let moved_s = by_clock.as_secs().saturating_sub(truly.as_secs());
        if moved_s.abs() >= CLOCK_MOVED_S_MIN { moved_s } else { 0 }
    }
}

/// The event of a start. `recovered` requests were under way when the last process ended.
pub(super) fn started(id: Uuid, now: &Beat, last: Option<&Beat>, recovered: usize) -> Event {
    let moved_s = last.map_or(0, |last| now.clock_moved_s(last));
    let (mut text, how) = match last {
        None => ("Recording has started; nothing tells of a time before".to_owned(), "unknown"),
        Some(last) if last.is_last => (
            format!(
                "Recording has started; it was stopped, and nothing recorded, from {} to {}",
                last.time, now.time
            ),
            "stopped",
        ),
        Some(last) => (
            format!(
                "Recording has started; not recording from {} to {}: the last process was killed",
                last.time, now.time
            ),
            "killed",
        ),
    };
    if moved_s != 0 {
        text.push_str(&format!("; {}", moved(moved_s)));
    }
    let details = [
        ("since", last.map(|last| json!(last.time.to_string()))),
        ("until", Some(json!(now.time.to_string()))),
        ("ended", Some(json!(how))),
        ("rebooted", last.map(|last| json!(last.boot != now.boot))),
        ("recovered", Some(json!(recovered))),
        ("clockMovedS", (moved_s != 0).then(|| json!(moved_s))),
    ];
    let is_well = how != "killed" && moved_s == 0;
    let own = Own {
        id,
        time: now.time,
        rule: "recording",
        action: "RECORDING_STARTED",
        title: "Recording has started",
        text,
        result: if is_well { Outcome::Success } else { Outcome::Failure },
    };
    let details = details.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Event { details: details.collect(), ..own::event(own) }
}

/// The event of a stop.
pub(super) fn stopped(id: Uuid, time: Timestamp) -> Event {
    own::event(Own {
        id,
        time,
        rule: "recording",
        action: "RECORDING_STOPPED",
        title: "Recording stops",
        text: "Recording stops, as told".to_owned(),
        result: Outcome::Success,
    })
}

/// The event of a clock that was moved while recording went on.
pub(super) fn clock_moved(id: Uuid, time: Timestamp, moved_s: i64) -> Event {
    let own = Own {
        id,
        time,
        rule: "recording",
        action: "CLOCK_MOVED",
        title: "The clock was moved",
        text: moved(moved_s),
        result: Outcome::Failure,
    };
    Event { details: [("clockMovedS".to_owned(), json!(moved_s))].into(), ..own::event(own) }
}

fn moved(moved_s: i64) -> String {
    let how = if moved_s < 0 { "back" } else { "ahead" };
    format!("the clock was set {how} by {} seconds", moved_s.abs())
}

/// Less than this, clocks are corrected every day.
const CLOCK_MOVED_S_MIN: i64 = 60;

#[cfg(test)]
mod tests {
    use super::*;

    fn beat(second: i64, boot: &str, awake_s: i64) -> Beat {
        let time = Timestamp::from_second(1_800_000_000 + second).unwrap();
        Beat { time, boot: Some(boot.to_owned()), awake_ms: Some(awake_s * 1_000), is_last: false }
    }

    // THREATS E74
    #[test]
    fn a_start_says_from_when_to_when_nothing_was_recorded_and_how_that_came() {
        let check =
            |last: Option<&Beat>, result: Outcome, ended: &str, rebooted: Option<bool>, words: &str| {
                let event = started(Uuid::from_u128(1), &beat(600, "a", 700), last, 2);
                assert_eq!((event.action.as_str(), event.result), ("RECORDING_STARTED", result));
                assert_eq!(event.details["ended"], json!(ended));
                assert_eq!(event.details["recovered"], json!(2));
                let told = event.details.get("rebooted").and_then(|told| told.as_bool());
                assert_eq!(told, rebooted);
                assert!(event.message.text.contains(words), "{}", event.message.text);
            };
        check(None, Outcome::Success, "unknown", None, "nothing tells");
        let killed = beat(0, "a", 100);
        check(
            Some(&killed),
            Outcome::Failure,
            "killed",
            Some(false),
            "not recording from 2027-01-15T08:00:00Z to",
        );
        check(Some(&beat(0, "b", 9)), Outcome::Failure, "killed", Some(true), "not recording from");
        let stopped = Beat { is_last: true, ..killed };
        check(Some(&stopped), Outcome::Success, "stopped", Some(false), "it was stopped");
    }

    // THREATS S08
    #[test]
    fn a_clock_that_was_moved_is_noticed_where_anything_can_tell() {
        let check = |before: Beat, now: Beat, moved_s: i64| {
            assert_eq!(now.clock_moved_s(&before), moved_s, "{before:?} {now:?}");
            let event = started(Uuid::from_u128(1), &now, Some(&before), 0);
            assert_eq!(event.details.contains_key("clockMovedS"), moved_s != 0);
            assert!(moved_s == 0 || event.result == Outcome::Failure);
        };
        let year = 365 * 86_400;
        check(beat(0, "a", 100), beat(600, "a", 700), 0);
        check(beat(0, "a", 100), beat(610, "a", 660), 0);
        check(beat(0, "a", 100), beat(10 * year, "a", 110), 10 * year - 10);
        check(beat(0, "a", 100), beat(-3_600, "a", 110), -3_610);
        // Another life of the machine: time may have passed, but not backwards.
        check(beat(0, "a", 100), beat(10 * year, "b", 5), 0);
        check(beat(0, "a", 100), beat(-3_600, "b", 5), -3_600);
        check(Beat { boot: None, ..beat(0, "a", 1) }, Beat { boot: None, ..beat(90, "a", 1) }, 0);
    }

    #[test]
    fn a_beat_reads_as_it_was_written() {
        let written = beat(5, "a", 7);
        let text = serde_json::to_string(&written).unwrap();
        assert_eq!(serde_json::from_str::<Beat>(&text).unwrap(), written);
    }
}
