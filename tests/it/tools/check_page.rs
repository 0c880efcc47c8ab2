//! `docs/check.md` against the program: each code has its example, and the example says what the program
//! says of it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use earwitness::rules::described::Description;
use earwitness::rules::model::RuleSet;

/// The block of this kind in a section.
fn block<'s>(section: &'s str, kind: &str) -> Option<&'s str> {
    let (_, rest) = section.split_once(&format!("```{kind}\n"))?;
    rest.split_once("\n```").map(|(text, _)| text)
}

/// What the program says of a rule file, with a description beside it or without.
fn told(text: &str, description: Option<&str>) -> String {
    let mut loaded = match RuleSet::from_texts("rules", &[("rules.yaml", text)]) {
        Ok(loaded) => loaded,
        Err(problems) => return problems.render(),
    };
    if let Some(description) = description {
        let document = serde_json::from_str(description).unwrap();
        Description::read(&document).unwrap().check(&loaded.rules, &mut loaded.problems);
    }
    loaded.problems.render()
}

/// The codes that stand in the source of rules.
fn codes_in(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path: PathBuf = entry.unwrap().path();
        if path.is_dir() {
            codes_in(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            for piece in text.split('"').filter(|piece| is_code(piece)) {
                found.insert(piece.to_owned());
            }
        }
    }
}

fn is_code(text: &str) -> bool {
    let is_number = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
    match (text.strip_prefix('E'), text.strip_prefix('W')) {
        (Some(digits), _) => digits.len() == 2 && is_number(digits),
        (_, Some(digits)) => (1..=2).contains(&digits.len()) && is_number(digits),
        (None, None) => false,
    }
}

#[test]
fn each_code_of_check_is_explained_with_an_example_that_the_program_agrees_with() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/check.md")).unwrap();
    let mut explained = BTreeSet::new();
    let mut wrong = String::new();
    for section in page.split("\n### ").skip(1) {
        let (code, _) = section.split_once(':').unwrap();
        explained.insert(code.to_owned());
        let (example, expected) = (block(section, "yaml").unwrap(), block(section, "text").unwrap());
        let told = told(&format!("{example}\n"), block(section, "json"));
        let told: Vec<&str> = told.lines().map(str::trim_end).collect();
        if !told.join("\n").contains(expected) || !expected.contains(&format!("[{code}]")) {
            wrong += &format!("{code}: the page says\n{expected}\nthe program says\n{}\n", told.join("\n"));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    let mut used = BTreeSet::new();
    codes_in(&root.join("src/rules"), &mut used);
    assert_eq!(explained, used);
}
