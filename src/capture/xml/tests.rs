//! XML by data, WebDAV as servers and clients send it, the tricks of THREATS E27, and arbitrary text.

use proptest::prelude::*;

use super::super::tests::{headers, whole};
use super::super::{BodyState, Document, Forced, decode};
use super::*;
use crate::value::json;

fn read_as(content_type: &str, body: &str, forced: Option<Forced<'_>>) -> Document {
    decode(&whole(body), &headers(&[("content-type", content_type)]), forced, 8 << 20)
}

fn read(body: &str) -> Document {
    read_as("application/xml", body, None)
}

fn check(body: &str, expected: Value) {
    let document = read(body);
    assert_eq!(document.value, Some(expected), "{body}");
    assert_eq!(document.doubts, [], "{body}");
}

fn check_doubt(body: &str, path: &[&str], detail: &str) {
    let document = read(body);
    assert_eq!(document.state, BodyState::Complete, "{body}");
    let is_told =
        |doubt: &Doubtful| doubt.path == path && doubt.detail.as_deref().is_some_and(|d| d.contains(detail));
    assert!(document.doubts.iter().any(is_told), "{body}: {:?}", document.doubts);
}

#[test]
fn an_element_is_text_an_object_or_one_of_a_list() {
    check("<a/>", json!({"a": ""}));
    check("<a>x &lt;&amp;&#65;<![CDATA[<b>]]><!-- no --> y</a>", json!({"a": "x <&A<b> y"}));
    check("<a k='1'/>", json!({"a": {"@k": "1"}}));
    check("<a k='1 &quot;2&quot;'> t </a>", json!({"a": {"@k": "1 \"2\"", "#text": " t "}}));
    check("<a>\n  <b>1</b>\n  <c/>\n</a>", json!({"a": {"b": "1", "c": ""}}));
    check("<a>one <b>two</b> three</a>", json!({"a": {"b": "two", "#text": "one  three"}}));
    check("<?xml version='1.0'?><?pi x?><!-- c --><a>\r\n</a>\n", json!({"a": "\n"}));
    check("<größe>1</größe>", json!({"größe": "1"}));
    let document = read("<a><b>1</b><c/><b>2</b></a>");
    assert_eq!(document.value, Some(json!({"a": {"b": ["1", "2"], "c": ""}})));
}

#[test]
fn what_a_pack_names_is_a_list_even_alone() {
    let lists = ["b".to_owned()];
    let forced = Some(Forced { format: Format::Xml, lists: &lists });
    let document = read_as("text/xml", "<a><b><c>1</c></b></a>", forced);
    assert_eq!(document.value, Some(json!({"a": {"b": [{"c": "1"}]}})));
    let document = read_as("text/xml", "<a><b>1</b><b>2</b><c>3</c><c>4</c></a>", forced);
    assert_eq!(document.value, Some(json!({"a": {"b": ["1", "2"], "c": ["3", "4"]}})));
    // THREATS E10: only what is not named is in doubt, and only for the rules that look there.
    assert_eq!(document.doubts.len(), 1, "{:?}", document.doubts);
    assert_eq!((document.doubts[0].path.join("."), document.notes.len()), ("a.c".to_owned(), 0));
}

#[test]
fn a_prefix_is_the_senders_choice() {
    // THREATS E27
    let expected = json!({"order": {"@id": "7", "line": "x"}});
    check("<order xmlns='urn:o' id='7'><line>x</line></order>", expected.clone());
    check("<o:order xmlns:o='urn:o' id='7'><o:line>x</o:line></o:order>", expected.clone());
    check("<zz:order xmlns:zz='urn:o' zz:id='7'><zz:line>x</zz:line></zz:order>", expected);
    let two = "<o xmlns='urn:o' xmlns:x='urn:x'><role>user</role><x:role>admin</x:role></o>";
    check_doubt(two, &["o", "role"], "two namespaces");
    check_doubt("<o xmlns:x='urn:x' id='1' x:id='2'/>", &["o", "@id"], "two namespaces");
    check_doubt("<x:o>1</x:o>", &[], "a prefix that stands for nothing");
}

#[test]
fn nothing_that_a_dtd_says_is_expanded_or_fetched() {
    // THREATS E27
    let laughs = "<!DOCTYPE l [<!ENTITY a 'ha'><!ENTITY b '&a;&a;'>]><l><n>&b;</n><m k='&b;'/></l>";
    assert_eq!(read(laughs).value, Some(json!({"l": {"n": "&b;", "m": {"@k": "&b;"}}})));
    check_doubt(laughs, &[], "a DTD");
    check_doubt(laughs, &["l", "n"], "an entity");
    check_doubt(laughs, &["l", "m", "@k"], "an entity");
    let billion: String =
        (1..10).map(|n| format!("<!ENTITY e{n} '{}'>", format!("&e{};", n - 1).repeat(10))).collect();
    let billion = format!("<!DOCTYPE l [<!ENTITY e0 'ha'>{billion}]><l>&e9;</l>");
    assert_eq!(read(&billion).value, Some(json!({"l": "&e9;"})));
    let external = "<!DOCTYPE l [<!ENTITY x SYSTEM 'http://127.0.0.1:1/x'>]><l>&x;</l>";
    assert_eq!(read(external).value, Some(json!({"l": "&x;"})));
    check_doubt(external, &["l"], "an entity");
    let include = "<l xmlns:i='http://www.w3.org/2001/XInclude'><i:include href='/etc/passwd'/></l>";
    check_doubt(include, &[], "an XInclude");
}

#[test]
fn what_is_not_well_formed_or_beyond_a_limit_is_unreadable() {
    let check = |body: &str| {
        let document = read(body);
        assert_eq!((document.value, document.state), (None, BodyState::Unreadable), "{body:.60}");
    };
    for body in
        ["no", "<a>", "<a></b>", "<a", "<a b='1' b='2'/>", "<a>&#0;</a>", "<a>& b</a>", "</a>", "<!-- -->"]
    {
        check(body);
    }
    // It would pass for an attribute.
    check("<a><@b>1</@b></a>");
    check(&"<a>".repeat(300));
    check(&format!("{}{}", "<a>".repeat(300), "</a>".repeat(300)));
    check(&format!("<a>{}</a>", "<b/>".repeat(100_001)));
    let attributes: String = (0..300).map(|n| format!(" a{n}=''")).collect();
    check(&format!("<a{attributes}/>"));
    let prefixes: String = (0..300).map(|n| format!(" xmlns:a{n}='urn:x'")).collect();
    check(&format!("<a{prefixes}/>"));
    // THREATS D05: whoever compared each with all others would not come to an end here.
    let attributes: String = (0..800_000).map(|n| format!(" a{n:x}=''")).collect();
    check(&format!("<a{attributes}/>"));
    let prefixes: String = (0..400_000).map(|n| format!(" xmlns:a{n:x}='u'")).collect();
    check(&format!("<a{prefixes}/>"));
    let deep = format!("{}{}", "<a>".repeat(250), "</a>".repeat(250));
    assert_eq!(read(&deep).state, BodyState::Complete);
    check_doubt("<a/><b/>", &[], "more than one root");
    check_doubt("<a/>text", &[], "text outside");
    check_doubt("text<a/>", &[], "text outside");
}

#[test]
fn xml_is_known_by_its_type_or_its_look() {
    // THREATS E20
    let check = |content_type: &str, body: &str, format: &str, doubts: usize| {
        let document = read_as(content_type, body, None);
        assert_eq!((document.format, document.doubts.len()), (format, doubts), "{content_type} {body}");
    };
    check("text/xml; charset=utf-8", "<a/>", "xml", 0);
    check("application/atom+xml", "<a/>", "xml", 0);
    check("", "<a/>", "xml", 0);
    check("text/plain", "\n<?xml version='1.0'?><a/>", "xml", 0);
    check("application/octet-stream", "<!DOCTYPE a><a/>", "xml", 1);
    check("text/plain", "<hello> world", "text", 0);
    check("", "<!doctype html><html></html>", "text", 0);
    check("application/json", "<a/>", "xml", 1);
    check("application/x-www-form-urlencoded", "<a>b=c</a>", "xml", 1);
    check("text/html", "<p/>", "html", 0);
}

#[test]
fn the_declaration_tells_the_charset_where_the_type_does_not() {
    // THREATS E21
    let body = "<?xml version=\"1.0\" encoding='ISO-8859-1'?><a>Zo\u{eb}</a>";
    let latin: Vec<u8> = body.chars().map(|c| c as u8).collect();
    let read = |content_type: &str, bytes: &[u8]| {
        decode(&whole(bytes), &headers(&[("content-type", content_type)]), None, 1_000)
    };
    let document = read("text/xml", &latin);
    assert_eq!((document.value, document.doubts), (Some(json!({"a": "Zo\u{eb}"})), vec![]));
    assert_eq!(read("text/xml; charset=utf-8", body.as_bytes()).doubts.len(), 1);
    assert_eq!(read("text/xml", b"<?xml version='1.0' encoding='utf-7'?><a>+ADw-</a>").doubts.len(), 1);
    assert_eq!(read("text/xml; charset=utf-8", b"<?xml version='1.0' encoding='UTF-8'?><a/>").doubts, []);
}

#[test]
fn instructions_about_properties_are_what_is_set_and_what_is_removed() {
    let body = "<?xml version='1.0'?><A:propertyupdate xmlns:A='DAV:' xmlns:C='http://apple.com/ns/ical/'>
      <A:set><A:prop><A:displayname>Work</A:displayname><C:calendar-color symbolic-color='red'>#FF0000FF</C:calendar-color></A:prop></A:set>
      <A:remove><A:prop><c:calendar-description xmlns:c='urn:ietf:params:xml:ns:caldav'/></A:prop></A:remove>
    </A:propertyupdate>";
    check(
        body,
        json!({
            "set": {"displayname": "Work", "calendar-color": {"@symbolic-color": "red", "#text": "#FF0000FF"}, "calendar-description": null},
            "remove": ["calendar-description"],
        }),
    );
    let made = "<mkcalendar xmlns='urn:ietf:params:xml:ns:caldav' xmlns:d='DAV:'><d:set><d:prop><d:displayname>Work</d:displayname>
      <supported-calendar-component-set><comp name='VEVENT'/><comp name='VTODO'/></supported-calendar-component-set></d:prop></d:set></mkcalendar>";
    let components = json!({"comp": [{"@name": "VEVENT"}, {"@name": "VTODO"}]});
    check(
        made,
        json!({"set": {"displayname": "Work", "supported-calendar-component-set": components}, "remove": []}),
    );
    let collection = "<d:mkcol xmlns:d='DAV:'><d:set><d:prop><d:resourcetype><d:collection/></d:resourcetype></d:prop></d:set></d:mkcol>";
    check(collection, json!({"set": {"resourcetype": {"collection": ""}}, "remove": []}));
    assert_eq!(read(collection).format, "webdav");
}

#[test]
fn the_last_instruction_about_a_property_counts_and_the_others_are_doubt() {
    let of =
        |inner: &str| format!("<d:propertyupdate xmlns:d='DAV:' xmlns:x='urn:x'>{inner}</d:propertyupdate>");
    let set = "<d:set><d:prop><d:displayname>A</d:displayname></d:prop></d:set>";
    let remove = "<d:remove><d:prop><d:displayname/></d:prop></d:remove>";
    let both = of(&format!("{set}{remove}"));
    assert_eq!(read(&both).value, Some(json!({"set": {"displayname": null}, "remove": ["displayname"]})));
    check_doubt(&both, &[], "more than one instruction");
    let both = of(&format!("{remove}{set}"));
    assert_eq!(read(&both).value, Some(json!({"set": {"displayname": "A"}, "remove": []})));
    check_doubt(&both, &[], "more than one instruction");
    // THREATS E27: a name of WebDAV's that is not WebDAV's.
    let foreign = of(&format!("{set}<x:set><d:prop><d:displayname>B</d:displayname></d:prop></x:set>"));
    check_doubt(&foreign, &[], "another namespace");
    assert_eq!(read("<propertyupdate><set/></propertyupdate>").format, "xml");
}

#[test]
fn a_multistatus_tells_what_was_done_and_what_was_not() {
    let body = "<D:multistatus xmlns:D='DAV:' xmlns:C='urn:ietf:params:xml:ns:caldav'>
      <D:response><D:href>/anna/work/</D:href>
        <D:propstat><D:prop><D:displayname>Work</D:displayname><D:resourcetype><D:collection/><C:calendar/></D:resourcetype></D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat>
        <D:propstat><D:prop><D:owner/></D:prop><D:status>HTTP/1.1 403 Forbidden</D:status></D:propstat>
      </D:response>
      <D:response><D:href>/a</D:href><D:href>/b</D:href><D:status>HTTP/1.1 423 Locked</D:status></D:response>
    </D:multistatus>";
    check(
        body,
        json!({"responses": [
            {"href": "/anna/work/", "props": {"displayname": "Work", "resourcetype": {"collection": "", "calendar": ""}}, "failed": {"owner": 403}},
            {"href": "/a", "status": 423},
            {"href": "/b", "status": 423},
        ]}),
    );
    let calendar = "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:e1\r\nSUMMARY:Plan &amp; do\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";
    let report = format!(
        "<d:multistatus xmlns:d='DAV:' xmlns:c='urn:ietf:params:xml:ns:caldav'><d:response><d:href>/e1.ics</d:href><d:propstat><d:prop><c:calendar-data>{calendar}</c:calendar-data></d:prop><d:status>HTTP/1.1 200 OK</d:status></d:propstat></d:response></d:multistatus>"
    );
    let event = json!({"component": "VEVENT", "iCalUID": "e1", "summary": "Plan & do"});
    check(&report, json!({"responses": [{"href": "/e1.ics", "props": {"calendar-data": event}}]}));
    assert_eq!(read("<multistatus xmlns='DAV:'/>").value, Some(json!({"responses": []})));
}

#[test]
fn a_schedule_response_has_a_status_for_each_recipient() {
    let body = "<C:schedule-response xmlns:D='DAV:' xmlns:C='urn:ietf:params:xml:ns:caldav'>
      <C:response><C:recipient><D:href>mailto:bo@x.org</D:href></C:recipient><C:request-status>2.0;Success</C:request-status><C:calendar-data>BEGIN:VCALENDAR</C:calendar-data></C:response>
      <C:response><C:recipient><D:href>mailto:cy@x.org</D:href></C:recipient><C:request-status>3.7;Invalid calendar user</C:request-status></C:response>
    </C:schedule-response>";
    check(
        body,
        json!({"responses": [
            {"recipient": "mailto:bo@x.org", "requestStatus": "2.0;Success"},
            {"recipient": "mailto:cy@x.org", "requestStatus": "3.7;Invalid calendar user"},
        ]}),
    );
}

#[test]
fn an_access_list_tells_who_may_do_what() {
    let list = "<D:ace><D:principal><D:href>/users/bo/</D:href></D:principal><D:grant><D:privilege><D:read/></D:privilege><D:privilege><D:write/></D:privilege></D:grant></D:ace>
      <D:ace><D:invert><D:principal><D:authenticated/></D:principal></D:invert><D:deny><D:privilege><D:all/></D:privilege></D:deny></D:ace>";
    let aces = json!([
        {"principal": "/users/bo/", "grant": ["read", "write"]},
        {"principal": "authenticated", "invert": true, "deny": ["all"]},
    ]);
    check(&format!("<D:acl xmlns:D='DAV:'>{list}</D:acl>"), json!({"aces": aces}));
    let read_back = format!(
        "<D:multistatus xmlns:D='DAV:'><D:response><D:href>/c/</D:href><D:propstat><D:prop><D:acl>{list}
         <D:ace><D:principal><D:all/></D:principal><D:grant><D:privilege><D:read/></D:privilege></D:grant><D:protected/></D:ace></D:acl></D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response></D:multistatus>"
    );
    let acl = json!({"aces": aces, "fixed": [{"principal": "all", "grant": ["read"]}]});
    check(&read_back, json!({"responses": [{"href": "/c/", "props": {"acl": acl}}]}));
}

#[test]
fn a_pack_may_say_which_xml_it_is() {
    let check = |format: Format, content_type: &str, body: &str, expected: (&str, Option<Value>)| {
        let document = read_as(content_type, body, Some(Forced { format, lists: &[] }));
        assert_eq!((document.format, document.value), expected, "{format:?} {content_type} {body}");
    };
    let acl = "<acl xmlns='DAV:'><ace/></acl>";
    check(Format::Xml, "text/xml", acl, ("xml", Some(json!({"acl": {"ace": ""}}))));
    check(Format::WebDav, "text/xml", "<acl><ace/></acl>", ("webdav", Some(json!({"aces": [{}]}))));
    check(Format::WebDav, "image/x", "<other/>", ("xml", Some(json!({"other": ""}))));
    check(Format::WebDav, "application/json", "{}", ("json", Some(json!({}))));
    check(Format::Soap, "text/xml", "<a/>", ("soap", None));
    check(Format::Json, "text/xml", "<a/>", ("xml", Some(json!({"a": ""}))));
}

/// What an element may hold, at random.
fn generated() -> impl Strategy<Value = Value> {
    let text = "[ -~äß\u{1F600}]{0,12}".prop_map(Value::from);
    text.prop_recursive(5, 60, 4, |inner| {
        let content =
            prop_oneof![inner.clone(), proptest::collection::vec(inner, 2..4).prop_map(Value::from)];
        let children = proptest::collection::btree_map("[a-z]{1,6}", content, 1..4);
        let attributes = proptest::collection::btree_map("@[a-z]{1,6}", "[ -~]{0,6}", 0..3);
        (children, attributes).prop_map(|(children, attributes)| {
            let attributes = attributes.into_iter().map(|(name, value)| (name, Value::from(value)));
            Value::Object(children.into_iter().chain(attributes).collect())
        })
    })
    .prop_filter("a root is no list", |value| !value.is_array())
}

/// An element that holds this.
fn written(name: &str, content: &Value) -> String {
    let plain = |value: &Value| quick_xml::escape::escape(value.as_str().unwrap_or_default()).into_owned();
    match content {
        Value::Array(contents) => contents.iter().map(|content| written(name, content)).collect(),
        Value::Object(members) => {
            let mut attributes = String::new();
            let mut children = String::new();
            for (member, value) in members {
                match member.strip_prefix('@') {
                    Some(attribute) => attributes.push_str(&format!(" {attribute}='{}'", plain(value))),
                    None => children.push_str(&written(member, value)),
                }
            }
            format!("<p:{name} xmlns:p='urn:p'{attributes}>\n  {children}</p:{name}>")
        }
        text => format!("<p:{name} xmlns:p='urn:p'>{}</p:{name}>", plain(text)),
    }
}

const SAMPLES: &[&str] = &[
    "<a k='1'>x<b/>&amp;&e;<![CDATA[c]]></a>",
    "<!DOCTYPE a [<!ENTITY e 'x'>]><a>&e;</a>",
    "<d:propertyupdate xmlns:d='DAV:'><d:set><d:prop><d:displayname>A</d:displayname></d:prop></d:set></d:propertyupdate>",
    "<multistatus xmlns='DAV:'><response><href>/</href><propstat><prop><a/></prop><status>HTTP/1.1 200 OK</status></propstat></response></multistatus>",
    "<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/'><s:Body><a><b>1</b></a></s:Body></s:Envelope>",
    "<acl xmlns='DAV:'><ace><principal><all/></principal><grant><privilege><read/></privilege></grant></ace></acl>",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn what_was_written_is_read_again(content in generated()) {
        let document = read(&written("root", &content));
        prop_assert_eq!(document.value, Some(json!({"root": content})));
        prop_assert_eq!(document.notes, vec![]);
    }

    #[test]
    fn any_text_and_any_change_of_a_good_text_is_survived(
        text in "[<>/&;='\"!?\\[\\]a-c:x -]{0,80}",
        sample in proptest::sample::select(SAMPLES),
        cut in 0usize..200,
        put in proptest::collection::vec(any::<u8>(), 0..6),
    ) {
        read(&text);
        let mut bytes = sample.as_bytes().to_vec();
        let at = cut.min(bytes.len());
        let end = (at + put.len()).min(bytes.len());
        bytes.splice(at..end, put);
        for forced in [Format::Xml, Format::WebDav, Format::Soap] {
            let forced = Some(Forced { format: forced, lists: &[] });
            let document = decode(&whole(bytes.clone()), &headers(&[("content-type", "text/xml")]), forced, 10_000);
            prop_assert!(document.value.is_none() || document.state == BodyState::Complete);
        }
    }
}
