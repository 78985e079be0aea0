//! The routes of carts.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{DateTime, Utc};
use order_core::cart::{Cart, CartLine};
use order_core::id::{CouponCode, GuestToken, InvalidId, LineId, ProductId, SellerId};
use order_core::money::Money;
use order_core::pricing::{Adjustment, AdjustmentKind, Quote, Totals};
use order_core::service::{AddItem, QuoteRequest};
use order_core::{Error, Invalid};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::address::AddressBody;
use crate::api::Api;
use crate::auth::{Buyer, Shopper};
use crate::call::{Call, answer};
use crate::json::Json;
use crate::money::{MoneyBody, TotalsBody};
use crate::params::Id;
use crate::problem::Problem;

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(get_cart, clear))
        .routes(routes!(add_item))
        .routes(routes!(add_items))
        .routes(routes!(set_quantity, remove_item))
        .routes(routes!(merge))
        .routes(routes!(quote))
}

/// What somebody is about to order.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Cart)]
#[serde(deny_unknown_fields)]
pub(crate) struct CartBody {
    id: Uuid,
    /// How many changes there were: the `ETag`.
    version: u64,
    items: Vec<CartItemBody>,
    totals: TotalsBody,
    /// From when on it counts as empty.
    expires_at: DateTime<Utc>,
}

/// An item of a cart.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CartItem)]
#[serde(deny_unknown_fields)]
pub(crate) struct CartItemBody {
    id: Uuid,
    product_id: String,
    seller_id: String,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    image: Option<String>,
    quantity: u32,
    /// The price of one unit when the item was last touched.
    #[schema(value_type = MoneyBody)]
    unit_price: Money,
    #[schema(value_type = MoneyBody)]
    total: Money,
    /// How many units there were when the item was last touched.
    available: u32,
    added_at: DateTime<Utc>,
}

impl CartItemBody {
    fn of(line: &CartLine) -> Result<Self, Error> {
        Ok(Self {
            id: line.id.uuid(),
            product_id: line.product_id.to_string(),
            seller_id: line.seller_id.to_string(),
            name: line.name.clone(),
            image: line.image.clone(),
            quantity: line.quantity,
            unit_price: line.unit_price,
            total: line.total()?,
            available: line.available,
            added_at: line.added_at,
        })
    }
}

fn answer_cart(api: &Api, cart: &Cart) -> Result<Response, Problem> {
    let totals = cart.totals()?.unwrap_or_else(|| Totals::zero(cart.currency.unwrap_or(api.currency())));
    let body = CartBody {
        id: cart.id.uuid(),
        version: cart.version,
        items: cart.lines.iter().map(CartItemBody::of).collect::<Result<_, _>>()?,
        totals: totals.into(),
        expires_at: cart.expires_at,
    };
    Ok(answer(StatusCode::OK, &body, Some(cart.version), false))
}

/// The current cart; an empty one if there is none.
#[utoipa::path(get, operation_id = "get_cart", path = "/cart", tag = "cart", responses((status = 200, body = CartBody)),
    security(("bearer" = []), ("guest" = [])))]
async fn get_cart(State(api): State<Api>, Shopper(owner): Shopper) -> Result<Response, Problem> {
    answer_cart(&api, &api.engine().carts().get(&owner).await?)
}

/// A product that is to be added to a cart.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = AddItem)]
#[serde(deny_unknown_fields)]
struct AddItemBody {
    #[schema(min_length = 1, max_length = 128)]
    product_id: String,
    #[schema(minimum = 1, maximum = 9999)]
    quantity: u32,
    /// Whose offer of the product it is.
    #[schema(min_length = 1, max_length = 128)]
    seller_id: Option<String>,
}

/// Adds a product. What is there already adds up.
#[utoipa::path(post, operation_id = "add_cart_item", path = "/cart/items", tag = "cart", request_body = AddItemBody,
    params(("If-Match" = Option<String>, Header)),
    responses((status = 200, body = CartBody)), security(("bearer" = []), ("guest" = [])))]
async fn add_item(
    State(api): State<Api>,
    Shopper(owner): Shopper,
    call: Call,
    body: Json<AddItemBody>,
) -> Result<Response, Problem> {
    let mut invalid = Invalid::default();
    let item = body.value.read("", &mut invalid);
    invalid.into_result()?;
    let Some(item) = item else { return Err(Error::Internal("an id was lost").into()) };
    answer_cart(&api, &api.engine().carts().add_item(&owner, item, call.if_version).await?)
}

impl AddItemBody {
    /// What is to be added; what is wrong with its ids is noted.
    fn read(self, pointer: &str, invalid: &mut Invalid) -> Option<AddItem> {
        let Self { product_id, quantity, seller_id } = self;
        let product_id = read_id(ProductId::new(product_id), &format!("{pointer}/product_id"), invalid);
        let seller_id =
            seller_id.and_then(|id| read_id(SellerId::new(id), &format!("{pointer}/seller_id"), invalid));
        Some(AddItem { product_id: product_id?, quantity, seller_id })
    }
}

/// Products that are to be added to a cart, all of them or none.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = AddItems)]
#[serde(deny_unknown_fields)]
struct AddItemsBody {
    #[schema(min_items = 1, max_items = 100)]
    items: Vec<AddItemBody>,
}

/// Adds several products at once, all of them or none. What is there already adds up.
#[utoipa::path(post, operation_id = "add_cart_items", path = "/cart/items/bulk", tag = "cart", request_body = AddItemsBody,
    params(("If-Match" = Option<String>, Header)),
    responses((status = 200, body = CartBody)), security(("bearer" = []), ("guest" = [])))]
async fn add_items(
    State(api): State<Api>,
    Shopper(owner): Shopper,
    call: Call,
    body: Json<AddItemsBody>,
) -> Result<Response, Problem> {
    let mut invalid = Invalid::default();
    let items = body.value.items.into_iter().enumerate();
    let items: Vec<AddItem> =
        items.filter_map(|(index, item)| item.read(&format!("/items/{index}"), &mut invalid)).collect();
    invalid.into_result()?;
    answer_cart(&api, &api.engine().carts().add_items(&owner, &items, call.if_version).await?)
}

/// Notes what is wrong with an id.
pub(crate) fn read_id<T>(id: Result<T, InvalidId>, pointer: &str, invalid: &mut Invalid) -> Option<T> {
    id.map_err(|error| invalid.push(pointer, "invalid_id", error.problem)).ok()
}

/// How many units of an item there are to be.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = SetQuantity)]
#[serde(deny_unknown_fields)]
struct SetQuantityBody {
    #[schema(minimum = 1, maximum = 9999)]
    quantity: u32,
}

/// Changes how many units of an item there are.
#[utoipa::path(put, operation_id = "set_cart_item_quantity", path = "/cart/items/{item_id}", tag = "cart", request_body = SetQuantityBody,
    params(("item_id" = Uuid, Path), ("If-Match" = Option<String>, Header)),
    responses((status = 200, body = CartBody)), security(("bearer" = []), ("guest" = [])))]
async fn set_quantity(
    State(api): State<Api>,
    Shopper(owner): Shopper,
    Id(line): Id<LineId>,
    call: Call,
    body: Json<SetQuantityBody>,
) -> Result<Response, Problem> {
    let carts = api.engine().carts();
    answer_cart(&api, &carts.set_quantity(&owner, line, body.value.quantity, call.if_version).await?)
}

/// Removes an item.
#[utoipa::path(delete, operation_id = "remove_cart_item", path = "/cart/items/{item_id}", tag = "cart",
    params(("item_id" = Uuid, Path), ("If-Match" = Option<String>, Header)),
    responses((status = 200, body = CartBody)), security(("bearer" = []), ("guest" = [])))]
async fn remove_item(
    State(api): State<Api>,
    Shopper(owner): Shopper,
    Id(line): Id<LineId>,
    call: Call,
) -> Result<Response, Problem> {
    answer_cart(&api, &api.engine().carts().remove_item(&owner, line, call.if_version).await?)
}

/// Removes everything.
#[utoipa::path(delete, operation_id = "clear_cart", path = "/cart", tag = "cart", params(("If-Match" = Option<String>, Header)),
    responses((status = 200, body = CartBody)), security(("bearer" = []), ("guest" = [])))]
async fn clear(State(api): State<Api>, Shopper(owner): Shopper, call: Call) -> Result<Response, Problem> {
    answer_cart(&api, &api.engine().carts().clear(&owner, call.if_version).await?)
}

/// The guest whose cart is taken over.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = MergeCart)]
#[serde(deny_unknown_fields)]
struct MergeBody {
    #[schema(min_length = 1, max_length = 128)]
    guest_token: String,
}

/// Brings a guest's cart into the customer's. Doing it again changes nothing.
#[utoipa::path(post, operation_id = "merge_carts", path = "/cart/merge", tag = "cart", request_body = MergeBody,
    responses((status = 200, body = CartBody)), security(("bearer" = [])))]
async fn merge(
    State(api): State<Api>,
    Buyer(customer): Buyer,
    body: Json<MergeBody>,
) -> Result<Response, Problem> {
    let guest = GuestToken::new(&body.value.guest_token)
        .map_err(|error| Invalid::field("/guest_token", "invalid_id", error.problem))?;
    answer_cart(&api, &api.engine().carts().merge(&guest, &customer).await?)
}

/// What a quote depends on besides the cart.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = QuoteRequest)]
#[serde(deny_unknown_fields)]
struct QuoteRequestBody {
    address: Option<AddressBody>,
    #[serde(default)]
    #[schema(max_items = 10)]
    coupons: Vec<String>,
}

/// What the cart would cost.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Quote)]
#[serde(deny_unknown_fields)]
struct QuoteBody {
    currency: String,
    items: Vec<QuotedItemBody>,
    totals: TotalsBody,
}

/// What one item would cost, with its part of everything that concerns the whole order.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = QuotedItem)]
#[serde(deny_unknown_fields)]
struct QuotedItemBody {
    item_id: Uuid,
    totals: TotalsBody,
    /// How the totals came about.
    adjustments: Vec<AdjustmentBody>,
}

/// One step from a price to a total, and why.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Adjustment)]
#[serde(deny_unknown_fields)]
struct AdjustmentBody {
    kind: AdjustmentName,
    #[schema(value_type = MoneyBody)]
    amount: Money,
    reason: String,
}

/// The component of the totals that an adjustment belongs to.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AdjustmentKind)]
#[serde(rename_all = "snake_case")]
enum AdjustmentName {
    Discount,
    Tax,
    Shipping,
    IncludedTax,
}

impl AdjustmentBody {
    fn of(adjustment: &Adjustment) -> Self {
        let kind = match adjustment.kind {
            AdjustmentKind::Discount => AdjustmentName::Discount,
            AdjustmentKind::Tax => AdjustmentName::Tax,
            AdjustmentKind::Shipping => AdjustmentName::Shipping,
            AdjustmentKind::IncludedTax => AdjustmentName::IncludedTax,
        };
        Self { kind, amount: adjustment.amount, reason: adjustment.reason.to_string() }
    }
}

impl QuoteBody {
    fn of(quote: &Quote) -> Self {
        let item = |line: &order_core::pricing::QuotedLine| QuotedItemBody {
            item_id: line.line_id.uuid(),
            totals: line.totals.into(),
            adjustments: line.adjustments.iter().map(AdjustmentBody::of).collect(),
        };
        Self {
            currency: quote.currency.code().to_owned(),
            items: quote.lines.iter().map(item).collect(),
            totals: quote.totals.into(),
        }
    }
}

/// What the cart would cost at the present prices. Nothing is reserved.
#[utoipa::path(post, operation_id = "quote_cart", path = "/cart/quote", tag = "cart", request_body = QuoteRequestBody,
    responses((status = 200, body = QuoteBody)), security(("bearer" = []), ("guest" = [])))]
async fn quote(
    State(api): State<Api>,
    Shopper(owner): Shopper,
    body: Json<QuoteRequestBody>,
) -> Result<Response, Problem> {
    let QuoteRequestBody { address, coupons } = body.value;
    let mut invalid = Invalid::default();
    let coupons = read_coupons(&coupons, &mut invalid);
    invalid.into_result()?;
    let request = QuoteRequest { address: address.map(Into::into), coupons };
    let quote = api.engine().carts().quote(&owner, request).await?;
    Ok(answer(StatusCode::OK, &QuoteBody::of(&quote), None, false))
}

/// Reads coupon codes; what is wrong with them is noted.
pub(crate) fn read_coupons(texts: &[String], invalid: &mut Invalid) -> Vec<CouponCode> {
    let read = |(index, text)| read_id(CouponCode::new(text), &format!("/coupons/{index}"), invalid);
    texts.iter().enumerate().filter_map(read).collect()
}
