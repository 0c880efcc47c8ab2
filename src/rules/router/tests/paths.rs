//! Any path at all.

use proptest::prelude::*;

use super::*;

proptest! {
    // THREATS E02
    #[test]
    fn path_forms_take_anything_and_a_form_of_a_form_is_itself(bytes in odd_paths()) {
        let path = String::from_utf8_lossy(&bytes).into_owned();
        let loosened = loosen(&path);
        for form in &loosened {
            let again = loosen(&form.folded);
            let same = if form.by == MatchedBy::Split { again.last() } else { again.first() };
            prop_assert_eq!(&same.unwrap().folded, &form.folded);
        }
    }

    #[test]
    fn no_path_makes_a_look_up_fail(bytes in odd_paths()) {
        let rules = set(&[CANCEL, "POST /{a*}/{b}.ics", "POST /x{a}y/z", "POST /{a*}", "POST /"]);
        let path = String::from_utf8_lossy(&bytes).into_owned();
        let headers = Arc::new(HeaderMap::new());
        for target in [path.clone(), format!("/{path}")] {
            let head = HeadView { method: "POST", target: &target, host: &path, headers: &headers, is_trusted: true };
            for candidate in rules.candidates(&head) {
                let line = &rules.packs[0].rules[candidate.rule].lines[0];
                prop_assert_eq!(candidate.parts.len(), line.parts().count());
                prop_assert!(candidate.parts.iter().all(|(_, value)| !value.is_empty()));
            }
        }
    }
}

/// Bytes with many of those that matter to paths.
fn odd_paths() -> impl Strategy<Value = Vec<u8>> {
    let pieces: Vec<&'static [u8]> = vec![
        b"/",
        b"%",
        b"2f",
        b"%2f",
        b"%5C",
        b"%25",
        b"2",
        b"5",
        b"u00",
        b"%u002f",
        b".",
        b"..",
        b"%2e",
        b";",
        b"\\",
        b"a",
        b"CANCEL",
        b"%00",
        b"%c0",
        b"%af",
        b"\xc3\xa9",
        b"%e0%80",
        b"%f0%80%80",
        b" ",
        b"\xff",
        b".ics",
        b"?",
        b"v2/bookings",
        b"\xc4\xb0",
        b"\xe2\x84\xaa",
        b"%C5%BF",
    ];
    prop::collection::vec(prop::sample::select(pieces), 0..24).prop_map(|pieces| pieces.concat())
}
