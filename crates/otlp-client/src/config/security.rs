//! Who we say we are, and what is kept from others.

use std::fmt;

use otlp_batch::EncryptionKey;
use serde::{Deserialize, Serialize};

use super::{Check, FieldError};

/// Who we say we are, and what is kept from others. `Debug` shows neither token nor key.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SecurityConfig {
    /// Whether each request carries `auth_token`. Default false.
    pub enable_authentication: bool,
    /// The bearer token; may be a reference, see [`ProductionConfig`](super::ProductionConfig).
    pub auth_token: String,
    /// Whether endpoints without TLS are refused, and the disk queue is encrypted with `encryption_key`. Default false.
    pub enable_encryption: bool,
    /// The key of the disk queue: 32 bytes that nobody can guess, as 64 hexadecimal digits or in base64
    /// (`openssl rand -hex 32` makes one); may be a reference. No passphrase: what a person can remember, a program can
    /// guess. Empty without a disk queue.
    pub encryption_key: String,
}

impl SecurityConfig {
    /// The key that the text stands for. The text has no references any more.
    pub(crate) fn key(&self, path: &str) -> Result<Option<EncryptionKey>, FieldError> {
        if !self.enable_encryption || self.encryption_key.is_empty() {
            return Ok(None);
        }
        let bytes = from_hex(&self.encryption_key).or_else(|| from_base64(&self.encryption_key));
        let key = bytes.ok_or_else(|| {
            let length = format!("text of {} characters, which is not shown", self.encryption_key.chars().count());
            let accepted = "a key of 32 bytes, as 64 hexadecimal digits or as 44 characters of base64; \
                            `openssl rand -hex 32` makes one";
            FieldError::value(format!("{path}.encryption_key"), length, accepted)
        })?;
        Ok(Some(EncryptionKey::from_bytes(key)))
    }
}

impl Check for SecurityConfig {
    fn check(&self, path: &str) -> Result<(), FieldError> {
        if self.enable_authentication && self.auth_token.trim().is_empty() {
            let reason = "it is empty, and enable_authentication is true: give the token, for instance as a reference \
                          to a variable, ${OTLP_TOKEN}, or to a file, ${file:/run/secrets/token}";
            return Err(FieldError::contradiction(format!("{path}.auth_token"), reason));
        }
        Ok(())
    }
}

impl fmt::Debug for SecurityConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hidden = |text: &str| if text.is_empty() { "" } else { "(hidden)" };
        f.debug_struct("SecurityConfig")
            .field("enable_authentication", &self.enable_authentication)
            .field("auth_token", &hidden(&self.auth_token))
            .field("enable_encryption", &self.enable_encryption)
            .field("encryption_key", &hidden(&self.encryption_key))
            .finish()
    }
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    let text = text.as_bytes();
    let mut key = [0; 32];
    if text.len() != 2 * key.len() {
        return None;
    }
    for (byte, digits) in key.iter_mut().zip(text.chunks_exact(2)) {
        let digit = |digit: u8| char::from(digit).to_digit(16);
        *byte = (digit(digits[0])? * 16 + digit(digits[1])?) as u8;
    }
    Some(key)
}

fn from_base64(text: &str) -> Option<[u8; 32]> {
    use base64::{Engine, engine::general_purpose::STANDARD};
    STANDARD.decode(text).ok()?.try_into().ok()
}
