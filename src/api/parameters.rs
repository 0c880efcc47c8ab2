//! The query string of `GET /audit/v1/events`, read strictly: a parameter that is silently ignored would show
//! an auditor more, or less, than was asked for.

use ipnet::IpNet;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::event::Outcome;
use crate::store::{Filter, Visible};
use crate::yaml::nearest;

use super::cursor::{CursorFault, Cursors};
use super::problem::Wrong;

/// What was asked.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) filter: Filter,
    /// Where the page before ended.
    pub(super) below: Option<u64>,
    /// Events a page.
    pub(super) limit: usize,
}

/// Reads a query string of somebody who may see so much.
///
/// # Errors
/// Everything that is wrong with it; at least one thing.
pub(super) fn read(
    query: &str,
    visible: &Visible,
    cursors: &Cursors,
    limit_max: usize,
) -> Result<Question, Vec<Wrong>> {
    let mut reading = Reading::new(limit_max);
    reading.filter.visible = visible.clone();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        reading.take(&name, value.trim());
    }
    reading.finish(cursors)
}

struct Reading {
    filter: Filter,
    limit: Option<usize>,
    limit_max: usize,
    cursor: Option<String>,
    values: usize,
    wrong: Vec<Wrong>,
}

impl Reading {
    fn new(limit_max: usize) -> Reading {
        Reading {
            filter: Filter::default(),
            limit: None,
            limit_max,
            cursor: None,
            values: 0,
            wrong: Vec::new(),
        }
    }

    fn take(&mut self, name: &str, value: &str) {
        self.values += 1;
        let Some(accepts) = PARAMETERS.iter().find(|(known, _)| *known == name).map(|(_, accepts)| accepts)
        else {
            return self.unknown(name);
        };
        if value.is_empty() {
            return self.wrong(name, "is empty", accepts);
        }
        if value.chars().count() > VALUE_CHARS_MAX {
            return self.wrong(name, "is longer than 500 characters", accepts);
        }
        if self.values > VALUES_MAX {
            return self.wrong(name, "is one too many: a query takes 200 values", accepts);
        }
        if let Err(detail) = self.put(name, value) {
            self.wrong(name, &detail, accepts);
        }
    }

    /// Puts a value where it belongs, or says what is wrong with it.
    fn put(&mut self, name: &str, value: &str) -> Result<(), String> {
        let filter = &mut self.filter;
        match name {
            "actor" => filter.actor.push(value.to_owned()),
            "claimedActor" => filter.claimed_actor.push(value.to_owned()),
            "action" => filter.action.push(value.to_owned()),
            "type" => filter.kind.push(value.to_owned()),
            "category" => filter.category.push(value.to_owned()),
            "source" => filter.source.push(value.to_owned()),
            "targetType" => filter.target_type.push(value.to_owned()),
            "targetId" => filter.target_id.push(value.to_owned()),
            "result" => filter
                .result
                .push(Outcome::parse(&value.to_ascii_lowercase()).ok_or("is none of the four results")?),
            "ip" => filter.ip.push(network(value).ok_or("is neither an address nor a network")?),
            "from" => once(&mut filter.from, time(value).ok_or("is neither a time nor a date")?)?,
            "to" => once(&mut filter.to, time(value).ok_or("is neither a time nor a date")?)?,
            "limit" => once(&mut self.limit, limit(value, self.limit_max)?)?,
            "cursor" => once(&mut self.cursor, value.to_owned())?,
            _ => {
                filter.words.extend(value.split_whitespace().map(str::to_owned));
                if filter.words.len() > WORDS_MAX {
                    filter.words.truncate(WORDS_MAX);
                    return Err("holds more than 32 words".to_owned());
                }
            }
        }
        Ok(())
    }

    fn unknown(&mut self, name: &str) {
        let known = PARAMETERS.iter().map(|(name, _)| *name);
        let shown: String = name.chars().take(NAME_CHARS_MAX).collect();
        let detail = match nearest(name, known.clone()) {
            Some(near) => format!("is not a parameter; did you mean `{near}`?"),
            None => "is not a parameter".to_owned(),
        };
        self.wrong(&shown, &detail, &known.collect::<Vec<_>>().join(", "));
    }

    fn wrong(&mut self, parameter: &str, detail: &str, accepts: &str) {
        if self.wrong.len() < WRONG_MAX {
            let (parameter, detail) = (parameter.to_owned(), detail.to_owned());
            self.wrong.push(Wrong { parameter, detail, accepts: accepts.to_owned() });
        }
    }

    fn finish(mut self, cursors: &Cursors) -> Result<Question, Vec<Wrong>> {
        if let (Some(from), Some(to)) = (self.filter.from, self.filter.to)
            && from >= to
        {
            self.wrong("to", "is not after `from`", TIME);
        }
        if !self.wrong.is_empty() {
            return Err(self.wrong);
        }
        let below = match self.cursor.take().map(|cursor| cursors.open(&cursor, &self.filter)) {
            None => None,
            Some(Ok(below)) => Some(below),
            Some(Err(fault)) => {
                let detail = match fault {
                    CursorFault::Foreign => "was not made by this installation, or was changed",
                    CursorFault::OtherFilters => "belongs to other filters: repeat those of the first page",
                };
                self.wrong("cursor", detail, CURSOR);
                return Err(self.wrong);
            }
        };
        let limit = self.limit.unwrap_or(LIMIT_DEFAULT.min(self.limit_max));
        Ok(Question { filter: self.filter, below, limit })
    }
}

pub(super) fn once<T>(place: &mut Option<T>, value: T) -> Result<(), String> {
    if place.is_some() {
        return Err("stands twice".to_owned());
    }
    *place = Some(value);
    Ok(())
}

fn limit(text: &str, most: usize) -> Result<usize, String> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let value = text.parse().ok().filter(|value| digits && (1..=most).contains(value));
    value.ok_or_else(|| format!("is not a whole number from 1 to {most}"))
}

/// An IPv4 address inside IPv6 is the IPv4 address, as in events.
pub(super) fn network(text: &str) -> Option<IpNet> {
    match text.parse::<std::net::IpAddr>() {
        Ok(address) => Some(IpNet::from(address.to_canonical())),
        Err(_) => text.parse::<IpNet>().ok().map(|network| network.trunc()),
    }
}

/// RFC 3339, or a date, which is its first moment in UTC. A `+` that was not percent-encoded arrives as a
/// blank, so `…T08:00:00 02:00` is understood too.
pub(super) fn time(text: &str) -> Option<Timestamp> {
    if text.len() == "2026-01-31".len() {
        return Some(text.parse::<Date>().ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp());
    }
    text.parse().ok().or_else(|| text.replace(' ', "+").parse().ok())
}

/// Every parameter and what it takes.
pub(super) const PARAMETERS: &[(&str, &str)] = &[
    ("actor", "an id, e-mail address or name"),
    ("claimedActor", "an id, e-mail address or name"),
    ("action", "an action, such as RESCHEDULED"),
    ("type", "a type"),
    ("category", "a category"),
    ("source", "a source"),
    ("result", "success, failure, denied or unknown"),
    ("targetType", "a kind of target, such as booking"),
    ("targetId", "a target's identifier"),
    ("ip", "an address or a network, such as 10.0.0.0/8"),
    ("from", TIME),
    ("to", TIME),
    ("q", "words"),
    ("limit", "a whole number, once"),
    ("cursor", CURSOR),
];
pub(super) const TIME: &str = "a time such as 2026-01-31T08:00:00Z, or a date such as 2026-01-31, once";
const CURSOR: &str = "`pagination.nextCursor` of the page before, with the same filters, once";
const LIMIT_DEFAULT: usize = 50;
const VALUE_CHARS_MAX: usize = 500;
const VALUES_MAX: usize = 200;
const WORDS_MAX: usize = 32;
const NAME_CHARS_MAX: usize = 60;
const WRONG_MAX: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn question(query: &str) -> Question {
        read(query, &Visible::Everything, &Cursors::new(&[0; 32]), 500).expect(query)
    }

    #[test]
    fn every_filter_is_understood_and_may_be_repeated() {
        let asked = question(
            "actor=a%40x.org&actor=B&claimedActor=C&action=X&type=T&category=C&source=S&result=denied&result=Unknown\
             &targetType=booking&targetId=7&ip=10.1.2.3&ip=10.1.0.0/16&ip=::ffff:1.2.3.4&q=two+words&q=more",
        );
        let filter = asked.filter;
        assert_eq!(filter.actor, ["a@x.org", "B"]);
        assert_eq!(filter.claimed_actor, ["C"]);
        assert_eq!((filter.action, filter.kind), (vec!["X".to_owned()], vec!["T".to_owned()]));
        assert_eq!((filter.category, filter.source), (vec!["C".to_owned()], vec!["S".to_owned()]));
        assert_eq!(filter.result, [Outcome::Denied, Outcome::Unknown]);
        assert_eq!(
            (filter.target_type, filter.target_id),
            (vec!["booking".to_owned()], vec!["7".to_owned()])
        );
        let networks: Vec<String> = filter.ip.iter().map(ToString::to_string).collect();
        assert_eq!(networks, ["10.1.2.3/32", "10.1.0.0/16", "1.2.3.4/32"]);
        assert_eq!(filter.words, ["two", "words", "more"]);
        assert_eq!((asked.limit, asked.below), (50, None));
    }

    #[test]
    fn times_are_rfc_3339_or_dates() {
        let check = |text: &str, expected: &str| {
            let asked = question(&format!("from={text}"));
            assert_eq!(asked.filter.from.unwrap().to_string(), expected, "{text}");
        };
        check("2026-01-31", "2026-01-31T00:00:00Z");
        check("2026-01-31T08:00:00Z", "2026-01-31T08:00:00Z");
        check("2026-01-31T08:00:00.25%2B02:00", "2026-01-31T06:00:00.25Z");
        check("2026-01-31T08:00:00+02:00", "2026-01-31T06:00:00Z");
        check("2026-01-31T08:00:00-02:00", "2026-01-31T10:00:00Z");
    }

    #[test]
    fn what_is_wrong_is_told_by_parameter() {
        let check = |query: &str, expected: &[(&str, &str)]| {
            let wrong = read(query, &Visible::Everything, &Cursors::new(&[0; 32]), 500).expect_err(query);
            let told: Vec<_> = wrong.iter().map(|w| (w.parameter.as_str(), w.detail.as_str())).collect();
            assert_eq!(told, expected, "{query}");
        };
        check("actr=x", &[("actr", "is not a parameter; did you mean `actor`?")]);
        check("target_id=x", &[("target_id", "is not a parameter; did you mean `targetId`?")]);
        check("access_token=x", &[("access_token", "is not a parameter")]);
        check("Actor=x", &[("Actor", "is not a parameter; did you mean `actor`?")]);
        check("actor=", &[("actor", "is empty")]);
        check("actor", &[("actor", "is empty")]);
        check("q=%20", &[("q", "is empty")]);
        check("limit=0", &[("limit", "is not a whole number from 1 to 500")]);
        check("limit=501", &[("limit", "is not a whole number from 1 to 500")]);
        check("limit=%2B5", &[("limit", "is not a whole number from 1 to 500")]);
        check("limit=5&limit=6", &[("limit", "stands twice")]);
        check("result=good", &[("result", "is none of the four results")]);
        check("ip=10.0.0.0/33", &[("ip", "is neither an address nor a network")]);
        check("ip=localhost", &[("ip", "is neither an address nor a network")]);
        check("from=yesterday", &[("from", "is neither a time nor a date")]);
        check("from=2026-02-30", &[("from", "is neither a time nor a date")]);
        check("from=2026-01-31T08:00:00", &[("from", "is neither a time nor a date")]);
        check("from=2026-01-01&from=2026-01-02", &[("from", "stands twice")]);
        check("from=2026-01-01&to=2026-01-01", &[("to", "is not after `from`")]);
        check("cursor=abc", &[("cursor", "was not made by this installation, or was changed")]);
        check(&format!("actor={}", "x".repeat(501)), &[("actor", "is longer than 500 characters")]);
        check(&format!("q={}", "x+".repeat(33)), &[("q", "holds more than 32 words")]);
        check(
            "x=1&limit=a&cursor=b",
            &[("x", "is not a parameter"), ("limit", "is not a whole number from 1 to 500")],
        );
    }

    #[test]
    fn a_flood_of_parameters_is_refused_and_its_answer_stays_small() {
        // THREATS Q15
        let many = vec!["actor=x"; 5_000].join("&");
        assert_eq!(read(&many, &Visible::Everything, &Cursors::new(&[0; 32]), 500).unwrap_err().len(), 20);
    }

    proptest::proptest! {
        #[test]
        fn no_query_string_panics(query in ".{0,300}") {
            let _ = read(&query, &Visible::Everything, &Cursors::new(&[0; 32]), 500);
        }
    }
}
