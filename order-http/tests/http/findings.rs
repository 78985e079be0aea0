use serde_json::{Value, json};

use crate::shop::Shop;

#[tokio::test]
async fn another_amount_is_found_and_resolved_by_the_staff() {
    let shop = Shop::open().await;
    let order = shop.order("ann", &[("TEA", 1)], "sim_wrong_amount").await.is(201);
    assert_eq!(
        (&order.body["status"], &order.body["payment_status"]),
        (&json!("pending"), &json!("pending"))
    );
    let path = format!("/orders/{}/findings", order.id());
    let found = shop.get(&path).admin().send().await.is(200);
    let finding = found.body["items"][0].clone();
    let euros = |amount: &str| json!({"amount": amount, "currency": "EUR"});
    assert_eq!((&finding["kind"], &finding["status"]), (&json!("amount_differs"), &json!("open")));
    assert_eq!((&finding["ours"], &finding["theirs"]), (&euros("12.30"), &euros("12.29")));

    let resolve = |note: &str| {
        let body = json!({"finding_id": finding["id"], "resolution": "accept_provider", "note": note});
        shop.post(&format!("{path}/resolve")).admin().json(body)
    };
    resolve("").send().await.problem(422, "invalid");
    let resolved = resolve("the bank took a cent").send().await.is(200);
    assert_eq!(resolved.body["payment_status"], "partially_paid");
    resolve("once more").send().await.problem(409, "finding_resolved");
    let found = shop.get(&path).admin().send().await.is(200);
    let finding = &found.body["items"][0];
    assert_eq!((&finding["status"], &finding["note"]), (&json!("resolved"), &json!("the bank took a cent")));
    assert_eq!(finding["resolved_by"]["kind"], "staff");
    let history = shop.get(&format!("/orders/{}/history", order.id())).admin().send().await.is(200);
    let names: Vec<&Value> =
        history.body["items"].as_array().unwrap().iter().map(|event| &event["name"]).collect();
    assert!(
        names.contains(&&json!("finding.opened")) && names.contains(&&json!("finding.resolved")),
        "{names:?}"
    );
}
