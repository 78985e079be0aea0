use serde::{Deserialize, Serialize};

use crate::id::{OperationId, ProviderReference};
use crate::money::Money;
use crate::payment::PaymentAction;
use crate::status_table;
use crate::time::{Duration, Timestamp};

status_table! {
    /// What may become of one call to a provider.
    ///
    /// A success wins over everything that was believed before: money that moved, moved. Only what the provider's books say of a
    /// refund that failed later wins over a success.
    pub const OPERATION_TABLE: "operation" = {
        /// What is known of one call to a provider.
        pub enum OperationStatus {
            /// Somebody is making the call, until its claim ends.
            Calling = "calling",
            /// The answer was lost. Only the provider knows.
            Unknown = "unknown",
            /// The customer must act, e.g. confirm at their bank.
            AwaitingCustomer = "awaiting_customer",
            /// It is done.
            Succeeded = "succeeded",
            /// The provider refused, for good.
            Declined = "declined",
            /// Nothing had come of it when the provider was asked, and it is no longer wanted. It is watched, because a request
            /// may arrive late.
            Lapsed = "lapsed",
            /// It failed for good, though it may have succeeded before: a refund whose money came back to us.
            Reversed = "reversed",
        }
        /// What was learnt about one call.
        pub enum OperationFact {
            /// It is done.
            Succeed = "succeed",
            /// It was refused.
            Decline = "decline",
            /// The customer must act.
            AskCustomer = "ask_customer",
            /// The answer was lost, or the provider doesn't know yet.
            Lose = "lose",
            /// It never reached the provider, or nothing happens without another call of ours; and it is not wanted any more.
            Lapse = "lapse",
            /// It is sent again, with the same key.
            Resend = "resend",
            /// The provider's books say that it failed, whatever was said before.
            Reverse = "reverse",
        }
        Calling: Succeed => Succeeded, Decline => Declined, AskCustomer => AwaitingCustomer, Lose => Unknown,
            Lapse => Lapsed, Resend => Calling, Reverse => Reversed;
        Unknown: Succeed => Succeeded, Decline => Declined, AskCustomer => AwaitingCustomer, Lose => Unknown,
            Lapse => Lapsed, Resend => Calling, Reverse => Reversed;
        AwaitingCustomer: Succeed => Succeeded, Decline => Declined, AskCustomer => AwaitingCustomer, Lose => AwaitingCustomer,
            Lapse => Lapsed, Resend => Calling;
        Lapsed: Succeed => Succeeded, Decline => Declined, AskCustomer => AwaitingCustomer, Lose => Lapsed, Lapse => Lapsed,
            Reverse => Reversed;
        Declined: Succeed => Succeeded, Reverse => Reversed;
        Succeeded: Reverse => Reversed;
        Reversed: ;
    }
}

/// What a call to a provider is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "a gateway must handle every one")]
pub enum OperationKind {
    /// Authorise and capture at once.
    Charge,
    /// Set money aside, to be captured later.
    Authorise,
    /// Take money that was set aside.
    Capture,
    /// Give up what was not captured, and any step the customer still has to take.
    Void,
    /// Give captured money back.
    Refund,
}

/// Whose doing an operation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Origin {
    /// We asked for it.
    #[default]
    Engine,
    /// Somebody did it at the provider, e.g. in its dashboard. The provider knows nothing of its id.
    Provider,
    /// An authorisation whose time was over.
    Expiry,
}

impl Origin {
    /// Whether we asked for it.
    pub fn is_engine(&self) -> bool {
        *self == Self::Engine
    }
}

/// Why a provider refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Decline {
    /// The provider's code, e.g. `insufficient_funds`.
    pub code: String,
    /// For a reader.
    pub message: String,
}

impl Decline {
    /// A refusal.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into() }
    }
}

/// What a provider says about one operation, whether it answers a call, a question or of its own accord.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Answer {
    /// It is done.
    Succeeded {
        /// How much money it was about.
        amount: Money,
        /// The provider's object.
        #[serde(skip_serializing_if = "Option::is_none")]
        reference: Option<ProviderReference>,
    },
    /// A capture is done, and with it the authorisation is over: what is set aside beyond it is not set aside any more. Only answered
    /// to a capture, by providers that let one authorisation be captured once. In an order's history it stands as a success, and the
    /// release beside it.
    FinalCapture {
        /// How much was captured.
        amount: Money,
        /// The provider's object.
        #[serde(skip_serializing_if = "Option::is_none")]
        reference: Option<ProviderReference>,
    },
    /// The customer must act.
    ActionRequired {
        /// What they must do.
        action: PaymentAction,
        /// The provider's object.
        #[serde(skip_serializing_if = "Option::is_none")]
        reference: Option<ProviderReference>,
    },
    /// It is refused, for good.
    Declined(Decline),
    /// The answer was lost, or the provider has not decided yet.
    Unknown,
    /// The customer has agreed, and the provider waits for us: it goes on when the same instruction is executed again, and nothing
    /// moves until then. Only answered to a question.
    Approved,
    /// The provider knows nothing of it. Only answered to a question.
    Absent,
}

/// One call to a provider: intent, claim and outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Operation {
    /// Its id: the provider's idempotency key.
    pub id: OperationId,
    /// What it is for.
    pub kind: OperationKind,
    /// How much money it is about.
    pub amount: Money,
    /// What is known of it.
    pub status: OperationStatus,
    /// When somebody has to look at it again, if nobody has until then: the end of the caller's claim while it is calling, the
    /// next time to ask the provider while it is unknown or watched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub look_at: Option<Timestamp>,
    /// How often something was learnt of it, be it that the answer was lost.
    pub tries: u32,
    /// The provider's object for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<ProviderReference>,
    /// Why it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decline: Option<Decline>,
    /// Something a person should look at, e.g. `amount_mismatch`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finding: Option<String>,
    /// The amount that the provider spoke of, when it was not the one that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claimed: Option<Money>,
    /// Whose doing it is.
    #[serde(default, skip_serializing_if = "Origin::is_engine")]
    pub origin: Origin,
    /// When it was first intended.
    pub started_at: Timestamp,
    /// When its outcome was learnt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settled_at: Option<Timestamp>,
}

impl Operation {
    /// How long a caller may take for one call before somebody else looks after it.
    pub const LEASE: Duration = Duration::seconds(60);
    /// How long an operation that never arrived is watched, because a request may arrive late; and how long an outcome may stay
    /// unknown before a person has to look at it.
    pub const WATCH: Duration = Duration::days(3);

    /// A new operation, claimed by its maker.
    pub fn new(id: OperationId, kind: OperationKind, amount: Money, now: Timestamp) -> Self {
        Self {
            id,
            kind,
            amount,
            status: OperationStatus::Calling,
            look_at: Some(now + Self::LEASE),
            tries: 0,
            reference: None,
            decline: None,
            finding: None,
            claimed: None,
            origin: Origin::Engine,
            started_at: now,
            settled_at: None,
        }
    }

    /// What was done at the provider without us.
    pub(crate) fn observed(
        id: OperationId,
        kind: OperationKind,
        amount: Money,
        origin: Origin,
        now: Timestamp,
    ) -> Self {
        Self {
            status: OperationStatus::Succeeded,
            look_at: None,
            settled_at: Some(now),
            origin,
            ..Self::new(id, kind, amount, now)
        }
    }

    /// Whether money may still move by it: it is being called, unknown, or waits for the customer.
    pub fn is_live(&self) -> bool {
        match self.status {
            OperationStatus::Calling | OperationStatus::Unknown | OperationStatus::AwaitingCustomer => true,
            OperationStatus::Succeeded
            | OperationStatus::Declined
            | OperationStatus::Lapsed
            | OperationStatus::Reversed => false,
        }
    }

    /// Whether it takes money, when it succeeds.
    pub(crate) fn takes(&self) -> bool {
        match self.kind {
            OperationKind::Charge | OperationKind::Capture => true,
            OperationKind::Authorise | OperationKind::Void | OperationKind::Refund => false,
        }
    }

    /// When to ask the provider again after `tries` answers: 15 seconds, doubling, at most six hours apart.
    pub fn ask_after(tries: u32) -> Duration {
        let doublings = tries.min(11);
        Duration::seconds(15_i64 << doublings).min(Duration::hours(6))
    }
}
