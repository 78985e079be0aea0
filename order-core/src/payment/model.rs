use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::Invalid;
use crate::id::{OperationId, PaymentId, ProviderId, ProviderReference};
use crate::money::{Money, MoneyError};
use crate::payment::form::PaymentForm;
use crate::payment::{Operation, OperationKind, OperationStatus, PaymentReport};
use crate::time::Timestamp;

/// How the customer pays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PaymentMethod {
    /// A card, by a provider's token.
    Card,
    /// Cash on delivery: accepted now, paid later.
    Cod,
    /// Unified Payments Interface.
    Upi,
    /// A bank transfer started at the customer's bank.
    NetBanking,
    /// A wallet.
    Wallet,
}

impl PaymentMethod {
    /// Its name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Card => "card",
            Self::Cod => "cod",
            Self::Upi => "upi",
            Self::NetBanking => "net_banking",
            Self::Wallet => "wallet",
        }
    }

    /// Whether the money is taken outside of every provider.
    pub fn is_offline(self) -> bool {
        matches!(self, Self::Cod)
    }
}

/// Whether a payment is captured with its authorisation or by a later command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "there is no third way")]
pub enum CaptureMode {
    /// At once.
    #[default]
    Automatic,
    /// By a command of the staff.
    Manual,
}

/// A provider's token for a card or account. Card numbers never enter the system.
///
/// It is a secret: `Debug` does not show it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ProviderToken(String);

impl ProviderToken {
    /// The longest token accepted, in bytes: more than any provider's.
    pub const MAX_BYTES: usize = 2048;

    /// Reads a token.
    ///
    /// # Errors
    /// When it is empty, too long, holds control characters, or looks like a card number (12 to 19 digits).
    pub fn new(text: impl Into<String>) -> Result<Self, Invalid> {
        let text = text.into();
        if text.is_empty() || text.len() > Self::MAX_BYTES || text.chars().any(char::is_control) {
            return Err(Invalid::field("", "invalid_token", "must be a provider's token of 1 to 2048 bytes"));
        }
        let digits = text.chars().filter(char::is_ascii_digit).count();
        let only_digits = text.chars().all(|c| c.is_ascii_digit() || c == ' ' || c == '-');
        if only_digits && (12..=19).contains(&digits) {
            return Err(Invalid::field("", "card_number", "must be a provider's token, never a card number"));
        }
        Ok(Self(text))
    }

    /// The token, to be sent to the provider.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ProviderToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProviderToken(…)")
    }
}

/// What the customer must do before a payment goes on.
///
/// It is for the customer alone, who is given all of it: whoever has it may act in their place. So `Debug` shows neither the secret
/// nor what a page is asked with.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum PaymentAction {
    /// Visit a page of the provider or the bank.
    Redirect {
        /// The page.
        url: String,
    },
    /// Finish in the provider's own form, with this secret.
    ClientSecret {
        /// The secret.
        secret: String,
    },
}

impl fmt::Debug for PaymentAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Redirect { url } => {
                let page = url.split(['?', '#']).next().unwrap_or_default();
                let rest = if page.len() < url.len() { "…" } else { "" };
                write!(f, "Redirect({page}{rest})")
            }
            Self::ClientSecret { .. } => f.write_str("ClientSecret(…)"),
        }
    }
}

/// How far a payment has come. Read off its operations by [`Payment::status`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PaymentStatus {
    /// The money is taken outside and has not been recorded yet.
    Pending,
    /// The provider is being called.
    Processing,
    /// The answer of the provider was lost; it will be asked.
    Unknown,
    /// The customer must act.
    ActionRequired,
    /// The money is set aside.
    Authorised,
    /// The money is here.
    Captured,
    /// Part of the money went back.
    PartiallyRefunded,
    /// All the money went back.
    Refunded,
    /// It was given up before any money was taken.
    Voided,
    /// The provider refused.
    Declined,
}

/// Money for an order, taken through one provider. See the [module](crate::payment).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "PaymentForm<'static>")]
#[non_exhaustive]
pub struct Payment {
    /// Its id.
    pub id: PaymentId,
    /// The provider, or `offline`.
    pub provider: ProviderId,
    /// How the customer pays.
    pub method: PaymentMethod,
    /// The provider's token for the customer's card or account.
    pub token: Option<ProviderToken>,
    /// How much it is meant to bring.
    pub amount: Money,
    /// When it is captured.
    pub capture: CaptureMode,
    /// The provider's object.
    pub reference: Option<ProviderReference>,
    /// What the customer must do, while they must.
    pub action: Option<PaymentAction>,
    /// How much is or was set aside.
    pub authorised: Money,
    /// How much was taken.
    pub captured: Money,
    /// How much went back.
    pub refunded: Money,
    /// What was done with it, oldest first.
    pub operations: Vec<Operation>,
    /// What the provider's books have said about it so far, its disputes among it.
    pub reported: Option<Box<PaymentReport>>,
    /// When it was begun.
    pub created_at: Timestamp,
    /// When something was last learnt about it.
    pub updated_at: Timestamp,
}

impl Payment {
    /// How many operations a payment may have. Partial captures and refunds are few; a runaway loop is not.
    pub const MAX_OPERATIONS: usize = 200;

    /// A payment nothing has been done with.
    pub fn new(
        id: PaymentId,
        provider: ProviderId,
        method: PaymentMethod,
        token: Option<ProviderToken>,
        amount: Money,
        capture: CaptureMode,
        now: Timestamp,
    ) -> Self {
        let nothing = Money::zero(amount.currency());
        Self {
            id,
            provider,
            method,
            token,
            amount,
            capture,
            reference: None,
            action: None,
            authorised: nothing,
            captured: nothing,
            refunded: nothing,
            operations: Vec::new(),
            reported: None,
            created_at: now,
            updated_at: now,
        }
    }

    /// How far it has come.
    pub fn status(&self) -> PaymentStatus {
        if self.captured.is_positive() {
            return match self.refunded.minor() {
                0 => PaymentStatus::Captured,
                refunded if refunded >= self.captured.minor() => PaymentStatus::Refunded,
                _ => PaymentStatus::PartiallyRefunded,
            };
        }
        if self.is_voided() {
            return PaymentStatus::Voided;
        }
        if self.authorised.is_positive() {
            return PaymentStatus::Authorised;
        }
        match self.first_operation().map(|operation| operation.status) {
            None => PaymentStatus::Pending,
            Some(OperationStatus::Calling) => PaymentStatus::Processing,
            Some(OperationStatus::Unknown) => PaymentStatus::Unknown,
            Some(OperationStatus::AwaitingCustomer) => PaymentStatus::ActionRequired,
            Some(OperationStatus::Declined) => PaymentStatus::Declined,
            Some(OperationStatus::Succeeded | OperationStatus::Lapsed | OperationStatus::Reversed) => {
                PaymentStatus::Voided
            }
        }
    }

    /// The charge or authorisation it began with. Offline payments have none.
    pub fn first_operation(&self) -> Option<&Operation> {
        self.operations
            .iter()
            .find(|operation| matches!(operation.kind, OperationKind::Charge | OperationKind::Authorise))
    }

    /// Finds an operation.
    pub fn operation(&self, id: OperationId) -> Option<&Operation> {
        self.operations.iter().find(|operation| operation.id == id)
    }

    /// Whether the provider has confirmed that it was given up.
    pub fn is_voided(&self) -> bool {
        self.operations.iter().any(|operation| {
            operation.kind == OperationKind::Void && operation.status == OperationStatus::Succeeded
        })
    }

    /// Whether money may still come by it without a further command: a call is under way or unknown, the customer may act, or
    /// money is set aside.
    pub fn is_live(&self) -> bool {
        self.first_operation().is_some_and(Operation::is_live)
            || self
                .operations
                .iter()
                .any(|operation| operation.kind == OperationKind::Capture && operation.is_live())
            || self.capturable().is_ok_and(Money::is_positive)
    }

    /// How much may still be captured.
    ///
    /// # Errors
    /// [`MoneyError`] when what is stored mixes currencies.
    pub fn capturable(&self) -> Result<Money, MoneyError> {
        if self.is_voided() {
            return Ok(Money::zero(self.amount.currency()));
        }
        self.authorised.minus(self.captured)?.minus(self.pending(OperationKind::Capture)?)
    }

    /// How much of an operation of a kind is under way or unknown.
    ///
    /// # Errors
    /// [`MoneyError`] when what is stored mixes currencies.
    pub fn pending(&self, kind: OperationKind) -> Result<Money, MoneyError> {
        Money::sum(
            self.amount.currency(),
            self.operations
                .iter()
                .filter(|operation| operation.kind == kind && operation.is_live())
                .map(|operation| operation.amount),
        )
    }

    /// How much may still be refunded: what was captured, less what went back or is on its way. A store refuses a payment for
    /// which this is negative.
    ///
    /// # Errors
    /// [`MoneyError`] when what is stored mixes currencies.
    pub fn refundable(&self) -> Result<Money, MoneyError> {
        self.captured.minus(self.refunded)?.minus(self.pending(OperationKind::Refund)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_the_customer_may_know_is_told_to_them_and_not_to_a_log() {
        let redirect = |url: &str| PaymentAction::Redirect { url: url.to_owned() };
        let cases = [
            (PaymentAction::ClientSecret { secret: "pi_1_secret_2".to_owned() }, "ClientSecret(…)"),
            (redirect("https://bank.example/3ds?secret=2"), "Redirect(https://bank.example/3ds…)"),
            (redirect("https://bank.example/3ds#secret"), "Redirect(https://bank.example/3ds…)"),
            (redirect("https://bank.example/3ds"), "Redirect(https://bank.example/3ds)"),
        ];
        for (action, shown) in cases {
            assert_eq!(format!("{action:?}"), shown);
            let answer = crate::payment::Answer::ActionRequired { action: action.clone(), reference: None };
            assert!(format!("{answer:?}").contains(shown));
            let told = serde_json::to_string(&action).unwrap();
            assert!(told.contains("secret") || !shown.contains('…'), "{told}");
            assert_eq!(serde_json::from_str::<PaymentAction>(&told).unwrap(), action);
        }
        let token = ProviderToken::new("tok_visa").unwrap();
        assert_eq!(format!("{token:?}"), "ProviderToken(…)");
    }
}
