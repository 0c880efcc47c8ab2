//! XML text as a tree of elements with the namespaces that their prefixes stand for.
//!
//! quick-xml knows no DTD, so an entity can neither be expanded a billion times nor fetched (THREATS E27);
//! where a text relies on one, the application read something that is not here, and the tree says so. The
//! stack is our own and bounded, because an overflow of the program's cannot be caught; so whoever walks
//! the tree may recurse.

use std::collections::BTreeSet;
use std::rc::Rc;

use quick_xml::NsReader;
use quick_xml::XmlVersion;
use quick_xml::escape::{resolve_predefined_entity, unescape};
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::name::{QName, ResolveResult};

use crate::capture::Doubtful;
use crate::event::NoteCode;

/// An element with all that it holds.
#[derive(Debug)]
pub(in crate::capture) struct Element {
    /// What its prefix stands for; empty without one.
    pub(in crate::capture) namespace: Rc<str>,
    /// Without a prefix.
    pub(in crate::capture) name: String,
    /// Without those that declare prefixes.
    pub(in crate::capture) attributes: Vec<Attribute>,
    pub(in crate::capture) children: Vec<Node>,
}

#[derive(Debug)]
pub(in crate::capture) struct Attribute {
    /// Without a prefix.
    pub(in crate::capture) name: String,
    pub(in crate::capture) value: String,
    /// True when the value names an entity that only a DTD could explain.
    pub(in crate::capture) is_unresolved: bool,
}

#[derive(Debug)]
pub(in crate::capture) enum Node {
    Element(Element),
    Text(String),
    /// An entity that only a DTD could explain, as it was written.
    Entity(String),
}

/// A document, and what may make it another one for the application.
#[derive(Debug)]
pub(in crate::capture) struct Tree {
    pub(in crate::capture) root: Element,
    oddities: BTreeSet<&'static str>,
}

impl Element {
    /// True for the element of this name in this namespace.
    pub(in crate::capture) fn is(&self, namespace: &str, name: &str) -> bool {
        self.name == name && *self.namespace == *namespace
    }

    /// The elements directly inside.
    pub(in crate::capture) fn elements(&self) -> impl Iterator<Item = &Element> {
        self.children.iter().filter_map(|node| match node {
            Node::Element(element) => Some(element),
            Node::Text(_) | Node::Entity(_) => None,
        })
    }

    /// The text directly inside, as it was written.
    pub(in crate::capture) fn text(&self) -> String {
        let pieces = self.children.iter().map(|node| match node {
            Node::Text(text) | Node::Entity(text) => text.as_str(),
            Node::Element(_) => "",
        });
        pieces.collect()
    }
}

impl Tree {
    /// The whole of it, for each oddity.
    pub(in crate::capture) fn doubts(&self) -> impl Iterator<Item = Doubtful> {
        let doubtful = |oddity: &&str| Doubtful::at(Vec::new(), NoteCode::BodyAmbiguous, *oddity);
        self.oddities.iter().map(doubtful)
    }
}

/// Reads a document; `None` when it is not well-formed, or beyond a limit.
pub(in crate::capture) fn tree(text: &str) -> Option<Tree> {
    let mut reader = NsReader::from_str(text);
    let config = reader.config_mut();
    config.expand_empty_elements = true;
    config.check_comments = true;
    let mut builder = Builder::default();
    loop {
        match reader.read_event().ok()? {
            Event::Start(start) => builder.open(&start, &reader)?,
            Event::End(_) => builder.close()?,
            Event::Text(text) => builder.text(&text.xml10_content())?,
            Event::CData(data) => builder.text(&data.xml10_content())?,
            Event::GeneralRef(reference) => builder.reference(&reference)?,
            Event::DocType(_) => builder.note("a DTD, which is not read"),
            Event::Eof => break,
            Event::Empty(_) | Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
        }
    }
    // An element that is still open was cut off.
    let root = builder.root.filter(|_| builder.stack.is_empty())?;
    Some(Tree { root, oddities: builder.oddities })
}

/// The encoding that an XML declaration names: what RFC 7303 section 3.2 goes by where the content type
/// names none. The declaration itself is ASCII in every encoding that needs one.
pub(in crate::capture) fn encoding(bytes: &[u8]) -> Option<String> {
    let rest = bytes.strip_prefix(b"<?xml")?;
    let head = &rest[..rest.len().min(DECLARATION_BYTES_MAX)];
    let end = head.windows(2).position(|pair| pair == b"?>")?;
    let declaration = std::str::from_utf8(&head[..end]).ok()?;
    let value = declaration.split_once("encoding")?.1.trim_start().strip_prefix('=')?.trim_start();
    let quote = value.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    Some(value[1..].split_once(quote)?.0.to_ascii_lowercase())
}

#[derive(Default)]
struct Builder {
    stack: Vec<Element>,
    root: Option<Element>,
    namespaces: BTreeSet<Rc<str>>,
    nodes: usize,
    oddities: BTreeSet<&'static str>,
}

impl Builder {
    fn open(&mut self, start: &BytesStart<'_>, reader: &NsReader<&[u8]>) -> Option<()> {
        if self.stack.len() == DEPTH_MAX {
            return None;
        }
        let namespace = self.namespace(start.name(), reader);
        let mut element =
            Element { namespace, name: name(start.name())?, attributes: Vec::new(), children: Vec::new() };
        if &*element.namespace == XINCLUDE {
            self.note("an XInclude, which is not followed");
        }
        for attribute in start.attributes() {
            let attribute = attribute.ok()?;
            if attribute.key.as_namespace_binding().is_some() {
                continue;
            }
            if element.attributes.len() == ATTRIBUTES_MAX {
                return None;
            }
            self.count()?;
            let resolved = attribute.normalized_value(XmlVersion::Implicit1_0);
            element.attributes.push(Attribute {
                name: name(attribute.key)?,
                is_unresolved: resolved.is_err(),
                value: resolved.map_or_else(|_| attribute.value.to_string(), |value| value.into_owned()),
            });
        }
        self.count()?;
        self.stack.push(element);
        Some(())
    }

    fn close(&mut self) -> Option<()> {
        let element = self.stack.pop()?;
        match self.stack.last_mut() {
            Some(parent) => parent.children.push(Node::Element(element)),
            None if self.root.is_none() => self.root = Some(element),
            None => self.note("more than one root element"),
        }
        Some(())
    }

    fn text(&mut self, text: &str) -> Option<()> {
        match self.stack.last_mut() {
            Some(element) => match element.children.last_mut() {
                Some(Node::Text(known)) => known.push_str(text),
                Some(Node::Element(_) | Node::Entity(_)) | None => {
                    element.children.push(Node::Text(text.to_owned()));
                    self.count()?;
                }
            },
            None if text.trim().is_empty() => {}
            None => self.note("text outside the root element"),
        }
        Some(())
    }

    fn reference(&mut self, reference: &BytesRef<'_>) -> Option<()> {
        if let Some(character) = reference.resolve_char_ref().ok()? {
            return self.text(character.encode_utf8(&mut [0; 4]));
        }
        if let Some(known) = resolve_predefined_entity(reference) {
            return self.text(known);
        }
        self.count()?;
        match self.stack.last_mut() {
            Some(element) => element.children.push(Node::Entity(format!("&{};", &**reference))),
            None => self.note("text outside the root element"),
        }
        Some(())
    }

    fn namespace(&mut self, name: QName<'_>, reader: &NsReader<&[u8]>) -> Rc<str> {
        let found = match reader.resolver().resolve_element(name).0 {
            ResolveResult::Bound(namespace) => namespace.0.to_owned(),
            ResolveResult::Unbound => String::new(),
            ResolveResult::Unknown(_) => {
                self.note("a prefix that stands for nothing");
                String::new()
            }
        };
        // Written with references, it still is the same name to every parser of the application.
        let found = unescape(&found).map(|plain| plain.into_owned()).unwrap_or(found.clone());
        if let Some(known) = self.namespaces.get(found.as_str()) {
            return Rc::clone(known);
        }
        let new: Rc<str> = Rc::from(found);
        self.namespaces.insert(Rc::clone(&new));
        new
    }

    fn count(&mut self) -> Option<()> {
        self.nodes += 1;
        (self.nodes <= NODES_MAX).then_some(())
    }

    fn note(&mut self, oddity: &'static str) {
        self.oddities.insert(oddity);
    }
}

/// The local name. One that begins as none may could pass for the `@` of an attribute.
fn name(qualified: QName<'_>) -> Option<String> {
    let local = qualified.local_name().into_inner();
    local.starts_with(|c: char| c.is_alphabetic() || c == '_').then(|| local.to_owned())
}

const XINCLUDE: &str = "http://www.w3.org/2001/XInclude";
/// Elements in each other. Each may be a list and an object of the document, which allows for 512.
const DEPTH_MAX: usize = 256;
/// Elements, attributes and texts: a few bytes of XML become a few hundred in memory.
const NODES_MAX: usize = 100_000;
/// Attributes of one element; that none is given twice is checked by comparing all with all.
const ATTRIBUTES_MAX: usize = 256;
/// How far an XML declaration is looked for.
const DECLARATION_BYTES_MAX: usize = 200;
