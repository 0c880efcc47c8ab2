//! Attacks on who it was: sessions that change hands, cookies planted and doubled, names that somebody gives
//! himself, questions answered oddly. No event may name the wrong person as more than a doubt.

use earwitness::event::{Assurance, Event, Evidence, NoteCode};
use earwitness::store::Filter;

use super::{World, has, request};
use crate::gullible::Habits;
use crate::gullible::accounts::{Auth, Ids, Me, Pick};

/// Logins, logouts and deeds; `{who}` is how the actor is found.
const RULES: &str = r#"version: 1
{who}
rules:
  - { id: login, match: POST /login, action: LOGGED_IN, actor: { type: user, id: $.request.body.user }, session: { starts: { cookie: session } } }
  - { id: logout, match: POST /logout, action: LOGGED_OUT, session: ends }
  - { id: taken, match: "POST /impersonate/{user}", action: TAKEN, on_behalf_of: { type: user, id: $.path.user }, session: { starts: { cookie: session } } }
  - { id: given, match: POST /impersonate, action: GIVEN, session: { starts: { cookie: session } } }
  - { id: cancelled, match: "POST /v2/bookings/{id}/cancel", action: CANCELLED, target: { type: booking, id: $.path.id } }
"#;
const ASKED: &str = r#"actors:
  - name: impersonator
    when: { "$.answer.body.impersonated": true }
    ask: GET /me
    actor: { type: user, id: $.answer.body.admin }
    on_behalf_of: { type: user, id: $.answer.body.id }
  - { name: session, when: { $.credential.kind: [cookie, bearer] }, ask: GET /me, actor: { type: user, id: $.answer.body.id, team: $.answer.body.team } }
  - { name: proxy, when: { $.client.trusted: true }, actor: { id: "$.request.headers['x-remote-user']" } }
"#;
const LEARNED: &str = "actors: [{ name: session, learned: true }]\n";

struct Office {
    world: World,
    count: std::cell::Cell<u32>,
}

fn office(auth: Auth, who: &str) -> Office {
    let world = World::with(Habits::auth(auth), &RULES.replace("{who}", who), |config| {
        config.limits.capture_bytes_max = 64 << 10;
        config.limits.before_ms = 5_000;
    });
    Office { world, count: Default::default() }
}

impl Office {
    /// The event of a request with this cookie, and the answer.
    fn send(&self, line: &str, headers: &[&str], body: &str) -> (Event, String) {
        self.count.set(self.count.get() + 1);
        let id = format!("r{}", self.count.get());
        let form = ["Content-Type: application/x-www-form-urlencoded"];
        let headers: Vec<&str> = headers.iter().copied().chain(form).collect();
        let answer = self.world.rig.exchange(request(line, &id, &headers, body));
        (self.world.event_of(&id), answer)
    }

    /// Logs in with that cookie; the session's id afterwards.
    fn log_in(&self, user: &str, session: &str) -> String {
        let (event, answer) =
            self.send("POST /login", &[&cookie(session)], &format!("user={user}&password=right"));
        assert_eq!((event.actor.id.as_deref(), event.actor.assurance), (Some(user), Assurance::Verified));
        let set = answer.split_once("session=").map(|(_, rest)| rest[..32].to_owned());
        set.unwrap_or_else(|| session.to_owned())
    }

    fn cancel(&self, session: &str) -> Event {
        self.send("POST /v2/bookings/b1/cancel", &[&cookie(session)], "").0
    }
}

fn cookie(session: &str) -> String {
    format!("Cookie: lang=en; session={session}")
}

/// Who it was and as whom.
fn who(event: &Event) -> (Option<&str>, Option<&str>) {
    (event.actor.id.as_deref(), event.on_behalf_of.as_ref().and_then(|actor| actor.id.as_deref()))
}

const PLANTED: &str = "planted-planted-planted-planted!";

// THREATS E57, E62
#[test]
fn a_session_that_changes_hands_is_always_its_present_owners() {
    for rules in [ASKED, LEARNED] {
        let office = office(Auth { ids: Ids::Kept, ..Auth::PLAIN }, rules);
        let session = office.log_in("ada", PLANTED);
        assert_eq!(session, PLANTED, "the application keeps it");
        let first = office.cancel(PLANTED);
        assert_eq!(who(&first), (Some("ada"), None), "{rules}");
        assert_eq!(first.actor.assurance, Assurance::LookedUp);
        assert!(first.actor.evidence_age_s.is_none_or(|age| age < 60));
        assert_eq!(who(&office.send("POST /logout", &[&cookie(PLANTED)], "").0), (Some("ada"), None));
        assert_eq!(who(&office.cancel(PLANTED)), (None, None), "nobody's");
        office.log_in("bob", PLANTED);
        assert_eq!(who(&office.cancel(PLANTED)), (Some("bob"), None), "{rules}");
        // Start, act, start another from there, act, stop.
        for other in ["eve", "max"] {
            let (taken, _) = office.send(&format!("POST /impersonate/{other}"), &[&cookie(PLANTED)], "");
            assert_eq!(who(&taken), (Some("bob"), Some(other)), "{rules}");
            assert_eq!(who(&office.cancel(PLANTED)), (Some("bob"), Some(other)), "{rules}");
        }
        office.send("POST /impersonate", &[&cookie(PLANTED)], "");
        assert_eq!(who(&office.cancel(PLANTED)), (Some("bob"), None), "{rules}");
        for deed in office.world.app.deeds() {
            let event = office.world.event_of(&deed.request_id);
            assert_eq!(event.actor.id, deed.by, "{rules}");
        }
    }
}

// THREATS E59
#[test]
fn a_planted_cookie_makes_nobody_another() {
    let kept = office(Auth { ids: Ids::Kept, ..Auth::PLAIN }, LEARNED);
    kept.log_in("mallory", PLANTED);
    assert_eq!(kept.cancel(PLANTED).actor.evidence, Some(Evidence::Login));
    kept.log_in("victim", PLANTED);
    let event = kept.cancel(PLANTED);
    assert_eq!((event.actor.id.as_deref(), event.actor.assurance), (None, Assurance::Ambiguous));
    let told = event.notes.iter().find(|note| note.code == NoteCode::ActorAmbiguous).unwrap();
    assert!(told.detail.as_ref().unwrap().ends_with("mallory, victim"), "{told:?}");
    // Whoever can be asked is asked, and that settles it.
    let both =
        LEARNED.replace("}]", "}, { name: ask, ask: GET /me, actor: { type: user, id: $.answer.body.id } }]");
    let asked = office(Auth { ids: Ids::Kept, ..Auth::PLAIN }, &both);
    asked.log_in("mallory", PLANTED);
    asked.log_in("victim", PLANTED);
    assert_eq!(asked.cancel(PLANTED).actor.id.as_deref(), Some("victim"));
    // Where the application is careful, so is the log: two sessions, two people.
    let new = office(Auth::PLAIN, LEARNED);
    let attackers = new.log_in("mallory", PLANTED);
    let victims = new.log_in("victim", &attackers);
    assert_eq!(who(&new.cancel(&victims)), (Some("victim"), None));
    assert_eq!(who(&new.cancel(&attackers)), (Some("mallory"), None));
    assert_eq!(who(&new.cancel(PLANTED)), (None, None));
    // What a failed login sets is nobody's.
    let (failed, answer) = new.send("POST /login", &[&cookie(PLANTED)], "user=victim&password=wrong");
    assert_eq!(who(&failed), (None, None));
    assert_eq!(failed.target.unwrap().id.as_deref(), Some("victim"));
    let set = &answer.split_once("session=").unwrap().1[..32];
    assert_eq!(who(&new.cancel(set)), (None, None));
}

// THREATS E60
#[test]
fn of_two_sessions_in_one_request_neither_is_certain() {
    for (asked, deed) in [(Pick::First, Pick::Last), (Pick::Last, Pick::First), (Pick::First, Pick::First)] {
        for rules in [ASKED, LEARNED] {
            let office = office(Auth { asked, deed, ..Auth::PLAIN }, rules);
            let (ada, bob) = (office.log_in("ada", "none"), office.log_in("bob", "none"));
            let heads: [&[String]; 4] = [
                &[format!("Cookie: session={ada}; session={bob}")],
                &[format!("Cookie: session={ada}"), format!("Cookie: session={bob}")],
                &[format!("Authorization: Bearer {ada}"), format!("Cookie: session={bob}")],
                &[format!("Cookie: $Version=1; session=\"{ada}\"; session={bob}")],
            ];
            for head in heads {
                let head: Vec<&str> = head.iter().map(String::as_str).collect();
                let (event, _) = office.send("POST /v2/bookings/b1/cancel", &head, "");
                assert!(event.actor.assurance <= Assurance::Ambiguous, "{head:?} {:?}", event.actor);
                assert!(has(&event, NoteCode::ActorAmbiguous) || event.actor.id.is_none(), "{head:?}");
            }
            let (event, _) = office.send("POST /v2/bookings/b1/cancel", &[&cookie(&ada)], "");
            assert_eq!((who(&event), event.actor.assurance), ((Some("ada"), None), Assurance::LookedUp));
        }
    }
    let office = office(Auth::PLAIN, ASKED);
    let twice = ["Authorization: Bearer a", "Authorization: Bearer b"];
    let answer = office.world.rig.exchange(request("POST /logout", "x", &twice, ""));
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
}

// THREATS E58
#[test]
fn a_question_that_is_answered_oddly_names_nobody() {
    for me in [Me::Page, Me::Redirect, Me::Huge, Me::Never] {
        let rules = ASKED.replace("ask: GET /me", "ask: { request: GET /me, timeout_ms: 300 }");
        let office = office(Auth { me, ..Auth::PLAIN }, &rules);
        let event = office.cancel("0123456789abcdef");
        assert_eq!((who(&event), event.actor.assurance), ((None, None), Assurance::None), "{me:?}");
        assert!(event.actor.credential.is_some());
        let asked = office.world.app.seen().into_iter().find(|seen| seen.target() == "/me").unwrap();
        assert_eq!(asked.header("cache-control").as_deref(), Some("no-cache"));
        assert!(!office.world.app.seen().iter().any(|seen| seen.target() == "/login"), "no redirects");
    }
}

// THREATS E55
#[test]
fn a_thousand_wrong_passwords_are_nothing_that_the_victim_did() {
    let office = office(Auth::PLAIN, ASKED);
    let mut wire = office.world.rig.connect();
    for number in 0..1_000 {
        let form = ["Content-Type: application/x-www-form-urlencoded"];
        wire.send(request("POST /login", &format!("w{number}"), &form, "user=victim&password=wrong"));
        assert!(wire.read_message().starts_with("HTTP/1.1 401 "));
    }
    let events = office.world.events();
    assert_eq!(events.len(), 1_000);
    let by = |name: &str| Filter { actor: vec![name.to_owned()], ..Filter::default() };
    assert!(!events.iter().any(|event| by("victim").matches(event)));
    let at = Filter { target_id: vec!["victim".to_owned()], ..Filter::default() };
    assert!(events.iter().all(|event| at.matches(event)));
}

// THREATS E53
#[test]
fn a_name_in_a_header_of_a_stranger_reaches_nobody() {
    let office = office(Auth::PLAIN, ASKED);
    for name in
        ["X-Remote-User", "x-remote-user", "X_Remote_User", "X-Remote_User", "x_remote-user", "X_REMOTE_USER"]
    {
        let (event, _) = office.send("POST /v2/bookings/b1/cancel", &[&format!("{name}: ceo")], "");
        assert_eq!(who(&event), (None, None), "{name}");
        let head = String::from_utf8(office.world.app.seen().pop().unwrap().head).unwrap();
        assert!(!head.contains("ceo"), "{head}");
    }
    let chunked = "POST /v2/bookings/b1/cancel HTTP/1.1\r\nHost: x\r\nX-Request-Id: t\r\nTrailer: X-Remote-User\r\n\
                   Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX-Remote-User: ceo\r\n\r\n";
    office.world.rig.exchange(chunked);
    assert_eq!(who(&office.world.event_of("t")), (None, None));
    let head = String::from_utf8(office.world.app.seen().pop().unwrap().head).unwrap().to_lowercase();
    assert!(!head.contains("trailer"), "{head}");
}

// THREATS E64
#[test]
fn our_own_questions_are_marked_and_nobody_elses() {
    let office = office(Auth::PLAIN, ASKED);
    let session = office.log_in("ada", "none");
    for mark in ["Earwitness-Read: identity", "earwitness_read: before", "Earwitness_Read: after"] {
        let (event, _) = office.send("POST /v2/bookings/b1/cancel", &[mark, &cookie(&session)], "");
        assert_eq!(event.action, "CANCELLED");
        let seen = office.world.app.seen().pop().unwrap();
        assert!(!String::from_utf8_lossy(&seen.head).to_lowercase().contains("earwitness"), "{mark}");
    }
    let asked = office.world.app.seen().into_iter().find(|seen| seen.target() == "/me").unwrap();
    assert_eq!(asked.header("earwitness-read").as_deref(), Some("identity"));
    assert!(asked.header("user-agent").unwrap().starts_with("earwitness/"));
}

// THREATS E61
#[test]
fn a_guest_who_calls_himself_the_director_is_not_found_among_the_directors_deeds() {
    let guests = "actors:\n  - { name: form, actor: { type: guest, email: $.request.body.email } }\n";
    let office = office(Auth::PLAIN, guests);
    let (event, _) = office.send("POST /v2/bookings/b1/cancel", &[], "email=director%40x.org");
    assert_eq!((event.actor.r#type.as_str(), event.actor.assurance), ("guest", Assurance::Claimed));
    let name = vec!["director@x.org".to_owned()];
    assert!(!Filter { actor: name.clone(), ..Filter::default() }.matches(&event));
    assert!(Filter { claimed_actor: name, ..Filter::default() }.matches(&event));
}

// THREATS E59, P04
#[test]
fn a_token_that_a_login_answers_with_is_known_afterwards_and_stands_nowhere() {
    let by_token = RULES
        .replace("{ starts: { cookie: session } }", "{ starts: { token: $.response.body.accessToken } }");
    let world = World::with(Habits::auth(Auth::PLAIN), &by_token.replace("{who}", LEARNED), |_| {});
    let office = Office { world, count: Default::default() };
    let token = office.log_in("ada", "none");
    let bearer = format!("Authorization: Bearer {token}");
    let (event, _) = office.send("POST /v2/bookings/b1/cancel", &[&bearer], "");
    assert_eq!((who(&event), event.actor.evidence), ((Some("ada"), None), Some(Evidence::Login)));
    let (ended, _) = office.send("POST /logout", &[&bearer], "");
    assert_eq!(who(&ended), (Some("ada"), None));
    let (event, _) = office.send("POST /v2/bookings/b1/cancel", &[&bearer], "");
    assert_eq!(who(&event), (None, None));
    let stored = serde_json::to_string(&office.world.events()).unwrap();
    assert!(!stored.contains(&token), "{stored}");
}

// THREATS E57, E59, E60, E63, and the invariant of the rig: for every deed the actor and the team are right, or not
// said to be certain.
#[test]
fn however_the_application_tells_its_users_apart_nobody_is_named_for_anothers_deed() {
    let scopes = [
        "{ team: $.actor.team }",
        "{ team: { first: [$.request.query.team, $.request.body.team, $.actor.team] } }",
    ];
    for ids in [Ids::New, Ids::Kept] {
        for (asked, deed) in
            [(Pick::First, Pick::First), (Pick::First, Pick::Last), (Pick::Last, Pick::First)]
        {
            for (who, scope) in [(ASKED, scopes[0]), (ASKED, scopes[1]), (LEARNED, scopes[0])] {
                let rules = format!("defaults: {{ scope: {scope} }}\n{who}");
                let office = office(Auth { ids, asked, deed, ..Auth::PLAIN }, &rules);
                let deeds = office.change_hands();
                assert_eq!(office.world.app.deeds().len(), deeds);
                office.world.assert_all_is_told();
                let events = office.world.events();
                let of_team = |event: &&Event| event.scope.team.is_some();
                // That a team is told at all, where it is the application's word.
                assert_eq!(events.iter().any(|event| of_team(&event)), (who, scope) == (ASKED, scopes[0]));
            }
        }
    }
}

impl Office {
    /// Sessions begin, are doubled, are taken over and given back, end, and begin again for somebody else; after
    /// each there is a deed that also names another team. How many there are.
    fn change_hands(&self) -> usize {
        let mut count = 0;
        let mut act = |headers: &[&str]| {
            count += 1;
            let line = "POST /v2/bookings/b1/cancel?team=team-of-eve";
            self.send(line, &[headers, &["X-Team: team-of-eve"]].concat(), "team=team-of-eve");
        };
        let ada = self.log_in("ada", PLANTED);
        let bob = self.log_in("bob", "another-another-another-another!");
        act(&[&cookie(&ada)]);
        act(&[&cookie(&bob)]);
        for (one, other) in [(&ada, &bob), (&bob, &ada)] {
            act(&[&format!("Cookie: session={one}; session={other}")]);
            act(&[&format!("Cookie: session={one}"), &format!("Cookie: session={other}")]);
            act(&[&format!("Authorization: Bearer {one}"), &cookie(other)]);
        }
        self.send("POST /impersonate/eve", &[&cookie(&bob)], "");
        act(&[&cookie(&bob)]);
        self.send("POST /impersonate", &[&cookie(&bob)], "");
        act(&[&cookie(&bob)]);
        self.send("POST /logout", &[&cookie(&ada)], "");
        act(&[&cookie(&ada)]);
        let eve = self.log_in("eve", &ada);
        act(&[&cookie(&eve)]);
        act(&[&cookie(&ada)]);
        count
    }
}
