//! Serves every stand-in until it is ended, and says where they are: one line of JSON on the standard output.
#![expect(clippy::print_stdout, reason = "a program that says where its servers are")]

use std::sync::Arc;

use order_core::time::SystemClock;
use order_fake_providers::paypal::FakePayPal;
use order_fake_providers::square::FakeSquare;
use order_fake_providers::stripe::FakeStripe;

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let square = FakeSquare::start(Arc::new(SystemClock)).await?;
    let stripe = FakeStripe::start(Arc::new(SystemClock)).await?;
    let paypal = FakePayPal::start(Arc::new(SystemClock)).await?;
    let places = serde_json::json!({
        "paypal": {
            "url": paypal.url(),
            "client_id": FakePayPal::CLIENT_ID,
            "client_secret": FakePayPal::CLIENT_SECRET,
        },
        "square": {
            "url": square.url(), "access_token": FakeSquare::ACCESS_TOKEN, "location_id": FakeSquare::LOCATION_ID,
        },
        "stripe": { "url": stripe.url(), "secret_key": FakeStripe::SECRET_KEY },
    });
    println!("{places}");
    std::future::pending().await
}
