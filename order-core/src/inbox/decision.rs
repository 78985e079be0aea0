use serde::{Deserialize, Serialize};

use crate::order::Actor;
use crate::payment::OperationKind;

/// What a person has decided about money at a provider that no order stands for: it goes back where it came from.
///
/// It is kept in the inbox, as a notice of the kind [`Orphan`](crate::gateway::NoticeKind::Orphan), before the provider is told of it:
/// there is no order whose history could hold it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Decision {
    /// Who has decided.
    pub by: Actor,
    /// What the provider is told to do: a refund of what was taken, or a void of what is set aside.
    pub kind: OperationKind,
    /// Why.
    pub note: String,
}

impl Decision {
    /// The longest note, in bytes: as long as a finding's.
    pub const MAX_NOTE: usize = crate::order::Finding::MAX_NOTE;

    /// A decision.
    pub fn new(by: Actor, kind: OperationKind, note: impl Into<String>) -> Self {
        Self { by, kind, note: note.into() }
    }
}
