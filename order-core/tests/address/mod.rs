//! An address, for the tests that need one and look no further at it.

use order_core::address::Address;

/// Somewhere to send things to.
pub(crate) fn address() -> Address {
    Address {
        line1: "12 Harbour Street".to_owned(),
        line2: None,
        city: "Cork".to_owned(),
        state: None,
        postal_code: "T12 X70A".to_owned(),
        country: "IE".to_owned(),
        contact_name: None,
        contact_phone: None,
    }
}
