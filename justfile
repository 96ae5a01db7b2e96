# Conveniences for people who have `just`. Nothing needs it: README.md names the commands themselves.

# What CI runs, all of it.
check:
    .ci/run

# Every test; a filter narrows it: `just test grace`.
test *filter:
    cargo test --workspace -- {{ filter }}

# The whole product against a simulated account.
demo *flags:
    cargo run --quiet -- demo {{ flags }}

# Formats the code.
fmt:
    cargo fmt --all

# The lints, as CI sees them.
clippy:
    cargo clippy --workspace --all-targets -- -D warnings

# Licences, banned crates and sources; offline. Needs cargo-deny.
deny:
    cargo deny --offline check bans licenses sources

# Writes policies/*.json anew: what each function may ever need.
policies:
    cargo build --quiet
    target/debug/lamplighter policy deploy --output policies/deploy.json
    for manifest in functions/*/Cargo.toml; do \
        function=$(basename "$(dirname "$manifest")"); \
        [ "$function" = lamplighter ] || target/debug/lamplighter policy "$function" \
            --config config/examples/everything.toml --output "policies/$function.json" || exit 1; \
    done

# What large accounts cost in calls and memory, with the optimised programs. The first release build takes long.
bench:
    cargo test --release -p lamplighter-tests --test all -- scale --nocapture --test-threads 1
