//! The query strings of routes that take filters, read strictly: a parameter that is silently ignored would show
//! an auditor more, or less, than was asked for.

use ipnet::IpNet;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::event::Outcome;
use crate::store::{Clause, Filter, Order, Visible};
use crate::yaml::nearest;

use super::super::answers::problem::Wrong;
use super::cursor::{CursorFault, Cursors, Place};

/// What was asked.
#[derive(Debug)]
pub(in crate::api) struct Question {
    pub(in crate::api) filter: Filter,
    pub(in crate::api) order: Order,
    /// Where the page begins; at the start of the log without it.
    pub(in crate::api) place: Option<Place>,
    /// Events a page.
    pub(in crate::api) limit: usize,
}

/// Parameters and what each takes.
pub(in crate::api) type Parameters = &'static [(&'static str, &'static str)];

/// Reads the query string of a page, of somebody who may see so much.
///
/// # Errors
/// Everything that is wrong with it; at least one thing.
pub(in crate::api) fn read(
    query: &str,
    visible: &Visible,
    cursors: &Cursors,
    limit_max: usize,
) -> Result<Question, Vec<Wrong>> {
    let base = Filter { visible: visible.clone(), ..Filter::default() };
    read_on(query, base, Order::Newest, cursors, limit_max)
}

/// The same of a route that asks for something already, and has an order of its own.
///
/// # Errors
/// As [`read`].
pub(in crate::api) fn read_on(
    query: &str,
    base: Filter,
    order: Order,
    cursors: &Cursors,
    limit_max: usize,
) -> Result<Question, Vec<Wrong>> {
    let Asked { filter, own, mut wrong } = Asked::read_on(query, base, PAGING);
    let own_order = order;
    let (mut order, mut limit, mut cursor) = (None, None, None);
    for (name, value) in own {
        let put = match name {
            "order" => order_of(&value).and_then(|read| once(&mut order, read)),
            "limit" => limit_of(&value, limit_max).and_then(|read| once(&mut limit, read)),
            _ => once(&mut cursor, value),
        };
        if let Err(detail) = put {
            wrong.push(Wrong::of(name, &detail, PAGING));
        }
    }
    if !wrong.is_empty() {
        return Err(wrong);
    }
    let order = order.unwrap_or(own_order);
    let place = cursor.map(|cursor: String| cursors.open(&cursor, &filter, order)).transpose();
    let place = place.map_err(|fault| {
        let detail = match fault {
            CursorFault::Foreign => "was not made by this installation for you, or was changed",
            CursorFault::OtherFilters => "belongs to other filters: repeat those of the first page",
        };
        vec![Wrong::of("cursor", detail, PAGING)]
    })?;
    let limit = limit.unwrap_or(LIMIT_DEFAULT.min(limit_max));
    Ok(Question { filter, order, place, limit })
}

/// A query string of filters and of what a route takes beside them.
#[derive(Debug)]
pub(in crate::api) struct Asked {
    pub(in crate::api) filter: Filter,
    /// The route's own parameters, in their order; the values are not empty.
    pub(in crate::api) own: Vec<(&'static str, String)>,
    /// What is wrong with the rest.
    pub(in crate::api) wrong: Vec<Wrong>,
}

impl Asked {
    /// Reads a query string of somebody who may see so much.
    pub(in crate::api) fn read(query: &str, visible: &Visible, own: Parameters) -> Asked {
        Asked::read_on(query, Filter { visible: visible.clone(), ..Filter::default() }, own)
    }

    fn read_on(query: &str, filter: Filter, own: Parameters) -> Asked {
        let asked = Asked { filter, own: Vec::new(), wrong: Vec::new() };
        let mut reading = Reading { asked, takes: own, values: 0 };
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            reading.take(&name, value.trim());
        }
        reading.finish()
    }
}

struct Reading {
    asked: Asked,
    /// What the route takes beside the filters.
    takes: Parameters,
    values: usize,
}

impl Reading {
    fn take(&mut self, name: &str, value: &str) {
        self.values += 1;
        let mut known = FILTERS.iter().chain(self.takes);
        let Some((name, accepts)) = known.find(|(known, _)| *known == name) else {
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
    fn put(&mut self, name: &'static str, value: &str) -> Result<(), String> {
        let filter = &mut self.asked.filter;
        let texts = match name {
            "actor" => &mut filter.actor,
            "claimedActor" => &mut filter.claimed_actor,
            "action" => &mut filter.action,
            "type" => &mut filter.kind,
            "category" => &mut filter.category,
            "source" => &mut filter.source,
            "targetType" => &mut filter.target_type,
            "targetId" => &mut filter.target_id,
            "organization" => &mut filter.organization,
            "team" => &mut filter.team,
            "tag" => &mut filter.tag,
            "rule" => &mut filter.rule,
            "result" | "ip" | "from" | "to" | "q" => return put_read(filter, name, value),
            _ => {
                self.asked.own.push((name, value.to_owned()));
                return Ok(());
            }
        };
        texts.push(value.to_owned());
        Ok(())
    }

    fn unknown(&mut self, name: &str) {
        let known = FILTERS.iter().chain(self.takes).map(|(name, _)| *name);
        let shown: String = name.chars().take(NAME_CHARS_MAX).collect();
        let detail = match nearest(name, known.clone()) {
            Some(near) => format!("is not a parameter; did you mean `{near}`?"),
            None => "is not a parameter".to_owned(),
        };
        self.wrong(&shown, &detail, &known.collect::<Vec<_>>().join(", "));
    }

    fn wrong(&mut self, parameter: &str, detail: &str, accepts: &str) {
        if self.asked.wrong.len() < WRONG_MAX {
            let (parameter, detail) = (parameter.to_owned(), detail.to_owned());
            self.asked.wrong.push(Wrong { parameter, detail, accepts: accepts.to_owned() });
        }
    }

    fn finish(mut self) -> Asked {
        if let (Some(from), Some(to)) = (self.asked.filter.from, self.asked.filter.to)
            && from >= to
        {
            self.wrong("to", "is not after `from`", TIME);
        }
        self.asked
    }
}

impl Wrong {
    /// What is wrong with one of a route's own parameters.
    pub(in crate::api) fn of(name: &str, detail: &str, takes: Parameters) -> Wrong {
        let accepts = takes.iter().find(|(known, _)| *known == name).map_or("", |(_, accepts)| accepts);
        Wrong { parameter: name.to_owned(), detail: detail.to_owned(), accepts: accepts.to_owned() }
    }
}

/// Filters whose values are more than text.
fn put_read(filter: &mut Filter, name: &str, value: &str) -> Result<(), String> {
    match name {
        "result" => {
            let result = Outcome::parse(&value.to_ascii_lowercase());
            filter.result.push(result.ok_or("is none of the four results")?);
        }
        "ip" => filter.ip.push(network(value).ok_or("is neither an address nor a network")?),
        "from" => once(&mut filter.from, time(value).ok_or("is neither a time nor a date")?)?,
        "to" => once(&mut filter.to, time(value).ok_or("is neither a time nor a date")?)?,
        _ => {
            let clauses = Clause::parse_all(value)?;
            if Clause::words(&filter.search) + Clause::words(&clauses) > Clause::WORDS_MAX {
                return Err("holds more than 32 words".to_owned());
            }
            filter.search.extend(clauses);
        }
    }
    Ok(())
}

pub(in crate::api) fn once<T>(place: &mut Option<T>, value: T) -> Result<(), String> {
    if place.is_some() {
        return Err("stands twice".to_owned());
    }
    *place = Some(value);
    Ok(())
}

fn order_of(text: &str) -> Result<Order, String> {
    match text {
        "newest" => Ok(Order::Newest),
        "oldest" => Ok(Order::Oldest),
        _ => Err("is neither `newest` nor `oldest`".to_owned()),
    }
}

pub(super) fn limit_of(text: &str, most: usize) -> Result<usize, String> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let value = text.parse().ok().filter(|value| digits && (1..=most).contains(value));
    value.ok_or_else(|| format!("is not a whole number from 1 to {most}"))
}

/// An IPv4 address inside IPv6 is the IPv4 address, as in events.
pub(in crate::api) fn network(text: &str) -> Option<IpNet> {
    match text.parse::<std::net::IpAddr>() {
        Ok(address) => Some(IpNet::from(address.to_canonical())),
        Err(_) => text.parse::<IpNet>().ok().map(|network| network.trunc()),
    }
}

/// RFC 3339, or a date, which is its first moment in UTC. A `+` that was not percent-encoded arrives as a
/// blank, so `…T08:00:00 02:00` is understood too.
pub(in crate::api) fn time(text: &str) -> Option<Timestamp> {
    if text.len() == "2026-01-31".len() {
        return Some(text.parse::<Date>().ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp());
    }
    text.parse().ok().or_else(|| text.replace(' ', "+").parse().ok())
}

/// Every filter and what it takes.
pub(in crate::api) const FILTERS: Parameters = &[
    ("actor", "an id, e-mail address or name"),
    ("claimedActor", "an id, e-mail address or name"),
    ("action", "an action, such as RESCHEDULED"),
    ("type", "a type"),
    ("category", "a category"),
    ("source", "a source"),
    ("result", "success, failure, denied or unknown"),
    ("targetType", "a kind of target, such as booking"),
    ("targetId", "a target's identifier"),
    ("organization", "an organization"),
    ("team", "a team"),
    ("tag", "a label of rules"),
    ("rule", "a rule's id, such as calcom/booking.created"),
    ("ip", "an address or a network, such as 10.0.0.0/8"),
    ("from", TIME),
    ("to", TIME),
    ("q", "words, `begin*`, `\"a phrase\"`, `field:value`; `-` before what must not hold"),
];
/// What a page takes beside filters.
pub(in crate::api) const PAGING: Parameters = &[
    ("order", "`newest` or `oldest`, which comes first, once"),
    ("limit", "a whole number, once"),
    (
        "cursor",
        "`pagination.nextCursor` or `previousCursor` of a page, with the same filters and order, once",
    ),
];
pub(in crate::api) const TIME: &str =
    "a time such as 2026-01-31T08:00:00Z, or a date such as 2026-01-31, once";
const LIMIT_DEFAULT: usize = 50;
const VALUE_CHARS_MAX: usize = 500;
const VALUES_MAX: usize = 200;
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
        let search: Vec<String> = filter.search.iter().map(ToString::to_string).collect();
        assert_eq!(search, [": two ", ": words ", ": more "]);
        assert_eq!((asked.limit, asked.place, asked.order), (50, None, Order::Newest));
        assert_eq!(question("order=oldest").order, Order::Oldest);
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
        check("order=up", &[("order", "is neither `newest` nor `oldest`")]);
        check("order=newest&order=newest", &[("order", "stands twice")]);
        check("q=a*", &[("q", "has a `*` behind fewer than 2 letters")]);
        check("q=acton:x", &[("q", "has `acton:`, which is no field; did you mean `actor:`?")]);
        check("limit=5&limit=6", &[("limit", "stands twice")]);
        check("result=good", &[("result", "is none of the four results")]);
        check("ip=10.0.0.0/33", &[("ip", "is neither an address nor a network")]);
        check("ip=localhost", &[("ip", "is neither an address nor a network")]);
        check("from=yesterday", &[("from", "is neither a time nor a date")]);
        check("from=2026-02-30", &[("from", "is neither a time nor a date")]);
        check("from=2026-01-31T08:00:00", &[("from", "is neither a time nor a date")]);
        check("from=2026-01-01&from=2026-01-02", &[("from", "stands twice")]);
        check("from=2026-01-01&to=2026-01-01", &[("to", "is not after `from`")]);
        check("cursor=abc", &[("cursor", "was not made by this installation for you, or was changed")]);
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
