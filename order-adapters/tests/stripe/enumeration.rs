//! Every request on the wire goes wrong in every way, in every story; and at the end our books are Stripe's, to the minor unit.

use order_core::money::Currency;
use order_fake_providers::stripe::FakeStripe;

use crate::provider::enumeration::tell;

#[tokio::test]
async fn everything_comes_right_in_euros() {
    tell::<FakeStripe>(Currency::EUR, 1).await;
}

#[tokio::test]
async fn everything_comes_right_in_yen() {
    tell::<FakeStripe>(Currency::JPY, 5).await;
}

#[tokio::test]
async fn everything_comes_right_in_dinars() {
    tell::<FakeStripe>(Currency::KWD, 7).await;
}
