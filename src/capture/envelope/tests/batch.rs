//! Batches of whole requests.

use super::*;

/// Parts of `application/http`, each with a `Content-ID` if it has one.
fn batch(parts: &[(&str, &str)]) -> String {
    let part = |(id, message): &(&str, &str)| {
        let id = if id.is_empty() { String::new() } else { format!("Content-ID: <{id}>\r\n") };
        format!("--b\r\nContent-Type: application/http\r\n{id}\r\n{message}\r\n")
    };
    parts.iter().map(part).collect::<String>() + "--b--\r\n"
}

fn check(parts: &[(&str, &str)], expected: &[&str]) -> Opened {
    let request = request("POST /batch", "multipart/mixed; boundary=b", &batch(parts));
    let opened = opened(EnvelopeKind::HttpBatch, &request);
    assert_eq!(calls(&opened), expected, "{parts:?}");
    opened
}

#[test]
fn each_part_is_a_request_of_its_own() {
    // THREATS E39
    let put = "PATCH /v3/e?x=1 HTTP/1.1\r\nContent-Type: application/json\r\nAuthorization: Bearer own\r\n\r\n{\"a\":1}";
    let opened = check(
        &[("1", put), ("2", "DELETE http://other.example/v3/f"), ("3", "GET v3/g HTTP/1.1\n\n"), ("4", "")],
        &[r#"PATCH /v3/e {"a":1}"#, "DELETE /v3/f empty", "GET /v3/g empty"],
    );
    assert_eq!((opened.rest.count, opened.rest.names.as_slice()), (1, &["<4>".to_owned()][..]));
    let (first, second) = (&opened.calls[0].request, &opened.calls[1].request);
    assert_eq!((first.method.as_str(), first.target.as_str()), ("PATCH", "/v3/e?x=1"));
    assert_eq!(first.headers["authorization"], "Bearer own");
    assert_eq!(second.host, "other.example");
    assert_eq!(second.headers["authorization"], "Bearer outer");
    assert!(!second.headers.contains_key("content-type"), "that is the batch's");
    let cookie = check(&[("1", "DELETE /x HTTP/1.1\r\nCookie: s=own\r\n\r\n")], &["DELETE /x empty"]);
    assert!(!cookie.calls[0].request.headers.contains_key("authorization"), "its own credential counts");
}

#[test]
fn answers_are_paired_by_content_id() {
    let opened = check(
        &[("a", "DELETE /1"), ("b", "DELETE /2"), ("c", "DELETE /3")],
        &["DELETE /1 empty", "DELETE /2 empty", "DELETE /3 empty"],
    );
    let replies_to = |opened: &Opened, status: u16, body: &str| {
        let headers = map(&[("content-type", "multipart/mixed; boundary=b")]);
        let response = Response { status, headers, body: capture(body), stream: None };
        let replies = Replies::new(EnvelopeKind::HttpBatch, &opened.calls, &response, &[], 1 << 20);
        let status = |call| replies.to(call).map(|reply| (reply.status, reply.body.value));
        opened.calls.iter().map(status).collect::<Vec<_>>()
    };
    let denied = "HTTP/1.1 403 Forbidden\r\nContent-Type: application/json\r\n\r\n{\"e\":1}";
    let body = batch(&[("response-b", denied), ("response-a", "HTTP/1.1 204 No Content\r\n\r\n")]);
    assert_eq!(
        replies_to(&opened, 200, &body),
        [Some((204, None)), Some((403, Some(json!({ "e": 1 })))), None]
    );
    assert_eq!(replies_to(&opened, 401, "no")[2].as_ref().map(|(status, _)| *status), Some(401));
    let bare = check(&[("", "DELETE /1"), ("", "DELETE /2")], &["DELETE /1 empty", "DELETE /2 empty"]);
    let body = batch(&[("", "HTTP/1.1 200 OK\r\n\r\n"), ("", "HTTP/1.1 404 Not Found\r\n\r\n")]);
    let statuses: Vec<_> = replies_to(&bare, 200, &body).into_iter().map(|reply| reply.unwrap().0).collect();
    assert_eq!(statuses, [200, 404]);
}

#[test]
fn a_batch_that_ends_early_or_may_be_split_otherwise_leaves_a_rest() {
    let text = batch(&[("1", "DELETE /1"), ("2", "DELETE /2")]);
    let mut cut = request("POST /batch", "multipart/mixed; boundary=b", &text);
    cut.body.state = CaptureState::Cut;
    let opened_cut = opened(EnvelopeKind::HttpBatch, &cut);
    assert_eq!((calls(&opened_cut).len(), opened_cut.rest.reasons[0].code), (1, NoteCode::BodyCut));
    let two = request("POST /batch", "multipart/mixed; boundary=b; boundary=c", &text);
    assert_eq!(opened(EnvelopeKind::HttpBatch, &two).rest.reasons[0].code, NoteCode::BodyAmbiguous);
}

#[test]
fn ten_thousand_parts_are_bounded_and_told() {
    // THREATS E40
    let many: Vec<String> = (0..10_000).map(|number| format!("DELETE /e/{number}")).collect();
    let parts: Vec<(&str, &str)> = many.iter().map(|message| ("", message.as_str())).collect();
    let request = request("POST /batch", "multipart/mixed; boundary=b", &batch(&parts));
    let opened = opened(EnvelopeKind::HttpBatch, &request);
    assert_eq!((opened.calls.len(), opened.rest.count), (1_000, 9_000));
    assert_eq!(opened.rest.names[0], "DELETE /e/1000");
    assert_eq!(opened.rest.reasons[0].code, NoteCode::BatchCut);
}
