//! An application that speaks HTTP/2 as a library does, on a runtime of its own.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use bytes::Bytes;
use h2::RecvStream;
use h2::server::{Connection, SendResponse};
use http::{HeaderMap, Request, Response};
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

/// How it behaves.
#[derive(Clone, Copy, Default)]
pub(super) struct Habit {
    /// Requests that it allows at a time on a connection.
    pub(super) streams_max: Option<u32>,
    /// It answers only when the test lets go.
    pub(super) holds: bool,
    /// It refuses the first request once it has come.
    pub(super) refuses_first: bool,
    /// It sends the request's trailers back, and one of its own.
    pub(super) has_trailers: bool,
    /// What it answers below `/large`.
    pub(super) answer_bytes: usize,
}

/// An application that answers with the request's body, or `ok` where there is none.
#[derive(Clone)]
pub(super) struct H2App {
    address: SocketAddr,
    scheme: &'static str,
    habit: Habit,
    seen: Arc<Mutex<Vec<Request<()>>>>,
    connections: Arc<AtomicUsize>,
    resets: Arc<AtomicUsize>,
    gate: Arc<Semaphore>,
}

impl H2App {
    pub(super) fn in_clear(habit: Habit) -> H2App {
        H2App::start(None, habit)
    }

    pub(super) fn over_tls(mut server: ServerConfig, habit: Habit) -> H2App {
        server.alpn_protocols = vec![b"h2".to_vec()];
        H2App::start(Some(TlsAcceptor::from(Arc::new(server))), habit)
    }

    fn start(acceptor: Option<TlsAcceptor>, habit: Habit) -> H2App {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let app = H2App {
            address: listener.local_addr().unwrap(),
            scheme: if acceptor.is_some() { "https" } else { "http" },
            habit,
            seen: Arc::default(),
            connections: Arc::default(),
            resets: Arc::default(),
            gate: Arc::new(Semaphore::new(0)),
        };
        let running = app.clone();
        thread::spawn(move || {
            runtime.block_on(async {
                while let Ok((socket, _)) = listener.accept().await {
                    let (app, acceptor) = (running.clone(), acceptor.clone());
                    tokio::spawn(async move {
                        match acceptor {
                            None => app.serve(socket).await,
                            Some(acceptor) => {
                                if let Ok(stream) = acceptor.accept(socket).await {
                                    app.serve(stream).await;
                                }
                            }
                        }
                    });
                }
            });
        });
        app
    }

    async fn serve(self, stream: impl AsyncRead + AsyncWrite + Unpin) {
        let mut builder = h2::server::Builder::new();
        if let Some(streams_max) = self.habit.streams_max {
            builder.max_concurrent_streams(streams_max);
        }
        let Ok(mut connection): Result<Connection<_, Bytes>, _> = builder.handshake(stream).await else {
            return;
        };
        self.connections.fetch_add(1, Ordering::SeqCst);
        while let Some(Ok((request, respond))) = connection.accept().await {
            let app = self.clone();
            tokio::spawn(async move {
                let resets = Arc::clone(&app.resets);
                if app.answer(request, respond).await.is_err() {
                    resets.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
    }

    async fn answer(
        self,
        request: Request<RecvStream>,
        mut respond: SendResponse<Bytes>,
    ) -> Result<(), h2::Error> {
        let (head, mut body) = request.into_parts();
        let is_large = head.uri.path() == "/large";
        self.seen.lock().push(Request::from_parts(head, ()));
        let mut bytes = Vec::new();
        while let Some(data) = body.data().await {
            let data = data?;
            body.flow_control().release_capacity(data.len())?;
            bytes.extend_from_slice(&data);
        }
        let trailers = body.trailers().await?;
        if self.habit.refuses_first && self.requests() == 1 {
            respond.send_reset(h2::Reason::REFUSED_STREAM);
            return Ok(());
        }
        if self.habit.holds {
            tokio::select! {
                permit = self.gate.acquire() => permit.unwrap().forget(),
                reset = std::future::poll_fn(|context| respond.poll_reset(context)) => return reset.map(|_| ()).and(Err(h2::Reason::CANCEL.into())),
            }
        }
        let answer = match bytes.is_empty() {
            true if is_large => vec![b'x'; self.habit.answer_bytes],
            true => b"ok".to_vec(),
            false => bytes,
        };
        let mut response = Response::new(());
        if self.habit.has_trailers {
            response.headers_mut().insert("trailer", "x-sum, grpc-status".parse().unwrap());
        }
        let mut stream = respond.send_response(response, false)?;
        stream.send_data(answer.into(), !self.habit.has_trailers)?;
        if self.habit.has_trailers {
            let mut own: HeaderMap = trailers.unwrap_or_default();
            own.insert("grpc-status", "0".parse().unwrap());
            stream.send_trailers(own)?;
        }
        Ok(())
    }

    /// Under a name that a certificate can be for.
    pub(super) fn url(&self) -> String {
        format!("{}://localhost:{}", self.scheme, self.address.port())
    }

    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// Requests that came.
    pub(super) fn requests(&self) -> usize {
        self.seen.lock().len()
    }

    /// The head of the last of them.
    pub(super) fn last(&self) -> Request<()> {
        self.seen.lock().last().cloned().unwrap()
    }

    /// Requests that ended before their answer.
    pub(super) fn resets(&self) -> usize {
        self.resets.load(Ordering::SeqCst)
    }

    /// Answers what is held and what will come.
    pub(super) fn let_go(&self) {
        self.gate.add_permits(1_000);
    }
}
