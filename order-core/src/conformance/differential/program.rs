use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{Just, Strategy, any, prop_oneof};

/// One step of a program, and what is wrong with it.
#[derive(Debug, Clone)]
pub(super) struct Turn {
    pub(super) step: Step,
    pub(super) flaw: Flaw,
}

/// What is done. Numbers choose among what there is, counted from the newest.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Receive { product: u8, units: i16, if_on_hand: Option<u8> },
    Staff { product: u8, elsewhere: bool, what: Staff },
    Fill { owner: u8, product: u8, anew: bool },
    Close { cart: u8 },
    Remove { cart: u8 },
    Replace { cart: u8 },
    Place { customer: u8, lines: Vec<(u8, u8)>, cart: Option<u8>, key: Option<u8> },
    Change { order: u8, age: u8, what: Change, key: Option<u8> },
    Two { orders: (u8, u8), what: Change },
    Reserve { product: u8, quantity: u8, minutes: u8 },
    End { reservation: u8, how: u8 },
    Note { key: u8, is_new: bool, answer: Option<u8> },
    Repeat { set: u8 },
    Wait { seconds: u16 },
    Claim { orders: u8, seconds: u8 },
    Deliver { order: u8, behind: u8 },
    Fail { order: u8, seconds: u8 },
    ClaimStock { levels: u8, seconds: u8 },
    DeliverStock { product: u8, elsewhere: bool, sequence: u8 },
    FailStock { product: u8, elsewhere: bool, seconds: u8 },
    Journal { product: u8, elsewhere: Option<bool>, after: Option<u8>, limit: u8 },
    Forget { seconds: u16, limit: u8 },
    List(Listing),
    Inbox(InboxStep),
}

/// What is done to the inbox.
#[derive(Debug, Clone, Copy)]
pub(super) enum InboxStep {
    Receive { event: u8, wait: u8 },
    Claim { limit: u8, seconds: u8 },
    Settle { event: u8, way: u8 },
    Park { event: u8, seconds: u8 },
    Retry { event: u8 },
    Page { status: Option<u8>, after: Option<u8>, limit: u8 },
    Forget { seconds: u16, limit: u8 },
}

/// What the staff does to a stock level.
#[derive(Debug, Clone, Copy)]
pub(super) enum Staff {
    Receive(u8),
    Adjust(i8),
    Count { on_hand: u8, seen: u8 },
    LowAt(Option<u8>),
    All(i8, u8),
}

/// A decision about an order.
#[derive(Debug, Clone, Copy)]
pub(super) enum Change {
    Approve,
    Decline,
    Lose,
    Cancel,
    CancelOne,
    Process,
    Ship,
    Deliver,
    Refund(u16),
    Expire,
}

/// A question for a list.
#[derive(Debug, Clone)]
pub(super) struct Listing {
    pub(super) customer: Option<u8>,
    pub(super) seller: Option<u8>,
    pub(super) statuses: Vec<u8>,
    pub(super) text: Option<u8>,
    pub(super) from: Option<u8>,
    pub(super) before: Option<u8>,
    pub(super) after: Option<u8>,
    pub(super) skip: u8,
    pub(super) limit: u8,
    pub(super) oldest_first: bool,
}

/// What is wrong with a write-set.
#[derive(Debug, Clone, Copy)]
pub(super) enum Flaw {
    None,
    Version(i8),
    IsNew,
    Number(u8),
    Cart(u8),
    Owner(u8),
    Sequence,
    Refund,
    Short(u8),
    ReadCart(u8, i8),
    ReadOrder(u8, i8),
    Key(u8),
}

/// Programs.
pub(super) fn turns() -> impl Strategy<Value = Vec<Turn>> {
    let first = (0_u8..4).prop_map(|product| Turn {
        step: Step::Receive { product, units: 40, if_on_hand: None },
        flaw: Flaw::None,
    });
    let turn = (step(), flaw()).prop_map(|(step, flaw)| Turn { step, flaw });
    (vec(first, 1..4), vec(turn, 1..60)).prop_map(|(mut first, rest)| {
        first.extend(rest);
        first
    })
}

fn step() -> impl Strategy<Value = Step> {
    let pick = || 0_u8..6;
    let key = || option::weighted(0.3, 0_u8..5);
    prop_oneof![
        2 => (0_u8..4, -20_i16..60, option::weighted(0.2, 0_u8..60)).prop_map(|(product, units, if_on_hand)| {
            Step::Receive { product, units, if_on_hand }
        }),
        4 => (0_u8..4, option::weighted(0.2, Just(())), staff()).prop_map(|(product, elsewhere, what)| {
            Step::Staff { product, elsewhere: elsewhere.is_some(), what }
        }),
        3 => (0_u8..4, 0_u8..4, any::<bool>()).prop_map(|(owner, product, anew)| Step::Fill { owner, product, anew }),
        1 => pick().prop_map(|cart| Step::Close { cart }),
        1 => pick().prop_map(|cart| Step::Remove { cart }),
        1 => pick().prop_map(|cart| Step::Replace { cart }),
        5 => (0_u8..3, vec((0_u8..4, 1_u8..9), 1..4), option::weighted(0.3, pick()), key()).prop_map(
            |(customer, lines, cart, key)| Step::Place { customer, lines, cart, key }
        ),
        9 => (pick(), 0_u8..3, change(), key()).prop_map(|(order, age, what, key)| {
            // Mostly the present version.
            Step::Change { order, age: age.saturating_sub(1), what, key }
        }),
        1 => ((pick(), pick()), change()).prop_map(|(orders, what)| Step::Two { orders, what }),
        2 => (0_u8..4, 1_u8..9, 0_u8..60).prop_map(|(product, quantity, minutes)| {
            Step::Reserve { product, quantity, minutes }
        }),
        2 => (pick(), 0_u8..3).prop_map(|(reservation, how)| Step::End { reservation, how }),
        2 => (0_u8..5, any::<bool>(), option::of(1_u8..9)).prop_map(|(key, is_new, answer)| {
            Step::Note { key, is_new, answer }
        }),
        1 => pick().prop_map(|set| Step::Repeat { set }),
        2 => (1_u16..3_000).prop_map(|seconds| Step::Wait { seconds }),
        2 => (0_u8..4, 0_u8..90).prop_map(|(orders, seconds)| Step::Claim { orders, seconds }),
        2 => (pick(), 0_u8..4).prop_map(|(order, behind)| Step::Deliver { order, behind }),
        1 => (pick(), 0_u8..90).prop_map(|(order, seconds)| Step::Fail { order, seconds }),
        2 => stock_outbox(),
        1 => (0_u8..4, option::of(any::<bool>()), option::of(0_u8..8), 0_u8..5).prop_map(
            |(product, elsewhere, after, limit)| Step::Journal { product, elsewhere, after, limit }
        ),
        1 => (0_u16..3_000, 0_u8..5).prop_map(|(seconds, limit)| Step::Forget { seconds, limit }),
        3 => listing().prop_map(Step::List),
        8 => inbox().prop_map(Step::Inbox),
    ]
}

fn inbox() -> impl Strategy<Value = InboxStep> {
    let event = || 0_u8..6;
    prop_oneof![
        4 => (event(), 0_u8..90).prop_map(|(event, wait)| InboxStep::Receive { event, wait }),
        4 => (0_u8..4, 0_u8..90).prop_map(|(limit, seconds)| InboxStep::Claim { limit, seconds }),
        2 => (event(), 0_u8..3).prop_map(|(event, way)| InboxStep::Settle { event, way }),
        3 => (event(), 0_u8..90).prop_map(|(event, seconds)| InboxStep::Park { event, seconds }),
        1 => event().prop_map(|event| InboxStep::Retry { event }),
        2 => (option::of(0_u8..4), option::of(event()), 0_u8..5)
            .prop_map(|(status, after, limit)| InboxStep::Page { status, after, limit }),
        1 => (0_u16..300, 0_u8..4).prop_map(|(seconds, limit)| InboxStep::Forget { seconds, limit }),
    ]
}

fn stock_outbox() -> impl Strategy<Value = Step> {
    let elsewhere = || option::weighted(0.2, Just(())).prop_map(|elsewhere| elsewhere.is_some());
    prop_oneof![
        2 => (0_u8..4, 0_u8..90).prop_map(|(levels, seconds)| Step::ClaimStock { levels, seconds }),
        2 => (0_u8..4, elsewhere(), 0_u8..9).prop_map(|(product, elsewhere, sequence)| {
            Step::DeliverStock { product, elsewhere, sequence }
        }),
        1 => (0_u8..4, elsewhere(), 0_u8..90).prop_map(|(product, elsewhere, seconds)| {
            Step::FailStock { product, elsewhere, seconds }
        }),
    ]
}

fn staff() -> impl Strategy<Value = Staff> {
    prop_oneof![
        2 => (0_u8..30).prop_map(Staff::Receive),
        2 => (-30_i8..10).prop_map(Staff::Adjust),
        1 => (0_u8..40, 0_u8..40).prop_map(|(on_hand, seen)| Staff::Count { on_hand, seen }),
        3 => option::of(0_u8..40).prop_map(Staff::LowAt),
        1 => (-20_i8..20, 0_u8..40).prop_map(|(units, low_at)| Staff::All(units, low_at)),
    ]
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        4 => Just(Change::Approve),
        1 => Just(Change::Decline),
        2 => Just(Change::Lose),
        1 => Just(Change::Cancel),
        1 => Just(Change::CancelOne),
        2 => Just(Change::Process),
        2 => Just(Change::Ship),
        1 => Just(Change::Deliver),
        2 => (1_u16..2_000).prop_map(Change::Refund),
        1 => Just(Change::Expire),
    ]
}

fn flaw() -> impl Strategy<Value = Flaw> {
    let pick = || 0_u8..6;
    prop_oneof![
        12 => Just(Flaw::None),
        1 => prop_oneof![Just(-1_i8), Just(1_i8)].prop_map(Flaw::Version),
        1 => Just(Flaw::IsNew),
        1 => pick().prop_map(Flaw::Number),
        1 => pick().prop_map(Flaw::Cart),
        1 => pick().prop_map(Flaw::Owner),
        2 => Just(Flaw::Sequence),
        2 => Just(Flaw::Refund),
        1 => (0_u8..4).prop_map(Flaw::Short),
        1 => (pick(), -1_i8..2).prop_map(|(cart, off)| Flaw::ReadCart(cart, off)),
        1 => (pick(), -1_i8..2).prop_map(|(order, off)| Flaw::ReadOrder(order, off)),
        1 => (0_u8..5).prop_map(Flaw::Key),
    ]
}

fn listing() -> impl Strategy<Value = Listing> {
    let wanted = |strategy| option::weighted(0.3, strategy);
    (
        (wanted(0_u8..3), wanted(0_u8..3), vec(0_u8..8, 0..3), wanted(0_u8..8)),
        (wanted(0_u8..6), wanted(0_u8..6), wanted(0_u8..6), 0_u8..4, 1_u8..12, any::<bool>()),
    )
        .prop_map(
            |((customer, seller, statuses, text), (from, before, after, skip, limit, oldest_first))| {
                Listing { customer, seller, statuses, text, from, before, after, skip, limit, oldest_first }
            },
        )
}
