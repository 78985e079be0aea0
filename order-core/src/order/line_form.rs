//! How an order's line is read: what there is nothing of is left out, and an amount that is left out is nothing of the line's currency.

use serde::Deserialize;

use super::OrderLine;
use crate::id::{LineId, ProductId, SellerId};
use crate::money::Money;
use crate::pricing::{Adjustment, Totals};

/// A line as it stands there.
#[derive(Deserialize)]
pub(super) struct LineForm {
    id: LineId,
    product_id: ProductId,
    seller_id: SellerId,
    name: String,
    image: Option<String>,
    unit_price: Money,
    quantity: u32,
    #[serde(default)]
    cancelled: u32,
    cancelled_amount: Option<Money>,
    #[serde(default)]
    shipped: u32,
    totals: Totals,
    #[serde(default)]
    adjustments: Vec<Adjustment>,
}

impl From<LineForm> for OrderLine {
    fn from(form: LineForm) -> Self {
        Self {
            id: form.id,
            product_id: form.product_id,
            seller_id: form.seller_id,
            name: form.name,
            image: form.image,
            unit_price: form.unit_price,
            quantity: form.quantity,
            cancelled: form.cancelled,
            cancelled_amount: form.cancelled_amount.unwrap_or(Money::zero(form.unit_price.currency())),
            shipped: form.shipped,
            totals: form.totals,
            adjustments: form.adjustments,
        }
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
        assert_eq!(fields, ["id", "name", "product_id", "quantity", "seller_id", "totals", "unit_price"]);
        assert_eq!(serde_json::from_value::<OrderLine>(json).unwrap(), line());
        let amount = Money::from_minor(1_230, Currency::EUR);
        let line = OrderLine { cancelled: 1, cancelled_amount: amount, shipped: 2, ..line() };
        let json = serde_json::to_string(&line).unwrap();
        assert_eq!(serde_json::from_str::<OrderLine>(&json).unwrap(), line);
    }

    #[test]
    fn a_line_of_before_names_what_there_is_nothing_of() {
        let mut json = serde_json::to_value(line()).unwrap();
        json["cancelled"] = 0.into();
        json["shipped"] = 0.into();
        json["cancelled_amount"] = serde_json::json!({"amount": "0.00", "currency": "EUR"});
        assert_eq!(serde_json::from_value::<OrderLine>(json).unwrap(), line());
    }
}
