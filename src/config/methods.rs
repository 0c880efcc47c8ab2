//! `methods`: the only methods that reach the application (THREATS E14).
//!
//! Some servers take an unknown method for GET, and some frameworks let it past checks that name methods. Who
//! knows what the application's clients use closes that door here.

use http::Method;

use super::settings::Settings;
use crate::yaml::Problems;

/// The methods that pass; none listed for all of them.
pub(super) fn methods(settings: &Settings, problems: &mut Problems) -> Vec<Method> {
    let cure = "write methods in capitals, such as `[GET, HEAD, POST]`, or leave it out to let all pass";
    let Some(setting) = settings.get("methods", problems) else { return Vec::new() };
    let items = setting.items(&[',', ' '], problems, cure);
    if setting.node.as_list().is_some_and(<[_]>::is_empty) {
        setting.wrong(problems, "lets nothing pass", cure);
    }
    let mut methods = Vec::new();
    for item in items {
        let is_name = item.text.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'-');
        match Method::from_bytes(item.text.as_bytes()) {
            Ok(Method::CONNECT | Method::TRACE) => {
                let cure = "leave it out: it would open a tunnel, or show credentials";
                setting.wrong_at(item.span, problems, "names a method that is never served", cure);
            }
            Ok(method) if is_name => methods.push(method),
            Ok(_) | Err(_) => {
                setting.wrong_at(item.span, problems, "holds something that is no method", cure);
            }
        }
    }
    methods
}
