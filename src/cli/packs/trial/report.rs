//! How the outcome of tests is told: to people, as JSON, as JUnit's XML for build servers.

use std::io::{self, Write};

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event as Xml};
use serde_json::{Value, json};

use super::coverage::Report;
use crate::cli::visible;
use crate::rules::trial::Trial;

/// A test that has run.
pub(super) struct Outcome<'t> {
    /// The full id of its rule.
    pub(super) rule: &'t str,
    /// The test.
    pub(super) trial: &'t Trial,
    /// How what was derived is not what is expected.
    pub(super) complaints: Vec<String>,
    /// The events that rules in shadow mode would have recorded.
    pub(super) shadowed: usize,
}

impl Outcome<'_> {
    fn line(&self) -> usize {
        self.trial.source.line(self.trial.span.start)
    }

    fn complaints(&self) -> String {
        let mut text = String::new();
        for complaint in &self.complaints {
            for (index, line) in complaint.lines().enumerate() {
                text.push_str(if index == 0 { "  - " } else { "    " });
                text.push_str(&visible(line));
                text.push('\n');
            }
        }
        text
    }

    fn to_json(&self) -> Value {
        json!({
            "rule": self.rule,
            "name": self.trial.name,
            "file": self.trial.source.name,
            "line": self.line(),
            "passed": self.complaints.is_empty(),
            "complaints": self.complaints,
            "shadowed": self.shadowed,
        })
    }
}

/// For people: what failed, what shadow rules would have recorded, and how much was reached.
pub(super) fn text(
    outcomes: &[Outcome<'_>],
    coverage: Option<&Report>,
    detail: Detail,
    out: &mut dyn Write,
) -> io::Result<()> {
    let failed = outcomes.iter().filter(|outcome| !outcome.complaints.is_empty());
    for outcome in failed.clone() {
        let (name, file) = (visible(&outcome.trial.name), &outcome.trial.source.name);
        writeln!(
            out,
            "FAILED {}: {name}\n  at {file}:{}\n{}",
            outcome.rule,
            outcome.line(),
            outcome.complaints()
        )?;
    }
    for outcome in outcomes.iter().filter(|outcome| outcome.shadowed > 0) {
        let name = visible(&outcome.trial.name);
        writeln!(out, "shadow {}: {name}: would have recorded {} events", outcome.rule, outcome.shadowed)?;
    }
    let failed = failed.count();
    writeln!(out, "{} passed, {failed} failed", outcomes.len() - failed)?;
    let Some(coverage) = coverage else { return Ok(()) };
    match detail {
        Detail::All => coverage.gaps().try_for_each(|gap| writeln!(out, "{}", gap.line()))?,
        Detail::Summary => {}
    }
    writeln!(out, "{}", coverage.summary())
}

/// How much of the coverage is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Detail {
    /// One line.
    Summary,
    /// Each gap.
    All,
}

/// For programs.
pub(super) fn to_json(outcomes: &[Outcome<'_>], coverage: Option<&Report>) -> Value {
    let failed = outcomes.iter().filter(|outcome| !outcome.complaints.is_empty()).count();
    json!({
        "passed": outcomes.len() - failed,
        "failed": failed,
        "tests": outcomes.iter().map(Outcome::to_json).collect::<Vec<_>>(),
        "coverage": coverage.map(Report::to_json),
    })
}

/// JUnit's XML: a suite for each pack, a case for each test.
pub(super) fn junit(outcomes: &[Outcome<'_>], coverage: Option<&Report>) -> io::Result<Vec<u8>> {
    let mut packs: Vec<&str> = outcomes.iter().map(|outcome| pack_of(outcome.rule)).collect();
    packs.dedup();
    let mut writer = Writer::new_with_indent(Vec::new(), b' ', 2);
    writer.write_event(Xml::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    writer.create_element("testsuites").write_inner_content(|writer| {
        for pack in packs {
            let of_pack: Vec<&Outcome<'_>> =
                outcomes.iter().filter(|outcome| pack_of(outcome.rule) == pack).collect();
            suite(pack, &of_pack, writer)?;
        }
        if let Some(coverage) = coverage {
            let gaps: String = coverage.gaps().map(|gap| format!("{}\n", gap.line())).collect();
            let text = format!("{}\n{gaps}", coverage.summary());
            let suite = writer.create_element("testsuite");
            let suite = suite.with_attributes([("name", "coverage"), ("tests", "0"), ("failures", "0")]);
            suite.write_inner_content(|writer| {
                writer.create_element("system-out").write_text_content(BytesText::new(&text))?;
                Ok(())
            })?;
        }
        Ok(())
    })?;
    let mut xml = writer.into_inner();
    xml.push(b'\n');
    Ok(xml)
}

fn suite(pack: &str, outcomes: &[&Outcome<'_>], writer: &mut Writer<Vec<u8>>) -> io::Result<()> {
    let failed = outcomes.iter().filter(|outcome| !outcome.complaints.is_empty()).count();
    let (tests, failures) = (outcomes.len().to_string(), failed.to_string());
    let suite = writer.create_element("testsuite");
    let suite = suite.with_attributes([("name", pack), ("tests", &tests), ("failures", &failures)]);
    suite.write_inner_content(|writer| outcomes.iter().try_for_each(|outcome| case(outcome, writer)))?;
    Ok(())
}

fn case(outcome: &Outcome<'_>, writer: &mut Writer<Vec<u8>>) -> io::Result<()> {
    let (name, line) = (visible(&outcome.trial.name), outcome.line().to_string());
    let case = writer.create_element("testcase").with_attributes([
        ("classname", outcome.rule),
        ("name", &name),
        ("file", &outcome.trial.source.name),
        ("line", &line),
    ]);
    let Some(first) = outcome.complaints.first().and_then(|complaint| complaint.lines().next()) else {
        case.write_empty()?;
        return Ok(());
    };
    case.write_inner_content(|writer| {
        let failure = writer.create_element("failure").with_attribute(("message", &*visible(first)));
        failure.write_text_content(BytesText::new(&outcome.complaints()))?;
        Ok(())
    })?;
    Ok(())
}

fn pack_of(rule: &str) -> &str {
    rule.split('/').next().unwrap_or(rule)
}
