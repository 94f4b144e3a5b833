#!/usr/bin/env bash
# Installs the library into a folder of its own and builds and runs main.c against it.
#   check.sh cmake|pkg-config SOURCE_DIR BUILD_DIR C_COMPILER
set -euo pipefail
how=$1 source_dir=$2 build_dir=$3 compiler=$4
box=$(mktemp -d)
trap 'rm -rf "$box"' EXIT

cmake --install "$build_dir" --prefix "$box/prefix" >/dev/null
test -x "$box/prefix/bin/cltrain"
case $how in
cmake)
    cmake -S "$source_dir/tests/consumer" -B "$box/build" -DCMAKE_C_COMPILER="$compiler" \
        -DCMAKE_PREFIX_PATH="$box/prefix" >/dev/null
    cmake --build "$box/build" >/dev/null
    ;;
pkg-config)
    PKG_CONFIG_PATH=$(dirname "$(find "$box/prefix" -name cltrain.pc)")
    export PKG_CONFIG_PATH
    mkdir "$box/build"
    # shellcheck disable=SC2046  # flags are words
    "$compiler" -std=c11 -Wall -Wextra -Werror $(pkg-config --cflags cltrain) \
        "$source_dir/tests/consumer/main.c" -o "$box/build/consumer" $(pkg-config --libs cltrain)
    ;;
esac
library=$(dirname "$(find "$box/prefix" -name 'libcltrain.*' | head -n 1)")
output=$(LD_LIBRARY_PATH=$library${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} "$box/build/consumer" \
    "$source_dir/tests/golden/fixtures/reviews.npz")
[[ $(grep -c '^review [0-4]: 0\.[0-9]* (label [01])$' <<<"$output") -eq 5 ]]
