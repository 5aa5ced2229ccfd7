#!/usr/bin/env bash
# Every command of docs/byok.md: its `sh` blocks, one after another in one shell and an empty folder.
. "$CONFORMANCE/lib/common.sh"

command -v xxd >/dev/null || skip 'no xxd here'
document=$CONFORMANCE/../docs/byok.md source=$CONFORMANCE/../src
mkdir bin desk
ln -s "$TENON_PROGRAM" bin/tenon
export PATH=$PWD/bin:$PATH

# A block ends with its last command's status: `! command` there must be refused.
awk '
    /^```sh$/ { inside = 1; printf "echo \"== line %d\"\n", NR; next }
    /^```$/ && inside { inside = 0; print "[[ $? == 0 ]] || exit 1"; next }
    inside { print }
' "$document" >script
blocks=$(grep -c '^echo "== line' script)
((blocks)) || fail 'the document has no commands'

# What the table of rules names is there.
for file in $(grep -o '`[a-z/]*\.rs`' "$document" | tr -d '`' | sort -u); do
    [[ -f $source/${file#src/} ]] || fail "$file is not there"
done
for name in $(sed -n '/^| rule/,$p' "$document" | grep -oE '`([A-Za-z]+::)?[a-z_]+`' | tr -d '`' | sort -u); do
    grep -rqE "fn ${name##*::}\b" "$source" || [[ $name == open ]] || fail "$name is not there"
done

cd desk
bash -euo pipefail ../script </dev/null || fail 'the block of the last line number above'
echo "note: $blocks blocks"
