//! `GET /audit/v1/blind-spots`: what nothing recorded, and the rules that have gone silent, in one page; the table is
//! never longer than one.

use axum::extract::{RawQuery, State as Extract};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde_json::json;

use super::super::answers::problem::{Problem, Wrong};
use super::super::listener::state::State;
use super::super::log::parameters::{TIME, once, time};
use super::super::shapes::query;
use crate::blind::Row;

/// Which rows are wanted.
#[derive(Debug, Default)]
struct Question {
    methods: Vec<String>,
    path: Option<String>,
    since: Option<Timestamp>,
}

/// `GET /audit/v1/blind-spots`.
pub(in crate::api) async fn list(
    Extract(state): Extract<State>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let question = read(query.as_deref().unwrap_or("")).map_err(Problem::parameters)?;
    let blind = &state.inner.blind;
    let rows: Vec<Row> = blind.rows().into_iter().filter(|row| question.wants(row)).collect();
    let classes = ["1xx", "2xx", "3xx", "4xx", "5xx"];
    let unlearned: serde_json::Map<_, _> = classes
        .into_iter()
        .zip(blind.unlearned())
        .map(|(class, count)| (class.to_owned(), count.into()))
        .collect();
    let body = json!({
        "data": rows,
        "unlearned": unlearned,
        "silent": blind.silent(Timestamp::now()),
        "pagination": { "nextCursor": null, "hasMore": false },
    });
    Ok(axum::Json(body).into_response())
}

impl Question {
    fn wants(&self, row: &Row) -> bool {
        (self.methods.is_empty() || self.methods.contains(&row.method))
            && self.path.as_ref().is_none_or(|path| row.path.starts_with(path.as_str()))
            && self.since.is_none_or(|since| row.last_seen >= since)
    }
}

fn read(text: &str) -> Result<Question, Vec<Wrong>> {
    let mut question = Question::default();
    query::read(text, PARAMETERS, |name, value| match name {
        "method" => {
            question.methods.push(value.to_ascii_uppercase());
            Ok(())
        }
        "path" => once(&mut question.path, value.to_owned()),
        _ => once(&mut question.since, time(value).ok_or("is neither a time nor a date")?),
    })?;
    Ok(question)
}

/// Every parameter and what it takes.
pub(in crate::api) const PARAMETERS: &[(&str, &str)] =
    &[("method", "a method, such as POST"), ("path", "how the path begins, once"), ("since", TIME)];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_read_strictly() {
        let question = read("method=post&method=PUT&path=/v2/&since=2026-01-31").unwrap();
        assert_eq!(
            (question.methods.join(" "), question.path.as_deref()),
            ("POST PUT".to_owned(), Some("/v2/"))
        );
        assert_eq!(question.since.unwrap().to_string(), "2026-01-31T00:00:00Z");
        let check = |query: &str, expected: &[&str]| {
            let told: Vec<String> = read(query)
                .unwrap_err()
                .into_iter()
                .map(|wrong| format!("{} {}", wrong.parameter, wrong.detail))
                .collect();
            assert_eq!(told, expected, "{query}");
        };
        check("metod=POST&since=x", &["metod is not a parameter", "since is neither a time nor a date"]);
        check("path=/a&path=/b", &["path stands twice"]);
        assert_eq!(read(&"x=y&".repeat(1_000)).unwrap_err().len(), 20);
    }
}
