//! The root fields of a query's mutations, with arguments as they are called: fragments laid open,
//! variables put in, what `@skip` and `@include` take out left out.

use std::collections::{HashMap, HashSet};

use apollo_parser::cst::{self, CstNode as _};
use apollo_parser::{Parser, SyntaxTree};

use super::ask::Ask;
use crate::capture::json;
use crate::value::{Map, Value};

/// What a query calls.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) fields: Vec<Field>,
    /// Why it is not certain that it is called.
    pub(super) doubt: Option<String>,
}

/// One root field.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) alias: Option<String>,
    /// The name under which the answer has it.
    pub(super) key: String,
    pub(super) arguments: Map,
    /// The operation's name.
    pub(super) operation: Option<String>,
    pub(super) doubt: Option<String>,
    /// True when arguments were left out because they are too large together.
    pub(super) is_cut: bool,
}

/// A query that the parser does not take.
#[derive(Debug)]
pub(super) struct NotGraphQl;

/// The root fields of the mutations that would be run.
pub(super) fn of(query: &str, ask: &Ask) -> Result<Found, NotGraphQl> {
    let tree = parse(query);
    if tree.errors().len() > 0 {
        return Err(NotGraphQl);
    }
    let (operations, fragments) = parts(&tree);
    let is_named = |operation: &&cst::OperationDefinition| {
        ask.operation_name.is_none() || name(operation.name()) == ask.operation_name
    };
    let mut chosen: Vec<&cst::OperationDefinition> = operations.iter().filter(is_named).collect();
    let mut doubt = None;
    if chosen.len() != 1 {
        doubt = Some("which operation is run cannot be told".to_owned());
    }
    if chosen.is_empty() {
        chosen = operations.iter().collect();
    }
    let mut budget = VALUES_MAX;
    let mut found = Found { fields: Vec::new(), doubt };
    for operation in chosen.into_iter().filter(|operation| is_mutation(operation)) {
        let mut walk = Walk {
            fragments: &fragments,
            variables: variables(operation, ask),
            operation: name(operation.name()),
            visited: HashSet::new(),
            keys: HashMap::new(),
            budget: &mut budget,
            fields: &mut found.fields,
        };
        if let Some(set) = operation.selection_set() {
            walk.set(&set, None, 0);
        }
    }
    Ok(found)
}

/// The names of root fields in a text that is not wholly GraphQL, as far as they can be seen.
pub(super) fn names(query: &str) -> Vec<String> {
    let tree = parse(query);
    let (operations, _) = parts(&tree);
    let sets =
        operations.iter().filter(|operation| is_mutation(operation)).filter_map(|one| one.selection_set());
    let fields = sets.flat_map(|set| set.selections()).filter_map(|selection| match selection {
        cst::Selection::Field(field) => name(field.name()),
        cst::Selection::FragmentSpread(spread) => name(spread.fragment_name()?.name()),
        cst::Selection::InlineFragment(_) => None,
    });
    fields.take(NAMES_MAX).collect()
}

fn parse(query: &str) -> SyntaxTree {
    Parser::new(query).recursion_limit(DEPTH_MAX).token_limit(TOKENS_MAX).parse()
}

type Fragments = HashMap<String, cst::FragmentDefinition>;

fn parts(tree: &SyntaxTree) -> (Vec<cst::OperationDefinition>, Fragments) {
    let (mut operations, mut fragments) = (Vec::new(), HashMap::new());
    for definition in tree.document().definitions() {
        match definition {
            cst::Definition::OperationDefinition(operation) => operations.push(operation),
            cst::Definition::FragmentDefinition(fragment) => {
                if let Some(name) = fragment.fragment_name().and_then(|own| name(own.name())) {
                    fragments.entry(name).or_insert(fragment);
                }
            }
            // Schemas are not asked for.
            _ => {}
        }
    }
    (operations, fragments)
}

fn is_mutation(operation: &cst::OperationDefinition) -> bool {
    operation.operation_type().is_some_and(|kind| kind.mutation_token().is_some())
}

fn name(name: Option<cst::Name>) -> Option<String> {
    Some(name?.text().to_string()).filter(|text| !text.is_empty())
}

/// The variables as the operation sees them: what was sent, else its defaults.
fn variables(operation: &cst::OperationDefinition, ask: &Ask) -> Map {
    let mut variables = ask.variables.clone();
    let definitions = operation.variable_definitions().into_iter().flat_map(|all| all.variable_definitions());
    for definition in definitions {
        let Some(name) = definition.variable().and_then(|variable| name(variable.name())) else { continue };
        let default = definition.default_value().and_then(|default| default.value());
        if let (false, Some(default)) = (variables.contains_key(&name), default) {
            let value = value(&default, &Map::new(), &mut { VALUES_MAX });
            variables.extend(value.ok().flatten().map(|value| (name, value)));
        }
    }
    variables
}

/// The way through one operation (section 6.3.2: each fragment counts once, fields are merged by their
/// response key).
struct Walk<'w> {
    fragments: &'w Fragments,
    variables: Map,
    operation: Option<String>,
    visited: HashSet<String>,
    /// Response key to the field's text.
    keys: HashMap<String, String>,
    budget: &'w mut usize,
    fields: &'w mut Vec<Field>,
}

impl Walk<'_> {
    fn set(&mut self, set: &cst::SelectionSet, doubt: Option<&str>, depth: usize) {
        if depth > DEPTH_MAX {
            return;
        }
        for selection in set.selections() {
            let directives = match &selection {
                cst::Selection::Field(field) => field.directives(),
                cst::Selection::FragmentSpread(spread) => spread.directives(),
                cst::Selection::InlineFragment(inline) => inline.directives(),
            };
            let doubt = match self.is_taken(directives) {
                Taken::Yes => doubt,
                Taken::No => continue,
                Taken::Unknown => Some("whether the field is skipped cannot be told"),
            };
            match selection {
                cst::Selection::Field(field) => self.field(&field, doubt),
                cst::Selection::InlineFragment(inline) => {
                    if let Some(set) = inline.selection_set() {
                        self.set(&set, doubt, depth + 1);
                    }
                }
                cst::Selection::FragmentSpread(spread) => {
                    let name = spread.fragment_name().and_then(|own| name(own.name())).unwrap_or_default();
                    let fragments = self.fragments;
                    let set = fragments.get(&name).and_then(|fragment| fragment.selection_set());
                    if let (true, Some(set)) = (self.visited.insert(name), set) {
                        self.set(&set, doubt, depth + 1);
                    }
                }
            }
        }
    }

    fn field(&mut self, field: &cst::Field, doubt: Option<&str>) {
        let Some(own) = name(field.name()) else { return };
        let alias = field.alias().and_then(|alias| name(alias.name()));
        let key = alias.clone().unwrap_or_else(|| own.clone());
        let written = field.arguments().map(|all| all.syntax().text().to_string()).unwrap_or_default();
        let written = format!("{own}{written}");
        let mut doubt = doubt.map(str::to_owned);
        match self.keys.get(&key) {
            Some(known) if *known == written => return,
            Some(_) => doubt = Some("two fields under one name".to_owned()),
            None => drop(self.keys.insert(key.clone(), written)),
        }
        let mut arguments = Map::new();
        let mut is_cut = false;
        for argument in field.arguments().into_iter().flat_map(|all| all.arguments()) {
            let (Some(name), Some(given)) = (name(argument.name()), argument.value()) else { continue };
            match value(&given, &self.variables, self.budget) {
                Ok(found) => arguments.extend(found.map(|value| (name, value))),
                Err(TooMuch) => is_cut = true,
            }
        }
        let operation = self.operation.clone();
        self.fields.push(Field { name: own, alias, key, arguments, operation, doubt, is_cut });
    }

    fn is_taken(&self, directives: Option<cst::Directives>) -> Taken {
        let mut taken = Taken::Yes;
        for directive in directives.into_iter().flat_map(|all| all.directives()) {
            let wanted = match name(directive.name()).as_deref() {
                Some("skip") => false,
                Some("include") => true,
                Some(_) | None => continue,
            };
            let given = directive.arguments().and_then(|all| {
                all.arguments().find(|one| name(one.name()).as_deref() == Some("if"))?.value()
            });
            let given =
                given.and_then(|given| value(&given, &self.variables, &mut { VALUES_MAX }).ok().flatten());
            match given {
                Some(Value::Bool(given)) if given == wanted => {}
                Some(Value::Bool(_)) => return Taken::No,
                Some(
                    Value::Null | Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_),
                )
                | None => taken = Taken::Unknown,
            }
        }
        taken
    }
}

/// Whether a selection is part of what is run.
enum Taken {
    Yes,
    No,
    Unknown,
}

/// Values that are larger together than the budget.
#[derive(Debug)]
struct TooMuch;

/// A value with variables put in; `None` for a variable that is not there. As deep as the parser lets it be.
fn value(given: &cst::Value, variables: &Map, budget: &mut usize) -> Result<Option<Value>, TooMuch> {
    let made = match given {
        cst::Value::Variable(variable) => {
            let Some(value) = name(variable.name()).and_then(|name| variables.get(&name)) else {
                return Ok(None);
            };
            spend(budget, weight(value))?;
            return Ok(Some(value.clone()));
        }
        cst::Value::StringValue(text) => Value::from(string(text)),
        cst::Value::IntValue(number) => number_of(&number.syntax().text().to_string()),
        cst::Value::FloatValue(number) => number_of(&number.syntax().text().to_string()),
        cst::Value::BooleanValue(value) => Value::Bool(value.true_token().is_some()),
        cst::Value::NullValue(_) => Value::Null,
        cst::Value::EnumValue(word) => Value::from(name(word.name()).unwrap_or_default()),
        cst::Value::ListValue(list) => {
            let mut values = Vec::new();
            for element in list.values() {
                values.push(value(&element, variables, budget)?.unwrap_or(Value::Null));
            }
            Value::Array(values)
        }
        cst::Value::ObjectValue(object) => {
            let mut members = Map::new();
            for field in object.object_fields() {
                let (Some(name), Some(given)) = (name(field.name()), field.value()) else { continue };
                members.extend(value(&given, variables, budget)?.map(|value| (name, value)));
            }
            Value::Object(members)
        }
    };
    spend(budget, 1)?;
    Ok(Some(made))
}

fn spend(budget: &mut usize, weight: usize) -> Result<(), TooMuch> {
    *budget = budget.checked_sub(weight).ok_or(TooMuch)?;
    Ok(())
}

/// Roughly what a copy of a value takes, in units of one value or 64 bytes of text.
fn weight(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 1,
        Value::String(text) => 1 + text.len() / 64,
        Value::Array(elements) => 1 + elements.iter().map(weight).sum::<usize>(),
        Value::Object(members) => {
            1 + members.iter().map(|(name, value)| name.len() / 64 + weight(value)).sum::<usize>()
        }
    }
}

/// A text. Escapes in quotes are those of JSON; `\u{…}` stays as it was written.
fn string(text: &cst::StringValue) -> String {
    let written = text.syntax().text().to_string();
    let written = written.trim();
    if written.starts_with("\"\"\"") {
        return String::from(text);
    }
    match json::parse(written).map(|reading| reading.value) {
        Ok(Value::String(text)) => text.into(),
        Ok(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) | Err(_) => {
            written.trim_matches('"').to_owned()
        }
    }
}

fn number_of(text: &str) -> Value {
    json::parse(text.trim()).map_or_else(|_| Value::from(text.trim()), |reading| reading.value)
}

/// Selections and values in each other.
const DEPTH_MAX: usize = 200;
/// Tokens of one query; more is not read.
const TOKENS_MAX: usize = 200_000;
/// Values, with variables put in, of one query: without it a large variable used a thousand times would
/// become a thousand large copies.
const VALUES_MAX: usize = 200_000;
const NAMES_MAX: usize = 100;
