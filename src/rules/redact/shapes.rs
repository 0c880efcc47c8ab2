//! Secrets known by their shape, wherever they stand, and names inside text: URL parameters, JSON in
//! strings.

use std::sync::LazyLock;

use percent_encoding::percent_decode_str;
use regex::{Captures, Regex};

use super::names::Kind;
use super::{At, PLAIN, Place, Redactor, is_redacted};
use crate::value::{Number, Value};

/// The text without its secrets; `None` when it holds none.
pub(super) fn replace(text: &str, redactor: &Redactor<'_>, depth: usize) -> Option<String> {
    if text.len() < SECRET_BYTES_MIN || is_harmless(text) {
        return None;
    }
    let mut safe = nested_json(text, redactor, depth);
    // Each pass costs a look for what it cannot do without; most text passes none.
    let mut pass = |needs: &dyn Fn(&str) -> bool, replace: &dyn Fn(&str) -> String| {
        let current = safe.as_deref().unwrap_or(text);
        if needs(current) {
            let replaced = replace(current);
            if replaced != current {
                safe = Some(replaced);
            }
        }
    };
    pass(&|text| text.contains('='), &|text| parameters(text, redactor));
    pass(&|text| text.contains("://") && text.contains('@'), &|text| {
        USERINFO.replace_all(text, format!("$1{PLAIN}@")).into_owned()
    });
    pass(&|text| text.contains("\":") || text.contains("\" :"), &|text| pairs(text, redactor));
    for (mark, shape) in [("eyJ", &JWT), ("cal_", &CAL), ("-----BEGIN", &PEM)] {
        pass(&|text| text.contains(mark), &|text| {
            let hashed = |found: &Captures<'_>| redactor.replacement(&found[0], Kind::Token);
            shape.replace_all(text, hashed).into_owned()
        });
    }
    pass(&|text| text.bytes().filter(u8::is_ascii_digit).count() >= CARD_DIGITS_MIN, &cards);
    safe
}

/// Whether no pass below can find anything, at the cost of one look at each byte. Nearly all text ends here;
/// to be wrong the other way only costs the passes.
fn is_harmless(text: &str) -> bool {
    let marks = text.bytes().fold(0, |marks, byte| marks | MARKS[usize::from(byte)]);
    let has = |wanted: u8| marks & wanted != 0;
    !(has(EQUALS)
        || has(QUOTE)
        || (has(BRACKET) && text.trim_start().starts_with(['{', '[']))
        || (has(AT_SIGN) && text.contains("://"))
        || (has(CAPITAL) && (text.contains("eyJ") || text.contains("-----BEGIN")))
        || (has(UNDERSCORE) && text.contains("cal_"))
        || (has(DIGIT) && digits_in_a_row(text) >= CARD_DIGITS_MIN))
}

/// The most digits that only blanks and dashes part.
fn digits_in_a_row(text: &str) -> usize {
    let (mut digits, mut digits_most) = (0, 0);
    for byte in text.bytes() {
        digits = match MARKS[usize::from(byte)] {
            DIGIT => digits + 1,
            BETWEEN_DIGITS => digits,
            _ => 0,
        };
        digits_most = digits_most.max(digits);
    }
    digits_most
}

const EQUALS: u8 = 1;
const QUOTE: u8 = 2;
const BRACKET: u8 = 4;
const AT_SIGN: u8 = 8;
/// One that `eyJ` or `-----BEGIN` has.
const CAPITAL: u8 = 16;
const UNDERSCORE: u8 = 32;
const DIGIT: u8 = 64;
const BETWEEN_DIGITS: u8 = 128;

/// What each byte may be a part of.
const MARKS: [u8; 256] = {
    let mut marks = [0; 256];
    marks[b'=' as usize] = EQUALS;
    marks[b'"' as usize] = QUOTE;
    marks[b'{' as usize] = BRACKET;
    marks[b'[' as usize] = BRACKET;
    marks[b'@' as usize] = AT_SIGN;
    marks[b'J' as usize] = CAPITAL;
    marks[b'B' as usize] = CAPITAL;
    marks[b'_' as usize] = UNDERSCORE;
    marks[b' ' as usize] = BETWEEN_DIGITS;
    marks[b'-' as usize] = BETWEEN_DIGITS;
    let mut digit = b'0';
    while digit <= b'9' {
        marks[digit as usize] = DIGIT;
        digit += 1;
    }
    marks
};

/// JSON inside a string, as tRPC's `input` and webhook payloads have it.
fn nested_json(text: &str, redactor: &Redactor<'_>, depth: usize) -> Option<String> {
    if depth >= NESTED_MAX || !text.trim_start().starts_with(['{', '[']) {
        return None;
    }
    let mut value: Value = serde_json::from_str(text).ok()?;
    let before = value.clone();
    walk(&mut value, redactor, depth + 1);
    (value != before).then(|| value.to_string())
}

fn walk(value: &mut Value, redactor: &Redactor<'_>, depth: usize) {
    match value {
        Value::Object(members) => {
            for (name, member) in members.iter_mut() {
                match redactor.kind(name) {
                    Some(_) => redactor.walk(member, &At { parent: None, step: Place::Name(name) }, None),
                    None => walk(member, redactor, depth),
                }
            }
        }
        Value::Array(elements) => elements.iter_mut().for_each(|element| walk(element, redactor, depth)),
        Value::String(text) => {
            if let Some(safe) = replace(text, redactor, depth) {
                *text = safe.into();
            }
        }
        Value::Number(number) => {
            if is_card_number(number) {
                *value = Value::from(PLAIN);
            }
        }
        Value::Null | Value::Bool(_) => {}
    }
}

/// `?token=x&a=b`, also in the middle of text. Only secret parameters: a login's `?error=` stays readable.
fn parameters(text: &str, redactor: &Redactor<'_>) -> String {
    let replaced = PARAMETER.replace_all(text, |found: &Captures<'_>| {
        let name = percent_decode_str(&found[2]).decode_utf8_lossy().into_owned();
        match redactor.kind(&name) {
            Some(kind) if !found[3].is_empty() && !is_redacted(&found[3]) => {
                let value = percent_decode_str(&found[3]).decode_utf8_lossy().into_owned();
                format!("{}{}={}", &found[1], &found[2], redactor.replacement(&value, kind))
            }
            Some(_) | None => found[0].to_owned(),
        }
    });
    replaced.into_owned()
}

/// `"password": "x"` in text that is not JSON as a whole.
fn pairs(text: &str, redactor: &Redactor<'_>) -> String {
    let replaced = PAIR.replace_all(text, |found: &Captures<'_>| match redactor.kind(&found[1]) {
        Some(kind) if !is_redacted(&found[2]) => {
            format!("\"{}\":\"{}\"", &found[1], redactor.replacement(&found[2], kind))
        }
        Some(_) | None => found[0].to_owned(),
    });
    replaced.into_owned()
}

fn cards(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    let mut end = 0;
    for found in DIGITS.find_iter(text) {
        let is_inside = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric());
        let before = text[..found.start()].chars().next_back();
        let after = text[found.end()..].chars().next();
        if !is_inside(before) && !is_inside(after) && is_card(found.as_str()) {
            safe.push_str(&text[end..found.start()]);
            safe.push_str(PLAIN);
            end = found.end();
        }
    }
    safe.push_str(&text[end..]);
    safe
}

/// A payment card: an issuer's first digits, its length, and the check digit (ISO/IEC 7812-1).
pub(super) fn is_card(text: &str) -> bool {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_digit).map(|byte| byte - b'0').collect();
    let is_issued = matches!(
        (digits.as_slice(), digits.len()),
        ([4, ..] | [6, ..], 16 | 19) | ([3, 4 | 7, ..], 15) | ([5, 1..=5, ..] | [2, 2..=7, ..], 16)
    );
    is_issued && luhn(&digits)
}

/// The same of a number. Whole ones, which are nearly all, need no text when they are too short.
pub(super) fn is_card_number(number: &Number) -> bool {
    let whole = number.as_u64().or_else(|| number.as_i64().map(i64::unsigned_abs));
    whole.is_none_or(|whole| whole >= CARD_NUMBER_MIN) && is_card(&number.to_string())
}

fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| match (place % 2, digit * 2) {
            (0, _) => u32::from(*digit),
            (_, double) if double > 9 => u32::from(double - 9),
            (_, double) => u32::from(double),
        })
        .sum();
    sum.is_multiple_of(10)
}

fn shape(pattern: &str) -> Regex {
    Regex::new(pattern).expect("the patterns of this file are compiled by its tests")
}

static JWT: LazyLock<Regex> =
    LazyLock::new(|| shape(r"\beyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{5,}(?:\.[A-Za-z0-9_-]*)*"));
static CAL: LazyLock<Regex> = LazyLock::new(|| shape(r"\bcal_[A-Za-z0-9_]{16,}"));
static PEM: LazyLock<Regex> =
    LazyLock::new(|| shape(r"(?s)-----BEGIN [A-Z0-9 ]+-----.*?(?:-----END [A-Z0-9 ]+-----|$)"));
static DIGITS: LazyLock<Regex> = LazyLock::new(|| shape(r"[0-9](?:[ -]?[0-9]){14,}"));
static PARAMETER: LazyLock<Regex> =
    LazyLock::new(|| shape(r#"(^|[?&#;\s"'/])([^=&?#;\s"'/<>]{1,128})=([^&#;\s"'<>]*)"#));
static PAIR: LazyLock<Regex> =
    LazyLock::new(|| shape(r#""([^"\\]{1,128})"\s*:\s*"((?:[^"\\]|\\.)*)(?:"|$)"#));
static USERINFO: LazyLock<Regex> = LazyLock::new(|| shape(r"(://[^/\s:@?#]*:)[^@/\s]+@"));

/// `pin=1`: no shorter text holds a name and a secret.
const SECRET_BYTES_MIN: usize = 5;
const CARD_DIGITS_MIN: usize = 15;
/// The least number of so many digits.
const CARD_NUMBER_MIN: u64 = 100_000_000_000_000;
/// JSON in a string in JSON in a string.
const NESTED_MAX: usize = 3;
