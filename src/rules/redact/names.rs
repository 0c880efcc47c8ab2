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

/// What tells most names from all of some, without folding them: nearly all names of a body go no further than a
/// look at their ends, and most others no further than one at their length.
#[derive(Debug)]
pub(super) struct Marks {
    ends: [u64; 1 << 4],
    spans: [u64; 1 << 6],
}

impl Default for Marks {
    fn default() -> Marks {
        Marks::NONE
    }
}

impl Marks {
    /// Of no name.
    pub(super) const NONE: Marks = Marks { ends: [0; 1 << 4], spans: [0; 1 << 6] };

    /// Adds those of a folded name.
    pub(super) const fn add(&mut self, folded: &[u8]) {
        let (first, last) = match folded {
            [] => (0, 0),
            [first, ..] => (*first, folded[folded.len() - 1]),
        };
        let (ends, span) = (ends(first, last), span(folded.len(), first, last));
        self.ends[ends / 64] |= 1 << (ends % 64);
        self.spans[span / 64] |= 1 << (span % 64);
    }

    /// False for a name that is none of those that were added, however it is spelt.
    pub(super) fn may_have(&self, name: &str) -> bool {
        let is_set = |bits: &[u64], bit: usize| bits[bit / 64] & (1 << (bit % 64)) != 0;
        ends_of(name).is_none_or(|ends| is_set(&self.ends, ends))
            && span_of(name).is_none_or(|span| is_set(&self.spans, span))
    }
}

/// A name's ends, where folding keeps both: it turns no ASCII into anything else, and anything else may become ASCII.
fn ends_of(name: &str) -> Option<usize> {
    let (first, last) = (*name.as_bytes().first()?, *name.as_bytes().last()?);
    (first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric()).then(|| ends(first, last))
}

/// A name's length and ends; `None` where they cannot be told without folding.
fn span_of(name: &str) -> Option<usize> {
    let (mut length, mut classes) = (0, 0);
    for byte in name.bytes() {
        classes |= CLASSES[usize::from(byte)];
        length += usize::from(is_kept(&byte));
    }
    if classes & FOREIGN != 0 {
        return None;
    }
    let (first, last) = (name.bytes().find(is_kept), name.bytes().rfind(is_kept));
    let lower = |byte: Option<u8>| byte.unwrap_or_default().to_ascii_lowercase();
    Some(span(length, lower(first), lower(last)))
}

/// First and last byte as a number below 1,024, which is the same for a letter's both cases.
const fn ends(first: u8, last: u8) -> usize {
    (first as usize % 32) * 32 + last as usize % 32
}

/// Length, first and last byte as a number below 4,096: hardly two names share it, and few others have one of theirs.
const fn span(length: usize, first: u8, last: u8) -> usize {
    (length * 577 + first as usize * 37 + last as usize * 5) % 4096
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
    KINDS.get(folded).copied()
}

/// Both lists by name: who gets here would otherwise be compared with all of them.
static KINDS: LazyLock<HashMap<&[u8], Kind>> = LazyLock::new(|| {
    let tokens = TOKENS.iter().map(|name| (name.as_bytes(), Kind::Token));
    let typed = TYPED.iter().map(|name| (name.as_bytes(), Kind::Typed));
    tokens.chain(typed).collect()
});

/// Those of both lists.
pub(super) static KNOWN: Marks = {
    let (mut marks, lists) = (Marks::NONE, [TYPED, TOKENS]);
    let mut list = 0;
    while list < lists.len() {
        let mut at = 0;
        while at < lists[list].len() {
            marks.add(lists[list][at].as_bytes());
            at += 1;
        }
        list += 1;
    }
    marks
};

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
    use super::{KNOWN, Marks, TOKENS, TYPED, fold, kind};

    #[test]
    fn no_spelling_of_an_added_name_is_passed_over() {
        let check = |added: &str, spelling: &str| {
            let mut marks = Marks::NONE;
            marks.add(fold(added).as_bytes());
            assert_eq!(fold(added), fold(spelling));
            assert!(marks.may_have(spelling), "{added} {spelling}");
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
            assert!(kind(fold(spelling).as_bytes()).is_some() && KNOWN.may_have(spelling), "{spelling}");
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
        let left: Vec<&str> = usual.into_iter().filter(|name| KNOWN.may_have(name)).collect();
        assert_eq!(left, [""; 0]);
    }
}
