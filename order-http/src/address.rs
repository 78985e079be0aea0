//! Addresses on the wire.

use order_core::address::Address;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A postal address.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = Address)]
#[serde(deny_unknown_fields)]
pub(crate) struct AddressBody {
    /// Street and number.
    #[schema(min_length = 1, max_length = 200)]
    line1: String,
    /// Flat, floor, care of.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200)]
    line2: Option<String>,
    #[schema(min_length = 1, max_length = 100)]
    city: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 100)]
    state: Option<String>,
    #[schema(min_length = 1, max_length = 20)]
    postal_code: String,
    /// ISO 3166-1, two capitals.
    #[schema(pattern = "^[A-Z]{2}$", example = "DE")]
    country: String,
    /// Who receives the parcel.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 100)]
    contact_name: Option<String>,
    /// The number to call about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 32)]
    contact_phone: Option<String>,
}

impl From<AddressBody> for Address {
    fn from(body: AddressBody) -> Self {
        let AddressBody { line1, line2, city, state, postal_code, country, contact_name, contact_phone } =
            body;
        Self { line1, line2, city, state, postal_code, country, contact_name, contact_phone }
    }
}
