//! Sentences kept as parts, so that a face can set values apart from the rule's own words: a booking
//! titled "Attendee removed by Admin" must never read like a second sentence of ours.

use serde::{Deserialize, Serialize};

/// A sentence as the rule's words and the values put into them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sentence {
    /// The whole, on one line.
    pub text: String,
    /// The same in pieces; their texts, joined, are `text`.
    pub parts: Vec<Part>,
}

/// A piece of a sentence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// Words of the rule.
    Text(String),
    /// A value from the traffic: one line, cut at 200 characters, never markup.
    Value(String),
}

impl Sentence {
    /// A sentence of these parts; empty ones are left out.
    pub fn from_parts(parts: Vec<Part>) -> Sentence {
        let parts: Vec<Part> = parts.into_iter().filter(|part| !part.as_str().is_empty()).collect();
        Sentence { text: parts.iter().map(Part::as_str).collect(), parts }
    }

    /// A sentence of the rule's words alone.
    pub fn plain(text: impl Into<String>) -> Sentence {
        Sentence::from_parts(vec![Part::Text(text.into())])
    }
}

impl Part {
    /// The piece's text, whichever kind it is.
    pub fn as_str(&self) -> &str {
        match self {
            Part::Text(text) | Part::Value(text) => text,
        }
    }
}
