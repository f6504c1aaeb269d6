//! For tests: nothing grows by the square. Four times the size takes about four times as long, not
//! sixteen.

use crate::clock::Clock;

/// Linear is 4, a square is 16; between them is what noise and a logarithm need.
const RATIO_MAX: f64 = 10.0;

/// The best of at most so many counts: a busy machine makes work slower, never faster.
const ROUNDS: usize = 15;

/// Does work of a size and of four times that; what `make` does is not counted.
pub(crate) fn grows<M>(
    what: &str,
    size: usize,
    make: impl Fn(usize) -> M,
    mut work: impl FnMut(M),
) {
    let mut best = [f64::MAX; 2];
    for _ in 0..ROUNDS {
        for (best, size) in best.iter_mut().zip([size, 4 * size]) {
            let ready = make(size);
            *best = best.min(seconds(|| work(ready)));
        }
        if best[1] / best[0] <= RATIO_MAX {
            return;
        }
    }
    let [first, second] = best;
    let told = format!("{what}: {first:.4} s for {size}, {second:.4} s for {}", 4 * size);
    panic!("{told}: {:.1} times as long for 4 times as much", second / first);
}

/// How long some work keeps a processor, in seconds: what else the machine does is not counted, where
/// the system tells.
fn seconds(work: impl FnOnce()) -> f64 {
    let clock = Clock::system();
    let (begin, before) = (clock.now(), busy());
    work();
    let whole = clock.now().since(begin).as_secs_f64();
    let busy = before.zip(busy()).map(|(before, after)| after - before);
    busy.filter(|busy| *busy > 0.0).unwrap_or(whole).max(1e-6)
}

/// The time that this thread has had a processor, in seconds.
fn busy() -> Option<f64> {
    // The count is brought up to date when the thread gives way.
    std::thread::yield_now();
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanos = stat.split(' ').next()?.parse::<f64>().ok()?;
    Some(nanos / 1e9)
}
