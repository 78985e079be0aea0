use crate::address::Address;
use crate::cart::{self, Cart, CartItem, CartOwner, CartStatus};
use crate::error::{Error, Invalid, Result};
use crate::gateway::Product;
use crate::id::{CouponCode, CustomerId, GuestToken, LineId, ProductId, SellerId, WriteSetId};
use crate::pricing::{Basket, BasketLine, MAX_LINES, Quote, check_quantity};
use crate::service::both::both;
use crate::service::change::{check_version, try_again};
use crate::service::engine::{MAX_TRIES, Parts};
use crate::service::known_carts::KnownCart;
use crate::service::known_stock::Available;
use crate::store::{CartPut, WriteSet};

/// What is put into a cart.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "callers write it as a literal")]
pub struct AddItem {
    /// The product.
    pub product_id: ProductId,
    /// How many units.
    pub quantity: u32,
    /// Who should sell it. It must be the product's seller.
    pub seller_id: Option<SellerId>,
}

/// What a quote is for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[expect(clippy::exhaustive_structs, reason = "callers write it as a literal")]
pub struct QuoteRequest {
    /// Where it would go.
    pub address: Option<Address>,
    /// The coupons that would be used.
    pub coupons: Vec<CouponCode>,
}

/// Carts. Each owner has at most one that is open.
///
/// Every change takes the version the caller saw, if they want it to be refused when the cart has changed since.
///
/// A cart holds no stock. What a line says is available may be what there was less than a second ago; that there is not enough is told
/// after asking the store.
#[derive(Debug, Clone, Copy)]
pub struct Carts<'a> {
    pub(crate) parts: &'a Parts,
}

impl Carts<'_> {
    /// The owner's cart; an empty one, of version 0, when there is none. What was left alone for too long is not in it any more.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn get(&self, owner: &CartOwner) -> Result<Cart> {
        let mut cart = self.parts.open_cart(owner).await?;
        if cart.is_expired(self.parts.now()) {
            cart.lines.clear();
            cart.currency = None;
        }
        Ok(cart)
    }

    /// Puts units of a product into the cart, at the price and with the name the catalogue gives now.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an unknown product or a quantity out of range, [`Error::OutOfStock`], [`Error::Stale`].
    pub async fn add_item(&self, owner: &CartOwner, item: AddItem, if_version: Option<u64>) -> Result<Cart> {
        self.add(owner, &[item], if_version, |_| String::new()).await
    }

    /// Puts several products into the cart at once, all of them or none: an order repeated, a list remembered elsewhere. It takes one
    /// commit, however many they are, and is one change of the cart.
    ///
    /// # Errors
    /// [`Error::Invalid`] for no items or more than [`MAX_LINES`], and for everything that is wrong with one of them
    /// (`/items/2/quantity`); otherwise as [`add_item`](Self::add_item).
    pub async fn add_items(
        &self,
        owner: &CartOwner,
        items: &[AddItem],
        if_version: Option<u64>,
    ) -> Result<Cart> {
        if items.is_empty() {
            return Err(Invalid::field("/items", "required", "must hold at least one item").into());
        }
        if items.len() > MAX_LINES {
            let detail = format!("must hold at most {MAX_LINES} items");
            return Err(Invalid::field("/items", "too_many", detail).into());
        }
        self.add(owner, items, if_version, |index| format!("/items/{index}")).await
    }

    /// Puts products into the cart. `pointer` says where the caller named each.
    async fn add(
        &self,
        owner: &CartOwner,
        items: &[AddItem],
        if_version: Option<u64>,
        pointer: impl Fn(usize) -> String + Send + Sync,
    ) -> Result<Cart> {
        let parts = self.parts;
        let mut ids: Vec<ProductId> = items.iter().map(|item| item.product_id.clone()).collect();
        ids.sort();
        ids.dedup();
        let products = parts.products(&ids).await?;
        let mut invalid = Invalid::default();
        let mut offers = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            match offered(products.get(&item.product_id), item) {
                Ok(product) => offers.push((product, item.quantity)),
                Err(problem) => invalid.nest(&pointer(index), problem),
            }
        }
        invalid.into_result()?;
        let (stock, known) = both(parts.known_stock(&ids), parts.known_cart(owner)).await;
        self.change_from(known?, stock?, if_version, |cart, stock| {
            let now = parts.now();
            let entries = offers.iter().map(|(product, quantity)| {
                (LineId::new(&*parts.ids, now), cart_item(product, stock.of(&product.id)), *quantity)
            });
            cart.add_all(entries, now).map_err(|(index, error)| error.below(&pointer(index)))
        })
        .await
    }

    /// Sets the units of a line.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`], [`Error::OutOfStock`], [`Error::Stale`].
    pub async fn set_quantity(
        &self,
        owner: &CartOwner,
        line_id: LineId,
        quantity: u32,
        if_version: Option<u64>,
    ) -> Result<Cart> {
        let parts = self.parts;
        let mut known = parts.known_cart(owner).await?;
        let product = loop {
            match known.cart.lines_at(parts.now()).iter().find(|line| line.id == line_id) {
                Some(line) => break line.product_id.clone(),
                None => known = parts.look_again(&known, Error::NotFound { what: "cart item" }).await?,
            }
        };
        let stock = parts.known_stock(std::slice::from_ref(&product)).await?;
        self.change_from(known, stock, if_version, |cart, stock| {
            cart.set_quantity(line_id, quantity, stock.of(&product), parts.now())
        })
        .await
    }

    /// Takes a line out.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Stale`].
    pub async fn remove_item(
        &self,
        owner: &CartOwner,
        line_id: LineId,
        if_version: Option<u64>,
    ) -> Result<Cart> {
        self.change(owner, if_version, |cart| cart.remove(line_id, self.parts.now())).await
    }

    /// Takes everything out.
    ///
    /// # Errors
    /// [`Error::Stale`].
    pub async fn clear(&self, owner: &CartOwner, if_version: Option<u64>) -> Result<Cart> {
        self.change(owner, if_version, |cart| cart.clear(self.parts.now())).await
    }

    /// Brings a guest's cart into the cart of the customer who logged in, in one commit. Doing it again changes nothing.
    ///
    /// # Errors
    /// A conflict when the carts can't be one ([`cart::merge`]).
    pub async fn merge(&self, guest: &GuestToken, customer: &CustomerId) -> Result<Cart> {
        let parts = self.parts;
        let owner = CartOwner::Customer(customer.clone());
        for _ in 0..MAX_TRIES {
            let Some(guest) = parts.store.find_open_cart(&CartOwner::Guest(guest.clone())).await? else {
                return self.get(&owner).await;
            };
            let now = parts.now();
            let cart = parts.open_cart(&owner).await?;
            let (guest_version, version) = (guest.version, cart.version);
            let (guest, cart) = cart::merge(guest, cart, now)?;
            let mut set = WriteSet::new(WriteSetId::new(&*parts.ids, now), now);
            set.carts.push(CartPut { expected: guest_version, cart: guest });
            if cart.version != version {
                set.carts.push(CartPut { expected: version, cart: cart.clone() });
            }
            match parts.commit(&set).await? {
                Ok(()) => {
                    set.carts.into_iter().for_each(|put| parts.known_carts.put(put.cart));
                    return Ok(cart);
                }
                Err(refusal) => try_again(&refusal)?,
            }
        }
        Err(Error::Contended)
    }

    /// What the cart would cost now, at the catalogue's prices. Nothing is reserved.
    ///
    /// # Errors
    /// A conflict when the cart is empty; [`Error::Invalid`] for a product that is not sold any more, an address or a coupon.
    pub async fn quote(&self, owner: &CartOwner, request: QuoteRequest) -> Result<Quote> {
        let parts = self.parts;
        if let Some(address) = &request.address {
            address.check().map_err(|invalid| invalid.below("/address"))?;
        }
        let cart = self.get(owner).await?;
        let Some(currency) = cart.currency.filter(|_| !cart.lines.is_empty()) else {
            return Err(Error::conflict("cart_empty", "the cart is empty"));
        };
        let ids: Vec<ProductId> = cart.lines.iter().map(|line| line.product_id.clone()).collect();
        let products = parts.products(&ids).await?;
        let mut lines = Vec::with_capacity(cart.lines.len());
        for (index, line) in cart.lines.iter().enumerate() {
            let product = sold(products.get(&line.product_id), &format!("/items/{index}/product_id"))?;
            let seller = product.seller_id.clone();
            lines.push(BasketLine::new(
                line.id,
                line.product_id.clone(),
                seller,
                product.price,
                line.quantity,
            ));
        }
        let mut basket = Basket::new(currency, &lines).with_coupons(&request.coupons);
        if let Some(address) = &request.address {
            basket = basket.with_address(address);
        }
        parts.pricing.quote(&basket)
    }

    async fn change<F>(&self, owner: &CartOwner, if_version: Option<u64>, change: F) -> Result<Cart>
    where
        F: Fn(&mut Cart) -> Result<()> + Send + Sync,
    {
        let known = self.parts.known_cart(owner).await?;
        self.change_from(known, Available::default(), if_version, |cart, _| change(cart)).await
    }

    /// Changes the cart as it is known, and by the stock that is known; and again, if either is another one by now.
    async fn change_from<F>(
        &self,
        mut known: KnownCart,
        mut stock: Available,
        if_version: Option<u64>,
        change: F,
    ) -> Result<Cart>
    where
        F: Fn(&mut Cart, &Available) -> Result<()> + Send + Sync,
    {
        let parts = self.parts;
        for _ in 0..MAX_TRIES {
            let mut cart = known.cart.clone();
            if let Err(error) =
                check_version("cart", if_version, cart.version).and_then(|()| change(&mut cart, &stock))
            {
                if stock.is_remembered && matches!(error, Error::OutOfStock(_)) {
                    stock = parts.ask_again(&stock).await?;
                } else {
                    known = parts.look_again(&known, error).await?;
                }
                continue;
            }
            debug_assert_eq!(cart.status, CartStatus::Open);
            let now = parts.now();
            let mut set = WriteSet::new(WriteSetId::new(&*parts.ids, now), now);
            set.carts.push(CartPut { expected: known.cart.version, cart: cart.clone() });
            match parts.commit(&set).await? {
                Ok(()) => {
                    parts.cart_written(&known, cart.clone());
                    return Ok(cart);
                }
                Err(refusal) => try_again(&refusal)?,
            }
            known = parts.read_again(&known).await?;
        }
        Err(Error::Contended)
    }
}

/// The product that is to be put into a cart, if it is offered so.
fn offered<'a>(product: Option<&'a Product>, item: &AddItem) -> Result<&'a Product, Invalid> {
    let product = sold(product, "/product_id").and_then(|product| match &item.seller_id {
        Some(seller) if *seller != product.seller_id => {
            Err(Invalid::field("/seller_id", "other_seller", "does not sell this product"))
        }
        Some(_) | None => Ok(product),
    });
    match (product, check_quantity(item.quantity)) {
        (Ok(product), Ok(())) => Ok(product),
        (Ok(_), Err(problem)) | (Err(problem), Ok(())) => Err(problem),
        (Err(mut problem), Err(other)) => {
            problem.nest("", other);
            Err(problem)
        }
    }
}

/// A product as a cart keeps it.
fn cart_item(product: &Product, available: u32) -> CartItem {
    let Product { id, seller_id, name, price, image, .. } = product;
    let item = CartItem::new(id.clone(), seller_id.clone(), name.clone(), *price, available);
    match image {
        Some(image) => item.with_image(image.clone()),
        None => item,
    }
}

/// A product that can be ordered; otherwise the error for whoever named it.
pub(crate) fn sold<'a>(product: Option<&'a Product>, pointer: &str) -> Result<&'a Product, Invalid> {
    match product {
        Some(product) if product.is_active => Ok(product),
        Some(_) | None => Err(Invalid::field(pointer, "unknown_product", "is not a product that is sold")),
    }
}
