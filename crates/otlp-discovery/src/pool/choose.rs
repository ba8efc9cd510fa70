//! From all endpoints to those that come into question, and from them to one.
//!
//! In this order: endpoints that neither rest nor fail their checks and were not tried for this request; those that were;
//! those that fail their checks. Among them those of the lowest priority, and of these the ones with a weight. What is
//! left is the strategy's choice.

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use otlp_reliability::Rejection;

use super::{
    member::{Condition, Member},
    members::Members,
    picked::Picked,
};
use crate::Candidate;

/// What a request wants of its endpoint.
#[derive(Debug, Clone, Copy, Default)]
pub struct PickRequest<'a> {
    key: Option<&'a [u8]>,
    avoided: &'a [u64],
}

impl<'a> PickRequest<'a> {
    /// Any endpoint.
    pub fn new() -> Self {
        PickRequest::default()
    }

    /// The same endpoint for the same key, under a strategy that looks at keys.
    #[must_use]
    pub fn with_key(mut self, key: &'a [u8]) -> Self {
        self.key = Some(key);
        self
    }

    /// None of these ([`Picked::id`]), which failed this request already, if there are others.
    #[must_use]
    pub fn avoiding(mut self, tried: &'a [u64]) -> Self {
        self.avoided = tried;
        self
    }
}

/// An endpoint that takes requests.
pub(super) fn well(members: &Arc<Members>, request: &PickRequest<'_>) -> Option<Picked> {
    let list = members.list();
    let awake: Vec<&Arc<Member>> = list.iter().filter(|member| member.state.condition() != Condition::Rests).collect();
    // 0 is the best.
    let rank = |member: &Member| {
        2 * u8::from(member.state.is_failing_checks()) + u8::from(request.avoided.contains(&member.state.id))
    };
    (0..4).find_map(|wanted| {
        let mut open: Vec<&Arc<Member>> = awake.iter().copied().filter(|member| rank(member) == wanted).collect();
        while !open.is_empty() {
            let chosen = chosen(members, &open, request);
            let member = open[chosen];
            match member.state.breaker.as_ref().map(|breaker| breaker.try_acquire_owned()).transpose() {
                Ok(permit) => return Some(Picked::new(Arc::clone(members), Arc::clone(member), permit)),
                Err(rejection) => {
                    member.state.leave_alone(rest_of(&rejection));
                    open.remove(chosen);
                }
            }
        }
        None
    })
}

/// An endpoint that is not well, where none is.
pub(super) fn anyone(members: &Arc<Members>, request: &PickRequest<'_>) -> Option<Picked> {
    let list = members.list();
    let all: Vec<&Arc<Member>> = list.iter().collect();
    if all.is_empty() {
        return None;
    }
    let untried: Vec<&Arc<Member>> =
        all.iter().copied().filter(|member| !request.avoided.contains(&member.state.id)).collect();
    let open = if untried.is_empty() { all } else { untried };
    let member = open[chosen(members, &open, request)];
    Some(Picked::new(Arc::clone(members), Arc::clone(member), None))
}

/// The place in `open`, which is not empty, of the endpoint that the strategy chooses.
fn chosen(members: &Members, open: &[&Arc<Member>], request: &PickRequest<'_>) -> usize {
    let priority = open.iter().map(|member| member.endpoint.priority).min();
    let of_priority = (0..open.len()).filter(|index| Some(open[*index].endpoint.priority) == priority);
    let (weighted, weightless): (Vec<usize>, _) = of_priority.partition(|index| open[*index].endpoint.weight > 0);
    let indices = if weighted.is_empty() { weightless } else { weighted };
    let candidate = |index: &usize| {
        let member = open[*index];
        let in_flight = member.state.in_flight.load(Relaxed);
        Candidate { id: member.state.id, endpoint: &member.endpoint, in_flight }
    };
    let candidates: Vec<Candidate<'_>> = indices.iter().map(candidate).collect();
    let choice = members.balance.choose(&candidates, request.key);
    indices.get(choice).or(indices.first()).copied().unwrap_or_default()
}

/// How long an endpoint rests whose breaker turned a request away. One that waits for a probe is asked again at once
/// when the probe has ended.
fn rest_of(rejection: &Rejection) -> Duration {
    match rejection {
        Rejection::Open { retry_after: Some(rest) } => *rest,
        _ => Duration::ZERO,
    }
}
