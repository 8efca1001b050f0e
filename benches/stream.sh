#!/usr/bin/env bash
# A 1 GiB video streamed from source to destination, tombolo and the servers in separate processes: its time beside that of
# `curl source | curl -T - destination`, and its peak memory.
set -euo pipefail
cd "$(dirname "$0")/.."
bytes=${1:-1073741824}
work=$(mktemp -d)
trap 'kill $(jobs -p) 2> /dev/null || true; rm -rf "$work"' EXIT

field() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p" "$work/addresses" | head -n 1; }
now() { date +%s.%N; }
seconds() { awk "BEGIN { printf \"%.2f\", $2 - $1 }"; }

# The islands live as long as the other end of this pipe.
mkfifo "$work/stdin"
./target/release/islands "$bytes" "$work/data" < "$work/stdin" > "$work/addresses" &
exec 9> "$work/stdin"
until [ -s "$work/addresses" ]; do sleep 0.05; done
# A JSON string with escaped quotes and line ends; the fields stand in alphabetical order.
(umask 077; sed 's/.*"configuration":"//; s/","file":.*//; s/"}$//; s/\\n/\n/g; s/\\"/"/g' "$work/addresses" > "$work/config.toml")
file=$(field file)
sink=$(field sink)

best_curl=
for _ in 1 2 3; do
    begun=$(now)
    curl -sS "$file" | curl -sS -T - "$sink" > /dev/null
    took=$(seconds "$begun" "$(now)")
    [ -z "$best_curl" ] || [ "$(awk "BEGIN { print ($took < $best_curl) }")" = 1 ] && best_curl=$took
done

best=
peak=0
for run in 1 2 3; do
    sed "s#^data_dir = .*#data_dir = \"$work/data$run\"#" "$work/config.toml" > "$work/config$run.toml"
    chmod 600 "$work/config$run.toml"
    begun=$(now)
    ./target/release/tombolo --config "$work/config$run.toml" -q sync --json > "$work/out" 2> "$work/err" &
    pid=$!
    while kill -0 $pid 2> /dev/null; do
        high=$(sed -n 's/^VmHWM:[^0-9]*\([0-9]*\) kB/\1/p' /proc/$pid/status 2> /dev/null || true)
        [ -n "$high" ] && [ "$high" -gt "$peak" ] && peak=$high
        sleep 0.1
    done
    wait $pid || { cat "$work/out" "$work/err"; exit 1; }
    took=$(seconds "$begun" "$(now)")
    grep -q '"published":1' "$work/out" || { cat "$work/out" "$work/err"; exit 1; }
    [ -z "$best" ] || [ "$(awk "BEGIN { print ($took < $best) }")" = 1 ] && best=$took
done

echo "$bytes bytes, best of three"
echo "curl source | curl -T - destination: $best_curl s"
echo "tombolo sync:                        $best s, whole program, $((peak / 1024)) MiB at its peak"
awk "BEGIN { printf \"ratio: %.2f\n\", $best / $best_curl }"
