//! Which things a pack wants to be remembered, and the rules that nobody wrote: one for each resource with
//! `remember: true`, at the address of its read, that records nothing and learns what users see there.

use std::sync::Arc;

use crate::rules::expr::Condition;
use crate::rules::load::pack::Member;
use crate::rules::model::{Address, Before, Guarantee, MatchLine, Mode, Pack, Rule, Whence};

/// Marks the resources that some rule takes from memory, and adds the rules that observe.
pub(in crate::rules::load) fn prepare(pack: &mut Pack, written: &[Member<'_>]) {
    for rule in &pack.rules {
        if let Some(before) = &rule.before
            && before.from != Whence::Application
            && let Some(resource) = pack.resources.get_mut(before.resource)
        {
            resource.is_remembered = true;
        }
    }
    let observers = (0..pack.resources.len()).filter_map(|index| observer(pack, index, written));
    let observers: Vec<Rule> = observers.collect();
    pack.rules.extend(observers);
}

fn observer(pack: &Pack, index: usize, written: &[Member<'_>]) -> Option<Rule> {
    let resource = &pack.resources[index];
    let Address::Path(segments) = &resource.read.address else { return None };
    let (key, _, source) = written.iter().find(|(key, _, _)| key.text == resource.name)?;
    resource.is_observed.then(|| Rule {
        // With a blank: no rule of a pack can have that name.
        id: format!("{}/remember {}", pack.name, resource.name),
        lines: vec![MatchLine { methods: vec!["GET".to_owned()], segments: segments.clone() }],
        operations: Vec::new(),
        opens: None,
        when: Condition::All(Vec::new()),
        mode: Mode::Record,
        guarantee: Guarantee::Buffered,
        on_failure: None,
        is_authenticated: false,
        refuses_websocket: false,
        vars: Vec::new(),
        before: Some(Before { resource: index, with: Vec::new(), from: Whence::Remembered }),
        after: None,
        for_each: None,
        entries: Vec::new(),
        otherwise: None,
        redact: Vec::new(),
        session: None,
        digest: String::new(),
        source: Arc::clone(source),
        span: key.span,
        tests: Vec::new(),
    })
}
