//! Bodies on their way, and the copies of those that a rule may concern.
//!
//! [`body`] has both directions, [`progress`] how far the request's has come, [`trailers`] what may stand behind a body, [`silence`] how long an answer may stand still,
//! [`kept`] what HTTP/2 may send twice. The rest is for audited requests only: [`tee`] makes bounded copies, [`held`] keeps a request's body back until it is read, [`teed`] ends the story with the answer's.

mod body;
mod held;
mod kept;
mod progress;
mod silence;
mod tee;
mod teed;
mod trailers;

pub(super) use body::{AnswerBody, RequestBody};
pub(super) use held::Held;
pub(super) use kept::Keeper;
pub(super) use progress::{Progress, Wait};
pub(super) use tee::{Budget, Copy, End, Share};
pub(super) use teed::{Begun, Hold, Teed, begin};
