//! How long the head of an answer is waited for, and who is at fault where there is none.

use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::{Failure, Reply, Unsound};
use crate::config::Config;
use crate::proxy::bodies::{Progress, Wait};
use crate::proxy::tunnel;

/// The answer to a request that was sent, waited for up to `upstream_ms`, and as long as its body moves.
///
/// # Errors
/// Where there is none, or it switches to a protocol that the request (`is_upgrade`) did not ask for.
pub(in crate::proxy) async fn answer_to(
    sending: impl Future<Output = Result<Reply, Failure>>,
    progress: Option<Rc<Progress>>,
    config: Arc<Config>,
    is_upgrade: bool,
) -> Result<Reply, Failure> {
    let mut sending = pin!(sending);
    let mut deadline = Instant::now() + Duration::from_millis(config.limits.upstream_ms);
    let result = loop {
        match timeout_at(deadline, sending.as_mut()).await {
            Ok(result) => break result,
            Err(_) => match progress.as_ref().map(|progress| progress.wait(Instant::now(), &config.limits)) {
                Some(Wait::Until(later)) => deadline = later,
                Some(Wait::ForClient) => break Err(Failure::RequestStalled),
                Some(Wait::ForAnswer) | None => break Err(Failure::Timeout),
            },
        }
    };
    match (result, &progress) {
        (Ok((response, _)), _) if !tunnel::may_be(&response, is_upgrade) => {
            Err(Failure::Unsound(Unsound::Switch))
        }
        (Err(Failure::Gone), Some(progress)) if progress.is_too_large.get() => Err(Failure::BodyTooLarge),
        (Err(Failure::Gone), Some(progress)) if progress.is_broken.get() => Err(Failure::RequestBroken),
        (result, _) => result,
    }
}
