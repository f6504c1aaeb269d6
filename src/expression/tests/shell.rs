use std::process::Command;

use proptest::prelude::*;

use super::*;

fn with_input(value: &str) -> Names {
    Names { input: Payload::of(&json!({ "x": value, "y": "y" })).unwrap(), ..Names::default() }
}

/// What `sh` makes of a command in which `input.x` is `value`.
fn shell(command: &str, value: &str) -> String {
    let command = Template::shell(command).unwrap().render_shell(&with_input(value)).unwrap();
    let output = Command::new("sh").arg("-c").arg(&command).output().unwrap();
    assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

const HOSTILE: [&str; 14] = [
    "",
    "plain",
    "\"; rm -rf /; \"",
    "'; echo no; '",
    "$(echo no)",
    "`echo no`",
    "-rf",
    "a\nb\n.",
    "$HOME ${HOME} \\ \\' * ? [a] ~ # ! {a,b}",
    "'",
    "''''",
    "\\",
    "\u{7f}\t\r 😀",
    ")\"'`$((",
];

#[test]
fn each_expression_is_one_word_or_a_part_of_one() {
    for value in HOSTILE {
        let check = |command: &str, expected: String| {
            assert_eq!(shell(command, value), expected, "{command}");
        };
        check("printf %s ${{ input.x }}", value.to_owned());
        check("printf %s a${{ input.x }}b", format!("a{value}b"));
        check("printf %s \"a ${{ input.x }} b\"", format!("a {value} b"));
        check("printf %s 'a ${{ input.x }} b'", format!("a {value} b"));
        check("printf %s \"$(printf '%s|' ${{ input.x }} z)\"", format!("{value}|z|"));
        check("v=${{ input.x }}; printf %s \"$v\"", value.to_owned());
        check("printf a # it's\nprintf %s ${{ input.x }}", format!("a{value}"));
        let arithmetic = "x=$((1 + (2 << 1))); printf %s \"${x}${#x}$x\"${{ input.x }}";
        check(arithmetic, format!("515{value}"));
        check("(printf %s \"(\"; printf %s ${{ input.x }})", format!("({value}"));
        check("case a in a) printf %s ${{ input.x }};; esac", value.to_owned());
    }
}

#[test]
fn where_no_quoting_is_safe_the_file_is_refused() {
    let told = |command: &str| match Template::shell(command) {
        Ok(_) => "taken".to_owned(),
        Err(errors) => errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "),
    };
    let lines: String = [
        "echo `${{ input.x }}`",
        "echo a # ${{ input.x }}",
        "cat <<EOF\n${{ input.x }}\nEOF",
        "echo $(( ${{ input.x }} + 1 ))",
        "echo ${y:-${{ input.x }}}",
        "echo \"${y:-'\"'}\" ${{ input.x }}",
        "echo $'a\\'' ${{ input.x }}",
        "echo \\${{ input.x }}",
        "echo \"$(case a in a) echo ${{ input.x }};; esac)\"",
        "((i = 1)); echo ${{ input.x }}",
        "echo a#b c\\#d '#' \"#\" ${{ input.x }}",
        "a=$(echo x)#y; echo ${{ input.x }}",
        "(true)#it's\necho ${{ input.x }}",
    ]
    .map(|command| format!("{command}  →  {}\n", told(command)))
    .concat();
    expect![[r##"
        echo `${{ input.x }}`  →  an expression cannot stand behind a backquote; use `$(…)`
        echo a # ${{ input.x }}  →  an expression cannot stand in a comment of the shell
        cat <<EOF
        ${{ input.x }}
        EOF  →  an expression cannot stand behind the begin of a here-document
        echo $(( ${{ input.x }} + 1 ))  →  an expression cannot stand in a `$((…))` of the shell
        echo ${y:-${{ input.x }}}  →  an expression cannot stand in a `${…}` of the shell
        echo "${y:-'"'}" ${{ input.x }}  →  an expression cannot stand behind quotes in `${…}`
        echo $'a\'' ${{ input.x }}  →  an expression cannot stand behind a `$'…'`, or a `$(…)` in `${…}`
        echo \${{ input.x }}  →  an expression cannot stand behind a backslash
        echo "$(case a in a) echo ${{ input.x }};; esac)"  →  an expression cannot stand behind a `case` in parentheses
        ((i = 1)); echo ${{ input.x }}  →  an expression cannot stand behind `((`
        echo a#b c\#d '#' "#" ${{ input.x }}  →  taken
        a=$(echo x)#y; echo ${{ input.x }}  →  taken
        (true)#it's
        echo ${{ input.x }}  →  taken
    "##]].assert_eq(&lines);
}

#[test]
fn no_command_has_a_nul_byte() {
    let template = Template::shell("echo ${{ input.x }}").unwrap();
    let error = template.render_shell(&with_input("a\0b")).unwrap_err();
    expect!["the value has a NUL byte, which no command can be given, in `input.x`"]
        .assert_eq(&error.to_string());
}

#[test]
fn two_hundred_kibibytes_are_one_word() {
    let value = "a'b ".repeat(50 * 1024);
    let command = Template::shell("printf %s ${{ input.x }}").unwrap();
    let command = command.render_shell(&with_input(&value)).unwrap();
    let word =
        command.strip_prefix("printf %s '").and_then(|rest| rest.strip_suffix('\'')).unwrap();
    assert_eq!(word.replace("'\\''", "'"), value);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn any_value_survives_the_shell(value in "[^\0]{0,30}") {
        prop_assert_eq!(&shell("printf %s ${{ input.x }}", &value), &value);
        prop_assert_eq!(&shell("printf %s \"${{ input.x }}\"", &value), &value);
        prop_assert_eq!(shell("printf %s '${{ input.x }}'", &value), value);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    /// Whatever stands before the expression: it is refused, or the value stays data. The value would
    /// write a line if any of it were run.
    #[test]
    fn no_command_makes_a_value_run(
        before in prop::collection::vec(
            prop::sample::select(vec![
                "echo", " ", "'", "\"", "(", ")", "$(", "$((", "))", "${", "}", "\\", "#", "\n", ";",
                "a", "$", "<<E", "|", "&&", "case a in", "esac", "`", "!", "{", "x=", "<",
            ]),
            0..8,
        ),
        after in prop::sample::select(vec!["", "'", "\"", ")", "\")", "\n", "}", "))", "' \"", ")\""]),
    ) {
        let command = format!("{}${{{{ input.x }}}}{after}", before.concat());
        if let Ok(template) = Template::shell(&command) {
            let value = "'$(echo RAN >&9)`echo RAN >&9`\necho RAN >&9\n;echo RAN >&9;\"$(echo RAN >&9)";
            let rendered = template.render_shell(&with_input(value)).unwrap();
            let folder = tempfile::tempdir().unwrap();
            let script = format!("exec 9>ran\n{rendered}");
            let output = Command::new("sh").arg("-c").arg(&script).current_dir(folder.path())
                .stdin(std::process::Stdio::null()).output().unwrap();
            let ran = std::fs::read_to_string(folder.path().join("ran")).unwrap_or_default();
            prop_assert_eq!(ran, "", "{:?} as {:?}: {:?}", command, rendered, output);
        }
    }
}
