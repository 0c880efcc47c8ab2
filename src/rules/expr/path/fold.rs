//! Members by name, also when the client spelled the name in another case.
//!
//! Go and .NET read `{"Role": "ADMIN"}` as `role`, and Go folds `ſ` and the Kelvin sign too (THREATS E19);
//! a reader that insists on the exact name could be passed by. What is found so is taken and doubted.

use crate::value::{Map, Value};

/// What an object has under a name.
#[derive(Debug)]
pub enum Member<'a> {
    /// There is one of exactly this name.
    Exact(&'a Value),
    /// There is only one of this name after folding case: what it is called, and its value.
    Folded(&'a str, &'a Value),
    /// There is none.
    Missing,
}

/// The member of that name, exactly or else after folding case.
pub fn member<'a>(members: &'a Map, name: &str) -> Member<'a> {
    if let Some(value) = members.get(name) {
        return Member::Exact(value);
    }
    match members.iter().find(|(other, _)| folds_to(other, name)) {
        Some((other, value)) => Member::Folded(other, value),
        None => Member::Missing,
    }
}

/// Whether two names are the same to a reader that does not tell upper from lower case.
fn folds_to(left: &str, right: &str) -> bool {
    folded(left).eq(folded(right))
}

fn folded(text: &str) -> impl Iterator<Item = char> + '_ {
    text.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase)
}
