//! What holds of every document and every text: nothing panics.

use proptest::prelude::*;

use super::super::path::tests::documents;
use super::*;

proptest! {
    #[test]
    fn no_document_makes_an_evaluation_panic(document in documents(), other in documents()) {
        let conditions = [
            "{ $.request.body.a: { above: $.item, below: $.item.a, contains: $.item.b } }",
            "{ \"$.request.body[*]\": [1, a, { starts_with: $.item }, { matches: '^a.b$' }, { not: $.item }] }",
            "[{ $.item: { ends_with: \"{{ request.body }}\" } }, { changed: [a] }]",
            "{ \"$.item..a\": { exists: true, not: { exists: false } } }",
        ];
        let values = [
            "{ first: \"$.item..a\" }", "{ all: \"$.item[?@.a == $.request.body.a]\" }", "{ count: \"$.item[*]\" }",
            "{ a: \"{{ item | names }}\", b: \"{{ item.a | date }} {{ item | length }}\", c: [$.item] }",
            "\"{{ item.a | default(request.body) | join(',') }}\"", "\"x{{ item | name }}{{ item.b | upper }}\"",
        ];
        let document = json!({ "request": { "body": document }, "item": other, "changes": other });
        with_scope(&document, &[], |scope| {
            for yaml in conditions {
                let condition = condition(yaml);
                let verdict = condition.test(scope);
                assert!(verdict == Verdict::No || condition.may_hold(scope, Phase::Answer));
            }
            for yaml in values {
                let value = value(yaml);
                let _ = (value.eval(scope), value.eval_sentence(scope), value.each(scope), value.doubt(scope));
            }
        });
    }

    #[test]
    fn no_text_makes_the_compiler_panic(text in r"(\$\.|\{\{|changed|first)?[\PC]{0,40}") {
        let node = crate::yaml::Node { value: crate::yaml::Yaml::Text(text.clone()), span: Default::default() };
        let source = Source::new("test.yaml", "");
        let mut problems = Problems::default();
        let mut compiler = Compiler { source: &source, problems: &mut problems, names: names() };
        let _ = (compiler.value(&node), compiler.each(&node), compiler.condition(&node));
        let _ = compiler.path(&text, Default::default());
        let _ = problems.render();
    }
}
