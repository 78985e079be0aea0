use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use order_core::gateway::{GatewayError, Instruction, PaymentGateway};
use order_core::memory::SimulatedGateway;
use order_core::payment::Answer;
use serde_json::{Value, json};

use crate::shop::{Shop, address};
use tokio::sync::Semaphore;

fn order_of_tea() -> Value {
    json!({"items": [{"product_id": "TEA", "quantity": 1}], "shipping_address": address(),
        "payment": {"method": "card", "token": "sim_approve"}})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_equal_requests_place_one_order() {
    let shop = Shop::open().await;
    let requests = (0..64).map(|_| {
        let shop = shop.clone();
        tokio::spawn(async move {
            shop.post("/orders").customer("ann").key("one").json(order_of_tea()).send().await.is(201)
        })
    });
    let requests: Vec<_> = requests.collect();
    let mut answers = HashSet::new();
    let mut replayed = 0;
    for request in requests {
        let answer = request.await.unwrap();
        replayed += usize::from(answer.header("idempotent-replayed") == Some("true"));
        answers.insert((answer.body.to_string(), answer.header("etag").unwrap().to_owned()));
    }
    assert_eq!((answers.len(), replayed), (1, 63));
    let orders = shop.get("/orders").customer("ann").send().await.is(200);
    assert_eq!(orders.body["items"].as_array().unwrap().len(), 1);
    assert_eq!(shop.gateway.books().len(), 1, "charged once");
}

#[tokio::test]
async fn a_key_belongs_to_one_request_of_one_caller() {
    let shop = Shop::open().await;
    let place =
        |customer: &str, body: &Value| shop.post("/orders").customer(customer).key("k").json(body.clone());
    let first = place("ann", &order_of_tea()).send().await.is(201);
    assert_eq!(first.header("idempotent-replayed"), None);
    let blanks = serde_json::to_string_pretty(&order_of_tea()).unwrap();
    let same = shop.post("/orders").customer("ann").key("k").raw(blanks).send().await.is(201);
    assert_eq!((&same.body, same.header("idempotent-replayed")), (&first.body, Some("true")));
    let mut other = order_of_tea();
    other["items"][0]["quantity"] = json!(2);
    place("ann", &other).send().await.problem(422, "idempotency_key_reused");
    let stranger = place("bob", &order_of_tea()).send().await.is(201);
    assert_ne!(stranger.id(), first.id());

    // The answer stays what it was, whatever becomes of the order.
    shop.set_status(&first.body, "processing").await.is(200);
    assert_eq!(place("ann", &order_of_tea()).send().await.is(201).body, first.body);
    // The same key for another route is another request.
    let cancel = shop.post(&format!("/orders/{}/cancel", first.id())).customer("ann").key("k");
    cancel.send().await.problem(422, "idempotency_key_reused");
}

#[tokio::test]
async fn what_moves_money_or_stock_is_done_once() {
    let shop = Shop::open().await;
    let order = shop.order("ann", &[("TEA", 2)], "sim_approve").await.is(201);
    let refunds = format!("/payments/{}/refunds", order.body["payment"]["id"].as_str().unwrap());
    let body = json!({"amount": {"amount": "1.00", "currency": "EUR"}});
    let reserve = json!({"items": [{"product_id": "RARE", "quantity": 1}]});
    for replayed in [None, Some("true")] {
        let refund = shop.post(&refunds).admin().key("r").json(body.clone()).send().await.is(201);
        assert_eq!(
            (&refund.body["refunded"]["amount"], refund.header("idempotent-replayed")),
            (&json!("1.00"), replayed)
        );
        let held = shop
            .post("/inventory/reservations")
            .service()
            .key("h")
            .json(reserve.clone())
            .send()
            .await
            .is(201);
        assert_eq!(held.header("idempotent-replayed"), replayed);
        let work = shop
            .put(&format!("/orders/{}/status", order.id()))
            .admin()
            .key("s")
            .json(json!({"status": "processing"}));
        assert_eq!(work.send().await.is(200).header("idempotent-replayed"), replayed);
        let parcel =
            shop.post(&format!("/orders/{}/shipments", order.id())).seller("north").key("p").json(json!({}));
        assert_eq!(parcel.send().await.is(201).header("idempotent-replayed"), replayed);
    }
    for key in ["", "x\u{e9}", &"x".repeat(256)] {
        let refused = shop.post(&refunds).admin().key(key).json(body.clone()).send().await;
        refused.problem(400, "invalid").names("/Idempotency-Key", "invalid_key");
    }
}

/// A provider that answers a call when it is told to.
#[derive(Debug)]
struct Doorman {
    inner: SimulatedGateway,
    called: Semaphore,
    door: Semaphore,
}

#[async_trait]
impl PaymentGateway for Doorman {
    async fn execute(&self, instruction: &Instruction) -> Result<Answer, GatewayError> {
        self.called.add_permits(1);
        let _ = self.door.acquire().await;
        self.inner.execute(instruction).await
    }

    async fn ask(&self, instruction: &Instruction) -> Result<Answer, GatewayError> {
        self.inner.ask(instruction).await
    }
}

#[tokio::test]
async fn who_comes_while_it_is_done_waits_or_is_told_to_come_back() {
    let doorman = Arc::new(Doorman {
        inner: SimulatedGateway::default(),
        called: Semaphore::new(0),
        door: Semaphore::new(0),
    });
    let patient = Shop::with_gateway(doorman.clone(), Duration::from_secs(10)).await;
    let hasty = patient.with_wait(Duration::ZERO);
    let place = |shop: &Shop| {
        let shop = shop.clone();
        tokio::spawn(async move {
            shop.post("/orders").customer("ann").key("k").json(order_of_tea()).send().await
        })
    };
    let first = place(&patient);
    drop(doorman.called.acquire().await.unwrap());
    let refused = place(&hasty).await.unwrap().problem(409, "in_flight");
    assert_eq!(refused.header("retry-after"), Some("1"));
    let second = place(&patient);
    doorman.door.add_permits(1);
    let (first, second) = (first.await.unwrap().is(201), second.await.unwrap().is(201));
    assert_eq!(first.body, second.body);
    assert_eq!((first.body["status"].as_str(), first.header("idempotent-replayed")), (Some("paid"), None));
    assert_eq!(second.header("idempotent-replayed"), Some("true"));
    assert_eq!(doorman.inner.books().len(), 1, "charged once");
}
