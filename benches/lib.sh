# What the benches share: the islands in a process of their own, and the time and peak memory of a command.
# Sourced; leaves the shell in the repository's root, with a folder $work that goes with it.
set -euo pipefail
export LC_ALL=C
cd "$(dirname "${BASH_SOURCE[0]}")/.."
work=$(mktemp -d)
islands=
trap 'kill $(jobs -p) 2> /dev/null || true; rm -rf "$work"' EXIT

fail() {
    echo "FAILED: $*" >&2
    exit 1
}

has() { command -v "$1" > /dev/null; }

# What the islands said under a name; the first time they did.
said() { sed -n "s/^$1=//p" "$work/islands" | head -n 1; }

# open_islands SCENE [ARGUMENT…]: they live as long as the other end of this pipe. The configuration is in $work/config.toml.
open_islands() {
    local scene=$1
    shift
    rm -rf "$work/stdin" "$work/data"
    mkfifo "$work/stdin"
    ./target/release/islands "$scene" "$work" "$@" < "$work/stdin" > "$work/islands" &
    islands=$!
    exec 9> "$work/stdin"
    until grep -qx ready "$work/islands"; do
        kill -0 "$islands" 2> /dev/null || fail "the islands did not come up"
        sleep 0.05
    done
}

# Closes the pipe and waits for what they tell of what has arrived.
close_islands() {
    exec 9>&-
    wait "$islands" || fail "the islands ended with $?"
}

now() { date +%s.%N; }
seconds() { awk "BEGIN { printf \"%.2f\", $2 - $1 }"; }

# at_least VALUE BOUND, at_most VALUE BOUND: for numbers with fractions.
at_least() { [ "$(awk "BEGIN { print ($1 >= $2) }")" = 1 ]; }
at_most() { [ "$(awk "BEGIN { print ($1 <= $2) }")" = 1 ]; }

# The program, as if it ran for the first time. Takes the place of the (sub)shell, whose time and memory are measured. It finds
# other programs on PATH_OF_PROGRAM, if that is set.
tombolo_sync() {
    rm -rf "$work/data"
    exec env "PATH=${PATH_OF_PROGRAM:-$PATH}" ./target/release/tombolo --config "$work/config.toml" "$@" sync --json --wait 60s
}

# A pipe on which nothing ever comes: to wait on without another process.
exec 8<> <(:)

# Sets spent to the processor time of all that has ended so far, in seconds.
spend() {
    times > "$work/times"
    spent=$(awk 'NR == 2 { gsub("s", ""); for (i = 1; i <= 2; i++) { split($i, t, "m"); all += t[1] * 60 + t[2] } print all }' \
        "$work/times")
}

# measured COMMAND…: runs it, its output in $work/out and $work/err. Sets took (seconds), cpu (seconds of processor time, with
# what it started) and peak (MiB, of the command alone).
measured() {
    local begun pid high=0 name value rest before from=$SECONDS
    spend
    before=$spent
    begun=$(now)
    "$@" > "$work/out" 2> "$work/err" 9>&- &
    pid=$!
    while kill -0 $pid 2> /dev/null; do
        while read -r name value rest; do
            [ "$name" != VmHWM: ] || high=$value
        done 2> /dev/null < "/proc/$pid/status" || true
        # Often while it is young; what takes long changes slowly.
        read -r -t $((SECONDS - from < 20 ? 0 : 1)).03 -u 8 || true
    done
    wait $pid || {
        cat "$work/out" "$work/err" >&2
        fail "$1 ended with an error"
    }
    took=$(seconds "$begun" "$(now)")
    spend
    cpu=$(seconds "$before" "$spent")
    peak=$((high / 1024))
}

# best_of N COMMAND…: measured so often. Sets took and cpu to the shortest times and peak to the largest.
best_of() {
    local times=$1 best= least= most=0 _
    shift
    for _ in $(seq "$times"); do
        measured "$@"
        if [ -z "$best" ] || at_most "$took" "$best"; then best=$took; fi
        if [ -z "$least" ] || at_most "$cpu" "$least"; then least=$cpu; fi
        [ "$peak" -le "$most" ] || most=$peak
    done
    took=$best
    cpu=$least
    peak=$most
}
