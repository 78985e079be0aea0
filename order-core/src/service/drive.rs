use crate::checkout::{Drive, NextStep, next_step};
use crate::error::{Error, Result};
use crate::gateway::{GatewayError, Instruction, PaymentRef};
use crate::id::{OperationId, OrderId, PaymentId, WriteSetId};
use crate::order::{Context, Draft, Order, OrderPolicy, answer, expire, observe, settle};
use crate::payment::{Answer, PaymentReport};
use crate::service::change::{finish_answer, try_again};
use crate::service::engine::{MAX_TRIES, Parts};
use crate::store::{IdempotencyRecord, Refusal, Unchanged, WriteSet};

/// The most steps one driver takes with one order. A checkout has two; a cancelled split tender has a few for each payment.
const MAX_STEPS: u32 = 200;

/// What one step makes of an order.
enum Fact {
    Answer(OperationId, Answer),
    Report(PaymentId, Box<PaymentReport>),
    Expiry,
    Time,
}

impl Parts {
    /// Does what has to be done about an order until there is nothing left, and answers the request that is still open. The
    /// order is given back as it was answered.
    pub(crate) async fn drive(
        &self,
        mut order: Order,
        mut drive: Drive,
        mut open: Option<IdempotencyRecord>,
        correlation: Option<&str>,
    ) -> Result<Order> {
        for _ in 0..MAX_STEPS {
            let Some(step) = next_step(&order, self.now(), &drive) else {
                return match open {
                    Some(record) => self.answer_now(order, record).await,
                    None => Ok(order),
                };
            };
            let fact = match step {
                NextStep::Call(id) => {
                    drive.called(id);
                    Fact::Answer(id, self.call(&order, id).await)
                }
                NextStep::Ask(id) => {
                    drive.asked(id);
                    Fact::Answer(id, self.ask(&order, id).await)
                }
                NextStep::Expire => Fact::Expiry,
                NextStep::Settle => Fact::Time,
            };
            let version = order.version;
            order = self.take_in(order, &fact, &mut drive, &mut open, correlation).await?;
            if order.version == version && matches!(fact, Fact::Expiry | Fact::Time) {
                return Ok(order);
            }
        }
        Err(Error::Internal("an order does not come to rest"))
    }

    async fn call(&self, order: &Order, id: OperationId) -> Answer {
        let Some((payment, operation)) = order.operation(id) else { return Answer::Unknown };
        let Some(gateway) = self.gateways.get(&payment.provider) else { return Answer::Unknown };
        // These answer a question, never a call: nothing is concluded from them.
        match gateway.execute(&Instruction::new(order, payment, operation)).await {
            Ok(Answer::Absent | Answer::Approved) | Err(_) => Answer::Unknown,
            Ok(answer) => answer,
        }
    }

    async fn ask(&self, order: &Order, id: OperationId) -> Answer {
        let Some((payment, operation)) = order.operation(id) else { return Answer::Unknown };
        let Some(gateway) = self.gateways.get(&payment.provider) else { return Answer::Unknown };
        gateway.ask(&Instruction::new(order, payment, operation)).await.unwrap_or(Answer::Unknown)
    }

    /// Commits a fact about an order, whoever else is changing it.
    async fn take_in(
        &self,
        mut order: Order,
        fact: &Fact,
        drive: &mut Drive,
        open: &mut Option<IdempotencyRecord>,
        correlation: Option<&str>,
    ) -> Result<Order> {
        let mut policy = self.policy.clone();
        let mut is_answered_elsewhere = false;
        for _ in 0..MAX_TRIES {
            let context = self.own_context(correlation);
            let mut draft = Draft::change(order.clone(), &context);
            decide(&mut draft, fact, &policy, &context)?;
            if draft.is_empty() {
                return Ok(order);
            }
            let mut after = drive.clone();
            after.claim(draft.events());
            let (mut set, changed) = draft.into_write_set();
            let at_rest =
                next_step(&changed, context.now, &after).is_none() && !changed.is_in_flight(context.now);
            if let Some(record) = open.as_ref().filter(|_| at_rest && !is_answered_elsewhere) {
                finish_answer(&mut set, record, changed.version);
            }
            match self.commit(&set).await? {
                Ok(()) => {
                    if set.idempotency.is_some() {
                        *open = None;
                    }
                    *drive = after;
                    return Ok(changed);
                }
                Err(Refusal::Stock(_)) => policy = self.policy_without_stock(),
                Err(Refusal::IdempotencyKey) => is_answered_elsewhere = true,
                Err(refusal) => try_again(&refusal)?,
            }
            order = self.reload(order.id).await?;
        }
        Err(Error::Contended)
    }

    pub(crate) async fn reload(&self, id: OrderId) -> Result<Order> {
        self.store.find_order(id).await?.ok_or(Error::NotFound { what: "order" })
    }

    /// Answers an open request with the order as it is; or as it was, when somebody has answered it meanwhile.
    async fn answer_now(&self, order: Order, record: IdempotencyRecord) -> Result<Order> {
        let mut order = order;
        for _ in 0..MAX_TRIES {
            let now = self.now();
            let mut set = WriteSet::new(WriteSetId::new(&*self.ids, now), now);
            finish_answer(&mut set, &record, order.version);
            set.unchanged.push(Unchanged::Order(order.id, order.version));
            match self.commit(&set).await? {
                Ok(()) => return Ok(order),
                Err(Refusal::IdempotencyKey) => {
                    let found = self.store.find_idempotency(&record.scope, &record.key).await?;
                    return match found.and_then(|found| found.answered_version) {
                        Some(version) => self.order_at(order.id, version).await,
                        None => Err(Error::Contended),
                    };
                }
                Err(refusal) => try_again(&refusal)?,
            }
            order = self.reload(order.id).await?;
        }
        Err(Error::Contended)
    }

    /// Asks a provider's books about a payment, takes in what they say, and does what follows from it.
    pub(crate) async fn observe(&self, order: Order, id: PaymentId) -> Result<Order> {
        let payment = order.payment(id).ok_or(Error::NotFound { what: "payment" })?;
        let Some(books) = self.books.get(&payment.provider) else {
            let problem = format!("there are no books of {}", payment.provider);
            return Err(GatewayError::Misused { service: "provider books", problem }.into());
        };
        let asked_at = self.now();
        let Some(mut report) = books.report(&PaymentRef::new(&order, payment)).await? else {
            return Ok(order);
        };
        report.as_of = Some(asked_at);
        self.take_report(order, id, report).await
    }

    /// Takes in what a provider's books say about a payment, and does what follows from it.
    pub(crate) async fn take_report(
        &self,
        order: Order,
        id: PaymentId,
        report: PaymentReport,
    ) -> Result<Order> {
        self.take_report_of(order, id, report, None).await
    }

    /// The same, tied to the request of whoever has asked for it.
    pub(crate) async fn take_report_of(
        &self,
        order: Order,
        id: PaymentId,
        report: PaymentReport,
        correlation: Option<&str>,
    ) -> Result<Order> {
        let mut drive = Drive::default();
        let fact = Fact::Report(id, Box::new(report));
        let order = self.take_in(order, &fact, &mut drive, &mut None, correlation).await?;
        Box::pin(self.drive(order, drive, None, correlation)).await
    }

    /// Takes the hold from an order whose time is over, without driving it further.
    pub(crate) async fn expire_order(&self, id: OrderId) -> Result<()> {
        let order = self.reload(id).await?;
        self.take_in(order, &Fact::Expiry, &mut Drive::default(), &mut None, None).await?;
        Ok(())
    }
}

fn decide(draft: &mut Draft, fact: &Fact, policy: &OrderPolicy, context: &Context<'_>) -> Result<()> {
    match fact {
        Fact::Answer(id, said) => answer(draft, *id, said.clone(), policy, context),
        Fact::Report(id, report) => observe(draft, *id, report, policy, context),
        Fact::Expiry => expire(draft, policy, context),
        Fact::Time => settle(draft, policy, context),
    }
}
