//! How an order is written and read: what the rest of it tells is left out.
//!
//! * When it, or a seller's part of it, last changed, where that was at its placement.
//! * What was granted, where that is nothing.
//! * The lines of a hold on all units of all lines at one place: `at` names the place instead.
//!
//! Where it stands nevertheless, as in the form of before, it is read.

use std::borrow::Cow;

use serde::ser::SerializeStruct;
use serde::{Deserialize, Serialize, Serializer};

use super::{Cancellation, Contact, Finding, Hold, Order, OrderLine, OrderStatus, OrderTimestamps};
use crate::address::Address;
use crate::fulfilment::{FulfilmentStatus, SellerGroup, Shipment};
use crate::id::{CartId, CouponCode, CustomerId, LocationId, OrderId, OrderNumber, ReservationId, SellerId};
use crate::inventory::{ReservationLine, ReservationStatus, StockKey};
use crate::money::{Currency, Money};
use crate::payment::Payment;
use crate::pricing::Totals;
use crate::time::Timestamp;

impl Serialize for Order {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Named one by one, so that none is forgotten.
        let Self {
            id,
            number,
            customer_id,
            contact,
            cart_id,
            currency,
            status,
            version,
            lines,
            totals,
            shipping_address,
            sellers,
            payments,
            findings,
            hold,
            cancellation,
            granted,
            coupons,
            timestamps,
            cancel_reason,
            notes,
            created_at,
            updated_at,
        } = self;
        let hold = hold.as_ref().map(|hold| HoldForm::of(hold, lines));
        let is_granted = *granted != Money::zero(*currency);
        let mut form = serializer.serialize_struct("Order", 23)?;
        form.serialize_field("id", id)?;
        form.serialize_field("number", number)?;
        form.serialize_field("customer_id", customer_id)?;
        optional(&mut form, "contact", contact.as_ref())?;
        optional(&mut form, "cart_id", cart_id.as_ref())?;
        form.serialize_field("currency", currency)?;
        form.serialize_field("status", status)?;
        form.serialize_field("version", version)?;
        form.serialize_field("lines", lines)?;
        form.serialize_field("totals", totals)?;
        form.serialize_field("shipping_address", shipping_address)?;
        form.serialize_field("sellers", &Groups { groups: sellers, placed: *created_at })?;
        list(&mut form, "payments", payments)?;
        list(&mut form, "findings", findings)?;
        optional(&mut form, "hold", hold.as_ref())?;
        optional(&mut form, "cancellation", cancellation.as_ref())?;
        optional(&mut form, "granted", is_granted.then_some(granted))?;
        list(&mut form, "coupons", coupons)?;
        form.serialize_field("timestamps", timestamps)?;
        optional(&mut form, "cancel_reason", cancel_reason.as_ref())?;
        optional(&mut form, "notes", notes.as_ref())?;
        form.serialize_field("created_at", created_at)?;
        optional(&mut form, "updated_at", later(*updated_at, *created_at).as_ref())?;
        form.end()
    }
}

fn optional<S: SerializeStruct>(
    form: &mut S,
    name: &'static str,
    value: Option<&impl Serialize>,
) -> Result<(), S::Error> {
    match value {
        Some(value) => form.serialize_field(name, value),
        None => form.skip_field(name),
    }
}

fn list<S: SerializeStruct>(
    form: &mut S,
    name: &'static str,
    values: &[impl Serialize],
) -> Result<(), S::Error> {
    optional(form, name, (!values.is_empty()).then_some(&values))
}

/// When something changed, if that was not at the placement.
fn later(changed: Timestamp, placed: Timestamp) -> Option<Timestamp> {
    (changed != placed).then_some(changed)
}

/// The sellers' parts of an order of that time.
struct Groups<'a> {
    groups: &'a [SellerGroup],
    placed: Timestamp,
}

impl Serialize for Groups<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.groups.iter().map(|group| GroupForm::of(group, self.placed)))
    }
}

/// A seller's part as it stands there.
#[derive(Serialize, Deserialize)]
struct GroupForm<'a> {
    seller_id: Cow<'a, SellerId>,
    status: FulfilmentStatus,
    totals: Totals,
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    shipments: Cow<'a, [Shipment]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    notes: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    updated_at: Option<Timestamp>,
}

impl<'a> GroupForm<'a> {
    fn of(group: &'a SellerGroup, placed: Timestamp) -> Self {
        Self {
            seller_id: Cow::Borrowed(&group.seller_id),
            status: group.status,
            totals: group.totals,
            shipments: Cow::Borrowed(&group.shipments),
            notes: group.notes.as_deref().map(Cow::Borrowed),
            updated_at: later(group.updated_at, placed),
        }
    }

    fn read(self, placed: Timestamp) -> SellerGroup {
        SellerGroup {
            seller_id: self.seller_id.into_owned(),
            status: self.status,
            totals: self.totals,
            shipments: self.shipments.into_owned(),
            notes: self.notes.map(Cow::into_owned),
            updated_at: self.updated_at.unwrap_or(placed),
        }
    }
}

/// A hold as it stands there.
#[derive(Serialize, Deserialize)]
struct HoldForm<'a> {
    reservation_id: ReservationId,
    status: ReservationStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<Cow<'a, LocationId>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lines: Option<Cow<'a, [ReservationLine]>>,
    expires_at: Timestamp,
}

impl<'a> HoldForm<'a> {
    /// The hold of an order with these lines.
    fn of(hold: &'a Hold, lines: &[OrderLine]) -> Self {
        let units = &hold.lines;
        let is_whole = |at: &&LocationId| {
            units.len() == lines.len() && units.iter().zip(lines).all(|(units, line)| is_all(units, line, at))
        };
        let at = units.first().map(|units| &units.key.location).filter(is_whole);
        Self {
            reservation_id: hold.reservation_id,
            status: hold.status,
            at: at.map(Cow::Borrowed),
            lines: at.is_none().then_some(Cow::Borrowed(units)),
            expires_at: hold.expires_at,
        }
    }

    fn read(self, lines: &[OrderLine]) -> Result<Hold, &'static str> {
        let held = match (self.at, self.lines) {
            (_, Some(held)) => held.into_owned(),
            (Some(at), None) => lines.iter().map(|line| all(line, &at)).collect(),
            (None, None) => return Err("a hold has its `lines`, or says where all of them are held (`at`)"),
        };
        Ok(Hold {
            reservation_id: self.reservation_id,
            status: self.status,
            lines: held,
            expires_at: self.expires_at,
        })
    }
}

/// Whether all units of a line are held at a place.
fn is_all(held: &ReservationLine, line: &OrderLine, at: &LocationId) -> bool {
    held.line_id == Some(line.id)
        && held.key.product_id == line.product_id
        && held.key.location == *at
        && held.quantity == line.quantity
}

/// All units of a line, held at a place.
fn all(line: &OrderLine, at: &LocationId) -> ReservationLine {
    let key = StockKey::new(line.product_id.clone(), at.clone());
    ReservationLine::new(Some(line.id), key, line.quantity)
}

/// An order as it stands there.
#[derive(Deserialize)]
pub(super) struct OrderForm {
    id: OrderId,
    number: OrderNumber,
    customer_id: CustomerId,
    contact: Option<Contact>,
    cart_id: Option<CartId>,
    currency: Currency,
    status: OrderStatus,
    version: u64,
    lines: Vec<OrderLine>,
    totals: Totals,
    shipping_address: Address,
    sellers: Vec<GroupForm<'static>>,
    #[serde(default)]
    payments: Vec<Payment>,
    #[serde(default)]
    findings: Vec<Finding>,
    hold: Option<HoldForm<'static>>,
    cancellation: Option<Cancellation>,
    granted: Option<Money>,
    #[serde(default)]
    coupons: Vec<CouponCode>,
    timestamps: OrderTimestamps,
    cancel_reason: Option<String>,
    notes: Option<String>,
    created_at: Timestamp,
    updated_at: Option<Timestamp>,
}

impl TryFrom<OrderForm> for Order {
    type Error = &'static str;

    fn try_from(form: OrderForm) -> Result<Self, Self::Error> {
        let placed = form.created_at;
        Ok(Self {
            id: form.id,
            number: form.number,
            customer_id: form.customer_id,
            contact: form.contact,
            cart_id: form.cart_id,
            currency: form.currency,
            status: form.status,
            version: form.version,
            totals: form.totals,
            shipping_address: form.shipping_address,
            sellers: form.sellers.into_iter().map(|group| group.read(placed)).collect(),
            payments: form.payments,
            findings: form.findings,
            hold: form.hold.map(|hold| hold.read(&form.lines)).transpose()?,
            lines: form.lines,
            cancellation: form.cancellation,
            granted: form.granted.unwrap_or(Money::zero(form.currency)),
            coupons: form.coupons,
            timestamps: form.timestamps,
            cancel_reason: form.cancel_reason,
            notes: form.notes,
            created_at: placed,
            updated_at: form.updated_at.unwrap_or(placed),
        })
    }
}

#[cfg(test)]
#[cfg(feature = "conformance")]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::conformance::sample::Sampler;
    use crate::time::Duration;

    fn order() -> Order {
        Sampler::new(1).order("ann", "tea").1
    }

    fn written(order: &Order) -> Value {
        serde_json::to_value(order).unwrap()
    }

    fn read(value: Value) -> Order {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn what_the_rest_tells_is_left_out() {
        let mut order = order();
        order.updated_at = order.created_at;
        let value = written(&order);
        assert_eq!(value["hold"]["at"], "main");
        assert_eq!(value["hold"].get("lines"), None);
        for left_out in ["granted", "updated_at", "contact", "coupons", "findings", "notes"] {
            assert_eq!(value.get(left_out), None, "{left_out}");
        }
        assert_eq!(value["sellers"][0].get("updated_at"), None);
        assert_eq!(read(value), order);
    }

    #[test]
    fn what_the_rest_does_not_tell_is_written() {
        let mut order = order();
        let place = LocationId::new("north").unwrap();
        let held = order.hold.as_ref().unwrap().lines[0].clone();
        let elsewhere = StockKey::new(held.key.product_id.clone(), place);
        for lines in [
            Vec::new(),
            vec![ReservationLine { quantity: held.quantity + 1, ..held.clone() }],
            vec![ReservationLine { line_id: None, ..held.clone() }],
            vec![ReservationLine::new(
                held.line_id,
                StockKey::new("cup".parse().unwrap(), held.key.location.clone()),
                held.quantity,
            )],
            vec![held.clone(), ReservationLine::new(held.line_id, elsewhere.clone(), 1)],
        ] {
            order.hold.as_mut().unwrap().lines = lines;
            let value = written(&order);
            assert_eq!(value["hold"].get("at"), None, "{value}");
            assert_eq!(read(value), order);
        }
        order.hold = None;
        let later = order.created_at + Duration::minutes(5);
        order.updated_at = later;
        order.sellers[0].updated_at = later;
        order.granted = Money::from_minor(1, order.currency);
        let value = written(&order);
        assert_eq!(value["granted"], json!({ "amount": "0.01", "currency": order.currency.code() }));
        assert_eq!(value["updated_at"], value["sellers"][0]["updated_at"]);
        assert_eq!(read(value), order);
        order.granted = Money::zero(Currency::JPY);
        assert_eq!(read(written(&order)), order, "nothing of another currency");
    }

    #[test]
    fn the_form_of_before_is_read() {
        let mut order = order();
        order.updated_at = order.created_at;
        let mut value = written(&order);
        let hold = value["hold"].as_object_mut().unwrap();
        hold.remove("at");
        hold.insert("lines".to_owned(), serde_json::to_value(&order.hold.as_ref().unwrap().lines).unwrap());
        value["granted"] = json!({ "amount": "0.00", "currency": order.currency.code() });
        value["updated_at"] = value["created_at"].clone();
        value["sellers"][0]["updated_at"] = value["created_at"].clone();
        value["notes"] = Value::Null;
        assert_eq!(read(value), order);
    }

    #[test]
    fn a_hold_says_what_it_holds() {
        let mut value = written(&order());
        value["hold"].as_object_mut().unwrap().remove("at");
        let error = serde_json::from_value::<Order>(value).unwrap_err().to_string();
        assert!(error.contains("`lines`") && error.contains("`at`"), "{error}");
    }
}
