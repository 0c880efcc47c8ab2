//! A page, token by token: which form is open, which control is being read, where an error message stands.

use html5gum::{EndTag, StartTag, Token};

use super::control::{self, Select, attribute, has, in_one_line};

/// What is known of a page.
#[derive(Default)]
pub(super) struct Page {
    pub(super) title: Option<String>,
    pub(super) forms: Vec<FormTag>,
    /// What each control sends, in the order of the page: whose it is, name, value.
    pub(super) sent: Vec<(Owner, String, String)>,
    pub(super) errors: Vec<String>,
    /// True when a limit was reached.
    pub(super) is_cut: bool,
    open: Option<usize>,
    /// The text of a title, text area or option, while one is open.
    text: Option<String>,
    /// The text area or list that is open, whose it is and its name; `None` where it sends nothing.
    area: Option<(Owner, String)>,
    list: Option<(Select, Option<(Owner, String)>)>,
    message: Option<Message>,
    fieldsets: usize,
    /// The outermost disabled one of them.
    disabled_fieldset: Option<usize>,
    templates: usize,
}

/// A form's own attributes.
pub(super) struct FormTag {
    pub(super) id: Option<String>,
    pub(super) name: Option<String>,
    pub(super) action: Option<String>,
    pub(super) method: &'static str,
}

/// The form that a control belongs to.
pub(super) enum Owner {
    /// The one around it, by its place.
    Form(usize),
    /// The one that its `form` attribute names.
    Id(String),
}

/// An element that tells an error.
struct Message {
    element: Vec<u8>,
    /// How many elements of that name are open in it, itself included.
    depth: usize,
    text: String,
}

impl Page {
    pub(super) fn take(&mut self, token: Token<()>) {
        match token {
            Token::StartTag(tag) => self.start(&tag),
            Token::EndTag(tag) => self.end(&tag),
            Token::String(text) => self.add_text(&String::from_utf8_lossy(&text)),
            Token::Comment(_) | Token::Doctype(_) | Token::Error(_) => {}
        }
    }

    fn add_text(&mut self, text: &str) {
        if self.templates > 0 {
            return;
        }
        if let Some(open) = &mut self.text {
            open.push_str(text);
        } else if let Some(message) = &mut self.message {
            message.text.push_str(text);
        }
    }

    fn start(&mut self, tag: &StartTag<()>) {
        // What stands in a template is not a part of the page.
        if &**tag.name == b"template" {
            self.templates += 1;
        }
        if self.templates > 0 {
            return;
        }
        self.start_message(tag);
        match &**tag.name {
            b"title" if self.title.is_none() => self.text = Some(String::new()),
            b"form" => self.start_form(tag),
            b"fieldset" => {
                self.fieldsets += 1;
                if has(tag, "disabled") {
                    self.disabled_fieldset.get_or_insert(self.fieldsets);
                }
            }
            b"input" => {
                if let (Some((owner, name)), Some(value)) = (self.control(tag), control::input(tag)) {
                    self.send(owner, name, &value);
                }
            }
            b"textarea" => {
                self.area = self.control(tag);
                self.text = Some(String::new());
            }
            b"select" => {
                self.end_list();
                self.list = Some((Select::new(tag), self.control(tag)));
            }
            b"option" => {
                self.end_option();
                if let Some((select, _)) = &mut self.list {
                    select.begin(tag);
                    self.text = Some(String::new());
                }
            }
            b"optgroup" => self.end_option(),
            _ => {}
        }
    }

    fn end(&mut self, tag: &EndTag<()>) {
        if &**tag.name == b"template" {
            self.templates = self.templates.saturating_sub(1);
        }
        if self.templates > 0 {
            return;
        }
        self.end_message(tag);
        match &**tag.name {
            b"title" => {
                let text = self.text.take().map(|text| in_one_line(&text));
                self.title = self.title.take().or(text);
            }
            b"form" => self.open = None,
            b"fieldset" => {
                if self.disabled_fieldset == Some(self.fieldsets) {
                    self.disabled_fieldset = None;
                }
                self.fieldsets = self.fieldsets.saturating_sub(1);
            }
            b"textarea" => {
                let text = self.text.take().unwrap_or_default();
                if let Some((owner, name)) = self.area.take() {
                    // The line end behind the tag is not a part of the text.
                    self.send(owner, name, text.strip_prefix('\n').unwrap_or(&text));
                }
            }
            b"option" | b"optgroup" => self.end_option(),
            b"select" => self.end_list(),
            _ => {}
        }
    }

    /// Browsers take no form in a form.
    fn start_form(&mut self, tag: &StartTag<()>) {
        if self.open.is_some() {
            return;
        }
        if self.forms.len() == FORMS_MAX {
            self.is_cut = true;
            return;
        }
        let method = match attribute(tag, "method").unwrap_or_default().to_ascii_lowercase().as_str() {
            "post" => "post",
            "dialog" => "dialog",
            _ => "get",
        };
        self.open = Some(self.forms.len());
        let [id, name, action] = ["id", "name", "action"].map(|name| attribute(tag, name));
        self.forms.push(FormTag { id, name, action, method });
    }

    /// Whose a control is, and its name; `None` where it sends nothing.
    fn control(&self, tag: &StartTag<()>) -> Option<(Owner, String)> {
        let name = attribute(tag, "name").filter(|name| !name.is_empty())?;
        if has(tag, "disabled") || self.disabled_fieldset.is_some() {
            return None;
        }
        let owner = attribute(tag, "form").map(Owner::Id).or(self.open.map(Owner::Form))?;
        Some((owner, name))
    }

    fn send(&mut self, owner: Owner, name: String, value: &str) {
        if self.sent.len() == CONTROLS_MAX {
            self.is_cut = true;
            return;
        }
        self.sent.push((owner, name, control::with_crlf(value)));
    }

    fn end_option(&mut self) {
        if let (Some((select, _)), Some(text)) = (&mut self.list, self.text.take()) {
            select.end(&text);
        }
    }

    fn end_list(&mut self) {
        self.end_option();
        let Some((select, Some((owner, name)))) = self.list.take() else { return };
        for value in select.chosen() {
            let owner = match &owner {
                Owner::Form(index) => Owner::Form(*index),
                Owner::Id(id) => Owner::Id(id.clone()),
            };
            self.send(owner, name.clone(), &value);
        }
    }

    fn start_message(&mut self, tag: &StartTag<()>) {
        match &mut self.message {
            Some(message) if message.element == **tag.name => message.depth += 1,
            Some(_) => {}
            None if tells_error(tag) => {
                let element = tag.name.to_vec();
                self.message = Some(Message { element, depth: 1, text: String::new() });
                return;
            }
            None => return,
        }
        if PARAGRAPHS.contains(&&**tag.name) {
            self.tell();
        }
    }

    fn end_message(&mut self, tag: &EndTag<()>) {
        let Some(message) = &mut self.message else { return };
        if message.element == **tag.name {
            message.depth -= 1;
        }
        let is_over = message.depth == 0;
        if is_over || PARAGRAPHS.contains(&&**tag.name) {
            self.tell();
        }
        if is_over {
            self.message = None;
        }
    }

    /// Keeps what the open message has said so far.
    fn tell(&mut self) {
        let Some(message) = &mut self.message else { return };
        let text = in_one_line(&std::mem::take(&mut message.text));
        if text.is_empty() {
            return;
        }
        match self.errors.len() < ERRORS_MAX {
            true => self.errors.push(text),
            false => self.is_cut = true,
        }
    }
}

/// Whether an element is what frameworks put an error message in.
fn tells_error(tag: &StartTag<()>) -> bool {
    let is_line = LINES.contains(&&**tag.name);
    let tells = |word: &str| MESSAGES.contains(&word) || (is_line && word == "error");
    !EMPTY.contains(&&**tag.name)
        && ["class", "id"]
            .iter()
            .filter_map(|name| attribute(tag, name))
            .any(|words| words.split_ascii_whitespace().any(tells))
}

/// Of Django, Rails, Bootstrap and others that keep to their words.
const MESSAGES: [&str; 7] = [
    "errorlist",
    "errornote",
    "error-message",
    "error_explanation",
    "invalid-feedback",
    "alert-danger",
    "alert-error",
];
/// Elements that hold a line: `class="error"` on a larger one marks the field with its label.
const LINES: [&[u8]; 4] = [b"li", b"p", b"small", b"span"];
/// Elements that begin a new message inside one.
const PARAGRAPHS: [&[u8]; 10] = [b"li", b"p", b"ul", b"ol", b"div", b"br", b"h1", b"h2", b"h3", b"tr"];
/// Elements that have no end.
const EMPTY: [&[u8]; 8] = [b"input", b"img", b"br", b"hr", b"meta", b"link", b"col", b"wbr"];

const FORMS_MAX: usize = 100;
const CONTROLS_MAX: usize = 10_000;
const ERRORS_MAX: usize = 100;
/// What reaching one of these is called.
pub(super) const CUT: &str = "more than 100 forms, 10,000 fields or 100 errors";
