//! One pack: the sections of its files, put together.

use std::sync::Arc;

use super::checks;
use super::files::{PackFile, PackFiles, PackKind};
use super::keys::Page;
use super::rule::trials::{self, Given};
use super::rule::{self, Around, CHOICES, INHERITED};
use super::sections::vars::{self, Written};
use super::sections::{actors, aliases, envelopes, exceptions, memory, overrides, redaction, resource};
use crate::exchange::EnvelopeKind;
use crate::rules::described::Exception;
use crate::rules::expr::{Names, Phase};
use crate::rules::model::{Alias, Exclusion, FormatLine, MatchLine, Pack, Rule};
use crate::yaml::{Key, Node, Problems, Source, Span, Yaml};

/// Reads a pack. What is wrong is left out and told; the result is of use only when nothing was.
pub(super) fn pack(files: &PackFiles, problems: &mut Problems) -> Pack {
    for file in &files.files {
        check_top(file, files.kind, problems);
    }
    let mut reader = Reader { files, problems };
    let mut names =
        Names { phase: Phase::Answer, has_answer: false, has_item: false, parts: None, vars: Vec::new() };
    let vars = reader.named("vars");
    let first = files.files.first().map_or_else(|| Source::new("", ""), |file| Arc::clone(&file.source));
    let vars_written =
        vars.iter().map(|(key, node, source)| Written { key, node, source }).collect::<Vec<_>>();
    let vars =
        vars::compile(&vars_written, &mut names, &mut Page { source: &first, problems: reader.problems });
    let resources_written = reader.named("resources");
    let mut resources = Vec::new();
    for (key, node, source) in &resources_written {
        resources.extend(resource::resource(key, node, &names, &mut reader.page(source)));
    }
    let aliases = reader.each("aliases", aliases::read);
    let body_names = Names { phase: Phase::Answer, ..names.clone() };
    let mut pack = Pack {
        name: files.name.clone(),
        title: reader.title(),
        base: files.base.clone(),
        hosts: reader.hosts(),
        version: files.version(),
        files: files.paths(),
        vars,
        formats: reader.each("formats", |node, page| formats(node, &aliases, page)),
        aliases,
        resources,
        actors: reader.actors(&names),
        redact: reader.each("redact", |node, page| redaction::redact(node, &body_names, page)),
        reveal: reader.each("reveal", |node, page| redaction::reveal(node, &body_names, page)),
        exclude: reader.each("exclude", exclude),
        blind_spots: reader.each("blind_spots", rule::match_lines),
        exceptions: reader.exceptions(),
        rules: Vec::new(),
    };
    pack.rules = reader.rules(&pack, &names);
    reader.tests(&mut pack);
    let opening = reader.envelopes(&pack, &names);
    checks::pack(&pack, files, &vars_written, &resources_written, problems);
    memory::prepare(&mut pack, &resources_written);
    pack.rules.extend(opening);
    checks::bodies(&pack, &resources_written, problems);
    envelopes::check(&pack, problems);
    pack
}

/// A member of a section: its name, what it is, where it stands.
pub(super) type Member<'f> = (&'f Key, &'f Node, &'f Arc<Source>);

struct Reader<'f, 'p> {
    files: &'f PackFiles,
    problems: &'p mut Problems,
}

impl<'f> Reader<'f, '_> {
    fn page<'b>(&'b mut self, source: &'b Arc<Source>) -> Page<'b> {
        Page { source, problems: self.problems }
    }

    /// A section of each file that has it.
    fn sections(&self, key: &str) -> Vec<(&'f Node, &'f PackFile)> {
        let files: &'f PackFiles = self.files;
        files.files.iter().filter_map(|file| Some((file.root.member(key)?, file))).collect()
    }

    /// All elements of a section that is a list.
    fn each<T>(&mut self, key: &str, read: impl Fn(&Node, &mut Page<'_>) -> Vec<T>) -> Vec<T> {
        let mut all = Vec::new();
        for (node, file) in self.sections(key) {
            all.extend(read(node, &mut self.page(&file.source)));
        }
        all
    }

    /// All members of a section that is a mapping; a name that stands twice is E05.
    fn named(&mut self, key: &str) -> Vec<Member<'f>> {
        let mut all: Vec<Member<'f>> = Vec::new();
        for (node, file) in self.sections(key) {
            for (name, node) in self.page(&file.source).members(node, &format!("`{key}`")).unwrap_or(&[]) {
                match all.iter().find(|(other, _, _)| other.text == name.text) {
                    Some((other, _, source)) => {
                        let place = format!("{}:{}", source.name, source.line(other.span.start));
                        let message =
                            format!("`{}` stands in `{key}` a second time; first in {place}", name.text);
                        let source = &file.source;
                        self.page(source).error("E05", name.span, &message, "name one of them otherwise");
                    }
                    None => all.push((name, node, &file.source)),
                }
            }
        }
        all
    }

    fn title(&mut self) -> String {
        let title = self
            .sections("name")
            .into_iter()
            .find_map(|(node, file)| self.page(&file.source).text(node, "`name`"));
        title.unwrap_or_else(|| self.files.name.clone())
    }

    fn exceptions(&mut self) -> Vec<Exception> {
        let files: &'f PackFiles = self.files;
        let file = files.exceptions.as_ref();
        file.map(|file| exceptions::read(&file.root, &mut self.page(&file.source))).unwrap_or_default()
    }

    fn hosts(&mut self) -> Vec<String> {
        self.each("hosts", |node, page| {
            let mut hosts = Vec::new();
            for item in page.list(node, "`hosts`") {
                let Some(host) = page.text(item, "a host") else { continue };
                let host = host.to_ascii_lowercase();
                let bare = host.strip_prefix("*.").unwrap_or(&host);
                let is_host = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
                if bare.is_empty() || !bare.bytes().all(is_host) {
                    let cure = "write a name without scheme, port and path: app.example.org or *.example.org";
                    page.error("E03", item.span, &format!("`{host}` is no host"), cure);
                } else {
                    hosts.push(host.trim_end_matches('.').to_owned());
                }
            }
            hosts
        })
    }

    /// The ways to the actor, which one file holds.
    fn actors(&mut self, names: &Names) -> Vec<crate::rules::model::ActorWay> {
        let sections = self.sections("actors");
        for (node, file) in sections.iter().skip(1) {
            let message = "`actors` stands in another file of this pack too, and its order counts";
            self.page(&file.source).error("E05", node.span, message, "put all of them into one file");
        }
        let first = sections.first().copied();
        first.map(|(node, file)| actors::ways(node, names, &mut self.page(&file.source))).unwrap_or_default()
    }

    /// Tests that stand beside the rules: by rule, in files of their own or not.
    fn tests(&mut self, pack: &mut Pack) {
        let shared = self.files.files.iter().find(|file| file.is_shared(self.files.kind));
        for (node, file) in self.sections("tests") {
            let given = Given { source: &file.source, layers: layers("given", file, shared) };
            let mut page = Page { source: &file.source, problems: self.problems };
            for (key, node) in page.members(node, "`tests`").unwrap_or(&[]) {
                let full = format!("{}/{}", pack.name, key.text);
                let Some(rule) = pack.rules.iter_mut().find(|rule| rule.id == full) else {
                    // A rule that could not be read has been told already.
                    if !is_written(self.files, &key.text) {
                        page.no_rule(key, written_ids(self.files));
                    }
                    continue;
                };
                rule.tests.extend(trials::trials(node, &given, &mut page));
            }
        }
    }

    /// A rule for each kind of envelope that `formats` names, with all of its lines.
    fn envelopes(&mut self, pack: &Pack, names: &Names) -> Vec<Rule> {
        let default_names = Names { has_item: true, ..names.clone() };
        let shared = self.files.files.iter().find(|file| file.is_shared(self.files.kind));
        let mut found: Vec<(EnvelopeKind, Vec<MatchLine>, &PackFile)> = Vec::new();
        for (node, file) in self.sections("formats") {
            let mut page = Page { source: &file.source, problems: self.problems };
            for item in node.as_list().unwrap_or_default() {
                let Some(kind) = envelopes::kind(item) else { continue };
                let lines = envelopes::lines(item, kind, &mut page);
                match found.iter_mut().find(|(known, _, _)| *known == kind) {
                    Some((_, known, _)) => known.extend(lines),
                    None => found.push((kind, lines, file)),
                }
            }
        }
        let rule = |(kind, lines, file): (EnvelopeKind, Vec<MatchLine>, &'f PackFile)| {
            let around = Around {
                pack: &pack.name,
                resources: &pack.resources,
                default_names: &default_names,
                defaults: layers("defaults", shared.unwrap_or(file), None),
                given: Given { source: &file.source, layers: Vec::new() },
            };
            envelopes::rule(kind, lines, &around, self.problems)
        };
        found.into_iter().filter_map(rule).collect()
    }

    fn rules(&mut self, pack: &Pack, names: &Names) -> Vec<Rule> {
        let default_names = Names { has_item: true, ..names.clone() };
        let shared = self.files.files.iter().find(|file| file.is_shared(self.files.kind));
        let mut rules: Vec<Rule> = Vec::new();
        let mut count = 0;
        for (node, file) in self.sections("rules") {
            let around = Around {
                pack: &pack.name,
                resources: &pack.resources,
                default_names: &default_names,
                defaults: layers("defaults", file, shared),
                given: Given { source: &file.source, layers: layers("given", file, shared) },
            };
            let mut page = Page { source: &file.source, problems: self.problems };
            for item in page.list(node, "`rules`") {
                count += 1;
                if count > RULES_MAX {
                    page.error("E22", item.span, "more than 2,000 rules in one pack", "make two packs of it");
                    return Vec::new();
                }
                let Some(rule) = rule::rule(item, &around, &mut page) else { continue };
                match rules.iter().find(|other| other.id == rule.id) {
                    Some(other) => {
                        let place = format!("{}:{}", other.source.name, other.source.line(other.span.start));
                        let message = format!("there is a rule `{}` already, in {place}", rule.id);
                        page.error("E05", rule.span, &message, "give it another id");
                    }
                    None => rules.push(rule),
                }
            }
        }
        rules
    }
}

/// The ids of a pack's rules as they stand in its files, right or wrong.
fn written_ids(files: &PackFiles) -> impl Iterator<Item = &str> {
    let rules = files.files.iter().filter_map(|file| file.root.member("rules")?.as_list()).flatten();
    rules.filter_map(|rule| rule.member("id")?.as_text())
}

fn is_written(files: &PackFiles, id: &str) -> bool {
    written_ids(files).any(|written| written == id)
}

/// A section of a file, then of the pack's shared file.
fn layers<'f>(
    key: &str,
    file: &'f PackFile,
    shared: Option<&'f PackFile>,
) -> Vec<(&'f Node, &'f Arc<Source>)> {
    let shared = shared.filter(|shared| shared.name != file.name);
    let files = std::iter::once(file).chain(shared);
    files.filter_map(|file| Some((file.root.member(key)?, &file.source))).collect()
}

/// The keys of a file, its version, and what is checked once however often it is used.
fn check_top(file: &PackFile, kind: PackKind, problems: &mut Problems) {
    let mut page = Page { source: &file.source, problems };
    let Some(root) = page.mapping(&file.root, "a rule file", &KEYS) else { return };
    match root.member("version").map(|node| (node, &node.value)) {
        None => page.missing(Span { end: 1, ..Span::default() }, "version", "this file"),
        Some((_, Yaml::Number(number))) if number.as_u64() == Some(1) => {}
        Some((node, _)) => {
            let version = node.to_json();
            let message = format!("version {version} of the rule language is not known");
            page.error("E03", node.span, &message, "this program reads version 1: write `version: 1`");
        }
    }
    for key in ["name", "hosts"] {
        if let (Some(node), false) = (root.member(key), file.is_shared(kind)) {
            let message = format!("`{key}` belongs to the whole pack");
            page.error("E02", node.span, &message, "move it to pack.yaml");
        }
    }
    if let Some(node) = root.member("defaults") {
        let known: Vec<&str> = [&INHERITED[..], &CHOICES, &["authenticated"]].concat();
        page.mapping(node, "`defaults`", &known);
    }
    if let Some(node) = root.member("given") {
        trials::check_given(node, &mut page);
    }
    if let Some(node) = root.member("overrides") {
        overrides::check(node, kind, &mut page);
    }
}

fn formats(node: &Node, aliases: &[Alias], page: &mut Page<'_>) -> Vec<FormatLine> {
    let mut formats = Vec::new();
    for item in page.list(node, "`formats`") {
        let Some(item) = page.mapping(item, "a format", &["at", "as", "lists"]) else { continue };
        let lists = item.member("lists").map(|lists| page.texts(lists, "`lists`")).unwrap_or_default();
        // What SOAP is read like stands here too; the others are no formats of a body.
        if envelopes::kind(item).is_some_and(|kind| kind != EnvelopeKind::Soap) {
            continue;
        }
        let at = page.required(item, "at", "a format").map(|at| rule::match_lines(at, page));
        let Some(node) = page.required(item, "as", "a format") else { continue };
        if let Some(format) = page.word(node, "`as`", &FORMATS) {
            if let (Some(lists), false) = (item.member("lists"), XMLS.contains(&format)) {
                let message = format!("`lists` means nothing for `{format}`");
                page.error("E03", lists.span, &message, "it names elements of xml, soap or webdav");
            }
            let line = |at| FormatLine { at, format: format.to_owned(), lists: lists.clone() };
            let at = at.unwrap_or_default().into_iter();
            formats.extend(at.flat_map(|at| [at.aliased(aliases), vec![at]].concat()).map(line));
        }
    }
    formats
}

fn exclude(node: &Node, page: &mut Page<'_>) -> Vec<Exclusion> {
    let mut exclusions = Vec::new();
    for item in page.list(node, "`exclude`") {
        let (lines, operations) = rule::matches(item, page);
        let exclusion = |line| Exclusion { line, operations: operations.clone() };
        exclusions.extend(lines.into_iter().map(exclusion));
    }
    exclusions
}

const KEYS: [&str; 17] = [
    "version",
    "name",
    "hosts",
    "aliases",
    "vars",
    "formats",
    "resources",
    "actors",
    "defaults",
    "redact",
    "reveal",
    "exclude",
    "blind_spots",
    "given",
    "overrides",
    "rules",
    "tests",
];
/// The last are envelopes, which are no formats of a body: they stand here to be suggested.
const FORMATS: [(&str, &str); 15] = [
    ("json", "json"),
    ("superjson", "superjson"),
    ("jsonl", "jsonl"),
    ("form", "form"),
    ("multipart", "multipart"),
    ("text", "text"),
    ("html-form", "html-form"),
    ("icalendar", "icalendar"),
    ("xml", "xml"),
    ("soap", "soap"),
    ("webdav", "webdav"),
    ("trpc", "trpc"),
    ("json-rpc", "json-rpc"),
    ("graphql", "graphql"),
    ("http-batch", "http-batch"),
];
const XMLS: [&str; 3] = ["xml", "soap", "webdav"];
const RULES_MAX: usize = 2_000;
