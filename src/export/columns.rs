//! Columns: paths into an event, and their values without reading the rest of it.
//!
//! A million events are a gigabyte of JSON; only what was asked for becomes more than a place in it, and all of it is
//! gone through once.

use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// Columns that were asked for, each once.
#[derive(Clone, Debug)]
pub(super) struct Columns {
    names: Vec<String>,
    root: Node,
}

/// A member that leads to columns.
#[derive(Clone, Debug, Default)]
struct Node {
    column: Option<usize>,
    members: Vec<(String, Node)>,
}

/// The values of one event, in the order of the columns.
pub(super) type Values<'e> = Vec<Option<&'e RawValue>>;

impl Columns {
    /// Columns of these paths.
    ///
    /// # Errors
    /// What is wrong with them, in words.
    pub(super) fn new(paths: &[&str]) -> Result<Columns, String> {
        if paths.len() > COLUMNS_MAX {
            return Err(format!("are more than {COLUMNS_MAX}"));
        }
        let mut columns = Columns { names: Vec::new(), root: Node::default() };
        for path in paths {
            let names: Vec<&str> = path.split('.').collect();
            if names.iter().any(|name| name.is_empty()) || names.len() > DEPTH_MAX {
                let shown: String = path.chars().take(60).collect();
                return Err(format!("`{shown}` is no path into an event, such as `actor.email`"));
            }
            let node = names.into_iter().fold(&mut columns.root, Node::member);
            if node.column.is_none() {
                node.column = Some(columns.names.len());
                columns.names.push((*path).to_owned());
            }
        }
        Ok(columns)
    }

    /// Their names.
    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// Their values in an event.
    ///
    /// # Errors
    /// When it is no JSON.
    pub(super) fn of<'e>(&self, event: &'e str) -> Result<Values<'e>, serde_json::Error> {
        let mut values = vec![None; self.names.len()];
        let mut reading = serde_json::Deserializer::from_str(event);
        reading.deserialize_map(Picking { node: &self.root, values: &mut values })?;
        Ok(values)
    }

    /// An event as an object with the columns as members; those without a value are left out.
    pub(super) fn push_object(&self, event: &str, out: &mut Vec<u8>) -> Result<(), serde_json::Error> {
        out.push(b'{');
        let mut is_first = true;
        for (name, value) in self.names.iter().zip(self.of(event)?) {
            let Some(value) = value else { continue };
            if !std::mem::take(&mut is_first) {
                out.push(b',');
            }
            serde_json::to_writer(&mut *out, name)?;
            out.push(b':');
            out.extend_from_slice(value.get().as_bytes());
        }
        out.push(b'}');
        Ok(())
    }
}

impl Default for Columns {
    fn default() -> Columns {
        Columns::new(DEFAULT).expect("they are paths, and few")
    }
}

impl Node {
    fn member(&mut self, name: &str) -> &mut Node {
        let at = self.members.iter().position(|(known, _)| known == name).unwrap_or_else(|| {
            self.members.push((name.to_owned(), Node::default()));
            self.members.len() - 1
        });
        &mut self.members[at].1
    }
}

/// Puts what `node` leads to into its places. As deep as the paths are, and no deeper.
struct Picking<'n, 'v, 'e> {
    node: &'n Node,
    values: &'v mut Values<'e>,
}

impl<'e> DeserializeSeed<'e> for Picking<'_, '_, 'e> {
    type Value = ();

    fn deserialize<D: Deserializer<'e>>(self, value: D) -> Result<(), D::Error> {
        let Some(column) = self.node.column else { return value.deserialize_any(self) };
        let value = <&'e RawValue>::deserialize(value)?;
        self.values[column] = Some(value);
        // A column of its own, and others within it.
        if !self.node.members.is_empty() && value.get().starts_with('{') {
            let mut reading = serde_json::Deserializer::from_str(value.get());
            reading.deserialize_map(self).map_err(serde::de::Error::custom)?;
        }
        Ok(())
    }
}

impl<'e> Visitor<'e> for Picking<'_, '_, 'e> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object")
    }

    // Nothing is in what is no object.

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'e>>(self, mut elements: A) -> Result<(), A::Error> {
        while elements.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_map<M: MapAccess<'e>>(self, mut members: M) -> Result<(), M::Error> {
        while let Some(found) = members.next_key_seed(Member(self.node))? {
            let Some(node) = found else {
                members.next_value::<IgnoredAny>()?;
                continue;
            };
            members.next_value_seed(Picking { node, values: &mut *self.values })?;
        }
        Ok(())
    }
}

/// The node of a member's name, if any column is there.
struct Member<'n>(&'n Node);

impl<'e, 'n> DeserializeSeed<'e> for Member<'n> {
    type Value = Option<&'n Node>;

    fn deserialize<D: Deserializer<'e>>(self, name: D) -> Result<Self::Value, D::Error> {
        name.deserialize_str(self)
    }
}

impl<'n> Visitor<'_> for Member<'n> {
    type Value = Option<&'n Node>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.members.iter().find(|(known, _)| known == name).map(|(_, node)| node))
    }
}

/// Columns that are written when none are asked for.
const DEFAULT: &[&str] = &[
    "sequence",
    "time",
    "result",
    "action",
    "message.text",
    "actor.name",
    "actor.email",
    "actor.id",
    "actor.assurance",
    "onBehalfOf.name",
    "target.type",
    "target.id",
    "target.name",
    "source",
    "reason",
    "error",
    "changes",
    "client.ip",
    "client.userAgent",
    "request.method",
    "request.url",
    "response.status",
    "rule.id",
    "id",
];
const COLUMNS_MAX: usize = 200;
const DEPTH_MAX: usize = 16;
