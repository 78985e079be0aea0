//! Money and totals on the wire.

use order_core::Invalid;
use order_core::money::{Currency, Money, MoneyError};
use order_core::pricing::Totals;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An exact amount of a currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Money)]
#[serde(deny_unknown_fields)]
pub(crate) struct MoneyBody {
    /// A decimal with at most as many decimals as the currency has.
    #[schema(pattern = r"^-?[0-9]+(\.[0-9]+)?$", example = "12.30")]
    pub(crate) amount: String,
    /// A currency code of ISO 4217.
    #[schema(pattern = "^[A-Z]{3}$", example = "EUR")]
    pub(crate) currency: String,
}

impl MoneyBody {
    /// Reads the amount; what is wrong with it is noted below `pointer`.
    pub(crate) fn read(&self, pointer: &str, invalid: &mut Invalid) -> Option<Money> {
        let Ok(currency) = Currency::from_code(&self.currency) else {
            invalid.push(
                format!("{pointer}/currency"),
                "unknown_currency",
                "must be a currency code of ISO 4217",
            );
            return None;
        };
        match Money::parse(&self.amount, currency) {
            Ok(money) => Some(money),
            Err(error) => {
                let code = match error {
                    MoneyError::TooManyDecimals { .. } => "too_many_decimals",
                    MoneyError::OutOfRange => "out_of_range",
                    MoneyError::CurrencyMismatch { .. }
                    | MoneyError::NotANumber
                    | MoneyError::NothingToSplitBy
                    | MoneyError::UnknownCurrency(_)
                    | _ => "not_a_number",
                };
                invalid.push(format!("{pointer}/amount"), code, error.to_string());
                None
            }
        }
    }
}

/// What something costs, by component: `total = subtotal - discount + tax + shipping`.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Totals)]
#[serde(deny_unknown_fields)]
pub(crate) struct TotalsBody {
    /// Unit prices times quantities.
    #[schema(value_type = MoneyBody)]
    subtotal: Money,
    /// What is taken off.
    #[schema(value_type = MoneyBody)]
    discount: Money,
    /// Tax on top of the prices.
    #[schema(value_type = MoneyBody)]
    tax: Money,
    /// What shipping costs.
    #[schema(value_type = MoneyBody)]
    shipping: Money,
    /// What is to be paid.
    #[schema(value_type = MoneyBody)]
    total: Money,
    /// The tax contained in the prices, when they contain it. It adds nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<MoneyBody>)]
    included_tax: Option<Money>,
}

impl From<Totals> for TotalsBody {
    fn from(totals: Totals) -> Self {
        Self {
            subtotal: totals.subtotal,
            discount: totals.discount,
            tax: totals.tax,
            shipping: totals.shipping,
            total: totals.total,
            included_tax: (!totals.included_tax.is_zero()).then_some(totals.included_tax),
        }
    }
}
