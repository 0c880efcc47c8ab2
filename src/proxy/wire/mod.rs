//! What every request needs between client and application, whether a rule concerns it or not: who the client
//! is and the headers that tell it ([`forwarding`], with [`ids`]), the headers taken off ([`hops`], with [`cookies`]), the
//! connections ([`pool`]) with the gate that no unsound answer passes ([`answer_gate`]), how long an answer is waited for ([`patience`]), and the answer where the application gives none ([`failure`]).

mod answer_gate;
mod cookies;
mod failure;
pub(super) mod forwarding;
pub(super) mod hops;
pub(super) mod ids;
pub(super) mod patience;
mod pool;

pub(super) use answer_gate::Unsound;
pub(super) use answer_gate::fuzzing::answers;
pub(super) use failure::{Failure, answer};
pub(super) use ids::Ids;
pub(super) use pool::{Bond, Lease, Pool, Reply, Underway, is_bound};
