//! A value that must never be seen: not in logs, not in problems, not in the `Debug` form of what holds it.

use std::fmt;

/// A secret text. It has no `Display`, and its `Debug` form says nothing about it, not even its length.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Takes a text into custody.
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    /// The text, for the one who compares or presents it; never for a message.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_debug_form_says_nothing_about_the_secret() {
        // THREATS O06
        assert_eq!(format!("{:?}", Some(Secret::new("correct horse"))), "Some(Secret(…))");
    }
}
