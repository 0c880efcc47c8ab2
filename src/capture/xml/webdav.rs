//! WebDAV (RFC 4918, RFC 3744, RFC 5689) and CalDAV (RFC 4791, RFC 6638) bodies in a shape that conditions and
//! paths can ask.
//!
//! Plain XML would not do: which properties were refused stands three levels above their names, and a list of
//! instructions can set what it removes again. Properties go by their local name; two of one name in
//! different namespaces are both there, in doubt.

use super::super::icalendar;
use super::{Element, Parsed, Shape};
use crate::value::{Map, Value, json};

/// True for a root element that has a shape here.
pub(super) fn is_known(root: &Element) -> bool {
    match root.name.as_str() {
        "propertyupdate" | "mkcol" | "multistatus" | "acl" => *root.namespace == *DAV,
        "mkcalendar" | "schedule-response" => *root.namespace == *CALDAV,
        _ => false,
    }
}

/// The document of a known root element, whatever its namespace; its inner elements must be of the same.
pub(super) fn shape(root: &Element, lists: &[String]) -> Option<Parsed> {
    let dav = match root.name.as_str() {
        "mkcalendar" | "schedule-response" => DAV,
        _ => &root.namespace,
    };
    let mut reader = Reader { dav, shape: Shape::new(lists) };
    let value = match root.name.as_str() {
        "propertyupdate" | "mkcol" | "mkcalendar" => reader.instructions(root),
        "multistatus" => reader.responses(root),
        "schedule-response" => reader.recipients(root),
        "acl" => reader.access(root),
        _ => return None,
    };
    // Repeated elements inside a property are told by its definition, not by `lists`.
    Some(Parsed { value: Some(value), doubts: reader.shape.doubts, ..Parsed::default() })
}

struct Reader<'a> {
    /// The namespace of the elements that are not CalDAV's.
    dav: &'a str,
    shape: Shape<'a>,
}

impl<'a> Reader<'a> {
    /// `{set{}, remove[]}`: what holds when all instructions were carried out in order (RFC 4918 section
    /// 9.2). What is removed is null in `set` too: laid over the properties before, it takes them away.
    fn instructions(&mut self, root: &Element) -> Value {
        let mut set = Map::new();
        for instruction in root.elements() {
            let is_set = instruction.name == "set";
            if !is_set && instruction.name != "remove" {
                continue;
            }
            self.must_be_dav(instruction);
            for property in self.properties(instruction) {
                self.shape.path = vec!["set".to_owned(), property.name.clone()];
                let value = if is_set { self.property(property) } else { Value::Null };
                if set.insert(property.name.clone(), value).is_some() {
                    self.shape.path = Vec::new();
                    self.shape.doubt("a property in more than one instruction");
                }
            }
        }
        let removed = set.iter().filter(|(_, value)| value.is_null());
        let remove: Value = removed.map(|(name, _)| name.as_str()).collect();
        json!({ "set": set, "remove": remove })
    }

    /// `{responses[]}` of a 207 (RFC 4918 section 14.16).
    fn responses(&mut self, root: &Element) -> Value {
        let mut responses = Vec::new();
        for response in self.named(root, "response") {
            let mut members = Map::new();
            if let Some(status) = self.status(response) {
                members.insert("status", status.into());
            }
            self.shape.path = vec!["responses".to_owned(), responses.len().to_string()];
            self.property_states(response, &mut members);
            let addresses = self.named(response, "href");
            if addresses.is_empty() {
                responses.push(Value::Object(members));
                continue;
            }
            // One answer may stand for several (RFC 4918 section 14.24).
            for href in addresses {
                let mut members = members.clone();
                members.insert("href", href.text().trim().into());
                responses.push(Value::Object(members));
            }
        }
        json!({ "responses": responses })
    }

    /// `props{}` of what was found or done, `failed{name: status}` of what was not.
    fn property_states(&mut self, response: &Element, members: &mut Map) {
        let depth = self.shape.path.len();
        for state in self.named(response, "propstat") {
            let status = self.status(state);
            let is_done = matches!(status, Some(200..=299));
            let place = members.place(if is_done { "props" } else { "failed" }, || Value::Object(Map::new()));
            let Some(place) = place.as_object_mut() else { continue };
            for property in self.properties(state) {
                let name = property.name.clone();
                self.shape.path.extend([if is_done { "props" } else { "failed" }.to_owned(), name.clone()]);
                let value = match is_done {
                    true => self.property(property),
                    false => status.map_or(Value::Null, Value::from),
                };
                if place.contains_key(&name) {
                    self.shape.doubt("a property given more than once");
                }
                place.insert(name, value);
                self.shape.path.truncate(depth);
            }
        }
    }

    /// `{responses[{recipient, requestStatus}]}` of a POST to an outbox (RFC 6638 section 10.2).
    fn recipients(&mut self, root: &Element) -> Value {
        let mut responses = Vec::new();
        for response in root.elements().filter(|child| child.is(CALDAV, "response")) {
            let mut members = Map::new();
            for child in response.elements() {
                let text = child.text();
                match (&*child.namespace, child.name.as_str()) {
                    (CALDAV, "recipient") => {
                        let href = self.named(child, "href").into_iter().next().map(Element::text);
                        members.insert("recipient", href.unwrap_or(text).trim().into());
                    }
                    (CALDAV, "request-status") => {
                        members.insert("requestStatus", text.trim().into());
                    }
                    _ => {}
                }
            }
            responses.push(Value::Object(members));
        }
        json!({ "responses": responses })
    }

    /// `{aces[]}` (RFC 3744 section 5.5). What the ACL method can not change, because it is protected or
    /// inherited, goes to `fixed[]`: a list that was read and a list that was sent can be compared.
    fn access(&mut self, acl: &Element) -> Value {
        let mut aces = Vec::new();
        let mut fixed = Vec::new();
        for ace in self.named(acl, "ace") {
            let is_fixed =
                ace.elements().any(|child| matches!(child.name.as_str(), "protected" | "inherited"));
            let rights = self.ace(ace);
            if is_fixed { &mut fixed } else { &mut aces }.push(rights);
        }
        match fixed.is_empty() {
            true => json!({ "aces": aces }),
            false => json!({ "aces": aces, "fixed": fixed }),
        }
    }

    /// `{principal, grant[], deny[], invert}`.
    fn ace(&mut self, ace: &Element) -> Value {
        let mut members = Map::new();
        for child in ace.elements() {
            self.must_be_dav(child);
            match child.name.as_str() {
                "principal" => drop(members.insert("principal", principal(child))),
                "invert" => {
                    let inner = self.named(child, "principal").into_iter().next();
                    members.insert("principal", inner.map_or(Value::Null, principal));
                    members.insert("invert", true.into());
                }
                "grant" | "deny" => {
                    let privileges = self.named(child, "privilege");
                    let names = privileges.iter().flat_map(|one| one.elements()).map(|one| one.name.as_str());
                    members.insert(child.name.clone(), names.collect());
                }
                _ => {}
            }
        }
        Value::Object(members)
    }

    /// A property's value: text, or its elements; some are documents of their own.
    fn property(&mut self, property: &Element) -> Value {
        if property.is(self.dav, "acl") {
            return self.access(property);
        }
        if property.is(CALDAV, "calendar-data")
            && let Some(calendar) = icalendar::parse(&property.text()).value
        {
            return calendar;
        }
        self.shape.content(property)
    }

    fn properties<'e>(&mut self, parent: &'e Element) -> Vec<&'e Element> {
        self.named(parent, "prop").into_iter().flat_map(Element::elements).collect()
    }

    /// The number in `HTTP/1.1 200 OK`.
    fn status(&mut self, parent: &Element) -> Option<u16> {
        let line = self.named(parent, "status").into_iter().next()?.text();
        line.split_whitespace().nth(1)?.parse().ok()
    }

    /// The children of this name. One of another namespace is none to a server that goes by the standard,
    /// and one to a server that does not.
    fn named<'e>(&mut self, parent: &'e Element, name: &str) -> Vec<&'e Element> {
        let mut found: Vec<&Element> = parent.elements().filter(|child| child.name == name).collect();
        for child in &found {
            self.must_be_dav(child);
        }
        found.retain(|child| *child.namespace == *self.dav);
        found
    }

    fn must_be_dav(&mut self, element: &Element) {
        if *element.namespace != *self.dav {
            let path = std::mem::take(&mut self.shape.path);
            self.shape.doubt("an element of WebDAV's name in another namespace");
            self.shape.path = path;
        }
    }
}

/// An address, or one of the words of RFC 3744 section 5.5.1 (`all`, `authenticated`, `self`, …).
fn principal(element: &Element) -> Value {
    match element.elements().next() {
        Some(address) if address.name == "href" => address.text().trim().into(),
        Some(word) => word.name.as_str().into(),
        None => Value::Null,
    }
}

const DAV: &str = "DAV:";
const CALDAV: &str = "urn:ietf:params:xml:ns:caldav";
