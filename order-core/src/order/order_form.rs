//! How an order is written and read: what the rest of it tells is left out.
//!
//! * Totals: of a seller's part where they are the sum of its lines', of the order where they are the sum of its parts'.
//! * When it entered its statuses where that was only the first one at its placement; when it, or a seller's part of it, last
//!   changed, where that was at its placement.
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
        let is_sum = sum(sellers.iter().map(|group| &group.totals)) == Some(*totals);
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
        optional(&mut form, "totals", (!is_sum).then_some(totals))?;
        form.serialize_field("shipping_address", shipping_address)?;
        form.serialize_field("sellers", &Parts { groups: sellers, lines, placed: *created_at })?;
        list(&mut form, "payments", payments)?;
        list(&mut form, "findings", findings)?;
        optional(&mut form, "hold", hold.as_ref())?;
        optional(&mut form, "cancellation", cancellation.as_ref())?;
        optional(&mut form, "granted", is_granted.then_some(granted))?;
        list(&mut form, "coupons", coupons)?;
        optional(&mut form, "timestamps", (*timestamps != only_placed(*created_at)).then_some(timestamps))?;
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

/// When an order entered its statuses that has not left the first one.
fn only_placed(placed: Timestamp) -> OrderTimestamps {
    OrderTimestamps { placed: Some(placed), ..OrderTimestamps::default() }
}

/// What parts are together. `None` if there are none, or they can't be added.
fn sum<'t>(mut parts: impl Iterator<Item = &'t Totals>) -> Option<Totals> {
    let first = *parts.next()?;
    parts.try_fold(first, |sum, part| sum.plus(part).ok())
}

/// What a seller's lines are together.
fn sum_of_lines(lines: &[OrderLine], seller: &SellerId) -> Option<Totals> {
    sum(lines.iter().filter(|line| line.seller_id == *seller).map(|line| &line.totals))
}

/// The sellers' parts of an order with these lines, of that time.
struct Parts<'a> {
    groups: &'a [SellerGroup],
    lines: &'a [OrderLine],
    placed: Timestamp,
}

impl Serialize for Parts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.groups.iter().map(|group| GroupForm::of(group, self.lines, self.placed)))
    }
}

/// A seller's part as it stands there.
#[derive(Serialize, Deserialize)]
struct GroupForm<'a> {
    seller_id: Cow<'a, SellerId>,
    status: FulfilmentStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    totals: Option<Totals>,
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    shipments: Cow<'a, [Shipment]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    notes: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    updated_at: Option<Timestamp>,
}

impl<'a> GroupForm<'a> {
    fn of(group: &'a SellerGroup, lines: &[OrderLine], placed: Timestamp) -> Self {
        let is_sum = sum_of_lines(lines, &group.seller_id) == Some(group.totals);
        Self {
            seller_id: Cow::Borrowed(&group.seller_id),
            status: group.status,
            totals: (!is_sum).then_some(group.totals),
            shipments: Cow::Borrowed(&group.shipments),
            notes: group.notes.as_deref().map(Cow::Borrowed),
            updated_at: later(group.updated_at, placed),
        }
    }

    fn read(self, lines: &[OrderLine], placed: Timestamp) -> Result<SellerGroup, &'static str> {
        let totals = self.totals.or_else(|| sum_of_lines(lines, &self.seller_id));
        Ok(SellerGroup {
            totals: totals.ok_or("a seller's part has its `totals`, or its lines add up to them")?,
            seller_id: self.seller_id.into_owned(),
            status: self.status,
            shipments: self.shipments.into_owned(),
            notes: self.notes.map(Cow::into_owned),
            updated_at: self.updated_at.unwrap_or(placed),
        })
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
    totals: Option<Totals>,
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
    timestamps: Option<OrderTimestamps>,
    cancel_reason: Option<String>,
    notes: Option<String>,
    created_at: Timestamp,
    updated_at: Option<Timestamp>,
}

impl TryFrom<OrderForm> for Order {
    type Error = &'static str;

    fn try_from(form: OrderForm) -> Result<Self, Self::Error> {
        let placed = form.created_at;
        let groups = form.sellers.into_iter().map(|group| group.read(&form.lines, placed));
        let sellers = groups.collect::<Result<Vec<SellerGroup>, _>>()?;
        let totals = form.totals.or_else(|| sum(sellers.iter().map(|group| &group.totals)));
        Ok(Self {
            id: form.id,
            number: form.number,
            customer_id: form.customer_id,
            contact: form.contact,
            cart_id: form.cart_id,
            currency: form.currency,
            status: form.status,
            version: form.version,
            totals: totals.ok_or("an order has its `totals`, or its sellers' parts add up to them")?,
            shipping_address: form.shipping_address,
            sellers,
            payments: form.payments,
            findings: form.findings,
            hold: form.hold.map(|hold| hold.read(&form.lines)).transpose()?,
            lines: form.lines,
            cancellation: form.cancellation,
            granted: form.granted.unwrap_or(Money::zero(form.currency)),
            coupons: form.coupons,
            timestamps: form.timestamps.unwrap_or_else(|| only_placed(placed)),
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
        for left_out in
            ["granted", "totals", "timestamps", "updated_at", "contact", "coupons", "findings", "notes"]
        {
            assert_eq!(value.get(left_out), None, "{left_out}");
        }
        for left_out in ["totals", "updated_at"] {
            assert_eq!(value["sellers"][0].get(left_out), None, "{left_out}");
        }
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
        order.timestamps.paid = Some(later);
        let value = written(&order);
        assert_eq!(value["timestamps"]["paid"], value["updated_at"]);
        assert_eq!(value["granted"], json!({ "amount": "0.01", "currency": order.currency.code() }));
        assert_eq!(value["updated_at"], value["sellers"][0]["updated_at"]);
        assert_eq!(read(value), order);
        order.granted = Money::zero(Currency::JPY);
        assert_eq!(read(written(&order)), order, "nothing of another currency");
    }

    #[test]
    fn totals_that_are_no_sums_are_written() {
        let more = |totals: Totals| totals.plus(&totals).unwrap();
        let (whole, currency) = (order(), order().currency);
        let in_yen = Totals::zero(Currency::JPY);
        for totals in [more(whole.totals), Totals::zero(currency), in_yen] {
            let by_itself = Order { totals, ..whole.clone() };
            let mut of_seller = whole.clone();
            of_seller.sellers[0].totals = totals;
            let mut of_line = whole.clone();
            of_line.lines[0].totals = totals;
            let mut of_nobody = Order { totals, ..whole.clone() };
            of_nobody.sellers.clear();
            for order in [by_itself, of_seller, of_line, of_nobody] {
                assert_eq!(read(written(&order)), order);
            }
        }
        let mut shipped = whole.clone();
        let shipping = Money::from_minor(490, currency);
        let dearer = Totals { shipping, total: shipping, ..Totals::zero(currency) };
        for totals in [&mut shipped.lines[0].totals, &mut shipped.sellers[0].totals, &mut shipped.totals] {
            *totals = totals.plus(&dearer).unwrap();
        }
        let value = written(&shipped);
        assert_eq!(value["lines"][0]["totals"]["shipping"], "4.90");
        assert!(value.get("totals").is_none() && value["sellers"][0].get("totals").is_none(), "{value}");
        assert_eq!(read(value), shipped);
    }

    #[test]
    fn totals_that_nothing_tells_are_missed() {
        let mut value = written(&order());
        value["sellers"] = json!([]);
        let error = serde_json::from_value::<Order>(value.clone()).unwrap_err().to_string();
        assert!(error.contains("an order has its `totals`"), "{error}");
        value["sellers"] = json!([{ "seller_id": "nobody", "status": "pending" }]);
        let error = serde_json::from_value::<Order>(value).unwrap_err().to_string();
        assert!(error.contains("a seller's part has its `totals`"), "{error}");
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
        value["totals"] = serde_json::to_value(order.totals).unwrap();
        value["sellers"][0]["totals"] = serde_json::to_value(order.sellers[0].totals).unwrap();
        value["timestamps"] = json!({ "placed": value["created_at"] });
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
