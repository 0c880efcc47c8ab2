//! Whole exchanges through rules: envelopes opened, conditions, changes, sentences, redaction. Whatever comes,
//! planning and deriving end, and every event can be stored. The input is an exchange, as `play.rs` reads it.

#![no_main]

mod play;

use std::sync::{Arc, LazyLock};

use earwitness::config::Limits;
use earwitness::derive::Engine;
use earwitness::rules::model::RuleSet;
use earwitness::rules::redact::Key;
use libfuzzer_sys::fuzz_target;

static ENGINE: LazyLock<Engine> = LazyLock::new(|| {
    let rules = RuleSet::from_texts("fuzz", &[("pack.yaml", RULES)]);
    let rules = rules.unwrap_or_else(|problems| panic!("{}", problems.render())).rules;
    Engine::new(Arc::new(rules), Key::new([7; 32]), &Limits::default())
});

fuzz_target!(|data: &[u8]| play::play(&ENGINE, &play::exchange(data)));

const RULES: &str = r#"version: 1
formats:
  - { at: "GET|POST /trpc/{router}/{procedures}", as: trpc }
  - { at: POST /graphql, as: graphql }
  - { at: POST /rpc, as: json-rpc }
  - { at: POST /batch, as: http-batch }
  - { at: POST /soap, as: soap }
resources:
  booking:
    read: GET /bookings/{id}
    id: $.id
    fields: { guests: { label: Guests, key: email } }
rules:
  - id: changed
    match: "PUT|PATCH /bookings/{id}"
    before: booking
    after: $.response.body
    action: CHANGED
    target: { type: booking, id: $.path.id }
    changes: [title, guests]
    message: "Changed {{ before.title }} to {{ after.title | default('nothing') }}"
  - id: created
    match: POST /bookings
    for_each: $.request.body.items
    action: CREATED
    target: { type: booking, id: $.item.id }
    details: { all: $.request.body, first: { first: "$.request.body..id" } }
  - { id: called, match: "POST /trpc/bookings/create", action: CALLED, details: { input: $.request.body } }
  - { id: mutated, match: { request: POST /graphql, operation: cancel }, action: CANCELLED, details: { arguments: $.request.body.arguments } }
  - { id: asked, match: { request: POST /rpc, operation: cancel }, action: CANCELLED, details: { params: $.request.body } }
  - { id: saved, match: { request: POST /soap, operation: Save }, action: SAVED, details: { body: $.request.body } }
"#;
