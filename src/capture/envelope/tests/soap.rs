//! SOAP.

use super::*;

fn message(content: &str) -> String {
    format!(
        r#"<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>{content}</s:Body></s:Envelope>"#
    )
}

fn check(action: &str, content: &str, expected: &[&str]) -> Opened {
    let mut request = request("POST /ews", "text/xml", &message(content));
    request.headers.extend(map(&[("soapaction", action)]));
    let opened = opened(EnvelopeKind::Soap, &request);
    assert_eq!(calls(&opened), expected, "{content}");
    opened
}

#[test]
fn the_element_in_the_body_is_the_operation() {
    let opened = check("urn:x#Cancel", "<Cancel><Id>5</Id></Cancel>", &[r#"Cancel {"Id":"5"}"#]);
    assert!(opened.rest.is_empty() && opened.calls[0].part.is_none());
    check("", "", &[]);
}

#[test]
fn an_action_of_another_name_is_left_over_beside_the_call() {
    // THREATS E27
    let opened = check("urn:x#Cancel", "<List/>", &["List \"\"?"]);
    assert_eq!((opened.rest.names.as_slice(), opened.rest.count), (&["Cancel".to_owned()][..], 1));
}

#[test]
fn a_fault_is_a_failure_whatever_the_status_says() {
    let opened = check("", "<Cancel/>", &["Cancel \"\""]);
    let answer = |status: u16, content: &str| {
        let headers = map(&[("content-type", "text/xml")]);
        let response = Response { status, headers, body: capture(&message(content)), stream: None };
        let replies = Replies::new(EnvelopeKind::Soap, &opened.calls, &response, &[], 1 << 20);
        let reply = replies.to(&opened.calls[0]).unwrap();
        (reply.status, reply.body.value.unwrap())
    };
    let fault = "<s:Fault><faultcode>s:Client</faultcode><faultstring>no</faultstring></s:Fault>";
    assert_eq!(answer(200, fault).0, 500);
    assert_eq!(answer(200, fault).1["fault"]["faultstring"], "no");
    assert_eq!(answer(200, "<CancelResponse><Ok>1</Ok></CancelResponse>"), (200, json!({ "Ok": "1" })));
}
