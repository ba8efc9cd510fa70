//! What is watched of the client's own figures, and who hears of it.

mod rule;
mod webhook;

use serde::{Deserialize, Serialize};

pub use self::{rule::AlertRuleConfig, webhook::WebhookConfig};
use super::{Check, FieldError, check, reference::Follow};
use crate::monitoring::{AlertRule, AlertSink, MonitoringError};

/// What is watched of the client's own figures, and who hears of it. Alerts of a file are watched from the build of the
/// client on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AlertsConfig {
    /// The rules. Default: items are dropped, a queue is more than 80 % full, an endpoint has been down for a minute, a
    /// disk queue does not work.
    pub rules: Option<Vec<AlertRuleConfig>>,
    /// Whether alerts are among the messages of the client about itself. Default true.
    pub log: bool,
    /// The HTTP servers that hear of alerts. Default: none.
    pub webhooks: Vec<WebhookConfig>,
}

impl Default for AlertsConfig {
    fn default() -> Self {
        AlertsConfig { rules: None, log: true, webhooks: Vec::new() }
    }
}

impl AlertsConfig {
    /// Follows the references.
    pub(super) fn follow(&mut self, path: &str, follow: &mut Follow<'_>) -> Result<(), FieldError> {
        let mut webhooks = self.webhooks.iter_mut().enumerate();
        webhooks.try_for_each(|(index, webhook)| webhook.follow(&format!("{path}.webhooks[{index}]"), follow))
    }

    /// The rules in code, unless they are the default ones.
    pub(crate) fn rules(&self) -> Option<Vec<AlertRule>> {
        Some(self.rules.as_ref()?.iter().map(AlertRuleConfig::rule).collect())
    }

    /// The sinks in code.
    pub(crate) fn sinks(&self) -> impl Iterator<Item = AlertSink> {
        let webhooks = self.webhooks.iter().map(|webhook| AlertSink::webhook(webhook.webhook()));
        self.log.then(AlertSink::log).into_iter().chain(webhooks)
    }

    /// What only the webhook itself can judge, once references are followed.
    pub(super) fn check_resolved(&self, path: &str) -> Result<(), FieldError> {
        for (index, webhook) in self.webhooks.iter().enumerate() {
            webhook.webhook().check().map_err(|error| {
                let problem = match error {
                    MonitoringError::Config(error) => format!("it is {}, but takes {}", error.value, error.accepted),
                    other => other.to_string(),
                };
                FieldError::contradiction(format!("{path}.webhooks[{index}]"), problem)
            })?;
        }
        Ok(())
    }
}

impl Check for AlertsConfig {
    fn check(&self, path: &str) -> Result<(), FieldError> {
        let rules = self.rules.as_deref().unwrap_or_default();
        for (index, rule) in rules.iter().enumerate() {
            rule.check(&format!("{path}.rules[{index}]"))?;
            check(rules[..index].iter().all(|earlier| earlier.name != rule.name), || {
                let field = format!("{path}.rules[{index}].name");
                FieldError::value(field, format_args!("{:?}", rule.name), "a name that no other rule has")
            })?;
        }
        check(rules.len() <= AlertRule::MOST, || {
            let accepted = format!("at most {} rules", AlertRule::MOST);
            FieldError::value(format!("{path}.rules"), format_args!("{} rules", rules.len()), accepted)
        })?;
        for (index, webhook) in self.webhooks.iter().enumerate() {
            webhook.check(&format!("{path}.webhooks[{index}]"))?;
        }
        check(self.log || !self.webhooks.is_empty(), || {
            let reason = "it is false, and there are no webhooks, so nobody would hear of an alert: set it, name a webhook, \
                          or leave alerts out";
            FieldError::contradiction(format!("{path}.log"), reason)
        })
    }
}
