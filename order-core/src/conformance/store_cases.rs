use std::future::Future;
use std::pin::Pin;

use super::Subject;

/// A case: its name, and what it does with an empty store.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Case {
    /// Its name.
    pub name: &'static str,
    /// What it does. It panics when the store does not keep its contract.
    pub run: fn(Subject) -> Pin<Box<dyn Future<Output = ()> + Send>>,
}

/// The list of the cases, handed to another macro.
#[doc(hidden)]
#[macro_export]
macro_rules! __store_cases {
    ($callback:ident $($context:tt)*) => {
        $crate::$callback! {
            [$($context)*]
            carts::cart_is_kept
            carts::customers_and_guests_are_apart
            carts::cart_version_is_guarded
            carts::cart_removal_is_guarded
            carts::owner_has_one_open_cart
            carts::merged_carts_are_written_together
            carts::expired_carts_are_found
            carts::unchanged_cart_is_guarded
            orders::order_is_kept_through_its_life
            orders::long_history_tells_of_its_order
            orders::absent_orders_are_not_found
            orders::order_is_found_by_its_payments_name
            orders::order_version_is_guarded
            orders::event_is_written_once
            orders::history_has_no_gaps
            orders::order_number_is_unique
            orders::cart_becomes_one_order
            orders::refunds_are_bounded
            orders::unchanged_order_is_guarded
            orders::due_orders_are_found
            listing::filters_pass_what_matches
            listing::pages_are_exact
            listing::pages_stay_while_orders_come
            stock::levels_come_in_the_order_of_their_keys
            stock::missing_level_is_an_empty_shelf
            stock::changes_end_where_the_level_says
            stock::every_short_level_is_told
            journal::entries_are_kept
            journal::every_crossing_is_told
            journal::threshold_is_kept
            journal::what_does_not_happen_is_not_told
            journal::records_come_newest_first
            journal::crossings_are_told_once_in_a_race
            stock_outbox::records_wait_in_order
            stock_outbox::record_claims_hold_until_they_end
            stock_outbox::delivered_records_are_gone
            stock_outbox::undelivered_record_holds_up_its_level
            stock_outbox::long_journal_is_claimed_in_parts
            stock_outbox::no_record_is_lost
            inbox::notice_is_kept
            inbox::one_receipt_of_an_event_is_new
            inbox::notice_claims_hold_until_they_end
            inbox::notice_claims_are_not_shared
            inbox::parked_notice_comes_again
            inbox::settled_notice_stays_settled
            inbox::retried_notice_is_due_at_once
            inbox::inbox_pages_are_exact
            inbox::settled_notices_are_forgotten
            inbox::hardest_notices_are_kept
            reservations::reservation_is_kept
            reservations::reservation_ends_once
            reservations::expired_reservations_are_found
            idempotency::record_is_kept
            idempotency::key_is_answered_once
            idempotency::record_may_be_new_and_answered
            outbox::events_wait_in_order
            outbox::claims_hold_until_they_end
            outbox::delivered_events_are_gone
            outbox::undelivered_event_holds_up_its_order
            outbox::stuck_events_are_told
            outbox::long_history_is_claimed_in_parts
            outbox::part_of_a_commit_is_delivered
            outbox::no_event_is_lost
            refusals::refused_by_an_idempotency_key
            refusals::refused_by_an_order_number
            refusals::refused_by_an_ordered_cart
            refusals::refused_by_a_cart_owner
            refusals::refused_by_a_cart_version
            refusals::refused_by_a_removed_cart
            refusals::refused_by_an_order_version
            refusals::refused_by_an_event
            refusals::refused_by_a_read_cart
            refusals::refused_by_a_read_order
            refusals::refused_by_a_new_reservation
            refusals::refused_by_an_ended_reservation
            refusals::refused_by_a_refund
            refusals::refused_by_stock
            refusals::several_refusals_are_told_in_order
            races::fifty_orders_for_ten_units
            races::changes_of_one_level_add_up
            races::opposite_orders_do_not_deadlock
            races::opposite_carts_do_not_deadlock
            races::one_change_of_a_version_wins
            races::one_order_of_a_key_wins
            races::one_cart_of_an_owner_wins
            races::one_request_of_a_key_wins
            races::reservation_ends_once_in_a_race
            races::one_write_set_is_applied_once_in_a_race
            races::readers_and_writers_do_not_cross
            extremes::largest_order
            extremes::largest_cart
            extremes::every_kind_of_currency
            extremes::largest_amounts
            extremes::hard_texts
            extremes::longest_names
            extremes::fullest_shelf
            extremes::every_millisecond
            webhooks::confirmed_payment_makes_the_order_paid
            webhooks::any_order_and_repetition_ends_the_same
            webhooks::early_webhook_is_parked_and_attended_to_later
            webhooks::unknown_webhooks_change_nothing
            webhooks::received_webhook_survives_its_receiver
            webhooks::unreachable_provider_parks_its_webhooks
            webhooks::two_instances_attend_at_once
            webhooks::forged_webhooks_are_refused
            upkeep::write_set_is_applied_once
            upkeep::refused_write_set_is_not_remembered
            upkeep::empty_write_set_is_applied
            upkeep::old_records_are_forgotten
            upkeep::store_can_be_reached
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __store_case_list {
    ([] $($module:ident :: $case:ident)+) => {
        &[$($crate::conformance::Case::new(
            stringify!($case),
            |subject| ::std::boxed::Box::pin($crate::conformance::store::$module::$case(subject)),
        )),+]
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __store_case_tests {
    ([$harness:expr] $($module:ident :: $case:ident)+) => {
        $(
            #[::tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $case() {
                let (store, guard) = $crate::conformance::StoreHarness::fresh(&$harness).await;
                let subject = $crate::conformance::Subject::new(store, |task| {
                    ::core::mem::drop(::tokio::spawn(task));
                });
                $crate::conformance::store::$module::$case(subject).await;
                ::core::mem::drop(guard);
            }
        )+
    };
}

/// Makes one test of every case of the suite for stores. Takes a [`StoreHarness`](crate::conformance::StoreHarness); see the
/// [module](crate::conformance) for an example.
#[macro_export]
macro_rules! store_conformance {
    ($harness:expr) => {
        $crate::__store_cases! { __store_case_tests $harness }
    };
}

impl Case {
    #[doc(hidden)]
    pub const fn new(
        name: &'static str,
        run: fn(Subject) -> Pin<Box<dyn Future<Output = ()> + Send>>,
    ) -> Self {
        Self { name, run }
    }
}

/// Every case of the suite for stores.
pub const STORE_CASES: &[Case] = __store_cases! { __store_case_list };
