//! Names whose values are secrets, whatever they hold.

use std::collections::HashMap;
use std::sync::LazyLock;

/// What kind of secret a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Made by a machine: its keyed hash tells nothing but equality.
    Token,
    /// Chosen or typed by people, or short: never hashed.
    Typed,
}

/// A name without case, `_`, `-`, blanks and the `[]` of form lists.
pub(super) fn fold(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '_' | '-' | ' ' | '[' | ']')).flat_map(char::to_lowercase).collect()
}

/// A name's mark, made of its length and its ends: nearly all names of a body have one that no secret's has, go
/// no further, and are not folded for it. `None` where it cannot be told without folding.
pub(super) fn mark_of(name: &str) -> Option<Mark> {
    let lower = |byte: Option<&u8>| byte.copied().unwrap_or_default().to_ascii_lowercase();
    let bytes = name.as_bytes();
    let classes = bytes.iter().fold(0, |classes, byte| classes | CLASSES[usize::from(*byte)]);
    match classes {
        0 => Some(Mark(bit_of(bytes.len(), lower(bytes.first()), lower(bytes.last())))),
        DROPPED => {
            let kept = || bytes.iter().filter(|byte| is_kept(byte));
            Some(Mark(bit_of(kept().count(), lower(kept().next()), lower(kept().next_back()))))
        }
        _ => None,
    }
}

fn is_kept(byte: &u8) -> bool {
    CLASSES[usize::from(*byte)] & DROPPED == 0
}

/// A byte that folding leaves out.
const DROPPED: u8 = 1;
/// A byte of a character that is not ASCII.
const FOREIGN: u8 = 2;

/// The class of each byte; 0 for most.
const CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut foreign = 128;
    while foreign < 256 {
        classes[foreign] = FOREIGN;
        foreign += 1;
    }
    let mut at = 0;
    while at < LEFT_OUT.len() {
        classes[LEFT_OUT[at] as usize] = DROPPED;
        at += 1;
    }
    classes
};

const LEFT_OUT: &[u8] = b"_- []";

/// The mark of a name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark(usize);

impl Mark {
    /// False for one that none of the known names has.
    pub(super) fn may_be_known(self) -> bool {
        is_marked(self.0)
    }
}

/// The marks of some names, beside the known ones.
#[derive(Debug)]
pub(super) struct Marks([u64; 64]);

impl Default for Marks {
    fn default() -> Marks {
        Marks([0; 64])
    }
}

impl Marks {
    /// Adds that of a folded name.
    pub(super) fn add(&mut self, folded: &str) {
        let bit = bit(folded.as_bytes());
        self.0[bit / 64] |= 1 << (bit % 64);
    }

    /// False for a mark that none of them has.
    pub(super) fn may_have(&self, mark: Mark) -> bool {
        self.0[mark.0 / 64] & (1 << (mark.0 % 64)) != 0
    }
}

/// Hands the folded name on. Every name of every body comes here, so the usual ones, in ASCII, are folded
/// without the heap.
pub(super) fn with_folded<T>(name: &str, look: impl FnOnce(&[u8]) -> T) -> T {
    if !name.is_ascii() || name.len() > NAME_BYTES_MAX {
        return look(fold(name).as_bytes());
    }
    let mut folded = [0; NAME_BYTES_MAX];
    let mut length = 0;
    for byte in name.bytes().filter(is_kept) {
        folded[length] = byte.to_ascii_lowercase();
        length += 1;
    }
    look(&folded[..length])
}

/// The kind of a folded name; whole names only, so that `passwordResetRequired` stays readable.
pub(super) fn kind(folded: &[u8]) -> Option<Kind> {
    if !is_marked(bit(folded)) {
        return None;
    }
    KINDS.get(folded).copied()
}

/// Both lists by name: who gets here would otherwise be compared with all of them.
static KINDS: LazyLock<HashMap<&[u8], Kind>> = LazyLock::new(|| {
    let tokens = TOKENS.iter().map(|name| (name.as_bytes(), Kind::Token));
    let typed = TYPED.iter().map(|name| (name.as_bytes(), Kind::Typed));
    tokens.chain(typed).collect()
});

/// Length, first and last byte as a number below 4096: hardly two names share it, and few others have one
/// of theirs.
const fn bit(folded: &[u8]) -> usize {
    match folded {
        [] => 0,
        [first, ..] => bit_of(folded.len(), *first, folded[folded.len() - 1]),
    }
}

const fn bit_of(length: usize, first: u8, last: u8) -> usize {
    (length * 577 + first as usize * 37 + last as usize * 5) % 4096
}

fn is_marked(bit: usize) -> bool {
    KNOWN[bit / 64] & (1 << (bit % 64)) != 0
}

const fn bits(mut known: [u64; 64], names: &[&str]) -> [u64; 64] {
    let mut at = 0;
    while at < names.len() {
        let bit = bit(names[at].as_bytes());
        known[bit / 64] |= 1 << (bit % 64);
        at += 1;
    }
    known
}

/// One bit for each [`bit`] that a known name has.
const KNOWN: [u64; 64] = bits(bits([0; 64], TYPED), TOKENS);

/// Longer names are not looked up.
pub(super) const NAME_BYTES_MAX: usize = 128;

const TYPED: &[&str] = &[
    "password",
    "passwd",
    "pwd",
    "pass",
    "passphrase",
    "passcode",
    "passwort",
    "kennwort",
    "motdepasse",
    "contrasena",
    "contraseña",
    "senha",
    "wachtwoord",
    "oldpassword",
    "newpassword",
    "newpassword1",
    "newpassword2",
    "currentpassword",
    "password1",
    "password2",
    "confirmpassword",
    "passwordconfirm",
    "passwordconfirmation",
    "passwordrepeat",
    "repeatpassword",
    "userpassword",
    "passwordhash",
    "hashedpassword",
    "pin",
    "pincode",
    "otp",
    "otpcode",
    "onetimecode",
    "onetimepassword",
    "totp",
    "totpcode",
    "mfacode",
    "twofactorcode",
    "2facode",
    "backupcode",
    "backupcodes",
    "recoverycode",
    "recoverycodes",
    "verificationcode",
    "securitycode",
    "securityanswer",
    "usercode",
    "code",
    "cvv",
    "cvc",
    "cvv2",
    "ssn",
];

const TOKENS: &[&str] = &[
    "secret",
    "secrets",
    "clientsecret",
    "appsecret",
    "apisecret",
    "sharedsecret",
    "totpsecret",
    "webhooksecret",
    "token",
    "tokens",
    "accesstoken",
    "refreshtoken",
    "idtoken",
    "sessiontoken",
    "authtoken",
    "bearertoken",
    "apitoken",
    "resettoken",
    "passwordresettoken",
    "verificationtoken",
    "invitationtoken",
    "remembertoken",
    "logintoken",
    "subjecttoken",
    "actortoken",
    "registrationaccesstoken",
    "oauthtoken",
    "oauthtokensecret",
    "oauthverifier",
    "oauthsignature",
    "consumersecret",
    "devicecode",
    "xamzsignature",
    "xamzsecuritytoken",
    "xgoogsignature",
    "invitetoken",
    "devicetoken",
    "csrf",
    "xsrf",
    "csrftoken",
    "xsrftoken",
    "csrfmiddlewaretoken",
    "authenticitytoken",
    "requestverificationtoken",
    "authorization",
    "proxyauthorization",
    "apikey",
    "apikeys",
    "privatekey",
    "secretkey",
    "accesskey",
    "signingkey",
    "encryptionkey",
    "cookie",
    "setcookie",
    "credential",
    "credentials",
    "sessionid",
    "sessionkey",
    "sid",
    "jsessionid",
    "phpsessid",
    "jwt",
    "assertion",
    "clientassertion",
    "samlresponse",
    "codeverifier",
    "connectionstring",
    "cardnumber",
    "creditcard",
];

#[cfg(test)]
mod tests {
    use super::{Marks, TOKENS, TYPED, fold, kind, mark_of};

    fn may_be_known(name: &str) -> bool {
        mark_of(name).is_none_or(|mark| mark.may_be_known())
    }

    #[test]
    fn no_spelling_of_an_added_name_is_passed_over() {
        let check = |added: &str, spelling: &str| {
            let mut marks = Marks::default();
            marks.add(&fold(added));
            assert_eq!(fold(added), fold(spelling));
            assert!(mark_of(spelling).is_none_or(|mark| marks.may_have(mark)), "{added} {spelling}");
        };
        check("internalNotes", "Internal_Notes[]");
        check("geheim", "-GEHEIM-");
        check("straße", "STRAßE");
        check("kennung", "\u{212a}ennung");
        check("[]", "_");
    }

    #[test]
    fn no_spelling_of_a_known_name_is_passed_over() {
        // THREATS P04
        let check = |spelling: &str| {
            assert!(kind(fold(spelling).as_bytes()).is_some() && may_be_known(spelling), "{spelling}");
        };
        for name in TYPED.iter().chain(TOKENS) {
            let spaced: String = name.chars().flat_map(|c| [c, '_']).collect();
            let upper = name.to_uppercase();
            let (listed, led) = (format!(" {name}[]"), format!("-[{upper}]"));
            [name, upper.as_str(), &spaced, &listed, &led].into_iter().for_each(check);
        }
        // The Kelvin sign is another `k`.
        ["to\u{212a}en", "\u{212a}ennwort", "api\u{212a}ey"].into_iter().for_each(check);
    }

    #[test]
    fn most_names_go_no_further() {
        let usual = ["", "_", "title", "email", "start", "attendees", "id", "uid", "status", "createdAt"];
        let left: Vec<&str> = usual.into_iter().filter(|name| may_be_known(name)).collect();
        assert_eq!(left, [""; 0]);
    }
}
