use std::fmt;

use crate::id::{IdSource, InvalidId, OrderNumber};
use crate::time::Timestamp;

/// How new orders are numbered. The store refuses a number that is taken; then another one is asked for.
pub trait NumberStrategy: fmt::Debug + Send + Sync {
    /// A number for a new order.
    ///
    /// # Errors
    /// [`InvalidId`] when the strategy makes something that is no order number.
    fn next(&self, ids: &dyn IdSource, now: Timestamp) -> Result<OrderNumber, InvalidId>;
}

/// Ten characters that tell nothing and are hard to mistake: `7K3M9-QX2RT`. Crockford's alphabet, without I, L, O and U.
#[derive(Debug, Clone, Copy, Default)]
pub struct RandomNumbers;

impl NumberStrategy for RandomNumbers {
    fn next(&self, ids: &dyn IdSource, now: Timestamp) -> Result<OrderNumber, InvalidId> {
        const ALPHABET: [char; 32] = [
            '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'J',
            'K', 'M', 'N', 'P', 'Q', 'R', 'S', 'T', 'V', 'W', 'X', 'Y', 'Z',
        ];
        let (_, random) = ids.next(now).as_u64_pair();
        let mut text = String::with_capacity(11);
        for place in 0..10_u32 {
            if place == 5 {
                text.push('-');
            }
            let digit = usize::try_from((random >> (place * 5)) & 31).unwrap_or(0);
            text.extend(ALPHABET.get(digit));
        }
        OrderNumber::new(text)
    }
}
