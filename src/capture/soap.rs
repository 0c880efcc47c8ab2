//! SOAP 1.1 and 1.2: the first element in the body is the operation, and its content is what is said.
//!
//! Many services choose the operation by the action in the head instead. Where the two differ, who knows
//! which one was carried out: the whole message is in doubt (THREATS E27). The header blocks (security,
//! addressing) are no part of the document, because they carry credentials.

use super::xml::{Element, Shape, tree};
use super::{Doubtful, Parsed};
use crate::event::NoteCode;
use crate::value::{Value, json};

/// A message.
#[derive(Clone, Debug, PartialEq)]
pub struct Soap {
    /// The local name of the first element in the body; `Fault` for a failure, empty for an empty body.
    pub operation: String,
    /// What that element holds; null for a fault.
    pub content: Value,
    /// What the fault holds, in the words of its version: `faultcode`, `faultstring`, or `Code`, `Reason`.
    pub fault: Option<Value>,
    /// Where it can be read otherwise; paths are those in the content, or in `{fault}`.
    pub doubts: Vec<Doubtful>,
    /// Doubts that are no shortcoming by themselves.
    pub quiet: Vec<Doubtful>,
}

/// Reads a message. `lists` names the elements that are lists even alone; `action` is that of the head.
/// `None` when it is not XML, or no envelope.
pub fn parse(text: &str, lists: &[String], action: Option<&str>) -> Option<Soap> {
    let tree = tree(text)?;
    let mut soap = shape(&tree.root, lists, action)?;
    soap.doubts.extend(tree.doubts());
    Some(soap)
}

/// SOAP 1.1's header.
pub(super) const ACTION: http::HeaderName = http::HeaderName::from_static("soapaction");

/// The action that a head names: `SOAPAction` of SOAP 1.1, or the content type's `action` (RFC 3902).
pub fn action(headers: &http::HeaderMap) -> Option<String> {
    let text =
        |name| headers.get(&name).map(|value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()));
    let by_type = || {
        let line = text(http::header::CONTENT_TYPE)?;
        let named = |piece: &str| {
            let (name, value) = piece.split_once('=')?;
            name.trim().eq_ignore_ascii_case("action").then(|| value.to_owned())
        };
        line.split(';').find_map(named)
    };
    let action = text(ACTION).map(|value| value.into_owned()).or_else(by_type)?;
    let action = action.trim().trim_matches('"').trim();
    // An empty one says: see the request's address (SOAP 1.1, section 6.1.1).
    (!action.is_empty()).then(|| action.to_owned())
}

/// True for an envelope of either version.
pub(super) fn is_envelope(root: &Element) -> bool {
    root.name == "Envelope" && NAMESPACES.contains(&&*root.namespace)
}

pub(super) fn shape(root: &Element, lists: &[String], action: Option<&str>) -> Option<Soap> {
    if root.name != "Envelope" {
        return None;
    }
    let mut doubts = Vec::new();
    let mut doubt = |detail: &str| doubts.push(Doubtful::at(Vec::new(), NoteCode::BodyAmbiguous, detail));
    if !is_envelope(root) {
        doubt("an envelope of an unknown version");
    }
    let mut bodies = root.elements().filter(|child| child.name == "Body");
    let body = bodies.next()?;
    if bodies.next().is_some() || body.namespace != root.namespace {
        doubt("more than one body, or one of another namespace");
    }
    let Some(first) = body.elements().next() else {
        return Some(Soap {
            operation: String::new(),
            content: json!({}),
            fault: None,
            doubts,
            quiet: Vec::new(),
        });
    };
    // Elements behind the first are parts that it refers to (SOAP 1.1, section 5), which is not undone.
    if body.elements().nth(1).is_some() {
        doubt("more than one element in the body");
    }
    let is_fault = first.is(&root.namespace, "Fault");
    if let Some(action) = action.filter(|action| !is_fault && !is_same(action, &first.name)) {
        doubt(&format!("the action in the head ends in another name: {}", last_name(action)));
    }
    let mut shape = Shape::new(lists);
    if is_fault {
        shape.path.push("fault".to_owned());
    }
    let content = shape.content(first);
    doubts.append(&mut shape.doubts);
    let (content, fault) = if is_fault { (Value::Null, Some(content)) } else { (content, None) };
    Some(Soap { operation: first.name.clone(), content, fault, doubts, quiet: shape.quiet })
}

impl Soap {
    /// The message as a body: the content, or `{fault}`.
    pub(super) fn into_parsed(self) -> Parsed {
        let value = match self.fault {
            Some(fault) => json!({ "fault": fault }),
            None => self.content,
        };
        Parsed {
            value: Some(value),
            doubts: self.doubts,
            quiet: self.quiet,
            operation: Some(self.operation),
            ..Parsed::default()
        }
    }
}

/// Whether an action (`http://x.org/IBookings/Cancel`, `urn:x#Cancel`) and an element (`CancelRequest`) name
/// one operation, as the usual tools form both.
pub(super) fn is_same(action: &str, element: &str) -> bool {
    bare(last_name(action)).eq_ignore_ascii_case(bare(element))
}

pub(super) fn last_name(action: &str) -> &str {
    action.trim_end_matches('/').rsplit(['/', '#', ':', '.', '?']).next().unwrap_or(action)
}

fn bare(name: &str) -> &str {
    SUFFIXES
        .iter()
        .find_map(|suffix| name.strip_suffix(suffix))
        .filter(|rest| !rest.is_empty())
        .unwrap_or(name)
}

const NAMESPACES: [&str; 2] =
    ["http://schemas.xmlsoap.org/soap/envelope/", "http://www.w3.org/2003/05/soap-envelope"];
/// What tools put behind an operation's name in an element or an action.
const SUFFIXES: [&str; 6] = ["Request", "Response", "SoapIn", "SoapOut", "Input", "Message"];

#[cfg(test)]
mod tests {
    use super::super::tests::{headers, whole};
    use super::super::{Forced, Format, decode};
    use super::*;

    const V11: &str = "http://schemas.xmlsoap.org/soap/envelope/";
    const V12: &str = "http://www.w3.org/2003/05/soap-envelope";

    fn envelope(version: &str, body: &str) -> String {
        format!(
            "<s:Envelope xmlns:s='{version}'><s:Header><k>secret</k></s:Header><s:Body>{body}</s:Body></s:Envelope>"
        )
    }

    #[test]
    fn the_first_element_is_the_operation_and_its_content_the_body() {
        let lists = ["guest".to_owned()];
        for version in [V11, V12] {
            let text =
                envelope(version, "<m:Cancel xmlns:m='urn:m'><id>7</id><m:guest>bo</m:guest></m:Cancel>");
            let soap = parse(&text, &lists, Some("urn:m#Cancel")).unwrap();
            assert_eq!((soap.operation.as_str(), soap.fault), ("Cancel", None));
            assert_eq!((soap.content, soap.doubts), (json!({"id": "7", "guest": ["bo"]}), vec![]));
        }
        let empty = parse(&envelope(V11, ""), &[], None).unwrap();
        assert_eq!((empty.operation.as_str(), empty.content), ("", json!({})));
        assert_eq!(parse("<a/>", &[], None), None);
        assert_eq!(parse("no", &[], None), None);
    }

    #[test]
    fn a_fault_is_told_in_the_words_of_its_version() {
        let old =
            envelope(V11, "<s:Fault><faultcode>s:Client</faultcode><faultstring>No</faultstring></s:Fault>");
        let soap = parse(&old, &[], Some("Cancel")).unwrap();
        assert_eq!(soap.fault, Some(json!({"faultcode": "s:Client", "faultstring": "No"})));
        assert_eq!((soap.content, soap.doubts), (Value::Null, vec![]));
        let new = envelope(
            V12,
            "<s:Fault><s:Code><s:Value>s:Sender</s:Value></s:Code><s:Reason><s:Text>No</s:Text></s:Reason></s:Fault>",
        );
        let document =
            decode(&whole(new), &headers(&[("content-type", "application/soap+xml")]), None, 10_000);
        let fault = json!({"Code": {"Value": "s:Sender"}, "Reason": {"Text": "No"}});
        assert_eq!((document.value, document.format), (Some(json!({"fault": fault})), "soap"));
    }

    #[test]
    fn an_action_unlike_the_element_is_doubt() {
        // THREATS E27
        let check = |head: &[(&'static str, &str)], element: &str, doubts: usize| {
            let text = envelope(V11, &format!("<{element}/>"));
            let forced = Some(Forced { format: Format::Soap, lists: &[] });
            let document = decode(&whole(text), &headers(head), forced, 10_000);
            assert_eq!(document.doubts.len(), doubts, "{head:?} {element}: {:?}", document.doubts);
            assert_eq!(document.operation.as_deref(), Some(element));
        };
        let xml = ("content-type", "text/xml");
        check(&[xml], "Cancel", 0);
        check(&[xml, ("soapaction", "\"\"")], "Cancel", 0);
        check(&[xml, ("soapaction", "\"http://x.org/IBookings/Cancel\"")], "Cancel", 0);
        check(
            &[xml, ("soapaction", "http://x.org/messages/GetUserAvailability")],
            "GetUserAvailabilityRequest",
            0,
        );
        check(&[xml, ("soapaction", "urn:x#View")], "Cancel", 1);
        check(&[("content-type", "application/soap+xml; action=\"urn:x:View\"")], "Cancel", 1);
        check(&[("content-type", "application/soap+xml; action=\"urn:x:Cancel\"")], "Cancel", 0);
    }

    #[test]
    fn a_message_that_can_be_read_otherwise_is_in_doubt() {
        // THREATS E27
        let check = |text: &str| assert!(!parse(text, &[], None).unwrap().doubts.is_empty(), "{text}");
        check(&envelope(V11, "<View/><Cancel/>"));
        check(&envelope(V11, "<View/></s:Body><s:Body><Cancel/>"));
        check(&envelope("urn:else", "<Cancel/>"));
        check(&format!("<!DOCTYPE x>{}", envelope(V11, "<Cancel/>")));
        check(
            "<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/'><Body><Cancel/></Body></s:Envelope>",
        );
    }
}
