//! An order, led somewhere; and what its provider says of it.

use order_core::conformance::sample::{Sampler, card};
use order_core::error::Result;
use order_core::id::{OperationId, PaymentId, ProviderReference};
use order_core::money::{Currency, Money};
use order_core::order::{
    Context, Draft, NewOrder, Order, Tender, answer, cancel, capture, observe, refund, void,
};
use order_core::payment::{
    Answer, CaptureMode, Decline, DisputeStatus, PaymentReport, RefundStatus, Release, ReportedDispute,
    ReportedRefund,
};
use order_core::reconciliation::{Difference, compare};
use order_core::time::{Clock as _, Duration};

pub(crate) fn eur(minor: i64) -> Money {
    Money::from_minor(minor, Currency::EUR)
}

pub(crate) fn name(text: &str) -> ProviderReference {
    ProviderReference::new(text).unwrap()
}

/// An order, and a hand to lead it somewhere.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) samples: Sampler,
    pub(crate) order: Order,
}

impl Desk {
    /// An order of ten euros whose first call is under way.
    pub(crate) fn new(capture: CaptureMode) -> Self {
        let samples = Sampler::new(11);
        let new = samples.new_order("ann", vec![samples.line("tea", 500, 2)]);
        let order = samples.place(NewOrder { tender: Tender { capture, ..card() }, ..new }).1;
        Self { samples, order }
    }

    pub(crate) fn id(&self) -> PaymentId {
        self.order.payments[0].id
    }

    pub(crate) fn last(&self) -> OperationId {
        self.order.payments[0].operations.last().unwrap().id
    }

    fn decided(mut self, decide: impl FnOnce(&mut Draft, &Context<'_>) -> Result<()>) -> Self {
        self.order = self.samples.change(&self.order, decide).1;
        self
    }

    pub(crate) fn told(self, said: Answer) -> Self {
        let (id, policy) = (self.last(), self.samples.policy.clone());
        self.decided(|draft, context| answer(draft, id, said, &policy, context))
    }

    pub(crate) fn succeeded(self, minor: i64, reference: &str) -> Self {
        self.told(Answer::Succeeded { amount: eur(minor), reference: Some(name(reference)) })
    }

    pub(crate) fn declined(self) -> Self {
        self.told(Answer::Declined(Decline::new("refused", "refused")))
    }

    /// Ten euros were taken, or set aside.
    fn begun(capture: CaptureMode) -> Self {
        Self::new(capture).succeeded(1_000, "pi_1")
    }

    pub(crate) fn paid() -> Self {
        Self::begun(CaptureMode::Automatic)
    }

    pub(crate) fn held() -> Self {
        Self::begun(CaptureMode::Manual)
    }

    pub(crate) fn refunding(self, minor: i64) -> Self {
        let policy = self.samples.policy.clone();
        self.decided(|draft, context| refund(draft, None, Some(eur(minor)), None, &policy, context))
    }

    pub(crate) fn capturing(self, minor: i64) -> Self {
        let (id, policy) = (self.id(), self.samples.policy.clone());
        self.decided(|draft, context| capture(draft, id, Some(eur(minor)), None, &policy, context))
    }

    pub(crate) fn voiding(self) -> Self {
        let (id, policy) = (self.id(), self.samples.policy.clone());
        self.decided(|draft, context| void(draft, id, None, &policy, context))
    }

    pub(crate) fn cancelling(self) -> Self {
        let policy = self.samples.policy.clone();
        self.decided(|draft, context| cancel(draft, None, &[], &policy, context))
    }

    pub(crate) fn observing(self, report: &PaymentReport) -> Self {
        let (id, policy) = (self.id(), self.samples.policy.clone());
        self.decided(|draft, context| observe(draft, id, report, &policy, context))
    }

    /// What the provider says, a minute from now.
    pub(crate) fn report(&self, authorised: i64, captured: i64) -> PaymentReport {
        let mut report = PaymentReport::new(Currency::EUR);
        report.payment_id = Some(self.id());
        report.reference = Some(name("pi_1"));
        (report.authorised, report.captured) = (eur(authorised), eur(captured));
        report.as_of = Some(self.samples.clock.now() + Duration::minutes(1));
        report
    }

    /// All was taken, and this went back.
    pub(crate) fn with_refunds(&self, refunds: &[ReportedRefund]) -> PaymentReport {
        let mut report = self.report(1_000, 1_000);
        report.refunds = refunds.to_vec();
        report
    }

    /// Set aside, partly captured, and over.
    pub(crate) fn released(&self, captured: i64, release: Release) -> PaymentReport {
        let mut report = self.report(1_000, captured);
        report.released = Some(release);
        report
    }

    pub(crate) fn disputed(&self, status: DisputeStatus) -> PaymentReport {
        let mut report = self.report(1_000, 1_000);
        report.disputes = vec![ReportedDispute {
            reference: name("dp_1"),
            amount: eur(300),
            status,
            reason: None,
            opened_at: None,
            changed_at: None,
        }];
        report
    }

    pub(crate) fn dollars(&self) -> PaymentReport {
        let mut report = PaymentReport::new(Currency::USD);
        report.payment_id = Some(self.id());
        report.reference = Some(name("pi_1"));
        report.authorised = Money::from_minor(1_000, Currency::USD);
        report.captured = report.authorised;
        report.as_of = Some(self.samples.clock.now() + Duration::minutes(1));
        report
    }

    pub(crate) fn refused(&self) -> PaymentReport {
        let mut report = self.report(0, 0);
        report.first = Some(Answer::Declined(Decline::new("card_declined", "declined")));
        report
    }

    pub(crate) fn compare(&self, report: Option<&PaymentReport>) -> Vec<Difference> {
        compare(&self.order, self.id(), report, &self.samples.policy, &self.samples.context()).unwrap()
    }
}

pub(crate) fn went_back(
    reference: &str,
    own: Option<OperationId>,
    minor: i64,
    status: RefundStatus,
) -> ReportedRefund {
    ReportedRefund { reference: name(reference), operation_id: own, amount: eur(minor), status }
}
