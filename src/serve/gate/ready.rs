//! Bytes that came off a socket before their reader asked for them: a head that was held back until it was
//! complete, or what it took to tell which protocol is spoken.

use tokio::io::ReadBuf;

/// What the reader gets first. Once read, it holds no memory.
#[derive(Debug, Default)]
pub(crate) struct Ready {
    bytes: Vec<u8>,
    /// How much of it was read.
    read: usize,
}

impl Ready {
    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// More, behind what there is.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Gives as much as there is room for.
    pub(crate) fn read_into(&mut self, into: &mut ReadBuf<'_>) {
        let left = &self.bytes[self.read..];
        let taken = left.len().min(into.remaining());
        into.put_slice(&left[..taken]);
        self.read += taken;
        if self.read == self.bytes.len() {
            *self = Ready::default();
        }
    }

    /// What was not read.
    pub(crate) fn into_rest(mut self) -> Vec<u8> {
        self.bytes.split_off(self.read)
    }
}

impl From<Vec<u8>> for Ready {
    fn from(bytes: Vec<u8>) -> Ready {
        Ready { bytes, read: 0 }
    }
}
