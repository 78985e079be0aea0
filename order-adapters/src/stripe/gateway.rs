use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use order_core::gateway::{GatewayError, Instruction, PaymentGateway};
use order_core::id::OperationId;
use order_core::payment::{Answer, Decline, OperationKind};
use order_core::time::{Clock, Duration};
use secrecy::SecretString;

use super::currency::AMOUNTS;
use super::object::{Failure, Intent, Problem, Refund};
use super::reading::{self, Reading};
use super::{StripeBuilder, request};
use crate::provider::{Call, Reply, Transport, Verdict, made_at};

/// How long a key is relied on: Stripe keeps keys for at least 24 hours.
const KEY_LIFETIME: Duration = Duration::hours(23);

/// How many keys one step is tried with, when Stripe has kept a 500 under the one before.
const MAX_KEYS: u8 = 3;

/// Stripe as a payment gateway. See the [module](super).
pub struct StripeGateway {
    transport: Transport,
    secret_key: SecretString,
    return_url: Option<String>,
    clock: Arc<dyn Clock>,
}

/// An intent that was looked for.
enum Found {
    Intent(Box<Intent>),
    /// There is none, and there was none.
    Nothing,
    /// Stripe refused to make one.
    Refused(Decline),
}

/// How a step on an intent ended, when it was no success that can be read at once.
enum Step {
    /// Stripe has the step behind it, be it now or earlier: the intent tells.
    Done(Option<Box<Intent>>),
    /// Stripe refused it.
    Refused(Problem),
}

impl StripeGateway {
    /// Begins a gateway with the account's secret key.
    pub fn builder(secret_key: impl Into<String>) -> StripeBuilder {
        StripeBuilder::new(secret_key.into())
    }

    pub(super) fn new(
        transport: Transport,
        secret_key: SecretString,
        return_url: Option<String>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { transport, secret_key, return_url, clock }
    }

    pub(super) async fn send(&self, call: &Call) -> Result<Reply, GatewayError> {
        self.transport.send(call, &self.secret_key).await
    }

    pub(super) fn service(&self) -> &'static str {
        self.transport.service()
    }

    /// A charge or an authorisation: finds its intent, and confirms it if that is wanted and has not happened.
    async fn begin(
        &self,
        instruction: &Instruction,
        units: i64,
        carry_out: bool,
    ) -> Result<Answer, GatewayError> {
        let intent = match self.first_intent(instruction, units, carry_out).await? {
            Found::Intent(intent) => intent,
            Found::Nothing => return Ok(Answer::Absent),
            Found::Refused(decline) => return Ok(Answer::Declined(decline)),
        };
        match reading::intent(&intent, instruction) {
            Reading::Ready if carry_out => self.confirm(instruction, &intent.id).await,
            Reading::Ready => Ok(Answer::Absent),
            Reading::Open(decline) => self.close(instruction, &intent.id, decline).await,
            Reading::Answer(answer) => Ok(answer),
        }
    }

    async fn confirm(&self, instruction: &Instruction, id: &str) -> Result<Answer, GatewayError> {
        let call = |key: &str| request::confirm(instruction, id, self.return_url.as_deref(), key);
        let step = self.step(instruction, id, "confirm", call).await?;
        let (intent, problem) = match step {
            Step::Done(Some(intent)) => (*intent, None),
            Step::Done(None) => (self.read(id).await?, None),
            Step::Refused(problem) => (self.read(id).await?, Some(problem)),
        };
        match (reading::intent(&intent, instruction), problem) {
            (Reading::Answer(answer), _) => Ok(answer),
            (Reading::Open(decline), _) => self.close(instruction, id, decline).await,
            (Reading::Ready, Some(problem)) => self.close(instruction, id, reading::decline(&problem)).await,
            (Reading::Ready, None) => Ok(Answer::Unknown),
        }
    }

    /// Makes a refusal final: nobody can pay the intent any more.
    async fn close(
        &self,
        instruction: &Instruction,
        id: &str,
        decline: Decline,
    ) -> Result<Answer, GatewayError> {
        let call = |key: &str| request::cancel(id, "abandoned", key);
        self.step(instruction, id, "close", call).await?;
        let intent = self.read(id).await?;
        Ok(match reading::intent(&intent, instruction) {
            Reading::Answer(Answer::Declined(_)) => Answer::Declined(decline),
            Reading::Answer(answer) => answer,
            Reading::Ready | Reading::Open(_) => Answer::Unknown,
        })
    }

    /// A capture or a void: a step that an intent allows once.
    async fn go_on(&self, instruction: &Instruction, units: i64) -> Result<Answer, GatewayError> {
        let Some(id) = self.intent_id(instruction).await? else {
            return Ok(reading::refused("not_found", "Stripe has no such payment"));
        };
        let step = if instruction.kind == OperationKind::Capture {
            let call = |key: &str| request::capture(instruction, &id, units, key);
            self.step(instruction, &id, "capture", call).await?
        } else {
            let call = |key: &str| request::cancel(&id, "requested_by_customer", key);
            self.step(instruction, &id, "void", call).await?
        };
        let (intent, problem) = match step {
            Step::Done(Some(intent)) => (*intent, None),
            Step::Done(None) => (self.read(&id).await?, None),
            Step::Refused(problem) if problem.code.as_deref() == Some("resource_missing") => {
                return Ok(Answer::Declined(reading::decline(&problem)));
            }
            Step::Refused(problem) => (self.read(&id).await?, Some(problem)),
        };
        Ok(match (reading::intent(&intent, instruction), problem) {
            (Reading::Answer(answer), _) => answer,
            (Reading::Open(decline), _) => Answer::Declined(decline),
            (Reading::Ready, Some(problem)) => Answer::Declined(reading::decline(&problem)),
            (Reading::Ready, None) => Answer::Unknown,
        })
    }

    /// Makes one step on an intent, of a kind that its state allows only once. So a 500 that Stripe keeps under the key is got
    /// round with another key, if the state tells that nothing has happened.
    async fn step(
        &self,
        instruction: &Instruction,
        id: &str,
        name: &str,
        call: impl Fn(&str) -> Call,
    ) -> Result<Step, GatewayError> {
        for again in 0..MAX_KEYS {
            let reply = self.send(&call(&request::key(instruction.key, name, again))).await?;
            match reply.verdict() {
                Verdict::Done if is_replayed(&reply) => return Ok(Step::Done(None)),
                Verdict::Done => return Ok(Step::Done(Some(Box::new(reply.json(self.service())?)))),
                Verdict::Refused => {
                    let problem = reply.json::<Failure>(self.service())?.error;
                    // The key was used with another configuration of ours: somebody has made the step, with some end.
                    let is_done = problem.kind == "idempotency_error";
                    return Ok(if is_done { Step::Done(None) } else { Step::Refused(problem) });
                }
                Verdict::Unknown if is_replayed(&reply) => {
                    let intent = self.read(id).await?;
                    if reading::intent(&intent, instruction) != Reading::Ready {
                        return Ok(Step::Done(Some(Box::new(intent))));
                    }
                }
                Verdict::Busy | Verdict::Limited | Verdict::Unauthorised | Verdict::Unknown => {
                    return Err(reply.failure(self.service()));
                }
            }
        }
        Err(GatewayError::unknown(self.service()))
    }

    async fn refund(&self, instruction: &Instruction, units: i64) -> Result<Answer, GatewayError> {
        let Some(id) = self.intent_id(instruction).await? else {
            return Ok(reading::refused("not_found", "Stripe has no such payment"));
        };
        if self.is_old(instruction.key)
            && let Some(refund) = self.find_refund(instruction.key, &id).await?
        {
            return Ok(reading::refund(&refund));
        }
        let key = request::key(instruction.key, "refund", 0);
        let reply = self.send(&request::refund(instruction, &id, units, &key)).await?;
        match reply.verdict() {
            Verdict::Done => {
                let refund: Refund = reply.json(self.service())?;
                let is_stale = is_replayed(&reply);
                let refund = if is_stale { self.read_refund(&refund.id).await? } else { refund };
                Ok(reading::refund(&refund))
            }
            Verdict::Refused => {
                let problem = reply.json::<Failure>(self.service())?.error;
                match self.find_refund(instruction.key, &id).await? {
                    Some(refund) => Ok(reading::refund(&refund)),
                    None if problem.kind == "idempotency_error" => Ok(Answer::Unknown),
                    None => Ok(Answer::Declined(reading::decline(&problem))),
                }
            }
            Verdict::Busy | Verdict::Limited | Verdict::Unauthorised | Verdict::Unknown => {
                Err(reply.failure(self.service()))
            }
        }
    }

    /// Finds the intent of a charge or an authorisation. While the key is young, making it once more finds it.
    async fn first_intent(
        &self,
        instruction: &Instruction,
        units: i64,
        make: bool,
    ) -> Result<Found, GatewayError> {
        if let Some(reference) = &instruction.reference {
            return Ok(Found::Intent(Box::new(self.read(reference.as_str()).await?)));
        }
        if !self.is_old(instruction.key) {
            return self.make_intent(instruction, units).await;
        }
        match self.find_intent(instruction.key).await? {
            Some(intent) => Ok(Found::Intent(Box::new(intent))),
            None if make => self.make_intent(instruction, units).await,
            None => Ok(Found::Nothing),
        }
    }

    async fn make_intent(&self, instruction: &Instruction, units: i64) -> Result<Found, GatewayError> {
        for again in 0..MAX_KEYS {
            let key = request::key(instruction.key, "create", again);
            let reply = self.send(&request::create(instruction, units, &key)).await?;
            match reply.verdict() {
                Verdict::Done => {
                    let intent: Intent = reply.json(self.service())?;
                    let is_stale = is_replayed(&reply);
                    let intent = if is_stale { self.read(&intent.id).await? } else { intent };
                    return Ok(Found::Intent(Box::new(intent)));
                }
                Verdict::Refused => {
                    let problem = reply.json::<Failure>(self.service())?.error;
                    if problem.kind != "idempotency_error" {
                        return Ok(Found::Refused(reading::decline(&problem)));
                    }
                    // The key was used with other words, by another version of this adapter.
                    let found = self.find_intent(instruction.key).await?;
                    return found
                        .map(|intent| Found::Intent(Box::new(intent)))
                        .ok_or_else(|| GatewayError::unknown(self.service()));
                }
                // Nothing moves by an intent that nobody confirms: another one may be made.
                Verdict::Unknown if is_replayed(&reply) => {}
                Verdict::Busy | Verdict::Limited | Verdict::Unauthorised | Verdict::Unknown => {
                    return Err(reply.failure(self.service()));
                }
            }
        }
        Err(GatewayError::unknown(self.service()))
    }

    /// The intent that a later operation is about.
    async fn intent_id(&self, instruction: &Instruction) -> Result<Option<String>, GatewayError> {
        if let Some(reference) = &instruction.reference {
            return Ok(Some(reference.as_str().to_owned()));
        }
        Ok(self.find_intent(instruction.first_key).await?.map(|intent| intent.id))
    }

    /// Whether Stripe may have forgotten an operation's keys.
    fn is_old(&self, key: OperationId) -> bool {
        made_at(key).is_none_or(|at| self.clock.now() - at > KEY_LIFETIME)
    }
}

/// Whether Stripe repeats what it answered the first time, so that the object in it may be out of date.
fn is_replayed(reply: &Reply) -> bool {
    reply.header("idempotent-replayed") == Some("true")
}

#[async_trait]
impl PaymentGateway for StripeGateway {
    async fn execute(&self, instruction: &Instruction) -> Result<Answer, GatewayError> {
        let units = match AMOUNTS.units(instruction.amount) {
            Ok(units) => units,
            Err(problem) => return Ok(reading::not_expressible(problem)),
        };
        match instruction.kind {
            OperationKind::Charge | OperationKind::Authorise => self.begin(instruction, units, true).await,
            OperationKind::Capture | OperationKind::Void => self.go_on(instruction, units).await,
            OperationKind::Refund => self.refund(instruction, units).await,
        }
    }

    async fn ask(&self, instruction: &Instruction) -> Result<Answer, GatewayError> {
        let units = match AMOUNTS.units(instruction.amount) {
            Ok(units) => units,
            Err(problem) => return Ok(reading::not_expressible(problem)),
        };
        if matches!(instruction.kind, OperationKind::Charge | OperationKind::Authorise) {
            return self.begin(instruction, units, false).await;
        }
        let Some(id) = self.intent_id(instruction).await? else { return Ok(Answer::Absent) };
        if instruction.kind == OperationKind::Refund {
            let refund = self.find_refund(instruction.key, &id).await?;
            return Ok(refund.map_or(Answer::Absent, |refund| reading::refund(&refund)));
        }
        Ok(match reading::intent(&self.read(&id).await?, instruction) {
            Reading::Answer(answer) => answer,
            Reading::Open(decline) => Answer::Declined(decline),
            Reading::Ready => Answer::Absent,
        })
    }
}

impl fmt::Debug for StripeGateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StripeGateway").field("transport", &self.transport).finish_non_exhaustive()
    }
}
