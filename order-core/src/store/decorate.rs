/// Makes a store of a decorator: implements every trait of a [`Store`](crate::store::Store) but [`Commit`](crate::store::Commit), by
/// passing each call on.
///
/// The type has a field `inner`, the store behind it as an `Arc<dyn Store>`, and a method that every call goes through, with its name:
///
/// ```
/// use std::future::Future;
/// use std::sync::Arc;
///
/// use order_core::StoreError;
/// use order_core::store::{Commit, CommitOutcome, Store, WriteSet};
///
/// #[derive(Debug)]
/// struct Logged {
///     inner: Arc<dyn Store>,
/// }
///
/// impl Logged {
///     async fn pass<T, F>(&self, name: &'static str, call: impl Fn() -> F + Send + Sync) -> Result<T, StoreError>
///     where
///         F: Future<Output = Result<T, StoreError>> + Send,
///     {
///         call().await.inspect_err(|error| eprintln!("{name}: {error}"))
///     }
/// }
///
/// order_core::decorate_store!(Logged);
///
/// #[async_trait::async_trait]
/// impl Commit for Logged {
///     async fn commit(&self, set: &WriteSet) -> Result<CommitOutcome, StoreError> {
///         self.pass("commit", || self.inner.commit(set)).await
///     }
/// }
///
/// fn as_a_store(logged: Logged) -> Arc<dyn Store> {
///     Arc::new(logged)
/// }
/// ```
#[macro_export]
macro_rules! decorate_store {
    ($name:ty) => {
        $crate::__decorate_store! { $name, CartRepository {
            find_cart(id: $crate::id::CartId) -> Option<$crate::cart::Cart>;
            find_open_cart(owner: &$crate::cart::CartOwner) -> Option<$crate::cart::Cart>;
            expired_carts(now: $crate::time::Timestamp, limit: u32) -> Vec<($crate::id::CartId, u64)>;
        } }
        $crate::__decorate_store! { $name, OrderRepository {
            find_order(id: $crate::id::OrderId) -> Option<$crate::order::Order>;
            find_order_by_number(number: &$crate::id::OrderNumber) -> Option<$crate::order::Order>;
            find_order_by_payment(id: $crate::id::PaymentId) -> Option<$crate::order::Order>;
            find_order_by_reference(provider: &$crate::id::ProviderId, reference: &$crate::id::ProviderReference)
                -> Option<$crate::order::Order>;
            list_orders(filter: &$crate::store::OrderFilter, page: $crate::store::PageRequest)
                -> $crate::store::Page<std::sync::Arc<$crate::order::Order>>;
            due_orders(now: $crate::time::Timestamp, limit: u32) -> Vec<$crate::id::OrderId>;
            history(id: $crate::id::OrderId) -> Vec<$crate::order::EventRecord>;
        } }
        $crate::__decorate_store! { $name, StockRepository {
            stock_levels(products: &[$crate::id::ProductId]) -> Vec<$crate::inventory::StockLevel>;
            stock_records(product: &$crate::id::ProductId, location: Option<&$crate::id::LocationId>,
                after: Option<&$crate::store::StockCursor>, limit: u32)
                -> $crate::store::Page<$crate::inventory::StockRecord, $crate::store::StockCursor>;
        } }
        $crate::__decorate_store! { $name, ReservationRepository {
            find_reservation(id: $crate::id::ReservationId) -> Option<$crate::inventory::Reservation>;
            expired_reservations(now: $crate::time::Timestamp, products: &[$crate::id::ProductId], limit: u32)
                -> Vec<$crate::inventory::Reservation>;
        } }
        $crate::__decorate_store! { $name, IdempotencyRepository {
            find_idempotency(scope: &str, key: &$crate::id::IdempotencyKey)
                -> Option<$crate::store::IdempotencyRecord>;
        } }
        $crate::__decorate_store! { $name, OutboxRepository {
            claim_outbox(now: $crate::time::Timestamp, until: $crate::time::Timestamp, orders: u32)
                -> Vec<$crate::store::OutboxMessage>;
            delivered(upto: &[($crate::id::OrderId, u64)]) -> ();
            undelivered(order_id: $crate::id::OrderId, sequence: u64, again: $crate::time::Timestamp) -> ();
            stuck_outbox(attempts: u32, limit: u32) -> Vec<$crate::store::OutboxMessage>;
            outbox_len() -> u64;
        } }
        $crate::__decorate_store! { $name, StockOutboxRepository {
            claim_stock_outbox(now: $crate::time::Timestamp, until: $crate::time::Timestamp, levels: u32)
                -> Vec<$crate::store::OutboxMessage<$crate::inventory::StockRecord>>;
            delivered_stock(key: &$crate::inventory::StockKey, sequence: u64) -> ();
            undelivered_stock(key: &$crate::inventory::StockKey, sequence: u64, again: $crate::time::Timestamp) -> ();
            stuck_stock_outbox(attempts: u32, limit: u32)
                -> Vec<$crate::store::OutboxMessage<$crate::inventory::StockRecord>>;
            stock_outbox_len() -> u64;
        } }
        $crate::__decorate_store! { $name, InboxRepository {
            receive_notice(entry: &$crate::inbox::InboxEntry) -> $crate::store::Receipt;
            claim_inbox(now: $crate::time::Timestamp, until: $crate::time::Timestamp, limit: u32)
                -> Vec<$crate::inbox::InboxEntry>;
            settle_notice(key: &$crate::inbox::NoticeKey, settlement: &$crate::inbox::Settlement,
                now: $crate::time::Timestamp) -> ();
            park_notice(key: &$crate::inbox::NoticeKey, again: $crate::time::Timestamp, reason: &str,
                now: $crate::time::Timestamp) -> ();
            retry_notice(key: &$crate::inbox::NoticeKey, now: $crate::time::Timestamp) -> bool;
            find_notice(key: &$crate::inbox::NoticeKey) -> Option<$crate::inbox::InboxEntry>;
            list_inbox(status: Option<$crate::inbox::InboxStatus>, after: Option<&$crate::store::InboxCursor>, limit: u32)
                -> $crate::store::Page<$crate::inbox::InboxEntry, $crate::store::InboxCursor>;
            forget_notices(before: $crate::time::Timestamp, limit: u32) -> u64;
        } }
        $crate::__decorate_store! { $name, Retention {
            forget(write_sets: $crate::time::Timestamp, idempotency: $crate::time::Timestamp, limit: u32) -> u64;
        } }
        $crate::__decorate_store! { $name, StoreHealth {
            ping() -> ();
        } }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __decorate_store {
    ($name:ty, $trait:ident {
        $($method:ident($($argument:ident: $type:ty),*) -> $answer:ty;)+
    }) => {
        #[$crate::__async_trait]
        impl $crate::store::$trait for $name {
            $(
                async fn $method(&self, $($argument: $type),*) -> Result<$answer, $crate::StoreError> {
                    self.pass(stringify!($method), || self.inner.$method($($argument),*)).await
                }
            )+
        }
    };
}
