//! Every request on the wire goes wrong in every way, in every story; and at the end our books are Square's, to the minor unit.

use order_core::money::Currency;
use order_fake_providers::square::FakeSquare;

use crate::provider::enumeration::tell;

#[tokio::test]
async fn everything_comes_right_in_euros() {
    tell::<FakeSquare>(Currency::EUR, 1).await;
}

/// In yen a capture takes all or nothing.
#[tokio::test]
async fn everything_comes_right_in_yen() {
    tell::<FakeSquare>(Currency::JPY, 5).await;
}
