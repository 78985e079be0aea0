use std::collections::{BTreeMap, HashMap, HashSet};

use super::dashboard;
use super::webhooks::Happenings;
use crate::gateway::Instruction;
use crate::id::{OperationId, OrderId, PaymentId, ProviderReference};
use crate::money::{Currency, Money, MoneyError};
use crate::payment::{
    Answer, Decline, DisputeStatus, OperationKind, PaymentAction, RefundStatus, Release, ReportedDispute,
    ReportedRefund,
};

/// What the simulated provider, or another provider's stand-in, has in its books for one charge or authorisation.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SimulatedAccount {
    /// The key of the charge or authorisation it began with.
    pub first_key: OperationId,
    /// The payment it is for.
    pub payment_id: PaymentId,
    /// The order it is for.
    pub order_id: OrderId,
    /// How much was set aside, or charged.
    pub authorised: Money,
    /// How much was taken.
    pub captured: Money,
    /// How much went back.
    pub refunded: Money,
    /// How much of what was set aside was given up.
    pub voided: Money,
    /// Why what was not captured is not set aside any more.
    pub released: Option<Release>,
    /// Every refund, oldest first.
    pub refunds: Vec<ReportedRefund>,
    /// Every dispute, oldest first.
    pub disputes: Vec<ReportedDispute>,
}

impl SimulatedAccount {
    /// An account with money set aside, and nothing taken yet.
    pub fn new(first_key: OperationId, payment_id: PaymentId, order_id: OrderId, authorised: Money) -> Self {
        let nothing = Money::zero(authorised.currency());
        Self {
            first_key,
            payment_id,
            order_id,
            authorised,
            captured: nothing,
            refunded: nothing,
            voided: nothing,
            released: None,
            refunds: Vec::new(),
            disputes: Vec::new(),
        }
    }

    /// How much is set aside and neither taken nor given up.
    pub(super) fn open(&self) -> Result<Money, MoneyError> {
        self.authorised.minus(self.captured)?.minus(self.voided)
    }

    /// Gives money back, if there is so much that is not disputed.
    pub(super) fn give_back(
        &mut self,
        reference: ProviderReference,
        operation_id: Option<OperationId>,
        amount: Money,
    ) -> Result<bool, MoneyError> {
        let disputed = self.disputes.iter().filter(|dispute| dispute.status != DisputeStatus::Won);
        let disputed = Money::sum(amount.currency(), disputed.map(|dispute| dispute.amount))?;
        let left = self.captured.minus(self.refunded)?.minus(disputed)?;
        if !amount.is_positive() || amount.compare(left)?.is_gt() {
            return Ok(false);
        }
        self.refunded = self.refunded.plus(amount)?;
        self.refunds.push(ReportedRefund {
            reference,
            operation_id,
            amount,
            status: RefundStatus::Succeeded,
        });
        Ok(true)
    }
}

/// What the provider knows of one key.
#[derive(Debug)]
struct Known {
    payment_id: PaymentId,
    currency: Currency,
    answer: Answer,
    /// How often it still answers that it has not decided.
    undecided: u32,
    /// What is still to be carried out: nothing, once the answer is final. There is one of these for each payment that was ever made.
    waiting: Option<Box<Instruction>>,
}

impl Known {
    fn new(instruction: &Instruction, answer: Answer, undecided: u32) -> Self {
        let is_final = undecided == 0 && !matches!(answer, Answer::ActionRequired { .. } | Answer::Approved);
        Self {
            payment_id: instruction.payment_id,
            currency: instruction.amount.currency(),
            answer,
            undecided,
            waiting: (!is_final).then(|| Box::new(instruction.clone())),
        }
    }
}

/// The provider behind the gateway: what it was told, and its books. It keeps the money's rules, whatever it is told.
#[derive(Debug, Default)]
pub(super) struct Provider {
    pub(super) calls: u64,
    pub(super) questions: u64,
    operations: HashMap<OperationId, Known>,
    accounts: BTreeMap<OperationId, SimulatedAccount>,
    firsts: HashMap<PaymentId, OperationId>,
    lost: HashSet<OperationId>,
    refused_refunds: HashSet<PaymentId>,
    numbers: u64,
    /// What it has to tell, if it tells anything.
    pub(super) happenings: Option<Happenings>,
}

impl Provider {
    pub(super) fn books(&self) -> Vec<SimulatedAccount> {
        self.accounts.values().cloned().collect()
    }

    pub(super) fn account_mut(&mut self, payment: PaymentId) -> Option<&mut SimulatedAccount> {
        self.accounts.values_mut().find(|account| account.payment_id == payment)
    }

    pub(super) fn account(&self, first_key: OperationId) -> Option<&SimulatedAccount> {
        self.accounts.get(&first_key)
    }

    /// The charge or authorisation that a payment began with.
    pub(super) fn first_key(&self, payment: PaymentId) -> Option<OperationId> {
        self.firsts.get(&payment).copied()
    }

    /// Every charge and authorisation.
    pub(super) fn first_keys(&self) -> impl Iterator<Item = OperationId> {
        self.firsts.values().copied()
    }

    /// A charge or authorisation that has brought nothing so far: whose, and what is said of it.
    pub(super) fn begun(&self, first_key: OperationId) -> Option<(PaymentId, Currency, Answer)> {
        let known = self.operations.get(&first_key)?;
        let answer = if known.undecided > 0 { Answer::Unknown } else { known.answer.clone() };
        Some((known.payment_id, known.currency, answer))
    }

    /// A number that was not given before.
    pub(super) fn next_number(&mut self) -> u64 {
        self.numbers = self.numbers.saturating_add(1);
        self.numbers
    }

    /// Whether a key is new, so that its message may be lost once.
    pub(super) fn lose_once(&mut self, key: OperationId) -> bool {
        !self.operations.contains_key(&key) && self.lost.insert(key)
    }

    /// Whether this is the first refund of a payment.
    pub(super) fn refuse_once(&mut self, instruction: &Instruction) -> bool {
        !self.operations.contains_key(&instruction.key) && self.refused_refunds.insert(instruction.payment_id)
    }

    pub(super) fn knows(&self, key: OperationId) -> bool {
        self.operations.contains_key(&key)
    }

    /// Carries out what the customer has agreed to.
    pub(super) fn go_ahead(&mut self, key: OperationId) -> Option<Answer> {
        let known = self.operations.get(&key).filter(|known| known.answer == Answer::Approved)?;
        let instruction = known.waiting.clone()?;
        let answer = self.carry_out(&instruction);
        self.remember(&instruction, answer.clone(), 0);
        Some(answer)
    }

    /// What it answers about a key now. A question brings what is undecided nearer to its decision.
    pub(super) fn answer(&mut self, key: OperationId, is_question: bool) -> Answer {
        let Some(known) = self.operations.get_mut(&key) else { return Answer::Absent };
        if known.undecided > 0 {
            if is_question {
                known.undecided = known.undecided.saturating_sub(1);
            }
            if !is_question || known.undecided > 0 {
                return Answer::Unknown;
            }
            let Some(instruction) = known.waiting.clone() else { return Answer::Unknown };
            let answer = self.carry_out(&instruction);
            self.remember(&instruction, answer.clone(), 0);
            return answer;
        }
        known.answer.clone()
    }

    /// Keeps the answer to a key.
    pub(super) fn remember(&mut self, instruction: &Instruction, answer: Answer, undecided: u32) {
        if matches!(instruction.kind, OperationKind::Charge | OperationKind::Authorise) {
            self.firsts.insert(instruction.payment_id, instruction.key);
        }
        self.operations.insert(instruction.key, Known::new(instruction, answer, undecided));
        self.tell_of(instruction);
    }

    /// Moves the money, if the rules allow it.
    pub(super) fn carry_out(&mut self, instruction: &Instruction) -> Answer {
        let amount = instruction.amount;
        let moved = match instruction.kind {
            OperationKind::Charge | OperationKind::Authorise => Ok(self.begin(instruction)),
            OperationKind::Capture | OperationKind::Void | OperationKind::Refund => self.go_on(instruction),
        };
        match moved {
            Ok(Ok(moved)) => Answer::Succeeded { amount: moved, reference: reference(instruction) },
            Ok(Err(code)) => declined(code),
            Err(MoneyError::CurrencyMismatch { .. }) => declined("currency_mismatch"),
            Err(_) if amount.is_negative() => declined("invalid_amount"),
            Err(_) => declined("amount_too_large"),
        }
    }

    fn begin(&mut self, instruction: &Instruction) -> Result<Money, &'static str> {
        let amount = instruction.amount;
        if !amount.is_positive() {
            return Err("invalid_amount");
        }
        let Instruction { key, payment_id, order_id, .. } = instruction;
        let mut account = SimulatedAccount::new(*key, *payment_id, *order_id, amount);
        if instruction.kind == OperationKind::Charge {
            account.captured = amount;
        }
        self.accounts.insert(instruction.key, account);
        Ok(amount)
    }

    fn go_on(&mut self, instruction: &Instruction) -> Result<Result<Money, &'static str>, MoneyError> {
        let amount = instruction.amount;
        if instruction.kind == OperationKind::Void && self.give_up_waiting(instruction.first_key) {
            return Ok(Ok(amount));
        }
        let Some(account) = self.accounts.get_mut(&instruction.first_key) else {
            return Ok(Err("not_found"));
        };
        let open = account.open()?;
        if instruction.kind == OperationKind::Void {
            if !open.is_positive() {
                return Ok(Err(if account.captured.is_positive() {
                    "already_captured"
                } else {
                    "already_voided"
                }));
            }
            account.voided = account.voided.plus(open)?;
            account.released = Some(Release::Voided);
            return Ok(Ok(open));
        }
        if !amount.is_positive() {
            return Ok(Err("invalid_amount"));
        }
        if instruction.kind == OperationKind::Capture {
            if open.is_zero() {
                return Ok(Err(if account.voided.is_positive() {
                    "already_voided"
                } else {
                    "already_captured"
                }));
            }
            if amount.compare(open)?.is_gt() {
                return Ok(Err("amount_too_large"));
            }
            account.captured = account.captured.plus(amount)?;
        } else {
            let Some(name) = reference(instruction) else { return Ok(Err("not_found")) };
            if !account.give_back(name, Some(instruction.key), amount)? {
                return Ok(Err("amount_too_large"));
            }
        }
        Ok(Ok(amount))
    }

    /// Ends a charge or authorisation that waits for its customer.
    fn give_up_waiting(&mut self, first_key: OperationId) -> bool {
        let Some(known) = self.operations.get_mut(&first_key) else { return false };
        if !matches!(known.answer, Answer::ActionRequired { .. } | Answer::Approved) {
            return false;
        }
        let Some(instruction) = known.waiting.take() else { return false };
        known.answer = declined("voided");
        self.tell_of(&instruction);
        true
    }

    /// The customer has done what was asked of them, or has refused to. Where the caller has to go on, nothing moves yet.
    pub(super) fn complete(
        &mut self,
        payment: PaymentId,
        approve: bool,
        caller_goes_on: impl Fn(&Instruction) -> bool,
    ) -> bool {
        let Some(known) = self.firsts.get(&payment).and_then(|key| self.operations.get(key)) else {
            return false;
        };
        if !matches!(known.answer, Answer::ActionRequired { .. }) {
            return false;
        }
        let Some(instruction) = known.waiting.clone() else { return false };
        let answer = match (approve, caller_goes_on(&instruction)) {
            (true, true) => Answer::Approved,
            (true, false) => self.carry_out(&instruction),
            (false, _) => declined("authentication_failed"),
        };
        self.remember(&instruction, answer, 0);
        true
    }
}

/// A refusal.
pub(super) fn declined(code: &'static str) -> Answer {
    Answer::Declined(Decline::new(code, code.replace('_', " ")))
}

/// What the customer has to do.
pub(super) fn action(instruction: &Instruction) -> Answer {
    let url = format!("/simulated/payments/{}/complete", instruction.payment_id);
    Answer::ActionRequired { action: PaymentAction::Redirect { url }, reference: reference(instruction) }
}

/// What the provider calls its object: made from the key of the charge or authorisation, and of a refund from its own.
fn reference(instruction: &Instruction) -> Option<ProviderReference> {
    if instruction.kind == OperationKind::Refund {
        return ProviderReference::new(format!("sim_re_{}", instruction.key.uuid().simple())).ok();
    }
    dashboard::reference(instruction.first_key)
}
