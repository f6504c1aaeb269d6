#[test]
fn the_smallest_workflow_is_one_step() {
    let parsed = super::parse("hello.toml", "[steps.a]\nrun = 'echo hello'\n");
    assert_eq!(parsed.diagnostics, []);
    assert_eq!(parsed.definition.unwrap().name.value.as_str(), "hello");
}
