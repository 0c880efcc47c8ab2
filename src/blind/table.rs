//! The learning of templates: which requests are the same but for their identifiers.
//!
//! What looks like an identifier folds at once. Any other segment is a name until many different ones have been
//! seen at its place; then the place folds, and keeps its most frequent values. Pure: the time comes from outside.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use foldhash::HashMap;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::seen::{Sample, Seen};
use super::segment::behind_id;
use super::spot::{Row, Spot, Value, class};

/// All templates.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Table {
    /// By `POST /bookings/{}/cancel`.
    spots: HashMap<String, Spot>,
    /// By what stands in front of them: `/bookings/{}`.
    places: HashMap<String, Place>,
    /// By class of status.
    unlearned: [u64; 5],
    #[serde(skip)]
    is_changed: bool,
    /// Where keys are put together, so that a look-up allocates nothing.
    #[serde(skip)]
    scratch: String,
}

/// What was seen behind a prefix.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Place {
    is_folded: bool,
    values: Vec<Value>,
}

impl Table {
    pub(super) fn knows(&mut self, method: &str, target: &str) -> bool {
        self.find(method, target, false);
        self.spots.contains_key(&self.scratch)
    }

    pub(super) fn saw(&mut self, seen: &Seen<'_>) {
        self.is_changed = true;
        // Only answers that say "done" or "go there" teach: whoever invents paths gets 404.
        let teaches = matches!(seen.status, 101 | 200..=399);
        self.find(seen.method, seen.target, teaches);
        if let Some(spot) = self.spots.get_mut(&self.scratch) {
            return spot.add(seen);
        }
        if !teaches || (self.spots.len() >= SPOTS_MAX && !self.make_room(seen)) {
            let count = &mut self.unlearned[class(seen.status)];
            *count = count.saturating_add(1);
            return;
        }
        let sample = seen.sample.cloned().unwrap_or_else(Sample::default);
        let mut spot = Spot::new(seen.at, sample);
        spot.add(seen);
        self.spots.insert(self.scratch.clone(), spot);
    }

    pub(super) fn count(&self) -> usize {
        self.spots.len()
    }

    pub(super) fn unlearned(&self) -> [u64; 5] {
        self.unlearned
    }

    pub(super) fn rows(&self) -> Vec<Row> {
        let mut spots: Vec<_> = self.spots.iter().collect();
        spots.sort_by(|(key, spot), (other_key, other)| {
            other.worth().cmp(&spot.worth()).then_with(|| key.cmp(other_key))
        });
        spots.into_iter().map(|(key, spot)| self.row(key, spot)).collect()
    }

    /// The table as text, if it has changed since the last time.
    pub(super) fn take_changed(&mut self) -> Option<String> {
        let is_changed = std::mem::take(&mut self.is_changed);
        is_changed.then(|| serde_json::to_string(self).unwrap_or_default())
    }

    /// The table of a text; `None` for what no table of ours would say.
    pub(super) fn read(text: &str) -> Option<Table> {
        let table: Table = serde_json::from_str(text).ok()?;
        let is_small = |text: &String| text.len() <= KEY_BYTES_MAX;
        let is_sound = table.spots.len() <= SPOTS_MAX
            && table.places.len() <= PLACES_MAX
            && table.spots.keys().chain(table.places.keys()).all(is_small)
            && table.spots.values().all(|spot| spot.sample.is_small())
            && table.places.values().all(|place| place.values.len() <= VALUES_MAX)
            && table.places.values().flat_map(|place| &place.values).all(|value| is_small(&value.value));
        is_sound.then_some(table)
    }

    /// Puts the key of a request into `scratch`. Where it teaches, the names in its path are counted at their places, and
    /// a place that has too many folds.
    fn find(&mut self, method: &str, target: &str, teaches: bool) {
        let mut key = std::mem::take(&mut self.scratch);
        key.clear();
        key.extend(method.chars().take(METHOD_CHARS_MAX).map(|letter| letter.to_ascii_uppercase()));
        key.push(' ');
        let start = key.len();
        let mut segments = segments(target);
        for segment in segments.by_ref().take(SEGMENTS_MAX) {
            key.push('/');
            let place = start..key.len() - 1;
            match behind_id(segment) {
                Some(ending) => {
                    key.push_str("{}");
                    key.push_str(ending);
                }
                None if self.is_folded(&key[place], segment, teaches) => key.push_str("{}"),
                None => key.push_str(segment),
            }
        }
        if segments.next().is_some() {
            key.push_str("/{*}");
        } else if key.len() == start {
            key.push('/');
        }
        self.scratch = key;
    }

    /// Whether the names at a place are one; what teaches adds its own.
    fn is_folded(&mut self, prefix: &str, name: &str, teaches: bool) -> bool {
        let Some(place) = self.places.get_mut(prefix) else {
            if teaches && self.places.len() < PLACES_MAX {
                self.places.entry(prefix.to_owned()).or_default().add(name, 1);
            }
            return false;
        };
        if teaches {
            place.add(name, 1);
            if !place.is_folded && place.values.len() > NAMES_MAX {
                self.fold(prefix.to_owned());
                return true;
            }
        }
        place.is_folded
    }

    /// Makes one of all names at a place, in all templates that go through it. Places behind them become one
    /// too, and may fold in turn; each folds once, so this ends.
    fn fold(&mut self, prefix: String) {
        let mut waiting = vec![prefix];
        while let Some(prefix) = waiting.pop() {
            let Some(place) = self.places.get_mut(&prefix) else { continue };
            place.is_folded = true;
            let olds: Vec<String> =
                place.values.iter().map(|value| format!("{prefix}/{}", value.value)).collect();
            let new = format!("{prefix}/{{}}");
            let renamed = |path: &str| {
                let old = olds.iter().find(|old| {
                    path.strip_prefix(old.as_str())
                        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
                })?;
                Some(format!("{new}{}", &path[old.len()..]))
            };
            for (key, spot) in std::mem::take(&mut self.spots) {
                let (method, path) = key.split_once(' ').unwrap_or(("", &key));
                let key = renamed(path).map_or_else(|| key.clone(), |path| format!("{method} {path}"));
                match self.spots.get_mut(&key) {
                    Some(known) => known.merge(&spot),
                    None => drop(self.spots.insert(key, spot)),
                }
            }
            for (path, place) in std::mem::take(&mut self.places) {
                let path = renamed(&path).unwrap_or(path);
                let known = self.places.entry(path.clone()).or_default();
                known.is_folded |= place.is_folded;
                place.values.iter().for_each(|value| known.add(&value.value, value.count));
                if !known.is_folded && known.values.len() > NAMES_MAX && !waiting.contains(&path) {
                    waiting.push(path);
                }
            }
        }
    }

    /// Takes out what is worth least, unless all that is there is worth as much as a new one.
    fn make_room(&mut self, seen: &Seen<'_>) -> bool {
        let is_new_success = matches!(seen.status, 101 | 200..=299);
        let is_old = |spot: &Spot| seen.at.duration_since(spot.first_seen) > KEPT_LEAST;
        let may_go = |spot: &Spot| is_old(spot) || (is_new_success && !spot.worth().0);
        let least = self.spots.iter().filter(|(_, spot)| may_go(spot)).min_by_key(|(_, spot)| spot.worth());
        let least = least.map(|(key, _)| key.clone());
        least.is_some_and(|key| self.spots.remove(&key).is_some())
    }

    fn row(&self, key: &str, spot: &Spot) -> Row {
        let (method, template) = key.split_once(' ').unwrap_or(("", key));
        let (mut path, mut prefix) = (String::new(), String::new());
        let (mut values, mut number) = (BTreeMap::new(), 0);
        for segment in template.split('/').skip(1) {
            if let Some(ending) = segment.strip_prefix("{}") {
                number += 1;
                let name = if number == 1 { "id".to_owned() } else { format!("id{number}") };
                let _ = write!(path, "/{{{name}}}{ending}");
                if let Some(place) = self.places.get(&prefix).filter(|place| place.is_folded) {
                    let mut seen = place.values.clone();
                    seen.sort_by(|one, other| {
                        other.count.cmp(&one.count).then_with(|| one.value.cmp(&other.value))
                    });
                    values.insert(name, seen);
                }
            } else {
                let _ = write!(path, "/{}", if segment == "{*}" { "{rest*}" } else { segment });
            }
            let _ = write!(prefix, "/{segment}");
        }
        spot.row(method, path, values)
    }
}

impl Place {
    /// Counts a value. When there are too many, the rarest makes room and leaves its count, so that a frequent
    /// one is always among them (the Space-Saving algorithm, Metwally and others, 2005).
    fn add(&mut self, value: &str, count: u64) {
        if let Some(known) = self.values.iter_mut().find(|known| known.value == value) {
            known.count = known.count.saturating_add(count);
        } else if self.values.len() < VALUES_MAX {
            self.values.push(Value { value: value.to_owned(), count });
        } else if let Some(rarest) = self.values.iter_mut().min_by_key(|known| known.count) {
            value.clone_into(&mut rarest.value);
            rarest.count = rarest.count.saturating_add(count);
        }
    }
}

fn segments(target: &str) -> impl Iterator<Item = &str> {
    let path = target.split(['?', '#']).next().unwrap_or("");
    path.split('/').filter(|segment| !segment.is_empty())
}

/// Names at one place before it folds.
const NAMES_MAX: usize = 24;
/// Values that a place keeps.
const VALUES_MAX: usize = 32;
const SPOTS_MAX: usize = 1_000;
const PLACES_MAX: usize = 4_000;
const SEGMENTS_MAX: usize = 16;
const METHOD_CHARS_MAX: usize = 24;
/// No key is longer than its parts may be; what a file says is held to it.
const KEY_BYTES_MAX: usize = 2_000;
/// Nothing that is new is forgotten.
const KEPT_LEAST: SignedDuration = SignedDuration::from_hours(24);
