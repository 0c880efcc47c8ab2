//! What no test reached: rules, and ways in which a condition can come out.
//!
//! A condition wants a test in which it holds and one in which it does not; of a list in `when`, each
//! element wants one in which it holds. Doubt counts as neither: no test should need it.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashSet};
use std::rc::Rc;

use serde_json::{Value, json};

use crate::rules::expr::{Condition, Verdict, Verdicts};
use crate::rules::model::{Entry, Mode, Rule, RuleSet};
use crate::rules::reaches::{self, Part};
use crate::yaml::{Source, Span};

/// What the tests have reached so far.
#[derive(Debug, Default)]
pub(super) struct Coverage {
    /// How conditions came out.
    pub(super) verdicts: Rc<Verdicts>,
    recorded: RefCell<HashSet<String>>,
    dropped: RefCell<HashSet<String>>,
}

/// All that could be reached, and what was.
#[derive(Debug, Default)]
pub(super) struct Report {
    branches: Vec<Branch>,
}

/// One way in which something can come out.
#[derive(Debug)]
pub(super) struct Branch {
    rule: String,
    file: String,
    line: usize,
    column: usize,
    /// "`when`", "entry 2 (CANCELLED)".
    what: String,
    way: Way,
    is_reached: bool,
}

/// How it can come out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// It records.
    Records,
    /// The condition holds.
    Holds,
    /// It does not.
    Fails,
}

impl Coverage {
    /// A rule has recorded, or would have in shadow mode.
    pub(super) fn add_recorded(&self, rule: &str) {
        self.recorded.borrow_mut().insert(rule.to_owned());
    }

    /// The head or body of a request alone has excluded a rule.
    pub(super) fn add_dropped(&self, rule: &str) {
        self.dropped.borrow_mut().insert(rule.to_owned());
    }

    /// What was reached of these rules.
    pub(super) fn report(&self, rules: &RuleSet) -> Report {
        let mut report = Report::default();
        let mut guards: BTreeMap<(String, usize), Branches> = BTreeMap::new();
        let rules =
            rules.packs.iter().flat_map(|pack| &pack.rules).filter(|rule| rule.mode != Mode::Disabled);
        for rule in rules {
            report.branches.extend(self.rule(rule));
            self.guards(rule, &mut guards);
        }
        report.branches.extend(guards.into_values().flat_map(|branches| branches.list));
        report
    }

    fn rule(&self, rule: &Rule) -> Vec<Branch> {
        let mut branches = Branches::new(rule, &rule.source, rule.span);
        let is_recorded = self.recorded.borrow().contains(&rule.id);
        branches.add("the rule".to_owned(), Way::Records, is_recorded);
        self.condition(&rule.when, "`when`", &mut branches);
        if self.dropped.borrow().contains(&rule.id) {
            branches.reach("`when`", Way::Fails);
        }
        for (index, entry) in rule.entries.iter().enumerate() {
            self.condition(&entry.when, &format!("entry {}{}", index + 1, named(entry)), &mut branches);
        }
        if let Some(otherwise) = &rule.otherwise {
            let is_recorded = self.verdicts.has(&otherwise.when, Verdict::Yes);
            branches.add(format!("`otherwise`{}", named(otherwise)), Way::Records, is_recorded);
        }
        branches.list
    }

    fn condition(&self, condition: &Condition, what: &str, branches: &mut Branches) {
        if matches!(condition, Condition::All(all) if all.is_empty()) {
            return;
        }
        branches.add(what.to_owned(), Way::Holds, self.verdicts.has(condition, Verdict::Yes));
        branches.add(what.to_owned(), Way::Fails, self.verdicts.has(condition, Verdict::No));
        if let Condition::Any(any) = condition {
            for (index, one) in any.iter().enumerate() {
                let what = format!("{what}, alternative {}", index + 1);
                branches.add(what, Way::Holds, self.verdicts.has(one, Verdict::Yes));
            }
        }
    }

    /// Those of `first`. What stands in `defaults` is compiled for each rule and counts once.
    fn guards(&self, rule: &Rule, guards: &mut BTreeMap<(String, usize), Branches>) {
        reaches::of_rule(rule, &mut |part| {
            let Part::Value(value) = part else { return };
            value.visit_guards(&mut |alternative, when| {
                let place = (alternative.source.name.clone(), alternative.span.start);
                let branches = guards
                    .entry(place)
                    .or_insert_with(|| Branches::new(rule, &alternative.source, alternative.span));
                for (way, verdict) in [(Way::Holds, Verdict::Yes), (Way::Fails, Verdict::No)] {
                    branches.add_or_reach("an alternative of `first`", way, self.verdicts.has(when, verdict));
                }
            });
        });
    }
}

/// The branches at one place of a rule.
#[derive(Debug)]
struct Branches {
    rule: String,
    file: String,
    line: usize,
    column: usize,
    list: Vec<Branch>,
}

impl Branches {
    fn new(rule: &Rule, source: &Source, span: Span) -> Branches {
        let (line, column) = (source.line(span.start), source.column(span.start));
        Branches { rule: rule.id.clone(), file: source.name.clone(), line, column, list: Vec::new() }
    }

    fn add(&mut self, what: String, way: Way, is_reached: bool) {
        let (rule, file, line, column) = (self.rule.clone(), self.file.clone(), self.line, self.column);
        self.list.push(Branch { rule, file, line, column, what, way, is_reached });
    }

    fn reach(&mut self, what: &str, way: Way) {
        for branch in self.list.iter_mut().filter(|branch| branch.what == what && branch.way == way) {
            branch.is_reached = true;
        }
    }

    fn add_or_reach(&mut self, what: &str, way: Way, is_reached: bool) {
        if !self.list.iter().any(|branch| branch.what == what && branch.way == way) {
            self.add(what.to_owned(), way, is_reached);
        } else if is_reached {
            self.reach(what, way);
        }
    }
}

impl Report {
    /// What no test reached.
    pub(super) fn gaps(&self) -> impl Iterator<Item = &Branch> {
        self.branches.iter().filter(|branch| !branch.is_reached)
    }

    /// One line.
    pub(super) fn summary(&self) -> String {
        let count = |is_rule: bool, is_reached: bool| {
            let counts = |branch: &&Branch| {
                (!is_rule || branch.what == "the rule") && (!is_reached || branch.is_reached)
            };
            self.branches.iter().filter(counts).count()
        };
        format!(
            "tests reach {} of {} rules, {} of {} branches",
            count(true, true),
            count(true, false),
            count(false, true),
            count(false, false)
        )
    }

    /// For programs.
    pub(super) fn to_json(&self) -> Value {
        let gaps: Vec<Value> = self.gaps().map(Branch::to_json).collect();
        json!({ "branches": self.branches.len(), "reached": self.branches.len() - gaps.len(), "gaps": gaps })
    }
}

impl Branch {
    /// One line, with its place.
    pub(super) fn line(&self) -> String {
        format!("{}:{}:{} {}: {}", self.file, self.line, self.column, self.rule, self.gap())
    }

    fn gap(&self) -> String {
        match self.way {
            Way::Records => format!("no test in which {} records", self.what),
            Way::Holds => format!("no test in which {} holds", self.what),
            Way::Fails => format!("no test in which {} does not hold", self.what),
        }
    }

    fn to_json(&self) -> Value {
        json!({
            "rule": self.rule,
            "file": self.file,
            "line": self.line,
            "column": self.column,
            "gap": self.gap(),
        })
    }
}

fn named(entry: &Entry) -> String {
    match &entry.action {
        crate::rules::expr::Expr::Literal(crate::value::Value::String(action)) => format!(" ({action})"),
        _ => String::new(),
    }
}
