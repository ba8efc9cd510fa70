//! Which of the known names somebody probably meant.

/// The known name that is the fewest letters away from `given`; the first of them if several are.
pub(super) fn nearest<'a>(given: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known.min_by_key(|name| distance(given, name))
}

/// How many letters have to be put in, left out or exchanged to make one of the other (Levenshtein).
fn distance(from: &str, to: &str) -> usize {
    // The distances between what has been read of `from` and each beginning of `to`.
    let mut row: Vec<usize> = (0..=to.chars().count()).collect();
    for (read, letter) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = read + 1;
        for (index, other) in to.chars().enumerate() {
            let exchanged = diagonal + usize::from(letter != other);
            diagonal = row[index + 1];
            row[index + 1] = exchanged.min(diagonal + 1).min(row[index] + 1);
        }
    }
    row[row.len() - 1]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        for (from, to, expected) in [
            ("", "", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("retyr", "retry", 2),
            ("kitten", "sitting", 3),
            ("ä", "a", 1),
        ] {
            assert_eq!(distance(from, to), expected, "{from} {to}");
        }
    }

    #[test]
    fn the_nearest_name_is_the_one_that_was_mistyped() {
        let known = ["total", "retry", "breaker"];
        assert_eq!(nearest("braker", known.into_iter()), Some("breaker"));
        assert_eq!(nearest("Retry", known.into_iter()), Some("retry"));
        assert_eq!(nearest("any", [].into_iter()), None);
    }
}
