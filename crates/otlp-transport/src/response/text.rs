//! Text from outside, made fit for our own messages.

/// The longest text that is taken over from a receiver, in characters.
const LONGEST: usize = 1024;

/// `bytes` as text: invalid UTF-8 and control characters replaced (a receiver must not move our user's cursor), the rest
/// cut after 1024 characters.
pub(crate) fn quoted(bytes: &[u8]) -> String {
    // A character takes at most four bytes.
    let (head, cut) = bytes.split_at_checked(LONGEST * 4).map_or((bytes, false), |(head, _)| (head, true));
    let decoded = String::from_utf8_lossy(head);
    let mut characters = decoded.chars().map(|character| if character.is_control() { ' ' } else { character });
    let text: String = characters.by_ref().take(LONGEST).collect();
    let mut text = text.trim().to_owned();
    if cut || characters.next().is_some() {
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn text_is_trimmed_cleaned_and_cut() {
        assert_eq!(quoted(b" plain \n"), "plain");
        assert_eq!(quoted(b"\x1b[2Jgone\x00"), "[2Jgone");
        assert_eq!(quoted("ä".repeat(1024).as_bytes()), "ä".repeat(1024));
        assert_eq!(quoted("ä".repeat(1025).as_bytes()), format!("{}…", "ä".repeat(1024)));
    }

    proptest! {
        #[test]
        fn any_bytes_become_short_printable_text(bytes in prop::collection::vec(any::<u8>(), 0..9000)) {
            let text = quoted(&bytes);
            prop_assert!(text.chars().count() <= LONGEST + 1);
            prop_assert!(!text.chars().any(char::is_control));
        }
    }
}
