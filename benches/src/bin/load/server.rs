#![expect(
    clippy::indexing_slicing,
    reason = "what a JSON value does not have is null, and indexing it only panics when assigning"
)]

use hyper::body::Bytes;
use hyper::{Method, StatusCode, Uri};
use jsonwebtoken::{EncodingKey, Header};
use order_benches::measure::Done;
use order_benches::{Outcome, address};
use order_core::address::Address;
use order_core::money::{Currency, Money};
use order_core::time::{Clock as _, Duration, SystemClock};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::connection::{Connection, Question};
use crate::options::{Options, Scenario};

/// How many orders are listed.
const PAGE: usize = 20;

/// A server, spoken to as its clients do.
#[derive(Debug)]
pub(crate) struct Server {
    api: String,
    admin: Mutex<Connection>,
    customers: Vec<Mutex<Customer>>,
    products: Vec<Product>,
    address: Address,
    /// `POST /cart/items/bulk`, without what is put into the cart.
    fill_cart: Question,
    /// `POST /orders`, of what is in the cart, paid by card.
    checkout: Question,
}

/// A customer, with what they ask for again and again.
#[derive(Debug)]
struct Customer {
    connection: Connection,
    /// What they read, when they only read.
    reading: Option<Reading>,
}

/// The order that is read, which is the customer's latest, as the server sees it, and how it is asked for.
#[derive(Debug)]
struct Reading {
    id: String,
    question: Question,
}

#[derive(Debug)]
struct Product {
    id: String,
    /// `POST /cart/items`, of one unit of it.
    into_cart: Question,
    /// Units of it that were sold or held before.
    taken: i64,
}

/// What is looked at of an order: answers are long, and only this is taken out of them.
#[derive(Debug, Deserialize)]
struct OrderSeen<'a> {
    id: &'a str,
}

/// What is looked at of a page of orders.
#[derive(Debug, Deserialize)]
struct PageSeen<'a> {
    #[serde(borrow)]
    items: Vec<OrderSeen<'a>>,
}

/// What is looked at of the answer to an order, or of its refusal.
#[derive(Debug, Deserialize)]
struct Placed<'a> {
    code: Option<&'a str>,
    payment_status: Option<&'a str>,
}

/// What is put into a cart at once.
#[derive(Debug, Serialize)]
struct AtOnce<'a> {
    items: Vec<Item<'a>>,
}

/// An order of one unit of each product, paid on delivery.
#[derive(Debug, Serialize)]
struct OnDelivery<'a> {
    items: Vec<Item<'a>>,
    shipping_address: &'a Address,
    payment: Cash,
}

#[derive(Debug, Serialize)]
struct Item<'a> {
    product_id: &'a str,
    quantity: u32,
}

#[derive(Debug, Serialize)]
struct Cash {
    method: &'static str,
}

impl Server {
    /// Signs tokens for the customers, and fills the shelves.
    pub(crate) async fn open(url: &str, options: &Options) -> Outcome<Self> {
        let url: Uri = url.parse()?;
        let host =
            url.authority().filter(|_| url.scheme_str() == Some("http")).ok_or("--url is not http://…")?;
        let (base, prefix) = (url.path().trim_end_matches('/'), options.prefix.trim_end_matches('/'));
        let api = format!("{base}{prefix}");
        let server = match host.port() {
            Some(_) => host.to_string(),
            None => format!("{host}:80"),
        };
        let run = SystemClock.now().timestamp_millis();
        let connect = |name: &str, role: &str| -> Outcome<Connection> {
            let exp = (SystemClock.now() + Duration::hours(12)).timestamp();
            let claims = json!({ "sub": name, "roles": [role], "exp": exp });
            let secret = EncodingKey::from_secret(options.token_secret.as_bytes());
            Connection::new(&server, &jsonwebtoken::encode(&Header::default(), &claims, &secret)?)
        };
        let mut admin = connect("load", "admin")?;
        let products = stock_shelves(&mut admin, &api, options).await?;
        if products.len() < options.lines {
            return Err("the server has fewer products than an order has lines".into());
        }
        let card = json!({ "method": "card", "provider": "simulated", "token": "sim_approve" });
        let order = json!({ "shipping_address": address(), "payment": card });
        let mut server = Self {
            fill_cart: Question::new(Method::POST, &format!("{api}/cart/items/bulk"), Bytes::new())?,
            checkout: Question::new(Method::POST, &format!("{api}/orders"), order.to_string())?,
            api,
            admin: Mutex::new(admin),
            customers: Vec::new(),
            products,
            address: address(),
        };
        for client in 0..options.clients {
            let mut connection = connect(&format!("load-{run}-{client}"), "customer")?;
            let reading = if options.scenario.only_reads() {
                Some(server.place_what_is_read(&mut connection, options).await?)
            } else {
                None
            };
            server.customers.push(Mutex::new(Customer { connection, reading }));
        }
        Ok(server)
    }

    /// A full page of orders.
    async fn place_what_is_read(&self, connection: &mut Connection, options: &Options) -> Outcome<Reading> {
        let products: Vec<usize> = (0..options.lines).collect();
        for _ in 0..PAGE {
            expect(connection, self.on_delivery(&products)?).await?;
        }
        let list = Question::get(&format!("{}/orders?limit={PAGE}", self.api))?;
        let page = expect(connection, list.clone()).await?;
        let id = page["items"][0]["id"].as_str().ok_or("an order has no id")?.to_owned();
        let question = if options.scenario == Scenario::List {
            list
        } else {
            Question::get(&format!("{}/orders/{id}", self.api))?
        };
        Ok(Reading { id, question })
    }

    pub(crate) fn products(&self) -> usize {
        self.products.len()
    }

    pub(crate) async fn order(&self, scenario: Scenario, client: usize, products: &[usize]) -> Outcome<Done> {
        let mut customer = self.customers.get(client).ok_or("there is no such customer")?.lock().await;
        let Customer { connection, reading } = &mut *customer;
        if let Some(reading) = reading {
            return read(connection, reading, scenario).await;
        }
        let into_cart = match scenario {
            Scenario::Flow => self.some(products).map(|product| product.into_cart.clone()).collect(),
            Scenario::FlowAtOnce => {
                vec![self.fill_cart.clone().with(body(&AtOnce { items: self.items(products) })?)]
            }
            Scenario::Place
            | Scenario::Spread
            | Scenario::Hot
            | Scenario::HotSku
            | Scenario::Opposite
            | Scenario::Get
            | Scenario::List => Vec::new(),
        };
        for question in into_cart {
            let path = question.path().to_owned();
            let (status, body) = connection.ask(question).await?;
            if !status.is_success() {
                return Err(refusal(&path, status, body).into());
            }
        }
        let question = if scenario.is_paid() { self.checkout.clone() } else { self.on_delivery(products)? };
        let (status, body) = connection.ask(question).await?;
        let Placed { code, payment_status } = serde_json::from_slice(body)?;
        match (status, code, payment_status) {
            (StatusCode::CREATED, _, Some("paid")) => Ok(Done::Ordered),
            (StatusCode::CREATED, ..) if !scenario.is_paid() => Ok(Done::Ordered),
            (StatusCode::CONFLICT, Some("out_of_stock"), _) => Ok(Done::OutOfStock),
            _ => Err(refusal("POST /orders", status, body).into()),
        }
    }

    /// Products by their numbers.
    fn some<'a>(&'a self, numbers: &'a [usize]) -> impl Iterator<Item = &'a Product> {
        numbers.iter().filter_map(|number| self.products.get(*number))
    }

    /// One unit of each product.
    fn items<'a>(&'a self, products: &'a [usize]) -> Vec<Item<'a>> {
        self.some(products).map(|product| Item { product_id: &product.id, quantity: 1 }).collect()
    }

    /// One unit of each product, paid on delivery.
    fn on_delivery(&self, products: &[usize]) -> Outcome<Question> {
        let (items, payment) = (self.items(products), Cash { method: "cod" });
        let order = OnDelivery { items, shipping_address: &self.address, payment };
        Ok(self.checkout.clone().with(body(&order)?))
    }

    /// What is wrong with the shelves and with each customer's latest orders, and how many units left the shelves.
    pub(crate) async fn check(&self, options: &Options) -> Outcome<(Vec<String>, i64)> {
        let (mut findings, mut all) = (Vec::new(), 0);
        let mut admin = self.admin.lock().await;
        for Product { id, taken: before, .. } in &self.products {
            let path = format!("{}/inventory/stock/{id}", self.api);
            let stock = expect(&mut admin, Question::get(&path)?).await?;
            let (now, available) = (taken(&stock)? - before, units(&stock, "available")?);
            if now + available != i64::from(options.stock) {
                findings.push(format!("{id}: {now} were taken, {available} are left of {}", options.stock));
            }
            all += now;
        }
        let latest = Question::get(&format!("{}/orders?limit=100", self.api))?;
        for customer in &self.customers {
            let orders = expect(&mut customer.lock().await.connection, latest.clone()).await?;
            for order in orders["items"].as_array().into_iter().flatten() {
                if !adds_up(order)? {
                    findings.push(format!("{}: the totals are not the sum of their parts", order["id"]));
                }
                if options.scenario.is_paid() && order["payment_status"] != "paid" {
                    findings.push(format!("{}: is not paid", order["id"]));
                }
            }
        }
        Ok((findings, all))
    }
}

/// The products, with as many units of each as there are to be.
async fn stock_shelves(admin: &mut Connection, api: &str, options: &Options) -> Outcome<Vec<Product>> {
    let catalogue = expect(admin, Question::get(&format!("{api}/products"))?).await?;
    let ids = catalogue["items"].as_array().into_iter().flatten();
    let on_hand = json!({ "on_hand": options.stock }).to_string();
    let mut products = Vec::new();
    for id in ids.filter_map(|product| product["product_id"].as_str()) {
        let path = format!("{api}/inventory/stock/{id}");
        let stock = expect(admin, Question::new(Method::PUT, &path, on_hand.clone())?).await?;
        let item = json!({ "product_id": id, "quantity": 1 }).to_string();
        products.push(Product {
            id: id.to_owned(),
            into_cart: Question::new(Method::POST, &format!("{api}/cart/items"), item)?,
            taken: taken(&stock)?,
        });
    }
    Ok(products)
}

/// Reads an order, or the latest of them.
async fn read(connection: &mut Connection, reading: &Reading, scenario: Scenario) -> Outcome<Done> {
    let (status, body) = connection.ask(reading.question.clone()).await?;
    if status != StatusCode::OK {
        return Err(refusal("GET /orders", status, body).into());
    }
    let seen = if scenario == Scenario::Get {
        vec![serde_json::from_slice::<OrderSeen<'_>>(body)?]
    } else {
        let page: PageSeen<'_> = serde_json::from_slice(body)?;
        if page.items.len() != PAGE {
            return Err(format!("a page of {}", page.items.len()).into());
        }
        page.items
    };
    if seen.first().is_some_and(|order| order.id == reading.id) {
        Ok(Done::Ordered)
    } else {
        Err("another order".into())
    }
}

/// The body of an answer that must be good.
async fn expect(connection: &mut Connection, question: Question) -> Outcome<Value> {
    let path = question.path().to_owned();
    let (status, body) = connection.ask(question).await?;
    if !status.is_success() {
        return Err(refusal(&path, status, body).into());
    }
    Ok(serde_json::from_slice(body)?)
}

fn body(value: &impl Serialize) -> Outcome<Bytes> {
    Ok(Bytes::from(serde_json::to_vec(value)?))
}

fn refusal(what: &str, status: StatusCode, body: &[u8]) -> String {
    format!("{what}: {status}: {}", String::from_utf8_lossy(body))
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
