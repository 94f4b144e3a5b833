#!/usr/bin/env bash
# Checks one room of src/README.md: its includes stay inside what it may use, and its objects call
# OpenCL, CLBlast and the process's streams only where that room is the one that does.
#   check.sh SOURCE_DIR ROOM OBJECT...
#   check.sh SOURCE_DIR tools            the program: public headers and its own only
set -euo pipefail

source_dir=$1 room=$2
shift 2
failures=0
complain() {
    echo "$1" >&2
    failures=$((failures + 1))
}

# What a room may use is this list and everything that those use; public headers are everyone's.
declare -A uses=(
    [util]="" [ref]="util" [data]="util" [runtime]="util" [blas]="runtime ref" [ops]="blas ref"
    [model]="ops data" [train]="model data" [check]="train ops ref" [tools]=""
)
allowed() {
    local used
    echo "$1"
    for used in ${uses[$1]}; do
        allowed "$used"
    done
}

if [[ ! -v uses[$room] ]]; then
    echo "no such room: $room (add it here and to src/README.md)" >&2
    exit 1
fi
folder=$source_dir/src/$room
[[ $room != tools ]] || folder=$source_dir/tools/cltrain
mapfile -t files < <(find "$folder" -name '*.[ch]' | sort)
[[ ${#files[@]} -gt 0 ]] || complain "$folder: no source files"

rooms=$(allowed "$room" | sort -u | tr '\n' ' ')
while IFS=: read -r file line text; do
    place=${file#"$source_dir"/}:$line
    header=$(sed -E 's/^ *# *include *[<"]([^>"]*)[>"].*/\1/' <<<"$text")
    case $text in
    *'"'*)
        first=${header%%/*}
        if [[ $first == cltrain && -f $source_dir/include/$header ]]; then
            : # public
        elif [[ $room == tools ]]; then
            [[ -f $folder/$header ]] || complain "$place: \"$header\" is not a public header"
        elif [[ $header != */* ]]; then
            complain "$place: \"$header\" does not name its room"
        elif [[ " $rooms" != *" $first "* ]]; then
            complain "$place: $room may not use $first (\"$header\"); it may use: $rooms"
        fi
        ;;
    *'<CL/'*) [[ $room == runtime ]] || complain "$place: <$header> belongs to runtime" ;;
    *'<clblast'*) [[ $room == blas ]] || complain "$place: <$header> belongs to blas" ;;
    esac
done < <(grep -HnE '^ *# *include' "${files[@]}")

for object in "$@"; do
    name=${object##*/}
    while read -r symbol; do
        case $symbol in
        cl[A-Z]*) [[ $room == runtime ]] || complain "$name: $room calls $symbol" ;;
        CLBlast*) [[ $room == blas ]] || complain "$name: $room calls $symbol" ;;
        printf | puts | putchar | __printf_chk | stdout | stderr | exit | _exit | abort | \
            __assert_fail)
            complain "$name: the library never prints, exits or aborts, and this uses $symbol"
            ;;
        esac
    done < <(nm -u "$object" | awk '{print $NF}')
done

[[ $failures -eq 0 ]]
