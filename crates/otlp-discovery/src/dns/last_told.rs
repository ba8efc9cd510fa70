//! What was told last of each name and family of addresses, for when nobody tells it.

use std::{collections::HashMap, net::IpAddr, time::Duration};

use hickory_resolver::proto::rr::{Name, RecordType};
use tokio::time::Instant;

/// For how long addresses serve on after they were told, while nobody says otherwise (RFC 8767, section 5, allows days).
const SERVES_ON: Duration = Duration::from_secs(3600);

/// How soon a name that nobody tells of is asked for again (RFC 8767, section 4).
pub(super) const ASK_AGAIN: Duration = Duration::from_secs(30);

/// The addresses of names, and when they were told. Bounded by the targets that one answer may have.
#[derive(Debug, Default)]
pub(super) struct LastTold(HashMap<(Name, RecordType), (Vec<IpAddr>, Instant)>);

impl LastTold {
    /// The name servers told these records of `name` at `now`; none is an answer too.
    pub(super) fn told(&mut self, name: &Name, kind: RecordType, addresses: &[IpAddr], now: Instant) {
        self.0.insert((name.clone(), kind), (addresses.to_vec(), now));
    }

    /// What to go on with where nobody tells any records of this type.
    pub(super) fn of(&self, name: &Name, kind: RecordType, now: Instant) -> &[IpAddr] {
        match self.0.get(&(name.clone(), kind)) {
            Some((addresses, told)) if now.duration_since(*told) <= SERVES_ON => addresses,
            _ => &[],
        }
    }

    /// Forgets what is no target of the service any more.
    pub(super) fn keep_only(&mut self, is_target: impl Fn(&Name) -> bool) {
        self.0.retain(|(name, _), _| is_target(name));
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn what_was_told_last_serves_on_for_an_hour_while_it_is_a_target() {
        let (start, mut last_told) = (Instant::now(), LastTold::default());
        let [one, other] = ["one.test.", "other.test."].map(|name| Name::from_ascii(name).unwrap());
        let (address, kind) = (IpAddr::V4(Ipv4Addr::LOCALHOST), RecordType::A);
        assert!(last_told.of(&one, kind, start).is_empty());
        last_told.told(&one, kind, &[address], start);
        last_told.told(&other, kind, &[address], start);
        assert_eq!(last_told.of(&one, kind, start + SERVES_ON), [address]);
        assert!(last_told.of(&one, RecordType::AAAA, start).is_empty(), "the other family was told by nobody");
        assert!(last_told.of(&one, kind, start + SERVES_ON + Duration::from_secs(1)).is_empty());
        last_told.keep_only(|name| *name == other);
        assert!(last_told.of(&one, kind, start).is_empty() && !last_told.of(&other, kind, start).is_empty());
        last_told.told(&other, kind, &[], start);
        assert!(last_told.of(&other, kind, start).is_empty(), "that there is nothing is an answer");
    }
}
