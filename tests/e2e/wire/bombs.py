"""Bodies of a few bytes that unpack to hundreds of megabytes, one for each content coding, made without a library."""

import gzip
import struct


def _zstd(unpacked_bytes, window_log):
    """A frame of runs (RFC 8878, section 3.1.1): four bytes stand for 128 KiB, and a reader keeps a window."""
    run, count = 128 << 10, unpacked_bytes >> 17
    blocks = (struct.pack("<I", run << 3 | 1 << 1 | (number == count - 1))[:3] + b" " for number in range(count))
    return b"\x28\xb5\x2f\xfd" + bytes([0, window_log - 10 << 3]) + b"".join(blocks)


# 256 MiB of spaces, as node's zlib.brotliCompressSync packs them with quality 11 and lgwin 24.
_BROTLI = (
    "cfffff7ff82540e2b14020f7fe9ffffffff04b00c4610180eefd3fffffffe1970088c32200ddfb7ffeffffc32f0110870500baf7fffcffff"
    "875f02200e0b0074effff9ffff0fbf04401c1600e8defff3ffff1f7e0980382c00d0bdffe7ffff3ffc1200715800a07bffcfffff7ff82500"
    "e2b00040f7fe9ffffffff04b00c4610180eefd3fffffffe1970088c30200ddfb7ffeffffc32f0110870500baf7fffcffff875f02200e0b00"
    "74effff9ffff0fbf04401c1600e8defff3ffff1f7e0980382c00d0bdffcfffff7ffc1200715800a07bff0f"
)



def _of_a_gigabyte(brotli):
    """The same in the form of an extension that is no part of `br`: six bits tell a window of up to a gigabyte."""
    bits = int.from_bytes(brotli, "little") >> 4
    return (0x11 | 30 << 8 | bits << 14).to_bytes(len(brotli) + 2, "little")


# Coding and bytes by name. Those with a window ask for one that nobody should grant.
BOMBS = {
    "gzip": ("gzip", gzip.compress(bytes(64 << 20), mtime=0)),
    "br": ("br", bytes.fromhex(_BROTLI)),
    "br-window": ("br", _of_a_gigabyte(bytes.fromhex(_BROTLI))),
    "zstd": ("zstd", _zstd(256 << 20, 23)),
    "zstd-window": ("zstd", _zstd(256 << 20, 27)),
}
