use super::problem::Problem;

/// What a source of money does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    Approve,
    /// Refused by whoever holds the money: the payment failed.
    Decline(&'static str),
    /// The same, told with the status of missing rights.
    Forbid(&'static str),
    /// A bank debit: it takes days.
    Pend,
    /// Approved; refunds of it are rejected.
    RejectRefunds,
    /// Approved; refunds of it are pending until they are settled.
    PendRefunds,
    /// Square has a problem.
    Trouble,
    /// The token was used before, and no payment is made.
    Used,
}

impl Source {
    /// The test values of Square's sandbox (developer.squareup.com/docs/testing/test-values), and some of ours.
    pub(super) fn of(token: &str) -> Result<Self, Problem> {
        Ok(match token {
            "cnon:card-nonce-ok" | "ccof:customer-card-id-ok" => Self::Approve,
            "cnon:card-nonce-declined" | "ccof:customer-card-id-declined" => Self::Decline("GENERIC_DECLINE"),
            "cnon:card-nonce-rejected-cvv" => Self::Decline("CVV_FAILURE"),
            "cnon:card-nonce-rejected-postalcode" => Self::Decline("ADDRESS_VERIFICATION_FAILURE"),
            "cnon:card-nonce-rejected-expiration" => Self::Decline("INVALID_EXPIRATION"),
            "cnon:card-nonce-already-used" => Self::Used,
            "bnon:bank-nonce-ok" => Self::Pend,
            "cnon:fake-insufficient-funds" => Self::Decline("INSUFFICIENT_FUNDS"),
            "cnon:fake-restricted" => Self::Forbid("CARDHOLDER_INSUFFICIENT_PERMISSIONS"),
            "cnon:fake-temporary-error" => Self::Trouble,
            "cnon:fake-rejected-refund" => Self::RejectRefunds,
            "cnon:fake-pending-refund" => Self::PendRefunds,
            // With `cnon:fake-once-…` a token can be used once, as real ones can.
            _ if token.starts_with("cnon:fake-once-") => Self::Approve,
            _ => return Err(Problem::missing("card nonce", token).field("source_id")),
        })
    }

    pub(super) fn is_used_up_by_one_payment(token: &str) -> bool {
        token.starts_with("cnon:fake-once-")
    }
}
