#!/usr/bin/env bash
# Each public header compiles alone, as C11 and as C++, without a warning, and its enumerators are
# named alike in both.
#   headers.sh INCLUDE_DIR C_COMPILER
set -euo pipefail
include=$1 compiler=$2

flags=(-Wall -Wextra -pedantic -Werror -fsyntax-only -I "$include")
for header in "$include"/cltrain/*.h; do
    line="#include \"cltrain/${header##*/}\""
    "$compiler" -x c -std=c11 "${flags[@]}" - <<<"$line"
    "$compiler" -x c++ -std=c++11 "${flags[@]}" - <<<"$line"
done

use='#include "cltrain/cltrain.h"
int stops(void *user, const clt_progress *progress);
int stops(void *user, const clt_progress *progress)
{
    return user != NULL && progress->event == CLT_PROGRESS_EPOCH_END;
}'
"$compiler" -x c -std=c11 "${flags[@]}" - <<<"$use"
"$compiler" -x c++ -std=c++11 "${flags[@]}" - <<<"$use"
