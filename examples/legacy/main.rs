//! The booking office by itself, to try Earwitness by hand:
//!
//! ```text
//! cargo run --example legacy                           # the application, on 127.0.0.1:8081
//! cargo run -- serve --config examples/earwitness.yaml # Earwitness in front of it, on 127.0.0.1:8080
//! cargo run --example legacy -- play 127.0.0.1:8080    # a day of requests through Earwitness
//! ```

#![allow(clippy::print_stdout, reason = "a program for the terminal")]

#[path = "app.rs"]
mod app;
mod script;

use std::io;
use std::net::SocketAddr;

use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => serve(DEFAULT_LISTEN).await,
        ["play", address] => play(address).await,
        [address] => serve(address).await,
        _ => Err(io::Error::other("usage: legacy [ADDRESS] | legacy play ADDRESS")),
    }
}

async fn serve(address: &str) -> io::Result<()> {
    let listener = TcpListener::bind(parse(address)?).await?;
    println!("The booking office listens on http://{}", listener.local_addr()?);
    app::serve(listener).await;
    Ok(())
}

async fn play(address: &str) -> io::Result<()> {
    for step in script::play(parse(address)?).await? {
        println!("{:<45} {:<35} {}", step.what, step.line, step.status);
    }
    Ok(())
}

fn parse(address: &str) -> io::Result<SocketAddr> {
    address
        .parse()
        .map_err(|_| io::Error::other(format!("`{address}` is not an address like 127.0.0.1:8081")))
}

/// Beside Earwitness, reachable from this machine only.
const DEFAULT_LISTEN: &str = "127.0.0.1:8081";
