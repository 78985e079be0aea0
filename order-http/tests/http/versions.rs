use serde_json::json;

use crate::shop::Shop;

#[tokio::test]
async fn a_stale_write_to_a_cart_is_refused() {
    let shop = Shop::open().await;
    let item = json!({"product_id": "TEA", "quantity": 1});
    let add = |tag: &str| shop.post("/cart/items").customer("ann").header("if-match", tag).json(item.clone());
    assert_eq!(shop.get("/cart").customer("ann").send().await.header("etag"), Some("\"0\""));
    assert_eq!(add("\"0\"").send().await.is(200).header("etag"), Some("\"1\""));
    add("\"0\"").send().await.problem(412, "stale_version");
    assert_eq!(add("*").send().await.is(200).header("etag"), Some("\"2\""));
    for tag in ["W/\"2\"", "\"two\"", "\"\"", "\"99999999999999999999\"", "\"+2\""] {
        add(tag).send().await.problem(412, "stale_version");
    }
    for tag in ["2", "\"2", "\"1\", \"2\"", "", "**"] {
        add(tag).send().await.problem(400, "invalid").names("/If-Match", "malformed");
    }
    shop.delete("/cart")
        .customer("ann")
        .header("if-match", "\"1\"")
        .send()
        .await
        .problem(412, "stale_version");
    shop.delete("/cart").customer("ann").header("if-match", "\"2\"").send().await.is(200);
}

#[tokio::test]
async fn a_stale_write_to_an_order_is_refused() {
    let shop = Shop::open().await;
    let order = shop.order("ann", &[("TEA", 1)], "sim_approve").await.is(201);
    let tag = order.header("etag").unwrap().to_owned();
    assert_eq!(tag, format!("\"{}\"", order.body["version"]));
    let path = format!("/orders/{}", order.id());
    assert_eq!(shop.get(&path).customer("ann").send().await.header("etag"), Some(tag.as_str()));
    let work = |tag: &str| {
        shop.put(&format!("{path}/status"))
            .admin()
            .header("if-match", tag)
            .json(json!({"status": "processing"}))
    };
    work("\"1\"").send().await.problem(412, "stale_version");
    let changed = work(&tag).send().await.is(200);
    assert_ne!(changed.header("etag"), Some(tag.as_str()));
    let cancel = format!("{path}/cancel");
    shop.post(&cancel).customer("ann").header("if-match", &tag).send().await.problem(412, "stale_version");
    let tag = changed.header("etag").unwrap();
    shop.post(&cancel).customer("ann").header("if-match", tag).send().await.is(200);
}
