//! Money that no order stands for: it goes back once, when somebody says so, whatever goes wrong.

use std::sync::Arc;

use order_core::conformance::faults::{Fault, FaultBooks, FaultGateway, FaultPlan, FaultStore};
use order_core::conformance::sample::Sampler;
use order_core::gateway::{Instruction, PaymentGateway as _, Product};
use order_core::id::{CustomerId, PaymentId, ProductId, SellerId};
use order_core::inbox::{InboxEntry, InboxStatus};
use order_core::memory::{MemoryCatalogue, MemoryStore, SimulatedGateway};
use order_core::money::{Currency, Money};
use order_core::order::Actor;
use order_core::payment::{CaptureMode, OperationKind};
use order_core::reconciliation::{Difference, DifferenceKind, Remedy};
use order_core::service::{OrphanReturn, OrphanStatus, Request, ReturnOrphan};
use order_core::store::{CommitOutcome, InboxRepository as _};
use order_core::time::{Clock as _, Duration, ManualClock};
use order_core::{Engine, Error};

use crate::shop::{Shop, simulated, staff};

/// What a reconciliation tells, as a wish to have it given back.
fn wish(told: &Difference) -> ReturnOrphan {
    assert_eq!((told.kind, told.remedy()), (DifferenceKind::OrderMissing, Remedy::ReturnOrphan));
    ReturnOrphan {
        provider: simulated(),
        payment_id: told.payment_id.unwrap(),
        reference: told.reference.clone().unwrap(),
        amount: told.theirs.unwrap(),
        note: "  the order was lost with the old disk ".to_owned(),
    }
}

/// A shop whose provider has money for an order that is lost.
async fn lost(capture: CaptureMode) -> (Shop, ReturnOrphan) {
    let shop = Shop::open(Currency::EUR).await;
    shop.lose_an_order(capture).await;
    shop.wait(Duration::minutes(10)).await;
    let told = shop.compare().await;
    let [orphan] = &told.differences[..] else { unreachable!("{told:#?}") };
    let wish = wish(orphan);
    (shop, wish)
}

async fn give_back(shop: &Shop, wish: &ReturnOrphan) -> Result<OrphanReturn, Error> {
    shop.engine.reconciliation().return_orphan(wish, &staff()).await
}

#[tokio::test]
async fn what_was_taken_goes_back_and_what_is_set_aside_is_given_up() {
    for (capture, kind) in
        [(CaptureMode::Automatic, OperationKind::Refund), (CaptureMode::Manual, OperationKind::Void)]
    {
        let (shop, wish) = lost(capture).await;
        let calls = shop.provider.calls();
        let done = give_back(&shop, &wish).await.unwrap();
        assert_eq!((done.status, done.kind, done.amount), (OrphanStatus::Returned, kind, wish.amount));
        assert_eq!(
            (done.by.clone(), done.note.as_str()),
            (staff().actor, "the order was lost with the old disk")
        );
        let account = shop.account(wish.payment_id).unwrap();
        let moved = if kind == OperationKind::Refund { account.refunded } else { account.voided };
        assert_eq!(moved, wish.amount);
        assert_eq!(shop.compare().await.differences, []);
        // Once more, and by another one: nothing happens, and the first one is told.
        let other = Request::by(Actor::Staff(CustomerId::new("other").unwrap()));
        assert_eq!(shop.engine.reconciliation().return_orphan(&wish, &other).await.unwrap(), done);
        assert_eq!(shop.provider.calls(), calls + 1);
        let inbox = shop.engine.webhooks().list(None, None, 10, &Actor::Engine).await.unwrap().items;
        assert_eq!(inbox.len(), 1);
        assert_eq!(OrphanReturn::of(&inbox[0]), Some(done));
    }
}

#[tokio::test]
async fn what_has_an_order_or_nothing_left_is_refused() {
    let (shop, wish) = lost(CaptureMode::Automatic).await;
    let code = async |wish: &ReturnOrphan| give_back(&shop, wish).await.unwrap_err().code();
    let owned = shop.orders().await.remove(0);
    let payment = owned.payments[0].clone();
    let (payment_id, reference) = (payment.id, payment.reference.unwrap());
    assert_eq!(code(&ReturnOrphan { payment_id, ..wish.clone() }).await, "order_exists");
    assert_eq!(code(&ReturnOrphan { reference: reference.clone(), ..wish.clone() }).await, "order_exists");
    let nobody = PaymentId::from_uuid(shop.engine.ids().next(shop.clock.now()));
    assert_eq!(code(&ReturnOrphan { payment_id: nobody, ..wish.clone() }).await, "not_found");
    let other = ReturnOrphan { reference: "sim_1".parse().unwrap(), ..wish.clone() };
    assert_eq!(code(&other).await, "not_found");
    let less = Money::from_minor(1, Currency::EUR);
    assert_eq!(code(&ReturnOrphan { amount: less, ..wish.clone() }).await, "amount_changed");
    for amount in [Money::zero(Currency::EUR), Money::from_minor(-1, Currency::EUR)] {
        assert_eq!(code(&ReturnOrphan { amount, ..wish.clone() }).await, "invalid");
    }
    for note in [String::new(), "  ".to_owned(), "x".repeat(501), "a\u{7}b".to_owned()] {
        assert_eq!(code(&ReturnOrphan { note, ..wish.clone() }).await, "invalid");
    }
    let provider = order_core::id::ProviderId::new("nobody").unwrap();
    assert_eq!(code(&ReturnOrphan { provider, ..wish.clone() }).await, "invalid");
    let ann = Request::by(Actor::Customer(CustomerId::new("ann").unwrap()));
    let refused = shop.engine.reconciliation().return_orphan(&wish, &ann).await;
    assert!(matches!(refused, Err(Error::Forbidden { .. })));
    let account = shop.account(wish.payment_id).unwrap();
    assert_eq!(account.refunded, Money::zero(Currency::EUR), "nobody was given anything");
    shop.provider.refund_by_hand(wish.payment_id, wish.amount).unwrap();
    assert_eq!(code(&wish).await, "nothing_to_return");
}

/// What a provider refuses can be tried anew; and what a bank has sent back goes back once more.
#[tokio::test]
async fn another_try_has_another_key() {
    let (shop, wish) = lost(CaptureMode::Automatic).await;
    let dispute = shop.provider.open_dispute(wish.payment_id, wish.amount).unwrap();
    let refused = give_back(&shop, &wish).await.unwrap();
    assert_eq!(refused.status, OrphanStatus::Refused);
    assert!(refused.reason.as_ref().unwrap().contains("amount_too_large"), "{refused:?}");
    assert!(shop.provider.close_dispute(wish.payment_id, &dispute, true));
    let done = give_back(&shop, &wish).await.unwrap();
    assert_eq!(done.status, OrphanStatus::Returned);
    assert_ne!((done.operation_id, &done.key), (refused.operation_id, &refused.key));
    let refund = shop.provider.refunds(wish.payment_id).remove(0);
    assert!(shop.provider.fail_refund(wish.payment_id, &refund.reference));
    assert_eq!(shop.compare().await.differences.len(), 1);
    let again = give_back(&shop, &wish).await.unwrap();
    assert_eq!(again.status, OrphanStatus::Returned);
    assert_ne!(again.operation_id, done.operation_id);
    assert_eq!(shop.account(wish.payment_id).unwrap().refunded, wish.amount);
}

/// Whoever repeats a request that failed, and whoever gives up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Caller {
    Repeats,
    GivesUp,
}

/// A provider with money of a lost order, and an engine with everything behind a plan.
struct Scene {
    plan: Arc<FaultPlan>,
    provider: Arc<SimulatedGateway>,
    gateway: Arc<FaultGateway>,
    store: Arc<FaultStore>,
    inner: Arc<MemoryStore>,
    clock: Arc<ManualClock>,
    engine: Engine,
    wish: ReturnOrphan,
}

impl Scene {
    async fn new(plan: Arc<FaultPlan>, capture: CaptureMode) -> Self {
        let (shop, wish) = lost(capture).await;
        let (provider, clock) = (shop.provider, shop.clock);
        let inner: Arc<MemoryStore> = Arc::default();
        let store = Arc::new(FaultStore::new(inner.clone(), Arc::clone(&plan)));
        let gateway = Arc::new(FaultGateway::new(provider.clone(), Arc::clone(&plan)));
        let tea = Product::new(
            ProductId::new("tea").unwrap(),
            "Tea",
            SellerId::new("north").unwrap(),
            Money::from_minor(1, Currency::EUR),
        );
        let engine = Engine::builder(store.clone())
            .catalogue(Arc::new(MemoryCatalogue::from_iter([tea])))
            .payment_gateway(simulated(), gateway.clone())
            .provider_books(simulated(), Arc::new(FaultBooks::new(provider.clone(), Arc::clone(&plan))))
            .clock(clock.clone())
            .build()
            .unwrap();
        Self { plan, provider, gateway, store, inner, clock, engine, wish }
    }

    async fn ask(&self) -> Result<OrphanReturn, Error> {
        self.engine.reconciliation().return_orphan(&self.wish, &staff()).await
    }

    /// The command is given, and what it leaves is done by the pass, while the faults go on and when they are over. Gives how many calls
    /// were made before the faults were over.
    async fn play(&self, caller: Caller) -> u64 {
        for _ in 0..8 {
            let done = self.ask().await;
            let is_done = done.is_ok_and(|done| done.status == OrphanStatus::Returned);
            if is_done || caller == Caller::GivesUp {
                break;
            }
            self.plan.revive();
            self.clock.advance(Duration::seconds(40));
        }
        let calls = self.plan.calls();
        for (round, minutes) in [2, 10, 60, 600].into_iter().enumerate() {
            self.plan.revive();
            self.clock.advance(Duration::minutes(minutes));
            if round == 1 {
                self.gateway.deliver_late().await;
                self.store.deliver_late().await.unwrap();
            }
            while self.engine.passes().attend(10).await.is_err() {
                self.plan.revive();
            }
        }
        calls
    }

    /// What does not hold at the end.
    async fn problems(&self, caller: Caller, fault: Fault) -> Vec<String> {
        let mut problems = Vec::new();
        let account = self.provider.books().into_iter().find(|one| one.payment_id == self.wish.payment_id);
        let account = account.unwrap();
        let back = account.refunded.plus(account.voided).unwrap();
        let entries: Vec<InboxEntry> = self.inner.list_inbox(None, None, 10).await.unwrap().items;
        // Who gives up before anything was kept has given nothing back.
        let was_decided = caller == Caller::Repeats || !entries.is_empty();
        if (back == self.wish.amount) != was_decided {
            problems.push(format!("{back} went back"));
        }
        if account.refunds.len() > 1 || entries.len() > 1 {
            problems.push(format!("{} refunds, {} decisions", account.refunds.len(), entries.len()));
        }
        if entries.iter().any(|entry| entry.status != InboxStatus::Attended) {
            problems.push(format!("{entries:?}"));
        }
        if was_decided && self.ask().await.map(|done| done.status).ok() != Some(OrphanStatus::Returned) {
            problems.push(format!("it is told otherwise after {fault:?}"));
        }
        problems
    }
}

#[tokio::test]
async fn it_goes_back_once_whatever_call_goes_wrong() {
    let (mut points, mut problems) = (0, Vec::new());
    for capture in [CaptureMode::Automatic, CaptureMode::Manual] {
        for caller in [Caller::Repeats, Caller::GivesUp] {
            let calls = Scene::new(FaultPlan::none(), capture).await.play(caller).await;
            assert!(calls >= 8, "{calls}");
            for call in 1..=calls {
                for fault in Fault::ALL {
                    let scene = Scene::new(FaultPlan::new(&[(call, fault)]), capture).await;
                    scene.play(caller).await;
                    scene.plan.disarm();
                    points += 1;
                    for problem in scene.problems(caller, fault).await {
                        problems.push(format!("{capture:?}, {caller:?}, call {call}, {fault:?}: {problem}"));
                    }
                }
            }
        }
    }
    assert!(problems.is_empty(), "of {points} points: {problems:#?}");
}

/// Many at once, of the staff and of passes, give it back once.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn it_goes_back_once_whoever_asks_at_once() {
    let (shop, wish) = lost(CaptureMode::Automatic).await;
    let asking = (0..8).map(|_| {
        let (engine, wish) = (shop.engine.clone(), wish.clone());
        tokio::spawn(async move {
            let done = engine.reconciliation().return_orphan(&wish, &staff()).await.unwrap();
            engine.passes().attend(10).await.unwrap();
            done.key
        })
    });
    let mut keys = Vec::new();
    for one in asking.collect::<Vec<_>>() {
        keys.push(one.await.unwrap());
    }
    keys.dedup();
    assert_eq!(keys.len(), 1);
    assert_eq!(shop.provider.refunds(wish.payment_id).len(), 1);
}

/// While it waits, the order may come back, e.g. from a backup: then the money is the order's.
#[tokio::test]
async fn what_has_an_order_by_then_is_left_to_it() {
    let provider: Arc<SimulatedGateway> = Arc::default();
    // The decision is kept, and the provider can't be asked.
    let gateway = Arc::new(FaultGateway::new(provider.clone(), FaultPlan::new(&[(1, Fault::FailBefore)])));
    let shop = Shop::with(Currency::EUR, provider.clone(), gateway, provider.clone()).await;
    let (set, order) = Sampler::new(3).order("ann", "tea");
    let payment = &order.payments[0];
    provider.execute(&Instruction::new(&order, payment, &payment.operations[0])).await.unwrap();
    shop.wait(Duration::minutes(10)).await;
    let wish = wish(&shop.compare().await.differences[0]);
    assert_eq!(give_back(&shop, &wish).await.unwrap().status, OrphanStatus::Open);
    assert_eq!(shop.engine.store().commit(&set).await.unwrap(), CommitOutcome::Applied);
    shop.clock.advance(Duration::minutes(2));
    assert_eq!(shop.engine.passes().attend(10).await.unwrap().done, 1);
    let inbox = shop.engine.webhooks().list(None, None, 10, &Actor::Engine).await.unwrap().items;
    let left = OrphanReturn::of(&inbox[0]).unwrap();
    assert_eq!(
        (left.status, left.reason.as_deref()),
        (OrphanStatus::Refused, Some("there is an order with this payment now"))
    );
    assert!(provider.refunds(payment.id).is_empty());
}
