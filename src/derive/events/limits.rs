//! An event always fits: a field may be cut, an event may not be lost (THREATS E42).

use crate::event::{Actor, Event, Note, NoteCode, Part, Sentence};
use crate::value::{Map, Value};

/// The event within its limits, with a note for what was cut.
pub(in crate::derive) fn fit(mut event: Event) -> Event {
    let mut cut = Cut { fields: Vec::new(), value_bytes_max: VALUE_BYTES_MAX, bytes_most: 0 };
    cut.event(&mut event);
    // Serialised only to be measured, when it may be too large at all.
    if cut.bytes_most > EVENT_BYTES_MAX && size(&event) > EVENT_BYTES_MAX {
        event.raw = Map::new();
        cut.fields.push("raw".to_owned());
        cut.value_bytes_max = SMALL_BYTES_MAX;
        event.changes.truncate(CHANGES_KEPT);
        event.links.truncate(CHANGES_KEPT);
        cut.event(&mut event);
    }
    if cut.bytes_most > EVENT_BYTES_MAX && size(&event) > EVENT_BYTES_MAX {
        event = least(event);
        cut.fields.push("everything else".to_owned());
    }
    if !cut.fields.is_empty() {
        cut.fields.sort_unstable();
        cut.fields.dedup();
        cut.fields.truncate(FIELDS_TOLD);
        event.notes.push(Note::with(NoteCode::FieldCut, cut.fields.join(", ")));
    }
    event
}

struct Cut {
    fields: Vec<String>,
    value_bytes_max: usize,
    /// The JSON of the event has no more bytes than this.
    bytes_most: usize,
}

impl Cut {
    fn event(&mut self, event: &mut Event) {
        let words_max = self.value_bytes_max.min(WORDS_BYTES_MAX);
        self.bytes_most += FRAME_BYTES_MOST + unbounded_bytes_most(event);
        for (name, text) in [("action", &mut event.action), ("title", &mut event.title)] {
            self.text(name, text, NAME_BYTES_MAX);
        }
        let options = [
            ("type", &mut event.r#type),
            ("category", &mut event.category),
            ("source", &mut event.source),
            ("apiKind", &mut event.api_kind),
        ];
        for (name, text) in options {
            self.option(name, text, NAME_BYTES_MAX);
        }
        self.option("error", &mut event.error, words_max);
        self.option("reason", &mut event.reason, words_max);
        self.actor("actor", &mut event.actor);
        if let Some(actor) = &mut event.on_behalf_of {
            self.actor("onBehalfOf", actor);
        }
        if let Some(target) = &mut event.target {
            self.text("target.type", &mut target.r#type, NAME_BYTES_MAX);
            for part in [&mut target.id, &mut target.requested_id, &mut target.name] {
                self.option("target", part, NAME_BYTES_MAX);
            }
        }
        for link in &mut event.links {
            for part in [&mut link.rel, &mut link.r#type, &mut link.id] {
                self.text("links", part, NAME_BYTES_MAX);
            }
        }
        self.option("scope", &mut event.scope.organization, NAME_BYTES_MAX);
        self.option("scope", &mut event.scope.team, NAME_BYTES_MAX);
        self.option("client.userAgent", &mut event.client.user_agent, words_max);
        self.text("request.url", &mut event.request.url, words_max);
        self.option("request.destination", &mut event.request.destination, words_max);
        self.option("request.operation", &mut event.request.operation, NAME_BYTES_MAX);
        self.text("request.method", &mut event.request.method, METHOD_BYTES_MAX);
        self.text("request.id", &mut event.request.id, NAME_BYTES_MAX);
        self.sentence(&mut event.message);
        self.reasons(&mut event.r#match.reasons);
        for note in &mut event.notes {
            self.option("notes", &mut note.detail, NAME_BYTES_MAX);
        }
        self.values(event);
    }

    fn values(&mut self, event: &mut Event) {
        for change in &mut event.changes {
            self.text("changes", &mut change.field, NAME_BYTES_MAX);
            self.option("changes", &mut change.pointer, NAME_BYTES_MAX);
            for side in [&mut change.before, &mut change.after].into_iter().flatten() {
                self.value("changes", side);
            }
        }
        for (name, value) in event.details.iter_mut().chain(event.raw.iter_mut()) {
            self.value(name, value);
        }
    }

    fn reasons(&mut self, reasons: &mut Vec<String>) {
        if reasons.len() > REASONS_MAX {
            reasons.truncate(REASONS_MAX);
            self.fields.push("match.reasons".to_owned());
        }
        for reason in reasons {
            self.text("match.reasons", reason, NAME_BYTES_MAX);
        }
    }

    fn actor(&mut self, name: &str, actor: &mut Actor) {
        self.text(name, &mut actor.r#type, NAME_BYTES_MAX);
        let parts = [
            &mut actor.id,
            &mut actor.name,
            &mut actor.email,
            &mut actor.role,
            &mut actor.organization,
            &mut actor.team,
        ];
        for part in parts {
            self.option(name, part, NAME_BYTES_MAX);
        }
    }

    fn option(&mut self, name: &str, text: &mut Option<String>, bytes_max: usize) {
        if let Some(text) = text {
            self.text(name, text, bytes_max);
        }
    }

    fn text(&mut self, name: &str, text: &mut String, bytes_max: usize) {
        if let Some(cut) = cut(text, bytes_max) {
            *text = cut;
            self.fields.push(name.to_owned());
        }
        self.bytes_most += text_bytes_most(text);
    }

    /// A value that is too large or too deep becomes text that says so: cutting inside it would make up a
    /// value that never was.
    fn value(&mut self, name: &str, value: &mut Value) {
        let bytes_max = self.value_bytes_max;
        if let Value::String(text) = value {
            if let Some(cut) = cut(text, bytes_max) {
                *text = cut.into();
                self.fields.push(name.to_owned());
            }
            self.bytes_most += text_bytes_most(text);
            return;
        }
        if is_deep(value, DEPTH_MAX) {
            *value = Value::from("(too deep)");
            return self.fields.push(name.to_owned());
        }
        let bytes_most = value_bytes_most(value);
        self.bytes_most += bytes_most;
        let bytes = if bytes_most > bytes_max { value.to_string().len() } else { bytes_most };
        if bytes > bytes_max {
            *value = Value::from(format!("(too large: {bytes} bytes)"));
            self.fields.push(name.to_owned());
        }
    }

    fn sentence(&mut self, sentence: &mut Sentence) {
        if sentence.text.len() <= SENTENCE_BYTES_MAX {
            return;
        }
        let mut room = SENTENCE_BYTES_MAX;
        let parts = std::mem::take(&mut sentence.parts).into_iter().map(|part| {
            let mut cut = |text: String| {
                let kept = text[..text.floor_char_boundary(room)].to_owned();
                room -= kept.len();
                kept
            };
            match part {
                Part::Text(text) => Part::Text(cut(text)),
                Part::Value(text) => Part::Value(cut(text)),
            }
        });
        *sentence = Sentence::from_parts(parts.collect());
        self.fields.push("message".to_owned());
    }
}

/// The text as far as it may go; `None` where it is not longer than that.
fn cut(text: &str, bytes_max: usize) -> Option<String> {
    let kept = &text[..text.floor_char_boundary(bytes_max)];
    (text.len() > bytes_max).then(|| format!("{kept}… ({} bytes)", text.len()))
}

/// What always fits: every text above is bounded, and nothing that has a count is left.
fn least(mut event: Event) -> Event {
    event.changes.clear();
    event.details = Map::new();
    event.links.clear();
    event.raw = Map::new();
    event.tags.clear();
    event.notes.truncate(NOTES_KEPT);
    event.notes.push(Note::plain(NoteCode::EventMinimal));
    event
}

fn size(event: &Event) -> usize {
    serde_json::to_vec(event).map_or(usize::MAX, |bytes| bytes.len())
}

/// What the walk of [`Cut`] does not see: names, tags, labels and the parts of a sentence.
fn unbounded_bytes_most(event: &Event) -> usize {
    let texts = event.tags.iter().chain([&event.rule.id, &event.rule.version]);
    let texts = texts.chain(event.changes.iter().filter_map(|change| change.label.as_ref()));
    let names = event.details.keys().chain(event.raw.keys()).map(|name| name.as_str());
    let texts = texts.chain([&event.message.text]).map(String::as_str).chain(names).map(text_bytes_most);
    let parts = event.message.parts.iter().map(|part| text_bytes_most(part.as_str()));
    let notes = (event.notes.len() + event.changes.len() + event.links.len()) * FRAME_BYTES_MOST;
    notes + texts.chain(parts).sum::<usize>()
}

/// Escaped and quoted, with a member name of ours and the marks around it.
fn text_bytes_most(text: &str) -> usize {
    text.len() * ESCAPED_BYTES_MOST + 64
}

/// The JSON of a value that is not too deep.
fn value_bytes_most(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) => 8,
        Value::Number(_) => 32,
        Value::String(text) => text_bytes_most(text),
        Value::Array(elements) => 8 + elements.iter().map(value_bytes_most).sum::<usize>(),
        Value::Object(members) => {
            let members = members.iter();
            8 + members.map(|(name, value)| text_bytes_most(name) + value_bytes_most(value)).sum::<usize>()
        }
    }
}

fn is_deep(value: &Value, left: usize) -> bool {
    match value {
        Value::Array(elements) => left == 0 || elements.iter().any(|element| is_deep(element, left - 1)),
        Value::Object(members) => left == 0 || members.values().any(|member| is_deep(member, left - 1)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// `\u001f` of one byte.
const ESCAPED_BYTES_MOST: usize = 6;
/// Member names, ids, times and words of an event, far more than there are; as many for each note, change
/// and link.
const FRAME_BYTES_MOST: usize = 2 << 10;
/// One event as JSON.
const EVENT_BYTES_MAX: usize = 1 << 20;
/// One value of changes, details or raw.
const VALUE_BYTES_MAX: usize = 64 << 10;
/// The same in an event that is too large as a whole.
const SMALL_BYTES_MAX: usize = 1 << 10;
/// URL, user agent, reason, error.
const WORDS_BYTES_MAX: usize = 8 << 10;
/// Names, identifiers, labels.
const NAME_BYTES_MAX: usize = 1 << 10;
const METHOD_BYTES_MAX: usize = 64;
const SENTENCE_BYTES_MAX: usize = 4 << 10;
/// Below what serde_json reads back (128), with room for the event around it.
const DEPTH_MAX: usize = 64;
const REASONS_MAX: usize = 20;
const CHANGES_KEPT: usize = 200;
const NOTES_KEPT: usize = 20;
const FIELDS_TOLD: usize = 20;

#[cfg(test)]
mod tests {
    use crate::value::{Value, json};

    use super::*;

    #[test]
    fn an_event_with_everything_too_large_still_fits_and_can_be_read_back() {
        // THREATS E42
        let huge = "é".repeat(1 << 20);
        let mut event = crate::derive::tests::an_event();
        for text in [&mut event.action, &mut event.title, &mut event.request.url, &mut event.request.method] {
            text.clone_from(&huge);
        }
        event.reason = Some(huge.clone());
        event.client.user_agent = Some(huge.clone());
        event.message = Sentence::from_parts(vec![Part::Text("a".into()), Part::Value(huge.clone())]);
        let mut deep = json!(1);
        for _ in 0..500 {
            deep = json!([deep]);
        }
        event.details.insert("deep", deep);
        for number in 0..5_000 {
            event.details.insert(format!("d{number}"), json!(huge[..2000].to_owned()));
        }
        event.raw.insert("$.request", json!({"a": huge}));
        let event = fit(event);
        let bytes = serde_json::to_vec(&event).unwrap();
        assert!(bytes.len() <= EVENT_BYTES_MAX, "{}", bytes.len());
        assert!(event.notes.iter().any(|note| note.code == NoteCode::FieldCut));
        serde_json::from_slice::<Event>(&bytes).unwrap();
    }

    #[test]
    fn an_ordinary_event_stays_as_it_was() {
        let mut event = crate::derive::tests::an_event();
        event.details.insert("a", Value::from(1));
        assert_eq!(fit(event.clone()), event);
    }
}
