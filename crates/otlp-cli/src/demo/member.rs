//! A service, as far as the stage knows it: its process, what it has told, and what awaits it.

use otlp::delivery::Ledger;
use tokio::sync::oneshot;

use super::{
    evidence::Claim,
    killed::{Killed, Unsettled},
    message::{Account, Settings},
    processes::Process,
};

/// So many reports of progress a service that is to be killed still makes: the fates of what was delivered before the
/// trouble are told in them, so that what happens to the rest is plain.
const LAST_WORDS: u32 = 2;

/// A service, as far as it is known.
#[derive(Default)]
pub(crate) struct Member {
    pub(crate) process: Option<Process>,
    /// Where it listens, once it does.
    pub(crate) address: Option<String>,
    /// The last ledger that it reported.
    pub(crate) latest: Ledger,
    pub(crate) claims: Vec<Claim>,
    pub(crate) account: Option<Account>,
    /// Whether its process has ended, for good.
    pub(crate) gone: bool,
    /// How it runs.
    pub(crate) settings: Option<Settings>,
    /// What its process has announced and told no fate of.
    pub(crate) unsettled: Unsettled,
    /// What its earlier processes left.
    pub(crate) killed: Killed,
    doom: Option<Doom>,
    /// Whether it was killed, and is to be started again.
    is_to_rise: bool,
}

/// What awaits a service.
struct Doom {
    /// How many reports of progress it has left.
    words: u32,
    /// Dropped when it is killed.
    _waiting: oneshot::Sender<()>,
}

impl Member {
    /// It listens there now.
    pub(crate) fn is_at(&mut self, address: String) {
        // Whoever is started again is to be found where it was.
        if let Some((_, port)) = address.rsplit_once(':')
            && let Some(settings) = &mut self.settings
        {
            settings.port = port.parse().unwrap_or_default();
        }
        self.address = Some(address);
    }

    /// Is to be killed after its last words, if it lives. `waiting` is dropped then.
    pub(crate) fn doom(&mut self, waiting: oneshot::Sender<()>) {
        if self.process.is_some() {
            self.doom = Some(Doom { words: LAST_WORDS, _waiting: waiting });
        }
    }

    /// Is not to be killed any more.
    pub(crate) fn spare(&mut self) {
        self.doom = None;
    }

    /// Counts a report of progress; whether it was the last one, after which the process is killed.
    pub(crate) fn has_had_its_last_word(&mut self) -> bool {
        let Some(doom) = &mut self.doom else { return false };
        doom.words = doom.words.saturating_sub(1);
        if doom.words > 0 {
            return false;
        }
        self.doom = None;
        self.is_to_rise = true;
        if let Some(process) = &self.process {
            process.kill();
        }
        true
    }

    /// Its process has ended; whether it is to be started again.
    pub(crate) fn died(&mut self) -> bool {
        self.process = None;
        self.doom = None;
        self.is_to_rise && self.account.is_none()
    }

    /// Puts what the process that was killed has told to what the killed ones left.
    pub(crate) fn leave_behind(&mut self) {
        let (ledger, claims) = (std::mem::take(&mut self.latest), std::mem::take(&mut self.claims));
        self.killed.died(&ledger, claims, std::mem::take(&mut self.unsettled));
        self.is_to_rise = false;
    }
}
