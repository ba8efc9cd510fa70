//! What is done with bytes of any kind, as a configuration file: the bodies of the fuzz targets in `fuzz/`, run by the
//! tests over recorded inputs and mutations of them as well. None may panic, and what is read must be consistent.

use super::{ClientConfig, ConfigFileError, ProductionConfig, literal, reference};

/// A configuration file: what is read is written and read back as the same, and errors stay within the text.
pub fn config(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match ClientConfig::from_yaml_str(text) {
        Ok(config) => {
            assert_eq!(config.validate(), Ok(()));
            match config.to_yaml().map(|yaml| ClientConfig::from_yaml_str(&yaml)) {
                Ok(Ok(read)) => assert_eq!(read, config),
                other => panic!("{other:?}"),
            }
        }
        Err(error) => within(text, &error),
    }
    if let Err(error) = ProductionConfig::from_yaml_str(text) {
        within(text, &error);
    }
}

/// A configuration file that is only read, which is ten times as many inputs in the same time: what is read has its
/// ranges, and errors stay within the text.
pub fn config_read(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match ClientConfig::from_yaml_str(text) {
        Ok(config) => assert_eq!(config.validate(), Ok(())),
        Err(error) => within(text, &error),
    }
}

fn within(text: &str, error: &ConfigFileError) {
    assert!(!error.to_string().is_empty());
    if let Some(place) = error.place() {
        // The end of the text is a place as well. YAML knows line breaks that are none elsewhere.
        let lines = 1 + text.matches(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}']).count() as u64;
        assert!((1..=lines + 1).contains(&place.line) && place.column >= 1, "{error}");
    }
}

/// Text with references: what is followed ends, what is refused names no value, and a literal means itself.
pub fn config_references(bytes: &[u8]) {
    struct Anything;
    impl reference::Sources for Anything {
        fn variable(&self, name: &str) -> Result<Option<String>, String> {
            Ok(name.len().is_multiple_of(2).then(|| format!("${{{name}}}")))
        }

        fn file(&self, path: &str) -> Result<String, String> {
            if path.len().is_multiple_of(2) { Ok("secret\r\n".to_owned()) } else { Err("not found".to_owned()) }
        }
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Err(error) = reference::resolve("field", text, &Anything) {
        assert!(error.to_string().starts_with("field: "));
    }
    assert_eq!(reference::resolve("field", &literal(text), &Anything).as_deref(), Ok(text));
}

#[cfg(test)]
mod tests {
    use std::{fs, path::PathBuf};

    use super::*;

    /// How many mutations of each recorded input are tried.
    const MUTATIONS: usize = 500;

    fn recorded(name: &str) -> Vec<Vec<u8>> {
        let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus")).join(name);
        let inputs: Vec<Vec<u8>> =
            fs::read_dir(folder).unwrap().map(|entry| fs::read(entry.unwrap().path()).unwrap()).collect();
        assert!(!inputs.is_empty());
        inputs
    }

    fn run(target: impl Fn(&[u8]), name: &str) {
        let inputs = recorded(name);
        let mut random = fastrand::Rng::with_seed(1);
        for input in &inputs {
            target(input);
            for _ in 0..MUTATIONS {
                let mut bytes = input.clone();
                for _ in 0..=random.usize(..4) {
                    let at = random.usize(..bytes.len());
                    let end = (at + 1 + random.usize(..40)).min(bytes.len());
                    match random.u8(..4) {
                        0 => bytes[at] = random.choice(*b" \t\n:-[]{}'\"$&*#?|>!%@0a").unwrap(),
                        1 => bytes[at] ^= 1 << random.u8(..8),
                        2 if bytes.len() > end - at => drop(bytes.drain(at..end)),
                        _ => {
                            let piece = bytes[at..end].to_vec();
                            bytes.splice(at..at, piece);
                        }
                    }
                }
                target(&bytes);
            }
        }
    }

    /// What begins as no configuration is refused for the first thing that is wrong, and tries nothing behind it.
    #[test]
    fn recorded_files_are_configurations() {
        for input in ["config", "config_read"].into_iter().flat_map(recorded) {
            let text = String::from_utf8(input).unwrap();
            ClientConfig::from_yaml_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        }
    }

    #[test]
    fn any_file_is_read_or_refused() {
        run(config, "config");
    }

    #[test]
    fn any_file_is_only_read_or_refused() {
        run(config_read, "config_read");
    }

    #[test]
    fn any_reference_is_followed_or_refused() {
        run(config_references, "config_references");
    }
}
