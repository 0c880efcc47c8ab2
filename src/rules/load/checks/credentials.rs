//! Whether the reads of packs keep to what the configuration allows: packs name a credential, the operator
//! says which there are and below which paths they may be shown (THREATS B05).

use crate::rules::model::{Address, Pack, Read, RuleSet, SegmentPattern};
use crate::yaml::{Problems, nearest};

/// A service credential of the configuration, without its secret.
#[derive(Clone, Copy, Debug)]
pub struct Allowed<'a> {
    /// How rules name it.
    pub name: &'a str,
    /// Path prefixes below which it may be shown.
    pub paths: &'a [String],
}

impl RuleSet {
    /// What is wrong with the credentials that reads ask for: E14 for one that does not exist, and for one
    /// that is not meant for that path. A read of `self` is checked when it is made.
    pub fn check_credentials(&self, allowed: &[Allowed<'_>]) -> Problems {
        let mut problems = Problems::default();
        for pack in &self.packs {
            for read in pack.reads() {
                check(pack, read, allowed, &mut problems);
            }
        }
        problems
    }
}

impl Pack {
    /// Every question of the pack: those for its resources, then those of its `actors`.
    pub fn reads(&self) -> impl Iterator<Item = &Read> {
        let things = self.resources.iter().map(|resource| &resource.read);
        things.chain(self.actors.iter().filter_map(|way| way.ask.as_ref()))
    }
}

fn check(pack: &Pack, read: &Read, allowed: &[Allowed<'_>], problems: &mut Problems) {
    let Some(wanted) = &read.credentials else { return };
    let known = allowed.iter().find(|known| known.name == wanted.name);
    let Some(known) = known else {
        let message = format!("the configuration has no credential `{}`", wanted.name);
        let cure = match nearest(&wanted.name, allowed.iter().map(|known| known.name)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "add it to `credentials` of the configuration".to_owned(),
        };
        problems.error("E14", &wanted.source, wanted.span, message).cure(cure);
        return;
    };
    if !known.paths.iter().any(|path| is_below(pack, &read.address, path)) {
        let message = format!("the credential `{}` is not meant for this path", wanted.name);
        let cure = format!("it may be shown below {}", known.paths.join(", "));
        problems.error("E14", &wanted.source, wanted.span, message).cure(cure);
    }
}

/// True when the address surely lies below the prefix: no value can lead it elsewhere.
fn is_below(pack: &Pack, address: &Address, prefix: &str) -> bool {
    let Address::Path(segments) = address else { return true };
    let literal = segments.iter().map_while(|segment| match segment {
        SegmentPattern::Literal(text) => Some(text.as_str()),
        SegmentPattern::Part { .. } | SegmentPattern::Tail(_) => None,
    });
    let mut own = pack.base.split('/').filter(|segment| !segment.is_empty()).chain(literal);
    prefix.split('/').filter(|segment| !segment.is_empty()).all(|wanted| own.next() == Some(wanted))
}
