//! What two `match` lines have in common: some path, or all of them. Decided over the segments alone; no
//! request is tried.

use crate::rules::model::SegmentPattern;

/// True when some path meets both.
pub(in crate::rules) fn can_meet(one: &[SegmentPattern], other: &[SegmentPattern]) -> bool {
    let (one, other) = (without_slash(one), without_slash(other));
    let is_tail = |segment: &SegmentPattern| matches!(segment, SegmentPattern::Tail(_));
    if !one.iter().chain(other).any(is_tail) {
        let mut pairs = one.iter().zip(other);
        return one.len() == other.len() && pairs.all(|(one, other)| can_be_same(one, other));
    }
    // From the ends forward: whether what follows place (i, j) has a path in common.
    let mut rest = vec![vec![false; other.len() + 1]; one.len() + 1];
    rest[one.len()][other.len()] = true;
    for i in (0..one.len()).rev() {
        for j in (0..other.len()).rev() {
            let both_go_on = rest[i + 1][j + 1];
            let first_stays = is_tail(&one[i]) && rest[i][j + 1];
            let second_stays = is_tail(&other[j]) && rest[i + 1][j];
            rest[i][j] = (both_go_on || first_stays || second_stays) && can_be_same(&one[i], &other[j]);
        }
    }
    rest[0][0]
}

fn can_be_same(one: &SegmentPattern, other: &SegmentPattern) -> bool {
    match (one, other) {
        (SegmentPattern::Tail(_), _) | (_, SegmentPattern::Tail(_)) => true,
        (SegmentPattern::Literal(one), SegmentPattern::Literal(other)) => one == other,
        (SegmentPattern::Literal(text), SegmentPattern::Part { prefix, suffix, .. })
        | (SegmentPattern::Part { prefix, suffix, .. }, SegmentPattern::Literal(text)) => {
            text.len() > prefix.len() + suffix.len() && text.starts_with(prefix) && text.ends_with(suffix)
        }
        (
            SegmentPattern::Part { prefix, suffix, .. },
            SegmentPattern::Part { prefix: other_prefix, suffix: other_suffix, .. },
        ) => {
            (prefix.starts_with(other_prefix) || other_prefix.starts_with(prefix))
                && (suffix.ends_with(other_suffix) || other_suffix.ends_with(suffix))
        }
    }
}

/// True when every path of the second meets the first.
pub(super) fn covers(wide: &[SegmentPattern], narrow: &[SegmentPattern]) -> bool {
    let Some(tail) = wide.iter().position(|segment| matches!(segment, SegmentPattern::Tail(_))) else {
        return wide.len() == narrow.len()
            && wide.iter().zip(narrow).all(|(wide, narrow)| covers_one(wide, narrow));
    };
    let behind = wide.len() - tail - 1;
    if narrow.len() < wide.len() {
        return false;
    }
    let front = wide[..tail].iter().zip(narrow);
    let back = wide[tail + 1..].iter().zip(&narrow[narrow.len() - behind..]);
    front.chain(back).all(|(wide, narrow)| covers_one(wide, narrow))
}

fn covers_one(wide: &SegmentPattern, narrow: &SegmentPattern) -> bool {
    match (wide, narrow) {
        (SegmentPattern::Tail(_), _) => true,
        // Literals match to the letter only, and a tail may be longer.
        (_, SegmentPattern::Tail(_)) => false,
        (SegmentPattern::Literal(wide), SegmentPattern::Literal(narrow)) => wide == narrow,
        (SegmentPattern::Literal(_), SegmentPattern::Part { .. }) => false,
        (SegmentPattern::Part { .. }, SegmentPattern::Literal(_)) => can_be_same(wide, narrow),
        (
            SegmentPattern::Part { prefix, suffix, .. },
            SegmentPattern::Part { prefix: narrow_prefix, suffix: narrow_suffix, .. },
        ) => narrow_prefix.starts_with(prefix) && narrow_suffix.ends_with(suffix),
    }
}

fn without_slash(segments: &[SegmentPattern]) -> &[SegmentPattern] {
    match segments.split_last() {
        Some((SegmentPattern::Literal(text), rest)) if text.is_empty() => rest,
        Some(_) | None => segments,
    }
}
