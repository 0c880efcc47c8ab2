//! The fields of an entry: what each is made of, where that stands, and its value.

use serde_json::{Value, json};

use crate::rules::expr::{Expr, Path, Scope};
use crate::rules::model::{ChangeSpec, Entry, Level};

/// Each field that the entry says, in the order of the event.
pub(super) fn of(entry: &Entry, scope: &Scope<'_>) -> Value {
    let mut fields = Fields { entry, scope, list: Vec::new() };
    fields.words();
    fields.people();
    fields.things();
    Value::Array(fields.list)
}

struct Fields<'f> {
    entry: &'f Entry,
    scope: &'f Scope<'f>,
    list: Vec<Value>,
}

impl Fields<'_> {
    fn words(&mut self) {
        let entry = self.entry;
        self.add("action", "action", &entry.action);
        for (name, key, value) in [
            ("title", "title", &entry.title),
            ("message", "message", &entry.message),
            ("type", "type", &entry.kind),
            ("category", "category", &entry.category),
            ("source", "source", &entry.source),
            ("apiKind", "api_kind", &entry.api_kind),
            ("result", "result", &entry.result),
            ("error", "error", &entry.error),
            ("reason", "reason", &entry.reason),
            ("scope.organization", "scope", &entry.organization),
            ("scope.team", "scope", &entry.team),
        ] {
            if let Some(value) = value {
                self.add(name, key, value);
            }
        }
    }

    fn people(&mut self) {
        let entry = self.entry;
        for (name, key, members) in
            [("actor", "actor", &entry.actor), ("onBehalfOf", "on_behalf_of", &entry.on_behalf_of)]
        {
            for (member, value) in members.iter().flatten() {
                self.add(&format!("{name}.{member}"), key, value);
            }
        }
    }

    fn things(&mut self) {
        let entry = self.entry;
        if let Some(target) = &entry.target {
            for (name, value, default) in [
                ("target.type", &target.kind, "the type of the thing that is read"),
                (
                    "target.id",
                    &target.id,
                    "the last part of the address that is read, else of the `match` line",
                ),
                ("target.name", &target.name, "the naming field of the thing that is read"),
            ] {
                match value {
                    Some(value) => self.add(name, "target", value),
                    None => self.list.push(json!({ "field": name, "from": "default", "default": default })),
                }
            }
        }
        for (index, link) in entry.links.iter().enumerate() {
            for (name, value) in [("rel", &link.rel), ("type", &link.kind), ("id", &link.id)] {
                self.add(&format!("links[{index}].{name}"), "links", value);
            }
        }
        if let ChangeSpec::Computed(changes) = &entry.changes {
            for change in changes {
                for (name, value) in [("before", &change.before), ("after", &change.after)] {
                    if let Some(value) = value {
                        self.add(&format!("changes.{}.{name}", change.field), "changes", value);
                    }
                }
            }
        }
        for (name, value) in &entry.details {
            self.add(&format!("details.{name}"), "details", value);
        }
        for path in &entry.raw {
            self.raw(path);
        }
    }

    fn add(&mut self, name: &str, key: &str, value: &Expr) {
        let mut field = self.field(name, key);
        field["is"] = text_of(value).into();
        if let Some(value) = value.eval(self.scope) {
            field["value"] = value.into();
        }
        if let Some(doubt) = value.doubt(self.scope) {
            field["doubt"] = doubt.into();
        }
        self.list.push(field);
    }

    fn raw(&mut self, path: &Path) {
        let mut field = self.field(&format!("raw[{}]", path.text), "raw");
        field["is"] = path.text.as_str().into();
        field["value"] = path.all(self.scope).into_iter().map(Value::from).collect();
        self.list.push(field);
    }

    /// With the place where it stands: the nearest of entry, rule and defaults.
    fn field(&self, name: &str, key: &str) -> Value {
        let place = self.entry.places.iter().find(|place| place.key == key);
        match place {
            Some(place) => json!({
                "field": name,
                "from": match place.level {
                    Level::Entry => "entry",
                    Level::Rule => "rule",
                    Level::Defaults => "defaults",
                },
                "file": place.source.name,
                "line": place.source.line(place.span.start),
            }),
            None => json!({ "field": name, "from": "rule" }),
        }
    }
}

/// A value as it is written, in short.
pub(super) fn text_of(value: &Expr) -> String {
    match value {
        Expr::Literal(value) => value.to_string(),
        Expr::Path(path) => path.text.clone(),
        Expr::Template(template) => template.text.clone(),
        Expr::FirstOf(path) => format!("first: {}", path.text),
        Expr::All(path) => format!("all: {}", path.text),
        Expr::Count(path) => format!("count: {}", path.text),
        Expr::First(alternatives) => {
            let texts: Vec<String> = alternatives.iter().map(|one| text_of(&one.value)).collect();
            format!("first: [{}]", texts.join(", "))
        }
        Expr::Map(members) => {
            let texts: Vec<String> =
                members.iter().map(|(name, value)| format!("{name}: {}", text_of(value))).collect();
            format!("{{ {} }}", texts.join(", "))
        }
        Expr::List(items) => {
            let texts: Vec<String> = items.iter().map(text_of).collect();
            format!("[{}]", texts.join(", "))
        }
    }
}
