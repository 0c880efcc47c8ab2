//! The routes without a socket, for a program that has opened a log itself.

use axum::Router;
use axum::http::header::HOST;
use axum::http::{Request, StatusCode};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;

use super::super::router;
use super::state::State;

/// All routes of the audit listener, asked from within.
pub struct Routes {
    service: TowerToHyperService<Router>,
}

impl Routes {
    /// The routes of this log.
    pub fn new(state: State) -> Routes {
        Routes { service: TowerToHyperService::new(router(state)) }
    }

    /// What `GET target` answers.
    ///
    /// # Errors
    /// When `target` is no path and query, or the answer breaks off.
    pub async fn get(&self, target: &str) -> Result<(StatusCode, Bytes), axum::Error> {
        let request = Request::get(target).header(HOST, "localhost").body(Empty::<Bytes>::new());
        let answer = self.service.call(request.map_err(axum::Error::new)?).await;
        let (head, body) = answer.map_err(axum::Error::new)?.into_parts();
        Ok((head.status, body.collect().await?.to_bytes()))
    }
}
