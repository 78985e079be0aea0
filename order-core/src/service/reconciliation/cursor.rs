use std::fmt;
use std::str::FromStr;

use crate::store::{Cursor, InvalidCursor};

/// A place in a reconciliation: in the provider's list, or behind it, in ours.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ReconciliationCursor(pub(super) Place);

/// On which side, and where.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Place {
    /// In the provider's list: at its beginning, or at a cursor of the provider's.
    Theirs(Option<String>),
    /// In the list of our orders.
    Ours(Option<Cursor>),
}

impl ReconciliationCursor {
    /// The longest one, in bytes: longer than any provider's.
    pub const MAX_BYTES: usize = 1024;
}

impl fmt::Display for ReconciliationCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Place::Theirs(None) => f.write_str("theirs"),
            Place::Theirs(Some(cursor)) => write!(f, "theirs.{cursor}"),
            Place::Ours(None) => f.write_str("ours"),
            Place::Ours(Some(cursor)) => write!(f, "ours.{cursor}"),
        }
    }
}

impl FromStr for ReconciliationCursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, InvalidCursor> {
        if text.len() > Self::MAX_BYTES || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(InvalidCursor);
        }
        let (side, cursor) = match text.split_once('.') {
            Some((side, cursor)) if !cursor.is_empty() => (side, Some(cursor)),
            Some(_) => return Err(InvalidCursor),
            None => (text, None),
        };
        Ok(Self(match side {
            "theirs" => Place::Theirs(cursor.map(str::to_owned)),
            "ours" => Place::Ours(cursor.map(str::parse).transpose()?),
            _ => return Err(InvalidCursor),
        }))
    }
}
