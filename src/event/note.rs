//! Notes: what an event says about its own shortcomings. The list of codes is closed and documented, so
//! that an auditor can ask for "everything that was not complete".

use serde::{Deserialize, Serialize};

/// One shortcoming of an event.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Note {
    /// Which.
    pub code: NoteCode,
    /// More about it, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl Note {
    /// A note that its code says wholly.
    pub fn plain(code: NoteCode) -> Note {
        Note { code, detail: None }
    }

    /// A note with a word more.
    pub fn with(code: NoteCode, detail: impl Into<String>) -> Note {
        Note { code, detail: Some(detail.into()) }
    }
}

/// The closed list of shortcomings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoteCode {
    /// The path met the rule only after normalising.
    PathNormalised,
    /// A header, query or form field names another method than the request line.
    MethodOverridden,
    /// A header of a trusted peer names another path than the request line.
    PathOverridden,
    /// No rule names this host, yet the application answered it.
    HostUnknown,
    /// A JSON object or form holds a name twice, or only in another case.
    DuplicateKey,
    /// A header that should stand once stands twice.
    DuplicateHeader,
    /// The copy of a body ends early: it was too large.
    BodyCut,
    /// A body could not be read as what it says it is.
    BodyUnparsed,
    /// A body can be read in two ways.
    BodyAmbiguous,
    /// A content coding that is not known or could not be undone.
    CodingUnknown,
    /// A field behind a body that could pose as one of the message's head was not passed on.
    TrailerDropped,
    /// The client left before the answer was complete.
    ClientGone,
    /// The application's answer broke off.
    ResponseCut,
    /// No answer came.
    ResponseMissing,
    /// The client asked for an answer that shows less than was done.
    AnswerWithheld,
    /// The recorder ended before the answer: nobody can say whether it was done.
    Recovered,
    /// Several people could have been the actor.
    ActorAmbiguous,
    /// The actor is only what the request says.
    ActorClaimed,
    /// A word of a name has letters of several scripts: it may be made to look like another.
    NameMixed,
    /// Which thing it was done to is not certain.
    TargetUncertain,
    /// The target's identifier, or a snapshot, that the rule asks for was not there.
    ValueMissing,
    /// The thing was changed by something that nobody saw.
    ChangedUnseen,
    /// The thing could not be read before the action.
    BeforeUnavailable,
    /// Values before are kept back: the reader was not allowed to see them.
    BeforeWithheld,
    /// Another request was changing the thing, and this one did not get its turn in time.
    TurnMissed,
    /// More items than the limit.
    BatchCut,
    /// A condition was neither met nor excluded.
    MatchDoubtful,
    /// A value was too long and was cut.
    FieldCut,
    /// A rule's expression failed.
    RuleFailed,
    /// Only the least could be recorded.
    EventMinimal,
}
