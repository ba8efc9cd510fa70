//! The instances in an answer of `/v1/health/service`: what of them can be used, and what is known of each.

use std::{cmp::Reverse, collections::BTreeMap, net::IpAddr};

use serde::Deserialize;

use super::{
    ConsulError,
    agent::{Answer, excerpt},
};
use crate::Endpoint;

/// The longest DNS name.
const MAX_HOST: usize = 253;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    node: Option<Node>,
    service: Service,
    checks: Option<Vec<Check>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Node {
    node: Option<String>,
    address: Option<String>,
    datacenter: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Service {
    #[serde(rename = "ID")]
    id: Option<String>,
    address: Option<String>,
    port: Option<i64>,
    tags: Option<Vec<String>>,
    meta: Option<BTreeMap<String, String>>,
    weights: Option<Weights>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Weights {
    passing: Option<i64>,
    warning: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Check {
    status: Option<String>,
}

/// Answers up to this are read where they come in, larger ones where that keeps nobody waiting.
const LARGE: usize = 256 << 10;

/// As [`endpoints`], without holding up the thread, which is that of the delivery: an answer may name ten thousand of them.
pub(super) async fn read(answer: Answer) -> Result<(Answer, Vec<Endpoint>), ConsulError> {
    if answer.body.len() <= LARGE {
        return endpoints(&answer).map(|found| (answer, found));
    }
    let read = tokio::task::spawn_blocking(move || endpoints(&answer).map(|found| (answer, found)));
    read.await.unwrap_or_else(|_| Err(ConsulError::nonsense("it was not read to its end: the runtime ends")))
}

/// The instances that an answer names, the heaviest first: where two are at the same address, the better one counts.
///
/// Instances without a usable address or port are left out, unless there is no other: then the answer is refused.
fn endpoints(answer: &Answer) -> Result<Vec<Endpoint>, ConsulError> {
    if answer.is_html() {
        return Err(ConsulError::nonsense("it is a page of HTML, so perhaps of a proxy"));
    }
    let entries: Vec<Entry> = serde_json::from_slice(&answer.body)
        // The error repeats what it stumbled over, however long that is.
        .map_err(|error| excerpt(error.to_string().as_bytes()))
        .map_err(|error| ConsulError::nonsense(format!("{error} in: {}", excerpt(&answer.body))))?;
    let count = entries.len();
    let mut endpoints: Vec<Endpoint> = entries.into_iter().filter_map(endpoint).collect();
    if endpoints.is_empty() && count > 0 {
        return Err(ConsulError::nonsense(format!("none of its {count} instances has an address and a port")));
    }
    endpoints.sort_by_key(|endpoint| Reverse(endpoint.weight));
    Ok(endpoints)
}

fn endpoint(entry: Entry) -> Option<Endpoint> {
    let weight = weight(&entry);
    let Entry { node, service, .. } = entry;
    let (node, node_address, datacenter) = match node {
        Some(node) => (node.node, node.address, node.datacenter),
        None => (None, None, None),
    };
    let host = service.address.filter(|address| !address.is_empty()).or(node_address)?;
    let port = u16::try_from(service.port?).ok().filter(|port| *port > 0)?;
    if !is_host(&host) {
        return None;
    }
    let tags = service.tags.filter(|tags| !tags.is_empty()).map(|tags| tags.join(","));
    let known =
        [("consul.datacenter", datacenter), ("consul.id", service.id), ("consul.node", node), ("consul.tags", tags)];
    let mut metadata = service.meta.unwrap_or_default();
    metadata.extend(known.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))));
    let mut endpoint = Endpoint::new(host, port).with_weight(weight);
    endpoint.metadata = metadata;
    Some(endpoint)
}

/// The weight for the worst state of its checks.
fn weight(entry: &Entry) -> u32 {
    let states = || entry.checks.iter().flatten().filter_map(|check| check.status.as_deref());
    let weights = entry.service.weights.as_ref();
    let weight = match () {
        () if states().any(|state| !["passing", "warning"].contains(&state)) => Some(0),
        () if states().any(|state| state == "warning") => weights.and_then(|weights| weights.warning),
        () => weights.and_then(|weights| weights.passing),
    };
    u32::try_from(weight.unwrap_or(1).max(0)).unwrap_or(u32::MAX)
}

/// Whether it can stand in a URL as its host.
pub(super) fn is_host(text: &str) -> bool {
    let is_name = || text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    text.parse::<IpAddr>().is_ok() || (!text.is_empty() && text.len() <= MAX_HOST && is_name())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::consul::agent::tests::answer;

    fn parsed(json: &str) -> Result<Vec<Endpoint>, ConsulError> {
        endpoints(&answer(200, json))
    }

    #[test]
    fn an_instance_without_an_address_has_the_one_of_its_node() {
        let json = r#"[
            {"Node": {"Node": "n1", "Address": "10.0.0.1", "Datacenter": "dc1"},
             "Service": {"ID": "c-1", "Address": "", "Port": 8080, "Tags": ["a", "b"], "Meta": {"version": "3"},
                         "Weights": {"Passing": 10, "Warning": 1}}, "Checks": [{"Status": "passing"}]},
            {"Node": {"Address": "10.0.0.2"}, "Service": {"Address": "fd00::7", "Port": 1, "Tags": null, "Meta": null}}
        ]"#;
        let found = parsed(json).unwrap();
        assert_eq!(found.iter().map(Endpoint::to_string).collect::<Vec<_>>(), ["10.0.0.1:8080", "[fd00::7]:1"]);
        assert_eq!((found[0].weight, found[1].weight), (10, 1));
        let known = [
            ("consul.datacenter", "dc1"),
            ("consul.id", "c-1"),
            ("consul.node", "n1"),
            ("consul.tags", "a,b"),
            ("version", "3"),
        ];
        assert_eq!(found[0].metadata, known.map(|(key, value)| (key.to_owned(), value.to_owned())).into());
        assert!(found[1].metadata.is_empty());
    }

    #[tokio::test]
    async fn an_answer_of_a_hundred_thousand_instances_is_read() {
        let one = |number: u32| {
            format!(
                r#"{{"Service":{{"Address":"10.{}.{}.{}","Port":1}}}}"#,
                number >> 16,
                number >> 8 & 255,
                number & 255
            )
        };
        let all: Vec<String> = (0..100_000).map(one).collect();
        let (_, found) = read(answer(200, &format!("[{}]", all.join(",")))).await.unwrap();
        assert_eq!(found.len(), 100_000);
        let cut_off = answer(200, &format!("[{}", all.join(",")));
        let error = read(cut_off).await.unwrap_err().to_string();
        assert!(error.contains("EOF") && error.len() < 600, "{error}");
    }

    #[test]
    fn the_worst_check_decides_the_weight_and_the_best_instance_of_an_address_comes_first() {
        let json = r#"[
            {"Service": {"Address": "a", "Port": 1}, "Checks": [{"Status": "passing"}, {"Status": "critical"}]},
            {"Service": {"Address": "b", "Port": 1, "Weights": {"Passing": 9, "Warning": 4}}, "Checks": [{"Status": "warning"}]},
            {"Service": {"Address": "a", "Port": 1, "Weights": {"Passing": 7, "Warning": 4}}, "Checks": []},
            {"Service": {"Address": "c", "Port": 1, "Weights": {"Passing": -3}}},
            {"Service": {"Address": "d", "Port": 1, "Weights": {"Passing": 99999999999}}}
        ]"#;
        let found: Vec<_> = parsed(json).unwrap().into_iter().map(|found| (found.host, found.weight)).collect();
        let named = |host: &str, weight| (host.to_owned(), weight);
        assert_eq!(found, [named("d", u32::MAX), named("a", 7), named("b", 4), named("a", 0), named("c", 0)]);
    }

    #[test]
    fn what_cannot_be_used_is_left_out_or_refused() {
        let one = |service: &str| format!(r#"[{{"Service": {service}}}]"#);
        for bad in [
            r#"{"Address": "a", "Port": 0}"#,
            r#"{"Address": "a", "Port": 70000}"#,
            r#"{"Address": "a", "Port": -1}"#,
            r#"{"Address": "a"}"#,
            r#"{"Port": 1}"#,
            r#"{"Address": "a/b", "Port": 1}"#,
            r#"{"Address": "a@b", "Port": 1}"#,
        ] {
            let error = parsed(&one(bad)).unwrap_err().to_string();
            assert!(error.contains("none of its 1 instances"), "{bad}: {error}");
        }
        let mixed = r#"[{"Service": {"Address": "a", "Port": 0}}, {"Service": {"Address": "b", "Port": 2}}]"#;
        assert_eq!(parsed(mixed).unwrap().len(), 1);
        assert!(parsed("[]").unwrap().is_empty());
        for nonsense in ["", "null", "{}", "[1]", "[{}]", "<html>", "\u{1b}[31m", r#"[{"Service": {"Port": "1"}}]"#] {
            let error = parsed(nonsense).unwrap_err().to_string();
            assert!(error.starts_with("what was answered is no answer of Consul") && error.len() < 600, "{error}");
            assert!(!error.contains('\u{1b}'), "{error}");
        }
        let long = parsed(&one(&format!(r#"{{"Port": "{}"}}"#, "x".repeat(1 << 20)))).unwrap_err().to_string();
        assert!(long.contains("invalid type") && long.len() < 2000, "{} bytes", long.len());
    }

    proptest! {
        #[test]
        fn no_answer_panics_and_what_is_found_can_be_used(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut answer = answer(200, "");
            answer.body = body.into();
            if let Ok(found) = endpoints(&answer) {
                prop_assert!(found.iter().all(|found| found.port > 0 && !found.host.is_empty()));
            }
        }
    }
}
