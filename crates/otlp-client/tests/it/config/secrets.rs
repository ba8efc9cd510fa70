//! Tokens and keys: followed when a client is built, shown by nothing.

use otlp_client::{
    EnhancedOtlpClient,
    config::{ClientConfig, ProductionConfig},
};
use proptest::{prelude::*, sample::select};

use super::{from_yaml, full};
use crate::setup::receiver;

const SECRET: &str = "hunter2-hunter2-hunter2";

#[test]
fn debug_shows_no_secret() {
    let mut config = full();
    config.endpoint = format!("https://user:{SECRET}@collector/path?key={SECRET}");
    config.security.auth_token = SECRET.to_owned();
    config.security.encryption_key = SECRET.to_owned();
    let shown = format!("{config:?} {config:#?} {:?}", ClientConfig::from(config.clone()));
    assert!(!shown.contains(SECRET), "{shown}");
    assert!(shown.contains("https://collector/path") && shown.contains("(hidden)"), "{shown}");
}

#[test]
fn debug_and_errors_show_no_secret_of_the_parts_beside() {
    let text = format!(
        "
endpoint: https://collector:4317
service_name: shop
receivers:
  signal_endpoints: {{logs: 'https://user:{SECRET}@logs/path?key={SECRET}'}}
  headers: {{x-api-key: {SECRET}}}
service_discovery:
  consul: {{endpoint: 'http://user:{SECRET}@127.0.0.1:8500', token: {SECRET}}}
alerts:
  webhooks: [{{url: 'https://alerts/{SECRET}', headers: {{x-token: {SECRET}}}}}]
"
    );
    let config = ClientConfig::from_yaml_str(&text).unwrap();
    let shown = format!("{config:?} {config:#?}");
    assert!(!shown.contains(SECRET) && shown.contains("x-api-key") && shown.contains("https://logs/path"), "{shown}");
    let built = EnhancedOtlpClient::builder().without_environment().with_client_config(config).build_blocking();
    let error = built.unwrap_err();
    assert!(error.to_string().starts_with("service_discovery.consul.endpoint is "), "{error}");
    assert!(!format!("{error} {error:?}").contains(SECRET), "{error:?}");
    for wrong in [
        format!("receivers: {{headers: {{a: [{SECRET}]}}}}"),
        format!("receivers: {{headers: {SECRET}}}"),
        format!("receivers: {{endpoints: {SECRET}}}"),
        format!("service_discovery: {{consul: {SECRET}}}"),
        format!("service_discovery: {{consul: {{endpoint: 'http://a', token: {{a: {SECRET}}}, wait: {SECRET}}}}}"),
        format!("alerts: {{webhooks: [{SECRET}]}}"),
        format!("alerts: {{webhooks: [{{url: {SECRET}}}]}}"),
        format!("alerts: {{webhooks: [{{url: 'http://a', headers: {SECRET}}}]}}"),
        format!("kafka: {{brokers: [], properties: {SECRET}}}"),
    ] {
        let text = format!("endpoint: https://a\nservice_name: shop\n{wrong}");
        let error = ClientConfig::from_yaml_str(&text).unwrap_err();
        assert!(!format!("{error} {error:?}").contains(SECRET), "{error}");
    }
}

#[test]
fn what_is_saved_is_the_reference() {
    let config =
        "endpoint: https://a\nservice_name: shop\nsecurity: {enable_authentication: true, auth_token: '${TOKEN}'}";
    let yaml = ProductionConfig::from_yaml_str(config).unwrap().to_yaml().unwrap();
    assert!(yaml.contains("${TOKEN}"), "{yaml}");
}

#[test]
fn a_reference_that_leads_nowhere_is_an_error_of_the_build() {
    for (reference, expected) in [
        ("${OTLP_TEST_NO_SUCH_VARIABLE}", "the variable OTLP_TEST_NO_SUCH_VARIABLE is not set"),
        ("${file:/no/such/token}", "cannot read the file \"/no/such/token\""),
        ("${OTLP_TEST_NO_SUCH_VARIABLE:-}", "it is empty, and enable_authentication is true"),
    ] {
        let mut config = ProductionConfig::new("http://127.0.0.1:1", "shop");
        config.security.enable_authentication = true;
        config.security.auth_token = reference.to_owned();
        let built = EnhancedOtlpClient::builder().without_environment().with_production_config(config).build_blocking();
        let error = built.unwrap_err().to_string();
        assert!(error.starts_with("security.auth_token: ") && error.contains(expected), "{error}");
    }
}

proptest! {
    /// Whatever is wrong around a token: no message has it. (One that is itself the name of a field is shown.)
    #[test]
    fn no_error_shows_a_secret(
        before in "[ a-z:{}\\[\\]'\"\n-]{0,12}",
        name in select(vec!["auth_token", "encryption_key", "enable_authentication", "auth_tokn", "- x"]),
        between in select(vec![": ", ":", " ", ": '", ": \"", ": [", ": {a: ",
            ": !x ", ": !!int ", ": &a ", ": |\n", ": >\n    "]),
        after in "[ a-z:{}\\[\\]'\"\n-]{0,12}",
        is_indented in any::<bool>(),
    ) {
        let indent = if is_indented { "  " } else { "" };
        let begin = "endpoint: https://a\nservice_name: a";
        let text = format!("{begin}\n{before}\nsecurity:\n{indent}{name}{between}{SECRET}{after}\n");
        for error in [ProductionConfig::from_yaml_str(&text).err(), ClientConfig::from_yaml_str(&text).err()] {
            let shown = error.map(|error| format!("{error} {error:?}")).unwrap_or_default();
            prop_assert!(!shown.contains(SECRET), "{}\n---\n{}", shown, text);
        }
    }
}

/// Whatever a secret looks like, it is text: it adds no field, ends no quotes, and is no other reference.
#[test]
fn what_a_reference_stands_for_never_becomes_yaml() {
    let receiver = receiver();
    let path = std::env::temp_dir().join(format!("otlp-injection-{}", std::process::id()));
    let content =
        "x'\"}\nendpoint: http://127.0.0.1:1\nreceivers: {signals: []}\n- &a *a #${OTLP_TEST_NO_SUCH_VARIABLE}\t!t";
    std::fs::write(&path, content).unwrap();
    for quotes in ["'", "\"", ""] {
        let reference = format!("{quotes}${{file:{}}}{quotes}", path.display());
        let text = format!("endpoint: {}\nresource_attributes:\n  note: {reference}", receiver.grpc_endpoint());
        let client = from_yaml::client(&text);
        from_yaml::batches(&client, 1);
        let note = receiver.store().spans().last().unwrap().resource.attributes.get("note").cloned();
        assert_eq!(note, Some(content.into()), "{quotes}");
    }
    std::fs::remove_file(&path).unwrap();
}

#[test]
fn the_file_of_a_token_that_is_given_as_the_configuration_is_not_shown() {
    for text in [SECRET.to_owned(), format!("{SECRET}\n{SECRET}"), format!("[{SECRET}]"), format!("- {SECRET}")] {
        let error = ProductionConfig::from_yaml_str(&text).unwrap_err();
        assert!(!format!("{error} {error:?}").contains(SECRET), "{error}");
    }
}
