//! Kill -9 at any moment: this test program starts itself as a writer, kills it, and looks at what is left.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use super::*;

#[test]
fn after_a_kill_at_any_moment_every_acknowledged_event_is_there() {
    let directory = tempfile::tempdir().unwrap();
    let mut acknowledged = 0;
    for round in 0..10u64 {
        let mut writer = Command::new(std::env::current_exe().unwrap())
            .args(["record::tests::crash::writer_to_be_killed", "--exact", "--nocapture"])
            .env(DIRECTORY, directory.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(writer.stdout.take().unwrap()).lines().map_while(Result::ok);
        // How many acknowledgements are waited for is what makes the moment differ from round to round.
        let moment = [1, 40, 3, 90, 17, 250, 60, 2, 140, 33][round as usize];
        for line in lines.by_ref().filter(|line| line.starts_with(MARK)).take(moment) {
            acknowledged = line[MARK.len()..].parse().unwrap();
        }
        writer.kill().unwrap();
        writer.wait().unwrap();
        for line in lines.filter(|line| line.starts_with(MARK)) {
            // A line cut off by the kill is shorter than its number; a shorter number is no claim too many.
            acknowledged = line[MARK.len()..].parse().unwrap_or(acknowledged).max(acknowledged);
        }
        // Every other round is looked at in a copy, so that the next writer finds what the kill left.
        let copy = tempfile::tempdir().unwrap();
        let looked_at = if round % 2 == 0 { directory.path() } else { copy.path() };
        if round % 2 == 1 {
            copy_all(directory.path(), copy.path());
        }
        let log = open(looked_at, slow());
        assert_eq!(log.state(), State::Ready, "round {round}");
        let found = all(&log);
        assert!(found.len() as u64 >= acknowledged, "round {round}: {} of {acknowledged}", found.len());
        assert_is_whole(&found, found.len() as u64);
        acknowledged = found.len() as u64;
        close(log);
    }
    assert!(acknowledged > 300, "{acknowledged}");
}

/// Not a test by itself: the writer of the test above, when that starts it.
#[test]
fn writer_to_be_killed() {
    let Ok(directory) = std::env::var(DIRECTORY) else { return };
    let log = open(Path::new(&directory), brisk());
    run(async {
        loop {
            let next = log.head().sequence + 1;
            log.record((next..next + next % 4 + 1).map(event).collect(), Urgency::Now).await.unwrap();
            println!("{MARK}{}", log.head().sequence);
        }
    });
}

pub(super) fn copy_all(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let (path, to) = (entry.as_ref().unwrap().path(), to.join(entry.as_ref().unwrap().file_name()));
        if path.is_dir() {
            fs::create_dir(&to).unwrap();
            copy_all(&path, &to);
        } else {
            fs::copy(&path, &to).unwrap();
        }
    }
}

const DIRECTORY: &str = "EARWITNESS_TEST_CRASH_DIRECTORY";
const MARK: &str = "acknowledged ";
