use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use order_core::gateway::{GatewayError, Instruction, PaymentGateway};
use order_core::id::OperationId;
use order_core::payment::{Answer, Decline, OperationKind};
use order_core::time::{Clock, Duration};

use super::currency;
use super::dispute::Subjects;
use super::link::Link;
use super::object::{Capture, Order, Problem};
use super::reading::{self, Next, Reading};
use super::request::{self, Pages};
use super::{PayPalBuilder, refund, search};
use crate::provider::{Reply, Verdict, made_at};

/// How long the request id of an order is relied on: PayPal keeps it for six hours.
const KEY_LIFETIME: Duration = Duration::hours(5);

/// How long one key's time is in all. After its [lifetime](KEY_LIFETIME) comes the time in which the transaction search may not yet
/// tell of what was done under it: three hours, and one for the clocks.
const KEY_TURN: Duration = Duration::hours(9);

/// How many orders are made in one key's time: PayPal forgets an order that nobody has paid for three hours.
const MAX_ORDERS: u8 = 3;

/// How many keys an operation gets: those of three days, which is how long the engine watches it. Later it is not begun any more.
const MAX_TURNS: i64 = 8;

/// PayPal as a payment gateway, and its books. See the [module](super).
pub struct PayPalGateway {
    pub(super) link: Link,
    pages: Pages,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) subjects: Subjects,
}

/// An order that was looked for.
enum Found {
    Order(Box<Order>),
    /// There is none, there was none, and it is too late to make one.
    Nothing,
    /// PayPal refused to make one, or has none any more.
    Refused(Decline),
}

impl PayPalGateway {
    /// Begins a gateway with an application's credentials.
    pub fn builder(client_id: impl Into<String>, client_secret: impl Into<String>) -> PayPalBuilder {
        PayPalBuilder::new(client_id.into(), client_secret.into())
    }

    pub(super) fn new(link: Link, pages: Pages, clock: Arc<dyn Clock>) -> Self {
        Self { link, pages, clock, subjects: Subjects::default() }
    }

    fn unknown(&self) -> GatewayError {
        GatewayError::unknown(self.link.service())
    }

    /// A charge or an authorisation: finds its order, and goes on with it if that is wanted and has not happened.
    async fn begin(
        &self,
        instruction: &Instruction,
        value: &str,
        carry_out: bool,
    ) -> Result<Answer, GatewayError> {
        let order = match self.first_order(instruction, value).await? {
            Found::Order(order) => order,
            Found::Nothing if carry_out => {
                return Ok(reading::refused("too_late", "it was not begun in three days"));
            }
            Found::Nothing => return Ok(Answer::Absent),
            Found::Refused(decline) => return Ok(Answer::Declined(decline)),
        };
        match reading::first(&order, instruction) {
            Reading::Answer(answer) => Ok(answer),
            Reading::Ready if carry_out => self.complete(instruction, &order.id, false).await,
            Reading::Approved if carry_out => self.complete(instruction, &order.id, true).await,
            Reading::Ready => Ok(Answer::Absent),
            Reading::Approved => Ok(Answer::Approved),
        }
    }

    /// Captures or authorises an order.
    async fn complete(
        &self,
        instruction: &Instruction,
        id: &str,
        is_approved: bool,
    ) -> Result<Answer, GatewayError> {
        let step = request::step(instruction);
        // An attempt before the customer's approval has its own key: what PayPal keeps of it must not stand in the way.
        let step = if is_approved { format!("{step}:approved") } else { step.to_owned() };
        let key = request::key(instruction.key, &step);
        let reply =
            self.link.send(&request::complete(instruction, id, is_approved, &self.pages, &key)).await?;
        let Some(problem) = self.refusal(&reply)? else {
            let order: Order = reply.json(self.link.service())?;
            return Ok(match reading::first(&order, instruction) {
                Reading::Answer(answer) => answer,
                Reading::Ready | Reading::Approved => Answer::Unknown,
            });
        };
        if problem.is("DUPLICATE_INVOICE_ID") {
            return self.paid_elsewhere(instruction).await;
        }
        let mut order = self.link.order(id).await?.ok_or_else(|| self.unknown())?;
        // Where the customer has to go, the refusal tells too.
        order.links.extend(problem.links.iter().cloned());
        match reading::first(&order, instruction) {
            Reading::Answer(answer) => Ok(answer),
            Reading::Ready if problem.is("PAYER_ACTION_REQUIRED") => Ok(reading::action(&order)),
            Reading::Ready | Reading::Approved => {
                self.refuse(instruction, &order, reading::decline(&problem)).await
            }
        }
    }

    /// Makes a refusal final: nobody captures the order any more.
    async fn refuse(
        &self,
        instruction: &Instruction,
        order: &Order,
        decline: Decline,
    ) -> Result<Answer, GatewayError> {
        if self.close(order, &decline.code).await?.is_none() {
            return Ok(Answer::Declined(decline));
        }
        // PayPal does not let us: perhaps because somebody has paid it meanwhile.
        let order = self.link.order(&order.id).await?.ok_or_else(|| self.unknown())?;
        Ok(match reading::first(&order, instruction) {
            Reading::Answer(answer) => answer,
            Reading::Ready | Reading::Approved => Answer::Declined(decline),
        })
    }

    /// Makes an order that was not paid unpayable, for good. Tells why PayPal does not let us, if it doesn't.
    async fn close(&self, order: &Order, reason: &str) -> Result<Option<Problem>, GatewayError> {
        let reply = self.link.send(&request::close(order, reason)).await?;
        self.refusal(&reply)
    }

    /// The invoice was paid before, by another order of the same operation: PayPal protects from paying it twice.
    async fn paid_elsewhere(&self, instruction: &Instruction) -> Result<Answer, GatewayError> {
        let found = self.find(instruction, instruction.key).await?.ok_or_else(|| self.unknown())?;
        match reading::first(&found, instruction) {
            Reading::Answer(answer) => Ok(answer),
            Reading::Ready | Reading::Approved => Err(self.unknown()),
        }
    }

    async fn capture(
        &self,
        instruction: &Instruction,
        value: &str,
        carry_out: bool,
    ) -> Result<Answer, GatewayError> {
        let Some(order) = self.order_of(instruction).await? else { return Ok(absent(carry_out)) };
        let (authorization, left) = match reading::later_capture(&order, instruction) {
            Next::Answer(answer) => return Ok(answer),
            Next::Waiting => return Ok(Answer::Unknown),
            Next::Ready { .. } if !carry_out => return Ok(Answer::Absent),
            Next::Ready { authorization, left } => (authorization, left),
        };
        let key = request::key(instruction.key, "capture");
        let is_rest = left == instruction.amount;
        let call = request::capture(instruction, &authorization, value, is_rest, &key);
        let reply = self.link.send(&call).await?;
        let Some(problem) = self.refusal(&reply)? else {
            return Ok(reading::capture(&reply.json::<Capture>(self.link.service())?));
        };
        let order = self.link.order(&order.id).await?.ok_or_else(|| self.unknown())?;
        Ok(match reading::later_capture(&order, instruction) {
            Next::Answer(answer) => answer,
            Next::Ready { .. } | Next::Waiting => Answer::Declined(reading::decline(&problem)),
        })
    }

    async fn void(&self, instruction: &Instruction, carry_out: bool) -> Result<Answer, GatewayError> {
        let Some(order) = self.order_of(instruction).await? else { return Ok(absent(carry_out)) };
        let problem = match reading::void(&order) {
            Next::Answer(answer) => return Ok(answer),
            Next::Ready { .. } | Next::Waiting if !carry_out => return Ok(Answer::Absent),
            Next::Ready { authorization, .. } => {
                let key = request::key(instruction.key, "void");
                let reply = self.link.send(&request::void(&authorization, &key)).await?;
                self.refusal(&reply)?
            }
            Next::Waiting => self.close(&order, "VOIDED").await?,
        };
        let order = self.link.order(&order.id).await?.ok_or_else(|| self.unknown())?;
        Ok(match (reading::void(&order), problem) {
            (Next::Answer(answer), _) => answer,
            (Next::Ready { .. } | Next::Waiting, Some(problem)) => {
                Answer::Declined(reading::decline(&problem))
            }
            (Next::Ready { .. } | Next::Waiting, None) => Answer::Unknown,
        })
    }

    /// Gives money back: of one capture after the other, until it is enough.
    async fn refund(&self, instruction: &Instruction, carry_out: bool) -> Result<Answer, GatewayError> {
        let Some(order) = self.order_of(instruction).await? else { return Ok(absent(carry_out)) };
        let parts = match refund::plan(&order, instruction) {
            refund::Plan::Answer(answer) => return Ok(answer),
            refund::Plan::Parts(_) if !carry_out => return Ok(Answer::Absent),
            refund::Plan::Parts(parts) => parts,
        };
        let mut problem = None;
        for part in parts {
            let key = request::key(instruction.key, &format!("refund:{}", part.capture));
            let value = match currency::value(part.amount) {
                Ok(value) => value,
                Err(problem) => return Ok(reading::not_expressible(problem)),
            };
            let reply = self.link.send(&request::refund(instruction, &part.capture, &value, &key)).await?;
            problem = self.refusal(&reply)?;
            if problem.is_some() {
                break;
            }
        }
        let order = self.link.order(&order.id).await?.ok_or_else(|| self.unknown())?;
        Ok(match (refund::made(&order, instruction), problem) {
            (Some(answer), _) => answer,
            (None, Some(problem)) => Answer::Declined(reading::decline(&problem)),
            (None, None) => Answer::Unknown,
        })
    }

    /// Why PayPal has refused a call, if it has.
    ///
    /// # Errors
    /// When the call was neither done nor refused, or nobody knows.
    fn refusal(&self, reply: &Reply) -> Result<Option<Problem>, GatewayError> {
        match reply.verdict() {
            Verdict::Done => Ok(None),
            Verdict::Refused => {
                let problem: Problem = reply.json(self.link.service())?;
                if problem.is_busy() { Err(self.unknown()) } else { Ok(Some(problem)) }
            }
            Verdict::Busy | Verdict::Limited | Verdict::Unauthorised | Verdict::Unknown => {
                Err(reply.failure(self.link.service()))
            }
        }
    }

    /// Finds the order of a charge or an authorisation, or makes it: no money moves by that.
    async fn first_order(&self, instruction: &Instruction, value: &str) -> Result<Found, GatewayError> {
        if let Some(reference) = &instruction.reference {
            return Ok(match self.link.order(reference.as_str()).await? {
                Some(order) => Found::Order(Box::new(order)),
                None => {
                    Found::Refused(Decline::new("order_expired", "nobody approved PayPal's order in time"))
                }
            });
        }
        let (turn, is_fresh) = self.turn(instruction.key);
        if (turn > 0 || !is_fresh)
            && let Some(order) = self.find(instruction, instruction.key).await?
        {
            return Ok(Found::Order(Box::new(order)));
        }
        if turn >= MAX_TURNS {
            return Ok(Found::Nothing);
        }
        if !is_fresh {
            return Err(self.unknown());
        }
        for again in 0..MAX_ORDERS {
            let key = request::key(instruction.key, &format!("create:{turn}:{again}"));
            if let Some(found) = self.make_order(instruction, value, &key).await? {
                return Ok(found);
            }
        }
        Err(self.unknown())
    }

    /// Makes an order under a key, or finds what was made under it; `None` when that is gone, because nobody has paid it in time.
    async fn make_order(
        &self,
        instruction: &Instruction,
        value: &str,
        key: &str,
    ) -> Result<Option<Found>, GatewayError> {
        let reply = self.link.send(&request::create(instruction, value, &self.pages, key)).await?;
        if let Some(problem) = self.refusal(&reply)? {
            let is_gone = reply.status == 404;
            return Ok((!is_gone).then(|| Found::Refused(reading::decline(&problem))));
        }
        let order: Order = reply.json(self.link.service())?;
        // 201 is a new one. Of one that was made before, not everything may be in the answer.
        let order = if reply.status == 201 { Some(order) } else { self.link.order(&order.id).await? };
        Ok(order.map(|order| Found::Order(Box::new(order))))
    }

    /// The order that a later operation is about.
    async fn order_of(&self, instruction: &Instruction) -> Result<Option<Order>, GatewayError> {
        match &instruction.reference {
            Some(reference) => self.link.order(reference.as_str()).await,
            None => self.find(instruction, instruction.first_key).await,
        }
    }

    /// Searches for an order by our name for it.
    async fn find(
        &self,
        instruction: &Instruction,
        first: OperationId,
    ) -> Result<Option<Order>, GatewayError> {
        let custom_id = request::custom_id(instruction, first);
        let now = self.clock.now();
        search::find(&self.link, &custom_id, made_at(first).unwrap_or(now), now).await
    }

    /// Which key of an operation is in turn, and whether it is fresh enough to be relied on.
    fn turn(&self, key: OperationId) -> (i64, bool) {
        let age = made_at(key).map_or(Duration::zero(), |at| self.clock.now() - at).max(Duration::zero());
        let turn = age.num_seconds() / KEY_TURN.num_seconds();
        let since = age.num_seconds() % KEY_TURN.num_seconds();
        (turn, since <= KEY_LIFETIME.num_seconds())
    }
}

/// What is said about an operation whose order PayPal does not know.
fn absent(carry_out: bool) -> Answer {
    if carry_out { reading::refused("not_found", "PayPal has no such payment") } else { Answer::Absent }
}

impl PayPalGateway {
    async fn serve(&self, instruction: &Instruction, carry_out: bool) -> Result<Answer, GatewayError> {
        let value = match currency::value(instruction.amount) {
            Ok(value) => value,
            Err(problem) => return Ok(reading::not_expressible(problem)),
        };
        match instruction.kind {
            OperationKind::Charge | OperationKind::Authorise => {
                self.begin(instruction, &value, carry_out).await
            }
            OperationKind::Capture => self.capture(instruction, &value, carry_out).await,
            OperationKind::Void => self.void(instruction, carry_out).await,
            OperationKind::Refund => self.refund(instruction, carry_out).await,
        }
    }
}

#[async_trait]
impl PaymentGateway for PayPalGateway {
    async fn execute(&self, instruction: &Instruction) -> Result<Answer, GatewayError> {
        self.serve(instruction, true).await
    }

    async fn ask(&self, instruction: &Instruction) -> Result<Answer, GatewayError> {
        self.serve(instruction, false).await
    }
}

impl fmt::Debug for PayPalGateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PayPalGateway").field("link", &self.link).finish_non_exhaustive()
    }
}
