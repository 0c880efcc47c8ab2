//! The files of the page, each with its address below `/assets/`. A test holds this list to the folder `web`.

/// The page itself, which is served at `/`.
pub(super) const START: &str = "index.html";
/// The page for a frame in another site's, which is served at `/embed`.
pub(super) const EMBED: &str = "embed.html";

macro_rules! embedded {
    ($($path:literal,)*) => {
        &[$(($path, include_bytes!(concat!("../../../web/", $path)))),*]
    };
}

pub(super) const FILES: &[(&str, &[u8])] = embedded![
    "css/entry.css",
    "css/frame.css",
    "css/lists.css",
    "css/narrow.css",
    "css/panels.css",
    "css/tokens.css",
    "embed.html",
    "icon.svg",
    "index.html",
    "js/data/api.js",
    "js/data/counts.js",
    "js/data/events.js",
    "js/data/export.js",
    "js/data/feed.js",
    "js/data/saved.js",
    "js/data/search.js",
    "js/data/session.js",
    "js/data/tail.js",
    "js/embed.js",
    "js/first.js",
    "js/keys.js",
    "js/main.js",
    "js/proof/check.js",
    "js/proof/leaf.js",
    "js/proof/note.js",
    "js/state.js",
    "js/ui/chunks.js",
    "js/ui/diff.js",
    "js/ui/dom.js",
    "js/ui/icons.js",
    "js/ui/kept.js",
    "js/ui/lang.js",
    "js/ui/marks.js",
    "js/ui/menu.js",
    "js/ui/time.js",
    "js/views/chart.js",
    "js/views/entry/changes.js",
    "js/views/entry/entry.js",
    "js/views/entry/long.js",
    "js/views/entry/meta.js",
    "js/views/entry/proof.js",
    "js/views/entry/raw.js",
    "js/views/find.js",
    "js/views/head.js",
    "js/views/menus/columns.js",
    "js/views/menus/exporting.js",
    "js/views/menus/facet.js",
    "js/views/menus/keys.js",
    "js/views/menus/others.js",
    "js/views/menus/range.js",
    "js/views/menus/saved.js",
    "js/views/of.js",
    "js/views/overview/addresses.js",
    "js/views/overview/blind.js",
    "js/views/overview/health.js",
    "js/views/overview/overview.js",
    "js/views/overview/parts.js",
    "js/views/states.js",
    "js/views/table.js",
    "js/views/timeline.js",
    "lang/de.json",
    "lang/en.json",
];
