/* tuning.h: the plans that `cltrain tune` found, kept in
 * ${XDG_CACHE_HOME:-~/.cache}/cltrain/tuned.jsonl.
 *
 * A line is {"key": {...}, "plan": "gemm=own:4x3", ...}. The key holds all that can make another
 * plan the best: device, driver, platform, compute units, this library's version, its kernels, and
 * `hidden`, the units of the network's widest LSTM rounded up to a power of two. A line that is
 * damaged is passed over with a CLT_LOG_NOTE, and dropped when the file is next written. */
#ifndef CLT_RUNTIME_TUNING_H
#define CLT_RUNTIME_TUNING_H

#include "runtime/runtime_private.h"

/* All but `hidden` of that key, as the text of a JSON object: what equal bits depend on beside the
 * plan. Freed with free(). NULL: an error. */
char *clt_runtime_identity(const clt_runtime *runtime, clt_error *error);

/* What is stored for this device and networks of that width; false: nothing. */
bool clt_tuning_find(clt_runtime *runtime, int hidden, clt_plan *plan);

/* From now on clt_runtime_tuned answers what is stored. Says so with a CLT_LOG_NOTE, once. */
void clt_tuning_use(clt_runtime *runtime, int hidden);

/* clt_tuning_use does nothing on this runtime: for measuring what is to be stored. */
void clt_tuning_ignore(clt_runtime *runtime);

/* Stores a plan, in place of what is stored under its key; an empty plan: only removes that. Waits
 * for another process that writes. `seconds` and `untuned` of a training step are for people.
 * Errors: CLT_FAILED with the file and the reason; nothing has changed then. */
CLT_NODISCARD clt_status clt_tuning_store(clt_runtime *runtime, int hidden, const clt_plan *plan,
                                          double seconds, double untuned, clt_error *error);

/* Removes every line of this device: any driver, version and width. Errors: as above. */
CLT_NODISCARD clt_status clt_tuning_forget(clt_runtime *runtime, int *lines, clt_error *error);

/* Could it be written? Errors: CLT_FAILED with the file and the reason. */
CLT_NODISCARD clt_status clt_tuning_writable(clt_error *error);

/* The file's path; false when neither HOME nor XDG_CACHE_HOME says where. */
bool clt_tuning_path(char *path, size_t room);

#endif
