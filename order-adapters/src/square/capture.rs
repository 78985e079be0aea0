//! Captures. Square completes a payment once, and as a whole.
//!
//! To take a part, the payment's amount is lowered before. That is a step of its own, under the capture's key, and only while the
//! payment has still its whole amount and the version that was read: so of several captures at once one gets on, and a payment whose
//! amount was lowered says that somebody has begun.
//!
//! A completed payment does not say which capture has completed it. A capture of the whole can only be one; of a part, Square knows
//! the key by which the amount was lowered. Where even that can't be told, the answer is that it is not known, and the provider's
//! books settle it.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use order_core::gateway::{GatewayError, Instruction};
use order_core::id::OperationId;
use order_core::payment::Answer;

use super::gateway::{SquareGateway, no_such_payment};
use super::object::{Payment, PaymentReply, Problem};
use super::reading::{self, Reading};
use super::request;
use crate::provider::Verdict;

/// How often a capture begins anew because somebody else has changed the payment meanwhile.
const MAX_ROUNDS: u8 = 4;

/// How many captures are remembered.
const MAX_REMEMBERED: usize = 1_000;

/// Which update of a payment Square grants.
const LOWER: &str = "EDIT_AMOUNT_DOWN";

/// Which capture has completed which payment, as far as this process knows. It only spares a question: everything that must
/// survive the process is at Square.
#[derive(Debug, Default)]
pub(super) struct Captured(Mutex<VecDeque<(String, OperationId)>>);

impl Captured {
    fn list(&self) -> MutexGuard<'_, VecDeque<(String, OperationId)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn by(&self, payment: &str) -> Option<OperationId> {
        self.list().iter().find(|(id, _)| id == payment).map(|(_, key)| *key)
    }

    fn remember(&self, payment: &str, key: OperationId) {
        let mut list = self.list();
        if list.len() >= MAX_REMEMBERED {
            list.pop_front();
        }
        list.push_back((payment.to_owned(), key));
    }
}

/// Whether a payment may be completed for a capture.
enum Claim {
    /// Yes, while it has this version.
    Held(Option<String>),
    /// No.
    Lost(Answer),
    /// Something has happened meanwhile: Square has refused, and the payment tells why.
    Again(Problem),
}

/// Whether Square knows a capture's key.
enum Known {
    Yes,
    No,
    /// It does not say.
    Maybe,
}

impl SquareGateway {
    pub(super) async fn capture(
        &self,
        instruction: &Instruction,
        units: i64,
    ) -> Result<Answer, GatewayError> {
        let Some(id) = self.payment_id(instruction).await? else { return Ok(no_such_payment()) };
        let mut refusal: Option<Problem> = None;
        for _ in 0..MAX_ROUNDS {
            let Some(payment) = self.read(&id).await? else { return Ok(no_such_payment()) };
            match reading::payment(&payment, instruction) {
                Reading::Answer(answer) => return Ok(answer),
                Reading::Taken => return self.whose(instruction, units, &payment).await,
                Reading::Ready => {}
            }
            if let Some(problem) = refusal.take().filter(|problem| !is_outdated(problem)) {
                return Ok(Answer::Declined(reading::decline(&problem)));
            }
            let version = match self.claim(instruction, units, &payment).await? {
                Claim::Held(version) => version,
                Claim::Lost(answer) => return Ok(answer),
                Claim::Again(problem) => {
                    refusal = Some(problem);
                    continue;
                }
            };
            let reply = self.send(request::complete(&id, version.as_deref())).await?;
            if reply.verdict() == Verdict::Done {
                let PaymentReply { payment } = reply.json(self.service())?;
                self.captured.remember(&id, instruction.key);
                return Ok(reading::taken(&payment));
            }
            refusal = Some(self.problem(&reply)?);
        }
        Ok(Answer::Unknown)
    }

    /// Makes the amount of a payment that of a capture.
    async fn claim(
        &self,
        instruction: &Instruction,
        units: i64,
        payment: &Payment,
    ) -> Result<Claim, GatewayError> {
        let (Some(amount), Some(approved)) = (reading::captured(payment), reading::approved(payment)) else {
            return Ok(Claim::Lost(Answer::Unknown));
        };
        let wanted = instruction.amount;
        if wanted.currency() != approved.currency() || wanted.currency() != amount.currency() {
            let answer = reading::refused("currency_mismatch", "the payment is in another currency");
            return Ok(Claim::Lost(answer));
        }
        // Square could raise it, and would ask the issuer for more than the customer has agreed to.
        if wanted.minor() > approved.minor() {
            let answer = reading::refused("amount_too_large", "less is set aside");
            return Ok(Claim::Lost(answer));
        }
        if amount.minor() < approved.minor() {
            return self.claimed_before(instruction, units, payment, wanted == amount).await;
        }
        if wanted == amount {
            return Ok(Claim::Held(payment.version_token.clone()));
        }
        if !payment.capabilities.iter().any(|capability| capability == LOWER) {
            let why =
                "Square does not let the amount of this payment be lowered, so it is captured as a whole";
            return Ok(Claim::Lost(reading::refused("partial_capture_not_supported", why)));
        }
        let call = request::update(instruction, &payment.id, units, payment.version_token.as_deref());
        let reply = self.send(call).await?;
        if reply.verdict() == Verdict::Done {
            let PaymentReply { payment } = reply.json(self.service())?;
            return Ok(Claim::Held(payment.version_token));
        }
        Ok(Claim::Again(self.problem(&reply)?))
    }

    /// The amount was lowered: by this capture, when an answer was lost, or by another one, which comes first.
    async fn claimed_before(
        &self,
        instruction: &Instruction,
        units: i64,
        payment: &Payment,
        may_be_ours: bool,
    ) -> Result<Claim, GatewayError> {
        let known = if may_be_ours { self.knows(instruction, units, &payment.id).await? } else { Known::No };
        Ok(match known {
            Known::Yes => Claim::Held(payment.version_token.clone()),
            Known::No => {
                Claim::Lost(reading::refused("capture_under_way", "another capture has begun to take a part"))
            }
            Known::Maybe => Claim::Lost(Answer::Unknown),
        })
    }

    /// The answer to a capture whose payment is completed.
    pub(super) async fn whose(
        &self,
        instruction: &Instruction,
        units: i64,
        payment: &Payment,
    ) -> Result<Answer, GatewayError> {
        let others = || reading::refused("already_captured", "the authorisation was captured before");
        if let Some(key) = self.captured.by(&payment.id) {
            return Ok(if key == instruction.key { reading::taken(payment) } else { others() });
        }
        let Some(amount) = reading::captured(payment) else { return Ok(Answer::Unknown) };
        if amount != instruction.amount {
            return Ok(others());
        }
        let is_whole = reading::approved(payment) == Some(amount);
        let known = if is_whole { Known::Yes } else { self.knows(instruction, units, &payment.id).await? };
        Ok(match known {
            Known::Yes => {
                self.captured.remember(&payment.id, instruction.key);
                reading::taken(payment)
            }
            Known::No => others(),
            Known::Maybe => Answer::Unknown,
        })
    }

    /// Whether a payment's amount was lowered under a capture's key.
    async fn knows(
        &self,
        instruction: &Instruction,
        units: i64,
        payment: &str,
    ) -> Result<Known, GatewayError> {
        let reply = self.send(request::probe(instruction, payment, units)).await?;
        if reply.verdict() == Verdict::Done {
            return Ok(Known::Yes);
        }
        let problem = self.problem(&reply)?;
        Ok(match problem.code.as_str() {
            "IDEMPOTENCY_KEY_REUSED" => Known::Yes,
            // Square has looked at the version, so the key is not known: unless it is forgotten.
            "VERSION_MISMATCH" if !self.is_old(instruction.key) => Known::No,
            _ => Known::Maybe,
        })
    }
}

/// Whether the payment was changed since it was read.
fn is_outdated(problem: &Problem) -> bool {
    matches!(problem.code.as_str(), "VERSION_MISMATCH" | "IDEMPOTENCY_KEY_REUSED")
}
