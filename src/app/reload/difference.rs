//! What a reload changes of the rules, so that nobody turns one off unseen (THREATS E72). Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::summary::{ALL_CHANGES, Holdings, RuleSummary, Summary};

/// All that is different, in the order of names.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Difference {
    /// Rules that are new, by id, with their digests.
    pub(super) added: Vec<(String, String)>,
    /// Rules that are gone.
    pub(super) removed: Vec<(String, String)>,
    /// Rules that say something else, with the digests before and now.
    pub(super) changed: Vec<(String, String, String)>,
    /// What records less than before, or reveals more.
    pub(super) weakened: Vec<Weakened>,
    /// Packs of which anything is different, with the versions before and now.
    pub(super) packs: Vec<(String, Option<String>, Option<String>)>,
}

/// Something that records less than before, or reveals more.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Weakened {
    /// What: `rules[calcom/booking.cancelled].mode`, `packs[calcom].exclude`.
    pub(super) what: String,
    /// As it was; `None` where it was not there.
    pub(super) before: Option<String>,
    /// As it is; `None` where it is not there any more.
    pub(super) now: Option<String>,
}

impl Difference {
    /// Between the rules in force and those to come.
    pub(super) fn between(old: &Summary, new: &Summary) -> Difference {
        let mut difference = Difference::default();
        for (id, rule) in &old.rules {
            match new.rules.get(id) {
                None => difference.removed.push((id.clone(), rule.digest.clone())),
                Some(now) => difference.compare_rules(id, rule, now),
            }
        }
        let added = new.rules.iter().filter(|(id, _)| !old.rules.contains_key(*id));
        difference.added.extend(added.map(|(id, rule)| (id.clone(), rule.digest.clone())));
        difference.compare_packs(old, new);
        if let (Some(old), Some(new)) = (&old.retention, &new.retention) {
            difference.compare_holdings("retention", &old.holds, &new.holds);
            difference.weakened.extend(old.weakened(new));
        }
        if let (Some(old), Some(new)) = (&old.erasure, &new.erasure) {
            difference.compare_holdings("erasure", old, new);
        }
        difference
    }

    /// True when rules and packs are the same.
    pub(super) fn is_empty(&self) -> bool {
        *self == Difference::default()
    }

    fn compare_rules(&mut self, id: &str, old: &RuleSummary, new: &RuleSummary) {
        if old.digest != new.digest {
            self.changed.push((id.to_owned(), old.digest.clone(), new.digest.clone()));
        }
        for (key, (rank, word)) in &old.grades {
            let Some((rank_now, word_now)) = new.grades.get(key) else { continue };
            if rank_now < rank {
                let (before, now) = (Some(word.clone()), Some(word_now.clone()));
                self.weakened.push(Weakened { what: format!("rules[{id}].{key}"), before, now });
            }
        }
        self.compare_holdings(&format!("rules[{id}]"), &old.holds, &new.holds);
    }

    fn compare_packs(&mut self, old: &Summary, new: &Summary) {
        for (name, pack) in &old.packs {
            let now = new.packs.get(name).map(|now| now.version.clone());
            if now.as_ref() != Some(&pack.version) {
                self.packs.push((name.clone(), Some(pack.version.clone()), now));
            }
        }
        for (name, pack) in &new.packs {
            let before = old.packs.get(name);
            if before.is_none() {
                self.packs.push((name.clone(), None, Some(pack.version.clone())));
            }
            let nothing = Holdings::default();
            let held = before.map_or(&nothing, |before| &before.holds);
            self.compare_holdings(&format!("packs[{name}]"), held, &pack.holds);
        }
        self.packs.sort();
    }

    /// What strengthened and is gone, and what weakens and was not there.
    fn compare_holdings(&mut self, of: &str, old: &Holdings, new: &Holdings) {
        for (key, element) in lacking(&old.strengthening, &new.strengthening) {
            let (what, before) = (format!("{of}.{key}"), Some(element.to_owned()));
            self.weakened.push(Weakened { what, before, now: None });
        }
        for (key, element) in lacking(&new.weakening, &old.weakening) {
            let (what, now) = (format!("{of}.{key}"), Some(element.to_owned()));
            self.weakened.push(Weakened { what, before: None, now });
        }
    }
}

/// What the one has and the other has not. Where all changes are kept, those of each field are.
fn lacking<'a>(one: &'a Lists, other: &'a Lists) -> impl Iterator<Item = (&'a str, &'a str)> {
    one.iter().flat_map(|(key, elements)| {
        let found = other.get(key);
        let has = move |element: &str| {
            found.is_some_and(|found| found.contains(element) || found.contains(ALL_CHANGES))
        };
        let missing = elements.iter().filter(move |element| !has(element));
        missing.map(move |element| (key.as_str(), element.as_str()))
    })
}

type Lists = BTreeMap<String, BTreeSet<String>>;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::model::RuleSet;

    fn rules(pack: &str) -> RuleSet {
        let loaded = RuleSet::from_texts("p", &[("pack.yaml", &format!("version: 1\n{pack}"))]);
        loaded.map_err(|problems| problems.render()).unwrap().rules
    }

    fn between(old: &str, new: &str) -> Difference {
        Difference::between(&Summary::of(&rules(old)), &Summary::of(&rules(new)))
    }

    const TWO: &str =
        "rules:\n  - { id: a, match: POST /a, action: A }\n  - { id: b, match: POST /b, action: B }\n";

    fn ids(list: &[(String, String)]) -> Vec<&str> {
        list.iter().map(|(id, _)| id.as_str()).collect()
    }

    // THREATS E72
    #[test]
    fn every_kind_of_change_is_named() {
        assert!(between(TWO, TWO).is_empty());
        assert!(between(TWO, &format!("# a word\n{TWO}")).is_empty());
        let gone = between(TWO, &TWO.replace("id: b", "id: c"));
        assert_eq!((ids(&gone.removed), ids(&gone.added)), (vec!["p/b"], vec!["p/c"]));
        assert_eq!(gone.packs.len(), 1);
        let narrowed = between(TWO, &TWO.replace("action: B", "when: { $.request.query.x: 1 }, action: B"));
        let [(id, before, now)] = &narrowed.changed[..] else { panic!("{narrowed:?}") };
        assert!(id == "p/b" && before != now && narrowed.weakened.is_empty());
        let tested = between(TWO, &TWO.replace("action: B", "action: B, tests: []"));
        assert!(tested.changed.is_empty() && tested.packs.len() == 1, "{tested:?}");
        let inherited = between(TWO, &format!("defaults: {{ category: X }}\n{TWO}"));
        assert_eq!(inherited.changed.len(), 2);
    }

    // THREATS E72
    #[test]
    fn what_records_less_is_called_weakened() {
        let check = |new: &str, what: &str, before: Option<&str>, now: &str| {
            let now = Some(now);
            let found = between(TWO, new);
            let [weakened] = &found.weakened[..] else { panic!("{new}: {found:?}") };
            assert_eq!(
                (&*weakened.what, weakened.before.as_deref(), weakened.now.as_deref()),
                (what, before, now)
            );
            assert!(between(new, TWO).weakened.is_empty(), "{new}");
        };
        let b = |more: &str| TWO.replace("action: B", &format!("action: B, {more}"));
        check(&b("mode: shadow"), "rules[p/b].mode", Some("record"), "shadow");
        check(&b("mode: disabled"), "rules[p/b].mode", Some("record"), "disabled");
        check(&b("guarantee: buffered"), "rules[p/b].guarantee", Some("durable"), "buffered");
        let exclude = format!("exclude: ['POST /a/{{id}}/x{{y}}.z/{{rest*}}']\n{TWO}");
        check(&exclude, "packs[p].exclude", None, "POST /a/{id}/x{y}.z/{rest*}");
        let reveal = format!("reveal: [$.request.body.token]\n{TWO}");
        check(&reveal, "packs[p].reveal", None, "$.request.body.token");
    }
    // THREATS E72
    #[test]
    fn what_is_taken_away_is_called_weakened_too() {
        let check = |with: &str, without: &str, expected: &[(&str, &str)]| {
            let found = between(with, without).weakened;
            let found: Vec<(&str, &str)> =
                found.iter().map(|one| (&*one.what, one.before.as_deref().unwrap())).collect();
            assert_eq!(found, expected, "{with}");
            assert!(between(without, with).weakened.is_empty(), "{with}");
        };
        let pack = |more: &str| format!("{more}\n{TWO}");
        check(
            &pack("aliases: [/index.php, '/{locale}', .json]"),
            &pack("aliases: [.json]"),
            &[("packs[p].aliases", "/index.php"), ("packs[p].aliases", "/{}")],
        );
        check(&pack("blind_spots: ['GET /a/{id}/run']"), TWO, &[("packs[p].blind_spots", "GET /a/{id}/run")]);
        check(&pack("redact: [iban]"), TWO, &[("packs[p].redact", "iban")]);
        let b = |more: &str| TWO.replace("match: POST /b", &format!("match: 'POST /b/{{id}}', {more}"));
        check(&b("redact: [iban]"), &b("redact: []"), &[("rules[p/b].redact", "iban")]);
        check(&b("websocket: refuse"), &b("redact: []"), &[("rules[p/b].websocket", "refuse")]);
        let thing = |more: &str, rule: &str| {
            format!(
                "resources: {{ x: {{ read: 'GET /b/{{id}}'{more} }} }}\n{}",
                b(&format!("before: x{rule}"))
            )
        };
        check(&thing(", drift: true", ""), &thing("", ""), &[("packs[p].drift", "x")]);
        check(&thing("", ", changes: [a, b]"), &thing("", ", changes: [b]"), &[("rules[p/b].changes", "a")]);
        check(&thing("", ""), &thing("", ", changes: [b]"), &[("rules[p/b].changes", ALL_CHANGES)]);
        let ignoring = between(&thing("", ""), &thing(", ignore: [price]", "")).weakened;
        assert_eq!(ignoring[0].what, "packs[p].resources[x].ignore");
    }
}
