//! Money that no order stands for goes back at Stripe.

use std::sync::Arc;

use order_core::gateway::PaymentGateway as _;
use order_core::payment::OperationKind;
use order_fake_providers::wire::WireFault;

use crate::desk::{APPROVED, Desk, euros, provider};
use crate::orphan::goes_back_once;

#[tokio::test]
async fn money_without_an_order_goes_back_once() {
    for (kind, path, back) in [
        (OperationKind::Charge, "/v1/refunds", OperationKind::Refund),
        (OperationKind::Authorise, "/cancel", OperationKind::Void),
    ] {
        let desk = Desk::open().await;
        let first = desk.first(kind, Some(APPROVED), euros(1_000));
        desk.gateway.execute(&first).await.unwrap();
        let Desk { stripe, gateway, clock, .. } = desk;
        let lose = || stripe.wire().fail_next("POST", path, WireFault::CutAfter);
        let done = goes_back_once(provider(), Arc::new(gateway), clock, lose).await;
        assert_eq!((done.kind, done.payment_id, done.amount), (back, first.payment_id, euros(1_000)));
        let accounts = stripe.accounts();
        let refunded = if back == OperationKind::Refund { 1_000 } else { 0 };
        assert_eq!(accounts.iter().map(|account| account.refunded).collect::<Vec<_>>(), [refunded]);
    }
}
