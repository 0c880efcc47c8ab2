//! The look at a raw answer's head before hyper parses it: pure functions over bytes, held to the same rules as
//! requests (THREATS D06). hyper takes Transfer-Encoding beside Content-Length, equal lengths, unknown codings
//! and any number of interim answers.

use super::Question;
use crate::serve::Refusal;
use crate::serve::gate::lines::{Framing, Lengths, field_of, has_control, line_of};
use crate::serve::gate::spelling::Found;

/// Why an answer is not passed on. The text is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unsound {
    /// The first line is not `HTTP/1.1 200 text`.
    #[error("the first line is not 'HTTP/1.1 status text'")]
    StatusLine,
    /// A line of the head, its framing, its size or a chunk.
    #[error("{0}")]
    Message(Refusal),
    /// An interim answer or a 101 over HTTP/1.0, or an interim one with a body.
    #[error("an interim answer is not one")]
    Interim,
    /// More than eight in a row.
    #[error("there are too many interim answers")]
    Interims,
    /// 101, and nobody asked for it.
    #[error("it switches to a protocol that nobody asked for")]
    Switch,
    /// Bytes while nothing was asked: left over, or never anybody's.
    #[error("nothing was asked")]
    Unasked,
}

/// What follows a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Follows {
    /// The final answer's head: this one was an interim answer.
    Head,
    /// The next answer.
    Nothing,
    /// Nothing that could be told apart from the next answer: it must be the last.
    Doubt,
    Body(Framing),
    /// Everything up to the end of the connection.
    Rest,
    /// No HTTP any more.
    Switch,
}

impl Unsound {
    /// The word in metrics.
    pub(super) fn reason(self) -> &'static str {
        match self {
            Unsound::StatusLine => "status_line",
            Unsound::Interim | Unsound::Interims => "interim",
            Unsound::Switch => "switch",
            Unsound::Unasked => "unasked",
            Unsound::Message(_) => "message",
        }
    }
}

impl From<Refusal> for Unsound {
    fn from(refusal: Refusal) -> Unsound {
        Unsound::Message(refusal)
    }
}

/// Reads a complete head, its empty line included.
pub(super) fn examine(
    head: &[u8],
    headers_max: usize,
    question: Question,
    found: &mut Found,
) -> Result<Follows, Unsound> {
    let (line, mut rest) = line_of(head)?;
    let status = status_line(line)?;
    let mut lengths = Lengths::default();
    let mut lines = 0;
    loop {
        let (line, next) = line_of(rest)?;
        if line.is_empty() {
            break;
        }
        lines += 1;
        if lines > headers_max {
            return Err(Refusal::TooManyHeaders.into());
        }
        let (name, value) = field_of(line)?;
        lengths.header(name, value)?;
        found.name(name);
        rest = next;
    }
    follows(&status, lengths.framing()?, question)
}

struct Status {
    code: u16,
    is_http_10: bool,
}

/// RFC 9112 section 4. The text may be missing with the blank before it, as many servers have it.
fn status_line(line: &[u8]) -> Result<Status, Unsound> {
    let (is_http_10, rest) = match (line.strip_prefix(b"HTTP/1.1 "), line.strip_prefix(b"HTTP/1.0 ")) {
        (Some(rest), _) => (false, rest),
        (None, Some(rest)) => (true, rest),
        (None, None) => return Err(Unsound::StatusLine),
    };
    let (digits, text) = rest.split_at_checked(3).ok_or(Unsound::StatusLine)?;
    let is_code = digits.iter().all(u8::is_ascii_digit) && digits[0] != b'0';
    let is_text = matches!(text, [] | [b' ', ..]) && !has_control(text);
    if !is_code || !is_text {
        return Err(Unsound::StatusLine);
    }
    let code = digits.iter().fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0'));
    Ok(Status { code, is_http_10 })
}

/// RFC 9112 section 6.3.
fn follows(status: &Status, framing: Option<Framing>, question: Question) -> Result<Follows, Unsound> {
    if status.is_http_10 && framing == Some(Framing::Chunked) {
        return Err(Refusal::BadCoding.into());
    }
    match (status.code, framing) {
        (100..=199, _) if status.is_http_10 => Err(Unsound::Interim),
        (101, _) if question == Question::Upgrade => Ok(Follows::Switch),
        (101, _) => Err(Unsound::Switch),
        (100..=199, None) => Ok(Follows::Head),
        (100..=199, Some(_)) => Err(Unsound::Interim),
        (204, None | Some(Framing::Length(0))) => Ok(Follows::Nothing),
        // No body, says the RFC; old readers, and the servers that send this, may think otherwise.
        (204, Some(_)) => Ok(Follows::Doubt),
        (304, _) => Ok(Follows::Nothing),
        _ if question == Question::Head => Ok(Follows::Nothing),
        (_, Some(Framing::Length(0))) => Ok(Follows::Nothing),
        (_, Some(framing)) => Ok(Follows::Body(framing)),
        (_, None) => Ok(Follows::Rest),
    }
}
