//! The paths that a request says: its own, those in headers of a trusted peer, and where a MOVE or COPY
//! goes; each with the forms in which an application may read it.

use std::borrow::Cow;

use memchr::memchr2;

use super::forms::{self, Loosened};
use super::methods::Methods;
use super::{HeadView, headers, parts};
use crate::event::MatchedBy;
use crate::rules::model::SegmentPattern;

/// A path that the request may mean, and how it says so.
pub(super) struct Said<'a> {
    /// As it stands there, without a query.
    pub(super) raw: &'a str,
    /// `None` where the path is clean.
    pub(super) loosened: Option<Loosened>,
    /// How it is told; `None` for the request line itself.
    pub(super) channel: Option<Channel>,
}

/// A way beside the request line to name a path.
#[derive(Clone, Copy)]
pub(super) enum Channel {
    /// A header of a trusted peer, by its name.
    Override(&'static str),
    /// The `Destination` of a MOVE or COPY.
    Destination,
}

impl<'a> Said<'a> {
    pub(super) fn new(raw: &'a str, channel: Option<Channel>) -> Said<'a> {
        let loosened = (!forms::is_clean(raw)).then(|| forms::loosen(raw));
        Said { raw, loosened, channel }
    }

    /// The forms to look up, folded, with their index: the raw one, unless A is the same (as for a clean
    /// path), then the loosened ones.
    pub(super) fn forms(&self) -> impl Iterator<Item = (usize, MatchedBy, Cow<'_, str>)> {
        let bare = self.raw.strip_prefix('/').unwrap_or(self.raw);
        let loosened = self.loosened.as_ref();
        let raw = match loosened {
            None => Some((0, MatchedBy::Normalised, Cow::Borrowed(bare))),
            Some(forms) => {
                let folded = forms::fold(bare.strip_suffix('/').unwrap_or(bare));
                let is_another = forms.first().is_none_or(|a| a.folded != folded);
                is_another.then_some((0, MatchedBy::Raw, Cow::Owned(folded)))
            }
        };
        let loosened = loosened.into_iter().flatten().enumerate();
        raw.into_iter()
            .chain(loosened.map(|(index, form)| (index, form.by, Cow::Borrowed(form.folded.as_str()))))
    }

    /// How exactly a line that was found in a form meets the path; `None` when it was found only because
    /// the raw form was folded for the look-up.
    pub(super) fn exactness(
        &self,
        line: &[SegmentPattern],
        ends_in_slash: bool,
        form: MatchedBy,
    ) -> Option<MatchedBy> {
        if form != MatchedBy::Split && parts::fits_raw(line, ends_in_slash, self.raw) {
            return Some(MatchedBy::Raw);
        }
        (form != MatchedBy::Raw).then_some(form)
    }
}

impl Channel {
    pub(super) fn matched_by(self) -> MatchedBy {
        match self {
            Channel::Override(_) => MatchedBy::Override,
            Channel::Destination => MatchedBy::Destination,
        }
    }
}

/// The paths that a request says: its own, those in headers of a trusted peer (E08), and where a MOVE or
/// COPY goes (E16).
pub(super) fn paths<'a>(
    head: &HeadView<'a>,
    methods: &Methods<'_>,
) -> impl Iterator<Item = (&'a str, Option<Channel>)> + use<'a> {
    let own = path_of(head.target);
    let trusted = |names: &'static [&'static str]| if head.is_trusted { names } else { &[] };
    let overrides = headers::values(head.headers, trusted(&PATH_HEADERS))
        .filter_map(|(name, value)| Some((path_of(value.to_str().ok()?)?, Some(Channel::Override(name)))));
    let inside = headers::values(head.headers, trusted(&PREFIX_HEADERS)).filter_map(move |(name, value)| {
        Some((below(own?, value.to_str().ok()?)?, Some(Channel::Override(name))))
    });
    let is_move = methods.names("MOVE") || methods.names("COPY");
    let destinations = is_move.then(|| head.headers.get_all("destination").iter().take(PATHS_MAX));
    let destinations = destinations.into_iter().flatten();
    let destinations =
        destinations.filter_map(|value| Some((path_of(value.to_str().ok()?)?, Some(Channel::Destination))));
    let moved = overrides.chain(inside).take(PATHS_MAX);
    own.map(|path| (path, None)).into_iter().chain(moved).chain(destinations)
}

/// A path below a mount point: what an application that believes the prefix routes by.
fn below<'a>(path: &'a str, prefix: &str) -> Option<&'a str> {
    let prefix = prefix.trim().trim_end_matches('/');
    let rest = path.strip_prefix(prefix).filter(|_| !prefix.is_empty())?;
    rest.starts_with('/').then_some(rest)
}

/// The path of a target or URL reference, without query and fragment.
fn path_of(target: &str) -> Option<&str> {
    let target = target.trim();
    // (No scheme begins with a slash, as nearly every target does.)
    let with_scheme = if target.starts_with('/') { None } else { target.split_once("://") };
    let path = match with_scheme {
        Some((scheme, rest)) if scheme.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
            rest.find('/').map_or("/", |slash| &rest[slash..])
        }
        Some(_) | None => target,
    };
    let end = memchr2(b'?', b'#', path.as_bytes()).unwrap_or(path.len());
    Some(&path[..end]).filter(|path| path.starts_with(['/', '\\', '%']))
}

/// Headers by which a peer may name another path.
const PATH_HEADERS: [&str; 2] = ["x-original-url", "x-rewrite-url"];

/// Headers by which a peer may say where the application is mounted.
const PREFIX_HEADERS: [&str; 2] = ["x-forwarded-prefix", "x-script-name"];

/// Paths that are looked at beside the request line's, of each kind.
const PATHS_MAX: usize = 4;
