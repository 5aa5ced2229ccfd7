//! The times of calls with inputs of two classes.

use std::time::Instant;

use super::cases::{Case, Subject};
use super::client::{Client, library};

/// Calls before the first that counts.
const WARM_UP: usize = 200;

/// Nanoseconds of each call, by class. Which class and which of its inputs a call has is random; every input stands
/// in the same buffer.
pub(super) fn times(case: &Case, calls: usize) -> [Vec<f64>; 2] {
    let client = Client::start(&library());
    let Subject {
        inputs,
        expected,
        call,
        after,
    } = (case.subject)(&client);
    let mut buffer = inputs[0][0].clone();
    let mut times = [Vec::new(), Vec::new()];
    let mut choice = [0; 4];
    for number in 0..WARM_UP + calls {
        client.random(&mut choice).unwrap();
        let choice = usize::try_from(u32::from_ne_bytes(choice)).unwrap();
        let class = choice % 2;
        buffer.copy_from_slice(&inputs[class][choice / 2 % inputs[class].len()]);
        let begin = Instant::now();
        let answer = call(&buffer);
        let took = begin.elapsed();
        assert_eq!(answer.err().unwrap_or_default(), expected, "{}", case.name);
        after(answer);
        if number >= WARM_UP {
            times[class].push(took.as_secs_f64() * 1e9);
        }
    }
    times
}
