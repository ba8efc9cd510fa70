//! recloser: its breaker of futures.

use recloser::{AsyncRecloser, Error, Recloser};

use super::{FAILURE_RATE, LONG, WINDOW};
use crate::{
    call::{CallError, IsRejection},
    case::{Case, Peer, Promise, Scene, Side},
};

const RING: Peer = Peer {
    beside: "breaker, count window",
    promise: Promise::Less,
    differs: "a ring of results under a spin lock, judged only once it is full; half-open admits every call until a second \
              ring is full; states behind crossbeam-epoch, pinned at each poll; a result from before a transition decides as \
              one from after it; a call that is dropped or panics is not seen; what is no failure is a success; no slow \
              calls, no snapshot, no forced states",
};

impl IsRejection for Error<CallError> {
    fn is_rejection(&self) -> bool {
        matches!(self, Error::Rejected)
    }
}

pub(super) fn cases(scene: Scene) -> [Case; 1] {
    let recloser = Recloser::custom().closed_len(WINDOW).error_rate(FAILURE_RATE as f32).open_wait(LONG).build();
    let behaviour = scene.behaviour();
    let call = async move |breaker: &mut AsyncRecloser, turn| breaker.call(behaviour.call(turn)).await;
    [Case::new(scene, "recloser", Side::Peer(RING), AsyncRecloser::from(recloser), call)]
}
