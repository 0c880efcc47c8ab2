//! What a description says about one request, for a rule to begin with.

use super::Description;
use crate::rules::model::MatchLine;

/// A request that a rule is wanted for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suggestion {
    /// Upper case.
    pub method: String,
    /// With what stands before the description's paths.
    pub path: String,
    /// A path where the same thing, or what stands in front of the deed, can be read.
    pub read: Option<String>,
}

impl Description {
    /// The request of that name (`operationId`), or of that line (`POST /bookings/{uid}/cancel`).
    pub fn suggestion(&self, name: &str) -> Option<Suggestion> {
        let full = |at: usize| {
            let segments = self.operations[at].forms.first().cloned().unwrap_or_default();
            MatchLine { methods: Vec::new(), segments }.path()
        };
        let is_named = |at: &usize| {
            let operation = &self.operations[*at];
            operation.id.as_deref() == Some(name)
                || format!("{} {}", operation.method, operation.path) == name
                || format!("{} {}", operation.method, full(*at)) == name
        };
        let found = (0..self.operations.len()).find(is_named)?;
        let path = full(found);
        let above = path.rsplit_once('/').map(|(above, _)| above).filter(|above| above.ends_with('}'));
        let reads: Vec<String> =
            (0..self.operations.len()).filter(|at| self.operations[*at].method == "GET").map(full).collect();
        // A list is no thing: what is read has a part at its end.
        let is_read = |path: &&str| path.ends_with('}') && reads.iter().any(|read| read == path);
        let read = [Some(path.as_str()), above].into_iter().flatten().find(is_read).map(str::to_owned);
        Some(Suggestion { method: self.operations[found].method.clone(), read, path })
    }
}
