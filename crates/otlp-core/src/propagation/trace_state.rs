//! The value of the `tracestate` header (W3C Trace Context Level 2, section 3.3): a short list of vendors' own entries,
//! most recent first.
//!
//! A list with a malformed member or more than 32 of them is discarded whole, as the specification asks; one that is
//! too long loses whole members.

use std::{borrow::Cow, fmt, str::FromStr, sync::Arc};

use super::trim_ows;

/// The largest number of members.
const MAX_MEMBERS: usize = 32;

/// The longest list that travels. The specification asks for at least 512 characters; common servers take 8 KiB of
/// headers.
const MAX_BYTES: usize = 4096;

/// The longest text that is looked at: twice what 32 members of the largest size take.
const MAX_READ: usize = 32 * 1024;

/// A member longer than this goes first when a list is too long (section 3.3.1.5).
const LARGE_MEMBER: usize = 128;

/// A valid, bounded list of vendors' entries. Immutable; a clone costs a reference count.
///
/// ```
/// use otlp_core::propagation::TraceState;
///
/// let state: TraceState = "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE".parse()?;
/// assert_eq!(state.get("congo"), Some("t61rcWkgMzE"));
/// // What was changed last comes first.
/// assert_eq!(state.with("congo", "ucfJifl5GOE")?.as_str(), "congo=ucfJifl5GOE,rojo=00f067aa0ba902b7");
/// # Ok::<(), otlp_core::propagation::InvalidTraceState>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct TraceState {
    /// The list as it travels; `None` if it has no members.
    list: Option<Arc<str>>,
}

impl TraceState {
    /// The list as it travels; empty if it has no members.
    pub fn as_str(&self) -> &str {
        self.list.as_deref().unwrap_or_default()
    }

    /// The list as a [`TraceContext`](crate::TraceContext) carries it.
    pub fn into_header(self) -> Option<Arc<str>> {
        self.list
    }

    /// Whether it has no members.
    pub fn is_empty(&self) -> bool {
        self.list.is_none()
    }

    /// The keys and values, most recent first.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.as_str().split(',').filter_map(|member| member.split_once('='))
    }

    /// The value of `key`.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.iter().find(|(name, _)| *name == key).map(|(_, value)| value)
    }

    /// The list with `key` set to `value` and moved to the front. A 33rd member pushes the last one out.
    ///
    /// # Errors
    ///
    /// A key or a value that the specification does not allow.
    pub fn with(&self, key: &str, value: &str) -> Result<TraceState, InvalidTraceState> {
        if !is_key(key) || !is_value(value) {
            return Err(InvalidTraceState);
        }
        let first = format!("{key}={value}");
        let mut members = vec![first.as_str()];
        members.extend(self.as_str().split(',').filter(|member| !member.is_empty() && key_of(member) != key));
        members.truncate(MAX_MEMBERS);
        truncate(&mut members);
        Ok(TraceState { list: Some(members.join(",").into()) })
    }

    /// The list without `key`.
    #[must_use]
    pub fn without(&self, key: &str) -> TraceState {
        let members: Vec<_> = self.as_str().split(',').filter(|member| key_of(member) != key).collect();
        let list = members.join(",");
        TraceState { list: (!list.is_empty()).then(|| list.into()) }
    }
}

impl FromStr for TraceState {
    type Err = InvalidTraceState;

    /// Reads a header value. Of a key that is there twice, the first counts.
    fn from_str(text: &str) -> Result<Self, InvalidTraceState> {
        let list = normalize(text).ok_or(InvalidTraceState)?;
        Ok(TraceState { list: (!list.is_empty()).then(|| list.into()) })
    }
}

impl fmt::Display for TraceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that is no `tracestate`, or a key or value that cannot be in one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidTraceState;

impl fmt::Display for InvalidTraceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "no valid tracestate: it takes up to 32 members key=value; keys of up to 256 characters out of \
             a-z 0-9 _ - * / @ that begin with a letter or digit, values of up to 256 printable ASCII characters but \
             comma and equals sign, the last no space",
        )
    }
}

impl std::error::Error for InvalidTraceState {}

/// The list that several headers make together (RFC 9110, section 5.3); `None` if it is malformed or has no members.
pub(super) fn combine(headers: &[&str]) -> Option<Arc<str>> {
    let list = match headers {
        [one] => normalize(one)?,
        several if joined_len(several) <= MAX_READ => normalize(&several.join(","))?.into_owned().into(),
        _ => return None,
    };
    (!list.is_empty()).then(|| list.into())
}

/// The list without white space, empty members, repeated keys and what is too long; `None` if it is malformed. Borrowed
/// if nothing changes.
pub(super) fn normalize(text: &str) -> Option<Cow<'_, str>> {
    if text.len() > MAX_READ {
        return None;
    }
    let mut members: Vec<&str> = Vec::new();
    let mut seen = 0;
    for member in text.split(',').map(trim_ows).filter(|member| !member.is_empty()) {
        seen += 1;
        let (key, value) = member.split_once('=')?;
        if seen > MAX_MEMBERS || !is_key(key) || !is_value(value) {
            return None;
        }
        if !members.iter().any(|other| key_of(other) == key) {
            members.push(member);
        }
    }
    truncate(&mut members);
    // Nothing is ever added, so a text of the same length is the same text.
    if joined_len(&members) == text.len() { Some(Cow::Borrowed(text)) } else { Some(Cow::Owned(members.join(","))) }
}

/// Takes whole members out until the list is short enough: large ones first, then from the end.
fn truncate(members: &mut Vec<&str>) {
    while joined_len(members) > MAX_BYTES {
        let last_large = members.iter().rposition(|member| member.len() > LARGE_MEMBER);
        match last_large {
            Some(index) => drop(members.remove(index)),
            None => drop(members.pop()),
        }
    }
}

fn joined_len(members: &[&str]) -> usize {
    members.iter().map(|member| member.len()).sum::<usize>() + members.len().saturating_sub(1)
}

fn key_of(member: &str) -> &str {
    member.split_once('=').map_or(member, |(key, _)| key)
}

/// `( lcalpha / DIGIT ) 0*255 ( lcalpha / DIGIT / "_" / "-" / "*" / "/" / "@" )`: Level 2, which takes all keys of
/// Level 1.
fn is_key(key: &str) -> bool {
    let bytes = key.as_bytes();
    let begins = matches!(bytes.first(), Some(b'a'..=b'z' | b'0'..=b'9'));
    let goes_on = |byte: &u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'*' | b'/' | b'@');
    begins && bytes.len() <= 256 && bytes.iter().all(goes_on)
}

/// `0*255(chr) nblk-chr`: printable ASCII but comma and equals sign, not ending with a space.
fn is_value(value: &str) -> bool {
    let bytes = value.as_bytes();
    let allowed = |byte: &u8| matches!(byte, b' '..=b'~') && !matches!(byte, b',' | b'=');
    (1..=256).contains(&bytes.len()) && bytes.last() != Some(&b' ') && bytes.iter().all(allowed)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Option<String> {
        text.parse::<TraceState>().ok().map(|state| state.to_string())
    }

    fn numbered(count: usize) -> String {
        (0..count).map(|index| format!("bar{index:02}={index:02}")).collect::<Vec<_>>().join(",")
    }

    #[test]
    fn white_space_and_empty_members_are_left_out() {
        for text in ["foo=1,bar=2", "foo=1 \t , \t bar=2, \t baz=3", " foo=1,,bar=2, ", ",foo=1,\t,bar=2"] {
            let state = read(text).unwrap();
            assert!(state.starts_with("foo=1,bar=2"), "{text:?} became {state:?}");
        }
        for text in ["", " ", ",", " ,\t, "] {
            assert_eq!(read(text).as_deref(), Some(""));
            assert!(text.parse::<TraceState>().unwrap().is_empty());
        }
    }

    #[test]
    fn a_value_in_its_final_form_is_not_copied() {
        assert!(matches!(normalize("foo=1,bar=2"), Some(Cow::Borrowed(_))));
        assert!(matches!(normalize("foo=1, bar=2"), Some(Cow::Owned(_))));
    }

    #[test]
    fn one_malformed_member_discards_the_list() {
        for text in [
            "foo",
            "foo=",
            "=1",
            "foo =1",
            "FOO=1",
            "foo.bar=1",
            "f\u{f6}o=1",
            "_foo=1",
            "@foo=1",
            "foo=bar=baz",
            "foo=,bar=3",
            "foo=1,bar",
            "foo=\u{e9}",
            "foo=a\nb",
            "foo=\u{7f}",
        ] {
            assert_eq!(read(text), None, "{text:?}");
        }
    }

    #[test]
    fn all_allowed_characters_pass() {
        let key = "abcdefghijklmnopqrstuvwxyz0123456789_-*/";
        let value: String = (' '..='~').filter(|c| !matches!(c, ',' | '=')).collect();
        for text in
            [format!("{key}={value}"), format!("{key}@a-z0-9_-*/={value}"), "0foo=1".to_owned(), "foo=  1".to_owned()]
        {
            assert_eq!(read(&text).as_deref(), Some(text.as_str()));
        }
    }

    #[test]
    fn keys_and_values_have_256_characters_at_most() {
        let (a, b) = ("z".repeat(256), "z".repeat(257));
        assert!(read(&format!("{a}=1")).is_some() && read(&format!("{b}=1")).is_none());
        assert!(read(&format!("a={a}")).is_some() && read(&format!("a={b}")).is_none());
        let multi_tenant = format!("{}@{}=1", "t".repeat(241), "v".repeat(14));
        assert_eq!(read(&multi_tenant), Some(multi_tenant));
    }

    #[test]
    fn thirty_two_members_pass_and_thirty_three_do_not() {
        assert_eq!(read(&numbered(32)), Some(numbered(32)));
        assert_eq!(read(&numbered(33)), None);
        assert_eq!(read(&format!("{},,, ,", numbered(32))), Some(numbered(32)), "empty members do not count");
    }

    #[test]
    fn of_a_repeated_key_the_first_counts() {
        assert_eq!(read("foo=1,bar=2,foo=3").as_deref(), Some("foo=1,bar=2"));
    }

    #[test]
    fn a_list_that_is_too_long_loses_whole_members_the_large_ones_first() {
        let large = |key: &str| format!("{key}={}", "v".repeat(250));
        let mut members: Vec<_> = (0..20).map(|index| large(&format!("large{index:02}"))).collect();
        members.insert(0, "first=1".to_owned());
        members.push("last=1".to_owned());
        let state: TraceState = members.join(",").parse().unwrap();
        assert!(state.as_str().len() <= MAX_BYTES);
        assert_eq!((state.get("first"), state.get("last")), (Some("1"), Some("1")));
        assert!(state.get("large14").is_some() && state.get("large19").is_none());
        assert!(state.iter().all(|(_, value)| matches!(value.len(), 1 | 250)), "no member is cut");
        assert_eq!(read(&" ".repeat(MAX_READ + 1)), None);
    }

    #[test]
    fn changes_give_a_list_with_the_change_in_front() {
        let state: TraceState = "a=1,b=2,c=3".parse().unwrap();
        assert_eq!(state.with("b", "4").unwrap().as_str(), "b=4,a=1,c=3");
        assert_eq!(state.with("d", "4").unwrap().as_str(), "d=4,a=1,b=2,c=3");
        assert_eq!(state.without("b").as_str(), "a=1,c=3");
        assert_eq!(state.without("x"), state);
        assert!(TraceState::default().with("a", "1").unwrap().without("a").is_empty());
        for (key, value) in [("A", "1"), ("a", "1,b=2"), ("a", ""), ("", "1"), ("a", "1\r\nx: y")] {
            assert_eq!(state.with(key, value), Err(InvalidTraceState), "{key:?} {value:?}");
        }
        let full: TraceState = numbered(32).parse().unwrap();
        let pushed = full.with("new", "1").unwrap();
        assert_eq!((pushed.iter().count(), pushed.get("bar31"), pushed.get("bar30")), (32, None, Some("30")));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused_and_reading_is_stable(text in "([a-z0-9@=, \t\u{e9}]|bar=)*") {
            if let Some(state) = read(&text) {
                let again = read(&state);
                prop_assert_eq!(again.as_deref(), Some(state.as_str()));
            }
        }

        #[test]
        fn any_unicode_is_read_or_refused(text in any::<String>(), key in any::<String>(), value in any::<String>()) {
            let _ = read(&text);
            if let Ok(state) = TraceState::default().with(&key, &value) {
                prop_assert_eq!(state.get(&key), Some(value.as_str()));
            }
        }
    }
}
