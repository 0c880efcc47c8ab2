//! Query strings with a few parameters or none, read as strictly as that of the events.

use super::super::answers::problem::{Problem, Wrong};

/// Hands each parameter to `take`.
///
/// # Errors
/// Everything that is wrong: with a parameter that is not among the known ones, is empty or very long, or that `take`
/// refuses; at least one thing.
pub(in crate::api) fn read(
    query: &str,
    known: &[(&str, &str)],
    mut take: impl FnMut(&str, &str) -> Result<(), String>,
) -> Result<(), Vec<Wrong>> {
    let mut wrong = Vec::new();
    for (count, (name, value)) in form_urlencoded::parse(query.as_bytes()).enumerate() {
        let value = value.trim();
        let row = known.iter().find(|(known, _)| *known == name);
        let taken = match row {
            _ if count >= VALUES_MAX => Err("is one too many".to_owned()),
            None => Err("is not a parameter".to_owned()),
            Some(_) if value.is_empty() => Err("is empty".to_owned()),
            Some(_) if value.chars().count() > chars_max(&name) => Err("is too long".to_owned()),
            Some(_) => take(&name, value),
        };
        if let Err(detail) = taken {
            let accepts = row.map_or_else(|| names(known), |(_, accepts)| (*accepts).to_owned());
            wrong.push(Wrong { parameter: name.chars().take(60).collect(), detail, accepts });
            if wrong.len() == WRONG_MAX {
                break;
            }
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
}

/// Of an address that takes no parameters.
///
/// # Errors
/// When there is one.
pub(in crate::api) fn none(query: Option<&str>) -> Result<(), Problem> {
    read(query.unwrap_or(""), &[], |_, _| Ok(())).map_err(Problem::parameters)
}

fn names(known: &[(&str, &str)]) -> String {
    match known {
        [] => "nothing: this address has no parameters".to_owned(),
        known => known.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", "),
    }
}

/// A whole number in these bounds.
pub(in crate::api) fn number(text: &str, least: usize, most: usize) -> Result<usize, String> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|number| is_plain && (least..=most).contains(number));
    number.ok_or_else(|| format!("is not a whole number from {least} to {most}"))
}

/// How long a parameter may be, in characters; lists in one value are longer.
pub(in crate::api) fn chars_max(name: &str) -> usize {
    match name {
        "filters" | "columns" => 4_000,
        _ => 500,
    }
}

const VALUES_MAX: usize = 50;
const WRONG_MAX: usize = 20;
