//! Numbers that are the same to every reader; any other stays the text that was sent (THREATS E26).

use crate::value::Number;

/// The number, where nothing of its text is lost. 9007199254740993.0 is an even number to some applications
/// and an identifier to others, `01` and `1e400` are numbers to some only.
pub(super) fn exact(text: &str) -> Option<Number> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let has_odd_start = !digits.starts_with(|c: char| c.is_ascii_digit())
        || (digits.len() > 1 && digits.starts_with('0') && digits.as_bytes()[1].is_ascii_digit());
    if has_odd_start {
        return None;
    }
    if digits.bytes().all(|byte| byte.is_ascii_digit()) && text != "-0" {
        return text.parse::<u64>().map(Number::from).or_else(|_| text.parse::<i64>().map(Number::from)).ok();
    }
    let number = text.parse::<f64>().ok()?;
    let sent = significant(digits);
    let is_kept = sent.len() <= DIGITS_EXACT || sent == significant(&format!("{:e}", number.abs()));
    Number::from_f64(number).filter(|_| is_kept)
}

/// The digits that tell one number from another, apart from its size.
fn significant(text: &str) -> String {
    let mantissa = text.split(['e', 'E']).next().unwrap_or_default();
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    digits.trim_matches('0').to_owned()
}

/// Decimal digits that every binary fraction keeps.
const DIGITS_EXACT: usize = 15;

#[cfg(test)]
mod tests {
    use super::*;

    // THREATS E26
    #[test]
    fn a_number_is_exact_or_stays_text() {
        let check = |text: &str, expected: Option<&str>| {
            let found = exact(text).map(|number| number.to_string());
            assert_eq!(found.as_deref(), expected, "{text}");
        };
        check("9007199254740993", Some("9007199254740993"));
        check("18446744073709551615", Some("18446744073709551615"));
        check("-9223372036854775808", Some("-9223372036854775808"));
        check("18446744073709551616", None);
        check("9007199254740993.0", None);
        check("9007199254740992.0", Some("9007199254740992.0"));
        check("0.30000000000000004", Some("0.30000000000000004"));
        check("0.300000000000000041", None);
        check("1.0", Some("1.0"));
        check("-0", Some("-0.0"));
        check("1e3", Some("1000.0"));
        check("1e400", None);
        check("01", None);
        check("+1", None);
        check(".5", None);
        check("1e", None);
    }
}
