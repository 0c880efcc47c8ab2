//! The listener on a real socket: its limits and its end.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::super::serve;
use super::*;

struct Running {
    address: std::net::SocketAddr,
    stop: oneshot::Sender<()>,
    server: JoinHandle<std::io::Result<()>>,
}

async fn run(setup: Setup) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let shutdown = async {
        let _ = stopped.await;
    };
    let server = tokio::spawn(serve(listener, State::new(setup), shutdown));
    Running { address, stop, server }
}

/// Sends text and reads until the other side closes.
async fn exchange(address: std::net::SocketAddr, text: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // A refusal may come, and close, before all is sent.
    let _ = stream.write_all(text.as_bytes()).await;
    read_to_end(&mut stream).await
}

async fn read_to_end(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(DEADLINE, stream.read_to_end(&mut answer)).await.expect("it ends in time");
    String::from_utf8_lossy(&answer).into_owned()
}

const DEADLINE: Duration = Duration::from_secs(10);

#[tokio::test]
async fn a_page_comes_over_a_socket_and_shutdown_ends_idle_connections() {
    let running = run(setup(Memory::with(3), None)).await;
    let get = "GET /audit/v1/events?limit=2 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let answer = exchange(running.address, get).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\"hasMore\":true}}"), "{answer}");
    let mut idle = TcpStream::connect(running.address).await.unwrap();
    idle.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let mut start = [0; 15];
    idle.read_exact(&mut start).await.unwrap();
    running.stop.send(()).unwrap();
    assert!(read_to_end(&mut idle).await.ends_with("ok\n"));
    tokio::time::timeout(DEADLINE, running.server).await.expect("it stops in time").unwrap().unwrap();
    assert!(TcpStream::connect(running.address).await.is_err());
}

#[tokio::test]
async fn heads_beyond_the_limits_are_refused() {
    let mut setup = setup(Memory::with(1), None);
    setup.limits.head_bytes_max = 8 << 10;
    setup.limits.head_ms = 200;
    let running = run(setup).await;
    let check = async |text: &str, expected: &str| {
        let answer = exchange(running.address, text).await;
        assert!(answer.starts_with(expected), "{} {answer}", text.len());
    };
    let head = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n";
    check(&format!("{head}\r\n"), "HTTP/1.1 200").await;
    check(&format!("{head}X: {}\r\n\r\n", "x".repeat(20_000)), "HTTP/1.1 431").await;
    check(&format!("{head}{}\r\n", "X: x\r\n".repeat(200)), "HTTP/1.1 431").await;
    check(&format!("{head}Content-Length: 5\r\n\r\nhello"), "HTTP/1.1 413").await;
    check("GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n", "HTTP/1.1 400").await;
    check("\u{0}\u{0}\r\n\r\n", "HTTP/1.1 400").await;
    // Half a head: closed when its time is over.
    check(head, "").await;
}

#[tokio::test]
async fn an_open_listener_without_a_token_does_not_start() {
    // THREATS O10
    let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let state = State::new(setup(Memory::with(1), None));
    let error = serve(listener, state, std::future::pending()).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
}

#[tokio::test]
async fn a_connection_beyond_the_limit_waits_until_another_ends() {
    let mut setup = setup(Memory::with(1), None);
    setup.limits.admin_connections_max = 1;
    let running = run(setup).await;
    let mut first = TcpStream::connect(running.address).await.unwrap();
    first.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let mut start = [0; 15];
    first.read_exact(&mut start).await.unwrap();
    let get = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let mut second = Box::pin(exchange(running.address, get));
    let early = tokio::time::timeout(Duration::from_millis(100), &mut second).await;
    assert!(early.is_err(), "answered beyond the limit");
    drop(first);
    assert!(second.await.ends_with("ok\n"));
}
