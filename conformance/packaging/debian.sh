#!/usr/bin/env bash
# The Debian package: built of the module and the program under test, checked by lintian, installed into a new system, used there by
# README's own lines and those of docs/day.md as a user of the group, and removed. The tokens stay, and nothing else does.
. "$CONFORMANCE/lib/common.sh"

[[ $TENON_MODULE == */libtenon_pkcs11.so ]] || { echo 'another module than ours has a package of its own' && exit 77; }
((EUID == 0)) || { echo 'a new system is made by root alone' && exit 77; }
# What is mounted here goes with the script.
[[ ${1:-} == mounted ]] || exec unshare --mount "$0" mounted
{ command -v mmdebstrap && command -v lintian && command -v dpkg-deb; } >/dev/null || {
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq && apt-get install -y -qq --no-install-recommends mmdebstrap lintian >/dev/null
}
repository=$CONFORMANCE/..
suite=$(. /etc/os-release && echo "$VERSION_CODENAME")

mkdir binaries packages
cp "$TENON_PROGRAM" "$TENON_MODULE" binaries
"$repository/packaging/build" --only deb --from binaries --output packages
deb=$(echo packages/tenon_*.deb)
symbols=$(echo packages/tenon-dbgsym_*.deb)
lintian --allow-root --fail-on error,warning "$deb" "$symbols"

# As the documents have it: no page or completion for `help`, stripped files, symbols apart by the same build id.
dpkg-deb --contents "$deb" >contents
grep -q './usr/share/man/man1/tenon-byok-import.1.gz' contents
! grep -- '-help' contents || fail 'a page for help'
dpkg-deb --extract "$deb" extracted
dpkg-deb --extract "$symbols" extracted-symbols
for file in extracted/usr/bin/tenon extracted/usr/lib/*/pkcs11/libtenon_pkcs11.so; do
    ! readelf --sections "$file" | grep -q '\.symtab' || fail "$file is not stripped"
    id=$(readelf -n "$file" | sed -n 's/^ *Build ID: //p')
    readelf --sections "extracted-symbols/usr/lib/debug/.build-id/${id:0:2}/${id:2}.debug" | grep -q '\.debug_line' ||
        fail "no symbols of $file"
done
if command -v systemd-analyze >/dev/null; then
    sed -i "s|^ExecStart=/usr|ExecStart=$PWD/extracted/usr|" "extracted/lib/systemd/system/tenon-sweep@.service"
    systemd-analyze verify --man=no extracted/lib/systemd/system/tenon-sweep@*
fi

mmdebstrap --quiet --variant=essential --include=passwd,opensc,openssl,p11-kit,softhsm2 "$suite" system
files() { (cd system && find . -xdev ! -path './proc/*' ! -path './tmp/*' ! -path './var/lib/dpkg/*' ! -path './var/log/*' ! -path './var/cache/*' | sort); }
inside() { chroot system "$@"; }
as() { # user, command...
    chroot --userspec="$1" system env -i PATH=/usr/bin:/bin HOME="/home/$1" TENON_PIN="$PIN" TENON_SO_PIN="$SO_PIN" "${@:2}"
}
files >before
cp "$deb" system/tmp/tenon.deb
inside dpkg --install /tmp/tenon.deb
[[ $(inside stat --format='%a %U %G' /var/lib/tenon) == '2770 root tenon' ]] || fail 'the folder of tokens'
for user in owner member stranger; do inside useradd --create-home --shell /bin/bash "$user"; done
for user in owner member; do inside usermod --append --groups tenon "$user"; done

# README's lines: a first key, then a key of one's own by import jobs.
{
    echo 'set -eu; shopt -s expand_aliases; cd'
    readme_block 'tenon init --label mine'
    echo 'openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out key.pem 2>/dev/null'
    readme_block 'tenon byok import payments'
} | sed 's/^sudo .*//; s/p11 --login/p11 --login --pin "$TENON_PIN"/' >system/tmp/readme.sh
grep -q keypairgen system/tmp/readme.sh || fail "README's lines were not found"
grep -q 'byok receipt' system/tmp/readme.sh || fail "README's lines were not found"
as owner bash /tmp/readme.sh
# The demonstration alone needs /proc.
mount --types proc proc system/proc
as owner tenon demo >demonstration
umount system/proc
as owner tenon doctor
as owner tenon audit verify

# The operator's day, in a folder of the user's own.
{
    echo 'set -euo pipefail; mkdir ~/day; cd ~/day'
    commands_of day.md
} >system/tmp/day.sh
grep -q 'tenon migrate softhsm' system/tmp/day.sh || fail "the commands of docs/day.md were not found"
as owner bash /tmp/day.sh >day || fail "docs/day.md, from the last line number on: $(tail -n 20 day)"

# Another member of the group uses the same token; p11-kit knows the module; others are refused in words.
module=$(cd system && echo usr/lib/*/pkcs11/libtenon_pkcs11.so)
as member sh -c 'echo text >/tmp/text'
as member pkcs11-tool --module "/$module" --login --pin "$PIN" --sign --id 01 --mechanism ECDSA-SHA256 -i /tmp/text -o /tmp/signature
as member pkcs11-tool --module "/$module" --verify --id 01 --mechanism ECDSA-SHA256 -i /tmp/text --signature-file /tmp/signature |
    grep -q 'Signature is valid'
as member p11-kit list-modules >modules
grep -q libtenon_pkcs11 modules || fail 'p11-kit does not know the module'
grep -q 'token: mine' modules || fail 'p11-kit does not list the token'
! as stranger tenon slots >refused 2>&1 || fail 'the tokens are listed to everybody'
grep -q 'group' refused || fail "$(cat refused)"

inside dpkg --purge tenon
[[ -f system/var/lib/tenon/slot-0000.tenon ]] || fail 'the token is gone'
files >after
left=$(comm -13 before after | grep -Ev '^\./(var/lib/tenon(/.*)?|home/.*|var/mail/.*|var/spool/mail/.*)$' || true)
# useradd keeps the lists of before beside those of users and groups.
left=$(grep -Ev '^\./etc/(passwd|group|shadow|gshadow|subuid|subgid)-$' <<<"$left" || true)
[[ -z $left ]] || fail "left behind: $left"
[[ -z $(comm -23 before after) ]] || fail "removed what was not its own: $(comm -23 before after)"
inside dpkg --install /tmp/tenon.deb
as owner tenon audit verify
echo "note: lintian without tags, README's lines and docs/day.md in a new $suite, tokens alone left"
