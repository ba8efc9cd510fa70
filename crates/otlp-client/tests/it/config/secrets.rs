//! Tokens and keys: followed when a client is built, shown by nothing.

use otlp_client::{
    EnhancedOtlpClient,
    config::{ClientConfig, ProductionConfig},
};
use proptest::{prelude::*, sample::select};

use super::full;

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

#[test]
fn the_file_of_a_token_that_is_given_as_the_configuration_is_not_shown() {
    for text in [SECRET.to_owned(), format!("{SECRET}\n{SECRET}"), format!("[{SECRET}]"), format!("- {SECRET}")] {
        let error = ProductionConfig::from_yaml_str(&text).unwrap_err();
        assert!(!format!("{error} {error:?}").contains(SECRET), "{error}");
    }
}
