//! How payments ended, by client, as metrics in the text format of Prometheus.
//!
//! What must hold: a client chooses its own name, so names are bounded in number and escaped where they are shown.

use std::{
    collections::BTreeMap,
    fmt::Write,
    sync::{Mutex, PoisonError},
};

use crate::payment::Outcome;

/// How many clients are told apart.
const MAX_CLIENTS: usize = 64;

/// The name of those above the limit.
const OTHERS: &str = "others";

/// Counts outcomes.
#[derive(Debug, Default)]
pub(crate) struct Outcomes {
    clients: Mutex<BTreeMap<String, BTreeMap<Outcome, u64>>>,
}

impl Outcomes {
    /// Counts one payment of `client`.
    pub(crate) fn count(&self, client: &str, outcome: Outcome) {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let client = if clients.contains_key(client) || clients.len() < MAX_CLIENTS { client } else { OTHERS };
        // Looked up before it is entered: the name is copied once per client and not once per payment.
        if let Some(outcomes) = clients.get_mut(client) {
            *outcomes.entry(outcome).or_default() += 1;
        } else {
            clients.insert(client.to_owned(), BTreeMap::from([(outcome, 1)]));
        }
    }

    /// The metrics, one line per client and outcome.
    pub(crate) fn render(&self) -> String {
        let mut text = String::from(
            "# HELP checkout_payments_total Payments, by client and by how they ended.\n\
             # TYPE checkout_payments_total counter\n",
        );
        let clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        for (client, outcomes) in clients.iter() {
            let client = escaped(client);
            for (outcome, count) in outcomes {
                let outcome = outcome.name();
                // Writing to a string does not fail.
                let _ = writeln!(text, "checkout_payments_total{{client=\"{client}\",outcome=\"{outcome}\"}} {count}");
            }
        }
        text
    }
}

fn escaped(label: &str) -> String {
    label.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(outcomes: &Outcomes) -> Vec<String> {
        outcomes.render().lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
    }

    #[test]
    fn outcomes_are_counted_by_client() {
        let outcomes = Outcomes::default();
        outcomes.count("shop", Outcome::Paid);
        outcomes.count("shop", Outcome::Paid);
        outcomes.count("shop", Outcome::TimedOut);
        outcomes.count("a\"b\\c\n", Outcome::Paid);
        assert_eq!(
            lines(&outcomes),
            [
                r#"checkout_payments_total{client="a\"b\\c\n",outcome="paid"} 1"#,
                r#"checkout_payments_total{client="shop",outcome="paid"} 2"#,
                r#"checkout_payments_total{client="shop",outcome="timed_out"} 1"#,
            ]
        );
    }

    #[test]
    fn inventing_names_does_not_use_up_the_memory() {
        let outcomes = Outcomes::default();
        for client in 0..1000 {
            outcomes.count(&client.to_string(), Outcome::Paid);
        }
        let lines = lines(&outcomes);
        assert_eq!(lines.len(), MAX_CLIENTS + 1);
        assert!(lines.iter().any(|line| line.contains(r#"client="others""#) && line.ends_with(" 936")));
    }
}
