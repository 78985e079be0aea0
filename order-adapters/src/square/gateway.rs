use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use order_core::gateway::{GatewayError, Instruction, PaymentGateway};
use order_core::id::{OperationId, PaymentId};
use order_core::payment::{Answer, OperationKind};
use order_core::time::{Clock, Duration, Timestamp};
use secrecy::SecretString;

use super::capture::Captured;
use super::object::{Failure, Payment, PaymentPage, PaymentReply, Problem, Refund, RefundReply};
use super::reading::{self, Reading};
use super::request::Span;
use super::{SquareBuilder, currency, request};
use crate::provider::{Call, Reply, Transport, Verdict, made_at};

/// How long a key is relied on. Square does not say how long it keeps them: minutes are certain.
const KEY_LIFETIME: Duration = Duration::minutes(10);

/// How long a payment may be missing in a list after it was made. Square says several seconds.
const LIST_LAG: Duration = Duration::minutes(1);

/// How far Square's clock and ours may be apart when a list is asked for by time.
const CLOCKS_APART: Duration = Duration::hours(1);

/// How many pages of a list are read: ten thousand payments. A busier shop's question stays unknown.
pub(super) const MAX_PAGES: u32 = 100;

/// Square as a payment gateway. See the [module](super).
pub struct SquareGateway {
    transport: Transport,
    pub(super) settings: Settings,
    pub(super) captured: Captured,
}

/// What a gateway was built with, besides its transport.
pub(super) struct Settings {
    pub(super) access_token: SecretString,
    pub(super) location_id: String,
    pub(super) api_version: String,
    pub(super) clock: Arc<dyn Clock>,
}

impl SquareGateway {
    /// Begins a gateway with an access token, and the location that takes the payments.
    pub fn builder(access_token: impl Into<String>, location_id: impl Into<String>) -> SquareBuilder {
        SquareBuilder::new(access_token.into(), location_id.into())
    }

    pub(super) fn new(transport: Transport, settings: Settings) -> Self {
        Self { transport, settings, captured: Captured::default() }
    }

    pub(super) async fn send(&self, call: Call) -> Result<Reply, GatewayError> {
        let call = call.header("square-version", self.settings.api_version.as_str());
        self.transport.send(&call, &self.settings.access_token).await
    }

    pub(super) fn service(&self) -> &'static str {
        self.transport.service()
    }

    /// What Square answered, when it is no success: why it refused.
    ///
    /// # Errors
    /// When it has decided nothing. The category counts, and not the status: an issuer's refusal may come as 403, and
    /// `TEMPORARY_ERROR` comes in the category of refusals and is none.
    pub(super) fn problem(&self, reply: &Reply) -> Result<Problem, GatewayError> {
        match reply.verdict() {
            Verdict::Refused | Verdict::Busy | Verdict::Unauthorised => {}
            Verdict::Done | Verdict::Limited | Verdict::Unknown => {
                return Err(reply.failure(self.service()));
            }
        }
        let failure = reply.json::<Failure>(self.service()).map_err(|_| reply.failure(self.service()))?;
        let problem = failure.errors.into_iter().next();
        let problem = problem.ok_or_else(|| reply.failure(self.service()))?;
        let service = self.service();
        match (problem.category.as_str(), problem.code.as_str()) {
            (_, "TEMPORARY_ERROR" | "CONFLICT" | "REQUEST_TIMEOUT") => Err(GatewayError::unknown(service)),
            ("AUTHENTICATION_ERROR", code) | (_, code @ "CARD_PROCESSING_NOT_ENABLED") => {
                let problem = format!("the provider refuses our credentials or rights: {code}");
                Err(GatewayError::Misused { service, problem })
            }
            ("PAYMENT_METHOD_ERROR" | "REFUND_ERROR" | "INVALID_REQUEST_ERROR", _) => Ok(problem),
            ("RATE_LIMIT_ERROR", _) => Err(GatewayError::not_sent(service)),
            _ => Err(GatewayError::unknown(service)),
        }
    }

    /// A charge or an authorisation: one call, under the operation's key.
    async fn begin(&self, instruction: &Instruction, units: i64) -> Result<Answer, GatewayError> {
        if let Some(payment) = self.known(instruction, self.is_old(instruction.key)).await? {
            return Ok(first_answer(&payment, instruction));
        }
        let source = match reading::source(instruction.token.as_ref()) {
            Ok(source) => source,
            Err(refusal) => return Ok(refusal),
        };
        let call = request::create(instruction, units, source, &self.settings.location_id);
        let reply = self.send(call).await?;
        if reply.verdict() == Verdict::Done {
            let PaymentReply { payment } = reply.json(self.service())?;
            // A repetition gives the answer of the first time: it may have come to its end meanwhile.
            let is_open = payment.status == "PENDING";
            let now = if is_open { self.read(&payment.id).await? } else { None };
            return Ok(first_answer(&now.unwrap_or(payment), instruction));
        }
        let problem = self.problem(&reply)?;
        match problem.code.as_str() {
            // It may be ourselves who have used them.
            "IDEMPOTENCY_KEY_REUSED" | "CARD_TOKEN_USED" | "SOURCE_USED" => {}
            _ => return Ok(Answer::Declined(reading::decline(&problem))),
        }
        match self.find(instruction.payment_id, instruction.key).await? {
            Some(payment) => Ok(first_answer(&payment, instruction)),
            None if problem.code == "IDEMPOTENCY_KEY_REUSED" => Ok(Answer::Unknown),
            None if self.age(instruction.key).is_some_and(|age| age < LIST_LAG) => Ok(Answer::Unknown),
            None => Ok(Answer::Declined(reading::decline(&problem))),
        }
    }

    /// The payment of a charge or an authorisation, as far as it is known by name, or can be looked up.
    async fn known(&self, instruction: &Instruction, look_up: bool) -> Result<Option<Payment>, GatewayError> {
        match &instruction.reference {
            Some(reference) => self.read(reference.as_str()).await,
            None if look_up => self.find(instruction.payment_id, instruction.first_key).await,
            None => Ok(None),
        }
    }

    /// The payment that a later operation is about. The name is enough for a call.
    pub(super) async fn payment_id(&self, instruction: &Instruction) -> Result<Option<String>, GatewayError> {
        if let Some(reference) = &instruction.reference {
            return Ok(Some(reference.as_str().to_owned()));
        }
        Ok(self.find(instruction.payment_id, instruction.first_key).await?.map(|payment| payment.id))
    }

    async fn void(&self, instruction: &Instruction) -> Result<Answer, GatewayError> {
        let id = match self.payment_id(instruction).await? {
            Some(id) => id,
            None => match self.cancel_lost(instruction).await? {
                Some(id) => id,
                None => return Ok(no_such_payment()),
            },
        };
        let reply = self.send(request::cancel(&id)).await?;
        let refusal = if reply.verdict() == Verdict::Done { None } else { Some(self.problem(&reply)?) };
        let Some(payment) = self.read(&id).await? else { return Ok(no_such_payment()) };
        Ok(match (reading::payment(&payment, instruction), refusal) {
            (Reading::Answer(answer), _) => answer,
            (Reading::Ready | Reading::Taken, Some(problem)) => Answer::Declined(reading::decline(&problem)),
            (Reading::Ready | Reading::Taken, None) => Answer::Unknown,
        })
    }

    /// Nobody has seen the payment that is to be given up. Whatever the first key may have made is cancelled by the key, so that
    /// nothing comes of it behind our back.
    async fn cancel_lost(&self, instruction: &Instruction) -> Result<Option<String>, GatewayError> {
        let reply = self.send(request::cancel_key(instruction.first_key)).await?;
        if reply.verdict() != Verdict::Done {
            // What can't be cancelled is there: the look-up tells.
            let _ = self.problem(&reply)?;
        }
        self.payment_id(instruction).await
    }

    async fn refund(&self, instruction: &Instruction, units: i64) -> Result<Answer, GatewayError> {
        let Some(id) = self.payment_id(instruction).await? else { return Ok(no_such_payment()) };
        if self.is_old(instruction.key)
            && let Some(refund) = self.find_refund(instruction.key, &id).await?
        {
            return Ok(reading::refund(&refund));
        }
        let reply = self.send(request::refund(instruction, &id, units)).await?;
        if reply.verdict() == Verdict::Done {
            let RefundReply { refund } = reply.json(self.service())?;
            // Square answers before it is done, and a repetition gives the answer of the first time.
            let is_open = refund.status.as_deref() == Some("PENDING");
            let now = if is_open { self.read_refund(&refund.id).await? } else { None };
            return Ok(reading::refund(&now.unwrap_or(refund)));
        }
        let problem = self.problem(&reply)?;
        match (self.find_refund(instruction.key, &id).await?, problem.code.as_str()) {
            (Some(refund), _) => Ok(reading::refund(&refund)),
            (None, "IDEMPOTENCY_KEY_REUSED") => Ok(Answer::Unknown),
            // It has to wait for another one, and can be made after it.
            (None, "REFUND_ALREADY_PENDING") => Err(GatewayError::not_sent(self.service())),
            (None, _) => Ok(Answer::Declined(reading::decline(&problem))),
        }
    }

    /// Looks through the payments that were made since an operation began. One that moved money counts before one that failed:
    /// Square keeps those as well.
    pub(super) async fn find(
        &self,
        payment_id: PaymentId,
        first_key: OperationId,
    ) -> Result<Option<Payment>, GatewayError> {
        let (since, ours) = (made_at(first_key).unwrap_or_default() - CLOCKS_APART, payment_id.to_string());
        let mut found: Option<Payment> = None;
        let mut cursor: Option<String> = None;
        for _ in 0..MAX_PAGES {
            let span = Span { since, until: None, limit: request::PAGE, cursor: cursor.as_deref() };
            let page = self.page(span).await?;
            for payment in page.payments {
                let is_ours = payment.reference_id.as_ref() == Some(&ours);
                if is_ours && rank(&payment) > found.as_ref().map_or(0, rank) {
                    found = Some(payment);
                }
            }
            cursor = page.cursor.filter(|cursor| !cursor.is_empty());
            if cursor.is_none() || found.as_ref().is_some_and(|found| rank(found) == MOVED) {
                return Ok(found);
            }
        }
        Err(GatewayError::unknown(self.service()))
    }

    pub(super) async fn page(&self, span: Span<'_>) -> Result<PaymentPage, GatewayError> {
        let reply = self.send(request::list_payments(&self.settings.location_id, span)).await?;
        if reply.verdict() == Verdict::Done {
            return reply.json(self.service());
        }
        Err(reply.failure(self.service()))
    }

    /// Finds a refund of ours among those of a payment, the newest first.
    async fn find_refund(&self, key: OperationId, payment: &str) -> Result<Option<Refund>, GatewayError> {
        let Some(payment) = self.read(payment).await? else { return Ok(None) };
        for id in payment.refund_ids.iter().rev() {
            let refund = self.read_refund(id).await?;
            let is_ours = |refund: &Refund| {
                refund.reason.as_deref().and_then(request::operation_of).is_some_and(|found| found == key)
            };
            if let Some(refund) = refund.filter(is_ours) {
                return Ok(Some(refund));
            }
        }
        Ok(None)
    }

    pub(super) async fn read(&self, id: &str) -> Result<Option<Payment>, GatewayError> {
        let reply: Option<PaymentReply> = self.get(request::read_payment(id)).await?;
        Ok(reply.map(|reply| reply.payment))
    }

    pub(super) async fn read_refund(&self, id: &str) -> Result<Option<Refund>, GatewayError> {
        let reply: Option<RefundReply> = self.get(request::read_refund(id)).await?;
        Ok(reply.map(|reply| reply.refund))
    }

    async fn get<T: serde::de::DeserializeOwned>(&self, call: Call) -> Result<Option<T>, GatewayError> {
        let reply = self.send(call).await?;
        match reply.verdict() {
            Verdict::Done => Ok(Some(reply.json(self.service())?)),
            Verdict::Refused if reply.status == 404 => Ok(None),
            Verdict::Refused
            | Verdict::Busy
            | Verdict::Limited
            | Verdict::Unauthorised
            | Verdict::Unknown => Err(reply.failure(self.service())),
        }
    }

    fn age(&self, key: OperationId) -> Option<Duration> {
        made_at(key).map(|at: Timestamp| self.settings.clock.now() - at)
    }

    /// Whether Square may have forgotten an operation's key.
    pub(super) fn is_old(&self, key: OperationId) -> bool {
        self.age(key).is_none_or(|age| age > KEY_LIFETIME)
    }
}

/// The rank of a payment by which money moved, or may move.
const MOVED: u8 = 3;

fn rank(payment: &Payment) -> u8 {
    match payment.status.as_str() {
        "FAILED" => 1,
        "CANCELED" => 2,
        _ => MOVED,
    }
}

/// What a payment says about the charge or authorisation that made it.
fn first_answer(payment: &Payment, instruction: &Instruction) -> Answer {
    match reading::payment(payment, instruction) {
        Reading::Answer(answer) => answer,
        Reading::Ready | Reading::Taken => Answer::Unknown,
    }
}

pub(super) fn no_such_payment() -> Answer {
    reading::refused("not_found", "Square has no such payment")
}

#[async_trait]
impl PaymentGateway for SquareGateway {
    async fn execute(&self, instruction: &Instruction) -> Result<Answer, GatewayError> {
        let units = match currency::units(instruction.amount) {
            Ok(units) => units,
            Err(problem) => return Ok(reading::not_expressible(problem)),
        };
        match instruction.kind {
            OperationKind::Charge | OperationKind::Authorise => self.begin(instruction, units).await,
            OperationKind::Capture => self.capture(instruction, units).await,
            OperationKind::Void => self.void(instruction).await,
            OperationKind::Refund => self.refund(instruction, units).await,
        }
    }

    async fn ask(&self, instruction: &Instruction) -> Result<Answer, GatewayError> {
        let units = match currency::units(instruction.amount) {
            Ok(units) => units,
            Err(problem) => return Ok(reading::not_expressible(problem)),
        };
        if instruction.kind == OperationKind::Refund {
            let Some(id) = self.payment_id(instruction).await? else { return Ok(Answer::Absent) };
            let refund = self.find_refund(instruction.key, &id).await?;
            return Ok(refund.map_or(Answer::Absent, |refund| reading::refund(&refund)));
        }
        let is_first = matches!(instruction.kind, OperationKind::Charge | OperationKind::Authorise);
        if is_first
            && instruction.reference.is_none()
            && let Err(refusal) = reading::source(instruction.token.as_ref())
        {
            return Ok(refusal);
        }
        let Some(payment) = self.known(instruction, true).await? else { return Ok(Answer::Absent) };
        match reading::payment(&payment, instruction) {
            Reading::Answer(answer) => Ok(answer),
            Reading::Ready => Ok(Answer::Absent),
            Reading::Taken => self.whose(instruction, units, &payment).await,
        }
    }
}

impl fmt::Debug for SquareGateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SquareGateway")
            .field("transport", &self.transport)
            .field("location_id", &self.settings.location_id)
            .finish_non_exhaustive()
    }
}
