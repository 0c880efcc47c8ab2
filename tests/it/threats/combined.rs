//! Two and three tricks at a time, from a seed that a failure prints. `EARWITNESS_SEED` and `EARWITNESS_ROUNDS`
//! set others, for a longer hunt.

use super::{World, request};
use crate::gullible::{Habits, Keys, Methods, Paths};

/// Numbers that are the same on every machine (xorshift).
struct Dice(u64);

impl Dice {
    fn below(&mut self, count: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % count as u64) as usize
    }
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

/// A path with one more trick in it.
fn spelled(path: &str, dice: &mut Dice) -> String {
    let segments: Vec<&str> = path.split('/').collect();
    let at = 1 + dice.below(segments.len() - 1);
    let chosen = segments[at];
    let letter = dice.below(chosen.len().max(1));
    let changed = match dice.below(9) {
        0 => format!("/{chosen}"),
        1 => format!("./{chosen}"),
        2 => format!("x/../{chosen}"),
        3 => format!("{chosen};v=1"),
        4 => format!("{chosen}."),
        5 => format!("{chosen}%20"),
        6 if chosen.is_ascii() && !chosen.contains(['%', ';']) && !chosen.is_empty() => {
            let byte = chosen.as_bytes()[letter];
            format!("{}%{byte:02x}{}", &chosen[..letter], &chosen[letter + 1..])
        }
        7 if chosen != "b1" => chosen.to_ascii_uppercase().replace("%2F", "%2f"),
        _ => format!("%2e/{chosen}"),
    };
    let mut all: Vec<&str> = segments.clone();
    all[at] = &changed;
    // What does not begin with a slash is refused at the gate.
    format!("/{}", all[1..].join(["/", "/", "/", "\\", "%5c"][dice.below(5)]))
}

// THREATS E01 to E05, E13, E14: the same, together.
#[test]
fn tricks_on_top_of_each_other_are_told_too() {
    let seed = setting("EARWITNESS_SEED", 0x5eed);
    let mut dice = Dice(seed.max(1));
    for paths in [Paths::Express, Paths::Tomcat, Paths::Php, Paths::Iis] {
        let world =
            World::new(Habits { paths, methods: Methods::Overridden, keys: Keys::Last, ..Habits::STRICT });
        for round in 0..setting("EARWITNESS_ROUNDS", 60) {
            let (wire, header, path) = match dice.below(4) {
                0 => ("PoSt", "X-A: b", "/v2/bookings/b1/cancel"),
                1 => ("POST", "X_Http_Method: delete", "/v2/bookings/b1"),
                2 => ("get", "x-method_override: PUT", "/v2/bookings/b1"),
                _ => ("PATCH", "X-A: b", "/v2/bookings/b1"),
            };
            let tricks = 2 + dice.below(2);
            let target = (0..tricks).fold(path.to_owned(), |path, _| spelled(&path, &mut dice));
            println!("seed {seed}, {paths:?}, r{round}: {wire} {target} with {header}");
            world.rig.exchange(request(&format!("{wire} {target}"), &format!("r{round}"), &[header], ""));
        }
        assert!(paths == Paths::Express || world.app.deeds().len() > 5, "the tricks are good for something");
        world.assert_all_is_told();
    }
}
