//! The schemas: of parameters by what they take, and of the answers that have one shape.

use utoipa::openapi::schema::{AdditionalProperties, KnownFormat, SchemaFormat, Type};
use utoipa::openapi::{ArrayBuilder, ObjectBuilder, OneOfBuilder, Ref, RefOr, Schema};

use crate::api::shapes::query::chars_max;
use crate::export::{Dialect, Format, Proof, Telltale};

/// The schema of a part of an address.
pub(super) fn of_path(name: &str) -> RefOr<Schema> {
    match name {
        "application" => words(["calendar".to_owned()]).into(),
        "name" => text().max_length(Some(80)).into(),
        // What names nothing is not there, however long it is.
        _ => ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).into(),
    }
}

/// The schema of a query parameter, by its name and by what it takes. One that may stand several times is a list.
pub(super) fn of_query(name: &str, accepts: &str) -> RefOr<Schema> {
    let schema = match name {
        "limit" => whole(1, if accepts.contains("50") { 50 } else { 500 }),
        "maxResults" => whole(1, 1_000),
        "format" => words(names::<Format>()),
        "dialect" => words(names::<Dialect>()),
        "facts" => words(names::<Telltale>()),
        "proof" => words(names::<Proof>()),
        "alt" => words(["json".to_owned()]),
        "result" => words(["success", "failure", "denied", "unknown"].map(str::to_owned)),
        _ => text().max_length(Some(chars_max(name))),
    };
    if accepts.ends_with("once") || accepts == "json" || accepts.starts_with("anything") {
        return schema.into();
    }
    ArrayBuilder::new().items(schema).build().into()
}

/// The schemas that have names.
pub(super) fn components() -> Vec<(String, RefOr<Schema>)> {
    let text = || ObjectBuilder::new().schema_type(Type::String);
    let object = || ObjectBuilder::new().schema_type(Type::Object);
    // A list where values were erased: a salt or a commitment of each.
    let salt = || OneOfBuilder::new().item(text()).item(ArrayBuilder::new().items(text()));
    let place = |schema: ObjectBuilder| {
        schema
            .property("sequence", ObjectBuilder::new().schema_type(Type::Integer))
            .property("leaf", text())
            .property("salt", salt())
    };
    let event = place(object())
        .property("format", ObjectBuilder::new().schema_type(Type::Integer))
        .property("id", text().format(Some(SchemaFormat::KnownFormat(KnownFormat::Uuid))))
        .property("time", text().format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime))))
        .property("action", text())
        .property("title", text())
        .property("message", object())
        .property("actor", object())
        .property("target", object())
        .property("result", words(["success", "failure", "denied", "unknown"].map(str::to_owned)))
        .description(Some("docs/api.md has all of its members; more may be added"));
    let erasure = object()
        .property("subject", ArrayBuilder::new().items(text()))
        .property("confirm", text())
        .required("subject")
        .description(Some("Addresses, ids and names of one person; to erase, the id of the plan"));
    let pagination = object()
        .property(
            "nextCursor",
            ObjectBuilder::new().schema_type(
                [Type::String, Type::Null].into_iter().collect::<utoipa::openapi::schema::SchemaType>(),
            ),
        )
        .property("hasMore", ObjectBuilder::new().schema_type(Type::Boolean))
        .required("nextCursor")
        .required("hasMore");
    let page = object()
        .property("data", ArrayBuilder::new().items(Ref::from_schema_name("Event")))
        .property("pagination", pagination)
        .required("data")
        .required("pagination");
    let problem = object()
        .property("type", text())
        .property("title", text())
        .property("status", ObjectBuilder::new().schema_type(Type::Integer))
        .property("detail", text())
        .property("parameter", text())
        .property("accepts", text())
        .property("errors", ArrayBuilder::new().items(object()));
    let problem = ["type", "title", "status", "detail"].into_iter().fold(problem, ObjectBuilder::required);
    let any = object().additional_properties(Some(AdditionalProperties::<Schema>::FreeForm(true)));
    [("Event", event), ("Page", page), ("Erasure", erasure), ("Problem", problem), ("Object", any)]
        .map(|(name, schema)| (name.to_owned(), schema.into()))
        .into()
}

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).max_length(Some(500))
}

fn whole(least: usize, most: usize) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(least)).maximum(Some(most))
}

fn words(words: impl IntoIterator<Item = String>) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words))
}

fn names<T: clap::ValueEnum>() -> Vec<String> {
    let name = |word: &T| word.to_possible_value().map(|value| value.get_name().to_owned());
    T::value_variants().iter().filter_map(name).collect()
}

/// Those of an export.
pub(super) const MEDIA_TYPES: &[&str] = &[
    "application/x-ndjson",
    "application/json",
    "text/csv; charset=utf-8",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "application/vnd.apache.parquet",
    "application/cloudevents+x-ndjson",
];
