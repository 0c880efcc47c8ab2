//! What the end of the last process has left open: intents without an end. Each becomes an event, so that whatever
//! the application may have done is told, though nobody knows whether it did.

use jiff::Timestamp;
use uuid::Uuid;

use crate::event::own::{self, Own};
use crate::event::{Event, Intent, Note, NoteCode, Outcome};
use crate::journal::OpenIntent;
use crate::record::{Log, RecordError, Urgency};

impl Log {
    /// Makes an event of each intent that was found open, and closes it; how many there were. To be called before
    /// anything else is recorded. What cannot be written stays open until the next start.
    pub async fn recover(&self) -> usize {
        let open = std::mem::take(&mut *self.inner.open.lock());
        let count = open.len();
        // All are on their way before the first is waited for: they share their syncs.
        let mut writing = tokio::task::JoinSet::new();
        for intent in open {
            let (log, id) = (self.clone(), intent.id);
            writing.spawn(async move { log.append(&[event_of(&intent)], Some(id), Urgency::Now).await });
            if writing.len() >= TOGETHER_MAX {
                told(writing.join_next().await);
            }
        }
        while let Some(written) = writing.join_next().await {
            told(Some(written));
        }
        if count > 0 {
            tracing::warn!(
                count,
                "requests were under way when the last process ended: what became of them is unknown"
            );
        }
        count
    }
}

fn told(written: Option<Result<Result<(), RecordError>, tokio::task::JoinError>>) {
    if let Some(Ok(Err(error))) = written {
        tracing::error!(%error, "a request that was under way at the last end could not be recorded");
    }
}

fn event_of(open: &OpenIntent) -> Event {
    let id = Uuid::now_v7();
    match serde_json::from_slice::<Intent>(&open.body) {
        Ok(intent) => intent.into_event(id),
        // Another version may have written it: that there was something is still known.
        Err(_) => Event {
            exchange_id: open.id,
            notes: vec![Note::plain(NoteCode::Recovered), Note::plain(NoteCode::EventMinimal)],
            ..own::event(Own {
                id,
                time: Timestamp::now(),
                rule: "recovered",
                action: "UNKNOWN",
                title: "A request whose end is unknown",
                text: "A request was under way when the recorder ended; what it was cannot be read"
                    .to_owned(),
                result: Outcome::Unknown,
            })
        },
    }
}

/// Events on their way at a time.
const TOGETHER_MAX: usize = 512;
