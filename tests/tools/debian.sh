# Programs from Debian's packages, unpacked in target/tools: that needs no rights and changes nothing of the machine. The
# tools beside read this. Each sets `tool`, what it is called, and `package`, and has two functions: `in_tree` becomes the
# unpacked program, and `install` gets it by `begin`, `unpack` and `finish`. Where none is to be had, the last line of
# stderr says why and what to do.
# shellcheck shell=sh disable=SC2034,SC2154
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
mkdir -p "${CARGO_TARGET_DIR:=$here/../../target}/tools"
tools=$(CDPATH='' cd -- "$CARGO_TARGET_DIR/tools" && pwd)
tree="$tools/$tool"

give_up() {
    echo "no $tool on the PATH, and $1; install it, as in \`apt-get install $package\`" >&2
    exit 69
}

# apt with lists and a cache of its own: the machine's may be missing or old, and only root may refresh them.
apt() {
    apt-get -qq -o Dir::State="$new/apt" -o Dir::State::status=/var/lib/dpkg/status -o Dir::Cache="$new/apt" \
        -o APT::Sandbox::User=root "$@"
}

# Beside the tree, so that half of one is never found.
begin() {
    new="$tree.new"
    rm -rf "$new" "$tree"
    mkdir -p "$new/apt/lists/partial" "$new/apt/archives/partial"
    # One of the machine's sources may fail, and Debian's answer all the same.
    apt update >&2 || true
}

unpack() {
    (cd "$new/apt" && apt download "$@") >&2 || return
    for file in "$new"/apt/*.deb; do
        dpkg-deb -x "$file" "$new" || return
    done
}

finish() {
    rm -rf "$new/apt"
    mv "$new" "$tree"
}

# Becomes the unpacked program, got if need be.
run_unpacked() {
    command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || give_up "no apt-get to get one"
    # Another test may be installing it just now. One that does not run was made for another machine.
    exec 9>"$tree.lock"
    flock 9
    (in_tree --version) >/dev/null 2>&1 || install || give_up "Debian's could not be installed"
    (in_tree --version) >/dev/null || give_up "Debian's does not run here"
    exec 9>&-
    in_tree "$@"
}
