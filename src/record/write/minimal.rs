//! Events as bytes. A field may be cut; an event may not be lost: what cannot be kept whole is kept as a
//! minimal event (THREATS, rule 5), which always fits.

use std::cell::RefCell;
use std::sync::Arc;

use crate::event::{Actor, Event, MatchFacts, Note, NoteCode, RequestFacts, RuleFacts, Sentence, Target};

/// An event's JSON: of the whole event, or of its minimal form.
pub(super) fn bytes_of(event: &Event) -> Arc<[u8]> {
    BUFFER.with_borrow_mut(|bytes| {
        let is_whole = write(event, bytes) && bytes.len() <= EVENT_BYTES_MAX && depth(bytes) <= DEPTH_MAX;
        if !is_whole {
            tracing::warn!(id = %event.id, rule = event.rule.id, "only a minimal event could be recorded");
            // Strings, numbers and enums only: nothing in it can fail to serialise.
            write(&minimal(event), bytes);
        }
        let json = Arc::from(bytes.as_slice());
        bytes.shrink_to(USUAL_BYTES);
        json
    })
}

thread_local! {
    /// Where an event is written before its length is known: made anew for each, it would cost a third of that.
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(Vec::with_capacity(USUAL_BYTES));
}

/// Writes an event's JSON in place of what stands there; false where it cannot be written.
fn write(event: &Event, bytes: &mut Vec<u8>) -> bool {
    bytes.clear();
    serde_json::to_writer(bytes, event).is_ok()
}

/// The least that an event says: what, when, who, by which rule and request, and with what result.
fn minimal(event: &Event) -> Event {
    let notes = event.notes.iter().map(|note| Note::plain(note.code)).take(NOTES_MAX);
    Event {
        action: cut(&event.action),
        title: cut(&event.title),
        r#type: event.r#type.as_deref().map(cut),
        category: event.category.as_deref().map(cut),
        message: Sentence::plain(cut(&event.title)),
        actor: minimal_actor(&event.actor),
        on_behalf_of: event.on_behalf_of.as_ref().map(minimal_actor),
        target: event.target.as_ref().map(|target| Target {
            r#type: cut(&target.r#type),
            id: target.id.as_deref().map(cut),
            requested_id: target.requested_id.as_deref().map(cut),
            name: target.name.as_deref().map(cut),
        }),
        links: Vec::new(),
        source: event.source.as_deref().map(cut),
        api_kind: event.api_kind.as_deref().map(cut),
        error: event.error.as_deref().map(cut),
        reason: event.reason.as_deref().map(cut),
        changes: Vec::new(),
        before: crate::event::BeforeFacts { ..event.before.clone() },
        details: Default::default(),
        scope: crate::event::Scope {
            organization: event.scope.organization.as_deref().map(cut),
            team: event.scope.team.as_deref().map(cut),
        },
        client: crate::event::ClientFacts {
            user_agent: event.client.user_agent.as_deref().map(cut),
            ..event.client.clone()
        },
        request: RequestFacts {
            id: cut(&event.request.id),
            trace_id: event.request.trace_id.as_deref().map(cut),
            method: cut(&event.request.method),
            url: cut(&event.request.url),
            destination: event.request.destination.as_deref().map(cut),
            operation: event.request.operation.as_deref().map(cut),
            part: event.request.part,
        },
        rule: RuleFacts { id: cut(&event.rule.id), version: cut(&event.rule.version) },
        r#match: MatchFacts { reasons: Vec::new(), ..event.r#match.clone() },
        notes: notes.chain([Note::plain(NoteCode::EventMinimal)]).collect(),
        tags: Vec::new(),
        raw: Default::default(),
        format: event.format,
        id: event.id,
        time: event.time,
        exchange_id: event.exchange_id,
        result: event.result,
        attempted: event.attempted,
        response: event.response.clone(),
    }
}

fn minimal_actor(actor: &Actor) -> Actor {
    Actor {
        r#type: cut(&actor.r#type),
        id: actor.id.as_deref().map(cut),
        name: actor.name.as_deref().map(cut),
        email: actor.email.as_deref().map(cut),
        role: actor.role.as_deref().map(cut),
        organization: actor.organization.as_deref().map(cut),
        team: actor.team.as_deref().map(cut),
        credential: actor.credential.as_deref().map(cut),
        assurance: actor.assurance,
        evidence: actor.evidence,
        evidence_age_s: actor.evidence_age_s,
    }
}

fn cut(text: &str) -> String {
    text.chars().take(TEXT_CHARACTERS_MAX).collect()
}

/// How deep objects and arrays are nested at most. Deeper than the parser reads, an event could be written and
/// never read again.
fn depth(json: &[u8]) -> usize {
    // Nearly always few enough to be sure of, at a fraction of the cost.
    let opened = opened(json);
    if opened <= DEPTH_MAX {
        return opened;
    }
    let (mut depth, mut deepest) = (0usize, 0);
    let (mut is_text, mut is_escaped) = (false, false);
    for byte in json {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = is_text,
            b'"' => is_text = !is_text,
            b'{' | b'[' if !is_text => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !is_text => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// How many objects and arrays begin, or seem to, in strings; counted in single bytes, many at once.
fn opened(json: &[u8]) -> usize {
    let counts = json.chunks(usize::from(u8::MAX)).map(|chunk| {
        // Two characters that differ in this one bit.
        let is_opening = |byte: &u8| u8::from(byte | (b'{' ^ b'[') == b'{');
        usize::from(chunk.iter().map(is_opening).sum::<u8>())
    });
    counts.sum()
}

const EVENT_BYTES_MAX: usize = 1 << 20;
/// Most events fit.
const USUAL_BYTES: usize = 4 << 10;
/// `serde_json` reads 127 levels.
const DEPTH_MAX: usize = 120;
const TEXT_CHARACTERS_MAX: usize = 500;
const NOTES_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::fixture::event;
    use crate::value::{Value, json};

    fn check(event: &Event, is_minimal: bool) {
        let bytes = bytes_of(event);
        let read: Event = serde_json::from_slice(&bytes).expect("what is written can be read");
        assert!(bytes.len() <= EVENT_BYTES_MAX);
        assert_eq!(read.notes.contains(&Note::plain(NoteCode::EventMinimal)), is_minimal);
        assert_eq!((read.id, read.time), (event.id, event.time));
        if !is_minimal {
            assert_eq!(&read, event);
        }
    }

    fn nested(levels: usize) -> Value {
        (0..levels).fold(
            json!("[{\"\\"),
            |inner, level| if level % 2 == 0 { json!([inner]) } else { json!({"a": inner}) },
        )
    }

    #[test]
    fn whatever_opens_is_counted() {
        let all: Vec<u8> = (0..=u8::MAX).cycle().take(10 * 256).collect();
        assert_eq!((opened(&all), opened(&[b'['; 1000]), opened(b"")), (20, 1000, 0));
    }

    #[test]
    fn an_event_that_is_too_large_or_too_deep_is_recorded_in_its_minimal_form() {
        let plain = event(1);
        check(&plain, false);
        for (levels, is_minimal) in [(100, false), (118, false), (119, true), (126, true), (500, true)] {
            let mut deep = plain.clone();
            deep.details.insert("deep".to_owned(), nested(levels));
            check(&deep, is_minimal);
        }
        let mut large = plain.clone();
        large.raw.insert("body".to_owned(), json!("x".repeat(EVENT_BYTES_MAX)));
        check(&large, true);
        let mut long = plain;
        long.request.url = "\u{1}".repeat(EVENT_BYTES_MAX);
        long.actor.name = Some("\u{1}".repeat(EVENT_BYTES_MAX));
        check(&long, true);
    }
}
