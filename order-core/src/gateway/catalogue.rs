use std::fmt;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::gateway::GatewayError;
use crate::id::{ProductId, SellerId};
use crate::money::Money;

/// Knows the products.
#[async_trait]
pub trait Catalogue: fmt::Debug + Send + Sync {
    /// The products with these ids, in one call. What is not there is left out of the answer.
    ///
    /// # Errors
    /// [`GatewayError`]: nothing is ordered while the catalogue does not answer.
    async fn products(&self, ids: &[ProductId]) -> Result<Vec<Product>, GatewayError>;
}

/// A product as it is sold now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Product {
    /// Its id: the SKU.
    pub id: ProductId,
    /// Its name.
    pub name: String,
    /// A picture of it.
    pub image: Option<String>,
    /// Who sells it.
    pub seller_id: SellerId,
    /// The price of one unit.
    pub price: Money,
    /// Whether it can be ordered.
    pub is_active: bool,
}

impl Product {
    /// A product that can be ordered.
    pub fn new(id: ProductId, name: impl Into<String>, seller_id: SellerId, price: Money) -> Self {
        Self { id, name: name.into(), image: None, seller_id, price, is_active: true }
    }
}
