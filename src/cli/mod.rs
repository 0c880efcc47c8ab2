//! The command line: what can be asked for, and the commands that need no running proxy.
//!
//! Standard output carries answers, standard error carries everything else. Exit codes: 0 done, 1 it
//! could not be done, 2 what the user wrote (arguments, configuration, rules) is wrong.

mod blind;
mod explain;
mod link;
mod packs;
mod reading;
mod replay;
mod terminal;
mod timeline;
mod token;

pub use blind::{BlindspotsArgs, blind_spots};
pub use explain::explain;
pub use link::{LinkArgs, LinkCommand, LinkCreateArgs};
pub use packs::{check, coverage, load, schema, show, suggest, test, trial_failures};
pub use reading::{
    BackupArgs, DoctorArgs, EraseArgs, ExportArgs, ImportArgs, KeysAct, KeysArgs, QueryArgs, ReindexArgs,
    RestoreArgs, RetentionArgs, VerifyArgs, WhereArgs, WhichArgs,
};
pub use replay::{backtest, replay};
pub use terminal::visible;
pub use timeline::Timeline;
pub use token::{
    Lifetime, TokenArgs, TokenCommand, TokenCreateArgs, TokenListArgs, TokenRevokeArgs, TokensAt,
};

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// An audit log for applications that have none.
#[derive(Debug, Parser)]
#[command(name = "earwitness", version, about, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done,
    /// It could not be done, or a test failed.
    Failed,
    /// What the user wrote is wrong.
    Wrong,
}

impl Exit {
    /// The exit code.
    pub fn code(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Wrong => 2,
        }
    }
}

/// What can be asked for.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the proxy and the audit listener.
    #[command(after_help = "Example:\n  earwitness serve --config earwitness.yaml")]
    Serve(ServeArgs),
    /// Show it all on this machine: a legacy application, the proxy before it, the records.
    #[command(after_help = "Example:\n  earwitness demo")]
    Demo(DemoArgs),
    /// Show events of the log, newest first.
    #[command(
        after_help = "Examples:\n  earwitness query --config earwitness.yaml --actor ben@example.org --from 2026-01-31\n  \
                      earwitness query --config earwitness.yaml --target-type booking --target-id 103 --format json"
    )]
    Query(QueryArgs),
    /// Write events of the log to a file, as many as there are.
    #[command(after_help = "Examples:\n  earwitness export --config earwitness.yaml --out events.ndjson\n  \
                      earwitness export --config earwitness.yaml --format csv --columns time,actor.email,action --out events.csv\n  \
                      earwitness export --config earwitness.yaml --format xlsx --from 2026-01-01 --out january.xlsx")]
    Export(ExportArgs),
    /// Record the events of an export (NDJSON) at the end of a log that nobody holds, for moving house.
    Import(ImportArgs),
    /// Compute the tree of hashes anew, of a log or of an export, and tell of what is not as it was recorded.
    #[command(after_help = "Example:\n  earwitness verify --config earwitness.yaml --checkpoint elsewhere")]
    Verify(VerifyArgs),
    /// Make the index of a log that nobody uses anew.
    Reindex(ReindexArgs),
    /// Show, or change, the key that signs checkpoints.
    Keys(KeysArgs),
    /// Copy the log of an Earwitness, which may be running, into a folder, and check the copy.
    #[command(after_help = "Example:\n  earwitness backup --config earwitness.yaml /mnt/backup/2026-01-31")]
    Backup(BackupArgs),
    /// Look for what would keep the log from being whole: ways past the proxy, files that others can use, a full disk.
    #[command(after_help = "Examples:\n  earwitness doctor --config earwitness.yaml\n  \
                      earwitness doctor --config earwitness.yaml --try app.internal:8081")]
    Doctor(DoctorArgs),
    /// Make, list and revoke the tokens by which people and programs read the log.
    Token(TokenArgs),
    /// Make links to the viewer, each for one thing or one person.
    Link(LinkArgs),
    /// Show what may leave the log and what would leave it now; or let it leave.
    #[command(after_help = "Example:\n  earwitness retention --config earwitness.yaml --dry-run")]
    Retention(RetentionArgs),
    /// Show which values of a person would be erased; or erase them.
    #[command(
        after_help = "Example:\n  earwitness erase --config earwitness.yaml --subject anna@example.org"
    )]
    Erase(EraseArgs),
    /// Make a data directory from a backup.
    Restore(RestoreArgs),
    /// Check rule packs: every problem at once, with place and cure.
    #[command(after_help = "Example:\n  earwitness check rules/calcom rules/caldav")]
    Check(CheckArgs),
    /// The JSON Schema of rule files, for editors; or the actions that rule packs record.
    #[command(
        after_help = "Examples:\n  earwitness schema > rules.schema.json\n  earwitness schema --actions rules/"
    )]
    Schema(SchemaArgs),
    /// Run the tests that stand in rule packs.
    #[command(after_help = "Example:\n  earwitness test rules/")]
    Test(TestArgs),
    /// Pass traffic on and record it, without its secrets, for `replay`, `backtest` and `explain`.
    #[command(
        after_help = "Example:\n  earwitness record --listen 127.0.0.1:8080 --upstream http://127.0.0.1:8081 --out traffic.har --for 15m"
    )]
    Record(RecordArgs),
    /// Run rules over recorded traffic (a HAR) and print what they would have recorded.
    #[command(after_help = "Example:\n  earwitness replay traffic.har --rules rules/calcom")]
    Replay(ReplayArgs),
    /// Tell why an exchange of a HAR, or of what `curl -v` printed, is recorded as it is, or is not.
    #[command(
        after_help = "Examples:\n  earwitness explain traffic.har --rules rules/calcom --entry 12\n  curl -v … 2>&1 | earwitness explain - --rules rules/calcom"
    )]
    Explain(ExplainArgs),
    /// Compare what two sets of rules record of the same traffic; exit code 1 when it differs.
    #[command(after_help = "Example:\n  earwitness backtest rules/calcom edited/calcom traffic.har")]
    Backtest(BacktestArgs),
    /// Which requests of an application's description no rule covers.
    #[command(after_help = "Example:\n  earwitness coverage --openapi api.json --rules rules/calcom")]
    Coverage(CoverageArgs),
    /// Which requests a running Earwitness has passed on that may have changed something and that no rule recorded.
    #[command(after_help = "Examples:\n  earwitness blindspots --config earwitness.yaml\n  \
                             earwitness blindspots --url http://127.0.0.1:9090 --format json")]
    Blindspots(BlindspotsArgs),
    /// A rule with a test to begin with, for a request that no rule covers.
    #[command(
        after_help = "Examples:\n  earwitness suggest --from-blindspot 'POST /api/bookings/{id}/cancel'\n  \
                             earwitness suggest --openapi api.json --operation cancelBooking"
    )]
    Suggest(SuggestArgs),
}

/// Arguments of `serve`.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// The configuration file; without it, everything comes from the environment.
    #[arg(long, short, env = "EARWITNESS_CONFIG")]
    pub config: Option<PathBuf>,
    /// Which log lines: `info`, `debug`, `earwitness=debug,info`.
    #[arg(long, env = "EARWITNESS_LOG", default_value = "info")]
    pub log: String,
    /// How log lines look.
    #[arg(long, value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
    /// Start nothing: check the configuration and its packs, run their tests, and tell what would be in force.
    #[arg(long)]
    pub check: bool,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For programs: one object a line.
    Json,
}

/// Arguments of `demo`.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Stop once the records are shown, instead of staying up.
    #[arg(long)]
    pub exit: bool,
}

/// Arguments of `check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Packs: their folders, or a folder of packs, or single files.
    #[arg(required_unless_present = "config")]
    pub paths: Vec<PathBuf>,
    /// Check the packs of this configuration too, and the credentials that all of them ask for.
    #[arg(long, short, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// List what the packs read from the application, as whom, and what they take out of redaction.
    #[arg(long)]
    pub permissions: bool,
    /// How problems are shown.
    #[arg(long, value_enum, default_value_t = ProblemFormat::Text)]
    pub format: ProblemFormat,
    /// An OpenAPI description (JSON or YAML): warns of rules at paths that it does not have.
    #[arg(long, value_name = "FILE")]
    pub openapi: Option<PathBuf>,
    /// Treat warnings as errors.
    #[arg(long)]
    pub strict: bool,
}

/// How problems are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ProblemFormat {
    /// For people, with excerpts.
    Text,
    /// For programs.
    Json,
}

/// Arguments of `schema`.
#[derive(Debug, Args)]
pub struct SchemaArgs {
    /// List the actions of these packs and the rules that record them, instead.
    #[arg(long, value_name = "PACKS", num_args = 1..)]
    pub actions: Vec<PathBuf>,
}

/// Arguments of `test`.
#[derive(Debug, Args)]
pub struct TestArgs {
    /// Packs: their folders, or a folder of packs, or single files.
    #[arg(required = true)]
    pub paths: Vec<PathBuf>,
    /// Only tests whose rule or name holds this text.
    #[arg(long)]
    pub only: Option<String>,
    /// How the outcome is shown.
    #[arg(long, value_enum, default_value_t = TestFormat::Text)]
    pub format: TestFormat,
    /// List the rules and branches that no test reaches.
    #[arg(long)]
    pub coverage: bool,
    /// Write what was derived into the `expect` of tests that lack it or fail. Review it: it may be wrong.
    #[arg(long)]
    pub update: bool,
}

/// How the outcome of tests is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TestFormat {
    /// For people.
    Text,
    /// For programs.
    Json,
    /// For build servers.
    Junit,
}

/// Arguments of `record`.
#[derive(Debug, Args)]
pub struct RecordArgs {
    /// A configuration: where to listen, the application, and packs whose secrets are left out too.
    #[arg(long, short, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Where clients connect; wins over the configuration.
    #[arg(long, value_name = "ADDRESS", required_unless_present = "config")]
    pub listen: Option<String>,
    /// The application; wins over the configuration.
    #[arg(long, value_name = "URL", required_unless_present = "config")]
    pub upstream: Option<String>,
    /// The HAR to write; it must not be there yet.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Stop after this time (`90s`, `15m`, `2h`), and with it the passing on; without it, at SIGTERM.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub r#for: Option<Duration>,
}

/// `90`, `90s`, `15m`, `2h`.
fn duration(text: &str) -> Result<Duration, String> {
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let number = text[..text.len() - unit.len()].parse::<u64>().ok();
    let factor = match unit {
        "" | "s" => Some(1),
        "m" => Some(60),
        "h" => Some(3_600),
        _ => None,
    };
    let seconds = number.zip(factor).and_then(|(number, factor)| number.checked_mul(factor));
    let seconds = seconds.filter(|seconds| (1..=RECORDING_SECONDS_MAX).contains(seconds));
    seconds.map(Duration::from_secs).ok_or_else(|| "write it as 90s, 15m or 2h, up to 7 days".to_owned())
}

const RECORDING_SECONDS_MAX: u64 = 7 * 86_400;

/// Arguments of `replay`.
#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// A HAR, or what `curl -v` printed; `-` for standard input.
    pub file: PathBuf,
    /// Packs: their folders, or a folder of packs, or single files.
    #[arg(long, required = true, num_args = 1..)]
    pub rules: Vec<PathBuf>,
    /// How events are shown.
    #[arg(long, value_enum, default_value_t = ReplayFormat::Text)]
    pub format: ReplayFormat,
}

/// Arguments of `explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// A HAR, or what `curl -v` printed; `-` for standard input.
    pub file: PathBuf,
    /// Packs: their folders, or a folder of packs, or single files.
    #[arg(long, required = true, num_args = 1..)]
    pub rules: Vec<PathBuf>,
    /// Only this entry of the file, from 1.
    #[arg(long, value_name = "NUMBER")]
    pub entry: Option<usize>,
    /// Only exchanges whose path or query holds this text.
    #[arg(long, value_name = "TEXT")]
    pub url: Option<String>,
    /// How the explanation is shown.
    #[arg(long, value_enum, default_value_t = ReplayFormat::Text)]
    pub format: ReplayFormat,
}

/// Arguments of `backtest`.
#[derive(Debug, Args)]
pub struct BacktestArgs {
    /// The rules to compare with: a pack, or a folder of packs.
    pub old: PathBuf,
    /// The rules to compare.
    pub new: PathBuf,
    /// A HAR, or what `curl -v` printed; `-` for standard input.
    pub file: PathBuf,
    /// How differences are shown.
    #[arg(long, value_enum, default_value_t = ReplayFormat::Text)]
    pub format: ReplayFormat,
}

/// How the outcome of recorded traffic is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ReplayFormat {
    /// For people.
    Text,
    /// For programs: one object a line.
    Json,
}

/// Arguments of `coverage`.
#[derive(Debug, Args)]
pub struct CoverageArgs {
    /// The description: OpenAPI 3 or Swagger 2 (JSON or YAML), or a Google discovery document.
    #[arg(long, value_name = "FILE")]
    pub openapi: PathBuf,
    /// Packs: their folders, or a folder of packs, or single files.
    #[arg(long, value_name = "PACKS", num_args = 1.., required = true)]
    pub rules: Vec<PathBuf>,
    /// Exceptions beside those in the packs' own `coverage.yaml`.
    #[arg(long, value_name = "FILE")]
    pub exceptions: Option<PathBuf>,
    /// How the outcome is shown.
    #[arg(long, value_enum, default_value_t = AnswerFormat::Text)]
    pub format: AnswerFormat,
}

/// How an answer is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum AnswerFormat {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// Arguments of `suggest`.
#[derive(Debug, Args)]
pub struct SuggestArgs {
    /// A blind spot, as `earwitness blindspots` names it: `POST /api/bookings/{id}/cancel`.
    #[arg(long, value_name = "LINE", conflicts_with_all = ["openapi", "operation"])]
    pub from_blindspot: Option<String>,
    /// A description, as for `coverage`.
    #[arg(long, value_name = "FILE", requires = "operation")]
    pub openapi: Option<PathBuf>,
    /// One of its operations, by name or as `METHOD /path`.
    #[arg(long, requires = "openapi")]
    pub operation: Option<String>,
}
