#!/usr/bin/env bash
# docs/clients/sbsign.md, executed.
. "$CONFORMANCE/lib/common.sh"
needs sbsign sbsigntool
[[ -f /usr/lib/systemd/boot/efi/systemd-bootx64.efi ]] || skip 'there is no boot image here (systemd-boot-efi)'
needs_engine
execute_client_page sbsign 'sign /usr/lib/systemd/boot/efi/systemd-bootx64.efi signed.efi'
