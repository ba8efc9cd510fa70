//! A page that costs time to make, for whoever asks how often he likes: a large one is made again only after a while.
//!
//! A client with thousands of receivers has a page of megabytes. It is made on the thread that delivers, which is not to do
//! that again and again; and those who read it slowly hold the same bytes.

use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::time::Instant;

/// Up to this a page is small, and made for each who asks.
const SMALL: usize = 256 << 10;

/// So many bytes of pages are made in a second at most, which takes a tenth of a thread or less.
const BYTES_PER_SECOND: f64 = (16 << 20) as f64;

/// The page that was made last, if it is large.
#[derive(Default)]
pub(super) struct Page(Mutex<Option<Made>>);

struct Made {
    page: Bytes,
    /// Until then it serves.
    until: Instant,
}

impl Page {
    /// The page, made by `make` unless it was a moment ago.
    pub(super) fn get(&self, make: impl FnOnce() -> String) -> Bytes {
        let now = Instant::now();
        if let Some(made) = self.0.lock().as_ref().filter(|made| now < made.until) {
            return made.page.clone();
        }
        let page = Bytes::from(make());
        let serves = Duration::from_secs_f64(page.len() as f64 / BYTES_PER_SECOND);
        let made = (page.len() > SMALL).then(|| Made { page: page.clone(), until: now + serves });
        *self.0.lock() = made;
        page
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_small_page_is_always_new_and_a_large_one_is_not_made_all_the_time() {
        let page = Page::default();
        let of = |len: usize, text: &str| page.get(|| text.repeat(len)).slice(..1);
        assert_eq!([of(SMALL, "a"), of(SMALL, "b")], ["a", "b"]);
        // A second's worth.
        let large = 16 << 20;
        assert_eq!([of(large, "a"), of(large, "b")], ["a", "a"]);
        tokio::time::advance(Duration::from_millis(999)).await;
        assert_eq!(of(large, "b"), "a");
        tokio::time::advance(Duration::from_millis(2)).await;
        assert_eq!([of(large, "b"), of(SMALL, "c")], ["b", "b"]);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!([of(SMALL, "c"), of(SMALL, "d")], ["c", "d"]);
    }
}
