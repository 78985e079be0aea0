use std::collections::HashSet;

use order_core::time::Duration;
use serde_json::Value;

use crate::shop::Shop;

fn ids(page: &Value) -> Vec<String> {
    page["items"].as_array().unwrap().iter().map(|order| order["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn pages_stay_pages_while_orders_come_in() {
    let shop = Shop::open().await;
    let mut placed = Vec::new();
    for _ in 0..7 {
        shop.clock.advance(Duration::seconds(1));
        placed.push(shop.order("ann", &[("TEA", 1)], "sim_approve").await.is(201).id());
    }
    placed.reverse();
    let mut seen = Vec::new();
    let mut path = "/orders?limit=3".to_owned();
    loop {
        let page = shop.get(&path).customer("ann").send().await.is(200).body;
        seen.extend(ids(&page));
        shop.clock.advance(Duration::seconds(1));
        shop.order("ann", &[("TEA", 1)], "sim_approve").await.is(201);
        match page["next_cursor"].as_str() {
            Some(cursor) => path = format!("/orders?limit=3&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(seen, placed, "each once, newest first, and none of those that came meanwhile");

    let first = shop.get("/orders?skip=1&limit=2").customer("ann").send().await.is(200).body;
    let all = shop.get("/orders?limit=100").customer("ann").send().await.is(200).body;
    assert_eq!(ids(&first), ids(&all)[1..3]);
    assert_eq!(all["next_cursor"], Value::Null);
    let oldest = shop.get("/orders?sort=created_at&limit=1").customer("ann").send().await.is(200).body;
    assert_eq!(ids(&oldest)[0], placed[6]);
}

#[tokio::test]
async fn filters_and_owners() {
    let shop = Shop::open().await;
    let tea = shop.order("ann", &[("TEA", 1)], "sim_approve").await.is(201);
    shop.clock.advance(Duration::days(1));
    let cup = shop.order("ann", &[("CUP", 1)], "sim_decline").await.is(201);
    let both = shop.order("bob", &[("CUP", 1), ("TEA", 1)], "sim_approve").await.is(201);
    let list = async |path: &str, admin: bool| {
        let call = shop.get(path);
        let call = if admin { call.admin() } else { call.customer("ann") };
        ids(&call.send().await.is(200).body).into_iter().collect::<HashSet<_>>()
    };
    let set =
        |answers: &[&crate::shop::Answer]| answers.iter().map(|answer| answer.id()).collect::<HashSet<_>>();
    assert_eq!(list("/orders", false).await, set(&[&tea, &cup]));
    assert_eq!(list("/orders", true).await, set(&[&tea, &cup, &both]));
    assert_eq!(list("/admin/orders?user_id=bob", true).await, set(&[&both]));
    assert_eq!(list("/orders/user/ann", true).await, set(&[&tea, &cup]));
    assert_eq!(list("/orders/user/ann?status=pending", false).await, set(&[&cup]));
    assert_eq!(list("/orders?status=pending&status=paid", true).await, set(&[&tea, &cup, &both]));
    assert_eq!(list("/orders?seller_id=north", true).await, set(&[&tea, &both]));
    assert_eq!(list("/orders?start_date=2026-01-02", true).await, set(&[&cup, &both]));
    assert_eq!(list("/orders?end_date=2026-01-01", true).await, set(&[&tea]));
    assert_eq!(
        list("/orders?start_date=2026-01-01T00:00:00Z&end_date=2026-01-01T00:00:00Z", true).await,
        set(&[&tea])
    );
    assert_eq!(list("/orders?start_date=2026-01-02T01:00:00+01:00", true).await, set(&[&cup, &both]));
    assert_eq!(list("/orders?q=cup", true).await, set(&[&cup, &both]));
    let mine = shop.get("/orders").seller("south").send().await.is(200).body;
    assert_eq!(ids(&mine).into_iter().collect::<HashSet<_>>(), set(&[&cup, &both]));
    let other = &mine["items"].as_array().unwrap().iter().find(|order| order["id"] == both.id()).unwrap();
    assert_eq!(other["items"].as_array().unwrap().len(), 1, "a seller sees its own lines only");
}
