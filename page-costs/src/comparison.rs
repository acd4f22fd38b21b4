//! Whether a page costs the same in a small and a large database.

use std::fmt;

use crate::cost::Cost;
use crate::lists::List;

/// Above the comparisons, as they are printed.
pub(crate) const HEAD: &str = "blocks looked at                                  small   large  deeper indexes";

/// What a page of a list costs at both sizes.
#[derive(Debug)]
pub(crate) struct Comparison {
    pub(crate) list: List,
    pub(crate) small: Cost,
    pub(crate) large: Cost,
}

impl Comparison {
    /// Whether the page costs the same but for the levels that indexes have grown by.
    pub(crate) fn is_equal(&self) -> bool {
        let (small, large) = (self.small.blocks, self.large.blocks);
        small <= large + self.straddling() && large <= small + self.deeper() + self.straddling()
    }

    /// How many blocks more a page may cost by chance: what lies together in an index or its table may lie in one block or in two.
    fn straddling(&self) -> u64 {
        2 * self.small.indexes.len() as u64
    }

    /// A look-up in an index reads one block of each level, and an index of some hundred times the rows has a level more: what that
    /// makes for as many look-ups as in the small database.
    fn deeper(&self) -> u64 {
        let grown = self.small.indexes.iter().filter_map(|(index, small)| {
            let large = self.large.indexes.get(index)?;
            Some(small.lookups * large.levels.saturating_sub(small.levels))
        });
        grown.sum()
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (small, large, deeper) = (self.small.blocks, self.large.blocks, self.deeper());
        let verdict = if self.is_equal() { "equal" } else { "DIFFERENT" };
        write!(f, "{:<47} {small:>7} {large:>7} {deeper:>7}  {verdict}", self.list)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::cost::Use;

    fn cost(blocks: u64, lookups: u64, levels: u64) -> Cost {
        Cost {
            blocks,
            indexes: BTreeMap::from([("an index".to_owned(), Use { lookups, levels })]),
        }
    }

    fn is_equal(small: Cost, large: Cost) -> bool {
        let list = List::Search;
        Comparison { list, small, large }.is_equal()
    }

    #[test]
    fn pages_are_equal_but_for_the_levels_of_indexes() {
        assert!(is_equal(cost(50, 10, 1), cost(52, 10, 1)));
        assert!(!is_equal(cost(50, 10, 1), cost(53, 10, 1)));
        assert!(!is_equal(cost(53, 10, 1), cost(50, 10, 1)));
        assert!(is_equal(cost(50, 10, 1), cost(62, 10, 2)));
        assert!(!is_equal(cost(50, 10, 1), cost(63, 10, 2)));
    }

    #[test]
    fn more_look_ups_are_no_excuse() {
        assert!(!is_equal(cost(50, 10, 1), cost(80, 20, 2)));
    }
}
