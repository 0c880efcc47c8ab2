//! A disk that fills up, and has room again.

use std::os::unix::fs::MetadataExt;

use super::random::Random;
use super::rig::Rig;
use super::*;

#[test]
fn a_full_disk_still_takes_what_has_begun_and_is_written_again_when_there_is_room() {
    let mut rig = Rig::new(64 << 20);
    let body = "1".repeat(100);
    rig.disk.set_capacity(Some(100_000));
    let mut begun = 0;
    loop {
        let answers = rig.commit(vec![vec![intent(begun + 1, &format!("{{\"id\":{}}}", begun + 1))]]);
        if answers[0].is_err() {
            break;
        }
        begun += 1;
        assert!(rig.commit(vec![vec![event(&body)]])[0].is_ok(), "{begun}: what follows an intent is kept");
    }
    assert!(begun > 100, "{begun}");
    assert!(rig.writer.shared.trouble.lock().is_some(), "it is told");
    let waited_for = rig.commit(vec![vec![event(&body)]]);
    assert!(waited_for[0].is_ok(), "a gap, say: {waited_for:?}");
    for id in 1..=10 {
        assert!(rig.commit(vec![vec![event(&body), closed(id)]])[0].is_ok(), "{id} ends");
    }
    assert!(rig.commit(vec![vec![intent(1000, "{}")]])[0].is_err(), "nothing new begins");
    rig.intents.remove(&1000);
    while rig.commit(vec![vec![event(&body)]])[0].is_ok() {}
    assert!(rig.commit(vec![vec![event(&body)]])[0].is_err(), "no room at all");
    rig.disk.set_capacity(Some(200_000));
    let id = begun + 2;
    assert!(rig.commit(vec![vec![intent(id, &format!("{{\"id\":{id}}}")), event(&body)]])[0].is_ok());
    assert!(rig.writer.shared.trouble.lock().is_none());
    rig.reopen("there was room again");
    rig.cut_power(&mut Random(1));
    rig.reopen("and the power went");
}

#[test]
fn space_that_is_set_apart_changes_no_length_and_the_reserve_holds_what_it_says() {
    let directory = tempfile::tempdir().unwrap();
    let settings = Settings { reserve_bytes: 1 << 20, ..settings(directory.path()) };
    let (opened, _) = reopen_with(settings);
    append(&opened.journal, &["{}"]).unwrap();
    close(opened);
    let reserve = fs::metadata(directory.path().join("reserve")).unwrap();
    let segment = fs::metadata(segment(directory.path(), 1)).unwrap();
    assert_eq!(segment.len(), header::HEADER_BYTES as u64 + 60);
    // A file system that cannot set space apart has no reserve, and is written all the same.
    if reserve.len() > 0 {
        assert_eq!((reserve.len(), reserve.mode() & 0o777), (1 << 20, 0o600));
        assert!(reserve.blocks() * 512 >= 1 << 20, "{}", reserve.blocks());
        assert!(segment.blocks() * 512 >= 1 << 20, "{}", segment.blocks());
    }
}
