//! Values on their way to another thread of the script.
//!
//! Rhai shares the variables that a closure captures. Two threads that write one would race, and a
//! run could not be replayed. So a strand gets copies: its item is its own, and what its function
//! captured can be read only.

use rhai::{Array, Blob, Dynamic, FnPtr, Map};

use crate::value::DEPTH;

/// How many bytes of a blob weigh as much as one value.
const BYTES: usize = 16;

/// Why a value cannot go to another thread.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unfit {
    /// It nests too deep, or holds itself.
    Deep,
    /// It holds more values than may be spent on it.
    Large(u64),
}

/// How many values a value holds, captured variables of functions among them; at most `most`.
///
/// # Errors
/// [`Unfit`].
pub(crate) fn weigh(value: &Dynamic, most: u64) -> Result<u64, Unfit> {
    let mut weight = Weight { most, sum: 0 };
    weight.add(value, 0)?;
    Ok(weight.sum)
}

/// The same for a function.
pub(crate) fn weigh_function(function: &FnPtr, most: u64) -> Result<u64, Unfit> {
    let mut weight = Weight { most, sum: 0 };
    weight.add_all(function.iter_curry(), 0)?;
    Ok(weight.sum)
}

struct Weight {
    most: u64,
    sum: u64,
}

impl Weight {
    fn add(&mut self, value: &Dynamic, depth: usize) -> Result<(), Unfit> {
        self.count(1)?;
        if let Some(items) = value.read_lock::<Array>() {
            return self.add_all(items.iter(), depth + 1);
        }
        if let Some(entries) = value.read_lock::<Map>() {
            return self.add_all(entries.values(), depth + 1);
        }
        if let Some(function) = value.read_lock::<FnPtr>() {
            return self.add_all(function.iter_curry(), depth + 1);
        }
        match value.read_lock::<Blob>() {
            Some(bytes) => self.count(bytes.len() / BYTES),
            None => Ok(()),
        }
    }

    fn add_all<'a>(
        &mut self,
        mut values: impl Iterator<Item = &'a Dynamic>,
        depth: usize,
    ) -> Result<(), Unfit> {
        if depth > DEPTH {
            return Err(Unfit::Deep);
        }
        values.try_for_each(|value| self.add(value, depth))
    }

    fn count(&mut self, values: usize) -> Result<(), Unfit> {
        self.sum = self.sum.saturating_add(u64::try_from(values).unwrap_or(u64::MAX));
        if self.sum > self.most { Err(Unfit::Large(self.sum)) } else { Ok(()) }
    }
}

/// A value that shares nothing that can be written. It must have been [weighed](weigh) before.
pub(crate) fn copy(value: &Dynamic) -> Dynamic {
    if let Some(items) = value.read_lock::<Array>() {
        return Dynamic::from_array(items.iter().map(copy).collect());
    }
    if let Some(entries) = value.read_lock::<Map>() {
        let entries = entries.iter().map(|(name, entry)| (name.clone(), copy(entry)));
        return Dynamic::from_map(entries.collect());
    }
    if let Some(function) = value.read_lock::<FnPtr>() {
        return Dynamic::from(copy_function(&function));
    }
    value.flatten_clone()
}

/// A function whose captured variables can be read only.
pub(crate) fn copy_function(function: &FnPtr) -> FnPtr {
    let mut copied = function.clone();
    // What is read-only inside of what is shared stays so, whoever clones the share.
    let captured = function.iter_curry().map(|value| copy(value).into_read_only().into_shared());
    copied.set_curry(captured.collect::<Vec<_>>());
    copied
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_shared_is_a_copy_and_what_was_captured_cannot_be_written() {
        let shared = Dynamic::from(1_i64).into_shared();
        let mut function = FnPtr::new("f").unwrap();
        function.add_curry(shared.clone());
        let list = Dynamic::from_array(vec![shared.clone(), Dynamic::from(function)]);
        assert_eq!(weigh(&list, 100), Ok(4));
        let copied = copy(&list);
        *shared.clone().write_lock::<i64>().unwrap() = 2;
        let items = copied.into_array().unwrap();
        assert_eq!(items[0].as_int().unwrap(), 1);
        assert!(!items[0].is_shared() && !items[0].is_read_only());
        let function = items[1].clone().cast::<FnPtr>();
        assert_eq!(function.curry()[0].as_int().unwrap(), 1);
        assert!(function.curry()[0].is_read_only());
    }

    #[test]
    fn what_holds_itself_or_too_much_is_refused() {
        let mut own = Dynamic::from(1_i64).into_shared();
        let mut function = FnPtr::new("f").unwrap();
        function.add_curry(own.clone());
        *own.write_lock::<Dynamic>().unwrap() = Dynamic::from(function);
        assert_eq!(weigh(&own, u64::MAX), Err(Unfit::Deep));
        // Each holds the one before it twice: the paths are more than anybody could walk.
        let mut twice = Dynamic::from(1_i64).into_shared();
        for _ in 0..100 {
            let mut function = FnPtr::new("f").unwrap();
            function.add_curry(twice.clone()).add_curry(twice);
            twice = Dynamic::from(function).into_shared();
        }
        assert_eq!(weigh(&twice, 1_000), Err(Unfit::Large(1_001)));
        assert_eq!(weigh(&Dynamic::from_blob(vec![0; 1_600]), 1_000), Ok(101));
    }
}
