//! In memory: a store as strict as a database, and services that play their part.
//!
//! For tests, demonstrations and simulations. Nothing outlives the process.
//!
//! | type | plays |
//! |---|---|
//! | [`MemoryStore`] | a [`Store`](crate::store::Store): every guard, every index, one mutex |
//! | [`MemoryCatalogue`] | a catalogue whose products a test can change |
//! | [`SimulatedGateway`] | a payment provider whose tokens say what it does, that acts on its own when told to, and whose books can be read |
//! | [`SimulatedWebhooks`] | what that provider tells of its own accord, signed so that it can be tried, and its reader |
//! | [`RecordingPublisher`] | a receiver of events that keeps them |

mod catalogue;
mod dashboard;
mod gateway;
mod guard;
mod inbox;
mod outbox;
mod provider;
mod publisher;
mod reads;
mod state;
mod stock;
mod store;
mod webhooks;

pub use catalogue::MemoryCatalogue;
pub use gateway::SimulatedGateway;
#[cfg(feature = "conformance")]
pub use guard::Guard;
pub use provider::SimulatedAccount;
pub use publisher::RecordingPublisher;
pub use store::MemoryStore;
pub use webhooks::{SimulatedDelivery, SimulatedWebhooks};

/// Takes a lock. A thread that panicked while it held it has changed nothing by halves: nothing panics between two writes.
fn lock<T>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
