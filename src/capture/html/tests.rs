//! Pages as frameworks write them, tag soup, and that a page says what its form would send.

use proptest::prelude::*;

use super::super::tests::{headers, whole};
use super::super::{Document, Forced, Format, decode};
use super::*;

fn read_as(content_type: &'static str, body: &str) -> Document {
    let forced = Some(Forced { format: Format::HtmlForm, lists: &[] });
    decode(&whole(body), &headers(&[("content-type", content_type)]), forced, 8 << 20)
}

fn read(page: &str) -> Value {
    let document = read_as("text/html; charset=utf-8", page);
    assert_eq!((document.format, document.doubts), ("html-form", vec![]), "{page}");
    document.value.unwrap()
}

/// The fields of the only form.
fn check(controls: &str, expected: Value) {
    let value = read(&format!("<form method=post>{controls}</form>"));
    assert_eq!(value["forms"][0]["fields"], expected, "{controls}");
}

fn check_errors(page: &str, expected: &[&str]) {
    assert_eq!(read(page)["errors"], json!(expected), "{page}");
}

#[test]
fn each_form_has_its_attributes_and_fields() {
    let page = "<!DOCTYPE html><title> Change\n user </title><form id=out method=POST action='/out?a=1&amp;b=2'>\
                <input type=hidden name=t value=1></form><p><form name=find><input name=q></form><input name=x>";
    let expected = json!({
        "title": "Change user",
        "forms": [
            {"id": "out", "method": "post", "action": "/out?a=1&b=2", "fields": {"t": "1"}},
            {"name": "find", "method": "get", "fields": {"q": ""}},
        ],
        "errors": [],
    });
    assert_eq!(read(page), expected);
    assert_eq!(read("no page"), json!({"forms": [], "errors": []}));
}

#[test]
fn a_field_is_what_a_browser_would_send() {
    check("<input name=a value='x &lt;&#39;&eacute;'><INPUT NAME=b>", json!({"a": "x <'é", "b": ""}));
    check("<input type=checkbox name=a checked><input type=checkbox name=b>", json!({"a": "on"}));
    check("<input type=radio name=a value=1><input type=radio name=a value=2 checked>", json!({"a": "2"}));
    check("<input name=a disabled value=1><fieldset disabled><input name=b></fieldset>", json!({}));
    check(
        "<fieldset disabled><fieldset><input name=a></fieldset><input name=b></fieldset><input name=c>",
        json!({"c": ""}),
    );
    check("<input type=submit name=go value=Go><button name=b>B</button><input type=file name=f>", json!({}));
    check(
        "<input value=1><input name='' value=2><input name=g[] value=1><input name=g[] value=2>",
        json!({"g": ["1", "2"]}),
    );
    check("<textarea name=a>\n\none\ntwo &amp; <b></textarea>", json!({"a": "\r\none\r\ntwo & <b>"}));
    check("<textarea name=a>one\r\ntwo</textarea>", json!({"a": "one\r\ntwo"}));
    check(
        "<template><input name=a></template><!-- <input name=b> --><script>'<input name=c>'</script>",
        json!({}),
    );
    check("<form><input name=a>", json!({"a": ""}));
}

#[test]
fn a_password_is_left_out_whatever_it_is_called() {
    // THREATS P05
    check("<input type=PassWord name=colour value=hunter2><input name=a value=1>", json!({"a": "1"}));
}

#[test]
fn a_list_sends_what_is_selected() {
    check("<select name=a><option>x  y<option value=2>z</select>", json!({"a": "x y"}));
    check(
        "<select name=a><option value=1>x</option><option value=2 selected>z</option></select>",
        json!({"a": "2"}),
    );
    check("<select name=a><option value=1 selected><option value=2 selected></select>", json!({"a": "2"}));
    check("<select name=a><option value=1 disabled>-<option value=2>z</select>", json!({"a": "2"}));
    check("<select name=a size=4><option value=1></select><select name=b></select>", json!({}));
    check(
        "<select name=a multiple><optgroup label=g><option value=1 selected></optgroup><option value=2><option value=3 selected></select>",
        json!({"a": ["1", "3"]}),
    );
    check("<select name=a multiple><option value=1 selected><option value=2></select>", json!({"a": "1"}));
}

#[test]
fn a_control_may_name_its_form() {
    let value = read(
        "<input name=a value=1 form=f><form id=f></form><form><input name=b form=f><input name=c form=g></form>",
    );
    assert_eq!(value["forms"][0]["fields"], json!({"a": "1", "b": ""}));
    assert_eq!(value["forms"][1]["fields"], json!({}));
}

#[test]
fn errors_are_told_as_frameworks_write_them() {
    check_errors(
        "<p class=errornote>\n Please correct the error below.\n</p><div class='form-row errors'><ul class='errorlist nonfield' id=e>\
         <li>This field is <b>required</b>.</li><li>Too short.</li></ul><label>Name</label></div>",
        &["Please correct the error below.", "This field is required.", "Too short."],
    );
    check_errors(
        "<div id=error_explanation><h2>2 errors</h2><div><ul><li>Name is blank</ul></div>x</div>y",
        &["2 errors", "Name is blank", "x"],
    );
    check_errors("<ul class=messagelist><li class=error>No</li><li class=success>Yes</li></ul>", &["No"]);
    check_errors("<div class=error><label>Name</label></div><input class=error-message name=a>", &[]);
    check_errors("<div class='alert alert-danger'>No &lt;way&gt;", &[]);
    check_errors("<div class='alert alert-danger'>No &lt;way&gt;</div>", &["No <way>"]);
}

#[test]
fn only_a_page_is_read_so() {
    let check = |content_type, body, format, value| {
        let document = read_as(content_type, body);
        assert_eq!((document.format, document.value), (format, Some(value)), "{content_type} {body}");
    };
    check("application/x-www-form-urlencoded", "a=1", "form", json!({"a": "1"}));
    check("application/json", "{}", "json", json!({}));
    check("text/html", "{\"a\": 1}", "json", json!({"a": 1}));
    check("text/plain", "<form>", "text", json!("<form>"));
    let plain = decode(&whole("<form>"), &headers(&[("content-type", "text/html")]), None, 100);
    assert_eq!((plain.format, plain.value), ("html", Some(json!("<form>"))));
}

#[test]
fn a_page_beyond_the_limits_is_read_so_far_and_in_doubt() {
    let check = |page: String, forms: usize| {
        let document = read_as("text/html", &page);
        assert_eq!(document.doubts[0].code, NoteCode::BodyCut, "{}", &page[..20]);
        assert_eq!(document.value.unwrap()["forms"].as_array().unwrap().len(), forms);
    };
    check("<form></form>".repeat(101), 100);
    check(format!("<form>{}</form>", "<input name=a>".repeat(10_001)), 1);
    check("<p class=error>No</p>".repeat(101), 0);
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('"', "&quot;")
        .replace('<', "&lt;")
        .replace('\r', "&#13;")
        .replace('\n', "&#10;")
}

proptest! {
    #[test]
    fn a_page_says_what_its_form_would_send(
        fields in proptest::collection::vec(("[a-z]{1,3}(\\[\\])?", "[ -~äß\r\n]{0,8}"), 0..8),
    ) {
        let controls = fields.iter().map(|(name, value)| format!("<input name=\"{name}\" value=\"{}\">", escaped(value)));
        let page = read(&format!("<form>{}</form>", controls.collect::<String>()));
        let sent = fields.iter().map(|(name, value)| (name, control::with_crlf(value)));
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(sent).finish();
        prop_assert_eq!(&page["forms"][0]["fields"], &Value::Object(form::parse(&body).members));
    }

    #[test]
    fn tag_soup_is_survived(
        pieces in proptest::collection::vec(proptest::sample::select(SOUP), 0..30),
        noise in "\\PC{0,20}",
    ) {
        parse(&format!("{}{noise}{}", pieces.concat(), pieces.iter().rev().copied().collect::<String>()));
    }
}

const SOUP: &[&str] = &[
    "<form>",
    "</form>",
    "<form id=a form=a>",
    "<input name=a form=a>",
    "<select name=b multiple>",
    "</select>",
    "<option>",
    "</option",
    "<textarea name=c>",
    "</textarea>",
    "<title>",
    "</title>",
    "<template>",
    "</template>",
    "<fieldset disabled>",
    "</fieldset>",
    "<p class=error>",
    "</p>",
    "<ul class=errorlist>",
    "<li>",
    "</li>",
    "</ul>",
    "<script>",
    "</script>",
    "<!--",
    "-->",
    "&amp",
    "&#x110000;",
    "<",
    "\"",
    "'",
    "=",
    "/>",
    "\0",
    "\r",
    "text",
];
