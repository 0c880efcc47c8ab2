//! A connection that speaks HTTP/1.1: one exchange at a time has it for itself.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::header::HeaderMap;
use http::{HeaderName, Request};
use http_body::Body as _;
use tokio::time::{Instant, timeout};

use super::{Bond, KEEP, Lease, Pool, REST, Reply, head_of, is_idempotent};
use crate::proxy::bodies::RequestBody;
use crate::proxy::wire::Failure;
use crate::proxy::wire::answer_gate::{Answering, Sender, Switched, Unanswered};
use crate::serve::Ticket;

/// A connection in use. Dropped, it is closed.
#[derive(Debug)]
pub(crate) struct Own {
    sender: Sender,
    home: Home,
    keep: Duration,
}

/// Where a connection goes after a clean end.
#[derive(Debug)]
pub(super) enum Home {
    /// Back to all others.
    Pool(Rc<Pool>),
    /// To the client that it stands for.
    Client(Rc<Bond>),
    /// It is closed.
    Nowhere,
}

/// A connection that nothing is under way on.
#[derive(Debug)]
pub(super) struct Idle {
    pub(super) sender: Sender,
    since: Instant,
    /// The application closes it then, as its `Keep-Alive` header says.
    until: Instant,
}

/// A request that was sent on a connection that had been idle, for the head of its answer. Dropped, it closes the
/// connection.
pub(super) struct Trial {
    answering: Answering,
    /// Goes with the answer.
    own: Option<Own>,
    /// Its head once more, where it may go twice.
    again: Option<Box<Request<RequestBody>>>,
}

/// What became of a request on a connection that had been idle.
pub(super) enum Tried {
    Answered(Reply),
    /// It may be sent again elsewhere.
    Again(Request<RequestBody>),
}

impl Own {
    pub(super) fn new(sender: Sender, home: Home) -> Own {
        Own { sender, home, keep: KEEP }
    }

    /// Sends a request over a new connection.
    pub(super) async fn send(
        mut self,
        request: Request<RequestBody>,
        client: Option<&Rc<Bond>>,
    ) -> Result<Reply, Failure> {
        match self.sender.send(request, ticket(client)).await {
            Ok(response) => Ok((response, Lease::Own(self))),
            Err(Unanswered::Unsent(_)) => Err(Failure::Gone),
            Err(Unanswered::Sent(failure)) => Err(failure),
        }
    }

    /// Sends a request over a connection that had been idle and that the application may be closing.
    pub(super) fn try_send(
        mut self,
        request: Request<RequestBody>,
        has_rested: bool,
        client: Option<&Rc<Bond>>,
    ) -> Trial {
        let is_repeatable = has_rested && is_idempotent(&request) && request.body().is_end_stream();
        let again = is_repeatable.then(|| Box::new(head_of(&request)));
        Trial { answering: self.sender.send(request, ticket(client)), own: Some(self), again }
    }

    /// Takes note of how long the application says it keeps the connection.
    pub(super) fn heed(&mut self, headers: &HeaderMap) {
        if let Some(value) = headers.get(&KEEP_ALIVE).and_then(|value| value.to_str().ok()) {
            let seconds = value
                .split(',')
                .filter_map(|part| part.trim().strip_prefix("timeout="))
                .find_map(|seconds| seconds.trim().parse::<u64>().ok());
            if let Some(seconds) = seconds {
                // A second less: our last request and its close must not cross.
                self.keep = KEEP.min(Duration::from_secs(seconds.saturating_sub(1)));
            }
        }
    }

    /// Ties the connection to a client; without one, it is closed after this answer.
    pub(super) fn bind(&mut self, client: Option<&Rc<Bond>>) {
        self.home = client.map_or(Home::Nowhere, |bond| Home::Client(Rc::clone(bond)));
    }

    /// The socket after a 101; `None` when it broke meanwhile.
    pub(super) async fn into_socket(self) -> Option<Switched> {
        self.sender.into_socket().await
    }

    /// Gives the connection back after the clean end of an answer: at once when hyper is ready for the next
    /// request, else when the rest of ours has gone out.
    pub(super) fn give_back(self) {
        let Own { mut sender, home, keep } = self;
        if sender.is_ready() {
            home.take(sender, keep);
        } else if !sender.is_closed() {
            tokio::task::spawn_local(async move {
                if let Ok(Ok(())) = timeout(SETTLE, sender.ready()).await {
                    home.take(sender, keep);
                }
            });
        }
    }
}

impl Future for Trial {
    type Output = Result<Tried, Failure>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let trial = self.get_mut();
        let tried = match ready!(Pin::new(&mut trial.answering).poll(context)) {
            Ok(response) => trial.own.take().map(|own| Tried::Answered((response, Lease::Own(own)))),
            Err(Unanswered::Unsent(unsent)) => Some(Tried::Again(*unsent)),
            Err(Unanswered::Sent(Failure::Gone)) => trial.again.take().map(|again| Tried::Again(*again)),
            Err(Unanswered::Sent(failure)) => return Poll::Ready(Err(failure)),
        };
        Poll::Ready(tried.ok_or(Failure::Gone))
    }
}

impl Home {
    fn take(self, sender: Sender, keep: Duration) {
        let now = Instant::now();
        let idle = Idle { sender, since: now, until: now + keep };
        match self {
            Home::Pool(pool) => pool.put_back(idle),
            Home::Client(bond) => bond.keep(idle),
            Home::Nowhere => {}
        }
    }
}

impl Idle {
    pub(super) fn is_stale(&self, now: Instant) -> bool {
        self.is_broken() || now >= self.until
    }

    /// Whether it is closed, or something came over it that nobody asked for.
    pub(super) fn is_broken(&self) -> bool {
        self.sender.is_closed() || !self.sender.is_ready()
    }

    /// Whether the application may be closing it at this moment.
    pub(super) fn has_rested(&self, now: Instant) -> bool {
        now.duration_since(self.since) > REST
    }
}

fn ticket(client: Option<&Rc<Bond>>) -> Option<Ticket> {
    client.and_then(|bond| bond.ticket())
}

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
/// How long a connection may take to finish our request after its answer is complete.
const SETTLE: Duration = Duration::from_secs(5);
