//! The grammar of `q`: a list of terms, all of which must hold. Flat on purpose: without parentheses nothing can
//! be nested, and a question costs what its words cost (THREATS Q15).
//!
//! ```text
//! search := term (blank term)*
//! term   := ["-"] [name ":"] ( word | word "*" | '"' anything '"' )
//! ```

use std::fmt;

use super::{Text, folded, push_line};
use crate::store::keyword::Keyword;
use crate::yaml::nearest;

/// One term.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clause {
    /// True when it must not hold.
    pub is_not: bool,
    /// What is looked for.
    pub what: What,
}

/// What a term looks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// Words that stand together, in one text or anywhere.
    Words(Option<Text>, Phrase),
    /// A whole value, without case.
    Value(Keyword, String),
}

/// Words that stand together in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phrase {
    /// Each folded; at least one.
    pub words: Vec<String>,
    /// True when the last one is only how a word begins.
    pub is_open: bool,
}

impl Clause {
    /// Words in all searches of a question together.
    pub const WORDS_MAX: usize = 32;

    /// Reads a search.
    ///
    /// # Errors
    /// Says what is wrong, as the end of a sentence that begins with the parameter's name.
    pub fn parse_all(text: &str) -> Result<Vec<Clause>, String> {
        let mut clauses = Vec::new();
        let mut rest = text.trim_start();
        while !rest.is_empty() {
            let (clause, behind) = term(rest)?;
            clauses.extend(clause);
            rest = behind.trim_start();
        }
        if clauses.is_empty() {
            return Err("holds no word".to_owned());
        }
        if Clause::words(&clauses) > Clause::WORDS_MAX {
            return Err(format!("holds more than {} words", Clause::WORDS_MAX));
        }
        Ok(clauses)
    }

    /// How many words these ask for.
    pub fn words(clauses: &[Clause]) -> usize {
        let words = |clause: &Clause| match &clause.what {
            What::Words(_, phrase) => phrase.words.len(),
            What::Value(..) => 1,
        };
        clauses.iter().map(words).sum()
    }
}

impl Phrase {
    /// The words of a text as they stand; `None` when it has none.
    pub(in crate::store) fn of(text: &str) -> Option<Phrase> {
        let mut line = String::new();
        push_line(text, &mut line);
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        (!words.is_empty()).then_some(Phrase { words, is_open: false })
    }

    /// True when one of these lines holds it.
    pub(in crate::store) fn is_in(&self, lines: &str) -> bool {
        memchr::memmem::find(lines.as_bytes(), self.needle().as_bytes()).is_some()
    }

    fn needle(&self) -> String {
        let end = if self.is_open { "" } else { " " };
        format!(" {}{end}", self.words.join(" "))
    }
}

/// One line for each clause that means something else.
impl fmt::Display for Clause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let not = if self.is_not { "-" } else { "" };
        match &self.what {
            What::Words(text, phrase) => {
                write!(f, "{not}{}:{}", text.map_or("", Text::as_str), phrase.needle())
            }
            What::Value(keyword, value) => write!(f, "{not}{}={value}", keyword.as_str()),
        }
    }
}

/// The first term, if it asks for anything, and what follows it.
fn term(text: &str) -> Result<(Option<Clause>, &str), String> {
    let (is_not, text) = match text.strip_prefix('-') {
        Some(rest) if !rest.is_empty() && !rest.starts_with(char::is_whitespace) => (true, rest),
        Some(_) | None => (false, text),
    };
    let (name, text) = named(text)?;
    let (value, is_quoted, behind) = match text.strip_prefix('"') {
        Some(quoted) => {
            let end = quoted.find('"').ok_or("has a quotation mark that is not closed")?;
            (&quoted[..end], true, &quoted[end + 1..])
        }
        None => {
            let end = text.find(char::is_whitespace).unwrap_or(text.len());
            (&text[..end], false, &text[end..])
        }
    };
    let what = match name {
        Some(Name::Keyword(keyword)) => {
            let value = value.trim();
            if value.is_empty() {
                return Err(format!("has no value for `{}:`", keyword.as_str()));
            }
            Some(What::Value(keyword, folded(value)))
        }
        Some(Name::Text(within)) => {
            let phrase = phrase(value, is_quoted)?;
            let phrase = phrase.ok_or_else(|| format!("has no word for `{}:`", within.as_str()))?;
            Some(What::Words(Some(within), phrase))
        }
        None => phrase(value, is_quoted)?.map(|phrase| What::Words(None, phrase)),
    };
    Ok((what.map(|what| Clause { is_not, what }), behind))
}

enum Name {
    Keyword(Keyword),
    Text(Text),
}

/// The name before a colon, and what follows that. Only letters are a name, so that `10:00` is a text.
fn named(text: &str) -> Result<(Option<Name>, &str), String> {
    let end = text.find(|letter: char| !letter.is_ascii_alphabetic()).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let Some(rest) = rest.strip_prefix(':').filter(|rest| !name.is_empty() && !rest.starts_with("//")) else {
        return Ok((None, text));
    };
    if let Some(keyword) = Keyword::parse(name) {
        return Ok((Some(Name::Keyword(keyword)), rest));
    }
    if let Some(text) = Text::ALL.into_iter().find(|text| text.as_str().eq_ignore_ascii_case(name)) {
        return Ok((Some(Name::Text(text)), rest));
    }
    let shown: String = name.chars().take(NAME_CHARS_MAX).collect();
    let known = Keyword::ALL.into_iter().map(Keyword::as_str).chain(Text::ALL.into_iter().map(Text::as_str));
    let near = match nearest(name, known) {
        Some(near) => format!("did you mean `{near}:`?"),
        None => "put it into quotation marks to look for the words".to_owned(),
    };
    Err(format!("has `{shown}:`, which is no field; {near}"))
}

fn phrase(text: &str, is_quoted: bool) -> Result<Option<Phrase>, String> {
    let open = text.strip_suffix('*').filter(|_| !is_quoted);
    let Some(begun) = open else { return Ok(Phrase::of(text)) };
    let phrase = Phrase::of(begun);
    let last = phrase.as_ref().and_then(|phrase| phrase.words.last());
    // A character that is a word of its own cannot be how a longer one begins.
    let is_long = last.is_some_and(|last| last.chars().count() >= PREFIX_CHARS_MIN || !last.is_ascii());
    if !is_long {
        return Err(format!("has a `*` behind fewer than {PREFIX_CHARS_MIN} letters"));
    }
    let is_open = begun.chars().next_back().is_some_and(char::is_alphanumeric)
        && last.is_some_and(|last| last.chars().count() >= PREFIX_CHARS_MIN);
    Ok(phrase.map(|phrase| Phrase { is_open, ..phrase }))
}

const PREFIX_CHARS_MIN: usize = 2;
const NAME_CHARS_MAX: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_is_read_as_its_terms() {
        let check = |text: &str, expected: &[&str]| {
            let told: Vec<String> =
                Clause::parse_all(text).expect(text).iter().map(ToString::to_string).collect();
            assert_eq!(told, expected, "{text}");
        };
        check("moved", &[": moved "]);
        check("  Moved  BOOKING ", &[": moved ", ": booking "]);
        check("resched*", &[": resched"]);
        check("jordis@exam*", &[": jordis exam"]);
        check("\"Blue Salon\"", &[": blue salon "]);
        check("\"Blue Sal*\"", &[": blue sal "]);
        check("-moved -\"blue salon\"", &["-: moved ", "-: blue salon "]);
        check("action:MOVED -actor:\"Jördis Nowak\"", &["action=moved", "-actor=jördis nowak"]);
        check("TARGETID:b-4", &["targetId=b-4"]);
        check("reason:ill* title:\"a b\"", &["reason: ill", "title: a b "]);
        check("10:00 https://x.org/a b:\"c\"".trim_end_matches("b:\"c\""), &[": 10 00 ", ": https x org a "]);
        check("R&D -- & x", &[": r d ", ": x "]);
        check("a-b", &[": a b "]);
        check("((a)", &[": a "]);
        check("会議*", &[": 会 議 "]);
        check("室*", &[": 室 "]);
        check("foo-*", &[": foo "]);
    }

    #[test]
    fn what_is_no_search_is_told() {
        let check = |text: &str, expected: &str| {
            assert_eq!(Clause::parse_all(text).expect_err(text), expected, "{text}");
        };
        check("", "holds no word");
        check("-- &", "holds no word");
        check("\"open", "has a quotation mark that is not closed");
        check("a*", "has a `*` behind fewer than 2 letters");
        check("*", "has a `*` behind fewer than 2 letters");
        check("acton:x", "has `acton:`, which is no field; did you mean `actor:`?");
        check("zzzz:x", "has `zzzz:`, which is no field; put it into quotation marks to look for the words");
        check("action:", "has no value for `action:`");
        check("title:&", "has no word for `title:`");
        check(&"x ".repeat(33), "holds more than 32 words");
        check(&format!("\"{}\"", "x ".repeat(33)), "holds more than 32 words");
    }

    proptest::proptest! {
        // THREATS Q15
        #[test]
        fn no_text_panics_and_what_is_read_is_small(text in "[a-z:*\"() é会-]{0,200}") {
            if let Ok(clauses) = Clause::parse_all(&text) {
                assert!(!clauses.is_empty() && Clause::words(&clauses) <= Clause::WORDS_MAX);
            }
        }
    }
}
