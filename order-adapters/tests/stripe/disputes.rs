//! What is asked of every provider that has disputes.

use order_fake_providers::stripe::FakeStripe;

use crate::provider::disputes;

disputes::suite!(FakeStripe);
