//! What the programs in `src/bin` share: a small shop with two products of two sellers, and a customer who orders.
//!
//! | program | shows |
//! |---|---|
//! | `checkout` | a whole checkout on the memory store in twenty lines; it only takes the address from here |
//! | `custom_gateway` | a payment provider of the host's own behind the port |
//! | `custom_store` | a decorator that counts and times what a store is asked to commit |
//! | `hooks` | a host's rule that is asked before a step, and vetoes it |
//! | `nested_router` | the HTTP interface nested in an application of the host's own |
//! | `simulation` | a test of the host's own that decides the time, the ids and the provider's faults |

use std::error::Error;

use order_core::Engine;
use order_core::address::Address;
use order_core::gateway::Product;
use order_core::id::{CustomerId, LocationId, ProductId, ProviderId, SellerId};
use order_core::memory::MemoryCatalogue;
use order_core::money::{Currency, Money};
use order_core::order::{Actor, Tender};
use order_core::payment::ProviderToken;
use order_core::service::{OrderItem, PlaceOrder, Request};

/// What a program of this package ends with.
pub type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

/// The shop's products: tea of one seller for 12.30 EUR, a mug of another one for 8.00 EUR.
///
/// # Errors
/// None: the texts are what they must be.
pub fn catalogue() -> Outcome<MemoryCatalogue> {
    let product = |id, name, seller, price| -> Outcome<Product> {
        let price = Money::parse(price, Currency::EUR)?;
        Ok(Product::new(ProductId::new(id)?, name, SellerId::new(seller)?, price))
    };
    Ok([product("TEA", "Green tea", "north", "12.30")?, product("MUG", "Mug", "south", "8.00")?]
        .into_iter()
        .collect())
}

/// Puts so many units of each product on the shelf.
///
/// # Errors
/// When the store refuses.
pub async fn receive_stock(engine: &Engine, units: u32) -> Outcome {
    let shop = Request::by(Actor::Service("shop".to_owned()));
    for product in ["TEA", "MUG"] {
        let (product, location) = (ProductId::new(product)?, LocationId::new("main")?);
        engine.inventory().set(product, location, units, None, &shop).await?;
    }
    Ok(())
}

/// A request of a customer.
///
/// # Errors
/// When the name is no customer id.
pub fn by_customer(name: &str) -> Outcome<Request> {
    Ok(Request::by(Actor::Customer(CustomerId::new(name)?)))
}

/// Units of a product, paid by card through a provider, with a token that means something to it.
///
/// # Errors
/// When a text is not what it must be.
pub fn order_of(product: &str, quantity: u32, provider: &str, token: &str) -> Outcome<PlaceOrder> {
    let tender = Tender::card(ProviderId::new(provider)?, Some(ProviderToken::new(token)?));
    Ok(PlaceOrder {
        items: Some(vec![OrderItem { product_id: ProductId::new(product)?, quantity, price: None }]),
        ..PlaceOrder::from_cart(address(), tender)
    })
}

/// Where it goes.
pub fn address() -> Address {
    Address {
        line1: "12 Harbour Street".to_owned(),
        line2: None,
        city: "Cork".to_owned(),
        state: None,
        postal_code: "T12 X70A".to_owned(),
        country: "IE".to_owned(),
        contact_name: None,
        contact_phone: None,
    }
}
