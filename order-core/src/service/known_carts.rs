use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use crate::cart::{Cart, CartOwner, CartStatus};
use crate::error::{Error, Result};
use crate::id::CartId;
use crate::service::engine::Parts;

/// What an owner has: an open cart, or none.
type OpenCart = Option<Cart>;

/// The carts that this engine wrote last, so that whoever puts one thing after the other into a cart and then orders it does not have
/// each change read what the one before wrote.
///
/// Nothing is believed because it is remembered. A commit names the version the cart must still have, so what is made of an old cart
/// is refused; and an error that an old cart may be to blame for is looked into ([`Parts::look_again`]). Where other engines
/// change the same carts, so that this happens more often than it is worth, carts are read as if there were no memory.
#[derive(Default)]
pub(crate) struct KnownCarts(Mutex<Shelves>);

impl fmt::Debug for KnownCarts {
    /// Without the carts: they are many, and whose they are is nobody's business.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KnownCarts").finish_non_exhaustive()
    }
}

/// The carts of two ages. When the young ones are many, the old ones are forgotten and the young ones are old.
#[derive(Default)]
struct Shelves {
    young: HashMap<CartOwner, OpenCart>,
    old: HashMap<CartOwner, OpenCart>,
    /// The size of what was put to the young ones.
    size: usize,
    /// How well it went lately: one more for each cart that was still the same, [`Self::LOSS`] less for each that was not.
    credit: i32,
}

impl Shelves {
    /// The size of one age. A line of a cart is some hundred bytes.
    const SIZE: usize = 4_096;
    /// What an old cart costs, in reads that were spared: a commit, the search for what refused it, and the cart's neighbours in the
    /// commit, that have to be written again.
    const LOSS: i32 = 8;
    /// So much is soon lost, and soon won again.
    const MOST: i32 = 64;
}

impl KnownCarts {
    /// Notes what was written: the owner's open cart, or that there is none any more.
    pub(crate) fn put(&self, cart: Cart) {
        let mut shelves = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        shelves.size += 1 + cart.lines.len();
        let owner = cart.owner.clone();
        shelves.young.insert(owner, Some(cart).filter(|cart| cart.status == CartStatus::Open));
        if shelves.size > Shelves::SIZE {
            shelves.old = std::mem::take(&mut shelves.young);
            shelves.size = 0;
        }
    }

    /// Takes what is remembered of an owner. Whoever changes the cart puts it back as it was written, and nobody does when it is
    /// not known whether it was.
    fn take(&self, owner: &CartOwner) -> Option<OpenCart> {
        let mut shelves = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let young = shelves.young.remove(owner);
        let old = shelves.old.remove(owner);
        young.or(old)
    }

    fn is_relied_on(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).credit >= 0
    }

    /// Notes whether a remembered cart was still the same.
    fn judge(&self, is_same: bool) {
        let mut shelves = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let change = if is_same { 1 } else { -Shelves::LOSS };
        shelves.credit = (shelves.credit + change).clamp(-Shelves::MOST, Shelves::MOST);
    }
}

/// A cart that is about to be changed.
#[derive(Debug)]
pub(crate) struct KnownCart {
    pub(crate) cart: Cart,
    /// Whether the store has not been asked.
    is_remembered: bool,
}

impl KnownCart {
    /// Whether nothing was done to the cart between the two. A cart that was never stored has a new id each time.
    fn is_same(&self, other: &Self) -> bool {
        let (one, other) = (&self.cart, &other.cart);
        one.version == other.version && (one.version == 0 || one.id == other.id)
    }
}

impl Parts {
    /// The owner's open cart, expired or not, as it is remembered or else as the store has it; a new one when there is none.
    pub(crate) async fn known_cart(&self, owner: &CartOwner) -> Result<KnownCart> {
        let Some(cart) = self.known_carts.take(owner) else { return self.stored_cart(owner).await };
        let remembered =
            KnownCart { cart: cart.unwrap_or_else(|| self.new_cart(owner)), is_remembered: true };
        if self.known_carts.is_relied_on() { Ok(remembered) } else { self.read_again(&remembered).await }
    }

    /// After a refusal: the cart as the store has it.
    pub(crate) async fn read_again(&self, known: &KnownCart) -> Result<KnownCart> {
        let stored = self.stored_cart(&known.cart.owner).await?;
        if known.is_remembered {
            self.known_carts.judge(stored.is_same(known));
        }
        Ok(stored)
    }

    /// After an error: the cart as the store has it, if the one that was known may be to blame.
    ///
    /// # Errors
    /// The error, if it is right about the cart that the store has.
    pub(crate) async fn look_again(&self, known: &KnownCart, error: Error) -> Result<KnownCart> {
        if !known.is_remembered {
            return Err(error);
        }
        let stored = self.read_again(known).await?;
        if stored.is_same(known) { Err(error) } else { Ok(stored) }
    }

    /// After a commit: remembers the cart as it was written.
    pub(crate) fn cart_written(&self, known: &KnownCart, cart: Cart) {
        if known.is_remembered {
            self.known_carts.judge(true);
        }
        self.known_carts.put(cart);
    }

    /// The owner's open cart as the store has it, expired or not; a new one when there is none.
    pub(crate) async fn open_cart(&self, owner: &CartOwner) -> Result<Cart> {
        let cart = self.store.find_open_cart(owner).await?;
        Ok(cart.unwrap_or_else(|| self.new_cart(owner)))
    }

    async fn stored_cart(&self, owner: &CartOwner) -> Result<KnownCart> {
        Ok(KnownCart { cart: self.open_cart(owner).await?, is_remembered: false })
    }

    fn new_cart(&self, owner: &CartOwner) -> Cart {
        let now = self.now();
        Cart::new(CartId::new(&*self.ids, now), owner.clone(), now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{CustomerId, InvalidId, SystemIds};
    use crate::time::Timestamp;

    #[test]
    fn only_the_latest_carts_are_remembered() -> Result<(), InvalidId> {
        let known = KnownCarts::default();
        let owner = |number: usize| CustomerId::new(format!("c-{number}")).map(CartOwner::Customer);
        let now = Timestamp::default();
        for number in 0..3 * Shelves::SIZE {
            known.put(Cart::new(CartId::new(&SystemIds, now), owner(number)?, now));
        }
        assert!(!format!("{known:?}").contains("c-"), "{known:?}");
        let remembered = (0..3 * Shelves::SIZE)
            .map(|number| owner(number).map(|owner| known.take(&owner).is_some()))
            .collect::<Result<Vec<bool>, _>>()?;
        let from = remembered.iter().position(|is| *is).unwrap_or(remembered.len());
        assert!(remembered.iter().skip(from).all(|is| *is), "the latest, all of them");
        let count = remembered.len() - from;
        assert!((Shelves::SIZE..=2 * Shelves::SIZE).contains(&count), "{count}");
        Ok(())
    }
}
