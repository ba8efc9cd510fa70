//! The value of the `baggage` header (W3C Baggage, section 3): reading and writing its members.
//!
//! A malformed member is left out and the rest counts. What goes beyond the limits is left out by whole members.

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

use super::{Baggage, BaggageEntry};
use crate::propagation::trim_ows;

/// The most members that are read or written. The specification asks for at least 64; its grammar names 180.
pub(super) const MAX_MEMBERS: usize = 180;

/// The most bytes of a header that are read or written: what the specification asks for.
pub(super) const MAX_BYTES: usize = 8192;

/// What a value of a property cannot hold. It is left as it is otherwise: a percent sign in it is an encoding that came
/// with it.
const NOT_IN_PROPERTY: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b',').add(b';').add(b'\\');

/// What a value cannot hold as it is: all but `baggage-octet`, and the percent sign itself.
const NOT_IN_VALUE: &AsciiSet = &NOT_IN_PROPERTY.add(b'%');

/// Reads the members of all `baggage` headers of a carrier, in order.
pub(super) fn decode(headers: &[&str]) -> Baggage {
    // Each member is counted with a comma, so one more than there are.
    let mut room = MAX_BYTES + 1;
    let within_limits = headers.iter().flat_map(|header| header.split(',')).map_while(|member| {
        // A member that does not fit ends the reading, so that no header costs more than its first part.
        room = room.checked_sub(member.len() + 1)?;
        Some(member)
    });
    within_limits.filter_map(decode_member).take(MAX_MEMBERS).collect()
}

fn decode_member(member: &str) -> Option<BaggageEntry> {
    let (pair, properties) = member.split_once(';').unwrap_or((member, ""));
    let (key, value) = pair.split_once('=')?;
    let (key, value, properties) = (trim_ows(key), trim_ows(value), trim_ows(properties));
    let well_formed =
        is_token(key) && value.bytes().all(is_baggage_octet) && properties.chars().all(|c| !c.is_control());
    well_formed.then(|| BaggageEntry {
        key: key.into(),
        // Bytes that are no UTF-8 become U+FFFD, as the specification asks.
        value: percent_decode_str(value).decode_utf8_lossy().into(),
        metadata: (!properties.is_empty()).then(|| properties.into()),
    })
}

/// Writes a header value; empty if no member can travel.
pub(super) fn encode(baggage: &Baggage) -> String {
    let mut header = String::new();
    let mut members = 0;
    for entry in baggage.iter().filter(|entry| is_token(&entry.key)) {
        let before = header.len();
        if before > 0 {
            header.push(',');
        }
        encode_member(entry, &mut header);
        if header.len() > MAX_BYTES {
            // Whole members only; a shorter one may still fit.
            header.truncate(before);
            continue;
        }
        members += 1;
        if members == MAX_MEMBERS {
            break;
        }
    }
    header
}

fn encode_member(entry: &BaggageEntry, header: &mut String) {
    header.push_str(&entry.key);
    header.push('=');
    header.extend(utf8_percent_encode(&entry.value, NOT_IN_VALUE));
    let properties = entry.metadata.as_deref().unwrap_or_default().split(';').map(trim_ows);
    for property in properties {
        let (key, value) = match property.split_once('=') {
            Some((key, value)) => (trim_ows(key), Some(trim_ows(value))),
            None => (property, None),
        };
        if !is_token(key) {
            continue;
        }
        header.push(';');
        header.push_str(key);
        if let Some(value) = value {
            header.push('=');
            header.extend(utf8_percent_encode(value, NOT_IN_PROPERTY));
        }
    }
}

/// `token` of RFC 9110, section 5.6.2.
fn is_token(text: &str) -> bool {
    let tchar = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(tchar)
}

fn is_baggage_octet(byte: u8) -> bool {
    matches!(byte, 0x21 | 0x23..=0x2b | 0x2d..=0x3a | 0x3c..=0x5b | 0x5d..=0x7e)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pairs(headers: &[&str]) -> Vec<(String, String)> {
        decode(headers).iter().map(|entry| (entry.key().to_owned(), entry.value().to_owned())).collect()
    }

    fn expect(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        expected.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn the_examples_of_the_specification_are_read() {
        let header = "key1=value1;property1;property2, key2 = value2, key3=value3; propertyKey=propertyValue";
        let baggage = decode(&[header]);
        let entries: Vec<_> = baggage.iter().map(|entry| (entry.key(), entry.value(), entry.metadata())).collect();
        assert_eq!(
            entries,
            [
                ("key1", "value1", Some("property1;property2")),
                ("key2", "value2", None),
                ("key3", "value3", Some("propertyKey=propertyValue")),
            ]
        );
        let expected = expect(&[("userId", "alice"), ("serverNode", "DF 28"), ("isProduction", "false")]);
        assert_eq!(pairs(&["userId=alice,serverNode=DF%2028,isProduction=false"]), expected);
        assert_eq!(pairs(&["userId=alice", "serverNode=DF%2028,isProduction=false"]), expected);
        assert_eq!(pairs(&["userId =   alice", "serverNode = DF%2028, isProduction = false"]), expected);
    }

    #[test]
    fn values_hold_equals_signs_any_text_and_nothing() {
        assert_eq!(
            pairs(&["a=b=c==,empty=,u=Am%C3%A9lie%20%E2%82%AC"]),
            expect(&[("a", "b=c=="), ("empty", ""), ("u", "Amélie €")])
        );
        assert_eq!(
            pairs(&["a=%FF%C3x,b=100%,c=%zz"]),
            expect(&[("a", "\u{fffd}\u{fffd}x"), ("b", "100%"), ("c", "%zz")])
        );
    }

    #[test]
    fn malformed_members_are_left_out_and_the_rest_counts() {
        let header =
            "ok=1,novalue,=1,bad key=1,k\u{e9}y=1,quote=\"x\",space=a b,back=a\\b,uni=\u{e9},,; ,p=1;x\u{1},last=2";
        assert_eq!(pairs(&[header]), expect(&[("ok", "1"), ("last", "2")]));
        assert!(decode(&[]).is_empty() && decode(&["", " , ,", "\t"]).is_empty());
    }

    #[test]
    fn of_a_repeated_name_the_last_counts() {
        assert_eq!(pairs(&["a=1,b=2", "a=3"]), expect(&[("a", "3"), ("b", "2")]));
    }

    #[test]
    fn what_is_written_is_valid_whatever_was_set() {
        let baggage = Baggage::default()
            .with("plain", "v1!#$&'()*+-./:<=>?@[]^_`{|}~")
            .with("text", "a b,c;d\"e\\f%g\r\nh\u{7f}é")
            .with("bad name", "x")
            .with("näme", "x")
            .with_metadata("meta", "1", " k1 = v 1 ; flag;bad key=1;;pct=%20;nl=a\r\nb ");
        assert_eq!(
            encode(&baggage),
            "plain=v1!#$&'()*+-./:<=>?@[]^_`{|}~,text=a%20b%2Cc%3Bd%22e%5Cf%25g%0D%0Ah%7F%C3%A9,\
             meta=1;k1=v%201;flag;pct=%20;nl=a%0D%0Ab"
        );
        assert_eq!(encode(&Baggage::default().with("bad name", "x")), "");
    }

    #[test]
    fn no_more_than_180_members_travel() {
        let members: Vec<_> = (0..200).map(|index| format!("k{index}=v")).collect();
        let baggage = decode(&[&members.join(",")]);
        assert_eq!((baggage.len(), baggage.get("k179"), baggage.get("k180")), (180, Some("v"), None));
        let many =
            members.iter().fold(Baggage::default(), |baggage, member| baggage.with(member.trim_end_matches("=v"), "v"));
        assert_eq!(encode(&many).split(',').count(), 180);
    }

    #[test]
    fn sixty_four_members_of_8192_bytes_travel_whole() {
        let members: Vec<_> = (0..64).map(|index| format!("k{index:02}={}", "v".repeat(123))).collect();
        let header = format!("{}v", members.join(","));
        assert_eq!(header.len(), MAX_BYTES);
        let baggage = decode(&[&header]);
        assert_eq!(baggage.len(), 64);
        assert_eq!(encode(&baggage), header);
        // One byte more, and the last member stays behind.
        let longer = decode(&[&format!("{header}v")]);
        assert_eq!((longer.len(), longer.get("k63")), (63, None));
    }

    #[test]
    fn a_member_that_is_too_long_is_not_cut_and_lets_shorter_ones_pass() {
        let baggage = Baggage::default().with("a", "1").with("long", &"v".repeat(MAX_BYTES)).with("b", "2");
        assert_eq!(encode(&baggage), "a=1,b=2");
        assert_eq!(pairs(&[&format!("a=1,long={},b=2", "v".repeat(MAX_BYTES))]), expect(&[("a", "1")]));
    }

    proptest! {
        #[test]
        fn any_text_is_read(headers in proptest::collection::vec(any::<String>(), 0..4)) {
            let headers: Vec<_> = headers.iter().map(String::as_str).collect();
            decode(&headers);
        }

        #[test]
        fn what_was_read_is_written_and_read_again(header in "([a-c%=;, \t\"\\\\\u{e9}]|k=v)*") {
            let baggage = decode(&[&header]);
            let written = encode(&baggage);
            prop_assert!(written.bytes().all(|byte| matches!(byte, b'!'..=b'~')), "{written:?}");
            let again = decode(&[&written]);
            prop_assert_eq!(encode(&again), written);
            let values = |baggage: &Baggage| -> Vec<_> {
                baggage.iter().map(|entry| (entry.key().to_owned(), entry.value().to_owned())).collect()
            };
            prop_assert_eq!(values(&again), values(&baggage));
        }

        #[test]
        fn any_value_travels(
            entries in proptest::collection::hash_map("[a-zA-Z0-9!#$%&'*+.^_`|~-]{1,8}", any::<String>(), 0..8),
        ) {
            let baggage: Baggage = entries.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
            let written = encode(&baggage);
            prop_assume!(written.len() < MAX_BYTES / 2);
            prop_assert_eq!(decode(&[&written]), baggage);
        }
    }
}
