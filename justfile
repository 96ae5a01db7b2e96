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
    target/debug/lamplighter policy daemon --config config/examples/everything.toml --output policies/daemon.json
    for manifest in functions/*/Cargo.toml; do \
        function=$(basename "$(dirname "$manifest")"); \
        [ "$function" = lamplighter ] || target/debug/lamplighter policy "$function" \
            --config config/examples/everything.toml --output "policies/$function.json" || exit 1; \
    done

# The Debian package, in target/debian/. Needs cargo-deb; the first release build takes long.
deb:
    cargo build --release -p lamplighter --no-default-features
    mkdir -p target/deb
    target/release/lamplighter man > target/deb/lamplighter.1
    target/release/lamplighter completions bash > target/deb/lamplighter.bash
    target/release/lamplighter completions zsh > target/deb/_lamplighter
    target/release/lamplighter completions fish > target/deb/lamplighter.fish
    cargo deb -p lamplighter --no-build --no-strip

# What large accounts cost in calls and memory, a million schedules against the oracle (the tests take 20,000), and
# images beside vipsthumbnail and sharp; each Lambda's start beside a program that does nothing and beside Python, and the
# size of its package. The first release build takes long.
bench:
    cargo test --release -p lamplighter-tests --test all -- scale cold_start --nocapture --test-threads 1
    PROPTEST_CASES=1000000 cargo test --release -p lamplighter-shell --features daemon --lib -- schedule::tests::oracle --nocapture
    shared/images/bench/run

# Hostile input for whatever reads strangers' bytes, so many seconds each. Needs cargo-fuzz; see tests/fuzz/README.md.
fuzz seconds="300":
    for target in $(cargo fuzz list --fuzz-dir tests/fuzz); do \
        seeds=$(cat "tests/fuzz/seeds/$target" 2>/dev/null || true); \
        words="tests/fuzz/$target.dict"; \
        mkdir -p "tests/fuzz/target/found/$target" "tests/fuzz/corpus/$target"; \
        cargo fuzz run -s none --fuzz-dir tests/fuzz "$target" \
            "tests/fuzz/target/found/$target" "tests/fuzz/corpus/$target" $seeds \
            -- -max_total_time={{ seconds }} -timeout=10 -rss_limit_mb=1024 \
            $([ -e "$words" ] && echo "-dict=$words") || exit 1; \
    done
