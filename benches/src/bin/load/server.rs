#![expect(
    clippy::indexing_slicing,
    reason = "what a JSON value does not have is null, and indexing it only panics when assigning"
)]

use std::collections::BTreeMap;

use jsonwebtoken::{EncodingKey, Header};
use order_benches::measure::Done;
use order_benches::{Outcome, address};
use order_core::money::{Currency, Money};
use order_core::time::{Clock as _, Duration, SystemClock};
use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use crate::options::{Options, Scenario};

/// How many orders are listed.
const PAGE: usize = 20;

/// A server, spoken to as its clients do.
#[derive(Debug)]
pub(crate) struct Server {
    client: Client,
    api: String,
    admin: String,
    customers: Vec<String>,
    products: Vec<String>,
    /// For each customer an order that is read.
    orders: Vec<String>,
    /// Units that were sold or held of each product before.
    taken: BTreeMap<String, i64>,
}

impl Server {
    /// Signs tokens for the customers, and fills the shelves.
    pub(crate) async fn open(url: &str, options: &Options) -> Outcome<Self> {
        let run = SystemClock.now().timestamp_millis();
        let token = |name: &str, role: &str| -> Outcome<String> {
            let exp = (SystemClock.now() + Duration::hours(12)).timestamp();
            let claims = json!({ "sub": name, "roles": [role], "exp": exp });
            let secret = EncodingKey::from_secret(options.token_secret.as_bytes());
            Ok(jsonwebtoken::encode(&Header::default(), &claims, &secret)?)
        };
        let customers = (0..options.clients).map(|client| token(&format!("load-{run}-{client}"), "customer"));
        let mut server = Self {
            client: Client::builder().pool_max_idle_per_host(options.clients).build()?,
            api: format!("{}{}", url.trim_end_matches('/'), options.prefix.trim_end_matches('/')),
            admin: token("load", "admin")?,
            customers: customers.collect::<Outcome<_>>()?,
            products: Vec::new(),
            orders: Vec::new(),
            taken: BTreeMap::new(),
        };
        let catalogue = expect(server.get("/products").bearer_auth(&server.admin)).await?;
        let ids = catalogue["items"].as_array().into_iter().flatten();
        server.products =
            ids.filter_map(|product| product["product_id"].as_str()).map(str::to_owned).collect();
        if server.products.len() < options.lines {
            return Err("the server has fewer products than an order has lines".into());
        }
        for product in &server.products {
            let path = format!("{}/inventory/stock/{product}", server.api);
            let put = server.client.put(path).bearer_auth(&server.admin);
            let stock = expect(put.json(&json!({ "on_hand": options.stock }))).await?;
            server.taken.insert(product.clone(), taken(&stock)?);
        }
        if options.scenario.only_reads() {
            server.place_what_is_read(options.lines).await?;
        }
        Ok(server)
    }

    /// A full page of orders for each customer.
    async fn place_what_is_read(&mut self, lines: usize) -> Outcome {
        for token in &self.customers {
            let mut id = None;
            for _ in 0..PAGE {
                let ids: Vec<&String> = self.products.iter().take(lines).collect();
                let order = expect(self.post("/orders", token).json(&on_delivery(&ids))).await?;
                id = order["id"].as_str().map(str::to_owned);
            }
            self.orders.push(id.ok_or("an order has no id")?);
        }
        Ok(())
    }

    /// Reads an order, or the latest of them.
    async fn read(&self, scenario: Scenario, client: usize, token: &str) -> Outcome<Done> {
        let id = self.orders.get(client).ok_or("there is no such order")?;
        if scenario == Scenario::Get {
            let order = expect(self.get(&format!("/orders/{id}")).bearer_auth(token)).await?;
            return if order["id"] == **id { Ok(Done::Ordered) } else { Err("another order".into()) };
        }
        let page = expect(self.get(&format!("/orders?limit={PAGE}")).bearer_auth(token)).await?;
        let count = page["items"].as_array().map_or(0, Vec::len);
        if count == PAGE { Ok(Done::Ordered) } else { Err(format!("a page of {count}").into()) }
    }

    pub(crate) fn products(&self) -> usize {
        self.products.len()
    }

    pub(crate) async fn order(&self, scenario: Scenario, client: usize, products: &[usize]) -> Outcome<Done> {
        let token = self.customers.get(client).ok_or("there is no such customer")?;
        let ids: Vec<&String> = products.iter().filter_map(|product| self.products.get(*product)).collect();
        if scenario.only_reads() {
            return self.read(scenario, client, token).await;
        }
        let mut order = on_delivery(&ids);
        if scenario == Scenario::Flow {
            for id in &ids {
                let item = json!({ "product_id": id, "quantity": 1 });
                expect(self.post("/cart/items", token).json(&item)).await?;
            }
            let card = json!({ "method": "card", "provider": "simulated", "token": "sim_approve" });
            order = json!({ "shipping_address": address(), "payment": card });
        }
        let response = self.post("/orders", token).json(&order).send().await?;
        let status = response.status();
        let body: Value = response.json().await?;
        match (status, body["code"].as_str(), body["payment_status"].as_str()) {
            (StatusCode::CREATED, _, Some("paid")) => Ok(Done::Ordered),
            (StatusCode::CREATED, ..) if scenario != Scenario::Flow => Ok(Done::Ordered),
            (StatusCode::CONFLICT, Some("out_of_stock"), _) => Ok(Done::OutOfStock),
            _ => Err(format!("POST /orders: {status}: {body}").into()),
        }
    }

    /// What is wrong with the shelves and with each customer's latest orders, and how many units left the shelves.
    pub(crate) async fn check(&self, options: &Options) -> Outcome<(Vec<String>, i64)> {
        let (mut findings, mut all) = (Vec::new(), 0);
        for (product, before) in &self.taken {
            let path = format!("/inventory/stock/{product}");
            let stock = expect(self.get(&path).bearer_auth(&self.admin)).await?;
            let (now, available) = (taken(&stock)? - before, units(&stock, "available")?);
            if now + available != i64::from(options.stock) {
                findings
                    .push(format!("{product}: {now} were taken, {available} are left of {}", options.stock));
            }
            all += now;
        }
        for token in &self.customers {
            let orders = expect(self.get("/orders?limit=100").bearer_auth(token)).await?;
            for order in orders["items"].as_array().into_iter().flatten() {
                if !adds_up(order)? {
                    findings.push(format!("{}: the totals are not the sum of their parts", order["id"]));
                }
                if options.scenario == Scenario::Flow && order["payment_status"] != "paid" {
                    findings.push(format!("{}: is not paid", order["id"]));
                }
            }
        }
        Ok((findings, all))
    }

    fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(format!("{}{path}", self.api))
    }

    fn post(&self, path: &str, token: &str) -> RequestBuilder {
        self.client.post(format!("{}{path}", self.api)).bearer_auth(token)
    }
}

/// One unit of each product, paid on delivery.
fn on_delivery(ids: &[&String]) -> Value {
    let items: Value = ids.iter().map(|id| json!({ "product_id": id, "quantity": 1 })).collect();
    json!({ "items": items, "shipping_address": address(), "payment": { "method": "cod" } })
}

/// The body of an answer that must be good.
async fn expect(request: RequestBuilder) -> Outcome<Value> {
    let response = request.send().await?;
    let (status, path) = (response.status(), response.url().path().to_owned());
    let body = response.text().await?;
    if !status.is_success() {
        return Err(format!("{path}: {status}: {body}").into());
    }
    Ok(serde_json::from_str(&body)?)
}

fn units(stock: &Value, field: &str) -> Outcome<i64> {
    stock[field].as_i64().ok_or_else(|| format!("{stock} says nothing of {field}").into())
}

fn taken(stock: &Value) -> Outcome<i64> {
    Ok(units(stock, "sold")? + units(stock, "reserved")?)
}

fn adds_up(order: &Value) -> Outcome<bool> {
    let totals = &order["totals"];
    let mut items = Money::zero(minor(&totals["total"])?.currency());
    for item in order["items"].as_array().into_iter().flatten() {
        items = items.plus(minor(&item["total"])?)?;
    }
    let sum = minor(&totals["subtotal"])?.minus(minor(&totals["discount"])?)?;
    let sum = sum.plus(minor(&totals["tax"])?)?.plus(minor(&totals["shipping"])?)?;
    Ok(sum == minor(&totals["total"])? && items == minor(&totals["subtotal"])?)
}

fn minor(money: &Value) -> Outcome<Money> {
    let text = |field| money[field].as_str().ok_or_else(|| format!("{money} is no money"));
    Ok(Money::parse(text("amount")?, text("currency")?.parse::<Currency>()?)?)
}
