//! The text format of Prometheus ("Exposition formats", version 0.0.4): families of samples, each with its help and type
//! said once.

use std::fmt::{self, Display, Write};

/// What `Content-Type` says of it.
pub(super) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What a family measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Only grows. The name ends in `_total`.
    Counter,
    Gauge,
    Histogram,
}

/// A page of families.
#[derive(Default)]
pub(super) struct Exposition {
    text: String,
}

/// A family that is being written.
pub(super) struct Family<'a> {
    text: &'a mut String,
    name: &'static str,
}

impl Exposition {
    /// Writes a family; all of its samples at once, as the format wants it. One without samples is left out.
    pub(super) fn family(
        &mut self,
        name: &'static str,
        kind: Kind,
        help: &'static str,
        samples: impl FnOnce(&mut Family<'_>),
    ) {
        let before = self.text.len();
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "# HELP {name} {}", Help(help));
        let _ = writeln!(self.text, "# TYPE {name} {kind}");
        let header = self.text.len();
        samples(&mut Family { text: &mut self.text, name });
        if self.text.len() == header {
            self.text.truncate(before);
        }
    }

    pub(super) fn into_text(self) -> String {
        self.text
    }
}

impl Family<'_> {
    /// Writes a sample.
    pub(super) fn sample(&mut self, labels: &[(&str, &str)], value: impl Display) {
        self.sample_of("", labels, value);
    }

    /// Writes a sample of the family's name with `suffix`, as histograms have them.
    pub(super) fn sample_of(&mut self, suffix: &str, labels: &[(&str, &str)], value: impl Display) {
        let _ = write!(self.text, "{}{suffix}", self.name);
        for (position, (name, text)) in labels.iter().enumerate() {
            let _ = write!(self.text, "{}{name}=\"{}\"", if position == 0 { '{' } else { ',' }, LabelValue(text));
        }
        let _ = writeln!(self.text, "{} {value}", if labels.is_empty() { "" } else { "}" });
    }
}

/// Escapes what may not stand within the quotes of a label.
struct LabelValue<'a>(&'a str);

impl Display for LabelValue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        escape(self.0, true, f)
    }
}

/// Escapes what may not stand in a help text, where quotes may.
struct Help<'a>(&'a str);

impl Display for Help<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        escape(self.0, false, f)
    }
}

fn escape(text: &str, quotes: bool, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for character in text.chars() {
        match character {
            '\\' => f.write_str("\\\\")?,
            '\n' => f.write_str("\\n")?,
            '"' if quotes => f.write_str("\\\"")?,
            other => f.write_char(other)?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_say_help_and_type_once_and_escape_what_breaks_lines() {
        let mut page = Exposition::default();
        page.family("a_total", Kind::Counter, "All \\ \"of\"\nthem.", |family| {
            family.sample(&[("name", "x\\y\"z\n"), ("signal", "logs")], 3_u64);
            family.sample(&[], 0.5);
        });
        page.family("nothing", Kind::Gauge, "Nothing.", |_| {});
        page.family("h", Kind::Histogram, "H.", |family| {
            family.sample_of("_bucket", &[("le", "+Inf")], 1);
            family.sample_of("_count", &[], 1);
        });
        let expected = "# HELP a_total All \\\\ \"of\"\\nthem.\n# TYPE a_total counter\n\
            a_total{name=\"x\\\\y\\\"z\\n\",signal=\"logs\"} 3\na_total 0.5\n\
            # HELP h H.\n# TYPE h histogram\nh_bucket{le=\"+Inf\"} 1\nh_count 1\n";
        assert_eq!(page.into_text(), expected);
    }
}
