//! The program: arguments in, exit code out. Everything else is in the library.

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use earwitness::app;
use earwitness::cli::{self, Cli, Command, Exit};

fn main() -> ExitCode {
    let result = match &Cli::parse().command {
        Command::Serve(args) => app::serve(args),
        Command::Demo(args) => app::demo(args),
        Command::Query(args) => app::query(args),
        Command::Export(args) => app::export(args),
        Command::Import(args) => app::import(args),
        Command::Reindex(args) => app::reindex(args),
        Command::Verify(args) => app::verify(args),
        Command::Keys(args) => app::keys(args),
        Command::Backup(args) => app::backup(args),
        Command::Retention(args) => app::retention(args),
        Command::Erase(args) => app::erase(args),
        Command::Restore(args) => app::restore(args),
        Command::Doctor(args) => app::doctor(args),
        Command::Token(args) => app::token(args),
        Command::Link(args) => app::link(args),
        Command::Check(args) => cli::check(args),
        Command::Schema(args) => cli::schema(args),
        Command::Test(args) => cli::test(args),
        Command::Record(args) => app::record(args),
        Command::Replay(args) => cli::replay(args),
        Command::Explain(args) => cli::explain(args),
        Command::Backtest(args) => cli::backtest(args),
        Command::Coverage(args) => cli::coverage(args),
        Command::Suggest(args) => cli::suggest(args),
        Command::Blindspots(args) => app::blindspots(args),
    };
    let exit = result.unwrap_or_else(|error| {
        let is_broken_pipe = error
            .downcast_ref::<std::io::Error>()
            .is_some_and(|e| e.kind() == std::io::ErrorKind::BrokenPipe);
        // Whoever closed the pipe has read enough: that is no failure (`earwitness check | head`).
        if is_broken_pipe {
            return Exit::Done;
        }
        let _ = writeln!(std::io::stderr(), "earwitness: {error:#}");
        Exit::Failed
    });
    ExitCode::from(exit.code())
}
