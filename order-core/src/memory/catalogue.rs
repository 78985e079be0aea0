use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use async_trait::async_trait;

use crate::gateway::{Catalogue, GatewayError, Product};
use crate::id::ProductId;

/// A catalogue in memory. Its products may change while it is in use.
#[derive(Debug, Default)]
pub struct MemoryCatalogue {
    products: RwLock<HashMap<ProductId, Product>>,
}

impl MemoryCatalogue {
    /// Adds a product, or puts another in its place.
    pub fn insert(&self, product: Product) {
        let mut products = self.products.write().unwrap_or_else(PoisonError::into_inner);
        products.insert(product.id.clone(), product);
    }

    /// Takes a product out. Tells whether it was there.
    pub fn remove(&self, id: &ProductId) -> bool {
        self.products.write().unwrap_or_else(PoisonError::into_inner).remove(id).is_some()
    }
}

impl FromIterator<Product> for MemoryCatalogue {
    fn from_iter<I: IntoIterator<Item = Product>>(products: I) -> Self {
        let products = products.into_iter().map(|product| (product.id.clone(), product)).collect();
        Self { products: RwLock::new(products) }
    }
}

#[async_trait]
impl Catalogue for MemoryCatalogue {
    async fn products(&self, ids: &[ProductId]) -> Result<Vec<Product>, GatewayError> {
        let products = self.products.read().unwrap_or_else(PoisonError::into_inner);
        Ok(ids.iter().filter_map(|id| products.get(id)).cloned().collect())
    }
}
