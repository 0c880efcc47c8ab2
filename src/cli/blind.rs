//! Blind spots as a table.

use std::path::PathBuf;

use clap::Args;
use serde_json::Value;

use super::AnswerFormat;
use super::terminal::visible;

/// Arguments of `blindspots`.
#[derive(Debug, Args)]
pub struct BlindspotsArgs {
    /// The configuration of the running Earwitness, which names its audit listener and token.
    #[arg(long, short, env = "EARWITNESS_CONFIG")]
    pub config: Option<PathBuf>,
    /// The audit listener, instead: `http://127.0.0.1:9090`.
    #[arg(long)]
    pub url: Option<String>,
    /// Its token, instead of the configuration's.
    #[arg(long, env = "EARWITNESS_ADMIN_TOKEN", hide_env_values = true)]
    pub token: Option<String>,
    /// How they are shown.
    #[arg(long, value_enum, default_value_t = AnswerFormat::Text)]
    pub format: AnswerFormat,
}

/// The answer of `/audit/v1/blind-spots` for people: one line a template, what came of it, and by which names
/// one of its requests can be known.
pub fn blind_spots(answer: &Value) -> String {
    let rows = answer["data"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut text = silent_rules(answer);
    for (index, row) in rows.iter().enumerate() {
        let word = |name: &str| visible(row[name].as_str().unwrap_or_default()).into_owned();
        let number = |name: &str| row[name].as_u64().unwrap_or_default();
        let statuses = row["statuses"].as_object().into_iter().flatten();
        let statuses: Vec<String> = statuses.map(|(class, count)| format!("{count} x {class}")).collect();
        text.push_str(&format!("{:>4}  {} {}\n", index + 1, word("method"), word("path")));
        text.push_str(&format!(
            "      {} unmatched, {} matched but not recorded; {}; about {} clients; {} to {}\n",
            number("unmatched"),
            number("unrecorded"),
            visible(&statuses.join(", ")),
            number("clients"),
            word("firstSeen"),
            word("lastSeen"),
        ));
        let values = row["values"].as_object().into_iter().flatten();
        for (name, values) in values {
            let values = values.as_array().into_iter().flatten().take(VALUES_SHOWN);
            let values: Vec<String> = values
                .map(|value| format!("{} ({})", value["value"].as_str().unwrap_or_default(), value["count"]))
                .collect();
            text.push_str(&format!("      {}: {}\n", visible(name), visible(&values.join(", "))));
        }
        let names = row["sample"]["query"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let names: Vec<&str> = names.collect();
        if !names.is_empty() {
            text.push_str(&format!("      query: {}\n", visible(&names.join(", "))));
        }
    }
    let unlearned =
        answer["unlearned"].as_object().into_iter().flatten().filter_map(|(_, count)| count.as_u64());
    let unlearned: u64 = unlearned.fold(0, u64::saturating_add);
    text.push_str(&format!("{} blind spots; {unlearned} requests that fit none of them\n", rows.len()));
    text
}

/// The rules that have gone silent, a few lines each; nothing when there are none.
fn silent_rules(answer: &Value) -> String {
    let mut text = String::new();
    for silent in answer["silent"].as_array().into_iter().flatten() {
        let word = |value: &Value| visible(value.as_str().unwrap_or_default()).into_owned();
        text.push_str(&format!(
            "SILENT  {}\n      last fired {}; {} requests since that were recorded or are below\n",
            word(&silent["rule"]),
            word(&silent["lastFired"]),
            silent["requestsSince"].as_u64().unwrap_or_default(),
        ));
        for like in silent["like"].as_array().into_iter().flatten() {
            text.push_str(&format!("      now perhaps {} {}\n", word(&like["method"]), word(&like["path"])));
        }
    }
    text
}

const VALUES_SHOWN: usize = 8;
