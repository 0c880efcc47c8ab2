//! What the text of an entry must hold for its event to be one of those asked for. Reading an event takes many times as
//! long as looking for a word in its text, and most of those that are looked at one by one are not asked for.
//!
//! It lets through too much rather than too little; the filter decides on what comes through.

use std::cell::OnceCell;

use ipnet::IpNet;
use regex::bytes::{Regex, RegexBuilder};

use super::Filter;
use crate::store::keyword::Keyword;
use crate::store::visible::Visible;
use crate::store::words::{Phrase, WORD_CHARS_MAX, What};

/// Lets texts through.
pub(crate) struct Sieve<'f> {
    filter: &'f Filter,
    /// Made for the first text: many questions have nothing to look at one by one.
    patterns: OnceCell<Patterns>,
}

/// What must be found, all of it.
#[derive(Default)]
struct Patterns {
    /// Of values.
    values: Vec<Regex>,
    /// Of words, which are spelled in one way only where all letters are ASCII.
    words: Vec<Regex>,
}

impl<'f> Sieve<'f> {
    pub(crate) fn of(filter: &'f Filter) -> Sieve<'f> {
        Sieve { filter, patterns: OnceCell::new() }
    }

    /// False when the event of this text cannot be one of those asked for.
    pub(crate) fn lets_through(&self, json: &[u8]) -> bool {
        self.patterns.get_or_init(|| Patterns::of(self.filter)).are_in(json)
    }
}

impl Patterns {
    /// For who may not see everything there are none: else the time of an answer would tell how many
    /// of the events that he does not see hold a word (THREATS Q02).
    fn of(filter: &Filter) -> Patterns {
        if filter.visible != Visible::Everything {
            return Patterns::default();
        }
        let asked = filter.texts().into_iter().map(|(_, texts)| texts).filter(|texts| !texts.is_empty());
        let things: Vec<String> = filter.things.iter().map(|thing| thing.id.clone()).collect();
        let searched = filter.search.iter().filter(|clause| !clause.is_not).map(|clause| &clause.what);
        let (mut values, mut words) = (Vec::new(), Vec::new());
        values.extend(asked.map(one_of));
        values.push(one_of(&things));
        values.push(addresses(&filter.ip));
        for what in searched {
            match what {
                // How it ended is a word of ours.
                What::Value(Keyword::Result, _) => {}
                What::Value(_, value) => values.push(one_of(std::slice::from_ref(value))),
                What::Words(_, phrase) => words.push(together(phrase)),
            }
        }
        let built = |patterns: Vec<Option<String>>, is_unicode: bool| {
            let regex = |pattern: String| {
                RegexBuilder::new(&pattern).case_insensitive(true).unicode(is_unicode).build().ok()
            };
            patterns.into_iter().flatten().filter_map(regex).collect()
        };
        Patterns { values: built(values, true), words: built(words, false) }
    }

    /// A text with escapes is taken to hold them.
    fn are_in(&self, json: &[u8]) -> bool {
        let is_found = |pattern: &Regex| pattern.is_match(json);
        memchr::memchr(b'\\', json).is_some()
            || self.values.iter().all(is_found) && (self.words.iter().all(is_found) || !json.is_ascii())
    }
}

/// One of these at the end of a value: a quote before it would be found before every name and text, and looking into all
/// of them takes fifteen times as long. What is not ASCII has several spellings.
fn one_of(texts: &[String]) -> Option<String> {
    let is_plain = !texts.is_empty() && texts.iter().all(|text| text.is_ascii());
    let quoted: Vec<String> = texts.iter().map(|text| format!("{}\"", regex::escape(text))).collect();
    is_plain.then(|| quoted.join("|"))
}

/// One of these addresses of the fourth version; each may stand in one of the sixth.
fn addresses(networks: &[IpNet]) -> Option<String> {
    let is_plain = !networks.is_empty()
        && networks.iter().all(|network| matches!(network, IpNet::V4(v4) if v4.prefix_len() == 32));
    let spelled: Vec<String> = networks
        .iter()
        .map(|network| format!("\"{}\"", regex::escape(&network.addr().to_string())))
        .collect();
    is_plain.then(|| format!("{}|ffff", spelled.join("|")))
}

/// Words that stand together in one text. Numbers are spelled anew when they are read: what may be one is not looked for.
fn together(phrase: &Phrase) -> Option<String> {
    let is_text = |word: &String| word.bytes().any(|byte| byte.is_ascii_alphabetic() && byte != b'e');
    if !phrase.words.iter().all(|word| word.is_ascii()) || !phrase.words.iter().any(is_text) {
        return None;
    }
    let spelled = |word: &String| match word.len() {
        WORD_CHARS_MAX.. => format!("{word}[0-9A-Za-z]*"),
        _ => word.clone(),
    };
    let words: Vec<String> = phrase.words.iter().map(spelled).collect();
    let end = if phrase.is_open { "" } else { GAP };
    Some(format!("{GAP}{}{end}", words.join(&format!("{GAP}+"))))
}

const GAP: &str = "[^0-9A-Za-z]";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::super::fixture::event;
    use super::*;
    use crate::event::{Event, Link, Sentence};
    use crate::store::Thing;
    use crate::store::visible::Sight;
    use crate::store::words::Clause;
    use crate::value::Value;

    fn lets_through(filter: &Filter, event: &Event) -> bool {
        Sieve::of(filter).lets_through(&serde_json::to_vec(event).unwrap())
    }

    fn plain() -> Event {
        let mut event = event(4);
        event.actor.name = Some("Jordis Nowak".to_owned());
        event
    }

    #[test]
    fn what_is_not_asked_for_stays_behind() {
        let search = |text: &str| Clause::parse_all(text).unwrap();
        let check = |asked: &dyn Fn(&mut Filter), expected: bool| {
            let mut filter = Filter::default();
            asked(&mut filter);
            assert_eq!(lets_through(&filter, &plain()), expected, "{filter:?}");
        };
        check(&|filter| filter.actor = vec!["JORDIS@example.org".to_owned()], true);
        check(&|filter| filter.actor = vec!["jordis".to_owned()], false);
        check(&|filter| filter.actor = vec!["jordis".to_owned(), "u4".to_owned()], true);
        check(
            &|filter| filter.things = vec![Thing { r#type: "room".to_owned(), id: "b-5".to_owned() }],
            false,
        );
        check(&|filter| filter.ip = vec!["10.1.2.3/32".parse().unwrap()], true);
        check(&|filter| filter.ip = vec!["10.1.2.4/32".parse().unwrap()], false);
        check(
            &|filter| filter.ip = vec!["10.1.2.4/32".parse().unwrap(), "10.7.0.0/16".parse().unwrap()],
            true,
        );
        check(&|filter| filter.search = search("nowak ill*"), true);
        check(&|filter| filter.search = search("nowa"), false);
        check(&|filter| filter.search = search("\"blue salon\""), true);
        check(&|filter| filter.search = search("\"salon blue\""), false);
        check(&|filter| filter.search = search("targetid:b-4"), true);
        check(&|filter| filter.search = search("targetid:b"), false);
        check(&|filter| filter.search = search("-nobody 4711 9e9"), true);
    }

    #[test]
    fn what_has_other_spellings_comes_through() {
        let nobody = Filter { search: Clause::parse_all("nobody").unwrap(), ..Filter::default() };
        assert!(!lets_through(&nobody, &plain()));
        for text in ["Jördis", "a \"b\"", "a\nb"] {
            assert!(lets_through(&nobody, &Event { title: text.to_owned(), ..plain() }), "{text}");
        }
    }

    // THREATS Q02
    #[test]
    fn who_sees_a_part_is_answered_in_the_same_time_whatever_the_rest_holds() {
        let visible = Visible::Only(vec![Sight::Team("a".to_owned())]);
        let filter = Filter { visible, search: Clause::parse_all("nobody").unwrap(), ..Filter::default() };
        assert!(lets_through(&filter, &plain()));
    }

    fn text() -> impl Strategy<Value = String> {
        prop_oneof![
            "[a-c1\"\\\\ ,éſKİ\u{212a}\u{301}-]{0,6}",
            "[a-cK ]{1,4}",
            "[ab]{60,70}",
            "[0-9]{1,2}e[0-9]"
        ]
    }

    fn made_of(texts: &[String]) -> Event {
        let mut event = plain();
        let [name, id, title, reason, action, link, detail, ..] = texts else { return event };
        event.actor.name = Some(name.clone());
        event.actor.id = Some(id.clone());
        event.title = title.clone();
        event.message = Sentence::plain(format!("{title} by {name}"));
        event.reason = Some(reason.clone());
        event.action = action.clone();
        event.links = vec![Link { rel: "to".to_owned(), r#type: "booking".to_owned(), id: link.clone() }];
        let number = detail.parse::<f64>().ok().map(Value::from);
        event.details = [("d".to_owned(), number.unwrap_or_else(|| Value::from(detail.as_str())))].into();
        event
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn whatever_is_asked_for_comes_through(
            texts in proptest::collection::vec(text(), 7),
            asked in text(),
            of_the_event in 0_usize..14,
        ) {
            let event = made_of(&texts);
            let asked = texts.get(of_the_event).map_or(asked, |text| text.to_uppercase());
            let search = [asked.clone(), format!("{asked}*"), format!("\"{asked}\""), format!("action:\"{asked}\"")];
            let searches = search.iter().filter_map(|text| Clause::parse_all(text).ok());
            let mut filters: Vec<Filter> =
                searches.map(|search| Filter { search, ..Filter::default() }).collect();
            let texts = vec![asked];
            filters.push(Filter { actor: texts.clone(), ..Filter::default() });
            filters.push(Filter { target_id: texts.clone(), ..Filter::default() });
            filters.push(Filter { action: texts, ..Filter::default() });
            for filter in filters {
                prop_assert!(!filter.matches(&event) || lets_through(&filter, &event), "{:?}", filter);
            }
        }
    }
}
