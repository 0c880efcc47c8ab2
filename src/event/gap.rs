//! A gap: what could not be recorded while it happened. It is told as soon as writing works again, by an event that
//! names since when, how much, why, by which rules, and of the first so many who did what (THREATS E44).

use std::collections::BTreeMap;
use std::net::IpAddr;

use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use super::own::{self, Own};
use super::{Event, Outcome};
use crate::value::{Map, Value, json};

/// What could not be recorded.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Gap {
    /// The first so many events, oldest first.
    pub missed: Vec<Missed>,
    /// Events that are not recorded, those among `missed` too.
    pub count: u64,
    /// Of how many of them each reason is the reason.
    pub reasons: BTreeMap<&'static str, u64>,
    /// How many of them each rule has made; the first so many rules.
    pub rules: BTreeMap<String, u64>,
    /// The earliest of their times.
    pub since: Option<Timestamp>,
}

/// The least of an event: enough to name a deed and who may have done it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Missed {
    /// When the request arrived.
    pub time: Timestamp,
    /// The exchange's id.
    pub exchange_id: Uuid,
    /// What was done, or tried.
    pub action: String,
    /// How it ended: `failure` also where the request was refused because it could not be recorded.
    pub result: Outcome,
    /// The request's method.
    pub method: String,
    /// Its address, redacted.
    pub url: String,
    /// The client's address.
    pub client: IpAddr,
    /// Who, as far as known: an id, an e-mail address, or the keyed hash of the credential.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// The identifier of what it was done to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The rule.
    pub rule: String,
}

impl Missed {
    /// The least of that event.
    pub fn of(event: &Event) -> Missed {
        let actor = &event.actor;
        let actor = actor.id.as_ref().or(actor.email.as_ref()).or(actor.credential.as_ref());
        let target = event.target.as_ref().and_then(|target| target.id.as_ref());
        Missed {
            time: event.time,
            exchange_id: event.exchange_id,
            action: cut(&event.action),
            result: event.result,
            method: cut(&event.request.method),
            url: event.request.url.chars().take(URL_CHARACTERS_MAX).collect(),
            client: event.client.ip,
            actor: actor.map(|actor| cut(actor)),
            target: target.map(|target| cut(target)),
            rule: cut(&event.rule.id),
        }
    }
}

impl Gap {
    /// Takes in an event that was not recorded. What is past the limits is counted; true when it is named. One client
    /// takes a quarter of the names at most, so that harmless requests do not hide what is done behind them. `away`
    /// are those of a gap that may come back, for which there must be room.
    pub fn add(&mut self, missed: Missed, why: &'static str, away: usize) -> bool {
        self.count += 1;
        *self.reasons.entry(why).or_default() += 1;
        if self.rules.len() < RULES_MAX || self.rules.contains_key(&missed.rule) {
            *self.rules.entry(missed.rule.clone()).or_default() += 1;
        }
        self.since = Some(self.since.map_or(missed.time, |since| since.min(missed.time)));
        let of_client = self.missed.iter().filter(|one| is_one_client(one.client, missed.client)).count();
        let is_named = self.missed.len() + away < MISSED_MAX && of_client < MISSED_MAX / CLIENTS_MIN;
        self.missed.extend(is_named.then_some(missed));
        is_named
    }

    /// Takes in an event of which nothing is known but that it was not recorded.
    pub fn add_unknown(&mut self, at: Timestamp, why: &'static str) {
        self.count += 1;
        *self.reasons.entry(why).or_default() += 1;
        self.since = Some(self.since.map_or(at, |since| since.min(at)));
    }

    /// Puts what came later behind what was there.
    pub fn extend(&mut self, later: Gap) {
        self.count += later.count;
        for (why, count) in later.reasons {
            *self.reasons.entry(why).or_default() += count;
        }
        for (rule, count) in later.rules {
            if self.rules.len() < RULES_MAX || self.rules.contains_key(&rule) {
                *self.rules.entry(rule).or_default() += count;
            }
        }
        self.since = match (self.since, later.since) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        let room = MISSED_MAX.saturating_sub(self.missed.len());
        self.missed.extend(later.missed.into_iter().take(room));
    }

    /// True when everything was recorded.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The event that tells it; `until` is when writing worked again. It always fits: see the limits below.
    pub fn to_event(&self, id: Uuid, until: Timestamp) -> Event {
        let since = self.since.unwrap_or(until);
        let Gap { missed, count, reasons, rules, .. } = self;
        let text = format!("{count} events between {since} and {until} could not be recorded");
        let named = u64::try_from(missed.len()).unwrap_or(u64::MAX);
        let details = [
            ("since", json!(since.to_string())),
            ("until", json!(until.to_string())),
            ("count", json!(count)),
            ("reasons", counts(reasons.iter().map(|(why, count)| (*why, *count)))),
            ("rules", counts(rules.iter().map(|(rule, count)| (rule.as_str(), *count)))),
            ("missed", missed.iter().filter_map(Value::of).collect()),
            ("unnamed", json!(count - named.min(*count))),
        ];
        let own = Own {
            id,
            time: until,
            rule: "gap",
            action: GAP,
            title: "Not everything was recorded",
            text,
            result: Outcome::Failure,
        };
        Event {
            details: details.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            ..own::event(own)
        }
    }
}

/// An IPv4 address, or the 64 bits of IPv6 that one subscriber has as a whole.
fn is_one_client(one: IpAddr, other: IpAddr) -> bool {
    match (one.to_canonical(), other.to_canonical()) {
        (IpAddr::V6(one), IpAddr::V6(other)) => one.to_bits() >> 64 == other.to_bits() >> 64,
        (one, other) => one == other,
    }
}

fn counts<'a>(counts: impl Iterator<Item = (&'a str, u64)>) -> Value {
    Value::Object(counts.map(|(name, count)| (name.to_owned(), json!(count))).collect::<Map>())
}

fn cut(text: &str) -> String {
    text.chars().take(TEXT_CHARACTERS_MAX).collect()
}

/// The name of the event that tells of a gap.
pub const GAP: &str = "RECORDING_GAP";
/// Events that a gap names. With all texts as long as they may be and each of their characters written as an
/// escape of six, they stay below what an event may be long.
const MISSED_MAX: usize = 256;
/// Clients that it takes to use up the names.
const CLIENTS_MIN: usize = 4;
const RULES_MAX: usize = 64;
const URL_CHARACTERS_MAX: usize = 200;
const TEXT_CHARACTERS_MAX: usize = 80;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Target;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn event(second: i64) -> Event {
        let id = Uuid::from_u128(9);
        let (action, text) = ("CANCELLED", String::new());
        let own =
            Own { id, time: at(second), rule: "r", action, title: action, text, result: Outcome::Success };
        let mut event = own::event(own);
        event.actor.id = Some(format!("u{second}"));
        let target = Target { r#type: "booking".to_owned(), id: Some("b".to_owned()), ..Target::default() };
        event.target = Some(target);
        event
    }

    #[test]
    fn a_gap_says_since_when_how_much_why_and_by_which_rules() {
        let mut gap = Gap::default();
        assert!(gap.is_empty());
        assert!(gap.add(Missed::of(&event(2)), "journal", 0));
        assert!(gap.add(Missed::of(&event(1)), "full", 0));
        gap.add_unknown(at(3), "full");
        let told = gap.to_event(Uuid::from_u128(1), at(9));
        assert_eq!((told.action.as_str(), told.rule.id.as_str()), ("RECORDING_GAP", "earwitness/gap"));
        let detail = |name: &str| told.details[name].clone();
        assert_eq!((detail("count"), detail("unnamed")), (json!(3), json!(1)));
        assert_eq!(detail("reasons"), json!({"full": 2, "journal": 1}));
        assert_eq!(detail("rules"), json!({"earwitness/r": 2}));
        assert_eq!(detail("since"), json!(at(1).to_string()));
        let missed = &detail("missed")[0];
        assert_eq!(missed["actor"], json!("u2"));
        assert_eq!(missed["target"], json!("b"));
        assert_eq!(missed["url"], json!("earwitness:r"));
    }

    // THREATS E44
    #[test]
    fn who_floods_a_gap_does_not_hide_what_others_do() {
        let mut gap = Gap::default();
        let mut add = |client: &str, action: &str| {
            let mut event = event(1);
            event.client.ip = client.parse().unwrap();
            event.action = action.to_owned();
            gap.add(Missed::of(&event), "journal", 0)
        };
        let noise = (0..400_u32).filter(|n| add(&format!("2001:db8::{n:x}"), "NOISE")).count();
        assert_eq!(noise, MISSED_MAX / CLIENTS_MIN);
        assert!(add("192.0.2.1", "CANCELLED"));
        assert!(add("2001:db8:0:1::1", "CANCELLED"));
        assert_eq!(gap.to_event(Uuid::nil(), at(9)).details["unnamed"], json!(400 - noise));
    }

    // THREATS E44
    #[test]
    fn a_gap_is_bounded_whatever_was_missed_and_however_much() {
        let mut long = event(1);
        for text in [&mut long.action, &mut long.request.url, &mut long.request.method] {
            *text = "\u{1}".repeat(10_000);
        }
        long.actor.id = Some("\u{1}".repeat(10_000));
        long.target.as_mut().unwrap().id = Some("\u{1}".repeat(10_000));
        let mut gap = Gap::default();
        for n in 0..1_000_u32 {
            long.client.ip = IpAddr::from([192, 0, 2, u8::try_from(n % 100).unwrap()]);
            long.rule.id = format!("{n}{}", "\u{1}".repeat(10_000));
            assert_eq!(gap.add(Missed::of(&long), "journal", 56), n < 200);
        }
        let mut whole = gap.clone();
        whole.extend(gap);
        let told = whole.to_event(Uuid::from_u128(1), at(9));
        assert_eq!(told.details["count"], json!(2_000));
        assert_eq!(told.details["missed"].as_array().unwrap().len(), MISSED_MAX);
        assert_eq!(told.details["rules"].as_object().unwrap().len(), RULES_MAX);
        assert!(serde_json::to_vec(&told).unwrap().len() < 1 << 20);
    }
}
