//! What a control of a form sends (HTML Living Standard, "constructing the form data set").

use html5gum::StartTag;

/// An attribute's value.
pub(super) fn attribute(tag: &StartTag<()>, name: &str) -> Option<String> {
    tag.attributes.get(name.as_bytes()).map(|value| String::from_utf8_lossy(value).into_owned())
}

/// Whether it stands there, with any value.
pub(super) fn has(tag: &StartTag<()>, name: &str) -> bool {
    tag.attributes.contains_key(name.as_bytes())
}

/// What an `input` sends if nobody touches it; `None` for nothing.
pub(super) fn input(tag: &StartTag<()>) -> Option<String> {
    let value = attribute(tag, "value");
    match attribute(tag, "type").unwrap_or_default().to_ascii_lowercase().as_str() {
        "checkbox" | "radio" => has(tag, "checked").then(|| value.unwrap_or_else(|| "on".to_owned())),
        // A button is sent when it is pressed, a file when it is chosen.
        "submit" | "button" | "image" | "reset" | "file" => None,
        // Nobody's business, whatever the field is called (THREATS P05).
        "password" => None,
        _ => Some(value.unwrap_or_default()),
    }
}

/// A `select` that is being read.
pub(super) struct Select {
    is_multiple: bool,
    /// One of a list that shows several lines is not chosen by itself.
    shows_lines: bool,
    options: Vec<Choice>,
}

/// An `option`.
pub(super) struct Choice {
    /// What it sends; `None` until its text is read.
    value: Option<String>,
    is_selected: bool,
    is_disabled: bool,
}

impl Select {
    pub(super) fn new(tag: &StartTag<()>) -> Select {
        let lines = attribute(tag, "size").and_then(|size| size.trim().parse::<u32>().ok()).unwrap_or(1);
        Select { is_multiple: has(tag, "multiple"), shows_lines: lines > 1, options: Vec::new() }
    }

    pub(super) fn begin(&mut self, tag: &StartTag<()>) {
        self.options.push(Choice {
            value: attribute(tag, "value"),
            is_selected: has(tag, "selected"),
            is_disabled: has(tag, "disabled"),
        });
    }

    /// The text of the option that began last.
    pub(super) fn end(&mut self, text: &str) {
        if let Some(choice) = self.options.last_mut() {
            choice.value.get_or_insert_with(|| in_one_line(text));
        }
    }

    /// What it sends.
    pub(super) fn chosen(self) -> Vec<String> {
        let Select { is_multiple, shows_lines, options } = self;
        let is_any_selected = options.iter().any(|choice| choice.is_selected);
        let of_one = match (is_any_selected, shows_lines) {
            (true, _) => options.iter().rposition(|choice| choice.is_selected),
            (false, false) => options.iter().position(|choice| !choice.is_disabled),
            (false, true) => None,
        };
        let is_sent = |index: usize, choice: &Choice| {
            !choice.is_disabled && if is_multiple { choice.is_selected } else { of_one == Some(index) }
        };
        let sent = options.into_iter().enumerate().filter(|(index, choice)| is_sent(*index, choice));
        sent.map(|(_, choice)| choice.value.unwrap_or_default()).collect()
    }
}

/// Without blanks around, and with one between words.
pub(super) fn in_one_line(text: &str) -> String {
    text.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
}

/// Line ends as forms send them.
pub(super) fn with_crlf(value: &str) -> String {
    match value.contains(['\r', '\n']) {
        true => value.replace("\r\n", "\n").replace('\r', "\n").replace('\n', "\r\n"),
        false => value.to_owned(),
    }
}
