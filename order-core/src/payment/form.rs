//! How a payment is written and read: what there is nothing of is left out, and so is the time of its last change where that is the
//! one of its beginning. An amount that is left out is nothing of the payment's currency.

use std::borrow::Cow;

use serde::{Deserialize, Serialize, Serializer};

use super::{CaptureMode, Operation, Payment, PaymentAction, PaymentMethod, PaymentReport, ProviderToken};
use crate::id::{PaymentId, ProviderId, ProviderReference};
use crate::money::Money;
use crate::time::Timestamp;

/// A payment as it stands there.
#[derive(Serialize, Deserialize)]
pub(super) struct PaymentForm<'a> {
    id: PaymentId,
    provider: Cow<'a, ProviderId>,
    method: PaymentMethod,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<Cow<'a, ProviderToken>>,
    amount: Money,
    capture: CaptureMode,
    #[serde(skip_serializing_if = "Option::is_none")]
    reference: Option<Cow<'a, ProviderReference>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<Cow<'a, PaymentAction>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    authorised: Option<Money>,
    #[serde(skip_serializing_if = "Option::is_none")]
    captured: Option<Money>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refunded: Option<Money>,
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    operations: Cow<'a, [Operation]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reported: Option<Cow<'a, PaymentReport>>,
    created_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    updated_at: Option<Timestamp>,
}

impl Serialize for Payment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Named one by one, so that none is forgotten.
        let Self {
            id,
            provider,
            method,
            token,
            amount,
            capture,
            reference,
            action,
            authorised,
            captured,
            refunded,
            operations,
            reported,
            created_at,
            updated_at,
        } = self;
        let nothing = Money::zero(amount.currency());
        let something = |amount: Money| (amount != nothing).then_some(amount);
        let form = PaymentForm {
            id: *id,
            provider: Cow::Borrowed(provider),
            method: *method,
            token: token.as_ref().map(Cow::Borrowed),
            amount: *amount,
            capture: *capture,
            reference: reference.as_ref().map(Cow::Borrowed),
            action: action.as_ref().map(Cow::Borrowed),
            authorised: something(*authorised),
            captured: something(*captured),
            refunded: something(*refunded),
            operations: Cow::Borrowed(operations),
            reported: reported.as_deref().map(Cow::Borrowed),
            created_at: *created_at,
            updated_at: (updated_at != created_at).then_some(*updated_at),
        };
        form.serialize(serializer)
    }
}

impl From<PaymentForm<'_>> for Payment {
    fn from(form: PaymentForm<'_>) -> Self {
        let or_nothing = |amount: Option<Money>| amount.unwrap_or(Money::zero(form.amount.currency()));
        Self {
            id: form.id,
            provider: form.provider.into_owned(),
            method: form.method,
            token: form.token.map(Cow::into_owned),
            amount: form.amount,
            capture: form.capture,
            reference: form.reference.map(Cow::into_owned),
            action: form.action.map(Cow::into_owned),
            authorised: or_nothing(form.authorised),
            captured: or_nothing(form.captured),
            refunded: or_nothing(form.refunded),
            operations: form.operations.into_owned(),
            reported: form.reported.map(|reported| Box::new(reported.into_owned())),
            created_at: form.created_at,
            updated_at: form.updated_at.unwrap_or(form.created_at),
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
    fn what_there_is_nothing_of_is_left_out() {
        let mut json = serde_json::to_value(payment()).unwrap();
        let amounts = ["authorised", "captured", "refunded"];
        assert!(amounts.iter().chain(&["updated_at"]).all(|name| json.get(name).is_none()), "{json}");
        assert_eq!(serde_json::from_value::<Payment>(json.clone()).unwrap(), payment());
        for name in amounts {
            json[name] = serde_json::json!({"amount": "0.00", "currency": "EUR"});
        }
        json["updated_at"] = json["created_at"].clone();
        assert_eq!(serde_json::from_value::<Payment>(json).unwrap(), payment());
        let [authorised, captured, refunded] = [3, 2, 1].map(|minor| Money::from_minor(minor, Currency::EUR));
        let updated_at = Timestamp::UNIX_EPOCH + crate::time::Duration::minutes(1);
        let paid = Payment { authorised, captured, refunded, updated_at, ..payment() };
        let json = serde_json::to_string(&paid).unwrap();
        assert_eq!(serde_json::from_str::<Payment>(&json).unwrap(), paid);
    }
}
