//! The cases of the suite for payment gateways.
//!
//! Each panics when the gateway does not keep its [contract](crate::gateway::PaymentGateway). They move money: run them against a
//! simulator, or a provider's test mode.

use std::sync::Arc;

use super::race;
use super::sample::Sampler;
use super::{GatewayHarness, Spawn};
use crate::gateway::{GatewayError, Instruction, PaymentGateway};
use crate::id::{IdSource as _, OperationId, ProviderId};
use crate::money::{Currency, Money};
use crate::order::{NewOrder, Order, Tender, answer, capture, refund, void};
use crate::payment::{Answer, CaptureMode, Operation, OperationKind, PaymentMethod, ProviderToken};

/// How often an answer that is not known yet is asked for.
const MAX_QUESTIONS: u32 = 50;

/// What a case works on.
#[derive(Debug)]
pub struct Till {
    pub(super) gateway: Arc<dyn PaymentGateway>,
    provider: ProviderId,
    approved: ProviderToken,
    pub(super) declined: ProviderToken,
    spawn: Spawn,
    pub(super) samples: Sampler,
}

impl Till {
    /// A till at a harness' gateway. Ids must be new for every run, or a provider that remembers takes them for repetitions. They
    /// carry the operating system's time: a gateway reads off a key how long ago it was made.
    pub async fn open<H: GatewayHarness>(harness: &H, spawn: Spawn) -> (Self, H::Guard) {
        let (gateway, guard) = harness.gateway().await;
        (Self::at(harness, gateway, spawn), guard)
    }

    /// A till at a gateway.
    pub(super) fn at<H: GatewayHarness>(harness: &H, gateway: Arc<dyn PaymentGateway>, spawn: Spawn) -> Self {
        let (provider, approved, declined) = (harness.provider(), harness.approved(), harness.declined());
        let now = crate::time::Clock::now(&crate::time::SystemClock);
        let seed = crate::id::SystemIds.next(now).as_u64_pair().1;
        Self { gateway, provider, approved, declined, spawn, samples: Sampler::starting_at(seed, now) }
    }

    pub(super) fn order(&self, token: &ProviderToken, capture: CaptureMode, price: Money) -> Order {
        let tender = Tender {
            method: PaymentMethod::Card,
            provider: self.provider.clone(),
            token: Some(token.clone()),
            capture,
            amount: None,
        };
        let line = self.samples.line_of("north", "tea", price, 1);
        let new = self.samples.new_order("c-1", vec![line]);
        self.samples.place(NewOrder { tender, ..new }).1
    }

    pub(super) fn sale(&self, capture: CaptureMode) -> Order {
        self.order(&self.approved, capture, Money::from_minor(1_000, Currency::EUR))
    }

    /// Carries out an instruction, and asks until the outcome is known.
    pub(super) async fn settle(&self, instruction: &Instruction) -> Answer {
        let mut said = unless_lost(self.gateway.execute(instruction).await);
        assert!(!answers_a_question(&said), "{said:?} is only answered to a question");
        for _ in 0..MAX_QUESTIONS {
            if said != Answer::Unknown {
                return said;
            }
            said = unless_lost(self.gateway.ask(instruction).await);
            if answers_a_question(&said) {
                said = unless_lost(self.gateway.execute(instruction).await);
                assert!(!answers_a_question(&said), "{said:?} is only answered to a question");
            }
        }
        unreachable!("the outcome stays unknown")
    }

    /// Carries out what an order has begun, and gives back the order after it.
    pub(super) async fn carry_out(&self, order: &Order) -> Order {
        let instruction = last(order);
        let said = self.settle(&instruction).await;
        assert!(succeeded(&said, instruction.amount), "{:?} {said:?}", instruction.kind);
        self.samples
            .change(order, |draft, context| {
                answer(draft, instruction.key, said, &self.samples.policy, context)
            })
            .1
    }

    /// Carries out several instructions at the same time.
    async fn at_once(&self, instructions: &[Instruction]) {
        let calls = instructions.iter().cloned().map(|instruction| {
            let gateway = Arc::clone(&self.gateway);
            async move { drop(gateway.execute(&instruction).await) }
        });
        race::all(self.spawn, calls).await;
    }

    /// An instruction like another one, with a key of its own.
    fn again(&self, instruction: &Instruction, kind: OperationKind, minor: i64) -> Instruction {
        let key = OperationId::from_uuid(self.samples.ids.next(self.samples.now()));
        let amount = Money::from_minor(minor, instruction.amount.currency());
        Instruction { key, kind, amount, ..instruction.clone() }
    }
}

fn unless_lost(answer: Result<Answer, GatewayError>) -> Answer {
    answer.unwrap_or(Answer::Unknown)
}

fn answers_a_question(said: &Answer) -> bool {
    matches!(said, Answer::Absent | Answer::Approved)
}

/// The instruction for the last operation that was begun.
pub(super) fn last(order: &Order) -> Instruction {
    let begun = |operation: &&Operation| operation.is_live();
    let payment = &order.payments[0];
    let operation = payment.operations.iter().rfind(begun).unwrap();
    Instruction::new(order, payment, operation)
}

fn succeeded(said: &Answer, expected: Money) -> bool {
    matches!(said, Answer::Succeeded { amount, .. } if *amount == expected)
}

fn is_declined(said: &Answer) -> bool {
    matches!(said, Answer::Declined(decline) if !decline.code.is_empty())
}

/// What never arrived is absent, and stays so however often it is asked about.
pub async fn unknown_key_is_absent(till: Till) {
    let first = last(&till.sale(CaptureMode::Automatic));
    for _ in 0..2 {
        assert_eq!(till.gateway.ask(&first).await.unwrap(), Answer::Absent);
    }
    assert!(succeeded(&till.settle(&first).await, first.amount));
}

/// The same key gives the same answer, to a call and to a question, and moves money once.
pub async fn one_key_moves_money_once(till: Till) {
    let order = till.sale(CaptureMode::Automatic);
    let first = last(&order);
    let said = till.settle(&first).await;
    assert!(succeeded(&said, first.amount), "{said:?}");
    for _ in 0..2 {
        assert_eq!(till.gateway.execute(&first).await.unwrap(), said);
        assert_eq!(till.gateway.ask(&first).await.unwrap(), said);
    }
    let reference = if let Answer::Succeeded { reference, .. } = said { reference } else { None };
    let first = Instruction { reference, ..first };
    let whole = till.again(&first, OperationKind::Refund, 1_000);
    assert!(succeeded(&till.settle(&whole).await, whole.amount));
    let more = till.again(&first, OperationKind::Refund, 1);
    assert!(is_declined(&till.settle(&more).await), "money was taken twice");
}

/// The same key many times at once moves money once.
pub async fn one_key_at_once_moves_money_once(till: Till) {
    let order = till.sale(CaptureMode::Automatic);
    let first = last(&order);
    let calls = (0..8).map(|_| {
        let (gateway, first) = (Arc::clone(&till.gateway), first.clone());
        async move { unless_lost(gateway.execute(&first).await) }
    });
    for said in race::all(till.spawn, calls).await {
        assert!(said == Answer::Unknown || succeeded(&said, first.amount), "{said:?}");
    }
    let said = till.settle(&first).await;
    let Answer::Succeeded { reference, .. } = said else { unreachable!("{said:?}") };
    let first = Instruction { reference, ..first };
    let whole = till.again(&first, OperationKind::Refund, 1_000);
    assert!(succeeded(&till.settle(&whole).await, whole.amount));
    let more = till.again(&first, OperationKind::Refund, 1);
    assert!(is_declined(&till.settle(&more).await), "money was taken twice");
}

/// A refusal is an answer, and stays the answer.
pub async fn refusal_is_an_answer(till: Till) {
    let price = Money::from_minor(1_000, Currency::EUR);
    for capture in [CaptureMode::Automatic, CaptureMode::Manual] {
        let first = last(&till.order(&till.declined, capture, price));
        let said = till.settle(&first).await;
        assert!(is_declined(&said), "{said:?}");
        assert!(is_declined(&till.settle(&first).await));
        let asked = till.gateway.ask(&first).await.unwrap();
        assert!(is_declined(&asked), "{asked:?}");
    }
}

/// Amounts keep their currency's decimals.
pub async fn amounts_are_exact(till: Till) {
    for (currency, minor) in [(Currency::EUR, 1_999), (Currency::JPY, 1_999), (Currency::USD, 50_000)] {
        let price = Money::from_minor(minor, currency);
        let order = till.order(&till.approved, CaptureMode::Automatic, price);
        assert_eq!(till.carry_out(&order).await.captured(), Ok(price));
    }
}

/// An amount that a provider can't be told to the last digit is refused. It is never rounded.
pub async fn amounts_are_exact_or_refused(till: Till) {
    for (code, minor) in
        [("KWD", 1_234), ("KWD", 1_230), ("ISK", 1_999), ("UGX", 50_000), ("HUF", 50_050), ("CLF", 19_999)]
    {
        let price = Money::from_minor(minor, Currency::from_code(code).unwrap());
        let first = last(&till.order(&till.approved, CaptureMode::Automatic, price));
        let said = till.settle(&first).await;
        assert!(succeeded(&said, price) || is_declined(&said), "{price}: {said:?}");
        if is_declined(&said) {
            let asked = unless_lost(till.gateway.ask(&first).await);
            assert!(is_declined(&asked), "{price}: {asked:?}");
        }
    }
}

/// What is set aside is captured later, and no more than that.
pub async fn captures_are_bounded(till: Till) {
    let policy = &till.samples.policy;
    let order = till.carry_out(&till.sale(CaptureMode::Manual)).await;
    let payment = order.payments[0].id;
    assert_eq!(order.payments[0].captured.minor(), 0);
    let (_, order) =
        till.samples.change(&order, |draft, context| capture(draft, payment, None, None, policy, context));
    let instruction = last(&order);
    let more = till.again(&instruction, OperationKind::Capture, 1_001);
    assert!(is_declined(&till.settle(&more).await), "more was captured than was set aside");
    let order = till.carry_out(&order).await;
    assert_eq!(order.payments[0].captured.minor(), 1_000);
    let again = till.again(&instruction, OperationKind::Capture, 1_000);
    assert!(is_declined(&till.settle(&again).await), "it was captured twice");
}

/// What is set aside can be given up, and is then gone; what was captured can't.
pub async fn voids_are_bounded(till: Till) {
    let policy = &till.samples.policy;
    let order = till.carry_out(&till.sale(CaptureMode::Manual)).await;
    let payment = order.payments[0].id;
    let (_, order) =
        till.samples.change(&order, |draft, context| void(draft, payment, None, policy, context));
    let instruction = last(&order);
    assert!(matches!(till.settle(&instruction).await, Answer::Succeeded { .. }));
    assert!(
        matches!(till.settle(&instruction).await, Answer::Succeeded { .. }),
        "the same key, the same answer"
    );
    let late = till.again(&instruction, OperationKind::Capture, 1_000);
    assert!(is_declined(&till.settle(&late).await), "it was captured after it was given up");
    let order = till.carry_out(&till.sale(CaptureMode::Automatic)).await;
    let (_, order) =
        till.samples.change(&order, |draft, context| refund(draft, None, None, None, policy, context));
    let too_late = till.again(&last(&order), OperationKind::Void, 1_000);
    assert!(is_declined(&till.settle(&too_late).await), "it was given up after it was captured");
}

/// Money goes back in parts, each once, and never more than was captured.
pub async fn refunds_are_bounded(till: Till) {
    let policy = &till.samples.policy;
    let mut order = till.carry_out(&till.sale(CaptureMode::Automatic)).await;
    for (minor, left) in [(300, 700), (500, 200)] {
        let amount = Some(Money::from_minor(minor, Currency::EUR));
        let (_, begun) =
            till.samples.change(&order, |draft, context| refund(draft, None, amount, None, policy, context));
        let instruction = last(&begun);
        order = till.carry_out(&begun).await;
        let said = till.settle(&instruction).await;
        assert!(succeeded(&said, instruction.amount), "{said:?}");
        assert_eq!(order.refundable().unwrap().minor(), left);
    }
    let (_, begun) =
        till.samples.change(&order, |draft, context| refund(draft, None, None, None, policy, context));
    let more = till.again(&last(&begun), OperationKind::Refund, 201);
    assert!(is_declined(&till.settle(&more).await), "more went back than was captured");
    let order = till.carry_out(&begun).await;
    assert_eq!(order.refundable().unwrap().minor(), 0);
}

/// Of two refunds at once that are together more than was captured, one is carried out.
pub async fn refunds_at_once_are_bounded(till: Till) {
    let order = till.carry_out(&till.sale(CaptureMode::Automatic)).await;
    let first = Instruction::new(&order, &order.payments[0], &order.payments[0].operations[0]);
    let refunds = [600, 700].map(|minor| till.again(&first, OperationKind::Refund, minor));
    till.at_once(&refunds).await;
    let mut done = 0;
    for refund in &refunds {
        let said = till.settle(refund).await;
        done += usize::from(succeeded(&said, refund.amount));
        assert!(succeeded(&said, refund.amount) || is_declined(&said), "{said:?}");
    }
    assert_eq!(done, 1, "of two refunds that are more than was captured");
}

/// What is set aside is captured or given up, and never both.
pub async fn capture_and_void_exclude_each_other(till: Till) {
    let order = till.carry_out(&till.sale(CaptureMode::Manual)).await;
    let first = Instruction::new(&order, &order.payments[0], &order.payments[0].operations[0]);
    let both = [OperationKind::Capture, OperationKind::Void].map(|kind| till.again(&first, kind, 1_000));
    till.at_once(&both).await;
    let mut done = 0;
    for instruction in &both {
        let said = till.settle(instruction).await;
        done += usize::from(matches!(said, Answer::Succeeded { .. }));
        assert!(matches!(said, Answer::Succeeded { .. }) || is_declined(&said), "{said:?}");
    }
    assert_eq!(done, 1, "of a capture and a void");
}

/// What is not there can't be captured, given up or given back.
pub async fn nothing_comes_from_nothing(till: Till) {
    let first = last(&till.sale(CaptureMode::Manual));
    for kind in [OperationKind::Capture, OperationKind::Void, OperationKind::Refund] {
        let said = till.settle(&till.again(&first, kind, 1_000)).await;
        assert!(is_declined(&said), "{kind:?} {said:?}");
    }
}

/// Makes one test of every case of the suite for payment gateways. Takes a
/// [`GatewayHarness`](crate::conformance::GatewayHarness).
#[macro_export]
macro_rules! gateway_conformance {
    ($harness:expr) => {
        $crate::gateway_conformance! {
            [$harness]
            unknown_key_is_absent
            one_key_moves_money_once
            one_key_at_once_moves_money_once
            refusal_is_an_answer
            amounts_are_exact
            amounts_are_exact_or_refused
            captures_are_bounded
            capture_and_void_exclude_each_other
            voids_are_bounded
            refunds_are_bounded
            refunds_at_once_are_bounded
            nothing_comes_from_nothing
        }
    };
    ([$harness:expr] $($case:ident)+) => {
        $(
            #[::tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $case() {
                let (till, guard) = $crate::conformance::gateway::Till::open(&$harness, |task| {
                    ::core::mem::drop(::tokio::spawn(task));
                })
                .await;
                $crate::conformance::gateway::$case(till).await;
                ::core::mem::drop(guard);
            }
        )+
    };
}
