//! Pages (HTML) as the forms in them: of each, what a browser would send if nobody changed a field.
//!
//! So the page that shows a form is, for rules, the same document as the form that is sent later, and the two
//! tell what was changed. Only the tokens are read, no tree is built: which control belongs to which form needs
//! none, and there is nothing to nest too deeply. Scripts are never run: what they would add is not here.

mod control;
mod page;

use html5gum::{DefaultEmitter, Tokenizer};

use super::{Doubtful, Parsed, form};
use crate::event::NoteCode;
use crate::value::{Map, Value, json};
use page::{Owner, Page};

/// Reads a page; there is none that cannot be read.
pub(super) fn parse(text: &str) -> Parsed {
    let mut emitter = DefaultEmitter::default();
    // Or `<form>` in a text area would be a form.
    emitter.naively_switch_states(true);
    let mut page = Page::default();
    for Ok(token) in Tokenizer::new_with_emitter(text, emitter) {
        page.take(token);
    }
    let mut fields: Vec<form::Form> = page.forms.iter().map(|_| form::Form::default()).collect();
    for (owner, name, value) in page.sent {
        let owner = match owner {
            Owner::Form(index) => Some(index),
            Owner::Id(id) => page.forms.iter().position(|form| form.id.as_ref() == Some(&id)),
        };
        if let Some(form) = owner.and_then(|index| fields.get_mut(index)) {
            form.add(&name, Value::from(value));
        }
    }
    let forms = page.forms.into_iter().zip(fields).map(|(form, fields)| {
        let mut members = Map::new();
        let texts = [("id", form.id), ("name", form.name), ("action", form.action)];
        members.extend(texts.into_iter().filter_map(|(name, text)| Some((name.to_owned(), text?.into()))));
        members.insert("method", form.method.into());
        // A name that comes twice is no doubt here: nobody but the application wrote the page.
        members.insert("fields", Value::Object(fields.members));
        Value::Object(members)
    });
    let mut value = json!({ "forms": forms.collect::<Vec<Value>>(), "errors": page.errors });
    if let Some(title) = page.title {
        value["title"] = title.into();
    }
    let cut = page.is_cut.then(|| Doubtful::at(Vec::new(), NoteCode::BodyCut, page::CUT));
    Parsed { value: Some(value), doubts: cut.into_iter().collect(), ..Parsed::default() }
}

#[cfg(test)]
mod tests;
