#!/usr/bin/env bash
# Small stores into an Orthanc as shipped, by a storescu as shipped, one association: directly, and through the gateway
# over TLS. Both leave Nagle's algorithm on; the gateway's acknowledgements set them free.
#   benches/orthanc.sh FOLDER [ROUNDS]     FOLDER: some hundred small Part 10 files; needs dcmtk and orthanc
set -euo pipefail
FOLDER=$(readlink -f "$1"); ROUNDS=${2:-3}
BIN=$(readlink -f "${CARGO_TARGET_DIR:-$(dirname "$0")/../target}/release/dicomgate")
WORK=$(mktemp -d); cd "$WORK"
trap 'kill $(jobs -p) 2>/dev/null; wait 2>/dev/null; rm -rf "$WORK"' EXIT
port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
ARCHIVE=$(port); GATE=$(port); ADMIN=$(port)
cat > orthanc.json <<J
{"Name": "bench", "DicomAet": "PACS", "DicomPort": $ARCHIVE, "DicomCheckCalledAet": false, "HttpServerEnabled": false,
 "StorageDirectory": "$WORK/db", "IndexDirectory": "$WORK/db", "OverwriteInstances": true, "RemoteAccessAllowed": true}
J
Orthanc orthanc.json >orthanc.log 2>&1 &
"$BIN" certs new-ca --dir certs --name "bench CA" >/dev/null
"$BIN" certs issue --dir certs --for gateway --dns localhost --server >/dev/null
"$BIN" certs issue --dir certs --for ct1 --dns ct1.bench.test >/dev/null
cat > gateway.toml <<T
[gateway]
name = "bench"
state = "state"
[tls]
certificate = "certs/gateway.crt"
private_key = "certs/gateway.key"
client_ca = "certs/ca.crt"
[[listen]]
name = "outside"
address = "127.0.0.1:$GATE"
tls = "mutual"
serves = "peers"
[[archive]]
ae_title = "PACS"
address = "127.0.0.1:$ARCHIVE"
[policy]
file = "policy.toml"
[admin]
address = "127.0.0.1:$ADMIN"
T
cat > policy.toml <<T
[[peer]]
ae_titles = ["CT1"]
certificate = "ct1.bench.test"
network = ["127.0.0.0/8"]
[[rule]]
name = "the scanner stores"
who = ["peer:CT1"]
to = ["PACS"]
may = ["echo", "store"]
T
"$BIN" run --config gateway.toml >gateway.log 2>&1 &
until echoscu -aec PACS 127.0.0.1 "$ARCHIVE" 2>/dev/null; do kill -0 %1; done
until (exec 3<>"/dev/tcp/127.0.0.1/$GATE") 2>/dev/null; do kill -0 %2; done
COUNT=$(find "$FOLDER" -type f | wc -l)
TLS=(+tls certs/ct1.key certs/ct1.crt +cf certs/ca.crt)
timed() { # WHAT COMMAND...
    local what=$1 begin end; shift
    begin=$(date +%s.%N); "$@" >/dev/null 2>storescu.log || { cat storescu.log >&2; exit 1; }; end=$(date +%s.%N)
    awk -v w="$what" -v n="$COUNT" -v b="$begin" -v e="$end" 'BEGIN { printf "%s %.1f objects/s\n", w, n / (e - b) }'
}
for _ in $(seq "$ROUNDS"); do
    timed direct  storescu +sd +r -R -aet CT1 -aec PACS 127.0.0.1 "$ARCHIVE" "$FOLDER"
    timed gateway storescu "${TLS[@]}" +sd +r -R -aet CT1 -aec PACS 127.0.0.1 "$GATE" "$FOLDER"
done
