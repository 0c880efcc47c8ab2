//! Answers from memory, where a rule wants them: instead of asking, or when the application does not say.

use crate::derive::{Answer, Answers, ReadFailure, ReadRequest, Recall};
use crate::proxy::Audit;

/// Answers the reads that are not asked at all; what comes back are the others.
pub(crate) fn instead(audit: &dyn Audit, reads: &[ReadRequest], answers: &mut Answers) -> Vec<ReadRequest> {
    let mut left = Vec::with_capacity(reads.len());
    for read in reads {
        match &read.recall {
            Some(Recall::Instead(key)) => {
                let answer = remembered(audit, key).unwrap_or(Answer::Failed(ReadFailure::NotRemembered));
                answers.insert(read.key.clone(), answer);
            }
            Some(Recall::Otherwise(_)) | None => left.push(read.clone()),
        }
    }
    left
}

/// Answers the reads that the application did not.
pub(crate) fn otherwise(audit: &dyn Audit, reads: &[ReadRequest], answers: &mut Answers) {
    for read in reads {
        let Some(Recall::Otherwise(key)) = &read.recall else { continue };
        let is_told = match answers.get(&read.key) {
            Some(Answer::Answered { status, .. }) => matches!(status, 200..=299 | 404 | 410),
            Some(Answer::Remembered { .. }) => true,
            Some(Answer::Failed(_) | Answer::Logins(_)) | None => false,
        };
        if let (false, Some(answer)) = (is_told, remembered(audit, key)) {
            answers.insert(read.key.clone(), answer);
        }
    }
}

fn remembered(audit: &dyn Audit, key: &str) -> Option<Answer> {
    let (value, age_ms) = audit.recall(key)?;
    Some(Answer::Remembered { value, age_ms })
}
