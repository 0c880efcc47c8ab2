//! Who acts.

use schemars::JsonSchema;

use super::file::Read;
use super::value::{Condition, Value};

/// A way to find out who acts. The first counts whose `when` holds and that finds an `id` or `email`.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Way {
    /// Its name, for people.
    name: String,
    /// When it counts.
    when: Option<Condition>,
    /// A question to the application; its answer is `$.answer`.
    ask: Option<Read>,
    /// Whoever a login was seen of, in place of the other three.
    learned: Option<bool>,
    /// Who acts.
    actor: Option<Person>,
    /// In whose name, where somebody works for another.
    on_behalf_of: Option<Person>,
}

/// Members of an actor.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Person {
    /// `user`, `guest`, `attendee`, `system`, `app` or `unknown`.
    r#type: Option<Value>,
    /// The application's own identifier.
    id: Option<Value>,
    /// The name.
    name: Option<Value>,
    /// The e-mail address.
    email: Option<Value>,
    /// The role.
    role: Option<Value>,
    /// The organization's identifier.
    organization: Option<Value>,
    /// The team's identifier.
    team: Option<Value>,
}
