//! An explanation for people, made from the one for programs, so that the two cannot disagree.

use std::fmt::Write as _;

use serde_json::Value;

use crate::cli::visible;

/// The whole, from the request line to the events.
pub(super) fn written(title: &str, explained: &Value) -> String {
    let mut out = format!("{title}\n");
    candidates(explained, &mut out);
    for read in list(&explained["reads"]) {
        line(
            &mut out,
            2,
            &format!(
                "asked ({}): {} {} → {}",
                word(&read["for"]),
                word(&read["method"]),
                word(&read["target"]),
                word(&read["came"])
            ),
        );
    }
    for rule in list(&explained["rules"]) {
        one_rule(rule, &mut out);
    }
    for (name, label) in [("events", "event"), ("shadowed", "event (shadow: not recorded)")] {
        for event in list(&explained[name]) {
            line(&mut out, 2, label);
            for text in serde_json::to_string_pretty(event).unwrap_or_default().lines() {
                line(&mut out, 4, text);
            }
        }
    }
    if list(&explained["events"]).is_empty() {
        line(&mut out, 2, "nothing is recorded");
    }
    out.push('\n');
    out
}

fn candidates(explained: &Value, out: &mut String) {
    let met = list(&explained["candidates"]);
    for candidate in met {
        let how = match word(&candidate["by"]).as_str() {
            "raw" => String::new(),
            by => format!(", by its {by} form"),
        };
        let wanted = match candidate["methodFromBody"].as_str() {
            Some(method) => format!(", if the body names the method {method}"),
            None => String::new(),
        };
        let dropped = match candidate["droppedBy"].as_str() {
            Some(phase) => format!(", dropped by the {phase}"),
            None => String::new(),
        };
        line(
            out,
            2,
            &format!(
                "met: {} ({}{how}){wanted}{dropped}",
                word(&candidate["rule"]),
                word(&candidate["line"])
            ),
        );
    }
    if met.is_empty() {
        line(out, 2, "no rule's line meets this request, or an `exclude` takes it out");
    }
    for near in list(&explained["nearby"]) {
        let (differs, wanted) = (word(&near["differs"]), word(&near["wanted"]));
        line(
            out,
            2,
            &format!(
                "not met: {} ({}): it wants the {differs} {wanted}",
                word(&near["rule"]),
                word(&near["line"])
            ),
        );
    }
}

fn one_rule(rule: &Value, out: &mut String) {
    line(out, 2, &format!("rule {} ({}:{})", word(&rule["rule"]), word(&rule["file"]), rule["line"]));
    match rule["actor"].as_str() {
        Some(way) => line(out, 4, &format!("who: by the way `{way}`")),
        None if list(&rule["steps"]).iter().any(|step| step["fired"] == true) => {
            line(out, 4, "who: no way found anybody")
        }
        None => {}
    }
    for step in list(&rule["steps"]) {
        if let Some(ended) = step["ended"].as_str() {
            line(out, 4, ended);
            tests("when", &step["when"], out);
            continue;
        }
        let item = match &step["item"] {
            Value::Null => String::new(),
            item => format!(", item {item}"),
        };
        let fired = if step["fired"] == true { "fires" } else { "does not fire" };
        line(out, 4, &format!("entry {} {fired}{item}", word(&step["entry"])));
        tests("when", &step["when"], out);
        tests("when of the entry", &step["entryWhen"], out);
        if let Some(vars) = step["vars"].as_object() {
            for (name, value) in vars {
                line(out, 6, &format!("vars.{name} = {value}"));
            }
        }
        for field in list(&step["fields"]) {
            one_field(field, out);
        }
    }
}

fn tests(label: &str, tests: &Value, out: &mut String) {
    for test in list(tests) {
        let depth = test["depth"].as_u64().unwrap_or(0).min(20) as usize;
        let values = list(&test["values"]);
        let seen = match values {
            [] => "nothing".to_owned(),
            [one] => one.to_string(),
            many => Value::Array(many.to_vec()).to_string(),
        };
        let text = word(&test["test"]);
        let seen = if text == "any of" || text.starts_with("changed:") {
            String::new()
        } else {
            format!(", sees {seen}")
        };
        line(out, 6 + 2 * depth, &format!("{label} {text} → {}{seen}", word(&test["verdict"])));
        for reason in list(&test["reasons"]) {
            line(out, 8 + 2 * depth, &format!("because {}", word(reason)));
        }
    }
}

fn one_field(field: &Value, out: &mut String) {
    let name = word(&field["field"]);
    if let Some(default) = field["default"].as_str() {
        return line(out, 6, &format!("{name}: by default, {default}"));
    }
    let value = field.get("value").map_or_else(|| "(missing)".to_owned(), Value::to_string);
    let place = match field["file"].as_str() {
        Some(file) => format!("{}, {file}:{}", word(&field["from"]), field["line"]),
        None => word(&field["from"]),
    };
    line(out, 6, &format!("{name} = {value}  from {} ({place})", word(&field["is"])));
    if let Some(doubt) = field["doubt"].as_str() {
        line(out, 8, &format!("in doubt: {doubt}"));
    }
}

/// One line; nothing of it can move the cursor (THREATS E70), and it ends.
fn line(out: &mut String, indent: usize, text: &str) {
    let cut: String = text.chars().take(LINE_CHARS_MAX).collect();
    let more = if cut.len() < text.len() { "…" } else { "" };
    // Writing to a string does not fail.
    let _ = writeln!(out, "{:indent$}{}{more}", "", visible(&cut));
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn word(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

const LINE_CHARS_MAX: usize = 1_000;
