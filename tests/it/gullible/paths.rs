//! How applications read a path: as they stand, or as lenient servers and frameworks do.

use percent_encoding::percent_decode_str;

/// How it reads a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Paths {
    /// To the letter; named parts are decoded.
    Raw,
    /// Without case, with or without a slash at the end, as Express does.
    Express,
    /// Without `;parameters`, then decoded, then normalised, as Tomcat does.
    Tomcat,
    /// Decoded by the server and again by the framework, dot and empty segments resolved.
    Php,
    /// As Windows does: `%u` and overlong encodings, backslashes, no case, no dots or blanks at the end.
    Iis,
    /// As `Raw`, and a path in `X-Original-URL` or `X-Rewrite-URL` goes first.
    Rewritten,
    /// As `Raw`, with `/index.php` or a language in front and `.json` behind, as it likes.
    Aliased,
}

impl Paths {
    pub(super) fn segments(self, path: &str) -> Vec<String> {
        let split = |path: &str| path.split('/').skip(1).map(str::to_owned).collect();
        match self {
            Paths::Raw | Paths::Rewritten => split(path),
            Paths::Aliased => {
                let path = path.strip_prefix("/index.php").unwrap_or(path);
                let path = path.strip_prefix("/de").unwrap_or(path);
                split(path.strip_suffix(".json").unwrap_or(path))
            }
            Paths::Express => split(path.strip_suffix('/').unwrap_or(path)),
            Paths::Tomcat => {
                let bare: Vec<_> = path.split('/').map(|part| part.split(';').next().unwrap()).collect();
                normal(&decoded(&bare.join("/")).replace('\\', "/"))
            }
            Paths::Php => normal(&decoded(&decoded(path))),
            Paths::Iis => {
                let path = decoded(&windows(path)).replace('\\', "/");
                let end = |part: &str| {
                    part.trim_end_matches(|c: char| c.is_control() || " .".contains(c)).to_owned()
                };
                normal(&path).iter().map(|part| end(part)).filter(|part| !part.is_empty()).collect()
            }
        }
    }

    pub(super) fn is_like(self, segment: &str, text: &str) -> bool {
        match self {
            Paths::Raw | Paths::Rewritten | Paths::Tomcat | Paths::Aliased => segment == text,
            // A route's `$` does not mind a line end.
            Paths::Php => segment.strip_suffix('\n').unwrap_or(segment) == text,
            Paths::Express | Paths::Iis => segment.eq_ignore_ascii_case(text),
        }
    }

    /// A named part as the application's code gets it.
    pub(super) fn part(self, segment: &str) -> String {
        match self {
            Paths::Raw | Paths::Express | Paths::Rewritten | Paths::Aliased => decoded(segment),
            Paths::Tomcat | Paths::Php | Paths::Iis => segment.to_owned(),
        }
    }
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// Without empty and dot segments.
fn normal(path: &str) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(kept.pop()),
            segment => kept.push(segment.to_owned()),
        }
    }
    kept
}

/// `%u0063` and the overlong forms of slash and `c`, as old Windows decoders took them.
fn windows(path: &str) -> String {
    let mut path = path.replace("%C1%A3", "c");
    for slash in ["%u002f", "%c0%af", "%e0%80%af"] {
        path = path.replace(slash, "/");
    }
    path.replace("%u0063", "c")
}
