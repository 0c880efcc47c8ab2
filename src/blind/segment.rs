//! Which segments of a path are identifiers by their look. They fold at once, and no value of them is kept:
//! an identifier says nothing about the route, and may say something about a person.

/// What stands behind an identifier in its segment (`.ics`, or nothing); `None` when it is none.
pub(super) fn behind_id(segment: &str) -> Option<&str> {
    let at = segment.rfind('.').filter(|at| *at > 0);
    let is_ending = |ending: &str| {
        (2..=5).contains(&ending.len()) && ending[1..].bytes().all(|byte| byte.is_ascii_alphabetic())
    };
    match at.map(|at| segment.split_at(at)) {
        Some((stem, ending)) if is_ending(ending) && is_id(stem) && !segment.contains(['@', '%']) => {
            Some(ending)
        }
        _ => is_id(segment).then_some(""),
    }
}

/// Numbers, UUIDs, dates, e-mail addresses, long hex and base62, slugs with numbers in them; and whatever is
/// too long or too odd to be the name of a route.
fn is_id(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~');
    let is_date = || digits >= 4 && text.bytes().all(|byte| is_plain(byte) && !byte.is_ascii_lowercase());
    let is_long_hex = || text.len() >= 8 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) && digits > 0;
    let has_both_cases = || {
        let upper = text.bytes().filter(u8::is_ascii_uppercase).count();
        // Names in camel case have fewer.
        upper * 4 >= text.len() && text.bytes().any(|byte| byte.is_ascii_lowercase())
    };
    digits == text.len()
        || text.len() > LITERAL_BYTES_MAX
        || !text.bytes().all(is_plain)
        || is_date()
        || is_long_hex()
        || (text.len() >= 6 && digits >= 3)
        || (text.len() >= 16 && (digits > 0 || (has_both_cases() && !text.contains(['-', '_', '.']))))
}

const LITERAL_BYTES_MAX: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_fold_and_names_of_routes_do_not() {
        let ids = [
            "7",
            "2026",
            "0e8a3a1e-58a5-4c29-9d0e-0b7f6a1d2c3b",
            "2026-01-31",
            "2026-01-31T08:00:00Z",
            "ada@x.org",
            "ada%40x.org",
            "deadbeef01",
            "cm3k9x2ab",
            "bk_12345",
            "XvQzRtYpLmNbVcXz",
            "a%20b",
            "{id}",
            "jan-2026-01",
        ];
        for id in ids {
            assert_eq!(behind_id(id), Some(""), "{id}");
        }
        let names = [
            "bookings",
            "v2",
            "cancel-all",
            "oauth2",
            "event-types",
            "calendarList",
            "quickAdd",
            "_trpc",
            "index.php",
            "saveAvailabilityForAll",
            "api",
            "x509",
        ];
        for name in names {
            assert_eq!(behind_id(name), None, "{name}");
        }
        assert_eq!(behind_id("0e8a3a1e-58a5-4c29.ics"), Some(".ics"));
        assert_eq!(behind_id("12.json"), Some(".json"));
    }
}
