use std::sync::Mutex;

use async_trait::async_trait;

use super::dashboard::first_key;
use super::lock;
use super::provider::{Provider, SimulatedAccount, action, declined};
use super::webhooks::SimulatedWebhooks;
use crate::gateway::{GatewayError, Instruction, PaymentGateway};
use crate::id::PaymentId;
use crate::money::Money;
use crate::payment::{Answer, OperationKind};

/// A payment provider that is simulated: deterministic, and its books can be read.
///
/// It keeps the contract of every provider: money moves at most once per key, no more is captured than was authorised, no more
/// is refunded than was captured, and only what was not captured is voided. The token says what it does:
///
/// | token | what happens |
/// |---|---|
/// | none, `sim_approve` | everything is approved |
/// | `sim_decline` | charges and authorisations are declined: `card_declined` |
/// | `sim_action` | charges and authorisations wait until the customer [completes](Self::complete) them |
/// | `sim_approval` | as `sim_action`, and then until they are executed again: the customer agrees, the caller goes on |
/// | `sim_timeout_before` | the first call with each key is lost on its way; the next one is approved |
/// | `sim_timeout_after` | everything is approved, but the answer to the first call with each key is lost |
/// | `sim_slow` | every call, and the first question about it, is answered with [`Answer::Unknown`]; then it is approved |
/// | `sim_wrong_amount` | charges and authorisations are approved, with one minor unit less than was asked for |
/// | `sim_refund_decline` | everything is approved, but each payment's first refund is declined: `refund_failed` |
/// | any other | charges and authorisations are declined: `invalid_token` |
///
/// Other refusals: `amount_too_large`, `already_captured`, `already_voided`, `not_found`, `invalid_amount`, `currency_mismatch`.
#[derive(Debug, Default)]
pub struct SimulatedGateway {
    pub(super) provider: Mutex<Provider>,
    pub(super) webhooks: Option<SimulatedWebhooks>,
}

/// What a token makes the provider do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Script {
    Approve,
    Decline(&'static str),
    Action,
    Approval,
    LoseCall,
    LoseAnswer,
    Slow,
    WrongAmount,
    DeclineRefund,
}

impl Script {
    fn of(instruction: &Instruction) -> Self {
        let begins = matches!(instruction.kind, OperationKind::Charge | OperationKind::Authorise);
        let Some(token) = &instruction.token else { return Self::Approve };
        match (token.reveal(), begins) {
            ("sim_decline", true) => Self::Decline("card_declined"),
            ("sim_action", true) => Self::Action,
            ("sim_approval", true) => Self::Approval,
            ("sim_timeout_before", _) => Self::LoseCall,
            ("sim_timeout_after", _) => Self::LoseAnswer,
            ("sim_slow", _) => Self::Slow,
            ("sim_wrong_amount", true) => Self::WrongAmount,
            ("sim_refund_decline", _) if instruction.kind == OperationKind::Refund => Self::DeclineRefund,
            ("sim_approve" | "sim_refund_decline", _) | (_, false) => Self::Approve,
            (_, true) => Self::Decline("invalid_token"),
        }
    }
}

impl SimulatedGateway {
    /// How many questions `sim_slow` takes.
    const SLOW: u32 = 2;

    /// The customer does what was asked of them, or refuses to. Tells whether anything was asked of them.
    pub fn complete(&self, payment_id: PaymentId, approve: bool) -> bool {
        let caller_goes_on = |instruction: &Instruction| Script::of(instruction) == Script::Approval;
        lock(&self.provider).complete(payment_id, approve, caller_goes_on)
    }

    /// The books: one account for each charge or authorisation that succeeded, oldest key first.
    pub fn books(&self) -> Vec<SimulatedAccount> {
        lock(&self.provider).books()
    }

    /// How many calls it has received, repetitions and lost ones included. Questions don't count.
    pub fn calls(&self) -> u64 {
        lock(&self.provider).calls
    }

    /// How many questions it has received.
    pub fn questions(&self) -> u64 {
        lock(&self.provider).questions
    }
}

const SERVICE: &str = "simulated payments";

/// The same instruction for the charge or authorisation that it names, where that is another one than its key tells: whoever knows
/// only our name for a payment can use it.
fn addressed(instruction: &Instruction) -> Option<Instruction> {
    let named = instruction.reference.as_ref().and_then(first_key);
    let first_key = named.filter(|named| *named != instruction.first_key)?;
    Some(Instruction { first_key, ..instruction.clone() })
}

/// The same instruction, with one minor unit less.
fn less(instruction: &Instruction) -> Instruction {
    let amount =
        Money::from_minor(instruction.amount.minor().saturating_sub(1), instruction.amount.currency());
    Instruction { amount, ..instruction.clone() }
}

#[async_trait]
impl PaymentGateway for SimulatedGateway {
    async fn execute(&self, instruction: &Instruction) -> Result<Answer, GatewayError> {
        let mut provider = lock(&self.provider);
        provider.calls = provider.calls.saturating_add(1);
        let addressed = addressed(instruction);
        let instruction = addressed.as_ref().unwrap_or(instruction);
        if let Some(answer) = provider.go_ahead(instruction.key) {
            return Ok(answer);
        }
        if provider.knows(instruction.key) {
            return Ok(provider.answer(instruction.key, false));
        }
        let script = Script::of(instruction);
        let (answer, undecided) = match script {
            Script::LoseCall if provider.lose_once(instruction.key) => {
                return Err(GatewayError::unknown(SERVICE));
            }
            Script::Decline(code) => (declined(code), 0),
            Script::Action | Script::Approval => (action(instruction), 0),
            Script::Slow => (Answer::Unknown, Self::SLOW),
            Script::DeclineRefund if provider.refuse_once(instruction) => (declined("refund_failed"), 0),
            Script::WrongAmount => (provider.carry_out(&less(instruction)), 0),
            Script::Approve | Script::LoseCall | Script::LoseAnswer | Script::DeclineRefund => {
                (provider.carry_out(instruction), 0)
            }
        };
        provider.remember(instruction, answer.clone(), undecided);
        if script == Script::LoseAnswer {
            return Err(GatewayError::unknown(SERVICE));
        }
        Ok(answer)
    }

    async fn ask(&self, instruction: &Instruction) -> Result<Answer, GatewayError> {
        let mut provider = lock(&self.provider);
        provider.questions = provider.questions.saturating_add(1);
        Ok(provider.answer(instruction.key, true))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{CustomerId, IdSource, OperationId, OrderId, OrderNumber, SeededIds};
    use crate::money::Currency;
    use crate::payment::{PaymentMethod, ProviderToken};
    use crate::time::{Clock, ManualClock};

    struct Desk {
        ids: SeededIds,
        first: Instruction,
    }

    impl Desk {
        fn new(kind: OperationKind, token: &str) -> Self {
            let ids = SeededIds::new(1);
            let now = ManualClock::default().now();
            let key = OperationId::new(&ids, now);
            let first = Instruction {
                key,
                kind,
                amount: Money::from_minor(1_000, Currency::EUR),
                first_key: key,
                reference: None,
                method: PaymentMethod::Card,
                token: Some(ProviderToken::new(token).unwrap()),
                payment_id: PaymentId::new(&ids, now),
                order_id: OrderId::new(&ids, now),
                order_number: OrderNumber::new("A-1").unwrap(),
                customer_id: CustomerId::new("c-1").unwrap(),
            };
            Self { ids, first }
        }

        fn then(&self, kind: OperationKind, minor: i64) -> Instruction {
            let key = OperationId::from_uuid(self.ids.next(ManualClock::default().now()));
            Instruction { key, kind, amount: Money::from_minor(minor, Currency::EUR), ..self.first.clone() }
        }
    }

    fn code(answer: &Result<Answer, GatewayError>) -> &str {
        match answer {
            Ok(Answer::Declined(decline)) => &decline.code,
            Ok(Answer::Succeeded { .. }) => "succeeded",
            Ok(Answer::FinalCapture { .. }) => "the last capture",
            Ok(Answer::ActionRequired { .. }) => "action",
            Ok(Answer::Unknown) => "unknown",
            Ok(Answer::Approved) => "approved",
            Ok(Answer::Absent) => "absent",
            Err(_) => "error",
        }
    }

    #[tokio::test]
    async fn a_key_moves_money_once_whatever_its_token_does() {
        let expected = [
            ("sim_approve", ["absent", "succeeded", "succeeded", "succeeded", "succeeded"], 1_000),
            (
                "sim_decline",
                ["absent", "card_declined", "card_declined", "card_declined", "card_declined"],
                0,
            ),
            ("sim_timeout_before", ["absent", "error", "absent", "succeeded", "succeeded"], 1_000),
            ("sim_timeout_after", ["absent", "error", "succeeded", "succeeded", "succeeded"], 1_000),
            ("sim_slow", ["absent", "unknown", "unknown", "unknown", "succeeded"], 1_000),
            ("tok_visa", ["absent", "invalid_token", "invalid_token", "invalid_token", "invalid_token"], 0),
        ];
        for (token, answers, captured) in expected {
            let gateway = SimulatedGateway::default();
            let Desk { first, .. } = Desk::new(OperationKind::Charge, token);
            let mut found = Vec::new();
            for turn in 0..5 {
                let answer =
                    if turn % 2 == 0 { gateway.ask(&first).await } else { gateway.execute(&first).await };
                found.push(code(&answer).to_owned());
            }
            assert_eq!(found, answers, "{token}");
            let total: i64 = gateway.books().iter().map(|account| account.captured.minor()).sum();
            assert_eq!(total, captured, "{token}");
            assert_eq!(gateway.calls(), 2, "{token}");
        }
    }

    #[tokio::test]
    async fn what_was_set_aside_is_taken_in_parts_and_the_rest_is_given_up() {
        let gateway = SimulatedGateway::default();
        let desk = Desk::new(OperationKind::Authorise, "sim_approve");
        let steps = [
            (OperationKind::Refund, 1, "amount_too_large"),
            (OperationKind::Capture, 1_001, "amount_too_large"),
            (OperationKind::Capture, 600, "succeeded"),
            (OperationKind::Capture, 401, "amount_too_large"),
            (OperationKind::Void, 400, "succeeded"),
            (OperationKind::Capture, 1, "already_voided"),
            (OperationKind::Void, 1, "already_captured"),
            (OperationKind::Refund, 599, "succeeded"),
            (OperationKind::Refund, 2, "amount_too_large"),
            (OperationKind::Refund, 1, "succeeded"),
            (OperationKind::Refund, 0, "invalid_amount"),
        ];
        let early = gateway.execute(&desk.then(OperationKind::Capture, 1)).await;
        assert_eq!(code(&early), "not_found");
        assert_eq!(code(&gateway.execute(&desk.first).await), "succeeded");
        for (kind, minor, expected) in steps {
            assert_eq!(code(&gateway.execute(&desk.then(kind, minor)).await), expected, "{kind:?} {minor}");
        }
        let account = gateway.books().remove(0);
        let minor =
            [account.authorised, account.captured, account.voided, account.refunded].map(Money::minor);
        assert_eq!(minor, [1_000, 600, 400, 600]);
    }

    #[tokio::test]
    async fn a_customer_completes_once_and_never_after_a_void() {
        for (void_first, approve, answer) in
            [(false, true, "succeeded"), (false, false, "authentication_failed"), (true, true, "voided")]
        {
            let gateway = SimulatedGateway::default();
            let desk = Desk::new(OperationKind::Charge, "sim_action");
            assert!(!gateway.complete(desk.first.payment_id, true));
            assert_eq!(code(&gateway.execute(&desk.first).await), "action");
            if void_first {
                assert_eq!(code(&gateway.execute(&desk.then(OperationKind::Void, 0)).await), "succeeded");
            }
            assert_eq!(gateway.complete(desk.first.payment_id, approve), !void_first);
            assert!(!gateway.complete(desk.first.payment_id, approve));
            assert_eq!(code(&gateway.ask(&desk.first).await), answer);
            assert_eq!(gateway.books().len(), usize::from(answer == "succeeded"));
        }
    }

    #[tokio::test]
    async fn an_approval_moves_money_when_the_caller_goes_on() {
        for approve in [true, false] {
            let gateway = SimulatedGateway::default();
            let desk = Desk::new(OperationKind::Charge, "sim_approval");
            assert_eq!(code(&gateway.execute(&desk.first).await), "action");
            assert!(gateway.complete(desk.first.payment_id, approve));
            assert!(gateway.books().is_empty());
            let (asked, done) = if approve {
                ("approved", "succeeded")
            } else {
                ("authentication_failed", "authentication_failed")
            };
            for _ in 0..2 {
                assert_eq!(code(&gateway.ask(&desk.first).await), asked);
            }
            for _ in 0..2 {
                assert_eq!(code(&gateway.execute(&desk.first).await), done);
            }
            assert_eq!(code(&gateway.ask(&desk.first).await), done);
            assert_eq!(gateway.books().len(), usize::from(approve));
        }
    }

    #[tokio::test]
    async fn a_first_refund_can_be_refused() {
        let gateway = SimulatedGateway::default();
        let desk = Desk::new(OperationKind::Charge, "sim_refund_decline");
        assert_eq!(code(&gateway.execute(&desk.first).await), "succeeded");
        assert_eq!(code(&gateway.execute(&desk.then(OperationKind::Refund, 5)).await), "refund_failed");
        assert_eq!(code(&gateway.execute(&desk.then(OperationKind::Refund, 5)).await), "succeeded");
    }
}
