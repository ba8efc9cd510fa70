//! The bytes of a request on their way out, and of a response on their way in.

mod body;
mod compress;
mod decompress;
mod prepared;

pub use self::prepared::PreparedRequest;
pub(crate) use self::{
    body::{HandedOver, RequestBody},
    compress::Compressor,
    decompress::ContentEncoding,
};
