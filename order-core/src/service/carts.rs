use crate::address::Address;
use crate::cart::{self, Cart, CartItem, CartOwner, CartStatus};
use crate::error::{Error, Invalid, Result};
use crate::gateway::Product;
use crate::id::{CartId, CouponCode, CustomerId, GuestToken, LineId, ProductId, SellerId, WriteSetId};
use crate::pricing::{Basket, BasketLine, Quote};
use crate::service::both::both;
use crate::service::change::{check_version, try_again};
use crate::service::engine::{MAX_TRIES, Parts};
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
        let mut cart = self.open(owner).await?;
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
        let parts = self.parts;
        let products = parts.products(std::slice::from_ref(&item.product_id)).await?;
        let product = sold(products.get(&item.product_id), "/product_id")?;
        if item.seller_id.as_ref().is_some_and(|seller| *seller != product.seller_id) {
            return Err(Invalid::field("/seller_id", "other_seller", "does not sell this product").into());
        }
        let (available, cart) = both(parts.available(&item.product_id), self.open(owner)).await;
        let (available, cart) = (available?, cart?);
        let price = product.price;
        let mut entry = CartItem::new(
            product.id.clone(),
            product.seller_id.clone(),
            product.name.clone(),
            price,
            available,
        );
        if let Some(image) = &product.image {
            entry = entry.with_image(image.clone());
        }
        self.change_from(Some(cart), owner, if_version, |cart| {
            let now = parts.now();
            cart.add(LineId::new(&*parts.ids, now), entry.clone(), item.quantity, now)
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
        let cart = self.get(owner).await?;
        let line = cart.lines.iter().find(|line| line.id == line_id);
        let product = line.ok_or(Error::NotFound { what: "cart item" })?.product_id.clone();
        let available = parts.available(&product).await?;
        self.change(owner, if_version, |cart| cart.set_quantity(line_id, quantity, available, parts.now()))
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
            let cart = self.open(&owner).await?;
            let (guest_version, version) = (guest.version, cart.version);
            let (guest, cart) = cart::merge(guest, cart, now)?;
            let mut set = WriteSet::new(WriteSetId::new(&*parts.ids, now), now);
            set.carts.push(CartPut { expected: guest_version, cart: guest });
            if cart.version != version {
                set.carts.push(CartPut { expected: version, cart: cart.clone() });
            }
            match parts.commit(&set).await? {
                Ok(()) => return Ok(cart),
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
            address.check().map_err(|invalid| {
                let mut nested = Invalid::default();
                nested.nest("/address", invalid);
                nested
            })?;
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

    /// The owner's open cart, expired or not; a new one when there is none.
    async fn open(&self, owner: &CartOwner) -> Result<Cart> {
        let now = self.parts.now();
        let cart = self.parts.store.find_open_cart(owner).await?;
        Ok(cart.unwrap_or_else(|| Cart::new(CartId::new(&*self.parts.ids, now), owner.clone(), now)))
    }

    async fn change<F>(&self, owner: &CartOwner, if_version: Option<u64>, change: F) -> Result<Cart>
    where
        F: Fn(&mut Cart) -> Result<()> + Send + Sync,
    {
        self.change_from(None, owner, if_version, change).await
    }

    /// Changes the cart as it was read, or as it is read now; and again, if somebody else has changed it meanwhile.
    async fn change_from<F>(
        &self,
        mut read: Option<Cart>,
        owner: &CartOwner,
        if_version: Option<u64>,
        change: F,
    ) -> Result<Cart>
    where
        F: Fn(&mut Cart) -> Result<()> + Send + Sync,
    {
        let parts = self.parts;
        for _ in 0..MAX_TRIES {
            let mut cart = match read.take() {
                Some(cart) => cart,
                None => self.open(owner).await?,
            };
            check_version("cart", if_version, cart.version)?;
            let expected = cart.version;
            change(&mut cart)?;
            debug_assert_eq!(cart.status, CartStatus::Open);
            let now = parts.now();
            let mut set = WriteSet::new(WriteSetId::new(&*parts.ids, now), now);
            set.carts.push(CartPut { expected, cart: cart.clone() });
            match parts.commit(&set).await? {
                Ok(()) => return Ok(cart),
                Err(refusal) => try_again(&refusal)?,
            }
        }
        Err(Error::Contended)
    }
}

/// A product that can be ordered; otherwise the error for whoever named it.
pub(crate) fn sold<'a>(product: Option<&'a Product>, pointer: &str) -> Result<&'a Product> {
    match product {
        Some(product) if product.is_active => Ok(product),
        Some(_) | None => {
            Err(Invalid::field(pointer, "unknown_product", "is not a product that is sold").into())
        }
    }
}
