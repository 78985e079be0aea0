//! How an order's line is written and read: what there is nothing of is left out, and so are totals that are its price times its
//! quantity. An amount that is left out is nothing of the line's currency.

use std::borrow::Cow;

use serde::{Deserialize, Serialize, Serializer};

use super::OrderLine;
use crate::id::{LineId, ProductId, SellerId};
use crate::money::Money;
use crate::pricing::{Adjustment, Totals};

/// A line as it stands there.
#[derive(Serialize, Deserialize)]
pub(super) struct LineForm<'a> {
    id: LineId,
    product_id: Cow<'a, ProductId>,
    seller_id: Cow<'a, SellerId>,
    name: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image: Option<Cow<'a, str>>,
    unit_price: Money,
    quantity: u32,
    #[serde(default, skip_serializing_if = "is_none")]
    cancelled: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    cancelled_amount: Option<Money>,
    #[serde(default, skip_serializing_if = "is_none")]
    shipped: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    totals: Option<Totals>,
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    adjustments: Cow<'a, [Adjustment]>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_none(units: &u32) -> bool {
    *units == 0
}

/// The totals of units at a price, with nothing added and nothing taken off.
fn plain(unit_price: Money, quantity: u32) -> Option<Totals> {
    unit_price.times(quantity).ok().map(Totals::of_goods)
}

impl Serialize for OrderLine {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Named one by one, so that none is forgotten.
        let Self {
            id,
            product_id,
            seller_id,
            name,
            image,
            unit_price,
            quantity,
            cancelled,
            cancelled_amount,
            shipped,
            totals,
            adjustments,
        } = self;
        let form = LineForm {
            id: *id,
            product_id: Cow::Borrowed(product_id),
            seller_id: Cow::Borrowed(seller_id),
            name: Cow::Borrowed(name),
            image: image.as_deref().map(Cow::Borrowed),
            unit_price: *unit_price,
            quantity: *quantity,
            cancelled: *cancelled,
            cancelled_amount: (*cancelled_amount != Money::zero(unit_price.currency()))
                .then_some(*cancelled_amount),
            shipped: *shipped,
            totals: (plain(*unit_price, *quantity) != Some(*totals)).then_some(*totals),
            adjustments: Cow::Borrowed(adjustments),
        };
        form.serialize(serializer)
    }
}

impl TryFrom<LineForm<'_>> for OrderLine {
    type Error = &'static str;

    fn try_from(form: LineForm<'_>) -> Result<Self, Self::Error> {
        let totals = form.totals.or_else(|| plain(form.unit_price, form.quantity));
        Ok(Self {
            id: form.id,
            product_id: form.product_id.into_owned(),
            seller_id: form.seller_id.into_owned(),
            name: form.name.into_owned(),
            image: form.image.map(Cow::into_owned),
            unit_price: form.unit_price,
            quantity: form.quantity,
            cancelled: form.cancelled,
            cancelled_amount: form.cancelled_amount.unwrap_or(Money::zero(form.unit_price.currency())),
            shipped: form.shipped,
            totals: totals
                .ok_or("a line has its `totals`, or they are its `unit_price` times its `quantity`")?,
            adjustments: form.adjustments.into_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::money::Currency;

    fn line() -> OrderLine {
        let price = Money::from_minor(1_230, Currency::EUR);
        OrderLine {
            id: LineId::from_uuid(Uuid::from_u128(1)),
            product_id: ProductId::new("tea").unwrap(),
            seller_id: SellerId::new("north").unwrap(),
            name: "Tea".to_owned(),
            image: None,
            unit_price: price,
            quantity: 3,
            cancelled: 0,
            cancelled_amount: Money::zero(Currency::EUR),
            shipped: 0,
            totals: Totals::of_goods(price.times(3).unwrap()),
            adjustments: Vec::new(),
        }
    }

    #[test]
    fn what_there_is_nothing_of_is_left_out() {
        let json = serde_json::to_value(line()).unwrap();
        let fields: Vec<_> = json.as_object().unwrap().keys().collect();
        assert_eq!(fields, ["id", "name", "product_id", "quantity", "seller_id", "unit_price"]);
        assert_eq!(serde_json::from_value::<OrderLine>(json).unwrap(), line());
    }

    #[test]
    fn what_there_is_something_of_is_written() {
        let amount = Money::from_minor(1_230, Currency::EUR);
        let taxed = Totals { included_tax: amount, ..line().totals };
        let changed = [
            OrderLine { cancelled: 1, cancelled_amount: amount, shipped: 2, ..line() },
            OrderLine { cancelled_amount: Money::zero(Currency::JPY), ..line() },
            OrderLine { image: Some("tea.webp".to_owned()), ..line() },
            OrderLine { totals: taxed, ..line() },
            OrderLine { totals: Totals::zero(Currency::EUR), ..line() },
            OrderLine {
                totals: Totals::zero(Currency::JPY),
                unit_price: Money::zero(Currency::EUR),
                ..line()
            },
            OrderLine { unit_price: Money::from_minor(i64::MAX, Currency::EUR), ..line() },
        ];
        for line in changed {
            let json = serde_json::to_string(&line).unwrap();
            assert_eq!(serde_json::from_str::<OrderLine>(&json).unwrap(), line, "{json}");
        }
    }

    #[test]
    fn totals_that_nothing_tells_are_missed() {
        let mut json = serde_json::to_value(line()).unwrap();
        json["unit_price"]["amount"] = "90000000000000000.00".into();
        let error = serde_json::from_value::<OrderLine>(json).unwrap_err().to_string();
        assert!(error.contains("`totals`"), "{error}");
    }

    #[test]
    fn a_line_of_before_names_what_there_is_nothing_of() {
        let mut json = serde_json::to_value(line()).unwrap();
        json["cancelled"] = 0.into();
        json["shipped"] = 0.into();
        json["cancelled_amount"] = serde_json::json!({"amount": "0.00", "currency": "EUR"});
        json["totals"] = serde_json::to_value(line().totals).unwrap();
        assert_eq!(serde_json::from_value::<OrderLine>(json).unwrap(), line());
    }
}
