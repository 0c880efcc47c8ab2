//! The disk that the log is on: when most of it is used, somebody should know before nothing can be recorded
//! (THREATS E44, E46).

use std::path::Path;

use serde::Serialize;

/// How full the disk is, for us: what is kept for the system or by a quota is neither used nor free.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Disk {
    pub(super) free_bytes: u64,
    pub(super) total_bytes: u64,
    pub(super) used_percent: u64,
}

/// Whether it was told that the disk is filling.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Alarm {
    #[default]
    Quiet,
    Told,
}

impl Disk {
    /// Of the disk that this directory is on; `None` where the system does not tell.
    pub(super) fn of(directory: &Path) -> Option<Disk> {
        let of = fs2::statvfs(directory).ok()?;
        Some(Disk::with(of.total_space().saturating_sub(of.free_space()), of.available_space()))
    }

    /// The percentage is the one that `df` shows. File systems in user space say what they like.
    fn with(used_bytes: u64, free_bytes: u64) -> Disk {
        let total_bytes = used_bytes.saturating_add(free_bytes);
        let used = u128::from(used_bytes) * 100 / u128::from(total_bytes.max(1));
        Disk { free_bytes, total_bytes, used_percent: u64::try_from(used).unwrap_or(100) }
    }

    /// True when somebody should know: so many percent are used.
    pub(super) fn is_filling(self, max_percent: u64) -> bool {
        self.used_percent >= max_percent
    }

    /// What follows from the last state of the alarm: the state now, and whether it is to be told. It is told again
    /// only after there was room in between.
    pub(super) fn alarm(self, before: Alarm, max_percent: u64) -> (Alarm, bool) {
        match before {
            Alarm::Quiet if self.is_filling(max_percent) => (Alarm::Told, true),
            Alarm::Told if self.used_percent + ROOM_PERCENT < max_percent => (Alarm::Quiet, false),
            Alarm::Quiet | Alarm::Told => (before, false),
        }
    }
}

/// So far under the limit, there is room again.
const ROOM_PERCENT: u64 = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filling_disk_is_told_once_until_there_was_room() {
        let mut alarm = Alarm::default();
        let told: Vec<bool> = [50, 79, 80, 99, 78, 81, 74, 85]
            .into_iter()
            .map(|used| {
                let (next, is_told) = Disk::with(used, 100 - used).alarm(alarm, 80);
                alarm = next;
                is_told
            })
            .collect();
        assert_eq!(told, [false, false, true, false, false, false, false, true]);
        assert_eq!(Disk::with(0, 0).used_percent, 0);
        assert_eq!(Disk::with(u64::MAX, u64::MAX).used_percent, 100);
    }
}
