//! SOAP: one call, named by the first element in the body (see [`crate::capture::soap`]).
//!
//! A service may go by the action in the head instead. Where that names another operation, the call is made
//! under the element's name, and the other name is left over: one of the two was carried out (THREATS E27).

use super::{Answer, Call, Opened, Reply, unread};
use crate::capture::{self, Forced, Format, soap};
use crate::event::NoteCode;
use crate::exchange::{Capture, Request};
use crate::value::Value;

pub(super) fn open(request: &Request, body: &Capture, lists: &[String], bytes_max: usize) -> Opened {
    let forced = Forced { format: Format::Soap, lists };
    let body = capture::decode(body, &request.headers, Some(forced), bytes_max);
    let mut opened = Opened::default();
    let Some(operation) = body.operation.clone().filter(|name| !name.is_empty()) else {
        opened.rest = unread(&body);
        return opened;
    };
    let action = soap::action(&request.headers).filter(|action| !soap::is_same(action, &operation));
    if let Some(action) = action {
        let name = Some(soap::last_name(&action));
        opened.rest.add(NoteCode::BodyAmbiguous, "the action names another operation", name);
    }
    opened.calls.push(Call::new(request, Some(operation), Some(body.into()), Value::Null));
    opened
}

pub(super) fn reply(answer: &Answer<'_>) -> Option<Reply> {
    let is_fault = answer.body.value.as_ref().is_some_and(|body| body.get("fault").is_some());
    // SOAP 1.1 (section 6.2) and 1.2 (part 2, section 7.4.2) want an error's status; not every service cares.
    let status = if is_fault && answer.status < 400 { 500 } else { answer.status };
    Some(answer.reply(status, answer.body.clone()))
}
