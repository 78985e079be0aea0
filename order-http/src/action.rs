use std::fmt;

use order_core::payment::PaymentAction;
use serde::Serialize;
use utoipa::ToSchema;

/// What the customer must do before a payment goes on.
#[derive(Serialize, ToSchema)]
#[schema(as = PaymentAction)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum PaymentActionBody {
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

impl PaymentActionBody {
    pub(crate) fn of(action: &PaymentAction) -> Option<Self> {
        match action {
            PaymentAction::Redirect { url } => Some(Self::Redirect { url: url.clone() }),
            PaymentAction::ClientSecret { secret } => Some(Self::ClientSecret { secret: secret.clone() }),
            _ => None,
        }
    }
}

// As `PaymentAction` shows itself: neither the secret, nor what a page is asked with.
impl fmt::Debug for PaymentActionBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let action = match self {
            Self::Redirect { url } => PaymentAction::Redirect { url: url.clone() },
            Self::ClientSecret { secret } => PaymentAction::ClientSecret { secret: secret.clone() },
        };
        action.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_customer_s_secret_is_sent_and_not_shown() {
        let secret = "pi_1_secret_2".to_owned();
        let url = "https://bank.example/3ds?client_secret=pi_1_secret_2".to_owned();
        for (action, shown) in [
            (PaymentAction::ClientSecret { secret }, "ClientSecret(…)"),
            (PaymentAction::Redirect { url }, "Redirect(https://bank.example/3ds…)"),
        ] {
            let body = PaymentActionBody::of(&action).unwrap();
            assert_eq!(format!("{body:?}"), shown);
            assert!(serde_json::to_string(&body).unwrap().contains("pi_1_secret_2"));
        }
    }
}
