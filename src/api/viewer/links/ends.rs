//! A link shows what its maker sees: those of people of a provider end when it says that they are no auditors any more (THREATS Q13).
//! Of who has left it says nothing at all, so that their links are good for a week at most.

use jiff::Timestamp;

use super::with_file;
use crate::api::access::{Caller, LINK_ROLES, Token, TokenFile};
use crate::api::listener::state::State;
use crate::config::Grant;

/// Takes the links out of force that somebody has made who is no auditor now, as his provider has just said.
pub(in crate::api) async fn end_those_of(state: &State, maker: &Caller) {
    let Some(id) = maker.id.clone().filter(|_| !maker.grants().contains(&Grant::Auditor)) else { return };
    let ended = with_file(state, move |path| {
        let is_his =
            |token: &Token| token.revoked.is_none() && token.link.as_ref().is_some_and(|link| link.by == id);
        // Nothing is written where there is nothing to end: a file of tokens closes the listener.
        if !TokenFile::read(path)?.is_some_and(|file| file.tokens.iter().any(is_his)) {
            return Ok(());
        }
        TokenFile::change(path, |file| {
            for token in file.tokens.iter_mut().filter(|token| is_his(token)) {
                token.revoked = Some(Timestamp::now());
                if let Some(link) = &mut token.link {
                    link.revoked_by = Some(LINK_ROLES.to_owned());
                }
            }
            Ok(())
        })
    });
    // Where there is no file there are no links; of one that cannot be changed `with_file` has told.
    let _ = ended.await;
}
