//! The active span: across scopes, futures, tasks, threads and unwinding.

use std::{
    collections::HashMap,
    future::{Future, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    task::{Context as TaskContext, Poll, Waker},
};

use otlp_core::{
    TraceContext,
    data::SpanKind,
    propagation::{Baggage, CompositePropagator},
};
use otlp_sdk::{
    context::{Context, ContextFuture},
    trace::{Span, Tracer},
};

use crate::collected::{Collected, named};

/// Suspends once.
async fn yield_once() {
    let mut is_second = false;
    poll_fn(|cx| {
        if is_second {
            return Poll::Ready(());
        }
        is_second = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[test]
fn entered_spans_nest() {
    let collected = Collected::new();
    let tracer = collected.tracer();
    let outer = tracer.start("outer");
    {
        let _outer = outer.enter();
        let inner = tracer.start("inner");
        let _inner = inner.enter();
        drop(tracer.start("innermost"));
    }
    drop(tracer.start("alone"));
    drop(outer);
    let spans = collected.spans();
    let id = |name| named(&spans, name).span_id.clone();
    assert_eq!(named(&spans, "innermost").parent_span_id, id("inner"));
    assert_eq!(named(&spans, "inner").parent_span_id, id("outer"));
    assert!(named(&spans, "alone").parent_span_id.is_empty());
}

#[test]
fn an_entered_span_can_be_changed_and_ended_while_the_guard_lives() {
    let collected = Collected::new();
    let tracer = collected.tracer();
    let mut span = tracer.start("entered");
    let guard = span.enter();
    span.set_attribute("a", 1);
    span.end();
    drop(tracer.start("child"));
    drop(guard);
    assert_eq!(Context::current(), Context::new());
    let spans = collected.spans();
    assert_eq!(named(&spans, "child").parent_span_id, named(&spans, "entered").span_id);
}

async fn request(tracer: Tracer, number: usize) {
    let span = tracer.start(format!("request {number}"));
    let inner = tracer.clone();
    async move {
        yield_once().await;
        // A task of its own has no context, unless it is given one.
        let spawned = tokio::spawn({
            let tracer = inner.clone();
            async move {
                yield_once().await;
                drop(tracer.start(format!("spawned {number}")));
            }
            .with_current_context()
        });
        let bare = tokio::spawn(async { Context::current() });
        drop(inner.start(format!("awaited {number}")));
        spawned.await.unwrap();
        assert_eq!(bare.await.unwrap(), Context::new());
        // A span moves to another task, where it ends.
        let mut moved = inner.start(format!("moved {number}"));
        tokio::spawn(async move {
            yield_once().await;
            moved.set_attribute("ended", "elsewhere").end();
        })
        .await
        .unwrap();
    }
    .in_span(&span)
    .await;
    assert_eq!(Context::current(), Context::new());
}

#[test]
fn futures_carry_their_span_over_awaits_and_tasks_on_several_threads() {
    let collected = Collected::new();
    let tracer = collected.tracer();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).build().unwrap();
    runtime.block_on(async {
        let requests: Vec<_> = (0..50).map(|number| tokio::spawn(request(tracer.clone(), number))).collect();
        for request in requests {
            request.await.unwrap();
        }
    });
    drop(runtime);
    let spans = collected.spans();
    assert_eq!(spans.len(), 200);
    for number in 0..50 {
        let parent = named(&spans, &format!("request {number}"));
        for child in ["spawned", "awaited", "moved"] {
            let child = named(&spans, &format!("{child} {number}"));
            assert_eq!(child.parent_span_id, parent.span_id);
            assert_eq!(child.trace_id, parent.trace_id);
        }
    }
}

#[test]
fn what_a_future_leaves_entered_does_not_reach_others_on_the_thread() {
    let collected = Collected::new();
    let tracer = collected.tracer();
    let careless_tracer = tracer.clone();
    let mut careless = pin!(
        async move {
            let span = careless_tracer.start("careless");
            let _held_across_await = span.enter();
            yield_once().await;
        }
        .with_current_context()
    );
    let mut cx = TaskContext::from_waker(Waker::noop());
    assert!(careless.as_mut().poll(&mut cx).is_pending());
    assert_eq!(Context::current(), Context::new());
    let other = tracer.start("other");
    let _other = other.enter();
    assert!(careless.as_mut().poll(&mut cx).is_ready());
    assert_eq!(Context::current().span(), Some(&other.context()));
}

#[test]
fn a_cancelled_future_is_dropped_within_its_context() {
    struct StartsOnDrop(Tracer);
    impl Drop for StartsOnDrop {
        fn drop(&mut self) {
            drop(self.0.start("clean-up"));
        }
    }
    let collected = Collected::new();
    let tracer = collected.tracer();
    let span = tracer.start("cancelled");
    let held = StartsOnDrop(tracer.clone());
    {
        let mut future = Box::pin(
            async move {
                let _held = held;
                std::future::pending::<()>().await;
            }
            .in_span(&span),
        );
        let mut cx = TaskContext::from_waker(Waker::noop());
        assert!(future.as_mut().poll(&mut cx).is_pending());
    }
    drop(span);
    let spans = collected.spans();
    assert_eq!(named(&spans, "clean-up").parent_span_id, named(&spans, "cancelled").span_id);
}

#[test]
fn a_panic_ends_the_spans_it_unwinds_through_and_spoils_nothing() {
    let collected = Collected::new();
    let tracer = collected.tracer();
    let unwound = catch_unwind(AssertUnwindSafe(|| {
        let mut outer = tracer.start("outer");
        let _active = outer.enter();
        let _inner = tracer.start("inner");
        outer.set_attribute("before", "the panic");
        panic!("as the test asks");
    }));
    assert!(unwound.is_err());
    assert_eq!(Context::current(), Context::new());
    drop(tracer.start("after"));
    let spans = collected.spans();
    assert_eq!(spans.len(), 3);
    assert_eq!(named(&spans, "outer").attributes.len(), 1);
    assert!(named(&spans, "after").parent_span_id.is_empty());
}

#[test]
fn a_context_from_elsewhere_becomes_the_parent() {
    let collected = Collected::new();
    let tracer = collected.tracer();
    let caller = TraceContext { is_remote: true, ..tracer.start("caller").context() };
    let guard = Context::new().with_span(caller.clone()).attach();
    drop(tracer.start_with_kind("callee", SpanKind::Server));
    drop(guard);
    let spans = collected.spans();
    let callee = named(&spans, "callee");
    assert_eq!(callee.parent_span_id, caller.span_id.to_bytes());
    assert_eq!(callee.flags, 0x303);
}

#[test]
fn span_and_baggage_cross_a_boundary_and_stay_together() {
    let collected = Collected::new();
    let tracer = collected.tracer();
    let caller = tracer.start("caller");
    let baggage = Baggage::default().with("customer", "7");
    let mut headers = HashMap::<String, String>::new();
    {
        let _baggage = Context::current().with_baggage(baggage.clone()).attach();
        let _span = caller.enter();
        // Entering a span keeps the baggage.
        Context::current().inject(&CompositePropagator::default(), &mut headers);
    }
    let received = Context::extract(&CompositePropagator::default(), &headers);
    assert_eq!(received.span().map(|span| span.span_id), Some(caller.context().span_id));
    assert!(received.span().is_some_and(|span| span.is_remote));
    assert_eq!(received.baggage(), &baggage);
    let nothing = Context::extract(&CompositePropagator::default(), &HashMap::<String, String>::new());
    assert_eq!(nothing, Context::new());
    let mut none = HashMap::<String, String>::new();
    nothing.inject(&CompositePropagator::default(), &mut none);
    assert!(none.is_empty());
}

#[test]
fn spans_and_tracers_may_go_anywhere() {
    fn is_send_and_sync<T: Send + Sync>() {}
    is_send_and_sync::<Span>();
    is_send_and_sync::<Tracer>();
    is_send_and_sync::<otlp_sdk::logs::Logger>();
    is_send_and_sync::<Context>();
}
