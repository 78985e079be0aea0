//! What is printed in development, and only there: tokens for thirty days, and requests to try them with.

use std::fmt::Write as _;
use std::sync::Arc;

use order_core::time::{Duration, Timestamp};
use secrecy::ExposeSecret as _;

use crate::catalogue::SELLERS;
use crate::config::Config;
use crate::providers::ProviderKind;
use crate::providers::stand_in::StandIn;
use crate::token::{Bearer, Signer};

/// How long the printed tokens are good.
const LIFETIME: Duration = Duration::days(30);

/// Where the goods of every example go.
const ADDRESS: &str =
    r#"{"line1":"12 Harbour Street","city":"Cork","postal_code":"T12 X70A","country":"IE"}"#;
const JSON: &str = "-H 'Content-Type: application/json'";
const AS_CUSTOMER: &str = "-H \"Authorization: Bearer $CUSTOMER\"";

/// The text: how to try the server that answers at `base`, with some stand-ins inside of it.
///
/// # Errors
/// When a token can't be signed.
pub fn guide(
    config: &Config,
    base: &str,
    stand_ins: &[Arc<dyn StandIn>],
    now: Timestamp,
) -> Result<String, jsonwebtoken::errors::Error> {
    let signer = Signer::new(config);
    let [seller, _, _] = SELLERS;
    let sign = |bearer| signer.sign(bearer, now, LIFETIME);
    let customer = sign(Bearer { id: "demo-customer", roles: &["customer"], seller_id: None })?;
    let admin = sign(Bearer { id: "demo-admin", roles: &["admin"], seller_id: None })?;
    let seller = sign(Bearer { id: "demo-seller", roles: &["seller"], seller_id: Some(seller) })?;
    let api = format!("{base}{}", config.prefix);
    let order = format!(
        r#"{{"shipping_address":{ADDRESS},"payment":{{"method":"card","provider":"simulated","token":"sim_approve"}}}}"#
    );
    let mut text = String::from("\nDevelopment mode: these tokens are good for 30 days. Try it:\n\n");
    let mut line = |line: String| text.write_str(&line).and_then(|()| text.write_char('\n')).unwrap_or(());
    line(format!("CUSTOMER='{customer}'"));
    line(format!("ADMIN='{admin}'"));
    line(format!("SELLER='{seller}'"));
    if let Some(service) = config.service_keys.first() {
        line(format!("SERVICE_KEY='{}'", service.key.expose_secret()));
    }
    line(format!("\ncurl -s {api}/products"));
    line(format!(
        "curl -s {AS_CUSTOMER} {JSON} -d '{{\"product_id\":\"TEA-GREEN\",\"quantity\":2}}' {api}/cart/items"
    ));
    line(format!("curl -s {AS_CUSTOMER} {JSON} -H 'Idempotency-Key: first' -d '{order}' {api}/orders"));
    line(format!("curl -s {AS_CUSTOMER} {api}/orders"));
    line(format!("curl -s -H \"Authorization: Bearer $ADMIN\" {api}/orders"));
    line(format!("curl -s -H \"Authorization: Bearer $ADMIN\" {api}/inventory/stock/TEA-GREEN\n"));
    for provider in &config.payments.providers {
        payments(&mut text, provider.kind(), &provider.to_string(), &api);
    }
    for stand_in in stand_ins {
        let (kind, name) = (stand_in.kind(), stand_in.kind().name());
        payments(&mut text, kind, &format!("a stand-in of {name} inside this server"), &api);
        let _ = writeln!(text, "curl -s {api}/simulated/books/{name}\n");
    }
    let _ = writeln!(text, "A customer who is asked approves or declines at {api}/simulated/pay\n");
    Ok(text)
}

/// How to pay through a provider.
fn payments(text: &mut String, kind: ProviderKind, place: &str, api: &str) {
    let name = kind.name();
    let mut line = |line: String| text.write_str(&line).and_then(|()| text.write_char('\n')).unwrap_or(());
    line(format!("# Payments through {place}:"));
    for (token, outcome) in kind.test_tokens() {
        let order = format!(
            r#"{{"items":[{{"product_id":"MUG-BLUE","quantity":1}}],"shipping_address":{ADDRESS},"payment":{{"method":"card","provider":"{name}","token":"{token}"}}}}"#
        );
        line(format!("curl -s {AS_CUSTOMER} {JSON} -d '{order}' {api}/orders   # {outcome}"));
    }
}
