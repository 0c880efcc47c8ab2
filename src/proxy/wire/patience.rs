//! How long the head of an answer is waited for, and who is at fault where there is none.

use std::rc::Rc;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::{Failure, Reply, Underway, Unsound};
use crate::config::Limits;
use crate::proxy::bodies::{Progress, Wait};
use crate::proxy::tunnel;

/// A request that was sent, and what its answer is waited for with.
pub(in crate::proxy) struct Asked {
    pub(in crate::proxy) underway: Underway,
    pub(in crate::proxy) progress: Option<Rc<Progress>>,
    pub(in crate::proxy) is_upgrade: bool,
}

impl Asked {
    /// Its answer, waited for up to `upstream_ms`, and as long as its body moves.
    ///
    /// # Errors
    /// Where there is none, or it switches to a protocol that the request did not ask for.
    pub(in crate::proxy) async fn answer(&mut self, limits: &Limits) -> Result<Reply, Failure> {
        let progress = self.progress.as_ref();
        let mut deadline = Instant::now() + Duration::from_millis(limits.upstream_ms);
        let result = loop {
            match timeout_at(deadline, &mut self.underway).await {
                Ok(result) => break result,
                Err(_) => match progress.map(|progress| progress.wait(Instant::now(), limits)) {
                    Some(Wait::Until(later)) => deadline = later,
                    Some(Wait::ForClient) => break Err(Failure::RequestStalled),
                    Some(Wait::ForAnswer) | None => break Err(Failure::Timeout),
                },
            }
        };
        match (result, progress) {
            (Ok((response, _)), _) if !tunnel::may_be(&response, self.is_upgrade) => {
                Err(Failure::Unsound(Unsound::Switch))
            }
            (Err(Failure::Gone), Some(progress)) if progress.is_too_large.get() => Err(Failure::BodyTooLarge),
            (Err(Failure::Gone), Some(progress)) if progress.is_broken.get() => Err(Failure::RequestBroken),
            (result, _) => result,
        }
    }
}
