//! What of `retention` is compared when it changes, so that nobody shortens what is kept, or takes a hold away,
//! unseen (THREATS E72). Pure.

use serde::{Deserialize, Serialize};

use super::difference::Weakened;
use super::summary::Holdings;
use crate::app::retention::{days, selection};
use crate::config::{Keep, Retention};

/// What may leave the log, at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RetentionSummary {
    pub(super) holds: Holdings,
    /// Of the rest, in days; none for ever.
    keep_days: Option<u64>,
    bytes_max: Option<u64>,
    share_max: u64,
    disk_max: u64,
}

impl RetentionSummary {
    pub(super) fn of(retention: &Retention) -> RetentionSummary {
        let mut holds = Holdings::default();
        for hold in &retention.holds {
            let until = hold.until.map(|until| format!(" until {until}")).unwrap_or_default();
            holds.strengthen("holds", format!("{} {}{until}", hold.name, selection(&hold.filter)));
        }
        for (at, policy) in retention.policies.iter().enumerate() {
            let text = format!("{} {} {}", policy.name, selection(&policy.filter), days(policy.keep));
            // Any policy keeps what would leave earlier by those behind it, or by the rest.
            holds.strengthen("policies", text.clone());
            if policy.keep == Keep::Forever {
                continue;
            }
            // What comes first decides, so it matters which of those that keep longer come later.
            for later in &retention.policies[at + 1..] {
                if is_longer(later.keep, policy.keep) {
                    holds.weaken("policies", format!("{text} before {}", later.name));
                }
            }
            holds.weaken("policies", text);
        }
        let keep_days = match retention.keep {
            Keep::Forever => None,
            Keep::For(time) => Some(time.as_secs() / 86_400),
        };
        RetentionSummary {
            holds,
            keep_days,
            bytes_max: retention.bytes_max,
            share_max: retention.share_max,
            disk_max: retention.disk_max,
        }
    }

    /// Numbers by which more leaves than before; what is gone of the lists is for whoever compares those.
    pub(super) fn weakened(&self, new: &RetentionSummary) -> Vec<Weakened> {
        let days = |days: Option<u64>| days.map_or_else(|| "forever".to_owned(), |days| format!("{days}d"));
        let bytes = |bytes: Option<u64>| bytes.map_or_else(|| "none".to_owned(), |bytes| bytes.to_string());
        let is_less = |old: Option<u64>, new: Option<u64>| new.unwrap_or(u64::MAX) < old.unwrap_or(u64::MAX);
        let all = [
            (is_less(self.keep_days, new.keep_days), "keep", days(self.keep_days), days(new.keep_days)),
            (
                is_less(self.bytes_max, new.bytes_max),
                "bytes_max",
                bytes(self.bytes_max),
                bytes(new.bytes_max),
            ),
            (
                new.share_max > self.share_max,
                "share_max",
                self.share_max.to_string(),
                new.share_max.to_string(),
            ),
            (new.disk_max > self.disk_max, "disk_max", self.disk_max.to_string(), new.disk_max.to_string()),
        ];
        let weakened = all.into_iter().filter(|(is_weaker, ..)| *is_weaker);
        let weakened = weakened.map(|(_, key, before, now)| Weakened {
            what: format!("retention.{key}"),
            before: Some(before),
            now: Some(now),
        });
        weakened.collect()
    }
}

fn is_longer(keep: Keep, than: Keep) -> bool {
    match (keep, than) {
        (Keep::Forever, Keep::For(_)) => true,
        (Keep::For(time), Keep::For(than)) => time > than,
        (Keep::Forever | Keep::For(_), Keep::Forever) => false,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::difference::Difference;
    use super::super::summary::Summary;
    use super::*;
    use crate::config::{Hold, Policy, Selection};
    use crate::rules::model::RuleSet;

    fn policy(name: &str, days: u64) -> Policy {
        let keep = if days == 0 { Keep::Forever } else { Keep::For(Duration::from_secs(days * 86_400)) };
        Policy { name: name.to_owned(), filter: Selection::default(), keep }
    }

    fn with(policies: &[Policy], holds: &[&str], more: impl Fn(&mut Retention)) -> Retention {
        let hold = |name: &&str| Hold { name: (*name).to_owned(), filter: Selection::default(), until: None };
        let mut retention = Retention {
            policies: policies.to_vec(),
            holds: holds.iter().map(hold).collect(),
            ..Retention::default()
        };
        more(&mut retention);
        retention
    }

    // THREATS E72
    #[test]
    fn what_lets_more_go_is_told_and_what_lets_less_go_is_not() {
        let rules = RuleSet::default();
        let check = |old: &Retention, new: &Retention, expected: &[&str]| {
            let of = |retention| Summary::of(&rules).with_retention(retention);
            let told = Difference::between(&of(old), &of(new)).weakened;
            let told: Vec<String> = told
                .iter()
                .map(|one| {
                    let text = |text: &Option<String>| text.clone().unwrap_or_default();
                    format!("{}: {} -> {}", one.what, text(&one.before), text(&one.now))
                })
                .collect();
            assert_eq!(told, expected, "{new:?}");
        };
        let plain = with(&[], &[], |_| ());
        check(&plain, &plain, &[]);
        let held = with(&[], &["case"], |_| ());
        check(&held, &plain, &["retention.holds: case {} -> "]);
        check(&plain, &held, &[]);
        let short = with(&[policy("a", 3)], &[], |_| ());
        check(&plain, &short, &["retention.policies:  -> a {} 3d"]);
        let guarded = with(&[policy("b", 0), policy("a", 3)], &[], |_| ());
        let swapped = with(&[policy("a", 3), policy("b", 0)], &[], |_| ());
        check(&guarded, &swapped, &["retention.policies:  -> a {} 3d before b"]);
        check(&swapped, &guarded, &[]);
        let long = with(&[policy("a", 365), policy("b", 3)], &[], |_| ());
        let turned = with(&[policy("b", 3), policy("a", 365)], &[], |_| ());
        check(&long, &turned, &["retention.policies:  -> b {} 3d before a"]);
        check(&turned, &long, &[]);
        let month = |retention: &mut Retention| retention.keep = Keep::For(Duration::from_secs(30 * 86_400));
        let longer = with(&[policy("a", 365)], &[], month);
        check(&longer, &with(&[], &[], month), &["retention.policies: a {} 365d -> "]);
        // Told though nothing leaves earlier by it: whether it does, depends on what else there is.
        check(&short, &plain, &["retention.policies: a {} 3d -> "]);
        check(&with(&[], &[], month), &longer, &["retention.policies:  -> a {} 365d"]);
        let tight = with(&[], &[], |retention| {
            retention.keep = Keep::For(Duration::from_secs(86_400));
            (retention.bytes_max, retention.share_max, retention.disk_max) = (Some(1 << 30), 90, 95);
        });
        let told = [
            "retention.keep: forever -> 1d",
            "retention.bytes_max: none -> 1073741824",
            "retention.share_max: 50 -> 90",
            "retention.disk_max: 80 -> 95",
        ];
        check(&plain, &tight, &told);
        check(&tight, &plain, &[]);
    }
}
