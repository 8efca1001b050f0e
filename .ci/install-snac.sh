#!/bin/sh
# Installs snac2 (the ActivityPub server that the tests post to) from Debian's bookworm-backports.
#
# Only on Debian 12 and only as root. The mirror, its signing key and its options are those of the
# machine's own apt configuration, for bookworm's main. Safe to run again: with `snac` there, or
# with backports enabled already, nothing is changed that needn't be.
# Returns 0 when `snac` is there in the end; otherwise says why not and returns 1.

ADDED=/etc/apt/sources.list.d/tombolo-bookworm-backports.list

say() { printf 'install-snac: %s\n' "$*" >&2; }

# Prints "[options] URI" of each active entry for bookworm's main, in the one-line format.
# $1: the suite looked for; the rest: files, *.list and sources.list in the one-line format,
# *.sources in the deb822 format.
entries() {
    wanted=$1
    shift
    for file in "$@"; do
        [ -f "$file" ] && [ -r "$file" ] || continue
        case $file in
        *.list)
            awk -v wanted="$wanted" '
                { sub(/#.*/, "") }
                $1 == "deb" {
                    options = ""
                    if (match($0, /\[[^]]*\]/)) {
                        options = substr($0, RSTART, RLENGTH) " "
                        $0 = substr($0, 1, RSTART - 1) " " substr($0, RSTART + RLENGTH)
                    }
                    if ($3 != wanted) next
                    for (i = 4; i <= NF; i++) if ($i == "main") { print options $2; next }
                }' "$file"
            ;;
        *.sources)
            awk -v wanted="$wanted" '
                function has(list, word,    parts, n, i) {
                    n = split(list, parts)
                    for (i = 1; i <= n; i++) if (parts[i] == word) return 1
                    return 0
                }
                function option(name, value) {
                    gsub(/^[ \t]+|[ \t]+$/, "", value)
                    gsub(/[ \t]+/, ",", value)
                    if (value != "") options = options (options == "" ? "" : " ") name "=" value
                }
                function finish(    uris) {
                    if (has(field["types"], "deb") && has(field["suites"], wanted) \
                        && has(field["components"], "main") \
                        && tolower(field["enabled"]) !~ /^(no|false|off|0|without|disable)$/) {
                        options = ""
                        option("arch", field["architectures"])
                        option("trusted", field["trusted"])
                        option("check-valid-until", field["check-valid-until"])
                        # A path or a fingerprint; a key written out in the file has no
                        # one-line form, and then apt keeps to the keys it trusts anyway.
                        if (field["signed-by"] !~ /BEGIN PGP/) option("signed-by", field["signed-by"])
                        split(field["uris"], uris)
                        print (options == "" ? "" : "[" options "] ") uris[1]
                    }
                    split("", field)
                    name = ""
                }
                { sub(/\r$/, "") }
                /^#/ { next }
                /^[ \t]*$/ { finish(); next }
                /^[ \t]/ { if (name != "") field[name] = field[name] " " $0; next }
                {
                    colon = index($0, ":")
                    if (!colon) next
                    name = tolower(substr($0, 1, colon - 1))
                    value = substr($0, colon + 1)
                    gsub(/^[ \t]+|[ \t]+$/, "", value)
                    field[name] = value
                }
                END { finish() }' "$file"
            ;;
        esac
    done
}

install_snac() {
    if command -v snac >/dev/null 2>&1; then
        say "snac is there: $(snac --help 2>&1 | head -n 1)"
        return 0
    fi
    if ! command -v apt-get >/dev/null 2>&1 || [ ! -r /etc/os-release ]; then
        say "not a Debian system: install snac2 (2.75 or later) by hand"
        return 1
    fi
    release=$(. /etc/os-release && printf '%s %s' "${ID:-}" "${VERSION_CODENAME:-}")
    if [ "$release" != "debian bookworm" ]; then
        say "not Debian bookworm but '$release': install snac2 (2.75 or later) by hand"
        return 1
    fi
    if [ "$(id -u)" != 0 ]; then
        say "not root: run 'sudo $0', or leave the tests against a real snac2 out"
        return 1
    fi

    set -- /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources
    added=
    if [ -z "$(entries bookworm-backports "$@")" ]; then
        mirror=$(entries bookworm "$@" | head -n 1)
        if [ -z "$mirror" ]; then
            say "apt's configuration names no mirror for bookworm's main"
            return 1
        fi
        added=$ADDED
        printf 'deb %s bookworm-backports main\n' "$mirror" >"$added" || return 1
        say "enabled bookworm-backports: $added"
    fi

    if ! apt-get -q update >&2 ||
        ! DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends install snac2 >&2; then
        [ -z "$added" ] || rm -f "$added"
        say "apt couldn't install snac2 from bookworm-backports"
        return 1
    fi
    command -v snac >/dev/null 2>&1 || { say "snac2 is installed, but there is no snac"; return 1; }
    say "installed: $(snac --help 2>&1 | head -n 1)"
}

install_snac
