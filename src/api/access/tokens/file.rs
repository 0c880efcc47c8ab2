//! The file of the tokens: read by whoever runs, changed by `earwitness token` alone, under a lock and whole or not at
//! all. It is its owner's alone; one that others can read or write is refused, for they could put a hash of their own
//! into it.
//!
//! What is revoked or has expired stays in it for the record, until room is needed.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use fs2::FileExt as _;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::config::{Grant, Shows};
use crate::store::{hex, unhex};

/// A token, without its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// What it is called in lists and events; says nothing of its text.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// SHA-256 of its text.
    pub hash: [u8; 32],
    /// What its holder may do.
    pub grants: Vec<Grant>,
    /// When it was made.
    pub created: Timestamp,
    /// From when on it is of no use.
    pub expires: Option<Timestamp>,
    /// When it was revoked.
    pub revoked: Option<Timestamp>,
    /// What there is to know of it where it is a link to the viewer.
    pub link: Option<Link>,
}

/// A link to the viewer: a token that is handed on in an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Who made it: a reader's id, or [`LINK_COMMAND`].
    pub by: String,
    /// Who revoked it, if that was done at the listener: a reader's id, or `LINK_ROLES`.
    pub revoked_by: Option<String>,
    /// How much of the events it shows.
    pub shows: Shows,
    /// The origins of the sites that may have it in a frame.
    pub sites: Vec<String>,
    /// What it says, signed with its text ([`Token::signed`]); zeros until then.
    pub signature: [u8; 32],
}

impl Link {
    /// A link that somebody makes.
    pub fn new(by: String, shows: Shows, sites: Vec<String>) -> Link {
        Link { by, revoked_by: None, shows, sites, signature: [0; 32] }
    }
}

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TokenFault {
    /// The system does not let us.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// Others can use it.
    #[error("others can use it: chmod 600 it")]
    Open,
    /// It holds something else.
    #[error("it is not a file of tokens: {0}")]
    Other(String),
    /// There is no room for another token.
    #[error("it holds {COUNT_MAX} tokens that are in use: revoke one")]
    Full,
    /// There is no room for another link; tokens have theirs.
    #[error("it holds {LINKS_MAX} links that are in use: revoke one")]
    FullOfLinks,
    /// There is no such token.
    #[error("there is no token {0:?}: `earwitness token list` tells which there are")]
    Unknown(String),
}

/// The tokens of a file.
#[derive(Debug, Default)]
pub struct TokenFile {
    /// In the order in which they were made.
    pub tokens: Vec<Token>,
}

impl Token {
    /// A token with that hash.
    pub fn new(hash: [u8; 32], name: String, grants: Vec<Grant>, created: Timestamp) -> Token {
        let id = hex(&hash).chars().take(ID_CHARS).collect();
        Token { id, name, hash, grants, created, expires: None, revoked: None, link: None }
    }

    /// True while it lets somebody in.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.revoked.is_none() && self.expires.is_none_or(|expires| now < expires)
    }
}

impl TokenFile {
    /// Reads it; `None` when there is none.
    ///
    /// # Errors
    /// When it cannot be used.
    pub fn read(path: &Path) -> Result<Option<TokenFile>, TokenFault> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        if file.metadata()?.mode() & 0o077 != 0 {
            return Err(TokenFault::Open);
        }
        let mut text = String::new();
        file.take(BYTES_MAX).read_to_string(&mut text)?;
        let written: Written =
            serde_json::from_str(&text).map_err(|error| TokenFault::Other(error.to_string()))?;
        if written.format != FORMAT {
            return Err(TokenFault::Other(format!("it has format {}, not {FORMAT}", written.format)));
        }
        let tokens = written.tokens.into_iter().take(COUNT_MAX).map(Row::token);
        Ok(Some(TokenFile { tokens: tokens.collect::<Result<_, _>>()? }))
    }

    /// Changes it, alone: the file is made when it is not there.
    ///
    /// # Errors
    /// When it cannot be used, or `change` refuses.
    pub fn change<T>(
        path: &Path,
        change: impl FnOnce(&mut TokenFile) -> Result<T, TokenFault>,
    ) -> Result<T, TokenFault> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        fs::create_dir_all(folder)?;
        let mut lock = OpenOptions::new();
        lock.write(true).create(true).truncate(false).mode(0o600);
        let lock = lock.open(with_ending(path, ".lock"))?;
        lock.lock_exclusive()?;
        let mut tokens = TokenFile::read(path)?.unwrap_or_default();
        let done = change(&mut tokens)?;
        tokens.write(path)?;
        File::open(folder)?.sync_all()?;
        Ok(done)
    }

    /// True while a token of this file lets somebody in: a link does for as long as the token of whoever made it is not revoked.
    pub fn is_live(&self, token: &Token, now: Timestamp) -> bool {
        let is_maker = |by: &str| self.tokens.iter().any(|one| one.id == by && one.revoked.is_none());
        token.is_live(now) && token.link.as_ref().is_none_or(|link| !is_id(&link.by) || is_maker(&link.by))
    }

    /// Puts a token at the end; one that is of no use any more makes room for it where there is none.
    ///
    /// # Errors
    /// [`TokenFault::Full`], [`TokenFault::FullOfLinks`].
    pub fn add(&mut self, token: Token, now: Timestamp) -> Result<(), TokenFault> {
        let links = self.tokens.iter().filter(|one| one.link.is_some() && one.is_live(now)).count();
        if token.link.is_some() && links >= LINKS_MAX {
            return Err(TokenFault::FullOfLinks);
        }
        if self.tokens.len() >= COUNT_MAX {
            let useless = self.tokens.iter().position(|token| !token.is_live(now)).ok_or(TokenFault::Full)?;
            self.tokens.remove(useless);
        }
        self.tokens.push(token);
        Ok(())
    }

    fn write(&self, path: &Path) -> Result<(), TokenFault> {
        let written = Written { format: FORMAT, tokens: self.tokens.iter().map(Row::of).collect() };
        let text =
            serde_json::to_string_pretty(&written).map_err(|error| TokenFault::Other(error.to_string()))?;
        write_whole(path, &text)?;
        Ok(())
    }
}

/// Writes a file whole or not at all, its owner's alone.
pub(super) fn write_whole(path: &Path, text: &str) -> std::io::Result<()> {
    let fresh = with_ending(path, ".new");
    let _ = fs::remove_file(&fresh);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&fresh, path)
}

/// A file beside it.
pub(super) fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    format: u32,
    tokens: Vec<Row>,
}

/// A token as it is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    id: String,
    name: String,
    sha256: String,
    grants: Vec<String>,
    created: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    revoked: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    link: Option<LinkRow>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct LinkRow {
    by: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    revoked_by: Option<String>,
    #[serde(default, skip_serializing_if = "Shows::is_records")]
    shows: Shows,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    sites: Vec<String>,
    /// In hexadecimal.
    #[serde(default)]
    signature: String,
}

impl Row {
    fn of(token: &Token) -> Row {
        Row {
            id: token.id.clone(),
            name: token.name.clone(),
            sha256: hex(&token.hash),
            grants: token.grants.iter().map(ToString::to_string).collect(),
            created: token.created,
            expires: token.expires,
            revoked: token.revoked,
            link: token.link.clone().map(|link| {
                let Link { by, revoked_by, shows, sites, signature } = link;
                LinkRow { by, revoked_by, shows, sites, signature: hex(&signature) }
            }),
        }
    }

    fn token(self) -> Result<Token, TokenFault> {
        let other = |what: &str| TokenFault::Other(format!("the token {} has {what}", self.id));
        let hash = unhex(self.sha256.as_bytes()).ok_or_else(|| other("a hash that is none"))?;
        let grants: Option<Vec<Grant>> = self.grants.iter().map(|text| Grant::parse(text)).collect();
        let grants = grants.ok_or_else(|| other("a grant that is none"))?;
        let Row { id, name, created, expires, revoked, link, .. } = self;
        let link = link.map(|LinkRow { by, revoked_by, shows, sites, signature }| {
            // What is no signature fits no text.
            let signature = unhex(signature.as_bytes()).unwrap_or_default();
            Link { by, revoked_by, shows, sites, signature }
        });
        Ok(Token { id, name, hash, grants, created, expires, revoked, link })
    }
}

/// True for what is the id of a token, and not of a reader of another kind.
fn is_id(text: &str) -> bool {
    text.len() == ID_CHARS && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Who revokes a link whose maker is no auditor any more.
pub(in crate::api) const LINK_ROLES: &str = "earwitness roles";
/// Who makes a link, where that is the command.
pub const LINK_COMMAND: &str = "earwitness link";
const FORMAT: u32 = 1;
const COUNT_MAX: usize = 1_000;
/// Of those; so that links leave room for tokens.
const LINKS_MAX: usize = 500;
const BYTES_MAX: u64 = 4 << 20;
const ID_CHARS: usize = 12;

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn token(n: u8) -> Token {
        let grants = vec![Grant::Auditor, Grant::Team("t 1".to_owned())];
        let made = Token::new([n; 32], format!("token {n}"), grants, "2026-01-31T08:00:00Z".parse().unwrap());
        Token { expires: "2026-03-01T00:00:00Z".parse().ok(), ..made }
    }

    fn now() -> Timestamp {
        "2026-02-01T00:00:00Z".parse().unwrap()
    }

    #[test]
    fn what_is_written_is_read_back_and_is_its_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys/data.tokens");
        assert!(TokenFile::read(&path).unwrap().is_none());
        let sites = vec!["https://office.example".to_owned()];
        let link = Link::new("admin.token".to_owned(), Shows::Sentences, sites);
        let link = Some(Link { revoked_by: Some("oidc:u4".to_owned()), ..link });
        let revoked = Token { revoked: Some(now()), expires: None, link, ..token(2) };
        for one in [token(1), revoked.clone()] {
            TokenFile::change(&path, |file| file.add(one, now())).unwrap();
        }
        assert_eq!(TokenFile::read(&path).unwrap().unwrap().tokens, [token(1), revoked]);
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_file_that_others_can_use_or_that_holds_something_else_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data.tokens");
        TokenFile::change(&path, |file| file.add(token(1), now())).unwrap();
        let good = fs::read_to_string(&path).unwrap();
        let check = |text: &str, mode: u32, expected: &str| {
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let told = TokenFile::read(&path).unwrap_err().to_string();
            assert!(told.contains(expected), "{told}");
        };
        check(&good, 0o640, "others can use it");
        check(&good, 0o602, "others can use it");
        check("", 0o600, "not a file of tokens");
        check(&good.replace("auditor", "auditoor"), 0o600, "a grant that is none");
        check(&good.replace("0101", "010"), 0o600, "a hash that is none");
        check(&good.replace("\"format\": 1", "\"format\": 2"), 0o600, "format 2");
        check(&good.replace("\"name\"", "\"mane\""), 0o600, "unknown field");
        assert!(TokenFile::change(&path, |_| Ok(())).is_err(), "what cannot be read is not written over");
    }

    #[test]
    fn a_token_lives_from_its_making_until_it_expires_or_is_revoked() {
        let one = token(1);
        assert!(one.is_live(now()));
        assert!(!one.is_live("2026-03-01T00:00:00Z".parse().unwrap()));
        assert!(!Token { revoked: Some(now()), ..one.clone() }.is_live(now()));
        assert!(Token { expires: None, ..one }.is_live("2099-01-01T00:00:00Z".parse().unwrap()));
    }

    // THREATS Q04
    #[test]
    fn a_link_ends_with_the_token_of_who_made_it() {
        let by = |maker: &str| Some(Link::new(maker.to_owned(), Shows::Records, Vec::new()));
        let check = |maker: Token, by_whom: &str, expected: bool| {
            let link = Token { link: by(by_whom), ..token(2) };
            let file = TokenFile { tokens: vec![maker, link.clone()] };
            assert_eq!(file.is_live(&link, now()), expected, "{by_whom}");
        };
        let revoked = Token { revoked: Some(now()), ..token(1) };
        check(token(1), &token(1).id, true);
        check(revoked.clone(), &token(1).id, false);
        check(token(3), &token(1).id, false);
        for other in ["admin.token", "oidc:0123456789", LINK_COMMAND] {
            check(revoked.clone(), other, true);
        }
    }

    #[test]
    fn links_leave_room_for_tokens() {
        let link = Token { link: Some(Link::new("x".to_owned(), Shows::Records, Vec::new())), ..token(1) };
        let mut file = TokenFile { tokens: vec![link.clone(); LINKS_MAX] };
        assert!(matches!(file.add(link.clone(), now()), Err(TokenFault::FullOfLinks)));
        file.add(token(2), now()).unwrap();
        file.tokens[0].revoked = Some(now());
        file.add(link, now()).unwrap();
    }

    #[test]
    fn a_full_file_lets_go_of_what_is_of_no_use_any_more_and_of_nothing_else() {
        let mut file = TokenFile { tokens: vec![token(1); COUNT_MAX] };
        assert!(matches!(file.add(token(2), now()), Err(TokenFault::Full)));
        file.tokens[7].revoked = Some(now());
        file.add(token(2), now()).unwrap();
        assert_eq!((file.tokens.len(), file.tokens.last()), (COUNT_MAX, Some(&token(2))));
    }
}
