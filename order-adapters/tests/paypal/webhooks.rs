//! Webhooks: who may sign them, with which certificate, when, and what they say.

use std::sync::OnceLock;

use order_adapters::paypal::PayPalWebhooks;
use order_core::gateway::{Delivery, Notice, NoticeKind, NoticeReader as _, PaymentGateway as _, Rejected};
use order_core::payment::OperationKind;
use order_core::time::{Clock as _, Duration, Timestamp};
use order_fake_providers::paypal::{Authority, FakePayPal};
use order_fake_providers::wire::WireFault;

use crate::desk::{Desk, euros, provider, reference};

const OLD: &str = "WH-OLD";
const NEW: &str = "WH-NEW";
const BODY: &str =
    r#"{"id":"WH-1","event_type":"SOMETHING.NEW","create_time":"2026-01-01T00:00:00Z","resource":{"id":1}}"#;
const TIME: &str = "2026-01-01T00:00:10Z";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Somebody else, whose certificate is as good as PayPal's but for its root.
fn stranger() -> &'static Authority {
    static STRANGER: OnceLock<Authority> = OnceLock::new();
    STRANGER.get_or_init(|| Authority::new(Authority::NAME, (2020, 2100)).unwrap())
}

/// Somebody who has a certificate for a name of their own.
fn neighbour() -> &'static Authority {
    static NEIGHBOUR: OnceLock<Authority> = OnceLock::new();
    NEIGHBOUR.get_or_init(|| Authority::new("shop.example", (2020, 2100)).unwrap())
}

/// A reader that believes a stand-in's certificates.
fn reader(ids: &[&str], roots: &[&[u8]]) -> PayPalWebhooks {
    let reader = PayPalWebhooks::new(provider(), ids.iter().copied()).unwrap();
    reader.certificate_hosts(["127.0.0.1"]).certificate_roots(roots).unwrap()
}

fn word(read: &Result<Notice, Rejected>) -> &'static str {
    match read {
        Ok(_) => "read",
        Err(Rejected::Unsigned) => "unsigned",
        Err(Rejected::WrongSignature) => "wrong",
        Err(Rejected::OutsideWindow) => "outside",
        Err(Rejected::Unreadable) => "unreadable",
        Err(Rejected::Unavailable(_)) => "unavailable",
        Err(_) => "another",
    }
}

/// A stand-in, and deliveries that it has signed.
struct Post {
    paypal: FakePayPal,
    authority: &'static Authority,
}

type Headers = Vec<(String, String)>;

impl Post {
    async fn open() -> Self {
        let desk = Desk::open().await;
        let authority = desk.stand_in.authority().unwrap();
        Self { paypal: desk.stand_in, authority }
    }

    fn url(&self) -> String {
        format!("{}/fake/certs/CERT-1", self.paypal.url())
    }

    fn signed(&self, body: &str, webhook: &str) -> Headers {
        self.authority.headers(body, webhook, "t-1", TIME, &self.url()).unwrap()
    }

    /// How often the certificate was asked for.
    fn fetched(&self) -> usize {
        self.paypal.wire().exchanges().len()
    }
}

async fn read(reader: &PayPalWebhooks, headers: &Headers, body: &str, now: &str) -> Result<Notice, Rejected> {
    let delivery = Delivery { headers, body: body.as_bytes(), received_at: at(now) };
    reader.read(&delivery).await
}

fn with(headers: &Headers, name: &str, value: &str) -> Headers {
    let replace = |(other, old): &(String, String)| {
        (other.clone(), if other == name { value.to_owned() } else { old.clone() })
    };
    headers.iter().map(replace).collect()
}

fn without(headers: &Headers, name: &str) -> Headers {
    headers.iter().filter(|(other, _)| other != name).cloned().collect()
}

#[tokio::test]
async fn only_what_paypal_has_signed_for_our_webhook_is_believed() {
    let post = Post::open().await;
    let reader = reader(&[NEW], &[post.authority.root()]);
    let signed = post.signed(BODY, NEW);
    let loud: Headers = signed.iter().map(|(name, value)| (name.to_uppercase(), value.clone())).collect();
    let twice: Headers = signed.iter().chain(&signed).cloned().collect();
    let next = "2026-01-01T00:00:11Z";
    for (headers, body, expected) in [
        (signed.clone(), BODY.to_owned(), "read"),
        (loud, BODY.to_owned(), "read"),
        (post.signed(BODY, OLD), BODY.to_owned(), "wrong"),
        (signed.clone(), BODY.replace("WH-1", "WH-2"), "wrong"),
        (signed.clone(), format!("{BODY} "), "wrong"),
        (with(&signed, "paypal-transmission-id", "t-2"), BODY.to_owned(), "wrong"),
        (with(&signed, "paypal-transmission-time", next), BODY.to_owned(), "wrong"),
        (with(&signed, "paypal-transmission-time", "yesterday"), BODY.to_owned(), "unsigned"),
        (with(&signed, "paypal-transmission-sig", "AAAA"), BODY.to_owned(), "wrong"),
        (with(&signed, "paypal-transmission-sig", "§"), BODY.to_owned(), "unsigned"),
        (with(&signed, "paypal-auth-algo", "SHA1withRSA"), BODY.to_owned(), "unsigned"),
        (without(&signed, "paypal-cert-url"), BODY.to_owned(), "unsigned"),
        (without(&signed, "paypal-transmission-sig"), BODY.to_owned(), "unsigned"),
        (twice, BODY.to_owned(), "unsigned"),
        (Vec::new(), BODY.to_owned(), "unsigned"),
        (post.signed("{}", NEW), "{}".to_owned(), "unreadable"),
        (post.signed("", NEW), String::new(), "unreadable"),
    ] {
        assert_eq!(word(&read(&reader, &headers, &body, TIME).await), expected, "{headers:?} {body}");
    }
    assert_eq!(post.fetched(), 1, "the certificate is kept");
    assert!(PayPalWebhooks::new(provider(), Vec::<String>::new()).is_err());
    assert!(PayPalWebhooks::new(provider(), ["a|b"]).is_err());
}

#[tokio::test]
async fn both_webhooks_are_believed_while_one_replaces_the_other() {
    let post = Post::open().await;
    let rolling = reader(&[NEW, OLD], &[post.authority.root()]);
    for (webhook, expected) in [(OLD, "read"), (NEW, "read"), ("WH-OTHER", "wrong")] {
        assert_eq!(word(&read(&rolling, &post.signed(BODY, webhook), BODY, TIME).await), expected);
    }
}

#[tokio::test]
async fn certificates_come_from_paypal_and_from_nowhere_else() {
    let post = Post::open().await;
    let signed = post.signed(BODY, NEW);
    let listens_at = post.paypal.url().rsplit(':').next().unwrap().to_owned();
    let by_default = PayPalWebhooks::new(provider(), [NEW]).unwrap();
    let root = post.authority.root();
    for url in [
        post.url(),
        "https://api.paypal.com.evil.example/v1/notifications/certs/CERT-1".to_owned(),
        "https://evil.example/api.paypal.com".to_owned(),
        "https://api.paypal.com@evil.example/cert".to_owned(),
        "https://user:pw@api.paypal.com/cert".to_owned(),
        "https://api.paypal.com:8443/cert".to_owned(),
        "https://api.paypal.com/cert?next=evil.example".to_owned(),
        "http://api.paypal.com/v1/notifications/certs/CERT-1".to_owned(),
        "file:///etc/passwd".to_owned(),
        "api.paypal.com".to_owned(),
        String::new(),
    ] {
        let headers = with(&signed, "paypal-cert-url", &url);
        assert_eq!(word(&read(&by_default, &headers, BODY, TIME).await), "wrong", "{url}");
    }
    assert_eq!(post.fetched(), 0, "a stranger decides where we call");
    for url in [
        format!("http://localhost:{listens_at}/fake/certs/CERT-1"),
        format!("http://user@127.0.0.1:{listens_at}/fake/certs/CERT-1"),
        format!("{}?x=1", post.url()),
        format!("{}/fake/nothing", post.paypal.url()),
        format!("{}/fake/webhooks", post.paypal.url()),
    ] {
        let headers = with(&signed, "paypal-cert-url", &url);
        assert_eq!(word(&read(&reader(&[NEW], &[root]), &headers, BODY, TIME).await), "wrong", "{url}");
    }
}

#[tokio::test]
async fn a_certificate_is_of_our_root_of_the_time_and_of_paypal() {
    let post = Post::open().await;
    let public = PayPalWebhooks::new(provider(), [NEW]).unwrap().certificate_hosts(["127.0.0.1"]);
    let ours = post.authority.root();
    let signed = post.signed(BODY, NEW);
    assert_eq!(word(&read(&public, &signed, BODY, TIME).await), "wrong", "the public roots don't know it");
    let other = reader(&[NEW], &[stranger().root()]);
    assert_eq!(word(&read(&other, &signed, BODY, TIME).await), "wrong", "it is of another root");
    assert_eq!(word(&read(&reader(&[NEW], &[]), &signed, BODY, TIME).await), "wrong", "nobody is trusted");
    let both = reader(&[NEW], &[stranger().root(), ours]);
    assert_eq!(word(&read(&both, &signed, BODY, TIME).await), "read");
    // The certificate is PayPal's, and the signature is not its.
    let forged = stranger().headers(BODY, NEW, "t-1", TIME, &post.url()).unwrap();
    assert_eq!(word(&read(&both, &forged, BODY, TIME).await), "wrong");
    for (now, expected) in
        [("2019-12-31T23:59:00Z", "wrong"), ("2100-01-01T00:01:00Z", "wrong"), (TIME, "read")]
    {
        let headers = post.authority.headers(BODY, NEW, "t-1", now, &post.url()).unwrap();
        let reader = reader(&[NEW], &[ours]);
        assert_eq!(word(&read(&reader, &headers, BODY, now).await), expected, "{now}");
    }
    post.paypal.serve_certificate_of(neighbour());
    let headers = neighbour().headers(BODY, NEW, "t-1", TIME, &post.url()).unwrap();
    let reader = reader(&[NEW], &[neighbour().root()]);
    assert_eq!(word(&read(&reader, &headers, BODY, TIME).await), "wrong", "it is issued to somebody else");
    assert!(PayPalWebhooks::new(provider(), [NEW]).unwrap().certificate_roots(&[b"no certificate"]).is_err());
}

#[tokio::test]
async fn a_certificate_that_can_t_be_had_is_no_refusal() {
    let post = Post::open().await;
    let reader = reader(&[NEW], &[post.authority.root()]);
    let signed = post.signed(BODY, NEW);
    for fault in [WireFault::CutBefore, WireFault::Limited(None)] {
        post.paypal.wire().fail_next("GET", "/CERT-1", fault);
        assert_eq!(word(&read(&reader, &signed, BODY, TIME).await), "unavailable", "{fault:?}");
    }
    assert_eq!(word(&read(&reader, &signed, BODY, TIME).await), "read");
    assert_eq!(post.fetched(), 3);
}

#[tokio::test]
async fn the_window_has_two_sides() {
    let post = Post::open().await;
    let signed = post.signed(BODY, NEW);
    let usual = || reader(&[NEW], &[post.authority.root()]);
    let narrow = || usual().tolerance(Duration::seconds(10), Duration::seconds(20));
    for (reader, now, expected) in [
        (usual(), "2026-01-01T00:00:10Z", "read"),
        (usual(), "2026-01-04T00:00:10Z", "read"),
        (usual(), "2026-01-04T00:00:11Z", "outside"),
        (usual(), "2025-12-31T23:55:10Z", "read"),
        (usual(), "2025-12-31T23:55:09Z", "outside"),
        (narrow(), "2026-01-01T00:00:20Z", "read"),
        (narrow(), "2026-01-01T00:00:21Z", "outside"),
        (narrow(), "2025-12-31T23:59:50Z", "read"),
        (narrow(), "2025-12-31T23:59:49Z", "outside"),
    ] {
        assert_eq!(word(&read(&reader, &signed, BODY, now).await), expected, "{now}");
    }
}

#[tokio::test]
async fn notices_carry_our_ids_and_paypal_s() {
    let desk = Desk::open().await;
    let mut first = desk.first(OperationKind::Authorise, None, euros(1_000));
    let said = desk.gateway.execute(&first).await.unwrap();
    first.reference = reference(&said);
    assert!(desk.stand_in.complete(first.reference.as_ref().unwrap().as_str(), true));
    let said = desk.gateway.execute(&first).await.unwrap();
    let capture = desk.then(&first, &said, OperationKind::Capture, 700);
    desk.gateway.execute(&capture).await.unwrap();
    let refund = desk.then(&first, &said, OperationKind::Refund, 400);
    desk.gateway.execute(&refund).await.unwrap();
    desk.gateway.execute(&desk.then(&first, &said, OperationKind::Void, 300)).await.unwrap();
    let dispute = desk.stand_in.open_dispute(&first.payment_id.to_string(), 300).unwrap();
    assert!(desk.stand_in.close_dispute(&dispute, true));
    let reader = reader(&[FakePayPal::WEBHOOK_ID], &[desk.stand_in.authority().unwrap().root()]);
    let mut notices = Vec::new();
    for signed in desk.stand_in.webhooks(FakePayPal::WEBHOOK_ID).unwrap() {
        let (headers, body) = (&signed.headers, signed.body.as_bytes());
        let delivery = Delivery { headers, body, received_at: desk.clock.now() };
        notices.push(reader.read(&delivery).await.unwrap());
    }
    let told: Vec<(&str, NoticeKind, i64)> = notices
        .iter()
        .map(|notice| (notice.event_type.as_str(), notice.kind, notice.amount.unwrap().minor()))
        .collect();
    assert_eq!(
        told,
        [
            ("CHECKOUT.ORDER.APPROVED", NoticeKind::Payment, 1_000),
            ("PAYMENT.AUTHORIZATION.CREATED", NoticeKind::Payment, 1_000),
            ("PAYMENT.CAPTURE.COMPLETED", NoticeKind::Payment, 700),
            ("PAYMENT.CAPTURE.REFUNDED", NoticeKind::Refund, 400),
            ("PAYMENT.AUTHORIZATION.VOIDED", NoticeKind::Payment, 1_000),
            ("CUSTOMER.DISPUTE.CREATED", NoticeKind::Dispute, 300),
            ("CUSTOMER.DISPUTE.RESOLVED", NoticeKind::Dispute, 300),
        ]
    );
    let operations = [first.key, first.key, capture.key, refund.key, first.key, first.key, first.key];
    for (notice, operation) in notices.iter().zip(operations) {
        assert_eq!(notice.order_id, Some(first.order_id));
        assert_eq!(notice.payment_id, Some(first.payment_id));
        assert_eq!(notice.operation_id, Some(operation), "{}", notice.event_type);
        assert_eq!(notice.provider, provider());
        let has_reference = notice.kind == NoticeKind::Payment;
        assert_eq!(notice.reference, first.reference.clone().filter(|_| has_reference));
    }
}

#[tokio::test]
async fn every_kind_of_event_has_its_word() {
    let post = Post::open().await;
    let reader = reader(&[NEW], &[post.authority.root()]);
    for (event_type, resource, kind) in [
        ("PAYMENT.CAPTURE.DENIED", r#"{"id":"2GG"}"#, NoticeKind::Payment),
        ("PAYMENT.CAPTURE.REVERSED", r#"{"id":"2GG"}"#, NoticeKind::Dispute),
        ("PAYMENT.REFUND.FAILED", r#"{"id":"1JU"}"#, NoticeKind::Refund),
        ("PAYMENT.REFUND.PENDING", r#"{"id":"1JU"}"#, NoticeKind::Refund),
        ("CUSTOMER.DISPUTE.CREATED", r#"{"disputed_transactions":[{"custom":"x"}]}"#, NoticeKind::Dispute),
        ("CHECKOUT.ORDER.COMPLETED", r#"{"id":"5O1","purchase_units":[]}"#, NoticeKind::Payment),
        ("BILLING.PLAN.CREATED", r#"{"id":7,"amount":"many"}"#, NoticeKind::Unknown),
        ("VAULT.PAYMENT-TOKEN.CREATED", "[]", NoticeKind::Unknown),
    ] {
        let body = format!(
            r#"{{"id":"WH-9","event_type":"{event_type}","create_time":"2026-01-01T00:00:00Z","resource":{resource}}}"#
        );
        let notice = read(&reader, &post.signed(&body, NEW), &body, TIME).await.unwrap();
        assert_eq!((notice.kind, notice.event_id.as_str()), (kind, "WH-9"), "{event_type}");
        assert_eq!((notice.order_id, notice.amount), (None, None), "{event_type}");
    }
}
