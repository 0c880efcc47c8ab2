//! HTTP/2 frame by frame (RFC 9113 section 4), for an application that does what no library would.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};

pub(super) const INTERNAL_ERROR: u32 = 2;
pub(super) const REFUSED_STREAM: u32 = 7;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const END_STREAM: u8 = 1;
const ACK: u8 = 1;
const END_HEADERS: u8 = 4;
/// `:status: 200`, from HPACK's table.
const OK: &[u8] = &[0x88];

/// The application's end of a connection.
pub(super) struct Frames<'a> {
    socket: &'a TcpStream,
}

impl Frames<'_> {
    /// Takes the client's preface and says our settings; `None` when the client is gone.
    pub(super) fn begin(socket: &TcpStream) -> Option<Frames<'_>> {
        let mut preface = [0; 24];
        (&*socket).read_exact(&mut preface).ok()?;
        assert_eq!(&preface, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        let mut frames = Frames { socket };
        frames.send(SETTINGS, 0, 0, &[]);
        Some(frames)
    }

    /// The stream of the next request whose body, if any, has come; `None` at the end.
    pub(super) fn next_request(&mut self) -> Option<u32> {
        loop {
            let mut head = [0; 9];
            let mut socket = self.socket;
            socket.read_exact(&mut head).ok()?;
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
            let mut payload = vec![0; length as usize];
            socket.read_exact(&mut payload).ok()?;
            let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
            match (head[3], head[4]) {
                (HEADERS | DATA, flags) if flags & END_STREAM != 0 => return Some(stream),
                (SETTINGS, flags) if flags & ACK == 0 => self.send(SETTINGS, ACK, 0, &[]),
                (_, _) => {}
            }
        }
    }

    pub(super) fn answer(&mut self, stream: u32, body: &[u8]) {
        self.send(HEADERS, END_HEADERS, stream, OK);
        self.send(DATA, END_STREAM, stream, body);
    }

    pub(super) fn begin_answer(&mut self, stream: u32, body: &[u8]) {
        self.send(HEADERS, END_HEADERS, stream, OK);
        self.send(DATA, 0, stream, body);
    }

    pub(super) fn reset(&mut self, stream: u32, code: u32) {
        self.send(RST_STREAM, 0, stream, &code.to_be_bytes());
    }

    /// Says that no stream after that one was or will be looked at.
    pub(super) fn go_away(&mut self, last: u32) {
        self.send(GOAWAY, 0, 0, &[last.to_be_bytes(), 0_u32.to_be_bytes()].concat());
    }

    pub(super) fn close(&mut self) {
        let _ = self.socket.shutdown(Shutdown::Write);
    }

    /// The other end may be gone: what it then misses is what the test is about.
    fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let length = (payload.len() as u32).to_be_bytes();
        let mut frame = vec![length[1], length[2], length[3], kind, flags];
        frame.extend_from_slice(&stream.to_be_bytes());
        frame.extend_from_slice(payload);
        let _ = self.socket.write_all(&frame);
    }
}
