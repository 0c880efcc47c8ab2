//! Log lines on standard error: for people as text, for programs as one JSON object a line.
//!
//! Fields, not prose: a line says what happened, its fields say to what. Bodies, tokens and whatever redaction
//! covers are never logged; that is the duty of whoever logs, for here it could no longer be told apart.

use std::io::IsTerminal;

use tracing_subscriber::filter::{EnvFilter, ParseError};
use tracing_subscriber::util::SubscriberInitExt;

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people; coloured on a terminal.
    Text,
    /// For programs: one object a line.
    Json,
}

/// Why logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum LogsError {
    /// The filter is not one.
    #[error("the log filter `{filter}` cannot be read ({source}); write `info`, or `earwitness=debug,info`")]
    Filter {
        /// As given.
        filter: String,
        /// What is wrong with it.
        source: ParseError,
    },
    /// Somebody set it up before.
    #[error("logging is set up already")]
    Twice,
}

/// Sets up logging for the whole process; called once, before anything logs. `filter` is a level, or several
/// of the form `target=level`.
///
/// # Errors
/// When the filter cannot be read, or logging is set up already.
pub fn init(format: LogFormat, filter: &str) -> Result<(), LogsError> {
    let is_terminal = std::io::stderr().is_terminal();
    let subscriber = subscriber(format, filter, is_terminal, std::io::stderr)?;
    subscriber.try_init().map_err(|_| LogsError::Twice)
}

/// What [`init`] sets up, with any writer.
fn subscriber<W>(
    format: LogFormat,
    filter: &str,
    is_terminal: bool,
    writer: W,
) -> Result<Box<dyn tracing::Subscriber + Send + Sync>, LogsError>
where
    W: for<'w> tracing_subscriber::fmt::MakeWriter<'w> + Send + Sync + 'static,
{
    let filter = EnvFilter::builder()
        .parse(filter)
        .map_err(|source| LogsError::Filter { filter: filter.to_owned(), source })?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer);
    // A line that cannot be written would be told by `eprintln!`, which panics where standard error is full, too: in
    // the thread that keeps the record, or in the middle of an answer.
    let lines = lines.log_internal_errors(false);
    Ok(match format {
        LogFormat::Text => Box::new(lines.with_ansi(is_terminal).finish()),
        LogFormat::Json => Box::new(lines.json().flatten_event(true).finish()),
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::Arc;

    use parking_lot::Mutex;

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn logged(format: LogFormat, filter: &str) -> String {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = subscriber(format, filter, false, move || writer.clone()).unwrap();
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(path = "a\nb\u{1b}[31m", count = 3, "it happened");
            tracing::debug!("a detail");
        });
        let bytes = lines.0.lock().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn json_is_one_object_a_line_with_the_fields_as_members() {
        let text = logged(LogFormat::Json, "info");
        assert_eq!(text.lines().count(), 1, "{text}");
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!((&line["message"], &line["level"]), (&"it happened".into(), &"INFO".into()));
        assert_eq!((&line["path"], &line["count"]), (&"a\nb\u{1b}[31m".into(), &3.into()));
    }

    #[test]
    fn a_value_cannot_make_a_line_of_its_own_or_reach_the_terminal() {
        let text = logged(LogFormat::Text, "info");
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(text.contains("it happened") && !text.contains('\u{1b}'), "{text}");
    }

    #[test]
    fn the_filter_says_what_is_logged_and_a_wrong_one_is_told() {
        assert_eq!(logged(LogFormat::Text, "debug").lines().count(), 2);
        assert_eq!(logged(LogFormat::Text, "earwitness=debug,warn").lines().count(), 2);
        assert_eq!(logged(LogFormat::Text, "off"), "");
        let error = subscriber(LogFormat::Text, "earwitness=loud", false, std::io::stderr).err().unwrap();
        assert!(error.to_string().contains("`earwitness=loud`"), "{error}");
    }
}
