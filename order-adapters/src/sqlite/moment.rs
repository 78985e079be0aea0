use std::future::poll_fn;
use std::hint;
use std::pin::pin;
use std::sync::LazyLock;
use std::task::Poll;
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

/// How long whoever asks a connection looks for its answer before they sleep. Longer would be for nothing: what a disk is waited for is
/// not there yet.
static MOMENT: LazyLock<Duration> = LazyLock::new(|| {
    // A lone processor has something better to do: the answer.
    let is_alone = available_parallelism().is_ok_and(|processors| processors.get() == 1);
    if is_alone { Duration::ZERO } else { Duration::from_micros(50) }
});

/// How often a processor is told to take it easy between two looks.
const REST: u32 = 32;

/// Awaits the answer of a connection, which has a thread of its own. To put a thread to sleep and to wake it again takes longer than most
/// statements, so the answer is looked for a moment.
pub(super) async fn soon<F: Future>(answer: F) -> F::Output {
    let mut answer = pin!(answer);
    let start = Instant::now();
    loop {
        let looked = poll_fn(|context| Poll::Ready(answer.as_mut().poll(context)));
        if let Poll::Ready(answer) = looked.await {
            return answer;
        }
        if start.elapsed() >= *MOMENT {
            return answer.await;
        }
        (0..REST).for_each(|_| hint::spin_loop());
    }
}
