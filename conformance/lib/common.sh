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

skip() {
    echo "$*"
    exit 77
}
