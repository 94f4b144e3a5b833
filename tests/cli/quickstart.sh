#!/usr/bin/env bash
# tools/quickstart's choice of data and its second run, with stand-ins for cmake, curl and cltrain.
#   quickstart.sh SOURCE_DIR
set -euo pipefail
source_dir=$1
box=$(mktemp -d)
trap 'rm -rf "$box"' EXIT

mkdir -p "$box/tools" "$box/bin" "$box/build" "$box/data"
cp "$source_dir"/tools/{quickstart,packages.sh} "$box/tools"
touch "$box/build/Makefile" "$box/data/some.npz"
stand_in() { # PATH LINE: a program that writes down its arguments, then does LINE
    printf '#!/bin/sh\necho "$(basename "$0") $*" >>"%s/calls"\n%s\n' "$box" "$2" >"$1"
    chmod +x "$1"
}
stand_in "$box/bin/cmake" true
stand_in "$box/bin/curl" 'exit 28'
stand_in "$box/build/cltrain" 'while [ "$1" != --out ]; do shift; done
mkdir -p "$2"; cd "$2" && touch model.safetensors learning_curves.svg learning_curves.png
seq 6 >history.csv'

quickstart() { # EXPECTED_EXIT ARGUMENT...: runs it, keeps its words in $said, its calls in $calls
    local expected=$1 got=0
    shift
    : >"$box/calls"
    said=$(cd "$box" && env -u CLTRAIN_DATA -u CLT_BUILD_DIR PATH="$box/bin:$PATH" \
        XDG_CACHE_HOME="$box/cache" ${data_variable:+CLTRAIN_DATA="$data_variable"} \
        tools/quickstart "$@" 2>&1) || got=$?
    calls=$(<"$box/calls")
    [[ $got -eq $expected ]] || fail "exit code $got, not $expected"
}
fail() {
    printf '%s\n--- said:\n%s\n--- called:\n%s\n' "$1" "$said" "$calls" >&2
    exit 1
}
called() { [[ $calls == *"$1"* ]] || fail "did not call: $1"; }
not_called() { [[ $calls != *"$1"* ]] || fail "called: $1"; }
says() { [[ $said == *"$1"* ]] || fail "did not say: $1"; }

quickstart 0 --data data/some.npz
called "cltrain fit --data $box/data/some.npz --epochs 5 --out runs/some"
not_called curl
quickstart 0 --data data/some.npz # again: nothing is left but the build's own look
says "runs/some is complete"
not_called "cltrain fit"
seq 3 >"$box/runs/some/history.csv" # a run that was stopped early is not complete
quickstart 0 --data data/some.npz
called "cltrain fit"

data_variable=data/some.npz
rm -r "$box/runs"
quickstart 0
called "cltrain fit --data $box/data/some.npz"
quickstart 5 --data data/none.npz # the flag comes first
says "data/none.npz: no such file"
unset data_variable

quickstart 0 # no answer: the demonstration
called "curl --fail"
called "cltrain fit --data demo --epochs 5 --out runs/demo"
says "synthetic"
stand_in "$box/bin/curl" 'while [ "$1" != --output ]; do shift; done; echo hello >"$2"'
quickstart 0 # an answer that is not the file
says "not the file that Keras names"
[[ -z $(ls -A "$box/cache/cltrain") ]] || fail "left a wrong download"

mkdir -p "$box/cache/cltrain"
touch "$box/cache/cltrain/imdb.npz" "$box/cache/cltrain/imdb_word_index.json"
quickstart 0
not_called curl
called "cltrain fit --data $box/cache/cltrain/imdb.npz --epochs 5 --out runs/imdb"

quickstart 2 --dat
quickstart 2 --data
quickstart 0 --help
says "tools/quickstart [--data PATH]"
