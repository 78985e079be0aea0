//! What a provider says, in any order and any number of times, ends in the same state.
#![cfg(feature = "conformance")]
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by it")]

use order_core::conformance::sample::{Sampler, card};
use order_core::gateway::{Instruction, PaymentGateway as _, PaymentRef, ProviderBooks as _};
use order_core::id::{OperationId, PaymentId, ProviderReference};
use order_core::memory::SimulatedGateway;
use order_core::money::{Currency, Money};
use order_core::order::{FindingKind, NewOrder, Order, OrderStatus, Tender, answer, observe, refund};
use order_core::payment::{
    Answer, CaptureMode, DisputeStatus, OperationKind, OperationStatus, PaymentReport, PaymentStatus,
    RefundStatus, Release, ReportedDispute, ReportedRefund,
};
use proptest::prelude::*;

/// Something that is learnt of a payment.
#[derive(Debug, Clone)]
enum Fact {
    Answer(OperationId, Answer),
    Report(PaymentReport),
}

struct Desk {
    samples: Sampler,
    order: Order,
}

fn eur(minor: i64) -> Money {
    Money::from_minor(minor, Currency::EUR)
}

fn name(text: &str) -> ProviderReference {
    ProviderReference::new(text).unwrap()
}

impl Desk {
    /// An order of ten euros whose first call is under way.
    fn new(capture: CaptureMode) -> Self {
        let samples = Sampler::new(3);
        let new = samples.new_order("ann", vec![samples.line("tea", 500, 2)]);
        let order = samples.place(NewOrder { tender: Tender { capture, ..card() }, ..new }).1;
        Self { samples, order }
    }

    fn payment(&self) -> PaymentId {
        self.order.payments[0].id
    }

    fn last(&self) -> OperationId {
        self.order.payments[0].operations.last().unwrap().id
    }

    fn learn(&mut self, fact: &Fact) {
        self.order = learn(&self.samples, &self.order, fact);
    }
}

fn learn(samples: &Sampler, order: &Order, fact: &Fact) -> Order {
    let (payment, policy) = (order.payments[0].id, &samples.policy);
    samples
        .change(order, |draft, context| match fact {
            Fact::Answer(id, said) => answer(draft, *id, said.clone(), policy, context),
            Fact::Report(report) => observe(draft, payment, report, policy, context),
        })
        .1
}

/// What a finding is about: its kind, the provider's object, what we have and what they have.
type Matter = (FindingKind, Option<ProviderReference>, Option<Money>, Option<Money>);

/// What must be the same: the money, what follows from it, and what is left for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Picture {
    status: OrderStatus,
    payment: PaymentStatus,
    moved: Vec<(OperationKind, i64)>,
    own: Vec<(OperationId, OperationStatus)>,
    balance: [i64; 6],
    findings: Vec<Matter>,
}

fn picture(order: &Order, own: &[OperationId]) -> Picture {
    let payment = &order.payments[0];
    let kinds = [
        OperationKind::Charge,
        OperationKind::Authorise,
        OperationKind::Capture,
        OperationKind::Void,
        OperationKind::Refund,
    ];
    let succeeded = |kind| {
        let of_kind = payment.operations.iter().filter(move |operation| operation.kind == kind);
        of_kind
            .filter(|operation| operation.status == OperationStatus::Succeeded)
            .map(|operation| operation.amount.minor())
            .sum()
    };
    let mut findings: Vec<_> = order
        .open_findings()
        .map(|finding| (finding.kind, finding.reference.clone(), finding.ours, finding.theirs))
        .collect();
    findings.sort_by_key(|finding| (finding.0, finding.1.clone()));
    Picture {
        status: order.status,
        payment: payment.status(),
        moved: kinds.map(|kind| (kind, succeeded(kind))).to_vec(),
        own: own.iter().map(|id| (*id, order.operation(*id).unwrap().1.status)).collect(),
        balance: [
            payment.authorised.minor(),
            payment.captured.minor(),
            payment.refunded.minor(),
            payment.lost().unwrap().minor(),
            order.payable().unwrap().minor(),
            order.returnable().unwrap().minor(),
        ],
        findings,
    }
}

/// Every order of `facts`, each a list of their places.
fn orders_of(count: usize) -> Vec<Vec<usize>> {
    let mut orders = vec![Vec::new()];
    for _ in 0..count {
        orders = orders
            .into_iter()
            .flat_map(|order: Vec<usize>| {
                (0..count)
                    .filter(|next| !order.contains(next))
                    .map(|next| [&*order, &[next]].concat())
                    .collect::<Vec<_>>()
            })
            .collect();
    }
    orders
}

/// Takes the facts in in every order: each twice in a row, and one that moves on a third time at the end.
fn in_every_order(desk: &Desk, own: &[OperationId], facts: &[Fact]) -> Picture {
    let mut expected: Option<Picture> = None;
    let orders = orders_of(facts.len());
    assert_eq!(orders.len(), 5_040);
    for (number, places) in orders.iter().enumerate() {
        let mut order = desk.order.clone();
        let again = number % facts.len();
        for place in places.iter().flat_map(|place| [*place, *place]).chain([again]) {
            order = learn(&desk.samples, &order, &facts[place]);
        }
        let found = picture(&order, own);
        let expected = expected.get_or_insert_with(|| found.clone());
        assert_eq!(*expected, found, "{places:?}");
    }
    expected.unwrap()
}

fn report(desk: &Desk, authorised: i64, captured: i64) -> PaymentReport {
    let mut report = PaymentReport::new(Currency::EUR);
    report.payment_id = Some(desk.payment());
    report.reference = Some(name("pi_1"));
    (report.authorised, report.captured) = (eur(authorised), eur(captured));
    report
}

fn refunded(reference: &str, own: Option<OperationId>, minor: i64, status: RefundStatus) -> ReportedRefund {
    ReportedRefund { reference: name(reference), operation_id: own, amount: eur(minor), status }
}

fn disputed(minor: i64, status: DisputeStatus) -> ReportedDispute {
    let (opened_at, changed_at, reason) = (None, None, Some("fraudulent".to_owned()));
    ReportedDispute { reference: name("dp_1"), amount: eur(minor), status, reason, opened_at, changed_at }
}

/// A charge of which a part goes back twice, by us and by hand; ours fails in the end, and the customer disputes the rest.
fn a_refund_that_fails_and_a_dispute(end: DisputeStatus) -> Picture {
    let mut desk = Desk::new(CaptureMode::Automatic);
    let paid = Answer::Succeeded { amount: eur(1_000), reference: Some(name("pi_1")) };
    desk.learn(&Fact::Answer(desk.last(), paid));
    desk.order = {
        let policy = desk.samples.policy.clone();
        desk.samples
            .change(&desk.order, |draft, context| refund(draft, None, Some(eur(200)), None, &policy, context))
            .1
    };
    let own = desk.last();
    let at = |refunds: &[ReportedRefund], disputes: &[ReportedDispute]| {
        let mut report = report(&desk, 1_000, 1_000);
        (report.refunds, report.disputes) = (refunds.to_vec(), disputes.to_vec());
        Fact::Report(report)
    };
    let ours = |status| refunded("re_1", Some(own), 200, status);
    let by_hand = refunded("re_2", None, 100, RefundStatus::Succeeded);
    let failed = [ours(RefundStatus::Failed), by_hand.clone()];
    let facts = [
        Fact::Answer(own, Answer::Succeeded { amount: eur(200), reference: Some(name("re_1")) }),
        at(&[ours(RefundStatus::Pending)], &[]),
        at(&[ours(RefundStatus::Succeeded)], &[]),
        at(&[ours(RefundStatus::Succeeded), by_hand], &[]),
        at(&failed, &[]),
        at(&failed, &[disputed(300, DisputeStatus::Open)]),
        at(&failed, &[disputed(300, end)]),
    ];
    in_every_order(&desk, &[own], &facts)
}

#[test]
fn seven_facts_in_every_order_end_the_same_when_the_dispute_is_won() {
    let end = a_refund_that_fails_and_a_dispute(DisputeStatus::Won);
    assert_eq!((end.status, end.payment), (OrderStatus::Paid, PaymentStatus::PartiallyRefunded));
    assert_eq!(
        end.balance,
        [1_000, 1_000, 100, 0, 800, 900],
        "of 200 that were granted, 100 went back by hand"
    );
    assert_eq!(end.own[0].1, OperationStatus::Reversed);
    let kinds: Vec<_> = end.findings.iter().map(|finding| finding.0).collect();
    assert_eq!(kinds, [FindingKind::RefundFailed]);
}

#[test]
fn seven_facts_in_every_order_end_the_same_when_the_dispute_is_lost() {
    let end = a_refund_that_fails_and_a_dispute(DisputeStatus::Lost);
    assert_eq!(
        end.balance,
        [1_000, 1_000, 100, 300, 800, 600],
        "the bank has given the customer more than was granted"
    );
    let kinds: Vec<_> = end.findings.iter().map(|finding| finding.0).collect();
    assert_eq!(kinds, [FindingKind::DisputeLost]);
}

/// An authorisation that is captured by hand, in two steps, and whose rest expires.
#[test]
fn seven_facts_about_an_authorisation_in_every_order_end_the_same() {
    let mut desk = Desk::new(CaptureMode::Manual);
    let own = desk.last();
    desk.learn(&Fact::Answer(own, Answer::Succeeded { amount: eur(1_000), reference: Some(name("pi_1")) }));
    let mut facts = vec![
        Fact::Answer(own, Answer::Unknown),
        Fact::Report(report(&desk, 1_000, 0)),
        Fact::Report(report(&desk, 1_000, 400)),
        Fact::Report(report(&desk, 1_000, 700)),
    ];
    let mut expired = report(&desk, 1_000, 700);
    expired.released = Some(Release::Expired);
    facts.push(Fact::Report(expired.clone()));
    expired.refunds = vec![refunded("re_1", None, 100, RefundStatus::Succeeded)];
    facts.push(Fact::Report(expired.clone()));
    expired.disputes = vec![disputed(50, DisputeStatus::Lost)];
    facts.push(Fact::Report(expired));
    let end = in_every_order(&desk, &[own], &facts);
    assert_eq!(end.status, OrderStatus::Confirmed, "seven of ten euros are no payment");
    assert_eq!(end.balance, [1_000, 700, 100, 50, 900, 550]);
    assert_eq!(end.moved[3], (OperationKind::Void, 300));
    let lost = (FindingKind::DisputeLost, Some(name("dp_1")), None, Some(eur(50)));
    let lacking = (FindingKind::MoneyGone, None, Some(eur(300)), None);
    assert_eq!(end.findings, [lost, lacking]);
}

/// Amounts and currencies that are not ours are never booked, whatever else is said.
#[test]
fn seven_facts_about_another_amount_in_every_order_end_the_same() {
    let desk = Desk::new(CaptureMode::Automatic);
    let own = desk.last();
    let said = |amount| Fact::Answer(own, Answer::Succeeded { amount, reference: Some(name("pi_1")) });
    let mut dollars = PaymentReport::new(Currency::USD);
    (dollars.authorised, dollars.captured) =
        (Money::from_minor(1_000, Currency::USD), Money::from_minor(1_000, Currency::USD));
    let mut back = report(&desk, 990, 990);
    back.refunds = vec![refunded("re_1", None, 90, RefundStatus::Succeeded)];
    let facts = [
        said(eur(990)),
        Fact::Answer(own, Answer::Unknown),
        Fact::Report(report(&desk, 990, 0)),
        Fact::Report(report(&desk, 990, 990)),
        Fact::Report(back),
        Fact::Report(dollars),
        Fact::Report(report(&desk, 0, 0)),
    ];
    let end = in_every_order(&desk, &[own], &facts);
    assert_eq!((end.status, end.payment), (OrderStatus::Pending, PaymentStatus::Unknown));
    assert_eq!(end.balance, [0, 0, 0, 0, 1_000, 0]);
    let kinds: Vec<_> = end.findings.iter().map(|finding| (finding.0, finding.3)).collect();
    let dollars = Some(Money::from_minor(1_000, Currency::USD));
    assert_eq!(
        kinds,
        [(FindingKind::AmountDiffers, Some(eur(990))), (FindingKind::CurrencyDiffers, dollars)]
    );
}

/// What is done at the provider, by us and without us.
#[derive(Debug, Clone)]
enum Act {
    Capture(i64),
    Refund(i64),
    FailRefund(usize),
    Dispute(i64),
    Decide(bool),
    Void,
    Expire,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        3 => (1_i64..600).prop_map(Act::Capture),
        3 => (1_i64..300).prop_map(Act::Refund),
        2 => (0_usize..4).prop_map(Act::FailRefund),
        1 => (1_i64..300).prop_map(Act::Dispute),
        2 => any::<bool>().prop_map(Act::Decide),
        1 => Just(Act::Void),
        1 => Just(Act::Expire),
    ]
}

fn perform(provider: &SimulatedGateway, payment: PaymentId, act: &Act) {
    let Some(account) = provider.books().into_iter().next() else { return };
    match act {
        Act::Capture(minor) => drop(provider.capture_by_hand(payment, eur(*minor))),
        // All of it is another story: an order whose money went back is over, and stays so when a refund fails later.
        Act::Refund(minor) if account.refunded.minor() + minor < account.captured.minor() => {
            drop(provider.refund_by_hand(payment, eur(*minor)));
        }
        Act::Refund(_) => {}
        Act::FailRefund(number) => {
            if let Some(refund) = account.refunds.get(*number) {
                provider.fail_refund(payment, &refund.reference);
            }
        }
        Act::Dispute(minor) => drop(provider.open_dispute(payment, eur(*minor))),
        Act::Decide(is_won) => {
            if let Some(dispute) =
                account.disputes.iter().find(|dispute| dispute.status == DisputeStatus::Open)
            {
                provider.close_dispute(payment, &dispute.reference, *is_won);
            }
        }
        Act::Void => drop(provider.void_by_hand(payment)),
        Act::Expire => drop(provider.expire_authorisation(payment)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Whatever happens at the provider, our books are its books, in whatever order its reports come in.
    #[test]
    fn any_order_of_reports_ends_at_the_providers_books(
        manual in any::<bool>(),
        acts in prop::collection::vec(act(), 1..12),
        places in prop::collection::vec(any::<prop::sample::Index>(), 0..24),
        last_at in any::<prop::sample::Index>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mode = if manual { CaptureMode::Manual } else { CaptureMode::Automatic };
        let desk = Desk::new(mode);
        let (provider, payment) = (SimulatedGateway::default(), desk.payment());
        let (order, first) = (&desk.order, desk.last());
        let instruction = Instruction::new(order, &order.payments[0], &order.payments[0].operations[0]);
        let said = runtime.block_on(provider.execute(&instruction)).unwrap();
        let look = || {
            let asked = PaymentRef::new(&desk.order, &desk.order.payments[0]);
            Fact::Report(runtime.block_on(provider.report(&asked)).unwrap().unwrap())
        };
        let mut facts = vec![look(), Fact::Answer(first, said)];
        for act in &acts {
            perform(&provider, payment, act);
            facts.push(look());
        }
        // Whether it was accepted is the one thing that depends on when it heard of its money.
        let accepted = facts.drain(..2).fold(desk.order.clone(), |order, fact| learn(&desk.samples, &order, &fact));
        let one_by_one = facts.iter().fold(accepted.clone(), |order, fact| learn(&desk.samples, &order, fact));
        let mut shuffled: Vec<&Fact> = places.iter().map(|place| &facts[place.index(facts.len())]).collect();
        shuffled.insert(last_at.index(shuffled.len() + 1), facts.last().unwrap());
        let mut in_disorder = shuffled.iter().fold(accepted, |order, fact| learn(&desk.samples, &order, fact));
        let expected = picture(&one_by_one, &[first]);
        prop_assert_eq!(&expected, &picture(&in_disorder, &[first]));
        let account = provider.books().remove(0);
        let paid = &one_by_one.payments[0];
        prop_assert_eq!((paid.captured, paid.refunded), (account.captured, account.refunded));
        for fact in facts.iter().rev() {
            in_disorder = learn(&desk.samples, &in_disorder, fact);
        }
        prop_assert_eq!(expected, picture(&in_disorder, &[first]), "what is known already changes nothing");
    }
}
