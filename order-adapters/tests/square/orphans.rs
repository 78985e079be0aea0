//! Money that no order stands for goes back at Square.

use order_core::payment::OperationKind;
use order_fake_providers::square::FakeSquare;

use crate::provider::orphans::money_without_an_order_goes_back_once;

#[tokio::test]
async fn what_was_taken_is_refunded() {
    money_without_an_order_goes_back_once::<FakeSquare>(
        OperationKind::Charge,
        "/v2/refunds",
        OperationKind::Refund,
    )
    .await;
}

#[tokio::test]
async fn what_was_set_aside_is_voided() {
    money_without_an_order_goes_back_once::<FakeSquare>(
        OperationKind::Authorise,
        "/cancel",
        OperationKind::Void,
    )
    .await;
}
