//! The resource: who sends. Follows "Resource SDK" of the specification and the `service.*` and `telemetry.sdk.*`
//! semantic conventions.

use otlp_core::{Attributes, KeyValue, data::Resource};

/// Puts the resource together. What comes later in this list beats what comes before: our own `telemetry.sdk.*` and
/// the fallback name, `OTEL_RESOURCE_ATTRIBUTES`, `OTEL_SERVICE_NAME`, attributes given in code, the name given in code.
pub(crate) fn resource(
    from_environment: Vec<KeyValue>,
    name_from_environment: Option<String>,
    from_code: Vec<KeyValue>,
    name_from_code: Option<String>,
) -> Resource {
    let mut attributes = Attributes::default();
    attributes.set("service.name", fallback_service_name());
    attributes.set("telemetry.sdk.language", "rust");
    attributes.set("telemetry.sdk.name", "otlp");
    attributes.set("telemetry.sdk.version", env!("CARGO_PKG_VERSION"));
    let names = |name: Option<String>| name.map(|name| KeyValue::new("service.name", name));
    let entries =
        from_environment.into_iter().chain(names(name_from_environment)).chain(from_code).chain(names(name_from_code));
    for entry in entries {
        attributes.set(entry.key, entry.value);
    }
    Resource { attributes, ..Resource::default() }
}

/// `unknown_service:` and the name of the program's file.
fn fallback_service_name() -> String {
    let program = std::env::current_exe().ok();
    match program.as_ref().and_then(|path| path.file_name()) {
        Some(name) => format!("unknown_service:{}", name.to_string_lossy()),
        None => "unknown_service".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_beats_service_name_variable_beats_resource_attributes() {
        let from_environment = || vec![KeyValue::new("service.name", "attributes"), KeyValue::new("host.name", "h")];
        let name = |variable: Option<&str>, code: Option<&str>| {
            let resource = resource(from_environment(), variable.map(Into::into), Vec::new(), code.map(Into::into));
            resource.service_name().map(str::to_owned)
        };
        assert_eq!(name(None, None).as_deref(), Some("attributes"));
        assert_eq!(name(Some("variable"), None).as_deref(), Some("variable"));
        assert_eq!(name(Some("variable"), Some("code")).as_deref(), Some("code"));
        let none = resource(Vec::new(), None, Vec::new(), None);
        assert!(none.service_name().unwrap().starts_with("unknown_service:"));
    }
}
