//! XML as a document: local names, because a prefix is the sender's choice and no part of the meaning.
//!
//! An element with nothing but text is that text. Others are objects: `@name` for an attribute, `#text` for
//! text beside elements, an element's name for the element, or for the list of them if there are more. How
//! many there are decides the shape, so a pack names in `lists` what is a list even when there is one; what
//! is repeated without being named there is in doubt for the rules that look at it, as a field is that a
//! form gives twice (THREATS E10). Documents that have a meaning of their own are told by their root
//! element's namespace and name: SOAP and WebDAV.

mod read;
#[cfg(test)]
mod tests;
mod webdav;

use std::collections::HashMap;

use crate::value::{Map, Value};

use read::Node;
pub(super) use read::{Element, encoding, tree};

use super::soap::{self, Soap};
use super::{Doubtful, Format, Parsed};
use crate::event::NoteCode;

/// Reads XML as what its root element says, or plainly where a pack says so.
///
/// `action` is the SOAP action of the request's head.
pub(super) fn parse(
    text: &str,
    forced: Option<Format>,
    lists: &[String],
    action: Option<&str>,
) -> (Format, Parsed) {
    let Some(tree) = tree(text) else { return (forced.unwrap_or(Format::Xml), Parsed::default()) };
    let (format, mut parsed) = shaped(&tree.root, forced, lists, action);
    parsed.doubts.extend(tree.doubts());
    (format, parsed)
}

fn shaped(
    root: &Element,
    forced: Option<Format>,
    lists: &[String],
    action: Option<&str>,
) -> (Format, Parsed) {
    if forced == Some(Format::Soap) || (forced.is_none() && soap::is_envelope(root)) {
        let soap = soap::shape(root, lists, action);
        return (Format::Soap, soap.map(Soap::into_parsed).unwrap_or_default());
    }
    if (forced == Some(Format::WebDav) || (forced.is_none() && webdav::is_known(root)))
        && let Some(parsed) = webdav::shape(root, lists)
    {
        return (Format::WebDav, parsed);
    }
    (Format::Xml, plain(root, lists))
}

/// `{root: content}`.
fn plain(root: &Element, lists: &[String]) -> Parsed {
    let mut shape = Shape::new(lists);
    shape.path.push(root.name.clone());
    let content = shape.content(root);
    let members = Map::from_iter([(root.name.clone(), content)]);
    Parsed {
        value: Some(Value::Object(members)),
        doubts: shape.doubts,
        quiet: shape.quiet,
        ..Parsed::default()
    }
}

/// How elements become values, and where one is doubtful.
pub(super) struct Shape<'a> {
    lists: &'a [String],
    /// Where the element at hand stands in the document.
    pub(super) path: Vec<String>,
    pub(super) doubts: Vec<Doubtful>,
    /// What is repeated without being named in `lists`.
    pub(super) quiet: Vec<Doubtful>,
}

impl<'a> Shape<'a> {
    pub(super) fn new(lists: &'a [String]) -> Shape<'a> {
        Shape { lists, path: Vec::new(), doubts: Vec::new(), quiet: Vec::new() }
    }

    /// What an element holds. Recursion is safe: the tree is bounded in depth.
    pub(super) fn content(&mut self, element: &Element) -> Value {
        if element.attributes.is_empty() && element.elements().next().is_none() {
            return Value::from(self.text(element));
        }
        let mut members = Map::new();
        for attribute in &element.attributes {
            let name = format!("@{}", attribute.name);
            if attribute.is_unresolved {
                self.doubt_at(&name, ENTITY);
            }
            let value = Value::from(&attribute.value);
            if let Some(other) = members.insert(name.clone(), value.clone()) {
                self.doubt_at(&name, "an attribute in two namespaces");
                members.insert(name, Value::Array(vec![other, value]));
            }
        }
        self.elements(element, &mut members);
        let text = self.text(element);
        // Beside elements, blanks are layout.
        let text = if element.elements().next().is_some() { text.trim() } else { text.as_str() };
        if !text.is_empty() {
            members.insert("#text", text.into());
        }
        Value::Object(members)
    }

    fn elements(&mut self, element: &Element, members: &mut Map) {
        let mut kinds: HashMap<&str, Kind<'_>> = HashMap::new();
        for child in element.elements() {
            let fresh = Kind { namespace: &child.namespace, count: 0, is_mixed: false };
            let kind = kinds.entry(&child.name).or_insert(fresh);
            kind.count += 1;
            kind.is_mixed |= *kind.namespace != *child.namespace;
        }
        for child in element.elements() {
            let name = &child.name;
            let is_named = self.lists.contains(name);
            let kind = &kinds[name.as_str()];
            self.path.push(name.clone());
            if kind.count == 1 && !is_named {
                members.insert(name.clone(), self.content(child));
                self.path.pop();
                continue;
            }
            let list = members.place(name.as_str(), || Value::Array(Vec::new()));
            let index = list.as_array().map_or(0, Vec::len);
            if index == 0 && kind.is_mixed {
                self.doubt("elements of one name in two namespaces");
            } else if index == 0 && !is_named {
                note_in(&mut self.quiet, self.path.clone(), "more than one, and not named in `lists`");
            }
            self.path.push(index.to_string());
            let content = self.content(child);
            if let Some(list) = list.as_array_mut() {
                list.push(content);
            }
            self.path.truncate(self.path.len() - 2);
        }
    }

    fn text(&mut self, element: &Element) -> String {
        if element.children.iter().any(|node| matches!(node, Node::Entity(_))) {
            self.doubt(ENTITY);
        }
        element.text()
    }

    /// A doubt about the element at hand.
    pub(super) fn doubt(&mut self, detail: &str) {
        note_in(&mut self.doubts, self.path.clone(), detail);
    }

    fn doubt_at(&mut self, name: &str, detail: &str) {
        self.path.push(name.to_owned());
        self.doubt(detail);
        self.path.pop();
    }
}

/// The elements of one name in one parent.
struct Kind<'a> {
    namespace: &'a str,
    count: usize,
    is_mixed: bool,
}

/// Past the limit the whole body is in doubt.
fn note_in(doubts: &mut Vec<Doubtful>, path: Vec<String>, detail: &str) {
    match doubts.len() {
        0..DOUBTS_MAX => doubts.push(Doubtful::at(path, NoteCode::BodyAmbiguous, detail)),
        DOUBTS_MAX => {
            let detail = "many doubtful places";
            doubts.push(Doubtful::at(Vec::new(), NoteCode::BodyAmbiguous, detail));
        }
        _ => {}
    }
}

const ENTITY: &str = "an entity that only a DTD explains";
/// Doubtful places told one by one.
const DOUBTS_MAX: usize = 50;
