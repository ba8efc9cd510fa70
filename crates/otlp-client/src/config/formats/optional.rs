//! Values that may be left out, of types that have a form of their own in a file.

/// Makes a module, to be named by `serde(with)`, for an `Option` of what `$format` reads and writes.
macro_rules! optional {
    ($(#[$doc:meta])* $name:ident: $type:ty as $format:literal) => {
        $(#[$doc])*
        pub(crate) mod $name {
            use serde::{Deserialize, Deserializer, Serialize, Serializer};

            #[derive(Serialize, Deserialize)]
            struct Written(#[serde(with = $format)] $type);

            pub(crate) fn serialize<S: Serializer>(value: &Option<$type>, serializer: S) -> Result<S::Ok, S::Error> {
                value.clone().map(Written).serialize(serializer)
            }

            pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
                deserializer: D,
            ) -> Result<Option<$type>, D::Error> {
                Ok(Option::<Written>::deserialize(deserializer)?.map(|Written(value)| value))
            }
        }
    };
}

pub(crate) use optional;

optional! {
    /// A duration, or none.
    duration: std::time::Duration as "crate::config::formats::duration"
}
