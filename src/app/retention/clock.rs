//! Whether the clock may be believed by whoever removes what is old: set ten years ahead, it would empty the log
//! (THREATS S08). Pure.
//!
//! The witness is the machine's own uptime, which nobody can set, since a moment at which the clock was believed; all
//! that the clock has gained on it since then counts together. Where that tells nothing, because the machine was
//! started anew, no more than a day may have passed; and where there is no such moment, the newest events tell.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::app::life::Beat;

/// A moment at which the clock was believed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Anchor {
    pub(super) beat: Beat,
    /// What the clock has gained on the machine's own, in seconds, since somebody has confirmed it.
    ahead_s: i64,
}

impl Anchor {
    /// Somebody says that the clock is right.
    pub(super) fn confirmed(beat: Beat) -> Anchor {
        Anchor { beat, ahead_s: 0 }
    }
}

/// The anchor to go on with; or why the clock is not believed, in a sentence. `newest` are the times of the newest
/// events.
pub(super) fn believe(now: &Beat, anchor: Option<&Anchor>, newest: &[Timestamp]) -> Result<Anchor, String> {
    let Some(anchor) = anchor else {
        return match middle(newest) {
            Some(middle) if now.time.duration_since(middle) > DAY => Err(format!(
                "the clock says {}, and the newest events are of {middle}: one of the two is wrong, or nothing \
                 was recorded for long",
                now.time
            )),
            Some(_) | None => Ok(Anchor::confirmed(now.clone())),
        };
    };
    if now.is_of_life(&anchor.beat) {
        let ahead_s = anchor.ahead_s + now.clock_moved_s(&anchor.beat).max(0);
        if ahead_s > DAY.as_secs() {
            return Err(format!("the clock was set ahead by {ahead_s} seconds; it says {}", now.time));
        }
        return Ok(Anchor { beat: now.clone(), ahead_s });
    }
    if now.time.duration_since(anchor.beat.time) > DAY {
        return Err(format!(
            "the clock says {}, and {} when it was last believed: the machine was off, or somebody has set it",
            now.time, anchor.beat.time
        ));
    }
    Ok(Anchor { beat: now.clone(), ahead_s: anchor.ahead_s })
}

fn middle(newest: &[Timestamp]) -> Option<Timestamp> {
    let mut times = newest.to_vec();
    times.sort_unstable();
    times.get(times.len() / 2).copied()
}

const DAY: SignedDuration = SignedDuration::from_hours(24);

#[cfg(test)]
mod tests {
    use super::*;

    fn beat(hour: i64, boot: &str, awake_hours: i64) -> Beat {
        let time = Timestamp::from_second(1_800_000_000 + hour * 3_600).unwrap();
        Beat { time, boot: Some(boot.to_owned()), awake_ms: Some(awake_hours * 3_600_000), is_last: false }
    }

    const YEARS: i64 = 10 * 365 * 24;

    // THREATS S08
    #[test]
    fn a_clock_is_believed_as_far_as_something_else_confirms_it() {
        let check = |now: Beat, anchor: Option<Beat>, is_believed: bool| {
            let anchor = anchor.map(Anchor::confirmed);
            assert_eq!(believe(&now, anchor.as_ref(), &[]).is_ok(), is_believed, "{now:?} {anchor:?}");
        };
        check(beat(0, "a", 1), None, true);
        check(beat(72, "a", 73), Some(beat(0, "a", 1)), true);
        check(beat(20, "a", 2), Some(beat(0, "a", 1)), true);
        check(beat(30, "a", 2), Some(beat(0, "a", 1)), false);
        check(beat(YEARS, "a", 2), Some(beat(0, "a", 1)), false);
        check(beat(-YEARS, "a", 2), Some(beat(0, "a", 1)), true);
        check(beat(23, "b", 0), Some(beat(0, "a", 1)), true);
        check(beat(25, "b", 0), Some(beat(0, "a", 1)), false);
        let unknown = Beat { boot: None, awake_ms: None, ..beat(YEARS, "", 0) };
        check(unknown, Some(beat(0, "a", 1)), false);
    }

    // THREATS S08
    #[test]
    fn a_clock_that_gains_a_little_again_and_again_is_not_believed_for_long() {
        let mut anchor = Anchor::confirmed(beat(0, "a", 0));
        let mut believed = 0;
        // Twelve hours each hour.
        for hour in 1..10 {
            match believe(&beat(12 * hour, "a", hour), Some(&anchor), &[]) {
                Ok(next) => anchor = next,
                Err(_) => break,
            }
            believed = hour;
        }
        assert_eq!(believed, 2);
    }

    // THREATS S08
    #[test]
    fn without_a_moment_before_the_newest_events_tell() {
        let times = |hours: &[i64]| hours.iter().map(|hour| beat(*hour, "a", 0).time).collect::<Vec<_>>();
        let now = beat(YEARS, "a", 1);
        assert!(believe(&now, None, &times(&[0, 0, YEARS])).is_err());
        assert!(believe(&now, None, &times(&[YEARS, YEARS - 3, 0])).is_ok());
    }
}
