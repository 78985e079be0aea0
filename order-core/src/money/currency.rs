use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A currency of ISO 4217 with its number of decimals.
///
/// The table is the `iso_currency` crate's. Codes without a minor unit (gold, funds, test codes) are no currencies here.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Currency(iso_currency::Currency);

/// A code that ISO 4217 does not list, or that has no minor unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an ISO 4217 currency code")]
pub struct UnknownCurrency;

impl Currency {
    /// The euro: 2 decimals.
    pub const EUR: Self = Self(iso_currency::Currency::EUR);
    /// The US dollar: 2 decimals.
    pub const USD: Self = Self(iso_currency::Currency::USD);
    /// The Indian rupee: 2 decimals.
    pub const INR: Self = Self(iso_currency::Currency::INR);
    /// The Japanese yen: no decimals.
    pub const JPY: Self = Self(iso_currency::Currency::JPY);
    /// The Kuwaiti dinar: 3 decimals.
    pub const KWD: Self = Self(iso_currency::Currency::KWD);

    /// The currency of a three-letter code in capitals.
    ///
    /// # Errors
    /// When there is none.
    pub fn from_code(code: &str) -> Result<Self, UnknownCurrency> {
        /// By their codes, as numbers: every amount that is read asks for one.
        static CODES: LazyLock<Vec<(u32, Currency)>> = LazyLock::new(|| {
            let by_code = |currency: Currency| Some((number(currency.code())?, currency));
            let mut codes: Vec<_> = Currency::all().filter_map(by_code).collect();
            codes.sort_unstable_by_key(|(code, _)| *code);
            codes
        });
        fn number(code: &str) -> Option<u32> {
            let [first, second, third] = *code.as_bytes() else { return None };
            Some(u32::from_be_bytes([0, first, second, third]))
        }
        let code = number(code).ok_or(UnknownCurrency)?;
        let found = CODES.binary_search_by_key(&code, |(code, _)| *code);
        found.ok().and_then(|index| CODES.get(index)).map(|(_, currency)| *currency).ok_or(UnknownCurrency)
    }

    /// The three-letter code.
    pub fn code(self) -> &'static str {
        self.0.code()
    }

    /// How many decimals an amount has: 0 for JPY, 2 for EUR, 3 for KWD, 4 for CLF.
    pub fn decimals(self) -> u32 {
        self.0.exponent().map_or(0, u32::from)
    }

    /// Every currency there is.
    pub fn all() -> impl Iterator<Item = Self> {
        use iso_currency::IntoEnumIterator as _;
        iso_currency::Currency::iter().filter(|currency| currency.exponent().is_some()).map(Self)
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl FromStr for Currency {
    type Err = UnknownCurrency;

    fn from_str(code: &str) -> Result<Self, UnknownCurrency> {
        Self::from_code(code)
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let code = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::from_code(&code).map_err(serde::de::Error::custom)
    }
}
