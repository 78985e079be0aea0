//! Webhooks: who may sign them, when, and what they say.

use order_adapters::stripe::StripeWebhooks;
use order_core::gateway::{Delivery, Notice, NoticeKind, NoticeReader, PaymentGateway as _, Rejected};
use order_core::id::ProviderReference;
use order_core::payment::OperationKind;
use order_core::time::{Clock as _, Duration, Timestamp};
use order_fake_providers::stripe::sign;

use crate::desk::{APPROVED, Desk, euros, provider, reference};

const OLD: &str = "whsec_the_old_one";
const NEW: &str = "whsec_the_new_one";

fn reader(secrets: &[&str]) -> StripeWebhooks {
    StripeWebhooks::new(provider(), secrets.iter().copied()).unwrap()
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_timestamp(seconds, 0).unwrap()
}

fn word(read: &Result<Notice, Rejected>) -> &'static str {
    match read {
        Ok(_) => "read",
        Err(Rejected::Unsigned) => "unsigned",
        Err(Rejected::WrongSignature) => "wrong",
        Err(Rejected::OutsideWindow) => "outside",
        Err(Rejected::Unreadable) => "unreadable",
        Err(_) => "another",
    }
}

const BODY: &str =
    r#"{"id":"evt_1","type":"something.new","created":1767225000,"data":{"object":{"id":"x"}}}"#;
const TIME: i64 = 1_767_225_600;

#[test]
fn only_who_knows_a_secret_is_believed() {
    let signed = sign(BODY, &[NEW], TIME);
    let both = sign(BODY, &[OLD, NEW], TIME);
    let v1 = signed.split(',').nth(1).unwrap();
    let reader = reader(&[NEW]);
    for (header, body, expected) in [
        (signed.clone(), BODY.to_owned(), "read"),
        (both, BODY.to_owned(), "read"),
        (format!(" t={TIME} , {v1} ").replace(" ,", ","), BODY.to_owned(), "read"),
        (sign(BODY, &[OLD], TIME), BODY.to_owned(), "wrong"),
        (signed.clone(), BODY.replace("evt_1", "evt_2"), "wrong"),
        (signed.clone(), format!("{BODY} "), "wrong"),
        (signed.replace(&TIME.to_string(), &(TIME + 1).to_string()), BODY.to_owned(), "wrong"),
        (signed.replace("v1=", "v0="), BODY.to_owned(), "unsigned"),
        (signed.replace("v1=", "v2="), BODY.to_owned(), "unsigned"),
        (v1.to_owned(), BODY.to_owned(), "unsigned"),
        (format!("t={TIME},t={TIME},{v1}"), BODY.to_owned(), "unsigned"),
        (format!("t=+{TIME},{v1}"), BODY.to_owned(), "unsigned"),
        (format!("t={TIME},v1="), BODY.to_owned(), "unsigned"),
        (format!("t={TIME},{}", &v1[..v1.len() - 2]), BODY.to_owned(), "unsigned"),
        (String::new(), BODY.to_owned(), "unsigned"),
        (sign("{}", &[NEW], TIME), "{}".to_owned(), "unreadable"),
        (sign("", &[NEW], TIME), String::new(), "unreadable"),
    ] {
        assert_eq!(word(&reader.read(&header, body.as_bytes(), at(TIME))), expected, "{header} {body}");
    }
    assert!(StripeWebhooks::new(provider(), [""]).is_err());
    assert!(StripeWebhooks::new(provider(), Vec::<String>::new()).is_err());
    assert!(!format!("{reader:?}").contains(NEW));
}

#[test]
fn both_secrets_are_believed_while_one_replaces_the_other() {
    let rolling = reader(&[NEW, OLD]);
    for secrets in [&[OLD] as &[&str], &[NEW], &[OLD, NEW], &["whsec_other", NEW]] {
        let header = sign(BODY, secrets, TIME);
        assert_eq!(word(&rolling.read(&header, BODY.as_bytes(), at(TIME))), "read", "{secrets:?}");
    }
    let header = sign(BODY, &["whsec_other"], TIME);
    assert_eq!(word(&rolling.read(&header, BODY.as_bytes(), at(TIME))), "wrong");
}

#[test]
fn the_window_has_two_sides() {
    let header = sign(BODY, &[NEW], TIME);
    for (tolerance, away, expected) in [
        (None, 0, "read"),
        (None, 300, "read"),
        (None, -300, "read"),
        (None, 301, "outside"),
        (None, -301, "outside"),
        (Some(10), 11, "outside"),
        (Some(600), -600, "read"),
    ] {
        let reader = reader(&[NEW]);
        let reader = match tolerance {
            Some(seconds) => reader.tolerance(Duration::seconds(seconds)),
            None => reader,
        };
        assert_eq!(word(&reader.read(&header, BODY.as_bytes(), at(TIME + away))), expected, "{away}");
    }
}

#[tokio::test]
async fn a_delivery_is_read_by_its_header_whatever_its_case() {
    let reader = reader(&[NEW]);
    let signature = ("STRIPE-Signature".to_owned(), sign(BODY, &[NEW], TIME));
    for (headers, expected) in [
        (vec![signature.clone()], "read"),
        (vec![], "unsigned"),
        (vec![signature.clone(), signature], "unsigned"),
    ] {
        let delivery = Delivery { headers: &headers, body: BODY.as_bytes(), received_at: at(TIME) };
        assert_eq!(word(&NoticeReader::read(&reader, &delivery).await), expected);
    }
}

#[tokio::test]
async fn notices_carry_our_ids_and_stripe_s() {
    let desk = Desk::open().await;
    let first = desk.first(OperationKind::Authorise, Some(APPROVED), euros(1_000));
    let said = desk.gateway.execute(&first).await.unwrap();
    let capture = desk.then(&first, &said, OperationKind::Capture, 1_000);
    desk.gateway.execute(&capture).await.unwrap();
    let refund = desk.then(&first, &said, OperationKind::Refund, 400);
    desk.gateway.execute(&refund).await.unwrap();
    let reader = reader(&[NEW]);
    let events = desk.stand_in.webhooks(&[NEW]);
    let notices: Vec<Notice> = events
        .iter()
        .map(|event| reader.read(&event.signature, event.body.as_bytes(), desk.clock.now()).unwrap())
        .collect();
    let kinds: Vec<&str> = notices.iter().map(|notice| notice.event_type.as_str()).collect();
    assert_eq!(
        kinds,
        [
            "payment_intent.created",
            "payment_intent.amount_capturable_updated",
            "payment_intent.succeeded",
            "refund.created",
        ]
    );
    for notice in &notices {
        assert_eq!(notice.order_id, Some(first.order_id));
        assert_eq!(notice.payment_id, Some(first.payment_id));
        assert_eq!(notice.reference, reference(&said));
        assert_eq!(notice.provider, provider());
    }
    assert_eq!((notices[2].kind, notices[2].operation_id), (NoticeKind::Payment, Some(first.key)));
    assert_eq!((notices[3].kind, notices[3].operation_id), (NoticeKind::Refund, Some(refund.key)));
    assert_eq!(notices[3].amount, Some(euros(400)));
    let twice = desk.stand_in.shuffled_webhooks(&[NEW], 3, 2);
    assert_eq!(twice.len(), 8);
    assert_ne!(twice[..4].to_vec(), events);
}

#[test]
fn every_kind_of_event_has_its_word() {
    let reader = reader(&[NEW]);
    for (event_type, object, kind) in [
        (
            "payment_intent.canceled",
            r#""object":"payment_intent","id":"pi_1","amount":5,"currency":"eur""#,
            NoticeKind::Payment,
        ),
        ("charge.expired", r#""object":"charge","id":"ch_1","payment_intent":"pi_1""#, NoticeKind::Payment),
        (
            "charge.refunded",
            r#""object":"charge","id":"ch_1","payment_intent":"pi_1","amount":9,"amount_refunded":5,"currency":"eur""#,
            NoticeKind::Refund,
        ),
        (
            "charge.refund.updated",
            r#""object":"refund","id":"re_1","payment_intent":"pi_1""#,
            NoticeKind::Refund,
        ),
        ("refund.failed", r#""object":"refund","id":"re_1","payment_intent":"pi_1""#, NoticeKind::Refund),
        (
            "charge.dispute.created",
            r#""object":"dispute","id":"dp_1","payment_intent":"pi_1","metadata":{}"#,
            NoticeKind::Dispute,
        ),
        ("customer.created", r#""object":"customer","id":"cus_1""#, NoticeKind::Unknown),
        ("something.else", r#""object":7,"amount":"many","metadata":[]"#, NoticeKind::Unknown),
    ] {
        let body =
            format!(r#"{{"id":"evt_9","type":"{event_type}","created":1,"data":{{"object":{{{object}}}}}}}"#);
        let notice = reader.read(&sign(&body, &[NEW], TIME), body.as_bytes(), at(TIME)).unwrap();
        assert_eq!((notice.kind, notice.event_id.as_str()), (kind, "evt_9"), "{event_type}");
        let reference = notice.reference.as_ref().map(ProviderReference::as_str);
        assert_eq!(reference, (kind != NoticeKind::Unknown).then_some("pi_1"), "{event_type}");
        assert_eq!(notice.amount, object.contains("currency").then(|| euros(5)), "{event_type}");
    }
}
