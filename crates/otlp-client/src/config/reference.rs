//! References in the text of the configuration: `${NAME}` or `${env:NAME}` for a variable of the environment,
//! `${NAME:-default}` for one that may be unset or empty, `${file:/path}` for the content of a file without its last line
//! break. Those to variables are of the forms of the OpenTelemetry specification ("Configuration Data Model, Environment
//! variable substitution"), which has no reference within a default either.
//!
//! They stay in the configuration as they are, and are followed when a client is built or reloaded: so what is saved is
//! the reference and never the secret, and a reload reads a file that has changed.
//!
//! A `$` that stands before no `{` is a `$`. Of several before a `{`, each two mean one: `$${NAME}` is the text
//! `${NAME}`. What a variable or a file says is not looked through for further references.

use std::{env, path::Path};

use super::{FieldError, FieldProblem, bounded_file};

/// The longest that a file may be: a secret, a path, an address.
const MAX_FILE_BYTES: u64 = 64 << 10;

/// Where references lead.
pub(crate) trait Sources {
    /// The value of a variable, `None` if it is unset. Errors say what is wrong with it, without its value.
    fn variable(&self, name: &str) -> Result<Option<String>, String>;

    /// The content of a file. Errors say why it cannot be had.
    fn file(&self, path: &str) -> Result<String, String>;
}

/// The variables of this process and the files of this machine.
pub(crate) struct Process;

impl Sources for Process {
    fn variable(&self, name: &str) -> Result<Option<String>, String> {
        match env::var(name) {
            Ok(value) => Ok(Some(value)),
            Err(env::VarError::NotPresent) => Ok(None),
            Err(env::VarError::NotUnicode(_)) => Err("it is no Unicode text".to_owned()),
        }
    }

    fn file(&self, path: &str) -> Result<String, String> {
        bounded_file::read_text(Path::new(path), MAX_FILE_BYTES).map_err(|unread| unread.to_string())
    }
}

/// Makes text that means `text` wherever references are followed: for values that a program did not write itself.
///
/// ```
/// assert_eq!(otlp_client::config::literal("pa${s"), "pa$${s");
/// assert_eq!(otlp_client::config::literal("pa$$s"), "pa$$s");
/// ```
pub fn literal(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, dollars, after)) = dollars(rest) {
        escaped.push_str(before);
        escaped.extend(std::iter::repeat_n('$', 2 * dollars));
        escaped.push('{');
        rest = after;
    }
    escaped + rest
}

/// What follows the references in the text of a field, whose name comes first.
pub(crate) type Follow<'a> = dyn FnMut(&str, &mut String) -> Result<(), FieldError> + 'a;

/// Whether text may hold a reference, so that nobody knows what it means before that is followed.
pub(crate) fn has_reference(text: &str) -> bool {
    text.contains("${")
}

/// `text` with the references followed. Errors name the field, and the variable or the file.
pub(crate) fn resolve(field: &str, text: &str, sources: &dyn Sources) -> Result<String, FieldError> {
    let refused = |reason: String| FieldError::new(field, FieldProblem::Reference { reason });
    let mut resolved = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, dollars, after)) = dollars(rest) {
        resolved.push_str(before);
        resolved.extend(std::iter::repeat_n('$', dollars / 2));
        if dollars % 2 == 0 {
            resolved.push('{');
            rest = after;
            continue;
        }
        let (reference, after) = after.split_once('}').ok_or_else(|| {
            refused("a reference begins with ${ and has no end: write ${NAME}, or $${ for the text ${".to_owned())
        })?;
        resolved.push_str(&follow(reference, sources).map_err(refused)?);
        rest = after;
    }
    Ok(resolved + rest)
}

/// What is before the next `{` with `$` before it, how many of them there are, and what is behind it.
fn dollars(text: &str) -> Option<(&str, usize, &str)> {
    let at = text.find("${")?;
    let before = text[..at].trim_end_matches('$');
    Some((before, at + 1 - before.len(), &text[at + 2..]))
}

fn follow(reference: &str, sources: &dyn Sources) -> Result<String, String> {
    if let Some(path) = reference.strip_prefix("file:") {
        let content = sources.file(path).map_err(|error| format!("cannot read the file {path:?}: {error}"))?;
        let line = content.strip_suffix('\n').unwrap_or(&content);
        return Ok(line.strip_suffix('\r').unwrap_or(line).to_owned());
    }
    let reference = reference.strip_prefix("env:").unwrap_or(reference);
    let (name, default) = match reference.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (reference, None),
    };
    if default.is_some_and(has_reference) {
        // It ended at the first brace: what is behind that would be taken for text.
        return Err("the default of a reference holds another, which is not followed: give it as text, or set the \
                    variable"
            .to_owned());
    }
    let is_name = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
    if !is_name {
        // What stands there may be a secret with a `${` in it: it is not shown.
        let accepted = "${NAME}, ${NAME:-default}, ${file:/path}, or $${ for the text ${";
        return Err(format!("a reference is not of a known form; accepted: {accepted}"));
    }
    let value = sources.variable(name).map_err(|error| format!("the variable {name} cannot be used: {error}"))?;
    match (value, default) {
        (Some(value), None) => Ok(value),
        (Some(value), Some(_)) if !value.is_empty() => Ok(value),
        (_, Some(default)) => Ok(default.to_owned()),
        (None, None) => {
            Err(format!("the variable {name} is not set: set it, or say what holds without it, ${{{name}:-default}}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use proptest::prelude::*;

    use super::*;

    struct Fixed;

    impl Sources for Fixed {
        fn variable(&self, name: &str) -> Result<Option<String>, String> {
            match name {
                "TOKEN" => Ok(Some("hunter2".into())),
                "EMPTY" => Ok(Some(String::new())),
                "TWICE" => Ok(Some("${TOKEN}".into())),
                "BROKEN" => Err("it is no Unicode text".into()),
                _ => Ok(None),
            }
        }

        fn file(&self, path: &str) -> Result<String, String> {
            match path {
                "/token" => Ok("from a file\n".into()),
                "/windows" => Ok("line\r\n".into()),
                _ => Err("not found".into()),
            }
        }
    }

    fn resolved(text: &str) -> Result<String, String> {
        resolve("security.auth_token", text, &Fixed).map_err(|error| error.to_string())
    }

    #[test]
    fn references_are_followed_once() {
        for (text, expected) in [
            ("${TOKEN}", "hunter2"),
            ("a-${TOKEN}-${TOKEN}", "a-hunter2-hunter2"),
            ("${TWICE}", "${TOKEN}"),
            ("${file:/token}", "from a file"),
            ("${file:/windows}", "line"),
            ("${NOT_SET:-x:-y}", "x:-y"),
            ("${NOT_SET:-}", ""),
            ("${EMPTY:-default}", "default"),
            ("${EMPTY}", ""),
            ("${env:TOKEN}", "hunter2"),
            ("${env:NOT_SET:-x}", "x"),
            ("pa$$word$", "pa$$word$"),
            ("{TOKEN}", "{TOKEN}"),
            ("$${TOKEN}", "${TOKEN}"),
            ("$$${TOKEN}", "$hunter2"),
            ("$$$${TOKEN}", "$${TOKEN}"),
        ] {
            assert_eq!(resolved(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn a_reference_that_leads_nowhere_is_named_with_its_field_and_without_values() {
        for (text, expected) in [
            ("${NOT_SET}", "the variable NOT_SET is not set"),
            ("${BROKEN}", "the variable BROKEN cannot be used"),
            ("${file:/no/such}", r#"cannot read the file "/no/such": not found"#),
            ("hunter2${", "no end"),
            ("${hunter2-}", "accepted: ${NAME}"),
            ("${}", "accepted: ${NAME}"),
            ("${env:}", "accepted: ${NAME}"),
            ("${NOT_SET:-${TOKEN}}", "the default of a reference holds another"),
            ("${TOKEN:-${NOT_SET}}", "the default of a reference holds another"),
            ("${NOT_SET:-$${}", "the default of a reference holds another"),
        ] {
            let error = resolved(text).unwrap_err();
            assert!(error.starts_with("security.auth_token: ") && error.contains(expected), "{text}: {error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn files_are_bounded_and_have_to_be_text() {
        let path = env::temp_dir().join(format!("otlp-reference-{}", std::process::id()));
        let read = |content: &[u8]| {
            fs::write(&path, content).unwrap();
            Process.file(path.to_str().unwrap())
        };
        assert_eq!(read(b"token\n"), Ok("token\n".to_owned()));
        assert_eq!(read(&[b'x'; MAX_FILE_BYTES as usize]).map(|text| text.len()), Ok(MAX_FILE_BYTES as usize));
        assert_eq!(read(&[b'x'; MAX_FILE_BYTES as usize + 1]), Err("it has more than 65536 bytes".to_owned()));
        assert_eq!(read(b"\xff"), Err("it is no UTF-8 text".to_owned()));
        fs::remove_file(&path).unwrap();
        assert_eq!(Process.file("/dev/zero"), Err("it is no file".to_owned()));
    }

    proptest! {
        #[test]
        fn a_literal_means_itself(text in "[$a{}:-]{0,12}|.{0,20}") {
            let literal = literal(&text);
            prop_assert_eq!(resolved(&literal).unwrap(), text);
        }
    }
}
