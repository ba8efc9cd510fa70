//! Reads the key of an encrypted queue. What is in the file is never shown.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use otlp_batch::EncryptionKey;

use super::Failure;

/// More than any key has: somebody may name the wrong file, and it may be large.
const MAX: u64 = 1024;

/// The key in a file of 32 bytes, or of 64 hexadecimal digits with white space around them.
pub(super) fn read(file: &Path) -> Result<EncryptionKey, Failure> {
    let mut content = Vec::new();
    File::open(file)
        .and_then(|opened| opened.take(MAX).read_to_end(&mut content))
        .map_err(|error| Failure::Unreadable { path: file.to_owned(), error })?;
    parse(&content).map(EncryptionKey::from_bytes).ok_or_else(|| Failure::NoKey {
        file: PathBuf::from(file),
        found: match content.len() as u64 {
            MAX => format!("{MAX} bytes or more"),
            64 => "64 bytes that are not all such digits".to_owned(),
            len => format!("{len} bytes"),
        },
    })
}

fn parse(content: &[u8]) -> Option<[u8; 32]> {
    if let Ok(bytes) = content.try_into() {
        return Some(bytes);
    }
    let digits: &[u8; 64] = content.trim_ascii().try_into().ok()?;
    let mut key = [0; 32];
    for (byte, pair) in key.iter_mut().zip(digits.chunks_exact(2)) {
        let digit = |at: usize| char::from(pair[at]).to_digit(16);
        *byte = u8::try_from(digit(0)? * 16 + digit(1)?).ok()?;
    }
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_32_bytes_or_64_digits() {
        let mut key = [7; 32];
        key[0] = 0xfe;
        assert_eq!(parse(&key), Some(key));
        let digits = format!("Fe{}", "07".repeat(31));
        assert_eq!(parse(digits.as_bytes()), Some(key));
        assert_eq!(parse(format!("{digits}\r\n").as_bytes()), Some(key));
        for wrong in [&digits[1..], &format!("{digits}0"), &digits.replace('F', "g"), &digits.replace("Fe", "+e"), ""] {
            assert_eq!(parse(wrong.as_bytes()), None, "{wrong}");
        }
    }
}
