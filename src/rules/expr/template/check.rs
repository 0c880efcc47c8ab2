//! What a template may hold, checked at load: the filters of RULES section 8, `if` and `for`, and nothing
//! whose cost or meaning could surprise.

use super::super::compile::Flaw;
use super::super::path::pattern;
use super::engine;
use super::scan::{Kind, Token};
use crate::yaml::nearest;

/// Everything that is wrong with a template's words.
pub(super) fn check(tokens: &[Token<'_>]) -> Vec<Flaw> {
    let mut flaws = Vec::new();
    let pluses = tokens.iter().filter(|token| token.kind == Kind::Sign && token.text == "+").count();
    if pluses > PLUSES_MAX {
        flaws.push(Flaw::whole("E22", "more than 16 `+` in one template"));
    }
    for at in 0..tokens.len() {
        let before = at.checked_sub(1).and_then(|at| tokens.get(at));
        flaws.extend(check_at(before, &tokens[at..]));
    }
    flaws
}

fn check_at(before: Option<&Token<'_>>, tokens: &[Token<'_>]) -> Option<Flaw> {
    let (token, rest) = tokens.split_first()?;
    let is_after = |text: &str| before.is_some_and(|before| before.text == text);
    match (token.kind, token.text) {
        (Kind::Sign, "~") => Some(
            flaw(token, "`~` prints a missing value as nothing")
                .cure("write `{{ a }}{{ b }}`, or `{{ a | default('') }}` where it may be missing"),
        ),
        (Kind::Sign, "*" | "**") => {
            Some(flaw(token, "`*` is not available in templates").cure("compute it in the application"))
        }
        (Kind::Statement, _) => statement(rest),
        (Kind::Sign, "|") => filter(rest),
        (Kind::Word, "is") if !is_after(".") => test(rest),
        (Kind::Word, word)
            if rest.first().is_some_and(|next| next.text == "(")
                && !is_after("|")
                && (is_after(".") || !KEYWORDS.contains(&word)) =>
        {
            Some(flaw(token, format!("there is no function `{word}`")).cure("templates have filters only"))
        }
        _ => None,
    }
}

fn statement(rest: &[Token<'_>]) -> Option<Flaw> {
    let mut words = rest.iter().skip_while(|token| token.kind == Kind::Sign);
    let token = words.next()?;
    (token.kind == Kind::Word && !STATEMENTS.contains(&token.text)).then(|| {
        flaw(token, format!("`{}` is not available in templates", token.text))
            .cure("there are `if`, `elif`, `else` and `for`")
    })
}

fn filter(rest: &[Token<'_>]) -> Option<Flaw> {
    let token = rest.first()?;
    if token.kind == Kind::Word && !engine::FILTERS.contains(&token.text) {
        let flaw = flaw(token, format!("there is no filter `{}`", token.text));
        return Some(match nearest(token.text, engine::FILTERS) {
            Some(near) => flaw.cure(format!("did you mean `{near}`?")),
            None => flaw.cure(format!("there are {}", engine::FILTERS.join(", "))),
        });
    }
    let argument = match rest {
        [_, open, argument, close, ..] if open.text == "(" && close.text == ")" => Some(argument),
        _ => None,
    };
    let literal = argument
        .filter(|argument| argument.kind == Kind::Text)
        .and_then(|argument| Some((argument, engine::literal(argument.text)?)));
    let has_argument = rest.get(1).is_some_and(|next| next.text == "(");
    match (token.text, literal) {
        ("extract", Some((argument, text))) => {
            pattern(&text).err().map(|flaw| Flaw::at("E12", argument.at, argument.text.len(), flaw.message))
        }
        ("extract", None) => {
            Some(flaw(token, "`extract` takes a literal pattern").cure("`extract('id=(.*)')`"))
        }
        ("date" | "time" | "datetime", Some((argument, text))) if !engine::is_time_format(&text) => Some(
            Flaw::at("E11", argument.at, argument.text.len(), "not a strftime pattern")
                .cure("such as `%Y-%m-%d %H:%M`"),
        ),
        ("date" | "time" | "datetime", None) if has_argument => Some(
            flaw(token, format!("`{}` takes a literal pattern", token.text)).cure("such as `'%Y-%m-%d'`"),
        ),
        _ => None,
    }
}

fn test(rest: &[Token<'_>]) -> Option<Flaw> {
    let mut words = rest.iter().filter(|token| token.text != "not");
    let token = words.next()?;
    (!engine::TESTS.contains(&token.text)).then(|| {
        flaw(token, format!("there is no test `{}`", token.text))
            .cure(format!("there are {}", engine::TESTS.join(", ")))
    })
}

fn flaw(token: &Token<'_>, message: impl Into<String>) -> Flaw {
    Flaw::at("E11", token.at, token.text.len(), message)
}

const STATEMENTS: [&str; 6] = ["if", "elif", "else", "endif", "for", "endfor"];
const KEYWORDS: [&str; 9] = ["if", "elif", "else", "in", "not", "and", "or", "is", "for"];
const PLUSES_MAX: usize = 16;
