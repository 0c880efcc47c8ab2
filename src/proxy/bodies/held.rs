//! A request body held back because a rule's read needs it. Bounded; what was read is kept in its frames,
//! so that it goes to the application as it came.

use std::cell::RefCell;

use bytes::Bytes;
use http_body::{Body as _, Frame};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;

use super::tee::{Copy, End};
use crate::proxy::audited::end_copy;
use crate::proxy::wire::Failure;

/// The frames read so far.
#[derive(Debug, Default)]
pub(in crate::proxy) struct Held {
    pub(in crate::proxy) frames: Vec<Frame<Bytes>>,
}

impl Held {
    /// Reads until the body's end or the limit; true at the end. Dropped halfway, what was read stays.
    ///
    /// # Errors
    /// When the client broke off: then the application need not see the request.
    pub(in crate::proxy) async fn read(
        &mut self,
        body: &mut Incoming,
        bytes_max: usize,
        copy: &RefCell<Option<Copy>>,
    ) -> Result<bool, Failure> {
        let mut bytes = 0;
        while bytes < bytes_max && !body.is_end_stream() {
            match body.frame().await {
                Some(Ok(frame)) => {
                    if let (Some(data), Some(copy)) = (frame.data_ref(), &mut *copy.borrow_mut()) {
                        bytes += data.len();
                        copy.push(data);
                    }
                    self.frames.push(frame);
                }
                Some(Err(_)) => {
                    end_copy(copy, End::Broken);
                    return Err(Failure::RequestBroken);
                }
                None => break,
            }
        }
        let is_whole = bytes < bytes_max || body.is_end_stream();
        if is_whole {
            end_copy(copy, End::Proper);
        }
        Ok(is_whole)
    }
}
