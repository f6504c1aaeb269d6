# `just` alone lists the recipes; `just ci` is what every change must pass.

set shell := ["bash", "-euo", "pipefail", "-c"]

deny_version := "0.20.2"
tools := justfile_directory() / "target/tools"

[private]
default:
    @just --list --unsorted

# Everything that CI checks.
ci: fmt-check lint readme features test-release doc deny

# Formats the code.
fmt:
    cargo fmt --all

[private]
fmt-check:
    cargo fmt --all --check

# Clippy, as strict as CI: with every feature, and the library as `cargo add` brings it.
lint:
    cargo clippy --workspace --all-targets --all-features -- -D warnings
    cargo clippy --package windlass --lib -- -D warnings

# The two commands of the README, as they stand there: a run and the tests.
readme:
    #!/usr/bin/env bash
    set -euo pipefail
    mapfile -t commands < <(sed -n '/^## Try it/,/^```$/p' README.md | grep '^cargo ')
    [ "${#commands[@]}" -eq 2 ] || { echo "README.md has ${#commands[@]} commands under 'Try it', not 2" >&2; exit 1; }
    for command in "${commands[@]}"; do
        echo "+ $command"
        bash -c "$command"
    done

# All tests, those of the documentation included.
test:
    cargo test --workspace

# The engine's own tests once more as users run it: what is only fast there hangs only there.
test-release:
    cargo test --release --package windlass --lib --test engine --test supervision --test faults --test growth

# The library beside a program that turns on other features of serde_json.
features:
    cargo test --manifest-path tests/features/Cargo.toml --target-dir target/features

# The tests of faults that are not mended yet: those that pass by now leave `tests/faults/open.txt`.
open-faults *arguments:
    cargo test --package windlass --package windlass-cli --test faults --no-fail-fast -- --ignored {{ arguments }}

# The documentation, without a broken link.
doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --all-features

# Licences, sources and versions of what we depend on (the advisories too, where there is a network).
deny:
    #!/usr/bin/env bash
    set -euo pipefail
    export PATH="{{ tools }}/bin:$PATH"
    if [ -n "${CARGO_DENY_SKIP:-}" ]; then
        echo "cargo-deny skipped: CARGO_DENY_SKIP is set" >&2
        exit 0
    fi
    if [ "$(cargo deny --version 2>/dev/null)" != "cargo-deny {{ deny_version }}" ]; then
        cargo install --quiet --locked --debug --root "{{ tools }}" --version "{{ deny_version }}" cargo-deny || {
            echo "cargo-deny {{ deny_version }} cannot be installed here; set CARGO_DENY_SKIP=1 to go on without it" >&2
            exit 1
        }
    fi
    cargo deny --all-features check --hide-inclusion-graph bans licenses sources

# The long simulation of runs and journals: `just seeds 100000`.
seeds count="20000":
    WINDLASS_SEEDS={{ count }} cargo test --release --package windlass --lib -- simulation crash_tests --nocapture

# The load program: the table of docs/performance.md, measured here. `just load quick` for a first look.
load *arguments:
    cargo build --release --package windlass-cli
    cargo bench --package windlass --bench load -- {{ arguments }}

# Two builds in turns, in one table: `just compare 84c2d40 durable-chain in-flight`. The benches of this
# tree are built against the other commit in a work tree of its own.
compare commit *arguments:
    #!/usr/bin/env bash
    set -euo pipefail
    other="{{ justfile_directory() }}/target/before/{{ commit }}"
    [ -d "$other" ] || git worktree add --quiet --detach "$other" "{{ commit }}"
    rm -rf "$other/benches/load" "$other/benches/yardstick"
    cp -r benches/load benches/yardstick "$other/benches/"
    for tree in "$other" "{{ justfile_directory() }}"; do
        cd "$tree"
        cargo build --release --package windlass-cli
        cargo bench --package windlass --bench load --no-run
    done
    before=$(ls -t "$other"/target/release/deps/load-* | grep -v '\.d$' | head -1)
    cargo bench --package windlass --bench load -- compare "$before" {{ arguments }}

# The small benchmarks: pure decisions, journal commits.
bench *arguments:
    cargo bench --package windlass --bench decide -- {{ arguments }}
    cargo bench --package windlass --bench journal -- {{ arguments }}

# One example, with its output: `just example fan_out`.
example name:
    cargo run --quiet --example {{ name }}
