//! What is printed in development, and only there: tokens for thirty days, and requests to try them with.

use std::fmt::Write as _;

use order_core::time::{Duration, Timestamp};
use secrecy::ExposeSecret as _;

use crate::catalogue::SELLERS;
use crate::config::Config;
use crate::token::{Bearer, Signer};

/// How long the printed tokens are good.
const LIFETIME: Duration = Duration::days(30);

/// The text: how to try the server that answers at `base`.
///
/// # Errors
/// When a token can't be signed.
pub fn guide(config: &Config, base: &str, now: Timestamp) -> Result<String, jsonwebtoken::errors::Error> {
    let signer = Signer::new(config);
    let [seller, _, _] = SELLERS;
    let sign = |bearer| signer.sign(bearer, now, LIFETIME);
    let customer = sign(Bearer { id: "demo-customer", roles: &["customer"], seller_id: None })?;
    let admin = sign(Bearer { id: "demo-admin", roles: &["admin"], seller_id: None })?;
    let seller = sign(Bearer { id: "demo-seller", roles: &["seller"], seller_id: Some(seller) })?;
    let api = format!("{base}{}", config.prefix);
    let address = r#"{"line1":"12 Harbour Street","city":"Cork","postal_code":"T12 X70A","country":"IE"}"#;
    let order = format!(
        r#"{{"shipping_address":{address},"payment":{{"method":"card","provider":"simulated","token":"sim_approve"}}}}"#
    );
    let mut text = String::from("\nDevelopment mode: these tokens are good for 30 days. Try it:\n\n");
    let mut line = |line: String| text.write_str(&line).and_then(|()| text.write_char('\n')).unwrap_or(());
    line(format!("CUSTOMER='{customer}'"));
    line(format!("ADMIN='{admin}'"));
    line(format!("SELLER='{seller}'"));
    if let Some(service) = config.service_keys.first() {
        line(format!("SERVICE_KEY='{}'", service.key.expose_secret()));
    }
    let (json, as_customer) =
        ("-H 'Content-Type: application/json'", "-H \"Authorization: Bearer $CUSTOMER\"");
    line(format!("\ncurl -s {api}/products"));
    line(format!(
        "curl -s {as_customer} {json} -d '{{\"product_id\":\"TEA-GREEN\",\"quantity\":2}}' {api}/cart/items"
    ));
    line(format!("curl -s {as_customer} {json} -H 'Idempotency-Key: first' -d '{order}' {api}/orders"));
    line(format!("curl -s {as_customer} {api}/orders"));
    line(format!("curl -s -H \"Authorization: Bearer $ADMIN\" {api}/orders"));
    line(format!("curl -s -H \"Authorization: Bearer $ADMIN\" {api}/inventory/stock/TEA-GREEN\n"));
    Ok(text)
}
