//! The `filters` of the Reports API: `calendar_id==c,event_title<>Planning`.

use std::cmp::Ordering;

use super::activity::Activity;

/// One condition on a parameter of an activity.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Condition {
    name: String,
    relation: Relation,
    value: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Relation {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Condition {
    /// All conditions of a text.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn read(text: &str) -> Result<Vec<Condition>, String> {
        let conditions = text.split(',').map(Condition::one).collect::<Result<Vec<_>, _>>()?;
        if conditions.len() > CONDITIONS_MAX {
            return Err(format!("holds more than {CONDITIONS_MAX} conditions"));
        }
        Ok(conditions)
    }

    fn one(text: &str) -> Result<Condition, String> {
        let odd = || {
            let shown: String = text.chars().take(60).collect();
            format!("has `{shown}`, which is no condition")
        };
        let at = text.find(['<', '>', '=']).filter(|at| *at > 0).ok_or_else(odd)?;
        let (name, rest) = text.split_at(at);
        let found = RELATIONS.iter().find_map(|(sign, relation)| Some((*relation, rest.strip_prefix(sign)?)));
        let (relation, value) = found.filter(|(_, value)| !value.is_empty()).ok_or_else(odd)?;
        Ok(Condition { name: name.trim().to_owned(), relation, value: value.to_owned() })
    }

    /// True when an activity has that parameter and its value is so. One that lacks it meets no condition, as there.
    pub(super) fn holds(&self, activity: &Activity<'_>) -> bool {
        activity.text(&self.name).is_some_and(|value| self.holds_for(&value))
    }

    /// Numbers are compared as such, all else as text.
    fn holds_for(&self, value: &str) -> bool {
        let order = match (value.parse::<i64>(), self.value.parse::<i64>()) {
            (Ok(value), Ok(asked)) => value.cmp(&asked),
            (_, _) => value.cmp(self.value.as_str()),
        };
        match self.relation {
            Relation::Equal => order == Ordering::Equal,
            Relation::Unequal => order != Ordering::Equal,
            Relation::Less => order == Ordering::Less,
            Relation::LessOrEqual => order != Ordering::Greater,
            Relation::Greater => order == Ordering::Greater,
            Relation::GreaterOrEqual => order != Ordering::Less,
        }
    }
}

/// Longer signs before those that they begin with.
const RELATIONS: &[(&str, Relation)] = &[
    ("==", Relation::Equal),
    ("<>", Relation::Unequal),
    ("<=", Relation::LessOrEqual),
    (">=", Relation::GreaterOrEqual),
    ("<", Relation::Less),
    (">", Relation::Greater),
];
const CONDITIONS_MAX: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_compare_texts_as_texts_and_numbers_as_numbers() {
        let check = |condition: &str, value: &str, expected: bool| {
            let conditions = Condition::read(condition).unwrap();
            assert_eq!(conditions[0].holds_for(value), expected, "{condition} {value}");
        };
        check("a==b", "b", true);
        check("a==b", "B", false);
        check("a<>b", "c", true);
        check("a<>b", "b", false);
        check("n<10", "9", true);
        check("n<10", "10", false);
        check("n<=10", "10", true);
        check("n>9", "10", true);
        check("n>=b", "a", false);
        check("a==x==y", "x==y", true);
        assert_eq!(Condition::read("a==b,c<>d").unwrap().len(), 2);
    }

    #[test]
    fn what_is_no_condition_is_told() {
        for text in ["", "a", "a=b", "==b", "a==", "a==b,", "a~b", ",a==b"] {
            assert!(Condition::read(text).unwrap_err().contains("no condition"), "{text}");
        }
        assert!(Condition::read(&vec!["a==b"; 21].join(",")).unwrap_err().contains("more than 20"));
    }
}
