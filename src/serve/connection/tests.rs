//! A conversation rests and goes on.

use std::net::IpAddr;

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

use super::*;
use crate::config::Limits;
use crate::serve::{BodyError, Entrance, Refusal};
use crate::telemetry::Metrics;

/// Answers with the target.
struct Echo;

impl Face for Echo {
    type Connection = ();
    type Body = UnsyncBoxBody<Bytes, BodyError>;

    fn trusts(&self, _: IpAddr) -> bool {
        false
    }

    fn connected(&self, _: Arrival) {}

    async fn answer(self: Rc<Self>, _: Rc<()>, request: Request<Incoming>) -> Response<Self::Body> {
        let target = Bytes::from(request.uri().to_string());
        Response::new(Full::new(target).map_err(BodyError::from).boxed_unsync())
    }

    fn refuse(&self, (): &(), _: Refusal) -> Response<Self::Body> {
        Response::new(Full::default().map_err(BodyError::from).boxed_unsync())
    }

    async fn switched(self: Rc<Self>, _: Rc<()>, _: impl AsyncRead + AsyncWrite + Unpin, _: Vec<u8>) {}

    async fn finish(self: Rc<Self>) {}
}

async fn exchange(client: &mut DuplexStream, target: &str) {
    client.write_all(format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(format!("\r\n\r\n{target}").as_bytes()) {
        assert_ne!(client.read_buf(&mut answer).await.unwrap(), 0, "{}", answer.escape_ascii());
    }
}

#[test]
fn a_client_that_rests_has_no_hyper_and_goes_on_where_it_was() {
    let (stop, stopped) = watch::channel(false);
    let metrics = Metrics::new();
    let shared = Shared {
        entrance: Entrance { limits: Limits::default().into(), tls: None, is_proxied: false },
        places: Places::new(1, 1, std::sync::Arc::clone(&metrics)),
        metrics,
        stop: stopped,
    };
    let (socket, mut client) = duplex(1 << 10);
    let wire = Rc::new(Wire::new());
    let gate = Gate::new(socket, Rc::clone(&wire), 4096, 100);
    let peer = SocketAddr::from(([127, 0, 0, 1], 1));
    let served = Served { peer, face: Rc::new(Echo), client: Rc::new(()), wire, shared: &shared };
    let mut clock = Clock::new(&shared.entrance.limits);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let asking = async { exchange(&mut client, "/a").await };
        let (end, ()) = tokio::join!(served.converse(gate, &mut clock), asking);
        let End::Resting(mut gate) = end else { panic!("it does not rest") };
        // A head that comes in two pieces wakes it with the first.
        client.write_all(b"GET /b HTTP/1.1\r\nX: y\r\n").await.unwrap();
        gate.stirs().await;
        let asking = async {
            client.write_all(b"Host: x\r\n\r\n").await.unwrap();
            let mut answer = Vec::new();
            while !answer.ends_with(b"\r\n\r\n/b") {
                assert_ne!(client.read_buf(&mut answer).await.unwrap(), 0);
            }
            exchange(&mut client, "/c").await;
        };
        let (end, ()) = tokio::join!(served.converse(gate, &mut clock), asking);
        let End::Resting(mut gate) = end else { panic!("it does not rest again") };
        assert_eq!(served.wire.calls(), 3);
        drop(client);
        gate.stirs().await;
        assert!(matches!(served.converse(gate, &mut clock).await, End::Over));
    });
    drop(stop);
}
