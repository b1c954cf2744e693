//! One case of the matrix, and how it is written.

use std::fmt;
use std::str::FromStr;

use base::virtual_world::Fate;

/// Something that goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Strike {
    /// At which operation of the run, from 1.
    pub number: usize,
    /// What.
    pub fate: Fate,
}

/// One case: `SEED/OPERATION/FATE`, with `+OPERATION/FATE` for what strikes during the recovery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Case {
    /// From which the world grows.
    pub seed: u64,
    /// What strikes the run.
    pub first: Strike,
    /// What strikes the recovery.
    pub second: Option<Strike>,
}

impl fmt::Display for Strike {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.fate)
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.seed, self.first)?;
        match &self.second {
            Some(second) => write!(f, "+{second}"),
            None => Ok(()),
        }
    }
}

impl FromStr for Strike {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (number, fate) = text.split_once('/').ok_or("write it as OPERATION/FATE")?;
        let number = number.parse().map_err(|_| format!("'{number}' is no number"))?;
        Ok(Self { number, fate: fate.parse()? })
    }
}

impl FromStr for Case {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (seed, strikes) =
            text.split_once('/').ok_or("write it as SEED/OPERATION/FATE[+OPERATION/FATE]")?;
        let seed = seed.parse().map_err(|_| format!("'{seed}' is no number"))?;
        let (first, second) = match strikes.split_once('+') {
            None => (strikes.parse()?, None),
            Some((first, second)) => (first.parse()?, Some(second.parse()?)),
        };
        Ok(Self { seed, first, second })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_is_read_as_it_is_written() {
        for text in ["7/12/kill_before", "18446744073709551615/1/disk_full+3/answer_lost"] {
            assert_eq!(text.parse::<Case>().unwrap().to_string(), text);
        }
        for wrong in
            ["", "7", "7/12", "x/1/kill_before", "7/x/kill_before", "7/1/kill", "7/1/io_error+"]
        {
            wrong.parse::<Case>().unwrap_err();
        }
    }
}
