//! Encryption at rest: each frame is sealed on its own, with a key derived for its segment.
//!
//! ```text
//! stored payload:  salt of the derived key (16)  counter (8)  ciphertext  tag (16)
//! ```
//!
//! - The derived key is HKDF-SHA-256 of the configured key and a random salt, so no two segments share one.
//! - The nonce is the counter, which rises with every seal of a segment, also of a frame that then could not be written.
//!   It is not the place or the sequence of the frame: both are used again after a failed write.
//! - The header of the frame is authenticated with it, so a payload cannot pass for another one.
//! - A frame says all that its reader needs but the key, and can be read when its segment's header cannot.

use std::{fmt, io};

use ring::{
    aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    hkdf::{HKDF_SHA256, KeyType, Prk, Salt},
    rand::{SecureRandom, SystemRandom},
};

use super::format::{FrameHeader, KeyHint};

const SALT_LEN: usize = 16;
const COUNTER_LEN: usize = 8;
const PREFIX_LEN: usize = SALT_LEN + COUNTER_LEN;
const TAG_LEN: usize = 16;

/// How many bytes longer a payload is when it is encrypted.
pub(super) const OVERHEAD: usize = PREFIX_LEN + TAG_LEN;

const FRAME_KEY: &[u8] = b"otlp queue frames";
const KEY_CHECK: &[u8] = b"otlp queue key check";

/// How many derived keys a reader remembers.
const KNOWN: usize = 16;

/// The key that a disk queue is encrypted with: 32 bytes that nobody can guess. `Debug` does not show them.
///
/// Whoever loses it loses what the queue holds.
#[derive(Clone, PartialEq, Eq)]
pub struct EncryptionKey([u8; 32]);

impl EncryptionKey {
    /// A key of these bytes, which should come from a key store or a generator made for that.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        EncryptionKey(bytes)
    }

    /// Whether a segment was written with this key.
    pub(super) fn matches(&self, hint: &KeyHint) -> bool {
        let check: Option<[u8; 12]> = self.derive(&hint.salt, KEY_CHECK);
        check == Some(hint.check)
    }

    fn derive<const N: usize>(&self, salt: &[u8; SALT_LEN], purpose: &[u8]) -> Option<[u8; N]> {
        let secret: Prk = Salt::new(HKDF_SHA256, salt).extract(&self.0);
        let mut derived = [0; N];
        secret.expand(&[purpose], Length(N)).ok()?.fill(&mut derived).ok()?;
        Some(derived)
    }

    fn frame_key(&self, salt: &[u8; SALT_LEN]) -> Option<LessSafeKey> {
        let derived: [u8; 32] = self.derive(salt, FRAME_KEY)?;
        UnboundKey::new(&CHACHA20_POLY1305, &derived).ok().map(LessSafeKey::new)
    }
}

impl fmt::Debug for EncryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EncryptionKey(..)")
    }
}

/// How many bytes are derived.
struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

/// Seals the frames of one segment.
pub(super) struct Sealer {
    key: LessSafeKey,
    hint: KeyHint,
    counter: u64,
    sealed: Vec<u8>,
}

impl Sealer {
    /// For a new segment, with a salt of its own.
    pub(super) fn new(key: &EncryptionKey) -> io::Result<Self> {
        let refused = || io::Error::other("the system gave no random bytes for the key of a segment");
        let mut salt = [0; SALT_LEN];
        SystemRandom::new().fill(&mut salt).map_err(|_| refused())?;
        let check = key.derive(&salt, KEY_CHECK).ok_or_else(refused)?;
        let frames = key.frame_key(&salt).ok_or_else(refused)?;
        Ok(Sealer { key: frames, hint: KeyHint { salt, check }, counter: 0, sealed: Vec::new() })
    }

    /// What the header of the segment says of the key.
    pub(super) fn hint(&self) -> KeyHint {
        self.hint
    }

    /// The payload of this frame as it is stored. The header has its final length already.
    pub(super) fn seal(&mut self, header: &FrameHeader, payload: &[&[u8]]) -> io::Result<&[u8]> {
        let counter = self.counter;
        self.counter += 1;
        self.sealed.clear();
        self.sealed.extend_from_slice(&self.hint.salt);
        self.sealed.extend_from_slice(&counter.to_le_bytes());
        payload.iter().for_each(|piece| self.sealed.extend_from_slice(piece));
        let tag = self
            .key
            .seal_in_place_separate_tag(
                nonce(counter),
                Aad::from(header.authenticated()),
                &mut self.sealed[PREFIX_LEN..],
            )
            .map_err(|_| io::Error::other("the frame could not be encrypted"))?;
        self.sealed.extend_from_slice(tag.as_ref());
        Ok(&self.sealed)
    }
}

/// Opens frames of any segment.
pub(super) struct Opener {
    key: EncryptionKey,
    known: Vec<([u8; SALT_LEN], LessSafeKey)>,
}

impl Opener {
    pub(super) fn new(key: EncryptionKey) -> Self {
        Opener { key, known: Vec::new() }
    }

    /// Puts the payload that was sealed in place of the stored one. `None`: another key, or not what was written.
    pub(super) fn open(&mut self, header: &FrameHeader, stored: &mut Vec<u8>) -> Option<()> {
        let (salt, rest) = stored.split_first_chunk::<SALT_LEN>()?;
        let (salt, counter) = (*salt, u64::from_le_bytes(*rest.first_chunk::<COUNTER_LEN>()?));
        let at = match self.known.iter().position(|(known, _)| *known == salt) {
            Some(at) => at,
            None => {
                let key = self.key.frame_key(&salt)?;
                if self.known.len() == KNOWN {
                    self.known.remove(0);
                }
                self.known.push((salt, key));
                self.known.len() - 1
            }
        };
        // The plain text moves to the front, over salt and counter.
        let aad = Aad::from(header.authenticated());
        let plain = self.known[at].1.open_within(nonce(counter), aad, stored, PREFIX_LEN..).ok()?;
        let len = plain.len();
        stored.truncate(len);
        Some(())
    }
}

fn nonce(counter: u64) -> Nonce {
    let mut nonce = [0; NONCE_LEN];
    nonce[NONCE_LEN - COUNTER_LEN..].copy_from_slice(&counter.to_le_bytes());
    Nonce::assume_unique_for_key(nonce)
}

#[cfg(test)]
mod tests {
    use otlp_core::Signal;

    use super::*;

    const KEY: [u8; 32] = [7; 32];

    fn header(sequence: u64) -> FrameHeader {
        FrameHeader {
            payload_len: (3 + OVERHEAD) as u32,
            payload_checksum: 0,
            sequence,
            items: 1,
            signal: Signal::Logs,
            is_encrypted: true,
            put_at: 5,
            queue_time: 6,
        }
    }

    #[test]
    fn what_was_sealed_is_opened_with_the_key_and_the_header_it_was_sealed_with() {
        let key = EncryptionKey::from_bytes(KEY);
        let mut sealer = Sealer::new(&key).unwrap();
        let sealed = sealer.seal(&header(1), &[b"a", b"", b"bc"]).unwrap().to_vec();
        assert_eq!(sealed.len(), 3 + OVERHEAD);
        assert!(!sealed.windows(2).any(|two| two == b"bc"), "not in the clear");
        let mut opener = Opener::new(key);
        let mut stored = sealed.clone();
        // The checksum of the stored payload is known after it was sealed.
        opener.open(&FrameHeader { payload_checksum: 99, ..header(1) }, &mut stored).unwrap();
        assert_eq!(stored, b"abc");
        assert_eq!(opener.open(&header(2), &mut sealed.clone()), None, "the payload of another frame");
        let mut other = Opener::new(EncryptionKey::from_bytes([8; 32]));
        assert_eq!(other.open(&header(1), &mut sealed.clone()), None, "another key");
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(opener.open(&header(1), &mut changed), None, "byte {at}");
            assert_eq!(opener.open(&header(1), &mut sealed[..at].to_vec()), None, "cut at {at}");
        }
    }

    #[test]
    fn no_nonce_is_used_twice_and_no_two_segments_share_a_key() {
        let key = EncryptionKey::from_bytes(KEY);
        let mut sealer = Sealer::new(&key).unwrap();
        let first = sealer.seal(&header(1), &[b"abc"]).unwrap().to_vec();
        let again = sealer.seal(&header(1), &[b"abc"]).unwrap().to_vec();
        assert_ne!(first[SALT_LEN..], again[SALT_LEN..]);
        let hint = sealer.hint();
        assert_ne!(Sealer::new(&key).unwrap().hint().salt, hint.salt);
        assert!(key.matches(&hint) && !EncryptionKey::from_bytes([8; 32]).matches(&hint));
    }

    #[test]
    fn the_key_is_not_printed() {
        assert_eq!(format!("{:?}", EncryptionKey::from_bytes(KEY)), "EncryptionKey(..)");
    }
}
