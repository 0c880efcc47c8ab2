//! What the index knows of an event: terms to find it by, and columns to count by.
//!
//! | field | holds |
//! |---|---|
//! | `keyword` | whole values without case, each behind a letter that says what it is; networks of the client; the scope as it is spelled |
//! | `word` | every word of the event |
//! | `pair` | every two words that stand together, so that a phrase is found, or not, without positions |
//! | `sequence`, `time` | columns: the place, and milliseconds since 1970 |
//! | a column for each facet | its values as they are spelled |
//!
//! Nothing here is of an event's text but its words, and all of it goes with the partition's directory.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::LazyLock;

use ipnet::IpNet;
use jiff::Timestamp;
use tantivy::TantivyDocument;
use tantivy::schema::{
    FAST, Field, IndexRecordOption, Schema, SchemaBuilder, TextFieldIndexing, TextOptions,
};
use tantivy::tokenizer::{Token, TokenStream, Tokenizer, TokenizerManager};

use crate::event::Event;
use crate::store::Keyword;
use crate::store::keyword::{VALUE_BYTES_MAX, beginning};
use crate::store::words::{Texts, folded};

/// The fields; the same in every index.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields {
    pub keyword: Field,
    pub word: Field,
    pub pair: Field,
    sequence: Field,
    time: Field,
    facets: [Field; Keyword::FACETS.len()],
}

/// What a term of the field `keyword` speaks of.
#[derive(Clone, Copy, Debug)]
pub(super) enum Mark {
    Keyword(Keyword),
    /// A network that holds the client's address.
    Network,
    /// The organization, as it is spelled.
    Organization,
    /// The team, as it is spelled.
    Team,
}

/// Schema and fields of every index.
pub(super) fn schema() -> &'static (Schema, Fields) {
    static SCHEMA: LazyLock<(Schema, Fields)> = LazyLock::new(made);
    &SCHEMA
}

fn made() -> (Schema, Fields) {
    let mut builder = SchemaBuilder::new();
    let terms = |tokenizer: &str| {
        let indexing = TextFieldIndexing::default()
            .set_tokenizer(tokenizer)
            .set_index_option(IndexRecordOption::Basic)
            .set_fieldnorms(false);
        TextOptions::default().set_indexing_options(indexing)
    };
    let fields = Fields {
        keyword: builder.add_text_field("keyword", terms(Cut::Lines.name())),
        word: builder.add_text_field("word", terms(Cut::Words.name())),
        pair: builder.add_text_field("pair", terms(Cut::Pairs.name())),
        sequence: builder.add_u64_field(SEQUENCE, FAST),
        time: builder.add_i64_field(TIME, FAST),
        facets: Keyword::FACETS
            .map(|facet| builder.add_text_field(facet.as_str(), TextOptions::default().set_fast("raw"))),
    };
    (builder.build(), fields)
}

/// How each field is cut into terms.
pub(super) fn tokenizers() -> TokenizerManager {
    // tantivy wants its own for fields that have no terms.
    let manager = TokenizerManager::default();
    for cut in [Cut::Lines, Cut::Words, Cut::Pairs] {
        manager.register(cut.name(), Cutter { cut, token: Token::default() });
    }
    manager
}

impl Fields {
    /// An event as the index takes it.
    pub(super) fn document(&self, sequence: u64, event: &Event) -> TantivyDocument {
        let texts = Texts::of(event);
        let mut document = TantivyDocument::with_capacity(texts.lines().len() * 2 + 512);
        document.add_u64(self.sequence, sequence);
        document.add_i64(self.time, time_ms(event.time));
        document.add_text(self.keyword, keywords(event));
        document.add_text(self.word, texts.lines());
        document.add_text(self.pair, texts.lines());
        for (facet, field) in Keyword::FACETS.into_iter().zip(self.facets) {
            for value in facet.facet(event) {
                document.add_text(field, value);
            }
        }
        document
    }
}

fn keywords(event: &Event) -> String {
    let mut terms = String::with_capacity(512);
    let mut push = |mark: Mark, value: &str| {
        push_term(mark, value, &mut terms);
        terms.push('\n');
    };
    for keyword in Keyword::ALL {
        keyword.values(event).into_iter().for_each(|value| push(Mark::Keyword(keyword), value));
    }
    event.scope.organization.iter().for_each(|id| push(Mark::Organization, id));
    event.scope.team.iter().for_each(|id| push(Mark::Team, id));
    let ip = event.client.ip;
    networks_of(ip.to_canonical()).for_each(|network| push(Mark::Network, &network.to_string()));
    if ip != ip.to_canonical() {
        networks_of(ip).for_each(|network| push(Mark::Network, &network.to_string()));
    }
    terms
}

/// A term of the field `keyword`.
pub(super) fn term(mark: Mark, value: &str) -> String {
    let mut term = String::with_capacity(value.len() + 1);
    push_term(mark, value, &mut term);
    term
}

fn push_term(mark: Mark, value: &str, terms: &mut String) {
    let (letter, value) = match mark {
        Mark::Keyword(keyword) => {
            let has_case = !value.is_ascii() || value.bytes().any(|byte| byte.is_ascii_uppercase());
            (letter(keyword), if has_case { Cow::Owned(folded(value)) } else { Cow::Borrowed(value) })
        }
        Mark::Network => ('N', Cow::Borrowed(value)),
        Mark::Organization => ('O', Cow::Borrowed(value)),
        Mark::Team => ('T', Cow::Borrowed(value)),
    };
    terms.push(letter);
    // A line break would make two terms of one.
    for (index, line) in beginning(&value).split('\n').enumerate() {
        if index > 0 {
            terms.push_str(REPLACED);
        }
        terms.push_str(line);
    }
}

/// True when only that very value has its term.
pub(super) fn is_unmistakable(mark: Mark, value: &str) -> bool {
    let value = if let Mark::Keyword(_) = mark { folded(value) } else { value.to_owned() };
    value.len() <= VALUE_BYTES_MAX && !value.contains('\n') && !value.contains(REPLACED)
}

fn letter(keyword: Keyword) -> char {
    match keyword {
        Keyword::Actor => 'a',
        Keyword::ClaimedActor => 'b',
        Keyword::Action => 'c',
        Keyword::Kind => 'd',
        Keyword::Category => 'e',
        Keyword::Source => 'f',
        Keyword::Result => 'g',
        Keyword::TargetType => 'h',
        Keyword::TargetId => 'i',
        Keyword::Organization => 'j',
        Keyword::Team => 'k',
        Keyword::Tag => 'l',
        Keyword::Rule => 'm',
    }
}

/// The networks under which an address is found.
fn networks_of(ip: IpAddr) -> impl Iterator<Item = IpNet> {
    let lengths: &[u8] = if ip.is_ipv4() { &IPV4_LENGTHS } else { &IPV6_LENGTHS };
    lengths.iter().filter_map(move |length| Some(IpNet::new(ip, *length).ok()?.trunc()))
}

/// Terms one of which each address in a network has, and whether no other address has them; `None` when every
/// address may be meant.
pub(super) fn network_terms(network: &IpNet) -> Option<(Vec<String>, bool)> {
    let named = |network: IpNet| term(Mark::Network, &network.trunc().to_string());
    let length = network.prefix_len();
    match network {
        IpNet::V4(_) => {
            let finer = IPV4_LENGTHS.into_iter().find(|finer| *finer >= length)?;
            Some((network.subnets(finer).ok()?.map(named).collect(), true))
        }
        IpNet::V6(_) => {
            let coarser = IPV6_LENGTHS.into_iter().rfind(|coarser| *coarser <= length)?;
            let wide = IpNet::new(network.network(), coarser).ok()?;
            Some((vec![named(wide)], coarser == length))
        }
    }
}

/// Whole milliseconds since 1970, those before it downwards.
pub(super) fn time_ms(time: Timestamp) -> i64 {
    i64::try_from(time.as_nanosecond().div_euclid(1_000_000)).unwrap_or(i64::MAX)
}

/// Ways of cutting a text into terms.
#[derive(Clone, Copy, Debug)]
enum Cut {
    /// One a line.
    Lines,
    /// At blanks, too.
    Words,
    /// Each two words of a line.
    Pairs,
}

impl Cut {
    fn name(self) -> &'static str {
        match self {
            Cut::Lines => "lines",
            Cut::Words => "words",
            Cut::Pairs => "pairs",
        }
    }

    /// Where the next term begins and ends, and where to look for the one after it.
    fn next(self, text: &str, from: usize) -> Option<(usize, usize, usize)> {
        let bytes = text.as_bytes();
        let find = |from: usize, is_end: &dyn Fn(u8) -> bool| {
            bytes[from..].iter().position(|byte| is_end(*byte)).map_or(bytes.len(), |length| from + length)
        };
        match self {
            Cut::Lines => {
                let start = find(from, &|byte| byte != b'\n');
                let end = find(start, &|byte| byte == b'\n');
                (start < end).then_some((start, end, end))
            }
            Cut::Words => {
                let start = find(from, &|byte| byte != b'\n' && byte != b' ');
                let end = find(start, &|byte| byte == b'\n' || byte == b' ');
                (start < end).then_some((start, end, end))
            }
            Cut::Pairs => {
                let mut from = from;
                loop {
                    let (start, end, _) = Cut::Words.next(text, from)?;
                    let (second, second_end, _) = Cut::Words.next(text, end)?;
                    if second == end + 1 {
                        return Some((start, second_end, second));
                    }
                    from = second;
                }
            }
        }
    }
}

#[derive(Clone)]
struct Cutter {
    cut: Cut,
    token: Token,
}

struct Terms<'a> {
    text: &'a str,
    at: usize,
    cutter: &'a mut Cutter,
}

impl Tokenizer for Cutter {
    type TokenStream<'a> = Terms<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> Terms<'a> {
        self.token.reset();
        Terms { text, at: 0, cutter: self }
    }
}

impl TokenStream for Terms<'_> {
    fn advance(&mut self) -> bool {
        let Some((start, end, next)) = self.cutter.cut.next(self.text, self.at) else { return false };
        self.at = next;
        let token = &mut self.cutter.token;
        token.text.clear();
        token.text.push_str(&self.text[start..end]);
        token.position = token.position.wrapping_add(1);
        true
    }

    fn token(&self) -> &Token {
        &self.cutter.token
    }

    fn token_mut(&mut self) -> &mut Token {
        &mut self.cutter.token
    }
}

pub(super) const SEQUENCE: &str = "sequence";
pub(super) const TIME: &str = "time";
const REPLACED: &str = "\u{fffd}";
const IPV4_LENGTHS: [u8; 4] = [8, 16, 24, 32];
const IPV6_LENGTHS: [u8; 5] = [16, 32, 48, 64, 128];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_at_their_marks_and_pairs_stay_in_a_line() {
        let check = |cut: Cut, text: &str, expected: &[&str]| {
            let mut manager = tokenizers().get(cut.name()).unwrap();
            let mut stream = manager.token_stream(text);
            let mut terms = Vec::new();
            while stream.advance() {
                terms.push(stream.token().text.clone());
            }
            assert_eq!(terms, expected, "{text:?}");
        };
        check(Cut::Lines, "", &[]);
        check(Cut::Lines, "aone two\nbthree\n\n", &["aone two", "bthree"]);
        check(Cut::Words, " a bé c \n d \n", &["a", "bé", "c", "d"]);
        check(Cut::Pairs, " a bé c \n d \n e f \n", &["a bé", "bé c", "e f"]);
        check(Cut::Pairs, " d \n", &[]);
    }

    #[test]
    fn an_address_has_a_term_of_every_network_that_holds_it() {
        let check = |network: &str, ip: &str, expected: bool| {
            let ip: IpAddr = ip.parse().unwrap();
            let network: IpNet = network.parse().unwrap();
            let own: Vec<String> =
                networks_of(ip).map(|network| term(Mark::Network, &network.to_string())).collect();
            let finds =
                network_terms(&network).is_none_or(|(terms, _)| terms.iter().any(|term| own.contains(term)));
            let is_exact = network_terms(&network).is_some_and(|(_, is_exact)| is_exact);
            assert_eq!((finds, is_exact), (network.contains(&ip) || !is_exact, expected), "{network} {ip}");
        };
        for (network, is_exact) in [
            ("10.0.0.0/8", true),
            ("10.1.2.3/32", true),
            ("10.1.2.0/23", true),
            ("0.0.0.0/0", true),
            ("11.0.0.0/8", true),
        ] {
            check(network, "10.1.2.3", is_exact);
        }
        for (network, is_exact) in
            [("2001:db8::/32", true), ("2001:db8::/33", false), ("::/0", false), ("2002::/16", true)]
        {
            check(network, "2001:db8::7", is_exact);
        }
    }
}
