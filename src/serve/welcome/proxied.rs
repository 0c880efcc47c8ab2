//! The PROXY protocol, versions 1 and 2: how a balancer that passes bytes on says whom a connection is from
//! (haproxy's proxy-protocol.txt).
//!
//! A listener requires the header or does not know it; nothing is guessed, because a client could then send
//! one of its own (THREATS E52). Who may send it is decided before a byte is read. Exactly the header is
//! taken from the socket: what follows belongs to TLS or HTTP.

use std::io;
use std::net::SocketAddr;

use memchr::memchr;
use proxy_header::{ParseConfig, Protocol, ProxyHeader};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

/// Takes the header off a new connection. What comes back is the client's address; `None` when the balancer
/// speaks for itself (`LOCAL`, a health check) or does not know (`UNKNOWN`). Without a limit in time.
///
/// # Errors
/// When the connection breaks, or what it begins with is not such a header.
pub(super) async fn client_of(socket: &mut TcpStream) -> io::Result<Option<SocketAddr>> {
    let mut header = [0; HEADER_BYTES_MAX];
    socket.read_exact(&mut header[..SHORTEST]).await?;
    let length = if header.starts_with(b"PROXY ") {
        read_line(socket, &mut header).await?
    } else if header.starts_with(SIGNATURE) {
        read_binary(socket, &mut header).await?
    } else {
        return Err(malformed("a connection does not begin with a PROXY header"));
    };
    parse(&header[..length])
}

/// The rest of version 1: up to the end of the line. Only as much is taken as was seen to belong to it.
async fn read_line(socket: &mut TcpStream, header: &mut [u8]) -> io::Result<usize> {
    let mut length = SHORTEST;
    while header[length - 1] != b'\n' {
        let space = &mut header[length..LINE_BYTES_MAX];
        if space.is_empty() {
            return Err(malformed("the line of a PROXY header does not end"));
        }
        let seen = socket.peek(space).await?;
        let taken = memchr(b'\n', &space[..seen]).map_or(seen, |end| end + 1);
        if taken == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        length += socket.read_exact(&mut space[..taken]).await?;
    }
    Ok(length)
}

/// The rest of version 2: as long as it says.
async fn read_binary(socket: &mut TcpStream, header: &mut [u8]) -> io::Result<usize> {
    socket.read_exact(&mut header[SHORTEST..FIXED]).await?;
    let length = FIXED + usize::from(u16::from_be_bytes([header[FIXED - 2], header[FIXED - 1]]));
    let Some(rest) = header.get_mut(FIXED..length) else {
        return Err(malformed("a PROXY header is too long"));
    };
    socket.read_exact(rest).await?;
    Ok(length)
}

pub(in crate::serve) fn parse(header: &[u8]) -> io::Result<Option<SocketAddr>> {
    let (parsed, length) = ProxyHeader::parse(header, ParseConfig::default())
        .map_err(|_| malformed("a PROXY header is malformed"))?;
    if length != header.len() || parsed.tlvs().any(|tlv| tlv.is_err()) {
        return Err(malformed("a PROXY header is malformed"));
    }
    match parsed.proxied_address() {
        Some(address) if address.protocol != Protocol::Stream => {
            Err(malformed("a PROXY header is not about a stream"))
        }
        Some(address) => Ok(Some(address.source)),
        None => Ok(None),
    }
}

fn malformed(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// What version 2 begins with.
const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// `PROXY UNKNOWN` with its line end: neither version has anything shorter.
const SHORTEST: usize = 15;
/// Version 2 up to and with its length.
const FIXED: usize = 16;
/// The longest line of version 1.
const LINE_BYTES_MAX: usize = 107;
/// Version 2 with two Unix addresses and some hundred bytes of extensions.
const HEADER_BYTES_MAX: usize = 536;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokio::io::AsyncWriteExt as _;
    use tokio::net::TcpListener;

    use super::*;

    /// What a header says when it arrives in pieces of `piece` bytes, and what is left on the socket.
    fn read(bytes: &[u8], piece: usize) -> Result<(Option<String>, Vec<u8>), io::ErrorKind> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let bytes = bytes.to_vec();
            let sending = tokio::spawn(async move {
                let mut socket = TcpStream::connect(address).await.unwrap();
                socket.set_nodelay(true).unwrap();
                for part in bytes.chunks(piece) {
                    if socket.write_all(part).await.is_err() {
                        break;
                    }
                    tokio::task::yield_now().await;
                }
                // An end that says that there is no more.
                let _ = socket.shutdown().await;
                socket
            });
            let (mut socket, _) = listener.accept().await.unwrap();
            let client = client_of(&mut socket).await.map_err(|error| error.kind())?;
            let mut rest = Vec::new();
            socket.read_to_end(&mut rest).await.unwrap();
            drop(sending.await);
            Ok((client.map(|client| client.to_string()), rest))
        })
    }

    fn version_2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
        [SIGNATURE, &[command, family], &length, rest].concat()
    }

    const IPV4: [u8; 12] = [192, 0, 2, 7, 10, 0, 0, 1, 0x30, 0x39, 0x01, 0xbb];

    // THREATS E52
    #[test]
    fn a_header_gives_the_client_and_leaves_what_follows() {
        let ipv6 = [&[0x20, 1, 0xd, 0xb8][..], &[0; 11], &[7], &[0; 16], &[0x30, 0x39, 1, 0xbb]].concat();
        let with_tlv = [&IPV4[..], &[0x04, 0, 3, 1, 2, 3]].concat();
        let cases: Vec<(Vec<u8>, Option<&str>)> = vec![
            (b"PROXY TCP4 192.0.2.7 10.0.0.1 12345 443\r\n".into(), Some("192.0.2.7:12345")),
            (b"PROXY TCP6 2001:db8::7 ::1 12345 443\r\n".into(), Some("[2001:db8::7]:12345")),
            (b"PROXY UNKNOWN\r\n".into(), None),
            (b"PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n".into(), None),
            (version_2(0x21, 0x11, &IPV4), Some("192.0.2.7:12345")),
            (version_2(0x21, 0x11, &with_tlv), Some("192.0.2.7:12345")),
            (version_2(0x21, 0x21, &ipv6), Some("[2001:db8::7]:12345")),
            (version_2(0x20, 0x00, &[]), None),
            (version_2(0x20, 0x11, &IPV4), None),
            (version_2(0x21, 0x31, &[0; 216]), None),
        ];
        for (header, expected) in cases {
            for piece in [1, 7, 1_000] {
                let sent = [&header[..], b"GET / HTTP/1.1\r\n\n"].concat();
                let (client, rest) = read(&sent, piece).unwrap();
                assert_eq!(client.as_deref(), expected, "{}", header.escape_ascii());
                assert_eq!(rest, b"GET / HTTP/1.1\r\n\n", "{}", header.escape_ascii());
            }
        }
    }

    // THREATS E52
    #[test]
    fn what_is_not_such_a_header_is_refused() {
        let long = [b"PROXY UNKNOWN ".as_slice(), &[b'x'; 200]].concat();
        let bad_tlv = [&IPV4[..], &[0x04, 0, 9, 1]].concat();
        let cases: Vec<Vec<u8>> = vec![
            b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".into(),
            b"proxy tcp4 192.0.2.7 10.0.0.1 12345 443\r\n".into(),
            b"PROXY TCP4 192.0.2.7 10.0.0.1 12345 443\n".into(),
            b"PROXY TCP4 192.0.2.7 10.0.0.1 123456 443\r\n".into(),
            b"PROXY TCP4 2001:db8::7 ::1 12345 443\r\n".into(),
            b"PROXY TCP4 192.0.2.7\r\nX: 10.0.0.1 1 2\r\n".into(),
            b"PROXY UDP4 192.0.2.7 10.0.0.1 12345 443\r\n".into(),
            b"PROXY TCP4 192.0.2.7 10.0.0.1 12345".into(),
            b"PROXY".into(),
            long,
            version_2(0x11, 0x11, &IPV4),
            version_2(0x22, 0x11, &IPV4),
            version_2(0x21, 0x12, &IPV4),
            version_2(0x21, 0x41, &IPV4),
            version_2(0x21, 0x11, &IPV4[..8]),
            version_2(0x21, 0x11, &bad_tlv),
            version_2(0x21, 0x11, &[0; 600]),
            SIGNATURE.into(),
        ];
        for header in cases {
            assert!(read(&header, 1_000).is_err(), "{}", header.escape_ascii());
        }
    }

    proptest! {
        // THREATS D12
        #[test]
        fn no_bytes_make_the_parser_panic(
            start in prop_oneof![Just(&b""[..]), Just(&b"PROXY TCP4 "[..]), Just(SIGNATURE)],
            rest in proptest::collection::vec(any::<u8>(), 0..600),
        ) {
            let _ = parse(&[start, &rest].concat());
        }
    }
}
