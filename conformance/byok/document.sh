#!/usr/bin/env bash
# Every command of docs/byok.md: its `sh` blocks, one after another in one shell and an empty folder.
. "$CONFORMANCE/lib/common.sh"

command -v xxd >/dev/null || skip 'no xxd here'
mkdir bin desk
ln -s "$TENON_PROGRAM" bin/tenon
export PATH=$PWD/bin:$PATH

# A block ends with its last command's status: `! command` there must be refused.
awk '
    /^```sh$/ { inside = 1; printf "echo \"== line %d\"\n", NR; next }
    /^```$/ && inside { inside = 0; print "[[ $? == 0 ]] || exit 1"; next }
    inside { print }
' "$CONFORMANCE/../docs/byok.md" >script
blocks=$(grep -c '^echo "== line' script)
((blocks)) || fail 'the document has no commands'

cd desk
bash -euo pipefail ../script </dev/null || fail 'the block of the last line number above'
echo "note: $blocks blocks"
