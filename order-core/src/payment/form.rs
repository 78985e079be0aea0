//! How a payment is read: an amount that is left out is nothing of the payment's currency.

use serde::Deserialize;

use super::{CaptureMode, Operation, Payment, PaymentAction, PaymentMethod, PaymentReport, ProviderToken};
use crate::id::{PaymentId, ProviderId, ProviderReference};
use crate::money::Money;
use crate::time::Timestamp;

/// A payment as it stands there.
#[derive(Deserialize)]
pub(super) struct PaymentForm {
    id: PaymentId,
    provider: ProviderId,
    method: PaymentMethod,
    token: Option<ProviderToken>,
    amount: Money,
    capture: CaptureMode,
    reference: Option<ProviderReference>,
    action: Option<PaymentAction>,
    authorised: Option<Money>,
    captured: Option<Money>,
    refunded: Option<Money>,
    #[serde(default)]
    operations: Vec<Operation>,
    reported: Option<Box<PaymentReport>>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<PaymentForm> for Payment {
    fn from(form: PaymentForm) -> Self {
        let or_nothing = |amount: Option<Money>| amount.unwrap_or(Money::zero(form.amount.currency()));
        Self {
            id: form.id,
            provider: form.provider,
            method: form.method,
            token: form.token,
            amount: form.amount,
            capture: form.capture,
            reference: form.reference,
            action: form.action,
            authorised: or_nothing(form.authorised),
            captured: or_nothing(form.captured),
            refunded: or_nothing(form.refunded),
            operations: form.operations,
            reported: form.reported,
            created_at: form.created_at,
            updated_at: form.updated_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::money::Currency;

    fn payment() -> Payment {
        Payment::new(
            PaymentId::from_uuid(Uuid::from_u128(1)),
            ProviderId::new("simulated").unwrap(),
            PaymentMethod::Card,
            None,
            Money::from_minor(1_230, Currency::EUR),
            CaptureMode::Automatic,
            Timestamp::UNIX_EPOCH,
        )
    }

    #[test]
    fn an_amount_of_nothing_is_left_out() {
        let mut json = serde_json::to_value(payment()).unwrap();
        let amounts = ["authorised", "captured", "refunded"];
        assert!(amounts.iter().all(|name| json.get(name).is_none()), "{json}");
        assert_eq!(serde_json::from_value::<Payment>(json.clone()).unwrap(), payment());
        for name in amounts {
            json[name] = serde_json::json!({"amount": "0.00", "currency": "EUR"});
        }
        assert_eq!(serde_json::from_value::<Payment>(json).unwrap(), payment());
        let [authorised, captured, refunded] = [3, 2, 1].map(|minor| Money::from_minor(minor, Currency::EUR));
        let paid = Payment { authorised, captured, refunded, ..payment() };
        let json = serde_json::to_string(&paid).unwrap();
        assert_eq!(serde_json::from_str::<Payment>(&json).unwrap(), paid);
    }
}
