//! In which fields two configurations differ.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::config::{ClientConfig, ReceiversConfig};

/// The fields in which the two differ, by their names.
pub(super) fn changes(old: &ClientConfig, new: &ClientConfig) -> Vec<String> {
    let mut paths = Vec::new();
    let (mut old, mut new) = (old.clone(), new.clone());
    // A key of its own, and a path that is no text, can be compared and not be written.
    let (old_queue, new_queue) = (old.disk_queue.take(), new.disk_queue.take());
    match (document(&with_queue(&old, &old_queue)), document(&with_queue(&new, &new_queue))) {
        (Some(old), Some(new)) => differ(String::new(), Some(&old), Some(&new), &mut paths),
        _ => {
            paths.extend((old_queue != new_queue).then(|| "disk_queue".to_owned()));
            differ(String::new(), document(&old).as_ref(), document(&new).as_ref(), &mut paths);
        }
    }
    paths
}

fn with_queue(config: &ClientConfig, queue: &Option<otlp_batch::DiskQueueConfig>) -> ClientConfig {
    ClientConfig { disk_queue: queue.clone(), ..config.clone() }
}

/// The configuration as a file would say it, with what a file may leave out of `receivers`; `None` if none can.
fn document(config: &ClientConfig) -> Option<Value> {
    let mut document = serde_json::to_value(config).ok()?;
    let receivers = serde_json::to_value(ReceiversConfig::default()).ok()?;
    document.as_object_mut()?.entry("receivers").or_insert(receivers);
    Some(document)
}

fn differ(path: String, old: Option<&Value>, new: Option<&Value>, paths: &mut Vec<String>) {
    match (old, new) {
        (Some(Value::Object(old)), Some(Value::Object(new))) => {
            let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
            for name in names {
                let inner = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                differ(inner, old.get(name), new.get(name), paths);
            }
        }
        _ if old != new => paths.push(path),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use otlp_batch::{DiskQueueConfig, EncryptionKey};

    use super::*;
    use crate::config::{ProductionConfig, SecretValues};

    fn config() -> ClientConfig {
        ClientConfig::from(ProductionConfig::new("http://a:4318", "shop"))
    }

    #[test]
    fn a_part_that_was_left_out_differs_field_by_field() {
        let mut new = config();
        new.receivers.headers = SecretValues::from([("x-a", "1")]);
        new.receivers.keep_alive.min_connections = 1;
        assert_eq!(changes(&config(), &new), ["receivers.headers.x-a", "receivers.keep_alive.min_connections"]);
    }

    #[test]
    fn what_no_file_can_say_is_compared_all_the_same() {
        let with = |queue: DiskQueueConfig| ClientConfig { disk_queue: Some(queue), ..config() };
        let mut queues = vec![DiskQueueConfig::new("/q").with_encryption_key(EncryptionKey::from_bytes([7; 32]))];
        #[cfg(unix)]
        queues.push({
            use std::os::unix::ffi::OsStrExt;
            DiskQueueConfig::new(std::ffi::OsStr::from_bytes(b"/q\xff"))
        });
        for queue in queues {
            let old = with(queue.clone());
            assert_eq!(changes(&old, &old), [""; 0]);
            let mut new = with(queue.with_max_bytes(8 << 20));
            new.production.retry.max_attempts = 7;
            assert_eq!(changes(&old, &new), ["disk_queue", "retry.max_attempts"]);
            assert_eq!(changes(&old, &config()), ["disk_queue"]);
        }
    }
}
