//! Arguments of the commands that read the log, keep a copy of it, or check it.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use form_urlencoded::Serializer;
use uuid::Uuid;

use crate::export::{Dialect, Format, Proof, Telltale};

/// Where the log is.
#[derive(Debug, Args)]
pub struct WhereArgs {
    /// The configuration of the Earwitness whose log it is. While that runs, its audit listener is asked.
    #[arg(long, short, env = "EARWITNESS_CONFIG")]
    pub config: Option<PathBuf>,
    /// The audit listener of a running Earwitness, instead: `http://127.0.0.1:9090`.
    #[arg(long, conflicts_with = "data_dir")]
    pub url: Option<String>,
    /// Its token, instead of the configuration's.
    #[arg(long, env = "EARWITNESS_ADMIN_TOKEN", hide_env_values = true)]
    pub token: Option<String>,
    /// A data directory that nobody uses, instead.
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
}

/// Which events. Filters of different kinds must all hold; one given several times takes any of its values.
#[derive(Debug, Default, Args)]
pub struct WhichArgs {
    /// Whose actor, or the one on whose behalf, has this id, e-mail address or name.
    #[arg(long)]
    pub actor: Vec<String>,
    /// The same of actors that only say who they are.
    #[arg(long, value_name = "ACTOR")]
    pub claimed_actor: Vec<String>,
    /// Action: `BOOKING_MOVED`.
    #[arg(long)]
    pub action: Vec<String>,
    /// Type.
    #[arg(long, value_name = "TYPE")]
    pub r#type: Vec<String>,
    /// Category: `SECURITY`.
    #[arg(long)]
    pub category: Vec<String>,
    /// Source: `API_V2`.
    #[arg(long)]
    pub source: Vec<String>,
    /// Result: `success`, `failure`, `denied`, `unknown`.
    #[arg(long)]
    pub result: Vec<String>,
    /// Type of the target: `booking`.
    #[arg(long, value_name = "TYPE")]
    pub target_type: Vec<String>,
    /// Identifier of the target, or of what is linked to it.
    #[arg(long, value_name = "ID")]
    pub target_id: Vec<String>,
    /// Organization.
    #[arg(long, value_name = "ID")]
    pub organization: Vec<String>,
    /// Team.
    #[arg(long, value_name = "ID")]
    pub team: Vec<String>,
    /// A label of rules.
    #[arg(long)]
    pub tag: Vec<String>,
    /// Id of the rule: `calcom/booking.created`.
    #[arg(long, value_name = "ID")]
    pub rule: Vec<String>,
    /// From this address or network: `10.0.0.0/8`.
    #[arg(long)]
    pub ip: Vec<String>,
    /// At or after this time: `2026-01-31T08:00:00Z`, or `2026-01-31`.
    #[arg(long, value_name = "TIME")]
    pub from: Option<String>,
    /// Before this time.
    #[arg(long, value_name = "TIME")]
    pub to: Option<String>,
    /// What must stand in it: `word`, `begin*`, `"a phrase"`, `field:value`; `-` before what must not.
    #[arg(long, short, value_name = "SEARCH", allow_hyphen_values = true)]
    pub q: Option<String>,
}

/// Arguments of `query`.
#[derive(Debug, Args)]
pub struct QueryArgs {
    /// Where.
    #[command(flatten)]
    pub at: WhereArgs,
    /// Which.
    #[command(flatten)]
    pub which: WhichArgs,
    /// At most so many, newest first.
    #[arg(long, default_value_t = 50)]
    pub limit: usize,
    /// How they are shown: for people, or one object a line.
    #[arg(long, value_enum, default_value_t = super::ReplayFormat::Text)]
    pub format: super::ReplayFormat,
}

/// Arguments of `export`.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// Where.
    #[command(flatten)]
    pub at: WhereArgs,
    /// Which.
    #[command(flatten)]
    pub which: WhichArgs,
    /// One event, instead of those that filters let through.
    #[arg(long, conflicts_with_all = ["WhichArgs", "cursor"])]
    pub id: Option<Uuid>,
    /// As what.
    #[arg(long, value_enum, default_value_t = Format::Ndjson)]
    pub format: Format,
    /// Where to; standard output when left out. It must not be there yet.
    #[arg(long, short, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Which members, as paths into the event: `time,actor.email,action,target.id`.
    #[arg(long, value_delimiter = ',')]
    pub columns: Vec<String>,
    /// How CSV is written.
    #[arg(long, value_enum)]
    pub dialect: Option<Dialect>,
    /// Whether the file says what was asked for, and how many events it holds.
    #[arg(long, value_enum, default_value_t = Telltale::Yes)]
    pub facts: Telltale,
    /// Whether an NDJSON file shows that its events are in the log that was signed for; left out: where it has all of them.
    #[arg(long, value_enum)]
    pub proof: Option<Proof>,
    /// Go on where an export broke off, with the cursor that it named.
    #[arg(long)]
    pub cursor: Option<String>,
}

/// Arguments of `import`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  earwitness import --config earwitness.yaml events.ndjson")]
pub struct ImportArgs {
    /// What `earwitness export` wrote as NDJSON, with all columns and with its facts.
    pub file: PathBuf,
    /// The configuration of the Earwitness whose log it is to go to, which must not be running.
    #[arg(long, short, env = "EARWITNESS_CONFIG")]
    pub config: Option<PathBuf>,
}

/// Arguments of `verify`.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// Where.
    #[command(flatten)]
    pub at: WhereArgs,
    /// An export (NDJSON) instead of a log; `-` for standard input.
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Checkpoints that were kept elsewhere, which the log must fit.
    #[arg(long, value_name = "FILE")]
    pub checkpoint: Vec<PathBuf>,
    /// The key that signs them, as `earwitness keys show` writes it; else what the data directory says of keys is believed.
    #[arg(long)]
    pub key: Option<String>,
}

/// Arguments of `keys`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  earwitness keys show --config earwitness.yaml")]
pub struct KeysArgs {
    /// Show the key that others know, or put a new one in its place, which the old one signs for.
    pub act: KeysAct,
    /// The configuration of the Earwitness whose log it is.
    #[arg(long, short, env = "EARWITNESS_CONFIG")]
    pub config: Option<PathBuf>,
}

/// What is done with the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum KeysAct {
    /// Show it.
    Show,
    /// Put a new one in its place.
    Rotate,
}

/// Arguments of `reindex`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  earwitness reindex --config earwitness.yaml")]
pub struct ReindexArgs {
    /// The configuration of the Earwitness whose log it is, which must not be running.
    #[arg(long, short, env = "EARWITNESS_CONFIG", required_unless_present = "data_dir")]
    pub config: Option<PathBuf>,
    /// Its data directory, instead.
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
}

/// Arguments of `backup`.
#[derive(Debug, Args)]
pub struct BackupArgs {
    /// Where to; it must be empty or not there yet.
    pub backup: PathBuf,
    /// The configuration of the Earwitness whose log it is, which may be running.
    #[arg(long, short, env = "EARWITNESS_CONFIG", required_unless_present = "data_dir")]
    pub config: Option<PathBuf>,
    /// Its data directory, instead.
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
}

/// Arguments of `restore`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  earwitness restore /mnt/backup/2026-01-31 /var/lib/earwitness/data --config earwitness.yaml
  earwitness restore /mnt/backup/2026-01-31 /var/lib/earwitness/data --without-erasures")]
pub struct RestoreArgs {
    /// What `earwitness backup` made.
    pub backup: PathBuf,
    /// The data directory to be; it must be empty or not there yet.
    pub data_dir: PathBuf,
    /// The configuration: its `erasure.files` list what was erased since, and its `key_file` seals that it is erased again.
    #[arg(long, short, env = "EARWITNESS_CONFIG")]
    pub config: Option<PathBuf>,
    /// A further list of what was erased: the file `erasures` of the data directory that was.
    #[arg(long, value_name = "FILE", requires = "config")]
    pub erasures: Vec<PathBuf>,
    /// Erase nothing again: what was erased since the backup is there again.
    #[arg(long, conflicts_with = "erasures")]
    pub without_erasures: bool,
}

/// Arguments of `doctor`.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// The configuration, of an Earwitness that may be running.
    #[arg(long, short, env = "EARWITNESS_CONFIG")]
    pub config: Option<PathBuf>,
    /// A further address at which the application should not answer: an old name, another port.
    #[arg(long, value_name = "HOST:PORT")]
    pub r#try: Vec<String>,
    /// How the findings are shown.
    #[arg(long, value_enum, default_value_t = super::AnswerFormat::Text)]
    pub format: super::AnswerFormat,
}

/// Arguments of `retention`.
#[derive(Debug, Args)]
pub struct RetentionArgs {
    /// Where the log is.
    #[command(flatten)]
    pub at: WhereArgs,
    /// Remove nothing and show what would be removed; so it is, too, without any of these three.
    #[arg(long, conflicts_with_all = ["run", "confirm"])]
    pub dry_run: bool,
    /// Remove now what may leave; the Earwitness that runs does it.
    #[arg(long)]
    pub run: bool,
    /// The same, though something speaks against it: the id of the plan that was looked at.
    #[arg(long, value_name = "ID")]
    pub confirm: Option<String>,
    /// How it is shown.
    #[arg(long, value_enum, default_value_t = super::AnswerFormat::Text)]
    pub format: super::AnswerFormat,
}

/// Arguments of `erase`.
#[derive(Debug, Args)]
pub struct EraseArgs {
    /// Where the log is.
    #[command(flatten)]
    pub at: WhereArgs,
    /// An address, an id or a name of the person; give each that stands in the log, his main one first.
    #[arg(long, required = true, value_name = "TEXT")]
    pub subject: Vec<String>,
    /// Erase: the id of the plan that was looked at. Without it, what would be erased is shown.
    #[arg(long, value_name = "ID")]
    pub confirm: Option<String>,
    /// How it is shown.
    #[arg(long, value_enum, default_value_t = super::AnswerFormat::Text)]
    pub format: super::AnswerFormat,
}

impl WhichArgs {
    /// The same as parameters of `GET /audit/v1/events`; empty for all events.
    pub fn query(&self) -> String {
        let lists = [
            ("actor", &self.actor),
            ("claimedActor", &self.claimed_actor),
            ("action", &self.action),
            ("type", &self.r#type),
            ("category", &self.category),
            ("source", &self.source),
            ("result", &self.result),
            ("targetType", &self.target_type),
            ("targetId", &self.target_id),
            ("organization", &self.organization),
            ("team", &self.team),
            ("tag", &self.tag),
            ("rule", &self.rule),
            ("ip", &self.ip),
        ];
        let lists =
            lists.into_iter().flat_map(|(name, values)| values.iter().map(move |value| (name, value)));
        let single = [("from", &self.from), ("to", &self.to), ("q", &self.q)];
        let single = single.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?)));
        Serializer::new(String::new()).extend_pairs(lists.chain(single)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_become_parameters_by_the_names_of_the_endpoint() {
        let which = WhichArgs {
            actor: vec!["ben@x.org".to_owned(), "alma".to_owned()],
            target_id: vec!["a&b".to_owned()],
            q: Some("moved by".to_owned()),
            ..WhichArgs::default()
        };
        assert_eq!(which.query(), "actor=ben%40x.org&actor=alma&targetId=a%26b&q=moved+by");
        assert_eq!(WhichArgs::default().query(), "");
    }
}
