//! A request's body whose beginning can be sent again. Over HTTP/2 an application may refuse a request that it
//! has not looked at when some of the body is on its way already (RFC 9113 section 8.7); what is gone by then
//! is kept here, as far as it is little, and goes first when the request is sent to the next connection.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};

use super::RequestBody;
use crate::serve::BodyError;

/// The body as it is on its way; the other end is a [`Keeper`].
#[derive(Debug)]
pub(crate) struct Kept(Rc<RefCell<Sending>>);

/// Gets the body back. Dropped, nothing is kept any more: the application has answered.
#[derive(Debug)]
pub(crate) struct Keeper(Rc<RefCell<Sending>>);

#[derive(Debug)]
struct Sending {
    /// What goes first.
    again: std::vec::IntoIter<Bytes>,
    rest: RequestBody,
    /// What has gone; `None` when it was too much, or is no longer wanted.
    gone: Option<Vec<Bytes>>,
    gone_bytes: usize,
}

impl Keeper {
    /// A body to send, and what gets it back.
    pub(crate) fn keep(body: RequestBody) -> (RequestBody, Keeper) {
        let sending =
            Sending { again: Vec::new().into_iter(), rest: body, gone: Some(Vec::new()), gone_bytes: 0 };
        let shared = Rc::new(RefCell::new(sending));
        (RequestBody::Kept(Kept(Rc::clone(&shared))), Keeper(shared))
    }

    /// The whole body, to be sent once more; `None` when its beginning is gone.
    pub(crate) fn again(self) -> Option<RequestBody> {
        let mut sending = self.0.borrow_mut();
        let gone = sending.gone.take()?;
        let first = gone.into_iter().chain(std::mem::take(&mut sending.again)).collect::<Vec<_>>();
        let rest = std::mem::replace(&mut sending.rest, RequestBody::empty());
        let whole = Sending { again: first.into_iter(), rest, gone: None, gone_bytes: 0 };
        Some(RequestBody::Kept(Kept(Rc::new(RefCell::new(whole)))))
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.0.borrow_mut().gone = None;
    }
}

impl Kept {
    pub(super) fn poll_frame(
        &self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let sending = &mut *self.0.borrow_mut();
        let frame = match sending.again.next() {
            Some(bytes) => Some(Ok(Frame::data(bytes))),
            None => ready!(Pin::new(&mut sending.rest).poll_frame(context)),
        };
        if let Some(Ok(frame)) = &frame {
            sending.note(frame);
        }
        Poll::Ready(frame)
    }

    pub(super) fn is_end_stream(&self) -> bool {
        let sending = self.0.borrow();
        sending.again.len() == 0 && sending.rest.is_end_stream()
    }

    /// Known as long as nothing has to go first.
    pub(super) fn size_hint(&self) -> SizeHint {
        let sending = self.0.borrow();
        if sending.again.len() == 0 { sending.rest.size_hint() } else { SizeHint::default() }
    }
}

impl Sending {
    fn note(&mut self, frame: &Frame<Bytes>) {
        let Some(gone) = &mut self.gone else { return };
        match frame.data_ref() {
            Some(data) => {
                self.gone_bytes += data.len();
                gone.push(data.clone());
            }
            // Trailers: the whole body is out, and a second copy of them is not worth its code.
            None => self.gone_bytes = usize::MAX,
        }
        if self.gone_bytes > GONE_BYTES_MAX {
            self.gone = None;
        }
    }
}

/// An application that refuses does so at the head of a request; what it takes of the body meanwhile is little.
const GONE_BYTES_MAX: usize = 64 << 10;
