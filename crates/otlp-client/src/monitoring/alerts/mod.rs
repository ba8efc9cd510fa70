//! Alerts: rules over the client's figures, watched once a second, and sinks that hear when one fires and when it is over.
//!
//! `rule` says what is watched, `metric` reads it, `state` decides without time or I/O of its own, `manager` runs, `sink`
//! and `webhook` tell, `line` and `waiting` are the way to a webhook. What must hold: a rule fires once and is resolved
//! once, however its figure wavers; no sink can hold up another, the rules or the delivery.

mod defaults;
mod evaluator;
mod line;
mod manager;
mod metric;
mod notice;
mod rule;
mod sink;
mod state;
mod waiting;
mod webhook;

pub(crate) use self::manager::AlertSettings;
pub use self::{
    manager::AlertManager,
    metric::AlertMetric,
    notice::{AlertNotice, AlertStatus},
    rule::{AlertRule, AlertSeverity, Comparison},
    sink::AlertSink,
    state::AlertState,
    webhook::Webhook,
};
