//! What a description says about an application: which requests there are. Read leniently, because
//! descriptions in the wild are; only methods, paths and names of operations are looked at, and nothing is
//! fetched.

mod coverage;
mod discovery;
mod lacks;
mod openapi;
mod suggestion;

pub use coverage::{Coverage, Covered, Excepted, Exception, Standing};
pub use suggestion::Suggestion;

use serde_json::Value;

use super::model::SegmentPattern;

/// An application's requests, as an OpenAPI 3, Swagger 2 or Google discovery document has them.
#[derive(Debug)]
pub struct Description {
    /// What may stand before the paths: the path of a server, or nothing, which is the last.
    bases: Vec<String>,
    operations: Vec<Operation>,
}

/// One request of a description.
#[derive(Clone, Debug)]
pub struct Operation {
    /// Its name (`operationId`), where it has one.
    pub id: Option<String>,
    /// Upper case.
    pub method: String,
    /// As written.
    pub path: String,
    /// The path behind each of the bases, in their order.
    forms: Vec<Vec<SegmentPattern>>,
}

impl Description {
    /// The requests of a document; `None` when it is of none of these kinds.
    pub fn read(document: &Value) -> Option<Description> {
        openapi::read(document).or_else(|| discovery::read(document))
    }

    /// How many requests it has.
    pub fn operation_count(&self) -> usize {
        self.operations.len()
    }

    /// A description without requests yet, behind these bases.
    fn new(written: impl Iterator<Item = String>) -> Description {
        let mut bases: Vec<String> = Vec::new();
        for base in written {
            if !base.is_empty() && !bases.contains(&base) && bases.len() < BASES_MAX {
                bases.push(base);
            }
        }
        bases.push(String::new());
        Description { bases, operations: Vec::new() }
    }

    /// A request whose path stands behind no base.
    fn add_at_root(&mut self, id: &str, method: &str, path: &str) {
        let path = format!("/{}", path.trim_matches('/'));
        self.operations.push(Operation {
            id: Some(id.to_owned()),
            method: method.to_owned(),
            forms: vec![segments(&path); self.bases.len()],
            path,
        });
    }

    fn add(&mut self, id: Option<&Value>, method: &str, path: &str) {
        self.operations.push(Operation {
            id: id.and_then(Value::as_str).map(str::to_owned),
            method: method.to_uppercase(),
            path: path.to_owned(),
            forms: self.bases.iter().map(|base| segments(&format!("{base}{path}"))).collect(),
        });
    }
}

/// A path template; what stands in braces is a part, more leniently than in a rule.
fn segments(path: &str) -> Vec<SegmentPattern> {
    let part = |text: &str| match (text.find('{'), text.rfind('}')) {
        (Some(open), Some(close)) if open < close => SegmentPattern::Part {
            prefix: text[..open].to_owned(),
            name: text[open + 1..close].to_owned(),
            suffix: text[close + 1..].to_owned(),
        },
        (_, _) => SegmentPattern::Literal(text.to_owned()),
    };
    path.split('/').filter(|text| !text.is_empty()).map(part).collect()
}

const BASES_MAX: usize = 16;

#[cfg(test)]
mod tests;
