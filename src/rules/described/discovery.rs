//! Google's discovery documents: methods in resources, which hold further resources.

use serde_json::Value;

use super::Description;

/// The methods of all resources, and the batch path, by which many of them go in one request; `None` when
/// the document is none of the kind.
pub(super) fn read(document: &Value) -> Option<Description> {
    document.get("discoveryVersion")?;
    let text = |name: &str| document.get(name).and_then(Value::as_str);
    let service = text("servicePath").or(text("basePath")).unwrap_or_default().trim_matches('/');
    let base = if service.is_empty() { String::new() } else { format!("/{service}") };
    let mut description = Description::new([base].into_iter());
    add(document, &mut description, 0);
    if let Some(path) = text("batchPath") {
        description.add_at_root("batch", "POST", path);
    }
    Some(description)
}

fn add(resource: &Value, description: &mut Description, depth: usize) {
    let members = |name: &str| resource.get(name).and_then(Value::as_object).into_iter().flatten();
    for (_, method) in members("methods") {
        let text = |name: &str| method.get(name).and_then(Value::as_str);
        // `flatPath` has each part by itself where `path` has `{+name}` for several segments.
        if let (Some(verb), Some(path)) = (text("httpMethod"), text("flatPath").or(text("path"))) {
            description.add(method.get("id"), verb, &format!("/{}", path.trim_start_matches('/')));
        }
    }
    if depth < DEPTH_MAX {
        members("resources").for_each(|(_, inner)| add(inner, description, depth + 1));
    }
}

const DEPTH_MAX: usize = 16;
