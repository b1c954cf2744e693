//! Near misses: what a misspelt name was probably meant to be.

/// The candidate nearest to `name`, if it is near enough to be worth suggesting: at most one edit
/// for every three letters, so that no unrelated name is offered.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (name.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (distance(name, candidate), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Edits between two names; the same words in another order, as in `credential_test` for
/// `test_credential`, count as one.
fn distance(name: &str, candidate: &str) -> usize {
    let words = |text: &str| {
        let mut words: Vec<String> = text.split('_').map(str::to_lowercase).collect();
        words.sort();
        words
    };
    if words(name) == words(candidate) {
        return usize::from(name != candidate);
    }
    strsim::damerau_levenshtein(&name.to_lowercase(), &candidate.to_lowercase())
}

/// `, did you mean 'x'?`, or nothing.
pub fn did_you_mean<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    nearest(name, candidates).map_or_else(String::new, |near| format!("; did you mean '{near}'?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_suggested_and_far_ones_are_not() {
        let names = ["test_credential", "say", "sleep"];
        assert_eq!(nearest("test_credentail", names), Some("test_credential"));
        assert_eq!(nearest("credential_test", names), Some("test_credential"));
        assert_eq!(nearest("sya", names), Some("say"));
        assert_eq!(nearest("remove_everything", names), None);
    }
}
