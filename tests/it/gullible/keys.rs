//! Which value an application takes of a key that is given twice.

use super::Keys;

impl Keys {
    pub(super) fn values(self, query: &str, name: &str) -> Vec<String> {
        let separators: &[char] = if self == Keys::All { &['&', ';'] } else { &['&'] };
        let mut values = Vec::new();
        for pair in query.split(separators) {
            for (key, value) in form_urlencoded::parse(pair.as_bytes()) {
                let is_list = key.ends_with("[]");
                let bare = key.trim_end_matches("[]");
                let folded = if self == Keys::Php { bare.replace(['.', ' ', '['], "_") } else { bare.into() };
                if folded == name {
                    let keeps = self == Keys::All || is_list || values.is_empty();
                    match self {
                        _ if keeps => values.push(value.into_owned()),
                        Keys::Last | Keys::Php => values = vec![value.into_owned()],
                        Keys::First | Keys::All => {}
                    }
                }
            }
        }
        values
    }
}
