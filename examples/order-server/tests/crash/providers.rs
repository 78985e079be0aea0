//! Payment providers beside the server, which outlive it: stand-ins with a network that is not to be trusted, and a courier who
//! loses webhooks, brings some twice, and all of them in no order.

use std::ffi::OsString;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use order_core::id::ProviderId;
use order_core::time::{Clock, SystemClock};
use order_fake_providers::wire::{WireFault, WireRequest};
use order_server::providers::courier;
use order_server::providers::stand_in::{self, Letter, StandIn};
use order_server::providers::{OpenProvider, ProviderKind, SIMULATED, Surroundings};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::interval;

use super::books::Account;
use super::chance::Chance;
use super::load::Shop;

/// How many of a hundred webhooks are never brought.
const LOST: u64 = 5;
/// How many of a hundred are brought twice.
const DOUBLED: u64 = 10;
/// How many of a hundred commands have their effect, and their answer is lost.
const ANSWERS_LOST: u64 = 5;
/// How many of a hundred commands are lost themselves, and how many arrive twice.
const CALLS_LOST: u64 = 1;
const CALLS_DOUBLED: u64 = 2;
/// How often the courier goes.
const ROUND: Duration = Duration::from_millis(50);

/// What went wrong, and how often.
#[derive(Debug, Default)]
pub(crate) struct Mischief {
    answers_lost: AtomicU64,
    calls_lost: AtomicU64,
    calls_doubled: AtomicU64,
    letters: AtomicU64,
    letters_lost: AtomicU64,
    letters_doubled: AtomicU64,
    letters_refused: AtomicU64,
    letters_again: AtomicU64,
}

/// The stand-ins of every provider.
#[derive(Debug)]
pub(crate) struct Providers {
    stand_ins: Vec<Arc<dyn StandIn>>,
    mischief: Arc<Mischief>,
    seed: Mutex<Chance>,
}

impl Providers {
    /// Starts one of each.
    pub(crate) async fn start(chance: &mut Chance) -> Self {
        let mut stand_ins = Vec::new();
        for kind in ProviderKind::ALL {
            stand_ins.push(stand_in::start(kind, Arc::new(SystemClock)).await.unwrap());
        }
        let seed = Mutex::new(Chance::new(chance.next()));
        Self { stand_ins, mischief: Arc::default(), seed }
    }

    /// What a server is told of them.
    pub(crate) fn settings(&self, folder: &Path) -> Vec<(&'static str, OsString)> {
        let settings = self.stand_ins.iter().flat_map(|stand_in| stand_in.settings(folder).unwrap());
        settings.map(|(name, value)| (name, value.into())).collect()
    }

    /// Each as an engine takes it, with its name.
    pub(crate) fn open(&self, clock: &Arc<dyn Clock>) -> Vec<(ProviderId, OpenProvider)> {
        let open = |stand_in: &Arc<dyn StandIn>| {
            let id = ProviderId::new(stand_in.kind().name()).unwrap();
            let opened = stand_in.provider().open(&Surroundings { id: &id, return_url: None, clock });
            (id, opened.unwrap())
        };
        self.stand_ins.iter().map(open).collect()
    }

    /// From now on calls go wrong. What was exchanged so far is forgotten: of a long run it would be much.
    pub(crate) fn misbehave(&self) {
        for stand_in in &self.stand_ins {
            stand_in.wire().forget();
            let mut chance = Chance::new(self.seed.lock().unwrap().next());
            let mischief = self.mischief.clone();
            stand_in.wire().set_rule(move |request| mischief.of_call(request, &mut chance));
        }
    }

    /// From now on every call goes well.
    pub(crate) fn behave(&self) {
        self.stand_ins.iter().for_each(|stand_in| stand_in.wire().forget());
    }

    /// How somebody pays: at once, or for the staff to capture later; approved more often than not.
    pub(crate) fn tender(&self, chance: &mut Chance) -> Value {
        let Some(stand_in) = chance.pick(&self.stand_ins) else {
            return json!({ "method": "card", "provider": SIMULATED });
        };
        let tokens = stand_in.kind().test_tokens();
        let (approved, _) = tokens[0];
        let (token, _) = if chance.below(2) == 0 { (approved, "") } else { *chance.pick(tokens).unwrap() };
        let capture = if chance.below(4) == 0 { "manual" } else { "automatic" };
        json!({ "method": "card", "provider": stand_in.kind().name(), "token": token, "capture": capture })
    }

    /// The customer acts at a provider.
    pub(crate) fn complete(&self, provider: &str, payment: &str, approve: bool) -> bool {
        let mut found = self.stand_ins.iter().filter(|stand_in| stand_in.kind().name() == provider);
        found.next().is_some_and(|stand_in| stand_in.complete(payment.parse().unwrap(), approve))
    }

    /// Their books.
    pub(crate) fn accounts(&self) -> Vec<Account> {
        let accounts = self.stand_ins.iter().flat_map(|stand_in| stand_in.accounts());
        accounts.map(Account::of_stand_in).collect()
    }

    /// Sends out a courier who brings webhooks to wherever the shop is at the moment.
    pub(crate) fn send_courier(&self, shop: &Arc<Shop>) -> JoinHandle<()> {
        let chance = Chance::new(self.seed.lock().unwrap().next());
        let rounds =
            Rounds { stand_ins: self.stand_ins.clone(), shop: shop.clone(), mischief: self.mischief.clone() };
        tokio::spawn(rounds.go(chance))
    }

    /// What went wrong, for a reader.
    pub(crate) fn report(&self) -> Vec<String> {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let Mischief { answers_lost, calls_lost, calls_doubled, .. } = &*self.mischief;
        let Mischief { letters, letters_lost, letters_doubled, letters_again, .. } = &*self.mischief;
        vec![
            format!(
                "calls to providers:            {} answers lost after their effect, {} calls lost, {} doubled",
                count(answers_lost),
                count(calls_lost),
                count(calls_doubled)
            ),
            format!(
                "webhooks:                      {}, {} of them lost, {} doubled; {} tries were in vain",
                count(letters),
                count(letters_lost),
                count(letters_doubled),
                count(letters_again)
            ),
        ]
    }

    /// How many webhooks the server has refused. It must refuse none.
    pub(crate) fn refused(&self) -> u64 {
        self.mischief.letters_refused.load(Ordering::Relaxed)
    }
}

impl Mischief {
    fn of_call(&self, request: &WireRequest, chance: &mut Chance) -> Option<WireFault> {
        if request.method != "POST" || request.path.starts_with("/fake/") {
            return None;
        }
        let (counter, fault) = match chance.below(100) {
            number if number < ANSWERS_LOST => (&self.answers_lost, WireFault::CutAfter),
            number if number < ANSWERS_LOST + CALLS_LOST => (&self.calls_lost, WireFault::CutBefore),
            number if number < ANSWERS_LOST + CALLS_LOST + CALLS_DOUBLED => {
                (&self.calls_doubled, WireFault::Repeat)
            }
            _ => return None,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        Some(fault)
    }
}

/// A courier's rounds.
struct Rounds {
    stand_ins: Vec<Arc<dyn StandIn>>,
    shop: Arc<Shop>,
    mischief: Arc<Mischief>,
}

impl Rounds {
    /// Collects what is new, and brings what there is in no order, until it is told to end.
    async fn go(self, mut chance: Chance) {
        let client = reqwest::Client::new();
        let mut known = vec![0; self.stand_ins.len()];
        let mut bag: Vec<(usize, Letter)> = Vec::new();
        let mut rounds = interval(ROUND);
        loop {
            rounds.tick().await;
            for (place, stand_in) in self.stand_ins.iter().enumerate() {
                for letter in stand_in.letters(known[place]).unwrap() {
                    known[place] += 1;
                    self.collect(place, letter, &mut bag, &mut chance);
                }
            }
            for last in (1..bag.len()).rev() {
                let other = usize::try_from(chance.below(last as u64 + 1)).unwrap();
                bag.swap(last, other);
            }
            // Some are left for a later round, so that they are late.
            let late = bag.len() / 4;
            for (place, letter) in bag.split_off(late) {
                let address = courier::address(&self.shop.api(), &*self.stand_ins[place]);
                match courier::bring(&client, &address, &letter).await {
                    Some(200..300) => {}
                    Some(status @ 400..500) => {
                        println!("{address} refuses a webhook with {status}");
                        self.mischief.letters_refused.fetch_add(1, Ordering::Relaxed);
                    }
                    Some(_) | None => {
                        self.mischief.letters_again.fetch_add(1, Ordering::Relaxed);
                        bag.push((place, letter));
                    }
                }
            }
        }
    }

    fn collect(&self, place: usize, letter: Letter, bag: &mut Vec<(usize, Letter)>, chance: &mut Chance) {
        self.mischief.letters.fetch_add(1, Ordering::Relaxed);
        match chance.below(100) {
            number if number < LOST => {
                self.mischief.letters_lost.fetch_add(1, Ordering::Relaxed);
            }
            number if number < LOST + DOUBLED => {
                self.mischief.letters_doubled.fetch_add(1, Ordering::Relaxed);
                bag.push((place, letter.clone()));
                bag.push((place, letter));
            }
            _ => bag.push((place, letter)),
        }
    }
}
