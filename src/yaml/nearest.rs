//! "Did you mean": the known name that an unknown one was probably meant to be.

/// The candidate nearest to `name`, if one is so near that a slip of the pen explains the difference.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let folded = fold(name);
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&folded, &fold(candidate)), candidate))
        .filter(|(distance, candidate)| {
            *distance <= (candidate.len() / 3).max(1).min(candidate.len().saturating_sub(1))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Case and separators are the commonest slips (`trustedProxies`), so they count as nothing.
fn fold(name: &str) -> String {
    name.chars()
        .take(NAME_CHARS_MAX)
        .filter(|character| !matches!(character, '_' | '-' | ' '))
        .flat_map(char::to_lowercase)
        .collect()
}

/// The distance costs the product of both lengths, so a name of a megabyte is not compared whole.
const NAME_CHARS_MAX: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognised_and_a_stranger_is_not() {
        let check = |name: &str, expected: Option<&str>| {
            let known = ["listen", "upstream", "trusted_proxies", "data_dir", "q"];
            assert_eq!(nearest(name, known), expected, "{name}");
        };
        check("lisen", Some("listen"));
        check("trustedProxies", Some("trusted_proxies"));
        check("data-dir", Some("data_dir"));
        check("upstraem", Some("upstream"));
        check("workers", None);
        check("x", None);
        check("", None);
        check(&"x".repeat(1 << 20), None);
    }
}
