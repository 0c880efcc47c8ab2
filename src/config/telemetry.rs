//! `telemetry`: the collector that spans of requests are sent to, and of how many requests. Without it none are made.

use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, Uri};

use crate::yaml::{Problems, Yaml};

use super::credentials::{self, FRAMING};
use super::settings::{Setting, Settings};

/// Where spans go.
#[derive(Clone, Debug, PartialEq)]
pub struct Telemetry {
    /// Where a collector takes OTLP over HTTP: `http://127.0.0.1:4318/v1/traces`.
    pub otlp: Uri,
    /// The share of traces that begin here and are collected, 0 to 1. Whoever sends a trace has decided already.
    pub sample_ratio: f64,
    /// What the collector wants to know us by; no look at them shows a value.
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

/// The collector, if there is one.
pub(super) fn telemetry(settings: &Settings, problems: &mut Problems) -> Option<Telemetry> {
    let ratio = settings.get("telemetry.sample_ratio", problems);
    let Some(setting) = settings.get("telemetry.otlp", problems) else {
        let cure = "name a collector in `telemetry.otlp`, or remove it";
        if let Some(ratio) = ratio {
            ratio.wrong(problems, "says of how many requests spans are made, and nobody takes them", cure);
        }
        if let Some(file) = settings.get("telemetry.headers_file", problems) {
            file.wrong(problems, "holds headers for a collector, and there is none", cure);
        }
        return None;
    };
    let sample_ratio = ratio.map_or(Some(1.0), |ratio| share(&ratio, problems));
    // (What is neither yes nor no is told where it is read.)
    let mut told_there = Problems::default();
    let is_off = settings.find("trace_context").is_some_and(|setting| !setting.flag(&mut told_there));
    if is_off && told_there.error_count() == 0 {
        let cure = "remove `trace_context: false`, or `telemetry`";
        setting.wrong(
            problems,
            "wants spans, which need the trace that `trace_context: false` leaves alone",
            cure,
        );
    }
    let headers = match settings.get("telemetry.headers_file", problems) {
        Some(file) => headers(&file, problems),
        None => Some(Vec::new()),
    };
    Some(Telemetry { otlp: address(&setting, problems)?, sample_ratio: sample_ratio?, headers: headers? })
}

/// The headers of a file, one `name: value` a line. What a line says is never told: it may be a secret.
fn headers(setting: &Setting<'_>, problems: &mut Problems) -> Option<Vec<(HeaderName, HeaderValue)>> {
    let path = setting.path(setting.text(problems, "name a file")?);
    let text = match credentials::read(&path) {
        Ok(text) => text,
        Err(error) => {
            setting.wrong(problems, &format!("cannot be read ({}): {error}", path.display()), HEADERS_CURE);
            return None;
        }
    };
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let mut headers = Vec::new();
    for (number, line) in lines {
        match header(line) {
            Some(header) if headers.len() < HEADERS_MAX => headers.push(header),
            Some(_) | None => {
                let told =
                    format!("has a line {} in {} that is no header for it", number + 1, path.display());
                setting.wrong(problems, &told, HEADERS_CURE);
                return None;
            }
        }
    }
    Some(headers)
}

fn header(line: &str) -> Option<(HeaderName, HeaderValue)> {
    let (name, value) = line.split_once(':')?;
    let name = HeaderName::try_from(name.trim()).ok()?;
    let mut value = HeaderValue::from_str(value.trim()).ok()?;
    value.set_sensitive(true);
    let is_ours = FRAMING.contains(&name.as_str()) || name == CONTENT_TYPE;
    (!is_ours && !value.is_empty()).then_some((name, value))
}

fn address(setting: &Setting<'_>, problems: &mut Problems) -> Option<Uri> {
    let cure = "write the address of a collector, path and all: `http://127.0.0.1:4318/v1/traces`";
    let text = setting.text(problems, cure)?;
    let is_web = |uri: &Uri| matches!(uri.scheme_str(), Some("http" | "https"));
    let has_host = |uri: &Uri| uri.host().is_some_and(|host| !host.is_empty());
    // Who is named there would stand in every look at the configuration.
    let uri = text.parse().ok().filter(|uri| is_web(uri) && has_host(uri) && !text.contains('@'));
    if uri.is_none() {
        setting.wrong(problems, "is not the address of a collector", cure);
    }
    uri
}

fn share(setting: &Setting<'_>, problems: &mut Problems) -> Option<f64> {
    let share = match &setting.node.value {
        Yaml::Number(number) => number.as_f64(),
        Yaml::Text(text) => text.trim().parse().ok(),
        Yaml::Null | Yaml::Bool(_) | Yaml::List(_) | Yaml::Map(_) => None,
    };
    let within = share.filter(|share| (0.0..=1.0).contains(share));
    if within.is_none() {
        setting.wrong(problems, "is not a share", "write a number from 0 to 1: `0.1` is a tenth");
    }
    within
}

const HEADERS_CURE: &str = "write one header a line, 16 at most: `authorization: Bearer …`";
const HEADERS_MAX: usize = 16;
