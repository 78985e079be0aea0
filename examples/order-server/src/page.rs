//! The pages of development: plain HTML from the binary, with nothing that is loaded from elsewhere.

use std::fmt::{self, Display, Write as _};
use std::sync::Arc;

use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use order_core::machine::Names as _;
use order_core::order::Order;
use order_core::payment::{OperationStatus, Payment, PaymentAction};
use serde::Serialize;

const STYLE: &str = "body{font:16px/1.5 sans-serif;max-width:36em;margin:3em auto;padding:0 1em}\
    button{font:inherit;padding:.5em 1.5em;margin-right:1em}td{padding:.2em 1.5em .2em 0}code{word-break:break-all}";
/// Nothing but our own style may be loaded, and forms go nowhere else.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'";

/// A text in HTML, in which nothing is a tag.
struct Escaped<T>(T);

impl<T: Display> Display for Escaped<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.to_string().chars().try_for_each(|character| match character {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '"' => f.write_str("&quot;"),
            '\'' => f.write_str("&#39;"),
            other => write!(f, "{other}"),
        })
    }
}

fn document(title: &str, body: &str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CACHE_CONTROL, "no-store"),
    ];
    let page = format!(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width\">\
         <title>{title}</title><style>{STYLE}</style><h1>{title}</h1>{body}</html>"
    );
    (headers, page).into_response()
}

/// A status as it is written everywhere.
fn word(status: impl Serialize) -> String {
    let word = serde_json::to_value(status).ok();
    word.and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default()
}

/// Whether a payment waits for its customer.
fn waits(payment: &Payment) -> bool {
    payment.operations.iter().any(|operation| operation.status == OperationStatus::AwaitingCustomer)
}

/// A payment, and two buttons when it waits for its customer and they can act here.
pub(crate) fn payment(order: &Order, payment: &Payment, is_served: bool) -> Response {
    let (id, provider) = (payment.id, Escaped(&payment.provider));
    let mut body = format!(
        "<table><tr><td>Order<td>{}<tr><td>Amount<td>{} {}<tr><td>Provider<td>{provider}\
         <tr><td>Payment<td>{id}: {}<tr><td>Status of the order<td>{}</table>",
        Escaped(&order.number),
        payment.amount.amount(),
        payment.amount.currency().code(),
        word(payment.status()),
        order.status.name(),
    );
    match (waits(payment), is_served) {
        (false, _) => body.push_str("<p>Nothing is asked of the customer now."),
        (true, true) => body.push_str(
            "<form method=post><button name=outcome value=approve>Approve</button>\
             <button name=outcome value=decline>Decline</button></form>",
        ),
        (true, false) => body.push_str("<p>The provider runs elsewhere; the customer acts there."),
    }
    match payment.action.as_ref() {
        Some(PaymentAction::Redirect { url })
            if url.starts_with("https://") || url.starts_with("http://") =>
        {
            let url = Escaped(url);
            let _ = write!(body, "<p>The provider's own page: <a href=\"{url}\">{url}</a>");
        }
        Some(PaymentAction::ClientSecret { secret }) => {
            let secret = Escaped(secret);
            let _ = write!(body, "<p>The provider's form would be given this: <code>{secret}</code>");
        }
        Some(_) | None => {}
    }
    body.push_str("<p><a href=\"../pay\">Payments that wait</a>");
    document("A payment", &body)
}

/// The payments of some orders that wait for their customers.
pub(crate) fn waiting(orders: &[Arc<Order>]) -> Response {
    let of_order = |order: &Arc<Order>| -> Vec<String> {
        let waiting = order.payments.iter().filter(|payment| waits(payment));
        let row = |payment: &Payment| {
            format!(
                "<tr><td><a href=\"pay/{}\">{}</a><td>{} {}<td>{}",
                payment.id,
                Escaped(&order.number),
                payment.amount.amount(),
                payment.amount.currency().code(),
                Escaped(&payment.provider)
            )
        };
        waiting.map(row).collect()
    };
    let rows: Vec<String> = orders.iter().flat_map(of_order).collect();
    let body = if rows.is_empty() {
        "<p>No payment waits for its customer.".to_owned()
    } else {
        format!("<table>{}</table>", rows.concat())
    };
    document("Payments that wait for their customers", &body)
}

/// Where a customer comes back to.
pub(crate) fn back() -> Response {
    document(
        "Back at the shop",
        "<p>The order goes on as soon as the provider's webhook has come, or the provider was asked.\
         <p><a href=\"pay\">Payments that wait</a>",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_somebody_wrote_becomes_a_tag() {
        let text = Escaped("<script>'\"&").to_string();
        assert_eq!(text, "&lt;script&gt;&#39;&quot;&amp;");
    }
}
