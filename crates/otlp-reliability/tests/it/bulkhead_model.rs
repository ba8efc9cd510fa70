//! The bulkhead against a model that is too simple to be wrong: a number and a list.

use std::{
    collections::VecDeque,
    future::Future,
    pin::Pin,
    task::{Context, Poll, Waker},
};

use otlp_reliability::{Bulkhead, BulkheadConfig, Permit, Rejection};
use proptest::prelude::*;

type Waiting = Pin<Box<dyn Future<Output = Result<Permit, Rejection>>>>;

#[derive(Debug, Clone)]
enum Step {
    TryAcquire,
    Acquire,
    /// The waiter with this number, counted from the one who came first, looks again or gives up.
    Poll(usize),
    Cancel(usize),
    Release(usize),
    Resize(u32),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        2 => Just(Step::TryAcquire),
        4 => Just(Step::Acquire),
        3 => any::<usize>().prop_map(Step::Poll),
        2 => any::<usize>().prop_map(Step::Cancel),
        4 => any::<usize>().prop_map(Step::Release),
        1 => (0..5_u32).prop_map(Step::Resize),
    ];
    proptest::collection::vec(step, 0..120)
}

/// Who is inside and who waits, by the number of the call.
#[derive(Default)]
struct Model {
    limit: usize,
    inside: Vec<usize>,
    line: VecDeque<usize>,
}

impl Model {
    fn let_in(&mut self) {
        while self.inside.len() < self.limit {
            let Some(call) = self.line.pop_front() else { return };
            self.inside.push(call);
        }
    }

    fn leave(&mut self, call: usize) {
        self.inside.retain(|inside| *inside != call);
        self.line.retain(|waiting| *waiting != call);
        self.let_in();
    }
}

fn poll(waiting: &mut Waiting) -> Poll<Result<Permit, Rejection>> {
    waiting.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

fn acquire(bulkhead: &Bulkhead) -> Waiting {
    let bulkhead = bulkhead.clone();
    Box::pin(async move { bulkhead.acquire().await })
}

proptest! {
    #[test]
    fn who_is_inside_and_who_waits_is_as_in_the_model(
        steps in steps(),
        limit in 1..4_u32,
        max_waiting in 0..5_u32,
    ) {
        let bulkhead = BulkheadConfig::new(limit).with_max_waiting(max_waiting).build().unwrap();
        let mut model = Model { limit: limit as usize, ..Model::default() };
        let mut permits: Vec<(usize, Permit)> = Vec::new();
        let mut waiting: Vec<(usize, Waiting)> = Vec::new();
        for (call, step) in steps.into_iter().enumerate() {
            let is_free = model.inside.len() < model.limit && model.line.is_empty();
            match step {
                Step::TryAcquire => {
                    let permit = bulkhead.try_acquire();
                    prop_assert_eq!(permit.is_ok(), is_free);
                    if let Ok(permit) = permit {
                        model.inside.push(call);
                        permits.push((call, permit));
                    }
                }
                Step::Acquire => {
                    let mut future = acquire(&bulkhead);
                    match poll(&mut future) {
                        Poll::Ready(Ok(permit)) => {
                            prop_assert!(is_free);
                            model.inside.push(call);
                            permits.push((call, permit));
                        }
                        Poll::Ready(Err(rejection)) => {
                            prop_assert_eq!(rejection, Rejection::Full);
                            prop_assert!(!is_free && model.line.len() >= max_waiting as usize);
                        }
                        Poll::Pending => {
                            prop_assert!(!is_free && model.line.len() < max_waiting as usize);
                            model.line.push_back(call);
                            waiting.push((call, future));
                        }
                    }
                }
                Step::Poll(number) if !waiting.is_empty() => {
                    let number = number % waiting.len();
                    let (call, future) = &mut waiting[number];
                    let polled = poll(future);
                    prop_assert_eq!(polled.is_ready(), model.inside.contains(call));
                    if let Poll::Ready(permit) = polled {
                        permits.push((waiting.remove(number).0, permit.unwrap()));
                    }
                }
                Step::Cancel(number) if !waiting.is_empty() => {
                    let (call, future) = waiting.remove(number % waiting.len());
                    drop(future);
                    model.leave(call);
                }
                Step::Release(number) if !permits.is_empty() => {
                    let (call, permit) = permits.swap_remove(number % permits.len());
                    drop(permit);
                    model.leave(call);
                }
                Step::Resize(limit) => {
                    bulkhead.resize(limit);
                    model.limit = limit as usize;
                    model.let_in();
                }
                Step::Poll(_) | Step::Cancel(_) | Step::Release(_) => {}
            }
            let figures = bulkhead.snapshot();
            prop_assert_eq!(figures.in_flight as usize, model.inside.len());
            prop_assert_eq!(figures.waiting as usize, model.line.len());
        }
    }
}
