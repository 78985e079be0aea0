//! A payment provider of the host's own: vouchers, each good for one payment. It keeps the contract of the port: the same key
//! never takes money twice, and what it has not heard of is `Absent`, not declined.
#![expect(clippy::print_stdout, reason = "a program that shows something")]

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use embedding::{Outcome, by_customer, catalogue, order_of, receive_stock};
use order_core::Engine;
use order_core::gateway::{GatewayError, Instruction, PaymentGateway};
use order_core::id::{OperationId, ProviderId};
use order_core::memory::MemoryStore;
use order_core::payment::{Answer, Decline, OperationKind};

/// The vouchers that were given out, and what was answered to each key.
#[derive(Debug)]
struct Vouchers {
    books: Mutex<Books>,
}

#[derive(Debug, Default)]
struct Books {
    unused: Vec<String>,
    answers: HashMap<OperationId, Answer>,
}

impl Vouchers {
    fn of(codes: &[&str]) -> Self {
        let unused = codes.iter().map(ToString::to_string).collect();
        Self { books: Mutex::new(Books { unused, answers: HashMap::new() }) }
    }
}

impl Books {
    fn carry_out(&mut self, instruction: &Instruction) -> Answer {
        let code = instruction.token.as_ref().map_or("", |token| token.reveal());
        match instruction.kind {
            OperationKind::Charge => match self.unused.iter().position(|unused| unused == code) {
                Some(place) => {
                    self.unused.remove(place);
                    Answer::Succeeded { amount: instruction.amount, reference: None }
                }
                None => Answer::Declined(Decline::new("voucher_used", "the voucher is used up")),
            },
            OperationKind::Refund => {
                self.unused.push(code.to_owned());
                Answer::Succeeded { amount: instruction.amount, reference: None }
            }
            OperationKind::Authorise | OperationKind::Capture | OperationKind::Void => {
                Answer::Declined(Decline::new("not_supported", "a voucher is charged at once"))
            }
        }
    }
}

#[async_trait]
impl PaymentGateway for Vouchers {
    async fn execute(&self, instruction: &Instruction) -> Result<Answer, GatewayError> {
        let mut books = self.books.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(answer) = books.answers.get(&instruction.key) {
            return Ok(answer.clone());
        }
        let answer = books.carry_out(instruction);
        books.answers.insert(instruction.key, answer.clone());
        Ok(answer)
    }

    async fn ask(&self, instruction: &Instruction) -> Result<Answer, GatewayError> {
        let books = self.books.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(books.answers.get(&instruction.key).cloned().unwrap_or(Answer::Absent))
    }
}

#[tokio::main]
async fn main() -> Outcome {
    let engine = Engine::builder(Arc::new(MemoryStore::default()))
        .catalogue(Arc::new(catalogue()?))
        .payment_gateway(ProviderId::new("vouchers")?, Arc::new(Vouchers::of(&["SPRING-1"])))
        .build()?;
    receive_stock(&engine, 10).await?;
    for customer in ["alice", "bob"] {
        let order = order_of("TEA", 1, "vouchers", "SPRING-1")?;
        let order = engine.orders().place(order, &by_customer(customer)?).await?.value;
        println!("{customer}: {}", order.status);
    }
    Ok(())
}
