//! Payments through providers' stand-ins: inside the server, and outside of it; and the page on which a customer acts.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]

mod client;

use std::ffi::OsString;
use std::sync::Arc;
use std::time::{Duration, Instant};

use client::Client;
use order_core::time::SystemClock;
use order_server::providers::stand_in::Letter;
use order_server::providers::{ProviderKind, courier, stand_in};
use order_server::{Config, Server};
use reqwest::Method;
use reqwest::redirect::Policy;
use serde_json::{Value, json};

fn config(more: &[(&str, &str)]) -> Config {
    let find = |name: &str| {
        let given = more.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
        if name == "DATABASE_URL" { Some("memory:".into()) } else { given.map(OsString::from) }
    };
    Config::read(None, &find).unwrap().on_free_port()
}

fn order(provider: &str, token: Option<&str>) -> Value {
    let mut body = json!({
        "items": [{ "product_id": "TEA-GREEN", "quantity": 2 }],
        "shipping_address": { "line1": "1 Main St", "city": "Cork", "postal_code": "T12", "country": "IE" },
        "payment": { "method": "card", "provider": provider },
    });
    if let Some(token) = token {
        body["payment"]["token"] = json!(token);
    }
    body
}

/// A browser: it knows no token, and tells where it is sent.
struct Browser(reqwest::Client, String);

impl Browser {
    fn of(server: &Server) -> Self {
        let client = reqwest::Client::builder().redirect(Policy::none()).build().unwrap();
        Self(client, format!("http://{}", server.address()))
    }

    async fn get(&self, path: &str) -> (u16, String, String) {
        self.go(self.0.get(format!("{}{path}", self.1))).await
    }

    async fn press(&self, path: &str, button: &'static str) -> (u16, String, String) {
        self.go(self.0.post(format!("{}{path}", self.1)).body(button)).await
    }

    /// Status, where it is sent, and the page.
    async fn go(&self, request: reqwest::RequestBuilder) -> (u16, String, String) {
        let response = request.send().await.unwrap();
        let location = response.headers().get("location").map(|value| value.to_str().unwrap().to_owned());
        (response.status().as_u16(), location.unwrap_or_default(), response.text().await.unwrap())
    }
}

#[tokio::test]
async fn stand_ins_inside_the_server_take_payments() {
    let kinds = ProviderKind::ALL.map(ProviderKind::name).join(",");
    let server = Server::start(&config(&[("FAKE_PROVIDERS", &kinds)])).await.unwrap();
    let client = Client::register(&server, "ann@example.org").await;
    assert_eq!(server.stand_ins().len(), ProviderKind::ALL.len());
    for stand_in in server.stand_ins() {
        let provider = stand_in.kind().name();
        let tokens = stand_in.kind().test_tokens();
        for ((token, outcome), expected) in tokens.iter().zip(["paid", "failed", "pending"]) {
            let (status, placed) = client.post(&server, "/api/v1/orders", order(provider, Some(token))).await;
            assert_eq!((status, &placed["payment_status"]), (201, &json!(expected)), "{outcome}: {placed}");
        }
        let books = stand_in.accounts();
        assert_eq!(books.iter().map(|account| account.captured.minor()).collect::<Vec<_>>(), [2_460]);
        let (status, shown) =
            client.send(&server, Method::GET, &format!("/simulated/books/{provider}"), &Value::Null).await;
        assert_eq!((status, &shown["items"][0]["captured"]["amount"]), (200, &json!("24.60")), "{shown}");
    }
    let unknown = client.send(&server, Method::GET, "/simulated/books/adyen", &Value::Null).await;
    assert_eq!(unknown.0, 404);
    server.stop().await;
}

#[tokio::test]
async fn a_provider_at_an_address_is_told_by_its_settings() {
    for kind in ProviderKind::ALL {
        let stand_in = stand_in::start(kind, Arc::new(SystemClock)).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let mut settings = stand_in.settings(folder.path()).unwrap();
        settings.push(("PAYMENT_PROVIDER", kind.name().to_owned()));
        let settings: Vec<(&str, &str)> =
            settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let server = Server::start(&config(&settings)).await.unwrap();
        let client = Client::register(&server, "ann@example.org").await;
        let (approved, _) = kind.test_tokens()[0];
        let placed = client.order(&server, approved).await;
        assert_eq!(
            (&placed["status"], &placed["payment"]["provider"]),
            (&json!("paid"), &json!(kind.name())),
            "{placed}"
        );
        let path = format!("/api/v1/orders/{}/cancel", placed["id"].as_str().unwrap());
        let (status, cancelled) = client.post(&server, &path, json!({})).await;
        assert_eq!((status, &cancelled["status"]), (200, &json!("cancelled")), "{cancelled}");
        assert_eq!(client.available(&server).await, 1_000);
        let books = stand_in.accounts();
        assert_eq!(books.len(), 1);
        assert_eq!((books[0].captured.minor(), books[0].refunded.minor()), (2_460, 2_460));
        assert_eq!(books[0].payment_id.unwrap().to_string(), placed["payment"]["id"].as_str().unwrap());
        let address = courier::address(&format!("http://{}/api/v1", server.address()), &*stand_in);
        for letter in stand_in.letters(0).unwrap() {
            let status = courier::bring(&client.http, &address, &letter).await;
            assert_eq!(status, Some(200), "{letter:?}");
            let forged = Letter { body: letter.body.replace(':', ": "), ..letter };
            assert_eq!(courier::bring(&client.http, &address, &forged).await, Some(400), "{forged:?}");
        }
        server.stop().await;
    }
}

#[tokio::test]
async fn a_customer_approves_or_declines_on_a_page() {
    let server = Server::start(&config(&[("FAKE_PROVIDERS", "stripe,paypal")])).await.unwrap();
    let client = Client::register(&server, "ann@example.org").await;
    let browser = Browser::of(&server);
    // In Stripe's form one may try another card, and at PayPal come back later: there a refusal changes nothing.
    for (provider, token, declined) in [
        ("simulated", Some("sim_action"), "failed"),
        ("stripe", Some("pm_card_authenticationRequired"), "failed"),
        ("stripe", None, "pending"),
        ("paypal", None, "pending"),
        ("paypal", Some("vault_asks"), "pending"),
    ] {
        for (button, expected) in [("outcome=decline", declined), ("outcome=approve", "paid")] {
            let (_, placed) = client.post(&server, "/api/v1/orders", order(provider, token)).await;
            let payment = placed["payment"]["id"].as_str().unwrap();
            let (status, _, list) = browser.get("/api/v1/simulated/pay").await;
            assert!(status == 200 && list.contains(payment), "{list}");
            let path = format!("/api/v1/simulated/pay/{payment}");
            let (status, _, page) = browser.get(&path).await;
            assert!(status == 200 && page.contains("value=approve") && page.contains("24.60 EUR"), "{page}");
            assert!(!page.contains("<script") && !page.contains("src="), "{page}");
            assert_eq!(browser.press(&path, "outcome=perhaps").await.0, 400);
            let (status, location, _) = browser.press(&path, button).await;
            assert_eq!((status, location.as_str()), (303, payment));
            let shown = format!("/api/v1/orders/{}", placed["id"].as_str().unwrap());
            let (_, found) = client.send(&server, Method::GET, &shown, &Value::Null).await;
            assert_eq!(found["payment_status"], expected, "{provider} {token:?} {button}: {found}");
            let (_, _, page) = browser.get(&path).await;
            assert_eq!(page.contains("value=approve"), expected == "pending", "{page}");
        }
    }
    let action = format!("/simulated/payments/{}/complete", "00000000-0000-7000-8000-000000000000");
    let (status, location, _) = browser.get(&action).await;
    assert_eq!((status, location.as_str()), (303, "../../pay/00000000-0000-7000-8000-000000000000"));
    assert_eq!(browser.get("/simulated/pay/00000000-0000-7000-8000-000000000000").await.0, 404);
    assert_eq!(browser.get("/simulated/pay/nothing").await.0, 404);
    server.stop().await;
}

/// What a customer does at the provider is told by a webhook: nobody asks, and nothing is due for a quarter of a minute.
#[tokio::test]
async fn the_webhooks_of_stand_ins_move_orders_on() {
    let server = Server::start(&config(&[("FAKE_PROVIDERS", "stripe,paypal")])).await.unwrap();
    let client = Client::register(&server, "ann@example.org").await;
    for stand_in in server.stand_ins() {
        let (asked, _) = stand_in.kind().test_tokens()[2];
        let (_, placed) =
            client.post(&server, "/api/v1/orders", order(stand_in.kind().name(), Some(asked))).await;
        assert_eq!(placed["payment_status"], "pending", "{placed}");
        assert!(stand_in.complete(placed["payment"]["id"].as_str().unwrap().parse().unwrap(), true));
        let path = format!("/api/v1/orders/{}", placed["id"].as_str().unwrap());
        let begun = Instant::now();
        loop {
            let (_, found) = client.send(&server, Method::GET, &path, &Value::Null).await;
            if found["payment_status"] == "paid" {
                break;
            }
            assert!(begun.elapsed() < Duration::from_secs(10), "no webhook has come: {found}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn a_providers_own_page_sends_the_customer_back() {
    let server = Server::start(&config(&[("FAKE_PROVIDERS", "stripe")])).await.unwrap();
    let client = Client::register(&server, "ann@example.org").await;
    let body = order("stripe", Some("pm_card_authenticationRequired"));
    let (_, placed) = client.post(&server, "/api/v1/orders", body).await;
    let url = placed["payment"]["action"]["url"].as_str().unwrap();
    let browser = Browser::of(&server);
    let (status, _, page) = browser.go(browser.0.get(url)).await;
    assert!(status == 200 && page.contains("Approve"), "{page}");
    let (status, location, _) = browser.go(browser.0.post(url).body("outcome=approve")).await;
    assert_eq!(status, 303);
    assert!(location.starts_with(&format!("{}/simulated/back?", browser.1)), "{location}");
    assert_eq!(browser.go(browser.0.get(&location)).await.0, 200);
    server.stop().await;
}

#[tokio::test]
async fn production_has_neither_pages_nor_simulated_payments() {
    let stand_in = stand_in::start(ProviderKind::Stripe, Arc::new(SystemClock)).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let settings = stand_in.settings(folder.path()).unwrap();
    let mut settings: Vec<(&str, &str)> =
        settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
    settings.push(("ORDER_ENV", "production"));
    settings.push(("JWT_SECRET", "0123456789abcdef0123456789abcdef"));
    settings.push(("ALLOW_SIMULATED_PAYMENTS", "true"));
    let database = format!("sqlite:{}", folder.path().join("orders.db").display());
    let start = async |settings: &[(&str, &str)]| {
        let find = |name: &str| {
            let given = settings.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
            if name == "DATABASE_URL" { Some(OsString::from(&database)) } else { given.map(OsString::from) }
        };
        Server::start(&Config::read(None, &find).unwrap().on_free_port()).await.unwrap()
    };
    let server = start(&settings).await;
    let browser = Browser::of(&server);
    for path in ["/simulated/pay", "/simulated/back", "/simulated/books/simulated"] {
        assert_eq!(browser.get(path).await.0, 404, "{path}");
    }
    server.stop().await;
    // With real keys only, the simulated provider is not there at all.
    settings.retain(|(name, _)| !matches!(*name, "ALLOW_SIMULATED_PAYMENTS" | "STRIPE_SECRET_KEY"));
    settings.push(("STRIPE_SECRET_KEY", "sk_live_that_the_stand_in_does_not_know"));
    let server = start(&settings).await;
    let client = Client::register(&server, "ann@example.org").await;
    let (status, problem) =
        client.post(&server, "/api/v1/orders", order("simulated", Some("sim_approve"))).await;
    assert_eq!((status, &problem["errors"][0]["code"]), (422, &json!("unknown_provider")), "{problem}");
    assert!(server.provider().is_none());
    server.stop().await;
}
