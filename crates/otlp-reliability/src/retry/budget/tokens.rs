//! A bucket of tokens in thousandths, in one atomic word: it never holds more than its size and never less than nothing.

use crate::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// One token.
const TOKEN: u64 = 1000;

#[derive(Debug)]
pub(super) struct Tokens {
    level: AtomicU64,
    size: AtomicU64,
    deposit: AtomicU64,
}

impl Tokens {
    /// A full bucket of `size` tokens, into which each deposit puts so many thousandths.
    pub(super) fn full(size: u32, thousandths: u64) -> Self {
        let size = u64::from(size) * TOKEN;
        Tokens { level: AtomicU64::new(size), size: AtomicU64::new(size), deposit: AtomicU64::new(thousandths) }
    }

    /// Another size and deposit. What does not fit into the new size is lost; a larger one is not filled.
    pub(super) fn resize(&self, size: u32, thousandths: u64) {
        let size = u64::from(size) * TOKEN;
        self.size.store(size, Relaxed);
        self.deposit.store(thousandths, Relaxed);
        self.level.fetch_min(size, Relaxed);
    }

    pub(super) fn deposit(&self) {
        self.put(self.deposit.load(Relaxed));
    }

    /// Takes one token if there is one.
    pub(super) fn withdraw(&self) -> bool {
        self.level.fetch_update(Relaxed, Relaxed, |level| level.checked_sub(TOKEN)).is_ok()
    }

    /// Puts back a token that was taken and not used.
    pub(super) fn put_back(&self) {
        self.put(TOKEN);
    }

    /// How many whole tokens there are.
    pub(super) fn available(&self) -> u64 {
        self.level.load(Relaxed) / TOKEN
    }

    fn put(&self, thousandths: u64) {
        let size = self.size.load(Relaxed);
        // A full bucket is only looked at: the usual case, and one that threads can share.
        let fill = |level: u64| (level < size).then(|| (level + thousandths).min(size));
        let _ = self.level.fetch_update(Relaxed, Relaxed, fill);
    }
}

#[cfg(all(test, not(otlp_loom)))]
mod tests {
    use super::*;

    #[test]
    fn pitfall_11_ten_calls_earn_one_retry() {
        let tokens = Tokens::full(2, 100);
        assert!(tokens.withdraw() && tokens.withdraw() && !tokens.withdraw());
        (0..9).for_each(|_| tokens.deposit());
        assert!(!tokens.withdraw(), "0.9 tokens are none");
        tokens.deposit();
        assert!(tokens.withdraw() && !tokens.withdraw());
    }

    #[test]
    fn a_bucket_never_holds_more_than_its_size() {
        let tokens = Tokens::full(3, 1_000_000);
        tokens.put_back();
        assert_eq!(tokens.available(), 3);
        assert!(tokens.withdraw());
        tokens.deposit();
        assert_eq!(tokens.available(), 3);
    }

    #[test]
    fn a_smaller_bucket_spills_and_a_larger_one_is_not_filled() {
        let tokens = Tokens::full(5, 1000);
        tokens.resize(2, 500);
        assert_eq!(tokens.available(), 2);
        tokens.resize(4, 500);
        assert_eq!(tokens.available(), 2);
        (0..2).for_each(|_| tokens.deposit());
        assert_eq!(tokens.available(), 3, "each deposit is half a token now");
    }
}

#[cfg(all(test, otlp_loom))]
mod loom_tests {
    use loom::sync::Arc;

    use super::*;

    #[test]
    fn loom_the_last_token_is_taken_once_and_no_deposit_is_lost() {
        loom::model(|| {
            let tokens = Arc::new(Tokens::full(1, 1000));
            let other = Arc::clone(&tokens);
            let thread = loom::thread::spawn(move || other.withdraw());
            let here = tokens.withdraw();
            assert!(here ^ thread.join().unwrap());
            let other = Arc::clone(&tokens);
            let thread = loom::thread::spawn(move || other.deposit());
            let here = tokens.withdraw();
            thread.join().unwrap();
            assert_eq!(tokens.available(), u64::from(!here));
        });
    }
}
