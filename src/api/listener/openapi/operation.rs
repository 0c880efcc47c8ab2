//! Every operation, a row each: its parameters are those that its route reads by.

use utoipa::openapi::path::{Operation, OperationBuilder, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{Content, HttpMethod, Ref, Required, ResponseBuilder};

use super::schema;
use crate::api::access::Need;
use crate::api::log::{counts, history, parameters, proofs};
use crate::api::operators::{blind, retention};
use crate::api::shapes::{EXPORT_PARAMETERS, calcom, google};
use crate::api::viewer::links;

/// What a route does with a method.
pub(super) struct Row {
    method: Method,
    path: &'static str,
    summary: &'static str,
    /// Tables of query parameters; where two have the same name, the first one counts.
    query: &'static [&'static [(&'static str, &'static str)]],
    /// Of those, what this route has no use for.
    without: &'static [&'static str],
    answer: Answer,
    /// The schema of its body, where it takes one.
    body: Option<&'static str>,
}

#[derive(Clone, Copy)]
enum Method {
    Get,
    Post,
    Put,
    Delete,
}

/// What a route answers when all is well.
#[derive(Clone, Copy)]
enum Answer {
    /// A JSON object, by the name of its schema.
    Json(&'static str),
    /// Another media type.
    Other(&'static str),
    /// A file: in which form is for the request to say.
    File,
    /// Nothing.
    Empty,
    /// An address to go to.
    Elsewhere,
}

impl Row {
    /// The address, as OpenAPI writes it.
    pub(super) fn shown_path(&self) -> &'static str {
        match self.path {
            "/assets/{*path}" => "/assets/{path}",
            path => path,
        }
    }

    pub(super) fn http_method(&self) -> HttpMethod {
        match self.method {
            Method::Get => HttpMethod::Get,
            Method::Post => HttpMethod::Post,
            Method::Put => HttpMethod::Put,
            Method::Delete => HttpMethod::Delete,
        }
    }

    /// The operation.
    pub(super) fn described(&self) -> Operation {
        let mut operation = OperationBuilder::new().summary(Some(self.summary));
        for name in self.path.split('{').skip(1).filter_map(|part| part.split('}').next()) {
            operation = operation.parameter(of_path(name.trim_start_matches('*')));
        }
        let mut seen = self.without.to_vec();
        for (name, accepts) in self.query.iter().flat_map(|table| table.iter()) {
            if !seen.contains(name) {
                seen.push(name);
                operation = operation.parameter(of_query(name, accepts));
            }
        }
        let problem = || Content::new(Some(Ref::from_schema_name("Problem")));
        let refused = ResponseBuilder::new().description("A refusal (RFC 9457)");
        operation =
            operation.response("default", refused.content("application/problem+json", problem()).build());
        let done = ResponseBuilder::new().description("Done");
        let json = |name: &str| Content::new(Some(Ref::from_schema_name(name)));
        if let Some(name) = self.body {
            let body = RequestBodyBuilder::new().content("application/json", json(name));
            operation = operation.request_body(Some(body.required(Some(Required::True)).build()));
        }
        operation = match self.answer {
            Answer::Json(name) => {
                operation.response("200", done.content("application/json", json(name)).build())
            }
            Answer::Other(kind) => operation.response("200", done.content(kind, Content::default()).build()),
            Answer::File => {
                let file = schema::MEDIA_TYPES.iter();
                let file = file.fold(done, |done, kind| done.content(*kind, Content::default()));
                operation.response("200", file.build())
            }
            Answer::Empty => operation.response("204", done.build()),
            Answer::Elsewhere => {
                operation.response("303", ResponseBuilder::new().description("Go there").build())
            }
        };
        // Not ready is an answer, too.
        if self.path == "/readyz" {
            let not_ready =
                ResponseBuilder::new().description("Not ready").content("application/json", json("Object"));
            operation = operation.response("503", not_ready.build());
        }
        if self.path == "/audit/v1/retention/pass" || self.body.is_some() {
            let going =
                ResponseBuilder::new().description("It goes on").content("application/json", json("Object"));
            operation = operation.response("202", going.build());
        }
        if Need::of(Some(self.path)) == Need::Nothing {
            operation = operation.securities(Some([SecurityRequirement::default()]));
        }
        operation.build()
    }
}

fn of_path(name: &str) -> Parameter {
    let parameter =
        ParameterBuilder::new().name(name).parameter_in(ParameterIn::Path).required(Required::True);
    parameter.schema(Some(schema::of_path(name))).build()
}

fn of_query(name: &str, accepts: &str) -> Parameter {
    let parameter =
        ParameterBuilder::new().name(name).parameter_in(ParameterIn::Query).required(Required::False);
    parameter.description(Some(accepts)).schema(Some(schema::of_query(name, accepts))).build()
}

const fn get(path: &'static str, summary: &'static str, answer: Answer) -> Row {
    Row { method: Method::Get, path, summary, query: &[], without: &[], answer, body: None }
}

/// All operations. Every route has one (`NEEDS` lists them).
pub(super) const ALL: &[Row] = &[
    get("/", "The viewer", Answer::Other("text/html; charset=utf-8")),
    get("/embed", "The timeline that a link shows, for a frame", Answer::Other("text/html; charset=utf-8")),
    get("/assets/{*path}", "A file of the viewer", Answer::Other("*/*")),
    get("/healthz", "Whether the process answers", Answer::Other("text/plain; charset=utf-8")),
    get("/readyz", "Whether events can be recorded and read", Answer::Json("Object")),
    get("/metrics", "Metrics for Prometheus", Answer::Other("text/plain; version=0.0.4; charset=utf-8")),
    get("/openapi.json", "This description", Answer::Json("Object")),
    get("/audit/v1", "What there is, in words", Answer::Other("text/plain; charset=utf-8")),
    Row {
        query: &[parameters::FILTERS, parameters::PAGING],
        ..get("/audit/v1/events", "A page of events", Answer::Json("Page"))
    },
    get("/audit/v1/events/{id}", "One event", Answer::Json("Event")),
    get(
        "/audit/v1/events/{id}/proof",
        "That an event is in the log that was signed for",
        Answer::Json("Object"),
    ),
    get("/audit/v1/key", "Whose signature checkpoints bear", Answer::Other("text/plain; charset=utf-8")),
    get(
        "/audit/v1/checkpoint",
        "The log's size and root, signed",
        Answer::Other("text/plain; charset=utf-8"),
    ),
    get("/audit/v1/keys", "Whose signatures they have borne", Answer::Other("text/plain; charset=utf-8")),
    Row {
        query: &[proofs::PART],
        ..get("/audit/v1/subtrees", "What stands for events that are left out", Answer::Json("Object"))
    },
    Row {
        query: &[proofs::PARAMETERS],
        ..get(
            "/audit/v1/consistency",
            "That the log of one size is the beginning of another's",
            Answer::Json("Object"),
        )
    },
    Row {
        query: &[parameters::FILTERS],
        without: &["limit", "cursor", "order"],
        ..get("/audit/v1/tail", "Events as they are recorded", Answer::Other("text/event-stream"))
    },
    Row {
        query: &[EXPORT_PARAMETERS, parameters::FILTERS, parameters::PAGING],
        without: &["limit", "order"],
        ..get("/audit/v1/export", "All events of these filters, as a file", Answer::File)
    },
    Row {
        query: &[calcom::PARAMETERS],
        ..get(
            "/v2/event-types/{id}/history",
            "The history of an event type, as Cal.com has it",
            Answer::Json("Object"),
        )
    },
    Row {
        query: &[calcom::PARAMETERS],
        ..get(
            "/v2/bookings/{uid}/history",
            "The history of a booking, as Cal.com has it",
            Answer::Json("Object"),
        )
    },
    Row {
        query: &[google::PARAMETERS],
        ..get(
            "/admin/reports/v1/activity/users/{user}/applications/{application}",
            "Activities, as Google's Reports API has them",
            Answer::Json("Object"),
        )
    },
    Row {
        query: &[parameters::FILTERS, parameters::PAGING],
        ..get("/audit/v1/targets/{type}/{id}/history", "All events of one thing", Answer::Json("Page"))
    },
    Row {
        query: &[history::STATE_PARAMETERS],
        ..get(
            "/audit/v1/targets/{type}/{id}/state",
            "What a thing was like at a time",
            Answer::Json("Object"),
        )
    },
    Row {
        query: &[counts::FACETS_PARAMETERS, parameters::FILTERS],
        ..get("/audit/v1/facets", "Which values events have, and how often", Answer::Json("Object"))
    },
    Row {
        query: &[counts::HISTOGRAM_PARAMETERS, parameters::FILTERS],
        ..get("/audit/v1/histogram", "How many events there were when", Answer::Json("Object"))
    },
    Row {
        query: &[blind::PARAMETERS],
        ..get("/audit/v1/blind-spots", "What nothing recorded", Answer::Json("Object"))
    },
    get("/audit/v1/rules", "The rules in force", Answer::Json("Object")),
    get("/audit/v1/retention", "What may leave the log, and what would leave it now", Answer::Json("Object")),
    Row {
        method: Method::Post,
        query: &[retention::PARAMETERS],
        ..get("/audit/v1/retention/pass", "Lets leave what may", Answer::Json("Object"))
    },
    get("/audit/v1/erasure", "What is being erased of a person", Answer::Json("Object")),
    Row {
        method: Method::Post,
        body: Some("Erasure"),
        ..get("/audit/v1/erasure", "What would be erased of a person; or erases it", Answer::Json("Object"))
    },
    get("/audit/v1/searches", "The searches that one has saved", Answer::Json("Object")),
    Row {
        method: Method::Put,
        ..get("/audit/v1/searches/{name}", "Saves a search: what stands behind `?`", Answer::Empty)
    },
    Row { method: Method::Delete, ..get("/audit/v1/searches/{name}", "Forgets a search", Answer::Empty) },
    get("/audit/v1/links", "Which links to the viewer there are", Answer::Json("Object")),
    Row {
        method: Method::Post,
        query: &[links::PARAMETERS],
        ..get("/audit/v1/links", "Makes a link to the viewer", Answer::Json("Object"))
    },
    Row { method: Method::Delete, ..get("/audit/v1/links/{id}", "Revokes a link", Answer::Empty) },
    get("/audit/v1/session", "Who asks", Answer::Json("Object")),
    Row {
        method: Method::Post,
        ..get("/audit/v1/session", "Signs in: a cookie for the token that is shown", Answer::Json("Object"))
    },
    Row { method: Method::Delete, ..get("/audit/v1/session", "Signs out", Answer::Empty) },
    Row {
        query: &[&[
            ("to", "what stands behind `?` in the page's address, once"),
            ("quiet", "`true`: the provider asks nothing"),
        ]],
        ..get("/audit/v1/session/oidc", "Sends a browser to the provider", Answer::Elsewhere)
    },
    get("/audit/v1/session/oidc/callback", "Where the provider sends it back to", Answer::Elsewhere),
    Row {
        method: Method::Post,
        ..get("/audit/v1/reload", "Loads rules and configuration anew", Answer::Json("Object"))
    },
];
