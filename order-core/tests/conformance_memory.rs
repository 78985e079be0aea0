//! The suite on the store in memory.
#![cfg(feature = "conformance")]

use std::sync::Arc;

use order_core::conformance::StoreHarness;
use order_core::memory::MemoryStore;
use order_core::store::Store;

struct Memory;

#[async_trait::async_trait]
impl StoreHarness for Memory {
    type Guard = ();

    async fn fresh(&self) -> (Arc<dyn Store>, ()) {
        (Arc::new(MemoryStore::default()), ())
    }
}

order_core::store_conformance!(Memory);
order_core::store_differential!(Memory);

mod behind_a_plan_without_faults {
    use std::sync::Arc;

    use order_core::conformance::StoreHarness;
    use order_core::conformance::faults::{FaultPlan, FaultStore};
    use order_core::memory::MemoryStore;
    use order_core::store::Store;

    struct Planned;

    #[async_trait::async_trait]
    impl StoreHarness for Planned {
        type Guard = ();

        async fn fresh(&self) -> (Arc<dyn Store>, ()) {
            (Arc::new(FaultStore::new(Arc::new(MemoryStore::default()), FaultPlan::none())), ())
        }
    }

    order_core::store_conformance!(Planned);
    order_core::store_differential!(Planned);
}
