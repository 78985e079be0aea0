//! Webhooks: who may sign them, for which URL, and what they say.

use order_adapters::square::SquareWebhooks;
use order_core::gateway::{Delivery, Notice, NoticeKind, NoticeReader, PaymentGateway as _, Rejected};
use order_core::id::ProviderReference;
use order_core::payment::OperationKind;
use order_core::time::Clock as _;
use order_fake_providers::square::sign;

use crate::desk::{APPROVED, Desk, euros, provider, reference};

const OLD: &str = "the_old_key";
const NEW: &str = "the_new_key";
const URL: &str = "https://shop.example/webhooks/square";

fn reader(keys: &[&str]) -> SquareWebhooks {
    SquareWebhooks::new(provider(), URL, keys.iter().copied()).unwrap()
}

fn word(read: &Result<Notice, Rejected>) -> &'static str {
    match read {
        Ok(_) => "read",
        Err(Rejected::Unsigned) => "unsigned",
        Err(Rejected::WrongSignature) => "wrong",
        Err(Rejected::Unreadable) => "unreadable",
        Err(_) => "another",
    }
}

const BODY: &str =
    r#"{"event_id":"e-1","type":"something.new","created_at":"2026-01-01T00:00:00Z","data":{"id":"x"}}"#;

#[test]
fn only_who_knows_a_key_is_believed() {
    let signed = sign(BODY, NEW, URL);
    let reader = reader(&[NEW]);
    for (header, body, expected) in [
        (signed.clone(), BODY.to_owned(), "read"),
        (format!(" {signed} "), BODY.to_owned(), "read"),
        (sign(BODY, OLD, URL), BODY.to_owned(), "wrong"),
        (signed.clone(), BODY.replace("e-1", "e-2"), "wrong"),
        (signed.clone(), format!("{BODY} "), "wrong"),
        (sign(BODY, NEW, "https://shop.example/webhooks/square/"), BODY.to_owned(), "wrong"),
        (sign(BODY, NEW, "http://shop.example/webhooks/square"), BODY.to_owned(), "wrong"),
        (sign(BODY, NEW, "https://10.0.0.7:8080/webhooks/square"), BODY.to_owned(), "wrong"),
        (sign(BODY, NEW, ""), BODY.to_owned(), "wrong"),
        (signed[..40].to_owned(), BODY.to_owned(), "wrong"),
        ("AAAA".to_owned(), BODY.to_owned(), "wrong"),
        (String::new(), BODY.to_owned(), "wrong"),
        (format!("{signed}{signed}"), BODY.to_owned(), "unsigned"),
        ("no base64 !".to_owned(), BODY.to_owned(), "unsigned"),
        (sign("{}", NEW, URL), "{}".to_owned(), "unreadable"),
        (sign("", NEW, URL), String::new(), "unreadable"),
    ] {
        assert_eq!(word(&reader.read(&header, body.as_bytes())), expected, "{header} {body}");
    }
    assert!(SquareWebhooks::new(provider(), URL, [""]).is_err());
    assert!(SquareWebhooks::new(provider(), URL, Vec::<String>::new()).is_err());
    assert!(SquareWebhooks::new(provider(), " ", [NEW]).is_err());
    assert!(!format!("{reader:?}").contains(NEW));
}

#[test]
fn both_keys_are_believed_while_one_replaces_the_other() {
    let rolling = reader(&[NEW, OLD]);
    for (key, expected) in [(OLD, "read"), (NEW, "read"), ("another", "wrong")] {
        assert_eq!(word(&rolling.read(&sign(BODY, key, URL), BODY.as_bytes())), expected, "{key}");
    }
}

#[tokio::test]
async fn a_delivery_is_read_by_its_header_whatever_its_case() {
    let reader = reader(&[NEW]);
    let received_at = order_core::time::ManualClock::default().now();
    let signature = ("X-Square-HmacSha256-Signature".to_owned(), sign(BODY, NEW, URL));
    let dead = ("X-Square-Signature".to_owned(), sign(BODY, NEW, URL));
    for (headers, expected) in [
        (vec![signature.clone()], "read"),
        (vec![signature.clone(), dead.clone()], "read"),
        (vec![dead], "unsigned"),
        (vec![], "unsigned"),
        (vec![signature.clone(), signature], "unsigned"),
    ] {
        let delivery = Delivery { headers: &headers, body: BODY.as_bytes(), received_at };
        assert_eq!(word(&NoticeReader::read(&reader, &delivery).await), expected);
    }
}

#[tokio::test]
async fn notices_carry_our_ids_and_square_s() {
    let desk = Desk::open().await;
    let first = desk.first(OperationKind::Authorise, Some(APPROVED), euros(1_000));
    let said = desk.gateway.execute(&first).await.unwrap();
    desk.gateway.execute(&desk.then(&first, &said, OperationKind::Capture, 1_000)).await.unwrap();
    let refund = desk.then(&first, &said, OperationKind::Refund, 400);
    desk.gateway.execute(&refund).await.unwrap();
    assert!(desk.stand_in.open_dispute(&first.payment_id.to_string(), 600).is_some());
    let reader = reader(&[NEW]);
    let events = desk.stand_in.webhooks(NEW, URL);
    let notices: Vec<Notice> =
        events.iter().map(|event| reader.read(&event.signature, event.body.as_bytes()).unwrap()).collect();
    let told: Vec<_> = notices.iter().map(|notice| (notice.event_type.as_str(), notice.kind)).collect();
    assert_eq!(
        told,
        [
            ("payment.created", NoticeKind::Payment),
            ("payment.updated", NoticeKind::Payment),
            ("refund.created", NoticeKind::Refund),
            ("refund.updated", NoticeKind::Refund),
            ("dispute.created", NoticeKind::Dispute),
        ]
    );
    for notice in &notices {
        assert_eq!((&notice.reference, &notice.provider), (&reference(&said), &provider()));
        assert_eq!(notice.created_at, desk.clock.now());
        let is_payment = notice.kind == NoticeKind::Payment;
        assert_eq!(notice.payment_id, is_payment.then_some(first.payment_id));
        let is_refund = notice.kind == NoticeKind::Refund;
        assert_eq!(notice.operation_id, is_refund.then_some(refund.key));
    }
    let amounts: Vec<_> = notices.iter().map(|notice| notice.amount.unwrap().minor()).collect();
    assert_eq!(amounts, [1_000, 1_000, 400, 400, 600]);
    let mut ids: Vec<_> = notices.iter().map(|notice| notice.event_id.as_str()).collect();
    ids.dedup();
    assert_eq!(ids.len(), notices.len(), "every event has an id of its own");
    let twice = desk.stand_in.shuffled_webhooks(NEW, URL, 3, 2);
    assert_eq!(twice.len(), 10);
    assert_ne!(twice[..5].to_vec(), events);
}

#[test]
fn every_kind_of_event_has_its_word() {
    let reader = reader(&[NEW]);
    let payment = r#"{"payment":{"id":"p-1","amount_money":{"amount":5,"currency":"EUR"}}}"#;
    let refund = r#"{"refund":{"id":"r-1","payment_id":"p-1"}}"#;
    let dispute = r#"{"dispute":{"id":"d-1","disputed_payment":{"payment_id":"p-1"}}}"#;
    for (event_type, object, kind) in [
        ("payment.updated", payment, Some(NoticeKind::Payment)),
        ("refund.updated", refund, Some(NoticeKind::Refund)),
        ("dispute.state.updated", dispute, Some(NoticeKind::Dispute)),
        ("dispute.evidence.created", r#"{"dispute_evidence":{}}"#, Some(NoticeKind::Unknown)),
        ("customer.created", r#"{"customer":{"id":"c-1"}}"#, Some(NoticeKind::Unknown)),
        ("something.else", "7", Some(NoticeKind::Unknown)),
        ("payment.updated", refund, None),
        ("refund.updated", "7", None),
        ("dispute.created", "null", None),
    ] {
        let body = format!(
            r#"{{"event_id":"e-9","type":"{event_type}","created_at":"2026-01-01T00:00:00Z","data":{{"object":{object}}}}}"#
        );
        let read = reader.read(&sign(&body, NEW, URL), body.as_bytes());
        let Some(kind) = kind else {
            assert_eq!(word(&read), "unreadable", "{event_type}");
            continue;
        };
        let notice = read.unwrap();
        assert_eq!((notice.kind, notice.event_id.as_str()), (kind, "e-9"), "{event_type}");
        let reference = notice.reference.as_ref().map(ProviderReference::as_str);
        assert_eq!(reference, (kind != NoticeKind::Unknown).then_some("p-1"), "{event_type}");
        assert_eq!(notice.amount, (event_type == "payment.updated").then(|| euros(5)), "{event_type}");
    }
}
