//! A request with what was made of it for its first attempt: its compressed form, or its JSON.

use std::fmt;

use bytes::Bytes;
use otlp_core::{EncodedRequest, Outcome};
use parking_lot::Mutex;

use crate::config::Compression;

/// A request for more than one attempt: what one of them compressed or wrote as JSON, the others send again.
///
/// Transports that send the same form share it, whatever endpoint they send to. A form that is larger than the request
/// itself (JSON that is not compressed), or for which there is [no room](PreparedRequest::kept_within), is not kept, but
/// made anew: so no request takes more than twice its memory while it waits for another attempt.
pub struct PreparedRequest {
    request: EncodedRequest,
    room: Option<Box<Room>>,
    /// What was made last.
    made: Mutex<Option<Made>>,
}

type Room = dyn Fn(usize) -> Option<Box<dyn Send + Sync>> + Send + Sync;

struct Made {
    form: Form,
    segments: Vec<Bytes>,
    /// What was granted for it; given back with it.
    _granted: Option<Box<dyn Send + Sync>>,
}

/// What is made of a request before it is framed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Form {
    pub(crate) is_json: bool,
    pub(crate) compression: Compression,
    pub(crate) level: u8,
}

impl PreparedRequest {
    /// Nothing is made before the first attempt.
    pub fn new(request: EncodedRequest) -> Self {
        PreparedRequest { request, room: None, made: Mutex::new(None) }
    }

    /// Keeps what is made only where `room` grants that many bytes. The grant is dropped with it.
    #[must_use]
    pub fn kept_within(mut self, room: impl Fn(usize) -> Option<Box<dyn Send + Sync>> + Send + Sync + 'static) -> Self {
        self.room = Some(Box::new(room));
        self
    }

    /// The request as it was encoded.
    pub fn request(&self) -> &EncodedRequest {
        &self.request
    }

    /// The request in `form`, by `make` unless it was made before.
    pub(crate) fn form(
        &self,
        form: Form,
        make: impl FnOnce() -> Result<Vec<Bytes>, Outcome>,
    ) -> Result<Vec<Bytes>, Outcome> {
        if let Some(made) = &*self.made.lock()
            && made.form == form
        {
            return Ok(made.segments.clone());
        }
        let segments = make()?;
        let is_itself = !form.is_json && form.compression == Compression::None;
        let bytes = segments.iter().map(Bytes::len).sum();
        if is_itself || bytes > self.request.len() {
            return Ok(segments);
        }
        let mut made = self.made.lock();
        // First what it replaces is given back.
        *made = None;
        let granted = self.room.as_ref().map(|room| room(bytes));
        if !matches!(granted, Some(None)) {
            *made = Some(Made { form, segments: segments.clone(), _granted: granted.flatten() });
        }
        Ok(segments)
    }
}

/// Shows the request and no content.
impl fmt::Debug for PreparedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PreparedRequest").field("request", &self.request).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use otlp_core::Signal;

    use super::*;

    #[test]
    fn a_form_is_made_once_if_it_is_no_larger_than_the_request() {
        let request = PreparedRequest::new(EncodedRequest::new(Signal::Traces, 1, vec![Bytes::from(vec![0; 100])]));
        let made = Mutex::new(0);
        let take = |form, len: usize| {
            let make = || {
                *made.lock() += 1;
                Ok(vec![Bytes::from(vec![1; len])])
            };
            assert_eq!(request.form(form, make).unwrap()[0].len(), len);
            *made.lock()
        };
        let gzip = Form { is_json: false, compression: Compression::Gzip, level: 1 };
        assert_eq!((take(gzip, 20), take(gzip, 20)), (1, 1));
        let json = Form { is_json: true, ..gzip };
        assert_eq!((take(json, 30), take(json, 30)), (2, 2), "another form is another thing");
        let large = Form { compression: Compression::None, ..json };
        assert_eq!((take(large, 500), take(large, 500)), (3, 4), "it would take more memory than the request");
        let plain = Form { is_json: false, ..large };
        assert_eq!((take(plain, 100), take(plain, 100)), (5, 6), "nothing is made of it");
        assert_eq!(request.form(gzip, || Err(Outcome::delivered())), Err(Outcome::delivered()));
    }

    #[test]
    fn a_form_is_kept_only_within_the_room_that_there_is_and_gives_it_back() {
        struct Granted(Arc<Mutex<usize>>, usize);
        impl Drop for Granted {
            fn drop(&mut self) {
                *self.0.lock() += self.1;
            }
        }
        let left = Arc::new(Mutex::new(50_usize));
        let room = {
            let left = Arc::clone(&left);
            move |bytes| {
                let mut now = left.lock();
                *now = usize::checked_sub(*now, bytes)?;
                Some(Box::new(Granted(Arc::clone(&left), bytes)) as Box<dyn Send + Sync>)
            }
        };
        let request = EncodedRequest::new(Signal::Traces, 1, vec![Bytes::from(vec![0; 100])]);
        let request = PreparedRequest::new(request).kept_within(room);
        let gzip = |level| Form { is_json: false, compression: Compression::Gzip, level };
        let made = Mutex::new(0);
        let take = |level, len: usize| {
            let make = || {
                *made.lock() += 1;
                Ok(vec![Bytes::from(vec![1; len])])
            };
            assert_eq!(request.form(gzip(level), make).unwrap()[0].len(), len);
            (*made.lock(), *left.lock())
        };
        assert_eq!([take(1, 40), take(1, 40)], [(1, 10); 2]);
        assert_eq!([take(2, 50), take(2, 50)], [(2, 0); 2], "what is replaced makes room");
        assert_eq!([take(3, 60), take(3, 60)], [(3, 50), (4, 50)], "it is made anew where there is no room");
        take(1, 40);
        drop(request);
        assert_eq!(*left.lock(), 50);
    }
}
