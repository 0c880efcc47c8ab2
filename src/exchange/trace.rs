//! `traceparent` (W3C Trace Context, level 1): by which trace the application and others before and behind it
//! know a request.
//!
//! Who sends one may say anything: it is a claim, kept as it is, and nothing of ours is found or left out by it
//! (THREATS E49).

use http::{HeaderMap, HeaderName, HeaderValue};

/// The header.
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// What a sound `traceparent` says (section 3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceParent<'a> {
    /// The trace, 32 digits of hexadecimal.
    pub trace_id: &'a str,
    /// The span that the request comes from, 16 digits.
    pub span_id: &'a str,
    /// Whether whoever sent it says that the trace is collected.
    pub is_sampled: bool,
}

/// The trace of these headers: where there is one `traceparent`, and it is what it should be.
pub fn trace_parent(headers: &HeaderMap) -> Option<TraceParent<'_>> {
    let mut values = headers.get_all(&TRACEPARENT).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    trace_parent_of(value)
}

/// Its id.
pub fn trace_id(headers: &HeaderMap) -> Option<&str> {
    trace_parent(headers).map(|parent| parent.trace_id)
}

fn trace_parent_of(value: &HeaderValue) -> Option<TraceParent<'_>> {
    let text = value.to_str().ok()?;
    let (known, rest) = text.split_at_checked(LENGTH)?;
    let (version, trace_id) = (known.get(..2)?, known.get(3..35)?);
    let (span_id, flags) = (known.get(36..52)?, known.get(53..)?);
    let is_whole = [2, 35, 52].into_iter().all(|at| known.as_bytes()[at] == b'-');
    let is_hex = |part: &str| part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let is_something = |part: &str| part.bytes().any(|byte| byte != b'0');
    let is_good = is_whole
        && [version, trace_id, span_id, flags].into_iter().all(is_hex)
        && is_something(trace_id)
        && is_something(span_id)
        && version != "ff"
        // Later versions may add to the end.
        && (rest.is_empty() || (version != "00" && rest.starts_with('-')));
    let is_sampled = u8::from_str_radix(flags, 16).is_ok_and(|flags| flags & SAMPLED != 0);
    is_good.then_some(TraceParent { trace_id, span_id, is_sampled })
}

/// The flag of a trace that is collected (section 3.2.2.5).
const SAMPLED: u8 = 1;
/// Of version 00.
const LENGTH: usize = 55;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_id_is_taken_from_one_good_header_and_from_nothing_else() {
        let check = |values: &[&str], expected: Option<&str>| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(TRACEPARENT, HeaderValue::from_str(value).unwrap());
            }
            assert_eq!(trace_id(&headers), expected, "{values:?}");
        };
        let id = "4bf92f3577b34da6a3ce929d0e0e4736";
        let good = format!("00-{id}-00f067aa0ba902b7-01");
        check(&[&good], Some(id));
        check(&[], None);
        check(&[&good, &good], None);
        check(&[&good.replace("-01", "-00")], Some(id));
        check(&[&good.replace("00-4", "cc-4")], Some(id));
        check(&[&(good.replace("00-4", "cc-4") + "-more")], Some(id));
        check(&[&(good.replace("00-4", "cc-4") + "more")], None);
        check(&[&(good.clone() + "-more")], None);
        check(&[&good.replace("00-4", "ff-4")], None);
        check(&[&good.to_uppercase()], None);
        check(&[&good.replace(id, &"0".repeat(32))], None);
        check(&[&good.replace("00f067aa0ba902b7", &"0".repeat(16))], None);
        check(&[&good.replace('-', "_")], None);
        check(&[&good[..54]], None);
        check(&[&good.replace("4bf9", "4bg9")], None);
        check(&[&format!("00-{id}0-0f067aa0ba902b7-01")], None);
        check(&["", "x"], None);
        check(&[""], None);
    }

    #[test]
    fn whether_a_trace_is_collected_is_one_flag_among_others() {
        for (flags, expected) in [("00", false), ("01", true), ("02", false), ("03", true), ("ff", true)] {
            let mut headers = HeaderMap::new();
            let value = format!("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-{flags}");
            headers.append(TRACEPARENT, HeaderValue::from_str(&value).unwrap());
            let parent = trace_parent(&headers).unwrap();
            assert_eq!((parent.span_id, parent.is_sampled), ("00f067aa0ba902b7", expected), "{flags}");
        }
    }
}
