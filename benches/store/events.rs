//! Events as a booking application makes them: everything differs as often as it does there, and all of it follows from
//! an event's number, so that each run, and each store that is compared, has the same.

use std::sync::Arc;

use earwitness::event::{Event, Outcome, Sentence};
use earwitness::store::{Head, Sealed};
use earwitness::value::Value;
use jiff::Timestamp;
use uuid::Uuid;

/// So many events, spread over sixty days.
pub(crate) struct Events {
    pub count: u64,
    template: Event,
}

impl Events {
    pub(crate) fn new(count: u64) -> serde_json::Result<Events> {
        Ok(Events { count, template: serde_json::from_str(TEMPLATE)? })
    }

    /// The n-th, from 0 on.
    pub(crate) fn event(&self, n: u64) -> Event {
        let pick = |list: &[&'static str], salt: u64| list[(noise(n, salt) % list.len() as u64) as usize];
        let mut event = self.template.clone();
        let ms = BEGIN_MS + n as i64 * DAYS * DAY_MS / self.count.max(1) as i64;
        event.time = Timestamp::from_millisecond(ms).unwrap_or_default();
        event.id = Uuid::from_u128(
            (ms as u128) << 80 | 7 << 76 | 2 << 62 | u128::from(noise(n, 1) >> 3 & u64::MAX >> 3),
        );
        event.exchange_id = Uuid::from_u64_pair(noise(n, 2), noise(n, 3));
        // Few do most.
        let person = noise(n, 4) % PEOPLE * (noise(n, 5) % PEOPLE) / PEOPLE;
        let name = format!("{} {}", FIRST_NAMES[person as usize % 20], LAST_NAMES[person as usize / 20 % 25]);
        event.actor.id = Some(format!("u{person}"));
        event.actor.email = Some(format!("{}.{person}@example.org", FIRST_NAMES[person as usize % 20]));
        event.actor.name = Some(name.clone());
        event.action = pick(&ACTIONS, 6).to_owned();
        event.title = format!("{}{}", event.action[..1].to_owned(), event.action[1..].to_lowercase());
        let subject = format!("{} {}", pick(&KINDS, 7), pick(&SUBJECTS, 8));
        let mut message = format!("{name}: {subject} in {}", pick(&ROOMS, 9));
        if n.is_multiple_of(RARE) {
            message.push_str(&format!(", voucher v{}", n / RARE));
        }
        event.message = Sentence::plain(message);
        if let Some(target) = &mut event.target {
            // Four events are of one thing.
            target.id = Some(format!("bk_{:010x}", noise(n / 4, 10) >> 24));
            target.name = Some(subject);
        }
        event.source = Some(pick(&SOURCES, 11).to_owned());
        event.result = match noise(n, 12) % 20 {
            0 => Outcome::Denied,
            1 => Outcome::Failure,
            _ => Outcome::Success,
        };
        event.reason = noise(n, 13).is_multiple_of(4).then(|| pick(&REASONS, 14).to_owned());
        event.details = [("attendees".to_owned(), Value::from(noise(n, 17) as i64 & 7))].into();
        event.scope.organization = Some(format!("org-{}", person % 20));
        event.scope.team = Some(format!("team-{}", person % 60));
        let address = noise(person, 18) % 5_000;
        event.client.ip = std::net::Ipv4Addr::new(10, 1, (address >> 8) as u8, address as u8).into();
        event.request.id = format!("{:016x}", noise(n, 19));
        event.request.url = format!(
            "/v2/bookings/{}",
            event.target.as_ref().and_then(|target| target.id.as_deref()).unwrap_or("")
        );
        event
    }

    /// The entries from the n-th event on, behind `head`.
    pub(crate) fn sealed(&self, head: Head, from: u64, count: u64) -> serde_json::Result<Vec<Sealed>> {
        let mut head = head;
        let seal = |n: u64| {
            let salt = u128::from(noise(n, 20)) << 64 | u128::from(noise(n, 21));
            let entry =
                Sealed::after(head, salt.to_be_bytes(), Arc::from(serde_json::to_vec(&self.event(n))?));
            head = entry.head();
            Ok(entry)
        };
        (from..self.count.min(from + count)).map(seal).collect()
    }
}

/// SplitMix64: the same for the same, and looks like chance.
pub(crate) fn noise(n: u64, salt: u64) -> u64 {
    let mut z = n.wrapping_mul(31).wrapping_add(salt).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ z >> 31
}

/// One event of so many has a word that no other has.
pub(crate) const RARE: u64 = 1_000;
pub(crate) const DAY_MS: i64 = 86_400_000;
const DAYS: i64 = 60;
/// 2026-01-01T00:00:00Z.
const BEGIN_MS: i64 = 1_767_225_600_000;
const PEOPLE: u64 = 2_000;
const FIRST_NAMES: [&str; 20] = [
    "Ada", "Ben", "Cleo", "Dario", "Elif", "Finn", "Grete", "Hugo", "Ines", "Jonas", "Kira", "Leon", "Mara",
    "Nils", "Olga", "Paul", "Rosa", "Sven", "Tara", "Uwe",
];
const LAST_NAMES: [&str; 25] = [
    "Adler", "Baumann", "Costa", "Dietz", "Ebert", "Falk", "Garcia", "Hansen", "Ito", "Jansen", "Keller",
    "Lopez", "Meyer", "Nowak", "Otto", "Peters", "Quist", "Richter", "Schulz", "Thomsen", "Ulrich", "Vogt",
    "Weber", "Young", "Zeller",
];
const ACTIONS: [&str; 12] = [
    "CREATED",
    "CREATED",
    "CREATED",
    "RESCHEDULED",
    "RESCHEDULED",
    "CANCELLED",
    "CONFIRMED",
    "CONFIRMED",
    "DECLINED",
    "UPDATED",
    "UPDATED",
    "DELETED",
];
pub(crate) const KINDS: [&str; 12] = [
    "weekly",
    "monthly",
    "first",
    "final",
    "short",
    "long",
    "technical",
    "medical",
    "private",
    "public",
    "annual",
    "remote",
];
pub(crate) const SUBJECTS: [&str; 24] = [
    "review",
    "consultation",
    "planning",
    "interview",
    "introduction",
    "examination",
    "training",
    "audit",
    "workshop",
    "briefing",
    "inspection",
    "rehearsal",
    "therapy",
    "lesson",
    "negotiation",
    "retrospective",
    "onboarding",
    "demo",
    "tasting",
    "fitting",
    "checkup",
    "hearing",
    "seminar",
    "visit",
];
const ROOMS: [&str; 8] =
    ["Berlin", "Lisbon", "Oslo", "the blue salon", "the annex", "room 12", "room 14", "the garden"];
const REASONS: [&str; 5] =
    ["illness", "another appointment", "the room is taken", "the train is late", "asked by phone"];
const SOURCES: [&str; 4] = ["WEBAPP", "API_V2", "CALDAV", "MOBILE"];
const TEMPLATE: &str = r#"{"format":1,"id":"0198c0de-0000-784b-a6ce-cc1b78e51061","time":"2026-01-12T10:00:00Z","exchangeId":"577106b2-0f55-4b53-9b41-b69493a4ff06","action":"","type":"RECORD_UPDATED","category":"DATA","title":"","message":{"text":"","parts":[]},"actor":{"type":"user","assurance":"lookedUp","evidence":"application"},"target":{"type":"booking"},"result":"success","before":{"state":"read"},"client":{"ip":"192.0.2.8"},"request":{"id":"","method":"POST","url":""},"response":{"status":200,"durationMs":54},"rule":{"id":"calcom/booking.rescheduled","version":"1f3a9c"},"match":{"certainty":"certain","by":"raw"},"tags":["CB5"]}"#;
