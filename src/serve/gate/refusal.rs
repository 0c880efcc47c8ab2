//! Why a raw head or chunk is refused before anybody reads it: each reason is a doubt about where a message
//! ends, whom it addresses or what it asks for, and doubt is not forwarded (THREATS rule 2).

/// Why a message is refused. The text is shown to the client; where the message was an answer, it is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// `http::Uri` would silently drop the `#` and what follows it.
    #[error("the request target holds a '#'")]
    HashInTarget,
    /// RFC 9112 section 3.2: no URI has it, and our own parser would not take it.
    #[error("the request target holds a byte that no target can have")]
    BadTarget,
    /// A line ends in LF alone, or holds a CR that is not part of CRLF.
    #[error("a line of the head does not end in CR LF")]
    BareLineEnd,
    /// A byte below 0x20 other than a tab, or DEL.
    #[error("the head holds a control byte")]
    ControlByte,
    /// RFC 9112 section 5.2.
    #[error("a header is folded over several lines")]
    FoldedHeader,
    /// RFC 9112 section 5.1.
    #[error("a header line is not 'name: value'")]
    BadHeaderLine,
    /// The first line is not `METHOD target HTTP/1.x`.
    #[error("the request line is not 'METHOD target HTTP/1.1'")]
    BadRequestLine,
    /// Only 1.0 and 1.1 are spoken here.
    #[error("only HTTP/1.0 and HTTP/1.1 are spoken here")]
    Version,
    /// CONNECT would open a tunnel; TRACE would reflect credentials.
    #[error("the methods CONNECT and TRACE are not served")]
    Method,
    /// Methods have a case. An application that does not know it answers without a body, and where that answer
    /// ends is anybody's guess.
    #[error("the method HEAD is written in capitals")]
    HeadInOtherCase,
    /// RFC 9112 section 6.1: the classic of request smuggling.
    #[error("there are both Transfer-Encoding and Content-Length")]
    LengthAndCoding,
    /// Not digits only, or more than one.
    #[error("Content-Length is not one plain number")]
    BadLength,
    /// Anything but one `chunked` in HTTP/1.1.
    #[error("Transfer-Encoding is not 'chunked'")]
    BadCoding,
    /// RFC 9112 section 3.2.
    #[error("the request has no Host header")]
    HostMissing,
    /// RFC 9112 section 3.2.
    #[error("the request has more than one Host header")]
    HostDoubled,
    /// It holds a byte that no host name and port can have.
    #[error("the request's Host header is not a host name with an optional port")]
    HostInvalid,
    /// The application and the record could believe different ones.
    #[error("the request has more than one Authorization header")]
    AuthorizationDoubled,
    /// The application and the record could believe different ones.
    #[error("the request target names another host than the Host header")]
    HostDisagrees,
    /// RFC 9110 section 4.2.4.
    #[error("the request target holds user information")]
    UserInformation,
    /// `head_bytes_max`.
    #[error("the head is too large")]
    HeadTooLarge,
    /// `headers_max`.
    #[error("there are too many header lines")]
    TooManyHeaders,
    /// `head_ms`.
    #[error("the request's head did not arrive in time")]
    HeadTooSlow,
    /// A chunk's size line or its end is malformed.
    #[error("a chunk of the body is malformed")]
    BadChunk,
}
