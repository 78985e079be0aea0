//! What the tests of all payment providers have in common: an adapter and its stand-in, as a [`Provider`], and what is asked of each.

pub(crate) mod desk;
pub(crate) mod disputes;
pub(crate) mod enumeration;
pub(crate) mod harness;
pub(crate) mod orphans;
pub(crate) mod shop;
pub(crate) mod traps;

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use order_core::gateway::{GatewayError, NoticeReader, PaymentGateway, ProviderBooks};
use order_core::id::{ProviderId, ProviderReference};
use order_core::memory::SimulatedAccount;
use order_core::money::{Currency, Money};
use order_core::payment::{Answer, ProviderToken};
use order_core::time::Clock;
use order_fake_providers::wire::Wire;

/// The stand-in of a provider, and the adapter that is tried on it.
pub(crate) trait Provider: fmt::Debug + Send + Sync + Sized + 'static {
    type Gateway: PaymentGateway + ProviderBooks + 'static;
    type Builder: Send;

    /// What the adapter is called in an engine.
    const NAME: &'static str;
    /// A token of a customer whose money comes.
    const APPROVED: &'static str;
    /// A token of one whose bank refuses.
    const DECLINED: &'static str;
    /// Whether what is set aside can be captured in parts.
    const CAPTURES_IN_PARTS: bool;

    fn start(clock: Arc<dyn Clock>) -> impl Future<Output = std::io::Result<Self>> + Send;

    /// An adapter to it.
    fn builder(&self, clock: Arc<dyn Clock>) -> Self::Builder;

    fn build(builder: Self::Builder) -> Self::Gateway;

    fn wire(&self) -> &Wire;

    /// Which of its tokens does what one of the simulated provider's does, if one does.
    fn method(simulated: &str) -> Option<&'static str>;

    /// Forgets everything, and behaves as badly as its provider's documents allow.
    fn begin_story(&self);

    /// The customer does what was asked of them, or does not.
    fn complete(&self, payment: &str, approve: bool) -> bool;

    /// A refund that was pending comes to its end. It is told by its key.
    fn settle_refund(&self, refund: &str, succeed: bool) -> bool;

    /// What it has of each payment of ours.
    fn books(&self) -> Vec<SimulatedAccount>;

    /// Captured and refunded over all its accounts, in its own units.
    fn taken(&self) -> (i64, i64);

    /// A customer disputes so many units of a payment. Gives the dispute's id.
    fn open_dispute(&self, payment: &str, units: i64) -> Option<String>;

    fn close_dispute(&self, dispute: &str, is_won: bool) -> bool;

    /// The webhooks behind the first `known` ones.
    fn letters(&self, known: usize) -> Vec<Letter>;

    /// Who reads them.
    fn reader(&self) -> Arc<dyn NoticeReader>;
}

/// What every stand-in has under the same name, and a function `account` for what it has of a payment.
macro_rules! as_it_is_called {
    () => {
        async fn start(clock: std::sync::Arc<dyn order_core::time::Clock>) -> std::io::Result<Self> {
            Self::start(clock).await
        }

        fn build(builder: Self::Builder) -> Self::Gateway {
            builder.build().unwrap()
        }

        fn wire(&self) -> &order_fake_providers::wire::Wire {
            self.wire()
        }

        fn complete(&self, payment: &str, approve: bool) -> bool {
            self.complete(payment, approve)
        }

        fn books(&self) -> Vec<order_core::memory::SimulatedAccount> {
            self.accounts().iter().map(account).collect()
        }

        fn taken(&self) -> (i64, i64) {
            let accounts = self.accounts();
            let sums = accounts.iter().map(|account| (account.captured, account.refunded));
            sums.fold((0, 0), |sum, more| (sum.0 + more.0, sum.1 + more.1))
        }

        fn open_dispute(&self, payment: &str, units: i64) -> Option<String> {
            self.open_dispute(payment, units)
        }

        fn close_dispute(&self, dispute: &str, is_won: bool) -> bool {
            self.close_dispute(dispute, is_won)
        }
    };
}

pub(crate) use as_it_is_called;

/// A webhook as it arrives.
pub(crate) struct Letter {
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

pub(crate) fn provider<P: Provider>() -> ProviderId {
    ProviderId::new(P::NAME).unwrap()
}

pub(crate) fn token(text: &str) -> ProviderToken {
    ProviderToken::new(text).unwrap()
}

pub(crate) fn euros(minor: i64) -> Money {
    Money::from_minor(minor, Currency::EUR)
}

pub(crate) fn reference(said: &Answer) -> Option<ProviderReference> {
    match said {
        Answer::Succeeded { reference, .. } | Answer::ActionRequired { reference, .. } => reference.clone(),
        Answer::Declined(_) | Answer::Unknown | Answer::Approved | Answer::Absent | _ => None,
    }
}

/// An answer, or an error, in a word.
pub(crate) fn word(said: &Result<Answer, GatewayError>) -> &str {
    match said {
        Ok(Answer::Declined(decline)) => &decline.code,
        Ok(Answer::Succeeded { .. } | Answer::FinalCapture { .. }) => "succeeded",
        Ok(Answer::ActionRequired { .. }) => "action",
        Ok(Answer::Unknown) => "unknown",
        Ok(Answer::Approved) => "approved",
        Ok(Answer::Absent) => "absent",
        Ok(_) => "something new",
        Err(GatewayError::NotSent { .. }) => "not sent",
        Err(GatewayError::Unknown { .. }) => "lost",
        Err(GatewayError::Misused { .. }) => "misused",
        Err(_) => "another error",
    }
}
