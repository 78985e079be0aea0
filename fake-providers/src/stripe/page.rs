use super::intent::Intent;

/// The page on which the customer's bank asks them.
pub(super) fn question(intent: &Intent) -> String {
    let (id, status, amount, currency) = (&intent.id, intent.status, intent.amount, &intent.currency);
    format!(
        "<!doctype html><html lang=en><meta charset=utf-8><title>Confirm a payment</title>\
         <h1>Confirm a payment</h1><p>{amount} {currency} (in Stripe's units), {id}: {status}.</p>\
         <form method=post action=\"/fake/3ds/{id}\"><button name=outcome value=approve>Approve</button> \
         <button name=outcome value=refuse>Refuse</button></form></html>"
    )
}

/// What the customer sees afterwards, when the shop has given no page to return to.
pub(super) fn done() -> String {
    "<!doctype html><html lang=en><meta charset=utf-8><title>Done</title><p>Done. You can close this page.</html>".to_owned()
}
