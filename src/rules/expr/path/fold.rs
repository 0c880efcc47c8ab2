//! Members by name, also when the client spelled the name in another case.
//!
//! Go and .NET read `{"Role": "ADMIN"}` as `role`, and Go folds `ſ` and the Kelvin sign too (THREATS E19);
//! a reader that insists on the exact name could be passed by. What is found so is taken and doubted, and so is what
//! has another of its name beside it: which of the two counts, the application alone knows.

use std::fmt::Write as _;

use crate::value::{Map, Value};

/// What an object has under a name.
#[derive(Debug)]
pub enum Member<'a> {
    /// There is one of exactly this name.
    Exact(&'a Value),
    /// There is one of this name after folding case only: what it is called, and its value.
    Folded(&'a str, &'a Value),
    /// There is none.
    Missing,
}

/// The member of that name, exactly or else after folding case.
pub fn member<'a>(members: &'a Map, name: &str) -> Member<'a> {
    if let Some(value) = members.get(name) {
        return Member::Exact(value);
    }
    match in_any_case(members, name) {
        Some((other, value)) => Member::Folded(other, value),
        None => Member::Missing,
    }
}

/// The first member of that name after folding case: what it is called, and its value.
pub(in crate::rules::expr) fn in_any_case<'a>(members: &'a Map, name: &str) -> Option<(&'a str, &'a Value)> {
    members.iter().find(|(other, _)| folds_to(other, name)).map(|(other, value)| (other.as_str(), value))
}

/// Why another reader may take something else for the member of that name than the one that was taken, for people;
/// `None` where nobody can.
pub(in crate::rules::expr) fn otherwise(members: &Map, name: &str, taken: &str) -> Option<String> {
    let mut told = String::new();
    if taken != name {
        // Writing to a string cannot fail.
        let _ = write!(told, "`{taken}` was taken for `{name}`");
    }
    let others = members.iter().filter(|(other, _)| *other != taken && folds_to(other, name));
    for (other, value) in others.take(OTHERS_MAX) {
        let value: String = value.to_string().chars().take(SHOWN_CHARS).collect();
        let between = if told.is_empty() { "" } else { "; " };
        let _ = write!(told, "{between}beside it `{other}` is {value}");
    }
    (!told.is_empty()).then_some(told)
}

/// Whether two names are the same to a reader that does not tell upper from lower case.
fn folds_to(left: &str, right: &str) -> bool {
    if left.is_ascii() && right.is_ascii() {
        return left.eq_ignore_ascii_case(right);
    }
    folded(left).eq(folded(right))
}

fn folded(text: &str) -> impl Iterator<Item = char> + '_ {
    text.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase)
}

/// Others of one name that are told.
const OTHERS_MAX: usize = 4;
/// Characters of a value that are told.
const SHOWN_CHARS: usize = 200;
