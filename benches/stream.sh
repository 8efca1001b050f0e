#!/usr/bin/env bash
# A 1 GiB video streamed from source to destination, tombolo and the servers in separate processes: its time beside that of
# `curl source | curl -T - destination`, and its peak memory.
. "$(dirname "$0")/lib.sh"
bytes=${1:-1073741824}

open_islands stream "$bytes"
file=$(said file)
sink=$(said sink)

by_curl() { curl -sS "$file" | curl -sS -T - "$sink"; }

best_curl=
for _ in 1 2 3; do
    begun=$(now)
    by_curl > /dev/null
    took=$(seconds "$begun" "$(now)")
    if [ -z "$best_curl" ] || at_most "$took" "$best_curl"; then best_curl=$took; fi
done

best_of 3 tombolo_sync -q
grep -q '"published":1' "$work/out" || { cat "$work/out" "$work/err"; exit 1; }

echo "$bytes bytes, best of three"
echo "curl source | curl -T - destination: $best_curl s"
echo "tombolo sync:                        $took s, whole program, $peak MiB at its peak"
awk "BEGIN { printf \"ratio: %.2f\n\", $took / $best_curl }"
