//! Logs that are what was signed for, and logs that are not.

use std::fs;
use std::path::Path;

use uuid::Uuid;

use super::*;
use crate::config::Limits;
use crate::event::Event;
use crate::event::own::{self, Own};
use crate::store::{Filter, Found, Order, Query, Terms};

fn config(folder: &Path) -> Config {
    let text = "listen: 127.0.0.1:0\nupstream: http://127.0.0.1:9\ndata_dir: data\nkey_file: key\nrules: rules\n\
                checkpoints: { files: [outside] }\n";
    fs::create_dir_all(folder.join("rules")).unwrap();
    fs::write(folder.join("rules/pack.yaml"), "version: 1\npack: p\nrules: []\n").unwrap();
    fs::write(folder.join("config.yaml"), text).unwrap();
    Config::load(Some(&folder.join("config.yaml")), Vec::new())
        .unwrap_or_else(|problems| panic!("{}", problems.render()))
}

fn event(n: u32) -> Event {
    let (rule, action) = ("test", "MADE");
    own::event(Own {
        id: Uuid::now_v7(),
        time: Timestamp::now(),
        rule,
        action,
        title: action,
        text: format!("number {n}"),
        result: crate::event::Outcome::Success,
    })
}

/// A life of a recorder in which so many events are recorded; why it is alarmed, and the actions that it recorded.
async fn live(config: &Config, events: u32) -> (Option<String>, Vec<String>) {
    let log = Log::open(&config.data_dir, Some([1; 32]), &Limits::default(), Metrics::new()).unwrap();
    let before = log.head().sequence;
    let witness = Witness::begin(&log, config, &Metrics::new()).await.unwrap();
    for n in 0..events {
        log.record(vec![event(n)], Urgency::Now).await.unwrap();
    }
    let alarm = witness.notary().standing().alarm;
    witness.end().await;
    let fresh = found(&log).into_iter().filter(|found| found.sealed.sequence > before);
    let actions = fresh.map(|found| found.event.action).filter(|action| action != "MADE").collect();
    log.close(PATIENCE);
    (alarm, actions)
}

fn found(log: &Log) -> Vec<Found> {
    let (filter, order) = (Filter::default(), Order::Newest);
    log.query(&Query { filter, order, after: None, limit: 100, time_max: PATIENCE }).unwrap().events
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (entry, to) = (entry.as_ref().unwrap().path(), to.join(entry.unwrap().file_name()));
        if entry.is_dir() {
            copy(&entry, &to);
        } else {
            fs::copy(&entry, &to).unwrap();
        }
    }
}

/// Puts the data directory back to what it was.
fn put_back(folder: &Path) {
    fs::remove_dir_all(folder.join("data")).unwrap();
    copy(&folder.join("yesterday"), &folder.join("data"));
}

fn checkpoints(path: &Path) -> usize {
    fs::read_to_string(path).unwrap().matches("\n\n").count()
}

// THREATS S02
#[tokio::test]
async fn a_log_that_was_put_back_or_replaced_is_told_and_nothing_is_signed_over_what_knows_better() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path());
    assert_eq!(live(&config, 3).await, (None, vec![]));
    copy(&folder.path().join("data"), &folder.path().join("yesterday"));
    assert_eq!(live(&config, 2).await, (None, vec![]));
    assert_eq!(checkpoints(&folder.path().join("outside")), 2);
    // Yesterday's copy: a good tree, and shorter.
    put_back(folder.path());
    for _ in 0..2 {
        let (alarm, told) = live(&config, 0).await;
        assert!(alarm.is_some_and(|why| why.contains("is of 5")));
        assert_eq!(told, ["LOG_NOT_AS_SIGNED"]);
    }
    // Grown again to the same size, with other events.
    put_back(folder.path());
    fs::rename(folder.path().join("outside"), folder.path().join("aside")).unwrap();
    assert_eq!(live(&config, 2).await, (None, vec![]));
    fs::rename(folder.path().join("aside"), folder.path().join("outside")).unwrap();
    let (alarm, _) = live(&config, 1).await;
    assert!(alarm.is_some_and(|why| why.contains("are not those")));
    assert_eq!(checkpoints(&folder.path().join("outside")), 2, "as it was");
}

// THREATS S02
#[tokio::test]
async fn a_lawful_restore_is_an_event_that_names_the_old_head_and_no_alarm() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path());
    live(&config, 3).await;
    copy(&folder.path().join("data"), &folder.path().join("yesterday"));
    live(&config, 2).await;
    put_back(folder.path());
    let left = |root: &str| format!("{{\"events\":3,\"root\":\"{root}\"}}");
    fs::write(config.data_dir.join(RESTORED_FILE), left(&"00".repeat(32))).unwrap();
    assert!(live(&config, 0).await.0.is_some(), "a note about another log excuses nothing");
    put_back(folder.path());
    let log = Log::open(&config.data_dir, None, &Limits::default(), Metrics::new()).unwrap();
    let root = crate::store::hex(&log.tree().root());
    log.close(PATIENCE);
    drop(log);
    fs::write(config.data_dir.join(RESTORED_FILE), left(&root)).unwrap();
    assert_eq!(live(&config, 1).await, (None, vec!["LOG_RESTORED".to_owned()]));
    assert_eq!(live(&config, 1).await, (None, vec![]), "from then on it is the log");
    // What was given up stays in the file outside, and is not held against the log.
    let (known, _) = known(Some(&config.data_dir), &config.checkpoints.files, None).unwrap();
    let log = Log::open(&config.data_dir, None, &Limits::default(), Metrics::new()).unwrap();
    let told: Vec<Restored> =
        found(&log).iter().filter_map(|found| Restored::told_by(&found.sealed.json)).collect();
    let faults = |restores: &[Restored]| {
        let known = known.after(restores).0;
        let mut checked = log.check(&known, &mut |_| std::ops::ControlFlow::Continue(())).unwrap();
        checked.compare(&known);
        checked.faults
    };
    assert_eq!((told.len(), faults(&told)), (1, vec![]));
    assert!(!faults(&[]).is_empty());
    log.close(PATIENCE);
}

// THREATS S02
#[tokio::test]
async fn a_checkpoint_whose_place_a_policy_has_removed_is_no_alarm() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path());
    let open = || Log::open(&config.data_dir, Some([1; 32]), &Limits::default(), Metrics::new()).unwrap();
    let days_ago = Timestamp::now() - jiff::SignedDuration::from_hours(24 * 5);
    let mut outside = Vec::new();
    for _ in 0..2 {
        let log = open();
        let old = (0..3).map(|n| Event { time: days_ago, ..event(n) }).collect();
        log.record(old, Urgency::Now).await.unwrap();
        Witness::begin(&log, &config, &Metrics::new()).await.unwrap().end().await;
        log.close(PATIENCE);
        outside.push(fs::read(folder.path().join("outside")).unwrap());
    }
    let log = open();
    log.record(vec![event(7)], Urgency::Now).await.unwrap();
    log.close(PATIENCE);
    drop(log);
    let log = open();
    let terms = Terms { rest: Some(Duration::ZERO), ..Terms::default() };
    let plan = log.plan(&terms, Timestamp::now()).unwrap();
    assert_eq!((plan.partitions[0].first, plan.partitions[0].last), (1, 6));
    let (own, handle) = (log.clone(), Handle::current());
    let purge = move || own.purge(&terms, &plan.partitions[0], |_| event(8), &handle).unwrap();
    assert!(tokio::task::spawn_blocking(purge).await.unwrap());
    log.close(PATIENCE);
    drop(log);
    // Nothing but the first checkpoint is known: of three of the six.
    fs::write(folder.path().join("outside"), &outside[0]).unwrap();
    fs::remove_file(config.data_dir.join(shelf::INSIDE)).unwrap();
    assert_eq!(live(&config, 0).await, (None, vec![]));
}

// THREATS S03
#[tokio::test]
async fn the_key_of_another_log_signs_for_none() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path());
    live(&config, 1).await;
    fs::remove_dir_all(&config.data_dir).unwrap();
    let log = Log::open(&config.data_dir, Some([1; 32]), &Limits::default(), Metrics::new()).unwrap();
    let refused = Witness::begin(&log, &config, &Metrics::new()).await.err().expect("it is refused");
    assert!(format!("{refused:#}").contains("is not the signing key of this log"), "{refused:#}");
    log.close(PATIENCE);
}

// THREATS S14
#[tokio::test]
async fn a_place_outside_that_takes_nothing_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(folder.path());
    let server = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook?secret=1", server.local_addr().unwrap());
    config.checkpoints.webhooks = vec![url.parse().unwrap()];
    let log = Log::open(&config.data_dir, Some([1; 32]), &Limits::default(), Metrics::new()).unwrap();
    log.record(vec![event(1)], Urgency::Now).await.unwrap();
    let witness = Witness::begin(&log, &config, &Metrics::new()).await.unwrap();
    let listener = &server;
    let turn = |mut round: Round| {
        let (shared, handle) = (Arc::clone(&witness.shared), Handle::current());
        tokio::task::spawn_blocking(move || {
            shared.turn(&mut round, &handle);
            (round, shared.standing())
        })
    };
    let keep = |round: Round, answer: &'static str| {
        let kept = turn(round);
        async move {
            use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = vec![0; 4096];
            let count = stream.read(&mut asked).await.unwrap();
            stream
                .write_all(format!("HTTP/1.1 {answer}\r\ncontent-length: 0\r\n\r\n").as_bytes())
                .await
                .unwrap();
            let (round, standing) = kept.await.unwrap();
            (String::from_utf8_lossy(&asked[..count]).into_owned(), round, standing)
        }
    };
    let (asked, round, standing) = keep(Round::default(), "204 No Content").await;
    assert!(
        asked.starts_with("POST /hook?secret=1 HTTP/1.1\r\n") && asked.contains("earwitness/"),
        "{asked}"
    );
    assert_eq!((standing.trouble, standing.outside_age_s), (None, Some(0)));
    assert!(round.owed.is_empty(), "all places have it");
    log.record(vec![event(2)], Urgency::Now).await.unwrap();
    let (_, round, standing) = keep(round, "302 Found").await;
    let trouble = standing.trouble.expect("no redirect is followed");
    assert!(trouble.contains("302") && !trouble.contains("secret"), "{trouble}");
    // The log rests. Who has not taken the checkpoint gets it again, and nobody else.
    let (again, round, standing) = keep(round, "204 No Content").await;
    assert!(again.contains("\n2\n") && standing.trouble.is_none(), "{again}");
    assert_eq!(checkpoints(&folder.path().join("outside")), 2);
    let (round, _) = turn(round).await.unwrap();
    assert!(round.owed.is_empty(), "nobody is asked: nobody would answer");
    drop(server);
    witness.end().await;
    log.close(PATIENCE);
}
