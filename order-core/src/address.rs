//! Postal addresses: where an order goes, and what shipping and tax depend on.
//!
//! An [`Address`] is plain data, so that hosts and stores can build and read it; [`Address::check`] says everything that is
//! wrong with it at once. Countries are the officially assigned two-letter codes of ISO 3166-1.
//!
//! ```
//! use order_core::address::Address;
//!
//! let mut address = Address {
//!     line1: "12 Harbour Street".into(),
//!     line2: None,
//!     city: "Cork".into(),
//!     state: None,
//!     postal_code: "T12 X70A".into(),
//!     country: "IE".into(),
//!     contact_name: Some("Aoife Byrne".into()),
//!     contact_phone: None,
//! };
//! assert!(address.check().is_ok());
//! address.country = "Ireland".into();
//! address.city.clear();
//! let invalid = address.check().unwrap_err();
//! let pointers: Vec<_> = invalid.errors().iter().map(|error| error.pointer.as_str()).collect();
//! assert_eq!(pointers, ["/city", "/country"]);
//! ```

use serde::{Deserialize, Serialize};

use crate::error::Invalid;
use crate::text::{is_line, refuse_control};

/// The longest street line, in characters.
pub const MAX_LINE: usize = 200;
/// The longest city or state, in characters.
pub const MAX_PLACE: usize = 100;
/// The longest postal code, in characters. The longest in use has 10.
pub const MAX_POSTAL_CODE: usize = 20;
/// The longest name of a contact, in characters.
pub const MAX_CONTACT_NAME: usize = 100;
/// The longest phone number, in characters: 15 digits (E.164) with room for separators and an extension.
pub const MAX_CONTACT_PHONE: usize = 32;

/// A postal address with the person to ask for. See the [module](self).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "plain data that hosts and stores write as a literal")]
pub struct Address {
    /// Street and number.
    pub line1: String,
    /// Flat, floor, care of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line2: Option<String>,
    /// City or town.
    pub city: String,
    /// State, province or county, where the country has them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Postal code.
    pub postal_code: String,
    /// The country: two capitals of ISO 3166-1.
    pub country: String,
    /// Who receives the parcel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact_name: Option<String>,
    /// The number to call about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact_phone: Option<String>,
}

impl Address {
    /// Checks every field.
    ///
    /// # Errors
    /// Everything that is wrong, by pointer (`/line1` …) and code: `required`, `too_long`, `control_characters`,
    /// `unknown_country`.
    pub fn check(&self) -> Result<(), Invalid> {
        let mut invalid = Invalid::default();
        required(&mut invalid, "/line1", &self.line1, MAX_LINE);
        optional(&mut invalid, "/line2", self.line2.as_deref(), MAX_LINE);
        required(&mut invalid, "/city", &self.city, MAX_PLACE);
        optional(&mut invalid, "/state", self.state.as_deref(), MAX_PLACE);
        required(&mut invalid, "/postal_code", &self.postal_code, MAX_POSTAL_CODE);
        if self.country.is_empty() {
            invalid.push("/country", "required", "must not be empty");
        } else if !is_country(&self.country) {
            invalid.push("/country", "unknown_country", "must be a country code of ISO 3166-1, two capitals");
        }
        optional(&mut invalid, "/contact_name", self.contact_name.as_deref(), MAX_CONTACT_NAME);
        optional(&mut invalid, "/contact_phone", self.contact_phone.as_deref(), MAX_CONTACT_PHONE);
        invalid.into_result()
    }
}

/// Whether a text is an officially assigned two-letter code of ISO 3166-1, in capitals.
pub fn is_country(code: &str) -> bool {
    COUNTRIES.binary_search(&code).is_ok()
}

fn required(invalid: &mut Invalid, pointer: &str, text: &str, max: usize) {
    if text.trim().is_empty() {
        invalid.push(pointer, "required", "must not be empty");
    } else {
        optional(invalid, pointer, Some(text), max);
    }
}

fn optional(invalid: &mut Invalid, pointer: &str, text: Option<&str>, max: usize) {
    let Some(text) = text else { return };
    if text.chars().nth(max).is_some() {
        invalid.push(pointer, "too_long", format!("must be at most {max} characters"));
    } else if !is_line(text) {
        refuse_control(invalid, pointer);
    }
}

/// Every officially assigned code, sorted.
#[rustfmt::skip]
const COUNTRIES: [&str; 249] = [
    "AD", "AE", "AF", "AG", "AI", "AL", "AM", "AO", "AQ", "AR", "AS", "AT", "AU", "AW", "AX", "AZ",
    "BA", "BB", "BD", "BE", "BF", "BG", "BH", "BI", "BJ", "BL", "BM", "BN", "BO", "BQ", "BR", "BS", "BT", "BV", "BW", "BY", "BZ",
    "CA", "CC", "CD", "CF", "CG", "CH", "CI", "CK", "CL", "CM", "CN", "CO", "CR", "CU", "CV", "CW", "CX", "CY", "CZ",
    "DE", "DJ", "DK", "DM", "DO", "DZ",
    "EC", "EE", "EG", "EH", "ER", "ES", "ET",
    "FI", "FJ", "FK", "FM", "FO", "FR",
    "GA", "GB", "GD", "GE", "GF", "GG", "GH", "GI", "GL", "GM", "GN", "GP", "GQ", "GR", "GS", "GT", "GU", "GW", "GY",
    "HK", "HM", "HN", "HR", "HT", "HU",
    "ID", "IE", "IL", "IM", "IN", "IO", "IQ", "IR", "IS", "IT",
    "JE", "JM", "JO", "JP",
    "KE", "KG", "KH", "KI", "KM", "KN", "KP", "KR", "KW", "KY", "KZ",
    "LA", "LB", "LC", "LI", "LK", "LR", "LS", "LT", "LU", "LV", "LY",
    "MA", "MC", "MD", "ME", "MF", "MG", "MH", "MK", "ML", "MM", "MN", "MO", "MP", "MQ", "MR", "MS", "MT", "MU", "MV", "MW", "MX", "MY", "MZ",
    "NA", "NC", "NE", "NF", "NG", "NI", "NL", "NO", "NP", "NR", "NU", "NZ",
    "OM",
    "PA", "PE", "PF", "PG", "PH", "PK", "PL", "PM", "PN", "PR", "PS", "PT", "PW", "PY",
    "QA",
    "RE", "RO", "RS", "RU", "RW",
    "SA", "SB", "SC", "SD", "SE", "SG", "SH", "SI", "SJ", "SK", "SL", "SM", "SN", "SO", "SR", "SS", "ST", "SV", "SX", "SY", "SZ",
    "TC", "TD", "TF", "TG", "TH", "TJ", "TK", "TL", "TM", "TN", "TO", "TR", "TT", "TV", "TW", "TZ",
    "UA", "UG", "UM", "US", "UY", "UZ",
    "VA", "VC", "VE", "VG", "VI", "VN", "VU",
    "WF", "WS",
    "YE", "YT",
    "ZA", "ZM", "ZW",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn valid() -> Address {
        Address {
            line1: "1 Main Street".into(),
            line2: None,
            city: "Springfield".into(),
            state: Some("IL".into()),
            postal_code: "62701".into(),
            country: "US".into(),
            contact_name: None,
            contact_phone: Some("+1 217 555 0100".into()),
        }
    }

    #[test]
    fn every_bad_field_is_listed() {
        let address = Address {
            line1: "  ".into(),
            line2: Some("x".repeat(MAX_LINE + 1)),
            city: "a\nb".into(),
            state: Some("é".repeat(MAX_PLACE + 1)),
            postal_code: String::new(),
            country: "us".into(),
            contact_name: Some("x".repeat(MAX_CONTACT_NAME + 1)),
            contact_phone: Some("x".repeat(MAX_CONTACT_PHONE + 1)),
        };
        let invalid = address.check().unwrap_err();
        let found: Vec<_> =
            invalid.errors().iter().map(|error| (error.pointer.as_str(), error.code)).collect();
        assert_eq!(
            found,
            [
                ("/line1", "required"),
                ("/line2", "too_long"),
                ("/city", "control_characters"),
                ("/state", "too_long"),
                ("/postal_code", "required"),
                ("/country", "unknown_country"),
                ("/contact_name", "too_long"),
                ("/contact_phone", "too_long"),
            ]
        );
    }

    #[test]
    fn limits_count_characters() {
        let mut address = valid();
        address.line1 = "é".repeat(MAX_LINE);
        assert!(address.check().is_ok());
        address.country = String::new();
        assert_eq!(address.check().unwrap_err().errors()[0].code, "required");
    }

    #[test]
    fn countries_are_the_assigned_codes() {
        assert!(COUNTRIES.is_sorted());
        assert!(
            ["DE", "GB", "TW", "XK", "UK", "EU", "de", "D", ""].map(is_country)
                == [true, true, true, false, false, false, false, false, false]
        );
    }

    #[test]
    fn unknown_fields_are_refused_and_missing_ones_are_none() {
        let json = r#"{"line1":"a","city":"b","postal_code":"c","country":"DE"}"#;
        let address: Address = serde_json::from_str(json).unwrap();
        assert_eq!(address.line2, None);
        assert_eq!(serde_json::to_string(&address).unwrap(), json);
        assert!(
            serde_json::from_str::<Address>(
                r#"{"line1":"a","city":"b","postal_code":"c","country":"DE","zip":"x"}"#
            )
            .is_err()
        );
    }
}
