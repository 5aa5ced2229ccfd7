//! Welch's t-test, with the slowest measurements left out.

/// From this |t| on two classes are taken for different, as by dudect and by TVLA.
pub(super) const LIMIT: f64 = 4.5;
/// Limits at which slow measurements are left out.
const LIMITS: i32 = 20;
/// Fewest measurements of a class that are compared.
const FEWEST: usize = 100;

/// The middle of the measurements.
pub(super) fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The t of the greatest amount, of all measurements and of those below each limit. The share that is left out falls
/// from 70 % to a thousandth. `None` where there are too few to tell.
pub(super) fn greatest(classes: &[Vec<f64>; 2]) -> Option<f64> {
    let mut all = classes.concat();
    all.sort_by(f64::total_cmp);
    let shares = (1..=LIMITS).map(|step| 0.5_f64.powf(f64::from(step) / 2.0));
    let limits = shares.map(|share| all[place(all.len(), share)]);
    limits
        .chain([f64::INFINITY])
        .filter_map(|limit| {
            let below = |times: &Vec<f64>| {
                times
                    .iter()
                    .copied()
                    .filter(|time| *time <= limit)
                    .collect()
            };
            t(classes.each_ref().map(below))
        })
        .max_by(|a, b| a.abs().total_cmp(&b.abs()))
}

/// Where in a sorted list of `len` this share is behind it.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "lists are shorter than 2⁵², and shares within 0 and 1"
)]
fn place(len: usize, share: f64) -> usize {
    ((len - 1) as f64 * (1.0 - share)) as usize
}

fn t([a, b]: [Vec<f64>; 2]) -> Option<f64> {
    let error = variance(&a) / count(&a) + variance(&b) / count(&b);
    (a.len().min(b.len()) >= FEWEST && error > 0.0).then(|| (mean(&a) - mean(&b)) / error.sqrt())
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / count(values)
}

fn variance(values: &[f64]) -> f64 {
    let mean = mean(values);
    let squares = values.iter().map(|value| (value - mean).powi(2));
    squares.sum::<f64>() / (count(values) - 1.0)
}

#[allow(clippy::cast_precision_loss, reason = "lists are shorter than 2⁵²")]
fn count(values: &[f64]) -> f64 {
    values.len() as f64
}
