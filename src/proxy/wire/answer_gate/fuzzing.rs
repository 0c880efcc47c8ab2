//! What the fuzz target `heads` calls: see `src/proxy/fuzzing.rs`.

use std::rc::Rc;
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncReadExt as _};

use super::{Gate, HeadLimits, Question, Talk};
use crate::serve::fuzzing::Pieces;
use crate::telemetry::Metrics;

static METRICS: LazyLock<Arc<Metrics>> = LazyLock::new(Metrics::new);

/// The gate before answers does not panic, and its verdict does not hang on how the bytes were cut. The first
/// byte says what was asked.
pub(in crate::proxy) fn answers(bytes: &[u8]) {
    let Some((first, bytes)) = bytes.split_first() else { return };
    let question = [Question::Plain, Question::Head, Question::Upgrade][usize::from(first % 3)];
    assert_eq!(is_refused(bytes, question), is_refused(Pieces(bytes), question));
}

fn is_refused(socket: impl AsyncRead + Unpin, question: Question) -> bool {
    let talk = Rc::new(Talk::default());
    talk.question.set(question);
    let limits = HeadLimits { head_bytes_max: 4 << 10, headers_max: 32 };
    let mut gate = Gate::new(socket, Rc::clone(&talk), limits, &METRICS);
    gate.writes();
    let mut shown = Vec::new();
    let reading = std::pin::pin!(gate.read_to_end(&mut shown));
    let ended = reading.poll(&mut Context::from_waker(Waker::noop()));
    assert!(matches!(ended, Poll::Ready(_)), "bytes that are there are never waited for");
    talk.unsound.get().is_some()
}
