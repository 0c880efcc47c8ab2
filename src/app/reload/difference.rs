//! What a reload changes of the rules, so that nobody turns one off unseen (THREATS E72). Pure.

use std::collections::BTreeMap;

use crate::rules::model::{
    Exclusion, Guarantee, MatchLine, Mode, OnFailure, Pack, Rule, RuleSet, SegmentPattern,
};

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
    /// As it is.
    pub(super) now: String,
}

impl Difference {
    /// Between the rules in force and those to come.
    pub(super) fn between(old: &RuleSet, new: &RuleSet) -> Difference {
        let mut difference = Difference::default();
        let (old_rules, new_rules) = (by_id(old), by_id(new));
        for (id, rule) in &old_rules {
            match new_rules.get(id) {
                None => difference.removed.push(((*id).to_owned(), rule.digest.clone())),
                Some(now) => difference.compare(rule, now),
            }
        }
        let added = new_rules.iter().filter(|(id, _)| !old_rules.contains_key(*id));
        difference.added.extend(added.map(|(id, rule)| ((*id).to_owned(), rule.digest.clone())));
        difference.compare_packs(old, new);
        difference
    }

    /// True when rules and packs are the same.
    pub(super) fn is_empty(&self) -> bool {
        *self == Difference::default()
    }

    fn compare(&mut self, old: &Rule, new: &Rule) {
        if old.digest != new.digest {
            self.changed.push((old.id.clone(), old.digest.clone(), new.digest.clone()));
        }
        let grades = [
            ("mode", mode(old.mode), mode(new.mode)),
            ("guarantee", guarantee(old.guarantee), guarantee(new.guarantee)),
            ("on_failure", on_failure(old.on_failure), on_failure(new.on_failure)),
        ];
        for (key, (before, word_before), (now, word)) in grades {
            if now < before {
                self.weakened.push(Weakened {
                    what: format!("rules[{}].{key}", old.id),
                    before: Some(word_before.to_owned()),
                    now: word.to_owned(),
                });
            }
        }
    }

    fn compare_packs(&mut self, old: &RuleSet, new: &RuleSet) {
        let (old, new) = (packs(old), packs(new));
        for (name, pack) in &old {
            let now = new.get(name).map(|now| now.version.clone());
            if now.as_ref() != Some(&pack.version) {
                self.packs.push(((*name).to_owned(), Some(pack.version.clone()), now));
            }
        }
        for (name, pack) in &new {
            let before = old.get(name);
            if before.is_none() {
                self.packs.push(((*name).to_owned(), None, Some(pack.version.clone())));
            }
            self.loosened(before.copied(), pack);
        }
        self.packs.sort();
    }

    /// What a pack leaves out of the record, or shows in it, and did not before.
    fn loosened(&mut self, before: Option<&Pack>, now: &Pack) {
        let was_left_out = |one: &&Exclusion| {
            before.is_some_and(|pack| {
                pack.exclude.iter().any(|was| was.line == one.line && was.operations == one.operations)
            })
        };
        for one in now.exclude.iter().filter(|one| !was_left_out(one)) {
            let what = format!("packs[{}].exclude", now.name);
            self.weakened.push(Weakened { what, before: None, now: line(&one.line) });
        }
        let was_shown =
            |text: &String| before.is_some_and(|pack| pack.reveal.iter().any(|path| path.text == *text));
        for path in now.reveal.iter().filter(|path| !was_shown(&path.text)) {
            let what = format!("packs[{}].reveal", now.name);
            self.weakened.push(Weakened { what, before: None, now: path.text.clone() });
        }
    }
}

fn by_id(rules: &RuleSet) -> BTreeMap<&str, &Rule> {
    rules.packs.iter().flat_map(|pack| &pack.rules).map(|rule| (rule.id.as_str(), rule)).collect()
}

fn packs(rules: &RuleSet) -> BTreeMap<&str, &Pack> {
    rules.packs.iter().map(|pack| (pack.name.as_str(), pack)).collect()
}

/// The more, the stronger.
fn mode(mode: Mode) -> (u8, &'static str) {
    match mode {
        Mode::Disabled => (0, "disabled"),
        Mode::Shadow => (1, "shadow"),
        Mode::Record => (2, "record"),
    }
}

fn guarantee(guarantee: Guarantee) -> (u8, &'static str) {
    match guarantee {
        Guarantee::Buffered => (0, "buffered"),
        Guarantee::Durable => (1, "durable"),
    }
}

fn on_failure(on_failure: Option<OnFailure>) -> (u8, &'static str) {
    match on_failure {
        Some(OnFailure::Allow) | None => (0, "allow"),
        Some(OnFailure::Refuse) => (1, "refuse"),
    }
}

/// As it is written in a rule file.
fn line(line: &MatchLine) -> String {
    let segment = |segment: &SegmentPattern| match segment {
        SegmentPattern::Literal(text) => format!("/{text}"),
        SegmentPattern::Part { prefix, name, suffix } => format!("/{prefix}{{{name}}}{suffix}"),
        SegmentPattern::Tail(name) => format!("/{{{name}*}}"),
    };
    format!("{} {}", line.methods.join("|"), line.segments.iter().map(segment).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(pack: &str) -> RuleSet {
        let loaded = RuleSet::from_texts("p", &[("pack.yaml", &format!("version: 1\n{pack}"))]);
        loaded.map_err(|problems| problems.render()).unwrap().rules
    }

    fn between(old: &str, new: &str) -> Difference {
        Difference::between(&rules(old), &rules(new))
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
            let found = between(TWO, new);
            let [weakened] = &found.weakened[..] else { panic!("{new}: {found:?}") };
            assert_eq!((&*weakened.what, weakened.before.as_deref(), &*weakened.now), (what, before, now));
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
}
