//! The mapping alone: what is sent for an instruction, and what Stripe's words mean.

use order_core::gateway::Instruction;
use order_core::payment::{Answer, PaymentAction};
use serde_json::{Value, json};

use super::object::{Intent, Refund};
use super::reading::{self, Reading};
use super::request;

const KEY: &str = "019b0000-0000-7000-8000-000000000001";
const OTHER: &str = "019b0000-0000-7000-8000-000000000002";

fn instruction(kind: &str, token: Option<&str>) -> Instruction {
    let wire = json!({
        "key": KEY,
        "kind": kind,
        "amount": { "amount": "12.30", "currency": "EUR" },
        "first_key": KEY,
        "reference": null,
        "method": "card",
        "token": token,
        "payment_id": OTHER,
        "order_id": OTHER,
        "order_number": "A 1&2",
        "customer_id": "c-1",
    });
    serde_json::from_value(wire).unwrap()
}

fn intent(status: &str, more: &Value) -> Intent {
    let mut wire = json!({
        "id": "pi_1", "status": status, "amount": 1230, "amount_received": 0, "amount_capturable": 0, "currency": "eur",
        "client_secret": "pi_1_secret_2", "metadata": {}, "a_field_of_tomorrow": [1, 2],
    });
    for (name, value) in more.as_object().unwrap() {
        wire[name] = value.clone();
    }
    serde_json::from_value(wire).unwrap()
}

fn word(reading: Reading) -> String {
    match reading {
        Reading::Ready => "ready".to_owned(),
        Reading::Open(decline) => format!("open: {}", decline.code),
        Reading::Answer(Answer::Succeeded { amount, .. }) => format!("succeeded {amount}"),
        Reading::Answer(Answer::FinalCapture { amount, .. }) => format!("the last, {amount}"),
        Reading::Answer(Answer::Declined(decline)) => format!("declined: {}", decline.code),
        Reading::Answer(Answer::ActionRequired { action: PaymentAction::Redirect { url }, .. }) => url,
        Reading::Answer(Answer::ActionRequired { .. }) => "secret".to_owned(),
        Reading::Answer(Answer::Unknown) => "unknown".to_owned(),
        Reading::Answer(answer) => format!("{answer:?}"),
    }
}

#[test]
fn every_status_of_an_intent_has_its_meaning() {
    let declined = json!({ "last_payment_error": { "type": "card_error", "code": "card_declined", "decline_code": "lost_card" } });
    let taken = json!({ "amount_received": 1230 });
    let part = json!({ "amount_received": 1000, "metadata": { "captured_by": KEY } });
    let whole = json!({ "amount_received": 1230, "metadata": { "captured_by": KEY } });
    let others = json!({ "amount_received": 1000, "metadata": { "captured_by": OTHER } });
    let held = json!({ "amount_capturable": 1230 });
    let page = json!({ "next_action": { "type": "redirect_to_url", "redirect_to_url": { "url": "https://bank", "return_url": "https://shop" } } });
    let none = json!({});
    for (kind, status, more, meaning) in [
        ("charge", "requires_confirmation", &none, "ready"),
        ("charge", "requires_payment_method", &none, "ready"),
        ("charge", "requires_payment_method", &declined, "open: lost_card"),
        ("charge", "requires_action", &none, "secret"),
        ("charge", "requires_action", &page, "https://bank"),
        ("charge", "processing", &none, "unknown"),
        ("charge", "requires_capture", &held, "unknown"),
        ("charge", "succeeded", &taken, "succeeded 12.30 EUR"),
        ("charge", "succeeded", &part, "succeeded 10.00 EUR"),
        ("charge", "canceled", &none, "declined: canceled"),
        ("charge", "canceled", &declined, "declined: lost_card"),
        ("charge", "a_status_of_tomorrow", &none, "unknown"),
        ("authorise", "requires_capture", &held, "succeeded 12.30 EUR"),
        ("authorise", "succeeded", &part, "succeeded 12.30 EUR"),
        ("authorise", "canceled", &none, "declined: canceled"),
        ("capture", "requires_capture", &held, "ready"),
        ("capture", "succeeded", &part, "the last, 10.00 EUR"),
        ("capture", "succeeded", &whole, "succeeded 12.30 EUR"),
        ("capture", "succeeded", &others, "declined: already_captured"),
        ("capture", "succeeded", &taken, "declined: already_captured"),
        ("capture", "canceled", &none, "declined: already_voided"),
        ("capture", "requires_action", &none, "declined: not_authorised"),
        ("capture", "processing", &none, "unknown"),
        ("void", "requires_capture", &held, "ready"),
        ("void", "requires_action", &none, "ready"),
        ("void", "processing", &none, "ready"),
        ("void", "canceled", &none, "succeeded 12.30 EUR"),
        ("void", "succeeded", &taken, "declined: already_captured"),
        ("void", "succeeded", &part, "succeeded 2.30 EUR"),
    ] {
        let found = word(reading::intent(&intent(status, more), &instruction(kind, Some("pm_1"))));
        assert_eq!(found, meaning, "{kind} {status} {more}");
    }
    let open = reading::intent(&intent("requires_payment_method", &declined), &instruction("charge", None));
    assert_eq!(word(open), "secret", "in Stripe's form the customer may try again");
}

#[test]
fn an_amount_is_stripe_s_and_no_copy_of_ours() {
    for (more, meaning) in [
        (json!({ "amount_received": 999 }), "succeeded 9.99 EUR"),
        (json!({ "amount_received": 1230, "currency": "usd" }), "succeeded 12.30 USD"),
        (json!({ "amount_received": 1230, "currency": "isk" }), "unknown"),
        (json!({ "amount_received": 1230, "currency": "nonsense" }), "unknown"),
    ] {
        let found = reading::intent(&intent("succeeded", &more), &instruction("charge", Some("pm_1")));
        assert_eq!(word(found), meaning, "{more}");
    }
}

#[test]
fn every_status_of_a_refund_has_its_meaning() {
    for (status, reason, meaning) in [
        (Some("succeeded"), None, "succeeded 3.00 EUR"),
        (Some("pending"), None, "unknown"),
        (Some("requires_action"), None, "unknown"),
        (Some("failed"), Some("lost_or_stolen_card"), "declined: lost_or_stolen_card"),
        (Some("failed"), None, "declined: refund_failed"),
        (Some("canceled"), None, "declined: refund_canceled"),
        (None, None, "unknown"),
    ] {
        let wire = json!({ "id": "re_1", "amount": 300, "currency": "eur", "status": status, "failure_reason": reason });
        let refund: Refund = serde_json::from_value(wire).unwrap();
        assert_eq!(word(Reading::Answer(reading::refund(&refund))), meaning, "{status:?} {reason:?}");
    }
}

#[test]
fn what_is_sent_says_whose_it_is_and_under_which_key() {
    let authorise = instruction("authorise", Some("pm_1"));
    let create = request::create(&authorise, 1_230, "k");
    assert_eq!(create.target, "/v1/payment_intents");
    assert_eq!(
        create.headers,
        [("stripe-version", request::API_VERSION.to_owned()), ("idempotency-key", "k".to_owned())]
    );
    let (content_type, body) = create.body.unwrap();
    assert_eq!(content_type, "application/x-www-form-urlencoded");
    assert_eq!(
        body,
        format!(
            "amount=1230&currency=eur&capture_method=manual&confirm=false&description=Order+A+1%262\
             &payment_method_types%5B0%5D=card&payment_method=pm_1&metadata%5Border_id%5D={OTHER}\
             &metadata%5Bpayment_id%5D={OTHER}&metadata%5Boperation_id%5D={KEY}&metadata%5Border_number%5D=A+1%262"
        )
    );
    let capture = request::capture(&authorise, "pi_1", 500, "k").body.unwrap().1;
    assert_eq!(capture, format!("amount_to_capture=500&metadata%5Bcaptured_by%5D={KEY}"));
    let refund = request::refund(&authorise, "pi_1", 500, "k").body.unwrap().1;
    assert!(
        refund.starts_with("payment_intent=pi_1&amount=500&reason=requested_by_customer&metadata"),
        "{refund}"
    );
    assert_eq!(request::cancel("pi_1", "abandoned", "k").target, "/v1/payment_intents/pi_1/cancel");
    assert_eq!(request::read_intent("../refunds?x=1").target, "/v1/payment_intents/refundsx1");
    assert!(!format!("{:?}", request::create(&authorise, 1, "k")).contains("pm_1"), "a token is shown");
}

#[test]
fn each_step_has_a_key_of_its_own() {
    let instruction = instruction("charge", None);
    let keys: Vec<String> = [("create", 0), ("confirm", 0), ("confirm", 1), ("refund", 0)]
        .map(|(step, again)| request::key(instruction.key, step, again))
        .to_vec();
    assert_eq!(keys[0], format!("{KEY}:create"));
    assert_eq!(keys[2], format!("{KEY}:confirm:1"));
    assert_eq!(keys.iter().collect::<std::collections::HashSet<_>>().len(), keys.len());
    assert!(keys.iter().all(|key| key.len() <= 255), "Stripe takes at most 255 characters");
}

#[test]
fn the_customer_s_secret_is_not_shown() {
    let page = "https://hooks.stripe.com/3ds?payment_intent_client_secret=pi_1_secret_2";
    let waits = intent("requires_action", &json!({ "next_action": { "redirect_to_url": { "url": page } } }));
    let shown = format!("{waits:?}");
    assert!(shown.contains("pi_1") && shown.contains("https://hooks.stripe.com/3ds…"), "{shown}");
    assert!(!shown.contains("_secret_"), "{shown}");
    assert_eq!(
        word(reading::intent(&waits, &instruction("charge", None))),
        page,
        "the customer is told all of it"
    );
}
