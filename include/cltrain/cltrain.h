/* cltrain.h: the whole public interface of CLTrain. */
#ifndef CLTRAIN_H
#define CLTRAIN_H

#include "cltrain/bench.h"
#include "cltrain/corpus.h"
#include "cltrain/dataset.h"
#include "cltrain/device.h"
#include "cltrain/error.h"
#include "cltrain/model.h"
#include "cltrain/optimizer.h"
#include "cltrain/report.h"
#include "cltrain/runtime.h"
#include "cltrain/selftest.h"
#include "cltrain/trainer.h"
#include "cltrain/tune.h"
#include "cltrain/vocabulary.h"

#ifdef __cplusplus
extern "C" {
#endif

/* "0.1.0" */
const char *clt_version(void);

#ifdef __cplusplus
}
#endif
#endif
