//! Every request on the wire goes wrong in every way, in every story; and at the end our books are PayPal's, to the minor unit.

use order_core::money::Currency;
use order_fake_providers::paypal::FakePayPal;

use crate::provider::enumeration::tell;

#[tokio::test]
async fn everything_comes_right_in_euros() {
    tell::<FakePayPal>(Currency::EUR, 1).await;
}

#[tokio::test]
async fn everything_comes_right_in_yen() {
    tell::<FakePayPal>(Currency::JPY, 5).await;
}
