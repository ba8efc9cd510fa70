//! `OTEL_TRACES_EXPORTER`, `OTEL_METRICS_EXPORTER`, `OTEL_LOGS_EXPORTER`.

use otlp_core::Signal;

use super::reader::Reader;

/// Where a signal goes, beside custom exporters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Selection {
    /// To the OTLP endpoint.
    pub otlp: bool,
    /// To standard output.
    pub console: bool,
}

impl<L: Fn(&str) -> Option<String>> Reader<L> {
    /// `None` where nothing is said or nothing of it is known, which means OTLP.
    pub(super) fn selection(&mut self, signal: Signal) -> Option<Selection> {
        let name = format!("OTEL_{}_EXPORTER", signal.name().to_uppercase());
        let parts = self.list(&name)?;
        let (mut selection, mut is_none) = (Selection { otlp: false, console: false }, false);
        for part in &parts {
            match part.as_str() {
                "otlp" => selection.otlp = true,
                "console" => selection.console = true,
                "none" => is_none = true,
                other => {
                    self.warn(&name, format!("{other:?} is not known; accepted: otlp, console, none; it is left out"));
                }
            }
        }
        let is_some = selection.otlp || selection.console;
        if is_none && is_some {
            self.warn(&name, "none stands beside others; using none".to_owned());
            return Some(Selection { otlp: false, console: false });
        }
        (is_none || is_some).then_some(selection)
    }
}
