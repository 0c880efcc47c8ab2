//! `GET /openapi.json`: what the audit listener takes and answers, for programs.
//!
//! It is made of what the routes themselves read their parameters by, so that it cannot promise another thing; and a test
//! compares it with the routes that there are.

mod operation;
mod schema;

use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{Components, InfoBuilder, OpenApi, OpenApiBuilder, PathItem, Paths};

/// `GET /openapi.json`.
pub(in crate::api) async fn show() -> impl IntoResponse {
    let text = document().to_json().unwrap_or_default();
    ([(CONTENT_TYPE, "application/json")], text)
}

/// The description of all routes.
fn document() -> OpenApi {
    let mut paths = Paths::new();
    for operation in operation::ALL {
        // Its builder merges the methods of one address.
        let item = PathItem::new(operation.http_method(), operation.described());
        match paths.paths.get_mut(operation.shown_path()) {
            Some(known) => known.merge_operations(item),
            None => {
                paths.paths.insert(operation.shown_path().to_owned(), item);
            }
        }
    }
    let mut components = Components::new();
    components.add_security_scheme(TOKEN, SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
    components.schemas.extend(schema::components());
    let info = InfoBuilder::new()
        .title("Earwitness")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some("The audit log of an application that has none. docs/api.md tells it in words."));
    OpenApiBuilder::new()
        .info(info)
        .paths(paths)
        .components(Some(components))
        .security(Some([SecurityRequirement::new(TOKEN, Vec::<String>::new())]))
        .build()
}

/// The name of the way to show a token.
const TOKEN: &str = "token";

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::api::access::NEEDS;

    #[test]
    fn every_route_is_described_and_nothing_else() {
        let routes: BTreeSet<String> = NEEDS.iter().map(|(route, _)| route.replace("{*", "{")).collect();
        let described: BTreeSet<String> = document().paths.paths.into_keys().collect();
        let hint = "a route needs a row in src/api/listener/openapi/operation.rs";
        assert_eq!(described, routes, "{hint}");
    }

    #[test]
    fn what_is_described_are_the_parameters_that_are_read() {
        let document = serde_json::to_value(document()).unwrap();
        let of = |path: &str| -> BTreeSet<String> {
            let parameters = document["paths"][path]["get"]["parameters"].as_array().unwrap();
            let query = parameters.iter().filter(|parameter| parameter["in"] == "query");
            query.map(|parameter| parameter["name"].as_str().unwrap().to_owned()).collect()
        };
        let known = |table: &[(&str, &str)]| -> BTreeSet<String> {
            table.iter().map(|(name, _)| (*name).to_owned()).collect()
        };
        use crate::api::log::parameters::{FILTERS, PAGING};
        let all: BTreeSet<String> = known(&[FILTERS, PAGING].concat());
        assert_eq!(of("/audit/v1/events"), all);
        let of_pages = known(&[("limit", ""), ("order", "")]);
        assert!(of("/audit/v1/export").is_superset(&all.difference(&of_pages).cloned().collect()));
        assert!(of("/audit/v1/export").is_disjoint(&of_pages));
        assert_eq!(of("/v2/bookings/{uid}/history"), known(crate::api::shapes::calcom::PARAMETERS));
        assert!(of("/audit/v1/blind-spots").contains("since"));
        let limit = document["paths"]["/audit/v1/events"]["get"]["parameters"].as_array().unwrap();
        let limit = limit.iter().find(|parameter| parameter["name"] == "limit").unwrap();
        assert_eq!(limit["schema"]["type"], "integer");
    }
}
