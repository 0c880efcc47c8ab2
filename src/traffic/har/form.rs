//! The members of a HAR that are read here, as tools write them: everything but method and URL may be
//! missing or null.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::exchange::{CaptureState, Certificate, Ending};

/// One of `log.entries`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Entry {
    pub(super) started_date_time: Option<String>,
    /// Milliseconds; some tools write -1 for "unknown".
    pub(super) time: Option<f64>,
    pub(super) request: Request,
    pub(super) response: Option<Response>,
    #[serde(rename = "_earwitness")]
    pub(super) own: Option<Own>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Request {
    pub(super) method: String,
    pub(super) url: String,
    #[serde(default)]
    pub(super) headers: Vec<Pair>,
    pub(super) post_data: Option<Body>,
    pub(super) body_size: Option<f64>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Response {
    #[serde(default)]
    pub(super) status: i64,
    #[serde(default)]
    pub(super) headers: Vec<Pair>,
    pub(super) content: Option<Body>,
    pub(super) body_size: Option<f64>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Pair {
    pub(super) name: String,
    pub(super) value: Option<String>,
}

/// `postData` and `content`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Body {
    pub(super) mime_type: Option<String>,
    pub(super) text: Option<String>,
    /// `base64`, or nothing; HAR has it for `content` only, tools write it for both.
    pub(super) encoding: Option<String>,
    pub(super) size: Option<f64>,
    /// Of a form, in place of `text`.
    #[serde(default)]
    pub(super) params: Vec<Pair>,
}

/// What our own recordings add to an entry.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Own {
    pub(super) id: Uuid,
    pub(super) request_id: String,
    pub(super) ip: IpAddr,
    pub(super) peer: IpAddr,
    pub(super) is_trusted: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) certificate: Option<Certificate>,
    pub(super) ending: OwnEnding,
    pub(super) request_body: OwnBody,
    pub(super) response_body: Option<OwnBody>,
}

/// What became of a body.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OwnBody {
    pub(super) state: OwnState,
    pub(super) seen_bytes: u64,
    /// Why its text is not there, where it could have been.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) withheld: Option<String>,
    /// Keyed hash of what is withheld: equal bodies have equal hashes, within one file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) hash: Option<String>,
}

/// [`CaptureState`] in a file.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum OwnState {
    Empty,
    Complete,
    Cut,
    Broken,
    Skipped,
}

/// [`Ending`] in a file.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum OwnEnding {
    Complete,
    ClientGone,
    UpstreamUnreachable,
    UpstreamGone,
    UpstreamTimeout,
    Refused,
    Denied,
}

impl From<CaptureState> for OwnState {
    fn from(state: CaptureState) -> OwnState {
        match state {
            CaptureState::Empty => OwnState::Empty,
            CaptureState::Complete => OwnState::Complete,
            CaptureState::Cut => OwnState::Cut,
            CaptureState::Broken => OwnState::Broken,
            CaptureState::Skipped => OwnState::Skipped,
        }
    }
}

impl From<Ending> for OwnEnding {
    fn from(ending: Ending) -> OwnEnding {
        match ending {
            Ending::Complete => OwnEnding::Complete,
            Ending::ClientGone => OwnEnding::ClientGone,
            Ending::UpstreamUnreachable => OwnEnding::UpstreamUnreachable,
            Ending::UpstreamGone => OwnEnding::UpstreamGone,
            Ending::UpstreamTimeout => OwnEnding::UpstreamTimeout,
            Ending::Refused => OwnEnding::Refused,
            Ending::Denied => OwnEnding::Denied,
        }
    }
}

impl From<OwnEnding> for Ending {
    fn from(ending: OwnEnding) -> Ending {
        match ending {
            OwnEnding::Complete => Ending::Complete,
            OwnEnding::ClientGone => Ending::ClientGone,
            OwnEnding::UpstreamUnreachable => Ending::UpstreamUnreachable,
            OwnEnding::UpstreamGone => Ending::UpstreamGone,
            OwnEnding::UpstreamTimeout => Ending::UpstreamTimeout,
            OwnEnding::Refused => Ending::Refused,
            OwnEnding::Denied => Ending::Denied,
        }
    }
}
