# A pkcs11-tool that sends OAEP parameters with C_UnwrapKey: OpenSC 0.27 or later. Where the
# installed one is older, Debian's newest is unpacked beside the system, with the libraries it needs.

# Prints the path of a command that runs it; status 1 with a reason on stderr where none can be had.
new_pkcs11_tool() { # directory for what is downloaded
    local place=$1 installed
    installed=$(dpkg-query -W -f '${Version}' opensc 2>/dev/null)
    if dpkg --compare-versions "${installed:-0}" ge 0.27; then
        command -v pkcs11-tool
        return
    fi
    # Tests that run at the same time unpack it once.
    mkdir -p "$(dirname "$place")"
    (
        flock 9
        [[ -x $place/pkcs11-tool ]] || unpack_opensc "$place" >&2
    ) 9>"$place.lock" || return 1
    echo "$place/pkcs11-tool"
}

unpack_opensc() {
    local place=$1 loader libraries options
    rm -rf "$place"
    mkdir -p "$place"/{state/lists/partial,cache/archives/partial,packages} || return 1
    place=$(realpath "$place")
    echo 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian sid main' \
        >"$place/sources.list"
    options=(-q -q -o Dir::State="$place/state" -o Dir::State::status=/dev/null
        -o Dir::Cache="$place/cache" -o Dir::Etc::SourceList="$place/sources.list"
        -o Dir::Etc::SourceParts=- -o APT::Sandbox::User=root)
    apt-get "${options[@]}" update || return 1
    (cd "$place/packages" && apt-get "${options[@]}" download opensc opensc-pkcs11 libc6 libssl3t64 \
        libeac3 zlib1g libreadline8t64 libtinfo6 libzstd1) || return 1
    for package in "$place"/packages/*.deb; do
        dpkg -x "$package" "$place/root" || return 1
    done
    loader=$(find "$place/root" -name 'ld-linux-*.so.*' -print -quit)
    libraries=$(dirname "$(find "$place/root" -name libopensc.so.* -print -quit)")
    # The module brings libgcc_s, which is the system's own.
    cat >"$place/pkcs11-tool" <<SCRIPT
#!/bin/sh
exec "$loader" --library-path "$libraries:/lib/$(basename "$libraries"):/usr/lib/$(basename "$libraries")" \\
    "$place/root/usr/bin/pkcs11-tool" "\$@"
SCRIPT
    chmod +x "$place/pkcs11-tool"
    rm -rf "$place"/{state,cache,packages}
    [[ $("$place/pkcs11-tool" --help 2>&1) == *--unwrap* ]]
}
