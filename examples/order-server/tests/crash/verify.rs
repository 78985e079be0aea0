//! What the server must answer after a crash.

use std::sync::Arc;

use reqwest::Method;
use serde_json::Value;
use tokio::task::JoinSet;

use super::load::{Answered, Attempt, PRODUCTS, Shop, send};

/// The parts of an order that nothing may change.
fn content(order: &Value) -> Value {
    let items: Vec<Value> = order["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| {
            let field = |name: &str| item[name].clone();
            Value::Array(["id", "product_id", "quantity", "unit_price"].map(field).to_vec())
        })
        .collect();
    let field = |name: &str| order[name].clone();
    let mut all = ["id", "number", "user_id", "totals", "shipping_address", "created_at"].map(field).to_vec();
    all.extend(items);
    Value::Array(all)
}

/// Every order that was answered is there, with the same content, and is not older than it was. Returns how many answers there
/// were.
pub(crate) async fn answered_are_there(shop: &Shop, answers: &[Answered]) -> usize {
    for Answered { customer, order } in answers {
        let path = format!("/orders/{}", order["id"].as_str().unwrap());
        let found = send(shop.as_customer(customer, Method::GET, &path)).await;
        let (status, found) = found.expect("the server answers");
        assert_eq!(status, 200, "order {} was answered, and is lost: {found}", order["number"]);
        assert_eq!(content(&found), content(order), "order {} has changed", order["number"]);
        let version = |order: &Value| order["version"].as_u64().unwrap();
        assert!(
            version(&found) >= version(order),
            "order {} has forgotten an answered change",
            order["number"]
        );
    }
    answers.len()
}

/// Every request that is sent again is answered with the order it made, or makes one now; and then with the same again.
/// Returns how many were answered with an order.
pub(crate) async fn replays_answer_the_same(shop: &Arc<Shop>, attempts: &[Attempt]) -> usize {
    const AT_ONCE: usize = 8;
    let mut replays = JoinSet::new();
    for part in attempts.chunks(attempts.len().div_ceil(AT_ONCE).max(1)) {
        let (shop, part) = (shop.clone(), part.to_vec());
        replays.spawn(async move {
            let mut replayed = 0;
            for attempt in &part {
                replayed += usize::from(replay_answers_the_same(&shop, attempt).await);
            }
            replayed
        });
    }
    replays.join_all().await.into_iter().sum()
}

async fn replay_answers_the_same(shop: &Shop, attempt: &Attempt) -> bool {
    let (status, first) = send(shop.place(attempt)).await.expect("the server answers");
    if let Some(original) = &attempt.order {
        assert_eq!(status, 201, "{}: a replay is refused: {first}", attempt.key);
        assert_eq!(&first, original, "{}: a replay differs", attempt.key);
        return true;
    }
    // It was never answered: it may be done now, or be refused now, e.g. because the cart was ordered meanwhile.
    if status != 201 {
        assert!(matches!(status, 409 | 422), "{}: {status} {first}", attempt.key);
        return false;
    }
    let (status, second) = send(shop.place(attempt)).await.expect("the server answers");
    assert_eq!((status, &second), (201, &first), "{}: a replay differs", attempt.key);
    true
}

/// The stock levels: product, on hand, reserved, sold.
pub(crate) async fn stock(shop: &Shop) -> Vec<(String, i64, i64, i64)> {
    let mut levels = Vec::new();
    for sku in PRODUCTS {
        let answer = send(shop.as_admin(Method::GET, &format!("/inventory/stock/{sku}"))).await;
        let (status, level) = answer.expect("the server answers");
        assert_eq!(status, 200, "{level}");
        let number = |name: &str| level[name].as_i64().unwrap();
        let (on_hand, reserved, sold) = (number("on_hand"), number("reserved"), number("sold"));
        assert_eq!(on_hand, number("available") + reserved, "{sku}: {level}");
        assert_eq!(
            on_hand + sold,
            i64::from(super::load::STOCK),
            "{sku}: units appeared or vanished: {level}"
        );
        levels.push((sku.to_owned(), on_hand, reserved, sold));
    }
    levels
}
