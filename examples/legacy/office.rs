//! What the booking office knows: its people, who is logged in, and the bookings.
//!
//! State and its rules only; HTTP is in `app.rs`. Everything lives in memory and starts from the same seed,
//! so that a demonstration reads the same each time. It knows nothing of audit, and must stay so.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

/// The whole state of the application.
#[derive(Debug)]
pub(crate) struct Office {
    people: Vec<Person>,
    sessions: HashMap<String, Caller>,
    bookings: BTreeMap<u64, Booking>,
    next_id: u64,
}

/// Somebody with an account.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Person {
    /// Number of the account.
    pub(crate) id: u32,
    /// What they log in with.
    pub(crate) username: &'static str,
    #[serde(skip)]
    password: &'static str,
    /// What people call them.
    pub(crate) name: &'static str,
    /// E-mail address.
    pub(crate) email: &'static str,
    /// What they may do.
    pub(crate) role: Role,
}

/// What an account may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Role {
    /// Everything, also in the name of others.
    Admin,
    /// Their own bookings.
    Member,
}

/// Whose session a request belongs to.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Caller {
    /// Who logged in.
    #[serde(flatten)]
    pub(crate) person: Person,
    /// In whose name an administrator works at the moment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) acting_for: Option<Person>,
}

/// A booked appointment.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Booking {
    /// Number of the booking.
    pub(crate) id: u64,
    /// What it is about.
    pub(crate) title: String,
    /// User name of whom it belongs to.
    pub(crate) owner: &'static str,
    /// When it begins.
    pub(crate) start: Timestamp,
    /// When it ends.
    pub(crate) end: Timestamp,
    /// The room.
    pub(crate) location: String,
    /// Whether it still stands.
    pub(crate) status: Status,
    /// Why it was cancelled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cancel_reason: Option<String>,
    /// Who comes.
    pub(crate) attendees: Vec<Attendee>,
}

/// Whether a booking still stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    /// It does.
    Confirmed,
    /// It does not.
    Cancelled,
}

/// Somebody who comes to an appointment.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Attendee {
    /// E-mail address.
    pub(crate) email: String,
    /// What people call them.
    #[serde(default)]
    pub(crate) name: String,
}

/// What a form or a JSON body says about a booking; what it leaves out stays as it is.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Draft {
    title: Option<String>,
    start: Option<String>,
    end: Option<String>,
    location: Option<String>,
    attendees: Option<Vec<Attendee>>,
}

/// Why the office does not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Nobody is logged in.
    NotLoggedIn,
    /// It is not theirs to do.
    Forbidden,
    /// There is no such thing.
    NotFound,
    /// It does not fit what is there.
    Conflict(&'static str),
    /// It makes no sense.
    Invalid(&'static str),
}

impl Office {
    /// Three people, two appointments.
    pub(crate) fn seeded() -> Office {
        let mut office =
            Office { people: people(), sessions: HashMap::new(), bookings: BTreeMap::new(), next_id: 101 };
        office.seed("Eye test", "ben", "2026-01-10T10:00:00Z", "2026-01-10T10:30:00Z", "Room 1");
        office.seed("Contact lenses", "chloe", "2026-01-12T14:00:00Z", "2026-01-12T14:45:00Z", "Room 2");
        office
    }

    /// Starts a session; the answer is its id.
    pub(crate) fn log_in(&mut self, username: &str, password: &str) -> Option<String> {
        let person = self.person(username).filter(|person| person.password == password)?.clone();
        Some(self.open_session(Caller { person, acting_for: None }))
    }

    /// Ends a session.
    pub(crate) fn log_out(&mut self, session: &str) {
        self.sessions.remove(session);
    }

    /// Whose session it is.
    pub(crate) fn caller(&self, session: &str) -> Result<Caller, Refusal> {
        self.sessions.get(session).cloned().ok_or(Refusal::NotLoggedIn)
    }

    /// Lets an administrator work in another's name. Rights change, so the session id does too.
    pub(crate) fn act_as(&mut self, session: &str, username: &str) -> Result<String, Refusal> {
        let caller = self.caller(session)?;
        if caller.person.role != Role::Admin {
            return Err(Refusal::Forbidden);
        }
        let other = self.person(username).ok_or(Refusal::NotFound)?.clone();
        self.log_out(session);
        Ok(self.open_session(Caller { acting_for: Some(other), ..caller }))
    }

    /// Ends that.
    pub(crate) fn stop_acting(&mut self, session: &str) -> Result<String, Refusal> {
        let caller = self.caller(session)?;
        if caller.acting_for.is_none() {
            return Err(Refusal::Conflict("not_acting"));
        }
        self.log_out(session);
        Ok(self.open_session(Caller { acting_for: None, ..caller }))
    }

    /// The bookings that a caller may see.
    pub(crate) fn visible_to<'a>(&'a self, caller: &'a Caller) -> impl Iterator<Item = &'a Booking> {
        self.bookings.values().filter(|booking| caller.may_touch(booking))
    }

    /// One booking.
    pub(crate) fn booking(&self, caller: &Caller, id: u64) -> Result<&Booking, Refusal> {
        let booking = self.bookings.get(&id).ok_or(Refusal::NotFound)?;
        if caller.may_touch(booking) { Ok(booking) } else { Err(Refusal::Forbidden) }
    }

    /// Makes a booking for the caller.
    pub(crate) fn book(&mut self, caller: &Caller, draft: Draft) -> Result<Booking, Refusal> {
        let booking = Booking {
            id: self.next_id,
            title: draft.title.filter(|title| !title.is_empty()).ok_or(Refusal::Invalid("title_required"))?,
            owner: caller.acts_as().username,
            start: parse_time(draft.start.as_deref().ok_or(Refusal::Invalid("start_required"))?)?,
            end: parse_time(draft.end.as_deref().ok_or(Refusal::Invalid("end_required"))?)?,
            location: draft.location.unwrap_or_default(),
            status: Status::Confirmed,
            cancel_reason: None,
            attendees: draft.attendees.unwrap_or_default(),
        };
        self.store(booking)
    }

    /// Gives a booking another time.
    pub(crate) fn move_to(&mut self, caller: &Caller, id: u64, draft: Draft) -> Result<Booking, Refusal> {
        let times_only = Draft { start: draft.start, end: draft.end, ..Draft::default() };
        if times_only.start.is_none() || times_only.end.is_none() {
            return Err(Refusal::Invalid("start_and_end_required"));
        }
        self.update(caller, id, times_only)
    }

    /// Changes what the draft names.
    pub(crate) fn update(&mut self, caller: &Caller, id: u64, draft: Draft) -> Result<Booking, Refusal> {
        let mut booking = self.standing(caller, id)?;
        if let Some(title) = draft.title {
            booking.title = title;
        }
        if let Some(start) = draft.start {
            booking.start = parse_time(&start)?;
        }
        if let Some(end) = draft.end {
            booking.end = parse_time(&end)?;
        }
        if let Some(location) = draft.location {
            booking.location = location;
        }
        if let Some(attendees) = draft.attendees {
            booking.attendees = attendees;
        }
        self.store(booking)
    }

    /// Cancels a booking; it stays in the list.
    pub(crate) fn cancel(&mut self, caller: &Caller, id: u64, reason: String) -> Result<Booking, Refusal> {
        let mut booking = self.standing(caller, id)?;
        booking.status = Status::Cancelled;
        booking.cancel_reason = Some(reason);
        self.store(booking)
    }

    /// A booking that can still be changed.
    fn standing(&self, caller: &Caller, id: u64) -> Result<Booking, Refusal> {
        let booking = self.booking(caller, id)?;
        match booking.status {
            Status::Confirmed => Ok(booking.clone()),
            Status::Cancelled => Err(Refusal::Conflict("already_cancelled")),
        }
    }

    fn store(&mut self, booking: Booking) -> Result<Booking, Refusal> {
        if booking.end <= booking.start {
            return Err(Refusal::Invalid("ends_before_it_starts"));
        }
        if self.bookings.values().any(|other| other.clashes_with(&booking)) {
            return Err(Refusal::Conflict("room_taken"));
        }
        self.next_id = self.next_id.max(booking.id + 1);
        self.bookings.insert(booking.id, booking.clone());
        Ok(booking)
    }

    fn seed(&mut self, title: &str, username: &str, start: &str, end: &str, location: &str) {
        let text = |text: &str| Some(text.to_owned());
        let draft = Draft {
            title: text(title),
            start: text(start),
            end: text(end),
            location: text(location),
            attendees: None,
        };
        if let Some(person) = self.person(username).cloned() {
            self.book(&Caller { person, acting_for: None }, draft)
                .expect("the seed's own bookings do not clash");
        }
    }

    fn person(&self, username: &str) -> Option<&Person> {
        self.people.iter().find(|person| person.username == username)
    }

    fn open_session(&mut self, caller: Caller) -> String {
        let id = uuid::Uuid::new_v7(uuid::Timestamp::now(uuid::NoContext)).simple().to_string();
        self.sessions.insert(id.clone(), caller);
        id
    }
}

impl Caller {
    /// In whose name the caller works.
    pub(crate) fn acts_as(&self) -> &Person {
        self.acting_for.as_ref().unwrap_or(&self.person)
    }

    fn may_touch(&self, booking: &Booking) -> bool {
        let person = self.acts_as();
        person.role == Role::Admin || person.username == booking.owner
    }
}

impl Booking {
    fn clashes_with(&self, other: &Booking) -> bool {
        self.id != other.id
            && self.status == Status::Confirmed
            && other.status == Status::Confirmed
            && !self.location.is_empty()
            && self.location == other.location
            && self.start < other.end
            && other.start < self.end
    }
}

/// A time as the API sends it, or as a browser's date field does, which knows no zone: UTC then.
fn parse_time(text: &str) -> Result<Timestamp, Refusal> {
    let zoned = text.parse::<Timestamp>();
    zoned
        .or_else(|_| text.parse::<DateTime>()?.to_zoned(TimeZone::UTC).map(|zoned| zoned.timestamp()))
        .map_err(|_| Refusal::Invalid("not_a_time"))
}

fn people() -> Vec<Person> {
    let person =
        |id, username, password, name, email, role| Person { id, username, password, name, email, role };
    vec![
        person(1, "alma", "alma-knows", "Alma Adams", "alma@booking.example", Role::Admin),
        person(2, "ben", "ben-knows", "Ben Becker", "ben@booking.example", Role::Member),
        person(3, "chloe", "chloe-knows", "Chloe Conti", "chloe@booking.example", Role::Member),
    ]
}
