# Sourced by the shell tests, which conformance/run starts in an empty directory of their own.
set -euo pipefail

SO_PIN=so-87654321
PIN=user-1234
LABEL=conformance

# pkcs11-tool on the module, on the test's token once it is there.
tool() { pkcs11-tool --module "$TENON_MODULE" "$@"; }
token() { tool --token-label "$LABEL" "$@"; }
user() { token --login --pin "$PIN" "$@"; }

# A token with both PINs.
fresh_token() {
    tool --slot-index 0 --init-token --label "$LABEL" --so-pin "$SO_PIN"
    token --login --login-type so --so-pin "$SO_PIN" --init-pin --pin "$PIN"
}

fail() {
    echo "FAILED: $*"
    exit 1
}

# The command must fail and say PATTERN.
refused() { # pattern, command...
    local pattern=$1 output
    shift
    if output=$("$@" 2>&1); then fail "should be refused: $*"; fi
    grep -q -- "$pattern" <<<"$output" || fail "no $pattern from: $* : $output"
}

# The command's output must have PATTERN in it.
says() { # pattern, command...
    local pattern=$1 output
    shift
    output=$("$@" 2>&1) || fail "$*: $output"
    grep -q -- "$pattern" <<<"$output" || fail "no '$pattern' from: $* : $output"
}

# The command's output must not have PATTERN in it.
silent_on() { # pattern, command...
    local pattern=$1 output
    shift
    output=$("$@" 2>&1) || fail "$*: $output"
    ! grep -q -- "$pattern" <<<"$output" || fail "'$pattern' from: $* : $output"
}

# Compiles FOLDER/NAME.c of this suite to ./NAME; more arguments go to the compiler.
compile() { # folder/name, arguments...
    local name=$1
    shift
    cc -std=gnu17 -O2 -Wall -Wextra -Werror -I"$CONFORMANCE/lib" -o "${name##*/}" \
        "$CONFORMANCE/$name.c" "$@" -ldl -pthread
}

# The `sh` blocks of docs/NAME as one script, which says the line where each begins.
commands_of() { # name
    # A block ends with its last command's status: `! command` there must be refused.
    awk '
        /^```sh$/ { inside = 1; printf "echo \"== line %d\"\n", NR; next }
        /^```$/ && inside { inside = 0; print "[[ $? == 0 ]] || exit 1"; next }
        inside { print }
    ' "$CONFORMANCE/../docs/$1"
}

# README's `sh` block with these words in it.
readme_block() { # words
    awk -v words="$1" '/^```sh/ { text = ""; inside = 1; next } /^```/ { if (inside && index(text, words)) printf "%s", text; inside = 0 } inside { text = text $0 "\n" }' \
        "$CONFORMANCE/../README.md"
}

# Runs the `sh` blocks of docs/NAME, one after another in one shell and an empty folder; at the end COMMAND in the
# same shell, if there is one.
execute_document() { # name, command
    local blocks
    mkdir bin desk
    ln -s "$TENON_PROGRAM" bin/tenon
    export PATH=$PWD/bin:$PATH
    commands_of "$1" >script
    blocks=$(grep -c '^echo "== line' script) || fail 'the document has no commands'
    printf '%s\n' "${2:-}" >>script
    cd desk
    bash -euo pipefail ../script </dev/null || fail 'the block of the last line number above'
    echo "note: $blocks blocks"
}

# Skips the test where this command is missing, which comes with a Debian package.
needs() { # command, package
    command -v "$1" >/dev/null || skip "$1 is not installed (Debian package $2)"
}

# Skips a test that takes long to install, unless `conformance/run --suites` asks for it.
needs_suites() {
    [[ ${TENON_SUITES:-} == all ]] || skip 'runs with --suites'
}

# Sets `installed` to the folder that this expression of lib/suite.py installs packages into; skips the test where they
# cannot be had.
packages() { # expression
    installed=$(python3 -c "import suite; print(suite.$1)" | tail -n 1) || skip "$installed"
}

# Skips the test where OpenSSL has no engine for PKCS#11.
needs_engine() {
    local engines
    engines=$(openssl version -e | sed 's/.*"\(.*\)"/\1/')
    [[ -f $engines/pkcs11.so ]] || skip "no PKCS#11 engine in $engines (libengine-pkcs11-openssl)"
}

# Runs the `sh` blocks of docs/clients/NAME.md, with the PINs of the tests; then COMMAND, in which a client uses the
# token and ends, twenty times: no end may be a crash.
execute_client_page() { # name, command
    export TENON_SO_PIN=$SO_PIN TENON_PIN=$PIN
    execute_document "clients/$1.md" "for end in {1..20}; do echo \"== end \$end\"; { $2; } || exit 1; done"
}

skip() {
    echo "$*"
    exit 77
}
