//! A status as the answer of an HTTP endpoint, without HTTP: a status code, a content type and a body.
//!
//! The texts of errors are shown as the checks gave them. What must not be seen by whoever can reach the endpoint, such
//! as an address or a password in a connection string, must not be in them.

use std::fmt::{self, Write};

use super::{CheckStatus, Health, HealthStatus, Importance, Probe};

/// The answer of a health endpoint, for any HTTP server to send.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rendered {
    /// 200 or 503.
    pub status_code: u16,
    /// The value of the header `Content-Type`.
    pub content_type: &'static str,
    /// The body.
    pub body: String,
}

impl HealthStatus {
    /// The checks of `probe` as `application/health+json`, the format of the draft "Health Check Response Format for
    /// HTTP APIs" (draft-inadarei-api-health-check): healthy is `pass`, degraded is `warn`, unhealthy is `fail`.
    ///
    /// Degraded is a 200, unhealthy a 503. While something is unknown, a service is alive (200, `warn`) but not ready
    /// (503, `fail`).
    ///
    /// The texts of errors are shown as the checks gave them: they must hold no secrets.
    ///
    /// ```
    /// use otlp_reliability::{Check, HealthChecker, Probe, UnifiedError};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), otlp_reliability::HealthError> {
    /// let checker = HealthChecker::new();
    /// checker.add_check("database", || async { Ok::<_, UnifiedError>(()) }).await?;
    /// checker.add(Check::new("mail", || async { Err("relay is \"full\"") }).optional())?;
    ///
    /// let answer = checker.check_now().await.render(Probe::Readiness);
    /// assert_eq!(answer.status_code, 200);
    /// assert_eq!(answer.content_type, "application/health+json");
    /// assert!(answer.body.starts_with(r#"{"status":"warn","checks":{"database":[{"status":"pass""#));
    /// assert!(answer.body.ends_with(r#""output":"relay is \"full\""}]}}"#));
    /// # Ok(())
    /// # }
    /// ```
    pub fn render(&self, probe: Probe) -> Rendered {
        let mut body = String::new();
        // Writing to a string cannot fail.
        let _ = self.write_json(&mut body, probe);
        Rendered { status_code: self.status_code(probe), content_type: "application/health+json", body }
    }

    /// The checks of `probe` as text for people, a line for each, as the probes of Kubernetes print them with
    /// `?verbose`. The status code is that of [`HealthStatus::render`], and what it says of errors holds here too.
    pub fn render_verbose(&self, probe: Probe) -> Rendered {
        let mut body = String::new();
        let _ = self.write_text(&mut body, probe);
        Rendered { status_code: self.status_code(probe), content_type: "text/plain; charset=utf-8", body }
    }

    fn status_code(&self, probe: Probe) -> u16 {
        match word(self.health(probe), probe) {
            "fail" => 503,
            _ => 200,
        }
    }

    fn write_json(&self, out: &mut String, probe: Probe) -> fmt::Result {
        write!(out, r#"{{"status":"{}","checks":{{"#, word(self.health(probe), probe))?;
        for (position, check) in self.of(probe).enumerate() {
            if position > 0 {
                out.push(',');
            }
            write!(out, r#"{}:[{{"status":"{}""#, JsonString(&check.name), word(check.health, probe))?;
            if let Some(latest) = &check.latest {
                let milliseconds = latest.latency.as_secs_f64() * 1e3;
                write!(out, r#","observedValue":{milliseconds},"observedUnit":"ms""#)?;
            }
            if let Some(complaint) = complaint(check) {
                write!(out, r#","output":{}"#, JsonString(complaint))?;
            }
            out.push_str("}]");
        }
        out.push_str("}}");
        Ok(())
    }

    fn write_text(&self, out: &mut String, probe: Probe) -> fmt::Result {
        for check in self.of(probe) {
            let passes = word(check.health, probe) != "fail";
            let (mark, word) = if passes { ('+', "ok") } else { ('-', "failed") };
            write!(out, "[{mark}]{} {word}", OneLine(&check.name))?;
            if check.importance == Importance::Optional {
                out.push_str(" (optional)");
            }
            if let Some(complaint) = complaint(check) {
                write!(out, ": {}", OneLine(complaint))?;
            }
            out.push('\n');
        }
        let name = match probe {
            Probe::Liveness => "liveness",
            Probe::Readiness => "readiness",
            Probe::All => "health",
        };
        let result = if self.status_code(probe) == 200 { "passed" } else { "failed" };
        writeln!(out, "{name} check {result}: {}", self.health(probe))
    }
}

/// The draft's word for a state. It has none for "unknown": a service whose state is unknown is alive and not ready.
fn word(health: Health, probe: Probe) -> &'static str {
    match health {
        Health::Healthy => "pass",
        Health::Degraded => "warn",
        Health::Unknown if probe == Probe::Liveness => "warn",
        Health::Unhealthy | Health::Unknown => "fail",
    }
}

/// What there is to say of a check that is not healthy.
fn complaint(check: &CheckStatus) -> Option<&str> {
    match check.health {
        Health::Healthy => None,
        Health::Unknown => Some("no result yet"),
        Health::Degraded | Health::Unhealthy => {
            let latest = check.latest.as_ref().and_then(|round| round.outcome.message());
            latest.or(check.last_error.as_deref())
        }
    }
}

/// A string as JSON (RFC 8259, section 7), also fit to stand inside of HTML.
struct JsonString<'a>(&'a str);

impl fmt::Display for JsonString<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for character in self.0.chars() {
            match character {
                '"' => f.write_str("\\\"")?,
                '\\' => f.write_str("\\\\")?,
                '\n' => f.write_str("\\n")?,
                '\r' => f.write_str("\\r")?,
                '\t' => f.write_str("\\t")?,
                '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => write!(f, "\\u{:04x}", u32::from(character))?,
                control if control.is_control() => write!(f, "\\u{:04x}", u32::from(control))?,
                other => f.write_char(other)?,
            }
        }
        f.write_char('"')
    }
}

/// A string without line breaks and other control characters, so that a text cannot pretend to be another check.
struct OneLine<'a>(&'a str);

impl fmt::Display for OneLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            if character.is_control() || matches!(character, '\u{2028}' | '\u{2029}') {
                write!(f, "{}", character.escape_default())?;
            } else {
                f.write_char(character)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::{
        super::{CheckConfig, CheckOutcome, record::Record, status::aggregate},
        *,
    };

    fn check(name: &str, config: CheckConfig, outcome: Option<CheckOutcome>) -> CheckStatus {
        let now = Instant::now();
        let mut record = Record::new(now);
        if let Some(outcome) = outcome {
            record.apply(&config, outcome, Duration::from_micros(1_500), now);
        }
        record.status(name, &config, now)
    }

    fn status(checks: Vec<CheckStatus>) -> HealthStatus {
        let overall = aggregate(checks.iter().map(|check| (check.health, check.importance)));
        HealthStatus { overall, unchanged_for: Duration::ZERO, checks }
    }

    fn fail(message: &str) -> Option<CheckOutcome> {
        Some(CheckOutcome::Fail(message.to_string()))
    }

    #[test]
    fn a_status_code_is_of_the_probe_that_asks() {
        let live = || CheckConfig::new().with_probe(Probe::Liveness);
        let ready = || CheckConfig::new().with_probe(Probe::Readiness);
        let optional = || ready().with_importance(Importance::Optional);
        let codes = |checks: Vec<CheckStatus>| {
            let status = status(checks);
            [Probe::Liveness, Probe::Readiness, Probe::All].map(|probe| {
                assert_eq!(status.render(probe).status_code, status.render_verbose(probe).status_code);
                status.render(probe).status_code
            })
        };
        assert_eq!(codes(vec![]), [200, 200, 200]);
        assert_eq!(codes(vec![check("db", ready(), fail("x"))]), [200, 503, 503]);
        assert_eq!(codes(vec![check("loop", live(), fail("x"))]), [503, 200, 503]);
        assert_eq!(codes(vec![check("both", live().with_probe(Probe::All), fail("x"))]), [503, 503, 503]);
        assert_eq!(codes(vec![check("mail", optional(), fail("x"))]), [200, 200, 200]);
        assert_eq!(codes(vec![check("db", ready(), None)]), [200, 503, 503]);
        assert_eq!(codes(vec![check("loop", live(), None)]), [200, 200, 503]);
    }

    #[test]
    fn the_json_says_what_the_draft_has_words_for() {
        let optional = CheckConfig::new().with_importance(Importance::Optional);
        let status = status(vec![
            check("db", CheckConfig::new(), Some(CheckOutcome::Pass)),
            check("mail", optional, fail("relay refused")),
            check("cache", CheckConfig::new(), None),
        ]);
        let body: Value = serde_json::from_str(&status.render(Probe::Readiness).body).unwrap();
        let expected = json!({
            "status": "fail",
            "checks": {
                "db": [{"status": "pass", "observedValue": 1.5, "observedUnit": "ms"}],
                "mail": [{"status": "fail", "observedValue": 1.5, "observedUnit": "ms", "output": "relay refused"}],
                "cache": [{"status": "fail", "output": "no result yet"}],
            },
        });
        assert_eq!(body, expected);
    }

    #[test]
    fn the_text_has_one_line_for_each_check_whatever_its_error_holds() {
        let optional = CheckConfig::new().with_importance(Importance::Optional);
        let status = status(vec![
            check("db", CheckConfig::new(), Some(CheckOutcome::Pass)),
            check("mail", optional, fail("gone\n[+]forged ok")),
        ]);
        let text = status.render_verbose(Probe::All);
        assert_eq!(text.content_type, "text/plain; charset=utf-8");
        let expected = "[+]db ok\n[-]mail failed (optional): gone\\n[+]forged ok\nhealth check passed: degraded\n";
        assert_eq!(text.body, expected);
    }

    proptest! {
        #[test]
        fn any_text_is_found_again_by_a_json_parser(name in any::<String>(), message in any::<String>()) {
            let status = status(vec![check(&name, CheckConfig::new(), fail(&message))]);
            let body: Value = serde_json::from_str(&status.render(Probe::All).body).unwrap();
            let checks = body["checks"].as_object().unwrap();
            prop_assert_eq!(checks.len(), 1);
            prop_assert_eq!(checks[&name][0]["output"].as_str(), Some(message.as_str()));
            prop_assert_eq!(status.render_verbose(Probe::All).body.lines().count(), 2);
        }

        #[test]
        fn any_character_is_found_again_by_a_json_parser(character in any::<char>()) {
            let text = JsonString(&character.to_string()).to_string();
            prop_assert_eq!(serde_json::from_str::<String>(&text).unwrap(), character.to_string());
        }
    }
}
