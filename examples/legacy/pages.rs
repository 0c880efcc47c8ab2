//! The pages of the booking office: plain HTML, as such applications send it. Every value is escaped.

use super::office::{Booking, Caller, Status};

/// The login form, with what was wrong the last time. The error list is what old frameworks print, and
/// the answer's status is 200 all the same: only the page says that the login failed.
pub(crate) fn login(error: Option<&str>) -> String {
    page(
        "Log in",
        &format!(
            r#"{}<form method="post" action="/login">
<label>User name <input name="username"></label>
<label>Password <input name="password" type="password"></label>
<button>Log in</button></form>"#,
            error_list(error)
        ),
    )
}

/// The list of bookings, with a form for a new one.
pub(crate) fn list<'a>(
    caller: &Caller,
    bookings: impl Iterator<Item = &'a Booking>,
    error: Option<&str>,
) -> String {
    let rows: String = bookings.map(row).collect();
    page(
        "Bookings",
        &format!(
            r#"<p>{}</p>{}<table>{rows}</table>
<form method="post" action="/bookings">
<label>Title <input name="title"></label>
<label>From <input name="start" type="datetime-local"></label>
<label>To <input name="end" type="datetime-local"></label>
<label>Room <input name="location"></label>
<button>Book</button></form>
<form method="post" action="/logout"><button>Log out</button></form>"#,
            greeting(caller),
            error_list(error)
        ),
    )
}

/// One booking.
pub(crate) fn booking(booking: &Booking) -> String {
    page(&escape(&booking.title), &format!("<table>{}</table>", row(booking)))
}

/// A page with one sentence.
pub(crate) fn plain(sentence: &str) -> String {
    page("Booking office", &format!("<p>{}</p>", escape(sentence)))
}

fn greeting(caller: &Caller) -> String {
    let name = escape(caller.person.name);
    match &caller.acting_for {
        Some(other) => format!(
            r#"{name}, acting for {} <form method="post" action="/admin/act-as/stop"><button>Stop</button></form>"#,
            escape(other.name)
        ),
        None => name,
    }
}

fn row(booking: &Booking) -> String {
    let status = match booking.status {
        Status::Confirmed => "confirmed",
        Status::Cancelled => "cancelled",
    };
    format!(
        "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{status}</td></tr>\n",
        booking.id,
        escape(&booking.title),
        booking.start,
        escape(&booking.location)
    )
}

fn error_list(error: Option<&str>) -> String {
    error.map(|error| format!(r#"<ul class="errorlist"><li>{}</li></ul>"#, escape(error))).unwrap_or_default()
}

fn page(title: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html><head><title>{title}</title></head><body><h1>{title}</h1>\n{body}\n</body></html>\n"
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
