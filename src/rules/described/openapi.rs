//! OpenAPI 3 and Swagger 2.

use serde_json::Value;

use super::Description;

/// The requests under `paths`; `None` when there is no such member.
pub(super) fn read(document: &Value) -> Option<Description> {
    let paths = document.get("paths")?.as_object()?;
    let mut description = Description::new(bases(document));
    for (path, item) in paths {
        for (method, operation) in item.as_object().into_iter().flatten() {
            if METHODS.contains(&method.to_uppercase().as_str()) {
                description.add(operation.get("operationId"), method, path);
            }
        }
    }
    Some(description)
}

/// The paths of the servers, or `basePath`.
fn bases(document: &Value) -> impl Iterator<Item = String> {
    let servers = document.get("servers").and_then(Value::as_array).into_iter().flatten();
    let urls = servers.filter_map(|server| server.get("url")?.as_str());
    let paths = urls.filter_map(|url| match url.split_once("://") {
        Some((_, rest)) => rest.find('/').map(|at| &rest[at..]),
        None => Some(url),
    });
    let paths = paths.chain(document.get("basePath").and_then(Value::as_str));
    paths.map(|path| path.trim_end_matches('/').to_owned())
}

const METHODS: [&str; 8] = ["GET", "PUT", "POST", "DELETE", "OPTIONS", "HEAD", "PATCH", "TRACE"];
