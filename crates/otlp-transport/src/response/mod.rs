//! Reading what receivers answer. All of it comes from outside: bounded, never trusted, never a panic.

mod acknowledgement;
mod collect;
mod status;
mod text;

pub(crate) use self::{
    acknowledgement::{json_acknowledgement, protobuf_acknowledgement},
    collect::{Collected, End, collect},
    status::{LONGEST_DELAY, Status},
    text::quoted,
};
