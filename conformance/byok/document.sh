#!/usr/bin/env bash
# Every command of docs/byok.md: its `sh` blocks, one after another in one shell and an empty folder.
. "$CONFORMANCE/lib/common.sh"

needs xxd xxd
document=$CONFORMANCE/../docs/byok.md source=$CONFORMANCE/../src
# What the table of rules names is there.
for file in $(grep -o '`[a-z/]*\.rs`' "$document" | tr -d '`' | sort -u); do
    [[ -f $source/${file#src/} || -f $CONFORMANCE/../$file ]] || fail "$file is not there"
done
for name in $(sed -n '/^| rule/,$p' "$document" | grep -oE '`([A-Za-z]+::)?[a-z_]+`' | tr -d '`' | sort -u); do
    grep -rqE "fn ${name##*::}\b" "$source" || [[ $name == open ]] || fail "$name is not there"
done

execute_document byok.md
