//! Captures: Square completes a payment once, and does not say for whom.

use std::sync::Arc;

use order_adapters::square::SquareGateway;
use order_core::gateway::{Instruction, PaymentGateway as _};
use order_core::money::{Currency, Money};
use order_core::payment::{Answer, OperationKind};
use order_core::time::Duration as Span;
use order_fake_providers::square::FakeSquare;
use order_fake_providers::wire::WireFault;

use crate::desk::{APPROVED, Desk, euros, word};

/// An authorisation of 10 EUR, and what was said.
async fn held(desk: &Desk) -> (Instruction, Answer) {
    let first = desk.first(OperationKind::Authorise, Some(APPROVED), euros(1_000));
    let said = desk.gateway.execute(&first).await.unwrap();
    (first, said)
}

/// A gateway that remembers nothing: another process.
fn another(desk: &Desk) -> SquareGateway {
    let clock: Arc<dyn order_core::time::Clock> = desk.clock.clone();
    SquareGateway::builder(FakeSquare::ACCESS_TOKEN, FakeSquare::LOCATION_ID)
        .base_url(desk.stand_in.url())
        .clock(clock)
        .build()
        .unwrap()
}

#[tokio::test]
async fn after_a_capture_of_a_part_there_is_nothing_left_to_give_up() {
    let desk = Desk::open().await;
    let (first, said) = held(&desk).await;
    assert_eq!(desk.taken(), (0, 0));
    let part = desk.then(&first, &said, OperationKind::Capture, 600);
    assert_eq!(word(&desk.gateway.ask(&part).await), "absent");
    let captured = desk.gateway.execute(&part).await.unwrap();
    assert!(matches!(captured, Answer::FinalCapture { amount, .. } if amount == euros(600)), "{captured:?}");
    assert_eq!(desk.gateway.ask(&part).await.unwrap(), captured);
    assert_eq!(another(&desk).ask(&part).await.unwrap(), captured);
    assert_eq!(another(&desk).execute(&part).await.unwrap(), captured);
    assert_eq!(desk.gateway.ask(&first).await.unwrap(), said, "what was set aside stays what it was");
    let rest = desk.then(&first, &said, OperationKind::Capture, 400);
    assert_eq!(word(&desk.gateway.execute(&rest).await), "already_captured");
    let void = desk.then(&first, &said, OperationKind::Void, 400);
    let gone = desk.gateway.execute(&void).await.unwrap();
    assert!(matches!(gone, Answer::Succeeded { amount, .. } if amount == euros(400)), "{gone:?}");
    assert_eq!(desk.taken(), (600, 0));
}

/// Two halves are the same amount: only Square's memory of the key tells them apart.
#[tokio::test]
async fn the_other_half_is_not_taken_for_the_first() {
    let desk = Desk::open().await;
    let (first, said) = held(&desk).await;
    let [one, other] = [500, 500].map(|minor| desk.then(&first, &said, OperationKind::Capture, minor));
    assert_eq!(word(&desk.gateway.execute(&one).await), "succeeded");
    for gateway in [&desk.gateway, &another(&desk)] {
        assert_eq!(word(&gateway.execute(&other).await), "already_captured");
        assert_eq!(word(&gateway.ask(&other).await), "already_captured");
        assert_eq!(word(&gateway.execute(&one).await), "succeeded");
    }
    desk.clock.advance(Span::hours(25));
    assert_eq!(
        word(&another(&desk).ask(&one).await),
        "unknown",
        "when Square has forgotten the key, its books have to tell"
    );
    assert_eq!(desk.taken(), (500, 0));
}

#[tokio::test]
async fn two_captures_at_once_take_one_part() {
    for _ in 0..10 {
        let desk = Desk::open().await;
        let (first, said) = held(&desk).await;
        let [one, other] = [500, 500].map(|minor| desk.then(&first, &said, OperationKind::Capture, minor));
        let (left, right) = (another(&desk), another(&desk));
        let _ = tokio::join!(left.execute(&one), right.execute(&other));
        let mut words = Vec::new();
        for (gateway, capture) in [(&left, &one), (&right, &other)] {
            words.push(word(&gateway.execute(capture).await).to_owned());
        }
        let done = words.iter().filter(|word| *word == "succeeded").count();
        assert_eq!((done, desk.taken()), (1, (500, 0)), "{words:?}");
        assert!(words.iter().any(|word| word.starts_with("already_captured")), "{words:?}");
    }
}

/// Between the two steps of a capture of a part, the other one has to wait; and it goes on where it was interrupted.
#[tokio::test]
async fn a_capture_goes_on_after_its_first_step() {
    for (method, path) in [("PUT", ""), ("POST", "/complete")] {
        for fault in [WireFault::CutBefore, WireFault::CutAfter, WireFault::FailAfter, WireFault::Repeat] {
            let desk = Desk::open().await;
            let (first, said) = held(&desk).await;
            let [one, other] =
                [500, 500].map(|minor| desk.then(&first, &said, OperationKind::Capture, minor));
            desk.stand_in.wire().fail_next(method, path, fault);
            let begun = desk.gateway.execute(&one).await;
            let is_lowered = (method, fault) != ("PUT", WireFault::CutBefore);
            let is_over = fault == WireFault::Repeat || (method == "POST" && fault != WireFault::CutBefore);
            if is_lowered && !is_over {
                assert_eq!(word(&begun), "lost");
                assert_eq!(word(&another(&desk).ask(&one).await), "absent");
                assert_eq!(word(&another(&desk).execute(&other).await), "capture_under_way");
            }
            assert_eq!(word(&another(&desk).execute(&one).await), "succeeded", "{method} {fault:?}");
            assert_eq!(desk.taken(), (500, 0), "{method} {fault:?}");
        }
    }
}

/// More than is set aside would be asked of the issuer, if Square were told to raise the amount.
#[tokio::test]
async fn a_capture_raises_no_amount() {
    let desk = Desk::open().await;
    let (first, said) = held(&desk).await;
    let more = desk.then(&first, &said, OperationKind::Capture, 1_001);
    assert_eq!(word(&desk.gateway.execute(&more).await), "amount_too_large");
    assert!(desk.stand_in.wire().exchanges().iter().all(|exchange| exchange.request.method != "PUT"));
}

/// In Japan no amount can be lowered: a part is declined, and the whole can still be captured.
#[tokio::test]
async fn where_amounts_stay_a_part_is_declined() {
    let desk = Desk::open().await;
    let yen = Money::from_minor(1_000, Currency::from_code("JPY").unwrap());
    let first = desk.first(OperationKind::Authorise, Some(APPROVED), yen);
    let said = desk.gateway.execute(&first).await.unwrap();
    let part = desk.then(&first, &said, OperationKind::Capture, 600);
    assert_eq!(word(&desk.gateway.execute(&part).await), "partial_capture_not_supported");
    let whole = desk.then(&first, &said, OperationKind::Capture, 1_000);
    desk.stand_in.wire().fail_next("POST", "/complete", WireFault::CutAfter);
    assert_eq!(word(&desk.gateway.execute(&whole).await), "lost");
    assert_eq!(word(&another(&desk).ask(&whole).await), "succeeded");
    assert_eq!(desk.taken(), (1_000, 0));
}
