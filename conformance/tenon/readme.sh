#!/usr/bin/env bash
# README's commands: those of the import jobs as they stand there, and each line of the command line. What would wait for
# an answer, or for ever, is answered or ended here.
. "$CONFORMANCE/lib/common.sh"
needs jq jq
needs openssl openssl
export TENON_SO_PIN=$SO_PIN TENON_PIN=$PIN TENON_NEW_PIN=$PIN TENON_DIRECTORIES_TOKENDIR=$PWD/own
mkdir bin
ln -s "$TENON_PROGRAM" bin/tenon
export PATH=$PWD/bin:$PATH
tenon init --label mine
openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out key.pem
openssl req -x509 -key key.pem -subj /CN=site -days 30 -out certificate.pem
cat key.pem certificate.pem >bundle.pem

readme_block 'tenon byok import payments' >jobs
grep -q 'byok receipt' jobs || fail "README's lines were not found"
bash -euo pipefail jobs

python3 - <<'PYTHON' &
import socket
collector = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
collector.bind("collector")
with open("collected", "wb", buffering=0) as file:
    while True:
        file.write(collector.recv(65536) + b"\n")
PYTHON
trap "kill $!" EXIT
until [[ -S collector ]]; do sleep 0.1; done
readme_block 'tenon audit archive' >lines
ran=0
while read -r line; do
    command=${line%%  #*}
    echo "== $command"
    case $command in
        *restore*) command+=' --yes' ;;
        *--follow*) command="timeout 2 ${command/--syslog/--syslog=collector} || [ \$? = 124 ]" ;;
    esac
    bash -euo pipefail -c "$command" </dev/null || fail "$line"
    ((ran += 1))
done <lines
grep -q '"action":"init-token"' collected || fail 'no record reached the collector'
((ran > 10)) || fail "README's lines were not found"
echo "note: $ran lines"
