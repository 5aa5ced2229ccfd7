//! Whole numbers among the arguments, refused in the words of people.

use std::ops::RangeInclusive;

/// A parser for clap of whole numbers in `range`.
pub(crate) fn whole<T: TryFrom<u64>>(
    range: RangeInclusive<u64>,
) -> impl Fn(&str) -> Result<T, String> + Clone + Send + Sync + 'static {
    move |text| {
        let number = text.parse().ok().filter(|number| range.contains(number));
        let number = number.and_then(|number| T::try_from(number).ok());
        number.ok_or_else(|| match (*range.start(), *range.end()) {
            (0, u64::MAX) => "expected a whole number".to_owned(),
            (least, u64::MAX) => format!("expected a whole number from {least} on"),
            (least, most) => format!("expected a whole number from {least} to {most}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_outside_its_range_is_told_the_range() {
        assert_eq!(whole::<u8>(0..=u64::MAX)("255"), Ok(255));
        assert_eq!(whole::<u64>(1..=30)("30"), Ok(30));
        for bad in ["", "x", "-1", "1.5", "256", "99999999999999999999"] {
            let said = whole::<u8>(0..=u64::MAX)(bad);
            assert_eq!(said, Err("expected a whole number".to_owned()), "{bad}");
        }
        let said = whole::<u64>(1..=30)("31");
        assert_eq!(said, Err("expected a whole number from 1 to 30".to_owned()));
        let said = whole::<u64>(1..=u64::MAX)("0");
        assert_eq!(said, Err("expected a whole number from 1 on".to_owned()));
    }
}
