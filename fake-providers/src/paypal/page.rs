use super::order::Order;

/// The page on which the payer agrees.
pub(super) fn question(order: &Order) -> String {
    let (id, status) = (&order.id, order.status);
    let amount = order.amount.json();
    format!(
        "<!doctype html><html lang=en><meta charset=utf-8><title>Pay with PayPal</title>\
         <h1>Pay with PayPal</h1><p>{amount}, {id}: {status}.</p>\
         <form method=post action=\"/fake/checkoutnow/{id}\"><button name=outcome value=approve>Agree</button> \
         <button name=outcome value=cancel>Cancel</button></form></html>"
    )
}

/// What the payer sees afterwards, when the shop has given no page to return to.
pub(super) fn done() -> String {
    "<!doctype html><html lang=en><meta charset=utf-8><title>Done</title><p>Done. You can close this page.</html>".to_owned()
}
