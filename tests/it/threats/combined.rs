//! Tricks on top of each other, of every kind at once: paths, methods, keys, bodies, batches, credentials, hosts; and
//! an application with habits that are drawn as well. `EARWITNESS_SEED` sets where the draws begin, a failure says
//! which seed begins with it; `EARWITNESS_ROUNDS` sets how many applications there are, for a longer hunt.

use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use earwitness::event::{Gap, Missed};
use flate2::Compression;
use flate2::write::GzEncoder;

use super::World;
use crate::gullible::accounts::{Auth, Pick};
use crate::gullible::{Habits, Json, Keys, Methods, Paths};
use crate::rig::value_of;

/// What the application learned to do beside [`super::RULES`].
const FURTHER: &str = r#"  - id: cancelled.by_body
    match: POST /v2/cancellations
    when: { $.request.body.bookingUid: { exists: true } }
    action: CANCELLED
    target: { type: booking, id: $.request.body.bookingUid }
formats: [{ at: POST /batch, as: http-batch }]
hosts: [app.example]
actors:
  - name: session
    when: { $.credential.kind: [cookie, bearer] }
    ask: GET /me
    actor: { type: user, id: $.answer.body.id, team: $.answer.body.team }
"#;

/// Requests to one application.
const REQUESTS: usize = 40;

/// What is acted on, by a request or by the parts of one.
const IDS: [&str; 2] = ["b1", "c2"];

// THREATS E01 to E05, E09, E10, E13, E14, E17 to E23, E39, E60, E63: the same, together.
#[test]
fn tricks_on_top_of_each_other_are_told_too() {
    let mut dice = Dice(setting("EARWITNESS_SEED", 0x5eed).max(1));
    let mut deeds = 0;
    for _ in 0..setting("EARWITNESS_ROUNDS", 12) {
        let mut said = vec![format!("EARWITNESS_SEED={} begins with these:", dice.0)];
        let played = catch_unwind(AssertUnwindSafe(|| play(&mut dice, &mut said)));
        deeds += played.unwrap_or_else(|failure| {
            said.iter().for_each(|line| println!("{line}"));
            resume_unwind(failure)
        });
    }
    assert!(deeds > 0, "the tricks are good for something");
}

// THREATS E44: a deed that could not be recorded is told by the gap that names it, and by no other.
#[test]
fn a_gap_tells_of_what_it_names_alone() {
    let world = World::new(Habits::STRICT);
    world.rig.exchange(super::request("POST /v2/bookings/b1/cancel", "r1", &[], ""));
    world.rig.exchange(super::request("POST /v2/bookings/c2/cancel", "r2", &[], ""));
    let event = world.event_of("r1");
    let mut gap = Gap::default();
    gap.add(Missed::of(&event), "full", 0);
    let gap = gap.to_event(event.id, event.time);
    let is_missed: Vec<bool> = world.app.deeds().iter().map(|deed| super::misses(&gap, deed)).collect();
    assert_eq!(is_missed, [true, false]);
}

/// Another application, and requests full of tricks; how often it was taken in. What it was and what was asked is put
/// into `said`.
fn play(dice: &mut Dice, said: &mut Vec<String>) -> usize {
    let pick = [Pick::First, Pick::Last];
    let habits = Habits {
        paths: dice.one(&[Paths::Raw, Paths::Express, Paths::Tomcat, Paths::Php, Paths::Iis]),
        methods: Methods::Overridden,
        keys: dice.one(&[Keys::First, Keys::Last, Keys::All, Keys::Php]),
        json: dice.one(&[Json::First, Json::Last, Json::Folded]),
        auth: Auth { asked: dice.one(&pick), deed: dice.one(&pick), ..Auth::PLAIN },
        ..Habits::STRICT
    };
    said.push(format!("{habits:?}"));
    let rules = super::RULES.replace("defaults: {", "defaults: { scope: { team: $.actor.team },") + FURTHER;
    let world = World::with(habits, &rules, |_| {});
    let sessions = ["ada", "bob"].map(|user| log_in(&world, user));
    for number in 0..REQUESTS {
        let request = Asked::whole(&sessions, dice).on_the_wire(number, dice);
        said.push(String::from_utf8_lossy(&request).into_owned());
        world.rig.exchange(request);
    }
    world.assert_all_is_told();
    world.app.deeds().len()
}

/// The session of somebody who has just signed in.
fn log_in(world: &World, user: &str) -> String {
    let form = ["Content-Type: application/x-www-form-urlencoded"];
    let body = format!("user={user}&password=right");
    let answer = world.rig.exchange(super::request("POST /login", user, &form, &body));
    let set = value_of(&answer, "set-cookie").unwrap_or_else(|| panic!("{answer}"));
    set.split(';').next().unwrap().to_owned()
}

/// A request, or a part of one.
struct Asked {
    method: &'static str,
    target: String,
    headers: Vec<String>,
    body: Vec<u8>,
}

impl Asked {
    fn new(method: &'static str, target: &str, header: &str) -> Asked {
        Asked { method, target: target.to_owned(), headers: vec![header.to_owned()], body: Vec::new() }
    }

    /// One deed, or a batch of them, by somebody.
    fn whole(sessions: &[String; 2], dice: &mut Dice) -> Asked {
        let mut asked = if dice.below(4) == 0 {
            let parts = IDS.map(|id| Asked::one(id, true, dice).part(sessions, dice));
            let body = format!("{}--p--\r\n", parts.concat());
            let batch = Asked::new("POST", "/batch", "Content-Type: multipart/mixed; boundary=p");
            Asked { body: body.into_bytes(), ..batch }
        } else {
            Asked::one(IDS[0], false, dice)
        };
        asked.headers.extend(signed(sessions, dice));
        asked
    }

    fn one(id: &str, is_part: bool, dice: &mut Dice) -> Asked {
        let booking = format!("/v2/bookings/{id}");
        let mut asked = match dice.below(6) {
            0 => Asked::new("PoSt", &format!("{booking}/cancel"), "X-A: b"),
            1 => overridden(&booking, dice),
            2 => Asked::new("get", &booking, "x-method_override: PUT"),
            3 => Asked::new("PATCH", &booking, "X-A: b"),
            4 => return by_key(id, dice),
            _ => by_body(id, is_part, dice),
        };
        let (path, query) = asked.target.split_once('?').unwrap_or((&asked.target, ""));
        let path = (0..dice.below(4)).fold(path.to_owned(), |path, _| spelled(&path, dice));
        asked.target = if query.is_empty() { path } else { format!("{path}?{query}") };
        asked
    }

    /// As a part of a batch, with a credential of its own or without.
    fn part(mut self, sessions: &[String; 2], dice: &mut Dice) -> String {
        self.headers.extend(if dice.below(2) == 0 { signed(sessions, dice) } else { Vec::new() });
        let Asked { method, target, headers, body } = self;
        let authority = dice.one(&["", "http://app.example", "https://other.example"]);
        let (headers, body) = (headers.join("\r\n"), String::from_utf8(body).unwrap());
        format!(
            "--p\r\nContent-Type: application/http\r\n\r\n{method} {authority}{target} HTTP/1.1\r\n{headers}\r\n\r\n{body}\r\n"
        )
    }

    fn on_the_wire(self, number: usize, dice: &mut Dice) -> Vec<u8> {
        let Asked { method, target, headers, body } = self;
        let (authority, host) = dice.one(&[
            ("", "app.example"),
            ("", "APP.example."),
            ("", "app.example:443"),
            ("", "other.example"),
            ("http://app.example", "app.example"),
            ("", "app.example\r\nX-Forwarded-Host: other.example"),
        ]);
        let (headers, length) = (headers.join("\r\n"), body.len());
        let head = format!(
            "{method} {authority}{target} HTTP/1.1\r\nHost: {host}\r\nX-Request-Id: r{number}\r\n{headers}\r\nContent-Length: {length}\r\n\r\n"
        );
        [head.into_bytes(), body].concat()
    }
}

/// The lines that say who it is: one, both, or nobody.
fn signed([ada, bob]: &[String; 2], dice: &mut Dice) -> Vec<String> {
    let (one, other) = if dice.below(2) == 0 { (ada, bob) } else { (bob, ada) };
    let id = one.trim_start_matches("session=");
    match dice.below(6) {
        0 => Vec::new(),
        1 => vec![format!("Cookie: {one}; {other}")],
        2 => vec![format!("Cookie: {one}"), format!("Cookie: {other}")],
        3 => vec![format!("Authorization: Bearer {id}"), format!("Cookie: {other}")],
        4 => vec![format!("Cookie: $Version=1; session=\"{id}\"")],
        _ => vec![format!("Cookie: lang=en; {one}")],
    }
}

/// A method that is named anywhere but where it should be.
fn overridden(path: &str, dice: &mut Dice) -> Asked {
    let form = "Content-Type: application/x-www-form-urlencoded";
    let with = |header: &str, body: &str| Asked {
        body: body.as_bytes().to_vec(),
        ..Asked::new("POST", path, header)
    };
    match dice.below(5) {
        0 => with("X_Http_Method: delete", ""),
        1 => Asked::new("GET", &format!("{path}?a=1&_method=delete"), "X-A: b"),
        2 => Asked::new("POST", &format!("{path}?%5fmethod=PATCH"), "X-A: b"),
        3 => with(form, "_method=get&_method=Delete"),
        _ => with("Content-Type: application/json", r#"{"_m\u0065thod":"put"}"#),
    }
}

/// A deed whose target a key names.
fn by_key(id: &str, dice: &mut Dice) -> Asked {
    let query = dice.one(&[
        "booking_id=@",
        "booking_id=@&booking_id=~",
        "booking_id=~&x=1&booking_id=@",
        "booking_id[]=@&booking_id[]=~",
        "booking_id=~&booking_id[]=@",
        "booking%5fid=@&booking_id=~",
        "booking_id=~&booking.id=@",
        "booking+id=@",
        "x=1;booking_id=@",
        "booking_id=~;booking_id=@",
    ]);
    Asked::new("POST", &format!("/cancel?{}", filled(query, id)), "X-A: b")
}

/// A deed whose target a body names.
fn by_body(id: &str, is_part: bool, dice: &mut Dice) -> Asked {
    let body = dice.one(&[
        r#"{"bookingUid":"@"}"#,
        r#"{"bookingUid":"~","bookingUid":"@"}"#,
        r#"{"bookingUid":"@","booking\u0055id":"~"}"#,
        r#"{"x":1e400,"bookingUid":"~","y":NaN,"bookingUid":"@"}"#,
        r#"{"BookingUID":"@","x":"\ud800"}"#,
        r#"{"bookingUid":"~","BOOKINGUID":"@"}"#,
        r#"{"BOOKINGUID":"@","bookingUid":"~"}"#,
        r#"{"bookinguid":"~","BOOKINGUID":"@"}"#,
        "{\"boo\u{212a}ingUid\":\"@\"}",
        "bookingUid=@",
        "bookingUid=~&a=b&bookingUid=@",
        "--f\r\nContent-Disposition: form-data; name=\"bookingUid\"\r\n\r\n@\r\n--f--\r\n",
    ]);
    let header = dice.one(&[
        "Content-Type: application/json",
        "Content-Type: application/x-www-form-urlencoded",
        "Content-Type: multipart/form-data; boundary=f",
        "Content-Type: text/plain",
        "Content-Type: image/png",
        "Content-Type: application/json; charset=utf-16",
        "Content-Type: application/json\r\nContent-Type: text/plain",
        "X-A: b",
    ]);
    let asked = Asked::new("POST", "/v2/cancellations", header);
    let text = filled(body, id);
    // What is no text has no place in a part.
    let (coding, body) = match if is_part { 0 } else { dice.below(8) } {
        1 => ("Content-Encoding: gzip", packed(text.as_bytes())),
        2 => ("Content-Encoding: gzip, gzip", packed(&packed(text.as_bytes()))),
        3 => ("Content-Encoding: gzip", text.into_bytes()),
        4 => ("X-B: c", text.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        5 => ("X-B: c", format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_be_bytes).collect()),
        6 => ("X-B: c", format!("\u{feff}{text}").into_bytes()),
        _ => ("X-B: c", text.into_bytes()),
    };
    let headers = [asked.headers, vec![coding.to_owned()]].concat();
    Asked { headers, body, ..asked }
}

/// With what is acted on for `@`, and what is named beside it for `~`: another for each part.
fn filled(text: &str, id: &str) -> String {
    text.replace('@', id).replace('~', &format!("not-{id}"))
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A path with one more trick in it.
fn spelled(path: &str, dice: &mut Dice) -> String {
    let segments: Vec<&str> = path.split('/').collect();
    let at = 1 + dice.below(segments.len() - 1);
    let chosen = segments[at];
    let letter = dice.below(chosen.len().max(1));
    let changed = match dice.below(9) {
        0 => format!("/{chosen}"),
        1 => format!("./{chosen}"),
        2 => format!("x/../{chosen}"),
        3 => format!("{chosen};v=1"),
        4 => format!("{chosen}."),
        5 => format!("{chosen}%20"),
        6 if chosen.is_ascii() && !chosen.contains(['%', ';']) && !chosen.is_empty() => {
            let byte = chosen.as_bytes()[letter];
            format!("{}%{byte:02x}{}", &chosen[..letter], &chosen[letter + 1..])
        }
        7 if !IDS.contains(&chosen) => chosen.to_ascii_uppercase().replace("%2F", "%2f"),
        _ => format!("%2e/{chosen}"),
    };
    let mut all: Vec<&str> = segments.clone();
    all[at] = &changed;
    // What does not begin with a slash is refused at the gate.
    format!("/{}", all[1..].join(["/", "/", "/", "\\", "%5c"][dice.below(5)]))
}

/// Numbers that are the same on every machine (xorshift).
struct Dice(u64);

impl Dice {
    fn below(&mut self, count: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % count as u64) as usize
    }

    fn one<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}
