//! `actors`: the ways to find out who acts, and what a rule says about it.

use super::resource;
use crate::event::Actor;
use crate::rules::expr::{Condition, Expr, Names, Phase};
use crate::rules::load::keys::{Page, each_text};
use crate::rules::model::ActorWay;
use crate::yaml::{Node, Yaml};

/// The ways of a pack, in order.
pub(in crate::rules::load) fn ways(node: &Node, pack_names: &Names, page: &mut Page<'_>) -> Vec<ActorWay> {
    let items = page.list(node, "`actors`");
    items.iter().filter_map(|item| way(item, pack_names, page)).collect()
}

/// Members of an actor; a `type` outside the list is E03.
pub(in crate::rules::load) fn members(
    node: &Node,
    what: &str,
    names: &Names,
    page: &mut Page<'_>,
) -> Vec<(String, Expr)> {
    if let Some(Node { value: Yaml::Text(text), span }) = node.member("type") {
        let is_computed = text.starts_with('$') || text.contains("{{");
        if !is_computed && !Actor::TYPES.contains(&text.as_str()) {
            let cure = format!("write one of {}", Actor::TYPES.join(", "));
            page.error("E03", *span, &format!("`{text}` is no type of actor"), &cure);
        }
    }
    page.known_values(node, what, &MEMBERS, names)
}

/// E18: anybody can send a header, so an actor may come from one only where the peer is trusted.
pub(in crate::rules::load) fn refuse_untrusted_headers(
    actor: &Node,
    when: &[Option<&Node>],
    page: &mut Page<'_>,
) {
    if when.iter().flatten().any(|when| asks_for_trust(when)) {
        return;
    }
    let mut found = Vec::new();
    each_text(actor, &mut |text, span| {
        if text.contains("request.headers") {
            found.push(span);
        }
    });
    for span in found {
        let message = "anybody can send this header: an actor must not come from it";
        page.error("E18", span, message, "add `when: { $.client.trusted: true }`");
    }
}

/// A top-level mapping with `$.client.trusted: true`: nothing weaker makes sure of it.
fn asks_for_trust(when: &Node) -> bool {
    matches!(when.member("$.client.trusted").map(|node| &node.value), Some(Yaml::Bool(true)))
}

fn way(node: &Node, pack_names: &Names, page: &mut Page<'_>) -> Option<ActorWay> {
    let node = page.mapping(node, "a way to find the actor", &KEYS)?;
    let name = page.required(node, "name", "a way to find the actor").and_then(|n| page.text(n, "`name`"));
    let read_names = Names { phase: Phase::Body, has_answer: true, has_item: false, ..pack_names.clone() };
    let ask = node.member("ask").map(|node| (node, resource::read(node, &read_names, page)));
    if let Some((node, Some(read))) = &ask
        && let Some(part) = resource::parts(read).first()
    {
        let message = format!("{{{part}}} is not known here: this question is asked for every rule");
        page.error("E15", node.span, &message, "ask at an address without parts");
    }
    let names = Names { has_answer: ask.is_some(), ..read_names };
    let when = page.condition(node.member("when"), &names);
    if let Some(learned) = node.member("learned") {
        return way_by_login(node, learned, name?, when, page);
    }
    let actor_node = page.required(node, "actor", "a way to find the actor")?;
    let actor = members(actor_node, "`actor`", &names, page);
    if actor_node.member("id").is_none() && actor_node.member("email").is_none() {
        let message = "a way counts only if `id` or `email` exists; this one has neither";
        page.error("E04", actor_node.span, message, "add `id: …` or `email: …`");
    }
    for person in [Some(actor_node), node.member("on_behalf_of")].into_iter().flatten() {
        refuse_untrusted_headers(person, &[node.member("when")], page);
    }
    let on_behalf_of = node.member("on_behalf_of").map(|node| members(node, "`on_behalf_of`", &names, page));
    let ask = match ask {
        Some((_, None)) => return None,
        Some((_, read)) => read,
        None => None,
    };
    Some(ActorWay { name: name?, when, ask, is_learned: false, actor, on_behalf_of })
}

/// `learned: true`: what the logins that rules saw have taught.
fn way_by_login(
    node: &Node,
    learned: &Node,
    name: String,
    when: Condition,
    page: &mut Page<'_>,
) -> Option<ActorWay> {
    for key in ["ask", "actor", "on_behalf_of"] {
        if let Some(other) = node.member(key) {
            let message = format!("`{key}` beside `learned`: who it is was told at the login");
            page.error("E03", other.span, &message, "remove one of the two");
        }
    }
    if !matches!(learned.value, Yaml::Bool(true)) {
        page.wrong_kind(learned, "`learned`", "`true`, or leave the key out");
    }
    Some(ActorWay { name, when, ask: None, is_learned: true, actor: Vec::new(), on_behalf_of: None })
}

const KEYS: [&str; 6] = ["name", "when", "ask", "learned", "actor", "on_behalf_of"];
const MEMBERS: [&str; 7] = ["type", "id", "name", "email", "role", "organization", "team"];
