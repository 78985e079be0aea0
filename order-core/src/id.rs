//! Identifiers: the ones this engine makes, and the ones other services own.
//!
//! * What we make is a `UUIDv7` in a newtype of its own ([`OrderId`], [`PaymentId`] …): unique without asking
//!   the database, and ordered by the time it was made, so that "newest first" is the order of the primary key.
//! * What others own (customer, product, seller) is an opaque, bounded text ([`CustomerId`], [`ProductId`] …). Nothing
//!   is read into it, and it is cheap to clone.
//!
//! New ids come from an [`IdSource`], never from a direct call: decisions stay reproducible.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

use crate::time::Timestamp;

/// Where new ids come from.
pub trait IdSource: fmt::Debug + Send + Sync {
    /// A new `UUIDv7` whose time part is `now`. Lists of a span of time rely on it.
    fn next(&self, now: Timestamp) -> Uuid;
}

/// Ids for production: the random part comes from the operating system.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemIds;

impl IdSource for SystemIds {
    fn next(&self, now: Timestamp) -> Uuid {
        let millis = u64::try_from(now.timestamp_millis()).unwrap_or(0);
        let random = random_tail();
        uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
    }
}

/// Ids for tests and simulations: the same seed gives the same ids.
#[derive(Debug)]
pub struct SeededIds {
    seed: u64,
    counter: AtomicU64,
}

impl SeededIds {
    /// Ids that depend on `seed` and on how many were taken before.
    pub fn new(seed: u64) -> Self {
        Self { seed, counter: AtomicU64::new(0) }
    }
}

impl IdSource for SeededIds {
    fn next(&self, now: Timestamp) -> Uuid {
        let count = self.counter.fetch_add(1, Ordering::Relaxed);
        let millis = u64::try_from(now.timestamp_millis()).unwrap_or(0);
        let mut random = [0_u8; 10];
        let (high, low) = random.split_at_mut(2);
        high.copy_from_slice(count.to_be_bytes().get(6..).unwrap_or(&[0, 0]));
        low.copy_from_slice(&splitmix(self.seed ^ count.wrapping_mul(0x9E37_79B9_7F4A_7C15)).to_be_bytes());
        uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
    }
}

fn splitmix(mut state: u64) -> u64 {
    state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    state = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    state = (state ^ (state >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    state ^ (state >> 31)
}

/// The ten bytes after the time of a `UUIDv7` made by the `uuid` crate: its random source and its counter.
#[expect(clippy::disallowed_methods, reason = "the one place where production ids get their randomness")]
fn random_tail() -> [u8; 10] {
    let mut tail = [0; 10];
    tail.copy_from_slice(Uuid::now_v7().as_bytes().get(6..).unwrap_or(&[0; 10]));
    tail
}

/// The time part of a `UUIDv7`, and nothing behind it: <https://www.rfc-editor.org/rfc/rfc9562#section-5.7>.
fn first_since(at: Timestamp) -> Uuid {
    const LAST: u64 = (1 << 48) - 1;
    let millis = u64::try_from(at.timestamp_millis()).unwrap_or(0).min(LAST);
    Uuid::from_u128(u128::from(millis) << 80)
}

/// A text that is not an id of the kind that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {problem}")]
pub struct InvalidId {
    /// Which id was read, e.g. `order id`.
    pub what: &'static str,
    /// What is wrong with it. Never repeats the text itself.
    pub problem: &'static str,
}

macro_rules! uuid_id {
    ($($(#[$doc:meta])* $name:ident = $what:literal;)+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// Wraps an existing UUID.
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// A new id.
            pub fn new(ids: &dyn IdSource, now: Timestamp) -> Self {
                Self(ids.next(now))
            }

            /// Where the ids of a time begin: those that were made earlier are less, and no other ones.
            pub fn since(at: Timestamp) -> Self {
                Self(first_since(at))
            }

            /// The UUID inside.
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Uuid::parse_str(text).map(Self).map_err(|_| InvalidId { what: $what, problem: "must be a UUID" })
            }
        }
    )+};
}

uuid_id! {
    /// One customer's cart.
    CartId = "cart id";
    /// A line of a cart, and of the order made from it.
    LineId = "line id";
    /// An order.
    OrderId = "order id";
    /// A hold on stock.
    ReservationId = "reservation id";
    /// One way in which money for an order is taken: a payment attempt.
    PaymentId = "payment id";
    /// One call to a payment provider (authorise, capture, void, refund). It is the provider's idempotency key.
    OperationId = "operation id";
    /// One parcel of an order.
    ShipmentId = "shipment id";
    /// Something about an order's money that a person should look at.
    FindingId = "finding id";
    /// One commit. A store that has applied it once never applies it again.
    WriteSetId = "write set id";
}

macro_rules! text_id {
    ($($(#[$doc:meta])* $name:ident = $what:literal, $max:literal;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The longest one accepted, in bytes.
            pub const MAX_BYTES: usize = $max;

            /// Reads one.
            ///
            /// # Errors
            /// When it is empty, longer than [`Self::MAX_BYTES`] or holds control characters.
            pub fn new(text: impl AsRef<str>) -> Result<Self, InvalidId> {
                let text = text.as_ref();
                let problem = if text.is_empty() {
                    "must not be empty"
                } else if text.len() > Self::MAX_BYTES {
                    concat!("must be at most ", $max, " bytes")
                } else if text.chars().any(char::is_control) {
                    "must not hold control characters"
                } else {
                    return Ok(Self(text.into()));
                };
                Err(InvalidId { what: $what, problem })
            }

            /// The text itself.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({:?})"), &*self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Self::new(text)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                Self::new(text).map_err(serde::de::Error::custom)
            }
        }
    )+};
}

text_id! {
    /// A customer, as the identity service names them.
    CustomerId = "customer id", 128;
    /// A product, as the catalogue names it. It is also the SKU that stock is kept for.
    ProductId = "product id", 128;
    /// A seller.
    SellerId = "seller id", 128;
    /// A place where stock is kept.
    LocationId = "location", 64;
    /// The number a human reads out: short and unique.
    OrderNumber = "order number", 32;
    /// The secret name of a guest's cart before login.
    GuestToken = "guest token", 128;
    /// A key by which a caller makes a request repeatable.
    IdempotencyKey = "idempotency key", 255;
    /// A payment provider, e.g. `stripe`.
    ProviderId = "provider", 32;
    /// What the provider calls its object.
    ProviderReference = "provider reference", 255;
    /// A coupon code.
    CouponCode = "coupon code", 64;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{Clock, ManualClock};

    #[test]
    fn seeded_ids_repeat_and_differ() {
        let now = ManualClock::default().now();
        let take = |seed| {
            let ids = SeededIds::new(seed);
            (0..100).map(|_| ids.next(now)).collect::<Vec<_>>()
        };
        let first = take(1);
        assert_eq!(first, take(1));
        assert_ne!(first, take(2));
        assert_eq!(first.iter().collect::<std::collections::HashSet<_>>().len(), 100);
    }

    #[test]
    fn system_ids_carry_the_clock() {
        let now = ManualClock::default().now();
        let id = SystemIds.next(now);
        assert_eq!(id.get_version_num(), 7);
        let (seconds, nanos) = id.get_timestamp().unwrap().to_unix();
        assert_eq!(
            seconds * 1000 + u64::from(nanos) / 1_000_000,
            u64::try_from(now.timestamp_millis()).unwrap()
        );
    }

    #[test]
    fn text_ids_are_bounded_and_do_not_echo() {
        let error = CustomerId::new("x".repeat(129)).unwrap_err();
        assert_eq!(error.to_string(), "customer id: must be at most 128 bytes");
        assert!(CustomerId::new("").is_err());
        assert!(CustomerId::new("a\nb").is_err());
        assert_eq!(ProductId::new("TEA").unwrap().as_str(), "TEA");
    }
}
