//! Which directory belongs to which destination.

use std::collections::BTreeSet;

/// How much of a name can be read in the directory's.
const READABLE: usize = 48;

/// Hands out the names of directories: the same ones to the same destinations, in every process.
#[derive(Debug, Default)]
pub(crate) struct DirectoryNames(BTreeSet<String>);

impl DirectoryNames {
    /// The directory of the destination called `name`. Destinations of the same name are told apart by their order.
    pub(crate) fn of(&mut self, name: &str) -> String {
        let first = safe(name);
        let mut candidate = first.clone();
        let mut number = 1;
        while !self.0.insert(candidate.clone()) {
            number += 1;
            candidate = format!("{first}.{number}");
        }
        candidate
    }
}

/// A name that any file system takes. What is lost of the original is told apart by its checksum.
fn safe(name: &str) -> String {
    let is_safe = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_';
    if !name.is_empty() && name.len() <= READABLE && name.bytes().all(is_safe) {
        return name.to_owned();
    }
    let mut readable = String::with_capacity(READABLE);
    for byte in name.bytes().take(READABLE).map(|byte| byte.to_ascii_lowercase()) {
        match is_safe(byte) {
            true => readable.push(char::from(byte)),
            false if readable.ends_with('-') => {}
            false => readable.push('-'),
        }
    }
    format!("{}.{:08x}", readable.trim_matches('-'), crc32c::crc32c(name.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_safe_stable_and_never_the_same() {
        let names = ["otlp", "Otlp", "otlp (grpc)", "otlp  (grpc)", "", "../../etc", "\u{1f980}", "CON", "a.b", "otlp"];
        let mut directories = DirectoryNames::default();
        let made: Vec<String> = names.iter().map(|name| directories.of(name)).collect();
        assert_eq!((made[0].as_str(), made[9].as_str()), ("otlp", "otlp.2"));
        assert!(made[2].starts_with("otlp-grpc."), "{}", made[2]);
        let distinct: BTreeSet<&String> = made.iter().collect();
        assert_eq!(distinct.len(), names.len(), "{made:?}");
        for directory in &made {
            assert!(!directory.contains(['/', '\\', ' ']) && directory.trim_matches('.').len() >= 3, "{directory}");
        }
        let mut again = DirectoryNames::default();
        assert_eq!(names.map(|name| again.of(name)).to_vec(), made);
    }

    #[test]
    fn a_long_name_is_cut() {
        let (one, other) = (safe(&"x".repeat(500)), safe(&"x".repeat(501)));
        assert!(one.len() < 64 && other.len() < 64 && one != other);
    }
}
