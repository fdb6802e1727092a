//! Trees out of texts.

use super::*;

/// The tree of a text as short words, or its findings.
fn read_as(purpose: Purpose, env: &[(&str, &str)], source: &str) -> (String, Vec<String>) {
    let mut report = Report::new("a.yaml", source);
    let env = |name: &str| env.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
    let tree = read(source, purpose, &env, &mut report);
    let mut out = String::new();
    tree.iter().for_each(|tree| show(tree, &mut out));
    (out, report.finish().iter().map(ToString::to_string).collect())
}

fn show(node: &Node, out: &mut String) {
    match &node.yaml {
        Yaml::Scalar(scalar) => out.push_str(&scalar.text),
        Yaml::Seq(items) => {
            out.push('[');
            items.iter().for_each(|item| {
                show(item, out);
                out.push(' ');
            });
            out.push(']');
        }
        Yaml::Map(entries) => {
            out.push('{');
            for entry in entries {
                out.push_str(&format!("{}@{}=", entry.key, entry.key_pos));
                show(&entry.value, out);
                out.push(' ');
            }
            out.push('}');
        }
    }
}

#[track_caller]
fn reads(source: &str, tree: &str) {
    assert_eq!(read_as(Purpose::Ours, &[("HOST", "plc1"), ("EMPTY", "")], source), (tree.to_owned(), Vec::new()));
}

#[track_caller]
fn refuses(source: &str, findings: &[&str]) {
    let (_, found) = read_as(Purpose::Tags, &[], source);
    assert_eq!(found, findings);
}

#[test]
fn every_key_knows_its_place() {
    reads("a: 1\nb:\n  c: [x, 'y: z']\n", "{a@1:1=1 b@2:1={c@3:3=[x y: z ] } }");
    reads("", "{}");
    reads("# nothing\n---\n", "{}");
    reads("\u{feff}a: 1\n", "{a@1:1=1 }");
}

#[test]
fn a_merge_gives_way_to_the_mapping_and_its_first_base_wins() {
    reads("x: &x {a: 1, b: 2}\ny:\n  <<: *x\n  b: 3\n", "{x@1:1={a@1:8=1 b@1:14=2 } y@2:1={a@1:8=1 b@4:3=3 } }");
    reads(
        "__vars__:\n- &x {a: 1}\n- &y {a: 2, b: 3}\nz: {<<: [*x, *y], c: 4}\n",
        "{z@4:1={a@2:7=1 b@3:13=3 c@4:19=4 } }",
    );
    reads("x: &x {<<: {a: 1}, b: 2}\ny: {b: 0, <<: *x}\n", "{x@1:1={a@1:13=1 b@1:20=2 } y@2:1={a@1:13=1 b@2:5=0 } }");
    reads("x: {'<<': 1}", "{x@1:1={<<@1:5=1 } }");
    refuses(
        "x: {<<: 5}\ny: {<<: [1]}\n",
        &[
            "a.yaml:1:9: error: <<: 5 — expected an alias of a mapping, or a list of such",
            "a.yaml:2:9: error: <<: a list — expected an alias of a mapping, or a list of such",
        ],
    );
}

#[test]
fn documents_are_one_and_the_later_counts() {
    reads("__vars__: 1\na: 1\n---\nb: 2\n", "{a@2:1=1 b@4:1=2 }");
    let (tree, findings) = read_as(Purpose::Ours, &[], "a: 1\n---\na: 2\n");
    assert_eq!(tree, "{a@3:1=2 }");
    assert_eq!(findings, ["a.yaml:3:1: warning: \"a\" is there twice — this one counts, not the one at 1:1"]);
    refuses("a: 1\n---\na: 2\n", &["a.yaml:3:1: error: \"a\" is there twice — the first is at 1:1"]);
    refuses("- a\n", &["a.yaml:1:1: error: a list at the top of the file — expected keys: `name: value`"]);
}

#[test]
fn a_key_written_twice_is_said_with_both_places() {
    refuses(
        "a: 1\nb: {c: 1, d: 2, c: 3}\na: 2\n",
        &[
            "a.yaml:2:17: error: \"c\" is there twice — the first is at 2:5",
            "a.yaml:3:1: error: \"a\" is there twice — the first is at 1:1",
        ],
    );
}

#[test]
fn variables_are_filled_in_where_they_are_defined() {
    reads(
        "a: ${HOST}.lan\nb: '${HOST}'\nc: ['x${HOST}${HOST}']\nd: ${EMPTY}\ne: $HOST {HOST}",
        "{a@1:1=plc1.lan b@2:1=plc1 c@3:1=[xplc1plc1 ] d@4:1= e@5:1=$HOST {HOST} }",
    );
    let (tree, findings) = read_as(Purpose::Ours, &[], "a: ${NOPE}/x\nb: ${NOPE}\nc: ${\n");
    assert_eq!(tree, "{a@1:1=${NOPE}/x b@2:1=${NOPE} c@3:1=${ }");
    assert_eq!(findings, ["a.yaml:1:4: warning: ${NOPE} is not set in the environment — it stays as it is written"]);
}

#[test]
fn an_alias_bomb_is_given_up_before_it_grows() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..20 {
        let aliases = vec![format!("*a{}", level - 1); 9].join(", ");
        bomb.push_str(&format!("a{level}: &a{level} [{aliases}]\n"));
    }
    let (_, findings) = read_as(Purpose::Ours, &[], &bomb);
    assert_eq!(findings.len(), 1);
    assert!(findings[0].contains("more than 1000000 values in this file, aliases followed"), "{findings:?}");

    // Text is shared by aliases, so long texts don't add up; variables are not, and are counted.
    let long = "v".repeat(1 << 20);
    let source = format!("a:\n{}", "- ${LONG}\n".repeat(17));
    let (_, findings) = read_as(Purpose::Ours, &[("LONG", &long)], &source);
    assert!(findings[0].contains("more than 16 MB of text"), "{findings:?}");
}

#[test]
fn depth_has_an_end() {
    let deep = format!("a: {}1{}", "[".repeat(60), "]".repeat(60));
    assert!(read_as(Purpose::Ours, &[], &deep).1.is_empty());
    for deep in [format!("a: {}", "[".repeat(5000)), format!("a: {}", "{a: ".repeat(5000)), "- ".repeat(20_000)] {
        let (_, findings) = read_as(Purpose::Ours, &[], &deep);
        assert_eq!(findings.len(), 1, "{findings:?}");
        assert!(findings[0].contains("more than 64 lists and mappings in each other"), "{findings:?}");
    }
}

#[test]
fn what_is_not_yaml_is_said_with_its_place_and_the_usual_cause() {
    refuses(
        "a: 1\nb: [1, 2\n",
        &["a.yaml:3:1: error: this is not YAML: while parsing a flow sequence, expected ',' or ']'"],
    );
    refuses(
        "a: b: c\n",
        &[
            "a.yaml:1:5: error: this is not YAML: mapping values are not allowed in this context; put the text in quotes: 'b: c'",
        ],
    );
    refuses(
        "a: 1\n b: 2\n",
        &[
            "a.yaml:2:3: error: this is not YAML: mapping values are not allowed in this context; check how far this line and the one above are indented",
        ],
    );
    refuses(
        "a:\n\tb: 1\n",
        &[
            "a.yaml:2:2: error: this is not YAML: tabs disallowed within this context (block indentation); indent with spaces: YAML takes no tabs here",
        ],
    );
    refuses(
        "alarm: > 500 for 300\n",
        &[
            "a.yaml:1:8: error: this is not YAML: while scanning a block scalar, did not find expected comment or line break; put the text in quotes: '> 500 for 300'",
        ],
    );
    refuses(
        "units: %\n",
        &["a.yaml:1:8: error: this is not YAML: unexpected character: `%'; put the text in quotes: '%'"],
    );
    refuses(
        "a: \"x\n",
        &["a.yaml:1:4: error: this is not YAML: while scanning a quoted scalar, found unexpected end of stream"],
    );
    refuses(
        "a: *nope\n",
        &[
            "a.yaml:1:4: error: this is not YAML: while parsing node, found unknown anchor; put the text in quotes: '*nope'",
        ],
    );
    refuses(
        "a: &x [*x]\n",
        &[
            "a.yaml:1:8: error: this alias (*) points nowhere — expected the name of an anchor that is finished, earlier in the same document",
        ],
    );
    refuses(
        "a: &x 1\n---\nb: *x\n",
        &[
            "a.yaml:3:4: error: this alias (*) points nowhere — expected the name of an anchor that is finished, earlier in the same document",
        ],
    );
    refuses("? [a, b]\n: 1\n", &["a.yaml:1:3: error: a list as a key — expected a name"]);
    refuses("'': 1\n", &["a.yaml:1:1: error: a key without a name — expected `name: value`"]);
    refuses(
        "a: !foo 1\nb: !!set {x}\n",
        &[
            "a.yaml:1:4: error: the YAML tag !foo — expected none: of YAML's tags only !!str, !!int, !!float, !!bool, !!null, !!binary, !!seq and !!map are known",
            "a.yaml:2:4: error: the YAML tag !!set — expected none: of YAML's tags only !!str, !!int, !!float, !!bool, !!null, !!binary, !!seq and !!map are known",
        ],
    );
}

#[test]
fn tags_of_yaml_say_what_a_word_is() {
    let mut report = Report::new("a.yaml", "");
    let source = "a: !!str 12\nb: !!int '12'\nc: ! 12\nd: !!binary aGk=\ne: !!map {f: !!seq [1]}";
    let tree = read(source, Purpose::Ours, &|_| None, &mut report).unwrap();
    let style = |key| tree.get(key).unwrap().scalar().unwrap().style;
    assert_eq!(["a", "b", "c", "d"].map(style), [Style::Quoted, Style::Plain, Style::Quoted, Style::Binary]);
    assert!(report.finish().is_empty());
}

#[test]
fn json_takes_plain_words_as_pyyaml_does() {
    let source =
        "a: [yes, 'yes', 12, 1.5, 1e3, 017, 0o17, ~, 12:30, 2024-05-01, x]\nmulti: [Off, On, 3]\nb: {multi: [no]}";
    let mut report = Report::new("a.yaml", source);
    let tree = read(source, Purpose::Ours, &|_| None, &mut report).unwrap();
    let json = tree.to_json(&["multi"], &mut report);
    let expected = serde_json::json!({
        "a": [true, "yes", 12, 1.5, "1e3", 15, "0o17", null, 750, "2024-05-01", "x"],
        "multi": ["Off", "On", "3"],
        "b": {"multi": ["no"]},
    });
    assert_eq!(json, expected);
    assert!(report.finish().is_empty());
}
