//! How totals are written: the currency once, and what is nothing left out.

use std::fmt;

use rust_decimal::Decimal;
use serde::de::{Error as _, MapAccess, Visitor, value::MapAccessDeserializer};
use serde::ser::{Error as _, SerializeStruct as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Totals;
use crate::money::{Amount, Currency, Money};

/// The components by their names.
const fn components(totals: &Totals) -> [(&'static str, Money); 6] {
    [
        ("subtotal", totals.subtotal),
        ("discount", totals.discount),
        ("tax", totals.tax),
        ("shipping", totals.shipping),
        ("total", totals.total),
        ("included_tax", totals.included_tax),
    ]
}

impl Serialize for Totals {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let currency = self.total.currency();
        let components = components(self);
        if components.iter().any(|(_, money)| money.currency() != currency) {
            return Err(S::Error::custom("totals have one currency"));
        }
        let written = components.iter().filter(|(_, money)| !money.is_zero());
        let mut form = serializer.serialize_struct("Totals", written.clone().count().saturating_add(1))?;
        form.serialize_field("currency", &currency)?;
        for (name, money) in written {
            form.serialize_field(name, &Amount(*money))?;
        }
        form.end()
    }
}

/// What is read.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Read {
    #[serde(default)]
    currency: Option<Currency>,
    #[serde(default)]
    subtotal: Component,
    #[serde(default)]
    discount: Component,
    #[serde(default)]
    tax: Component,
    #[serde(default)]
    shipping: Component,
    #[serde(default)]
    total: Component,
    #[serde(default)]
    included_tax: Component,
}

/// A component, as it may stand there.
#[derive(Default)]
enum Component {
    /// It is nothing.
    #[default]
    Nothing,
    /// Of the currency of all of them.
    Amount(Decimal),
    /// With a currency of its own: the form of before.
    Money(Money),
}

impl<'de> Deserialize<'de> for Component {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = Component;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a decimal number as a text, or money")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Component, E> {
                Decimal::from_str_exact(text).map(Component::Amount).map_err(E::custom)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Component, A::Error> {
                Money::deserialize(MapAccessDeserializer::new(map)).map(Component::Money)
            }
        }

        deserializer.deserialize_any(Either)
    }
}

impl<'de> Deserialize<'de> for Totals {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read = Read::deserialize(deserializer)?;
        let of_before = match read.total {
            Component::Money(total) => Some(total.currency()),
            Component::Nothing | Component::Amount(_) => None,
        };
        let currency = read.currency.or(of_before).ok_or_else(|| D::Error::missing_field("currency"))?;
        let money = |component| match component {
            Component::Nothing => Ok(Money::zero(currency)),
            Component::Amount(amount) => Money::new(amount, currency).map_err(D::Error::custom),
            Component::Money(money) => Ok(money),
        };
        Ok(Self {
            subtotal: money(read.subtotal)?,
            discount: money(read.discount)?,
            tax: money(read.tax)?,
            shipping: money(read.shipping)?,
            total: money(read.total)?,
            included_tax: money(read.included_tax)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(totals: &Totals) -> String {
        serde_json::to_string(totals).unwrap()
    }

    #[test]
    fn the_currency_stands_once_and_nothing_not_at_all() {
        let (goods, shipping) =
            (Money::from_minor(2_000, Currency::EUR), Money::from_minor(490, Currency::EUR));
        let totals =
            Totals { shipping, total: Money::from_minor(2_490, Currency::EUR), ..Totals::of_goods(goods) };
        let form = r#"{"currency":"EUR","subtotal":"20.00","shipping":"4.90","total":"24.90"}"#;
        assert_eq!(written(&totals), form);
        assert_eq!(written(&Totals::zero(Currency::JPY)), r#"{"currency":"JPY"}"#);
    }

    #[test]
    fn the_form_of_before_is_read() {
        let form = r#"{"subtotal":{"amount":"20.00","currency":"EUR"},"discount":{"amount":"1.50","currency":"EUR"},
            "tax":{"amount":"0.00","currency":"EUR"},"shipping":{"amount":"0.00","currency":"EUR"},
            "total":{"amount":"18.50","currency":"EUR"},"included_tax":{"amount":"2.95","currency":"EUR"}}"#;
        let totals: Totals = serde_json::from_str(form).unwrap();
        let minors = components(&totals).map(|(_, money)| money.minor());
        assert_eq!(minors, [2_000, 150, 0, 0, 1_850, 295]);
        assert!(totals.is_consistent());
    }

    #[test]
    fn what_is_no_total_is_refused() {
        for form in [
            "{}",
            r#"{"total":"1.00"}"#,
            r#"{"currency":"EUR","total":1.0}"#,
            r#"{"currency":"JPY","total":"0.5"}"#,
            r#"{"currency":"EUR","totals":"1.00"}"#,
        ] {
            assert!(serde_json::from_str::<Totals>(form).is_err(), "{form}");
        }
        let mixed = Totals { tax: Money::zero(Currency::JPY), ..Totals::zero(Currency::EUR) };
        assert!(serde_json::to_string(&mixed).is_err());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(minors in any::<[i64; 6]>(), code in prop::sample::select(vec!["EUR", "JPY", "KWD"])) {
            let currency = Currency::from_code(code).unwrap();
            let [subtotal, discount, tax, shipping, total, included_tax] =
                minors.map(|minor| Money::from_minor(minor, currency));
            let totals = Totals { subtotal, discount, tax, shipping, total, included_tax };
            prop_assert_eq!(serde_json::from_str::<Totals>(&written(&totals)).unwrap(), totals);
        }
    }
}
