//! Somebody who has registered.

use order_server::Server;
use reqwest::Method;
use serde_json::{Value, json};

/// Their token.
pub(crate) struct Client {
    pub(crate) http: reqwest::Client,
    pub(crate) token: String,
}

impl Client {
    /// Registers somebody.
    pub(crate) async fn register(server: &Server, email: &str) -> Self {
        let client = Self { http: reqwest::Client::new(), token: String::new() };
        let body = json!({ "email": email, "password": "correct horse" });
        let (status, user) = client.post(server, "/auth/register", body).await;
        assert_eq!(status, 201, "{user}");
        Self { token: user["token"].as_str().unwrap().to_owned(), ..client }
    }

    /// Asks something, and returns status and body.
    pub(crate) async fn send(
        &self,
        server: &Server,
        method: Method,
        path: &str,
        body: &Value,
    ) -> (u16, Value) {
        let mut request = self.http.request(method, format!("http://{}{path}", server.address()));
        if !self.token.is_empty() {
            request = request.bearer_auth(&self.token);
        }
        if !body.is_null() {
            request = request.json(body);
        }
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    }

    /// Sends something.
    pub(crate) async fn post(&self, server: &Server, path: &str, body: Value) -> (u16, Value) {
        self.send(server, Method::POST, path, &body).await
    }

    /// Orders two packets of tea.
    pub(crate) async fn order(&self, server: &Server, token: &str) -> Value {
        let body = json!({
            "items": [{ "product_id": "TEA-GREEN", "quantity": 2 }],
            "shipping_address": { "line1": "1 Main St", "city": "Cork", "postal_code": "T12", "country": "IE" },
            "payment": { "method": "card", "token": token },
        });
        let (status, order) = self.post(server, "/api/v1/orders", body).await;
        assert_eq!(status, 201, "{order}");
        order
    }

    /// How much tea there is.
    pub(crate) async fn available(&self, server: &Server) -> Value {
        let (_, products) = self.send(server, Method::GET, "/products", &Value::Null).await;
        products["items"][0]["available"].clone()
    }
}
