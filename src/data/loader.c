/* loader.c: a thread that fills a ring of three batches in order. Of the three, two may be in the
 * caller's hands (batches taken - 2 and taken - 1) and the third is filled. */
#include "data/loader.h"

#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "util/memory.h"
#include "util/random.h"

#define RING 3

struct clt_loader {
    const clt_dataset *dataset;
    clt_reading reading;
    int batch_size, steps;
    bool by_id;           /* batches hold ids in the place of rows */
    bool sorts_all;       /* by leading pads, over the whole pass */
    clt_batch ring[RING]; /* batch n lies in ring[n % RING] */
    uint32_t *order;      /* [count]; written only while no pass runs */
    uint32_t *sorted;     /* [count] } of sort_by_pads: a copy of the order, and the next place */
    size_t *places;       /* [T + 1] } of a sample with so many leading pads */
    pthread_t thread;
    bool running; /* the thread exists */

    pthread_mutex_t mutex;
    pthread_cond_t changed;
    /* under the mutex: */
    bool quit, filling;
    int limit;  /* batches of this pass: steps, or 0 while none runs */
    int first;  /* the pass began with this one */
    int filled; /* batches ready, taken or left out */
    int taken;
};

clt_status clt_loader_create(const clt_dataset *dataset, const clt_reading *reading, int batch,
                             clt_loader **loader, clt_error *error)
{
    clt_status status = CLT_OK;
    clt_loader *made = NULL;
    *loader = NULL;
    if (batch < 1) {
        return clt_fail(error, CLT_USAGE, 0, "a batch of %d samples: it must be 1 or more", batch);
    }
    size_t steps = dataset->count / (size_t)batch + (dataset->count % (size_t)batch != 0);
    if (dataset->count > UINT32_MAX || steps > INT_MAX) {
        return clt_fail(error, CLT_USAGE, 0, "%zu samples are too many", dataset->count);
    }
    made = clt_alloc(1, sizeof *made, "a loader", error);
    if (made == NULL) {
        return CLT_FAILED;
    }
    int code = pthread_mutex_init(&made->mutex, NULL);
    if (code == 0 && (code = pthread_cond_init(&made->changed, NULL)) != 0) {
        pthread_mutex_destroy(&made->mutex);
    }
    if (code != 0) {
        free(made);
        return clt_fail(error, CLT_FAILED, code, "cannot make a loader: %s", strerror(code));
    }
    made->dataset = dataset;
    made->reading = *reading;
    made->batch_size = batch;
    made->steps = (int)steps;
    made->order = clt_alloc(dataset->count, sizeof *made->order, "the order of samples", error);
    if (made->order == NULL) {
        status = CLT_FAILED;
        goto done;
    }
    for (int k = 0; k < RING; k++) {
        CLT_TRY(clt_batch_create(batch, reading->maxlen, &made->ring[k], error));
    }
    made->sorted = clt_alloc(dataset->count, sizeof *made->sorted, "the order of samples", error);
    made->places =
        clt_alloc((size_t)reading->maxlen + 1, sizeof *made->places, "the order of samples", error);
    if (made->sorted == NULL || made->places == NULL) {
        status = CLT_FAILED;
        goto done;
    }
    *loader = made;
    made = NULL;
done:
    clt_loader_destroy(made, false);
    return status;
}

void clt_loader_destroy(clt_loader *loader, bool in_use)
{
    if (loader == NULL) {
        return;
    }
    if (loader->running) {
        pthread_mutex_lock(&loader->mutex);
        loader->quit = true;
        pthread_cond_broadcast(&loader->changed);
        pthread_mutex_unlock(&loader->mutex);
        pthread_join(loader->thread, NULL);
    }
    pthread_cond_destroy(&loader->changed);
    pthread_mutex_destroy(&loader->mutex);
    for (int k = 0; k < RING && !in_use; k++) {
        clt_batch_destroy(&loader->ring[k]);
    }
    free(loader->order);
    free(loader->sorted);
    free(loader->places);
    free(loader);
}

void clt_loader_fill_by_id(clt_loader *loader)
{
    loader->by_id = true;
}

void clt_loader_pack(clt_loader *loader, bool whole)
{
    for (int k = 0; k < RING; k++) {
        loader->ring[k].packs = true;
    }
    loader->sorts_all = whole;
}

void clt_loader_mask(clt_loader *loader)
{
    for (int k = 0; k < RING; k++) {
        loader->ring[k].masks = true;
    }
}

const uint32_t *clt_loader_order(const clt_loader *loader)
{
    return loader->order;
}

int clt_loader_steps(const clt_loader *loader)
{
    return loader->steps;
}

/* Sorts a part of the order by leading pads; samples with equally many keep their order. */
static void sort_by_pads(clt_loader *loader, size_t first, size_t count)
{
    const clt_dataset *dataset = loader->dataset;
    uint32_t *order = loader->order + first;
    size_t next = 0;
    memcpy(loader->sorted, order, count * sizeof *order);
    memset(loader->places, 0, ((size_t)loader->reading.maxlen + 1) * sizeof *loader->places);
    for (int pass = 0; pass < 2; pass++) {
        for (size_t k = 0; k < count; k++) {
            uint32_t sample = loader->sorted[k];
            size_t *place = &loader->places[clt_batch_pads(dataset, &loader->reading,
                                                           loader->ring[0].masks, sample)];
            if (pass == 1) {
                order[*place] = sample;
            }
            ++*place;
        }
        for (int pads = 0; pass == 0 && pads <= loader->reading.maxlen; pads++) {
            size_t here = loader->places[pads];
            loader->places[pads] = next;
            next += here;
        }
    }
}

static void sort_shards(clt_loader *loader)
{
    size_t batch = (size_t)loader->batch_size, left;
    for (size_t first = 0; first < loader->dataset->count; first += batch) {
        left = loader->dataset->count - first;
        const clt_shards shards = clt_shards_of((int)(left < batch ? left : batch));
        for (int s = 0; s < shards.count; s++) {
            sort_by_pads(loader, first + (size_t)shards.first[s],
                         (size_t)(shards.first[s + 1] - shards.first[s]));
        }
    }
}

/* Batch n takes the place of batch n - 3, which the caller gave back by asking for batch n - 1. */
static bool may_fill(const clt_loader *loader)
{
    return loader->filled < loader->limit &&
           (loader->filled < loader->first + RING || loader->filled <= loader->taken);
}

static void *fill_batches(void *argument)
{
    clt_loader *loader = argument;
    pthread_mutex_lock(&loader->mutex);
    while (!loader->quit) {
        if (!may_fill(loader)) {
            pthread_cond_wait(&loader->changed, &loader->mutex);
            continue;
        }
        size_t step = (size_t)loader->filled, first = step * (size_t)loader->batch_size;
        size_t left = loader->dataset->count - first;
        int count = left < (size_t)loader->batch_size ? (int)left : loader->batch_size;
        loader->filling = true;
        pthread_mutex_unlock(&loader->mutex);
        (loader->by_id ? clt_batch_fill_by_id : clt_batch_fill)(&loader->ring[step % RING],
                                                                loader->dataset, &loader->reading,
                                                                loader->order + first, count);
        pthread_mutex_lock(&loader->mutex);
        loader->filling = false;
        loader->filled++;
        pthread_cond_broadcast(&loader->changed);
    }
    pthread_mutex_unlock(&loader->mutex);
    return NULL;
}

/* The thread takes no signals: a handler runs on the caller's threads, as without a loader. */
static clt_status start_thread(clt_loader *loader, clt_error *error)
{
    sigset_t all, before;
    sigfillset(&all);
    int code = pthread_sigmask(SIG_SETMASK, &all, &before);
    if (code == 0) {
        code = pthread_create(&loader->thread, NULL, fill_batches, loader);
        loader->running = code == 0;
        (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    }
    return code == 0 ? CLT_OK
                     : clt_fail(error, CLT_FAILED, code, "cannot start the loader's thread: %s",
                                strerror(code));
}

static void set_order(clt_loader *loader, bool shuffle, uint64_t seed, uint32_t epoch)
{
    uint32_t count = (uint32_t)loader->dataset->count;
    for (uint32_t k = 0; k < count; k++) {
        loader->order[k] = k;
    }
    if (shuffle) {
        clt_random random = clt_random_stream(seed, CLT_RANDOM_SHUFFLE, epoch);
        for (uint32_t left = count; left > 1; left--) {
            uint32_t pick = clt_random_below(&random, left), last = loader->order[left - 1];
            loader->order[left - 1] = loader->order[pick];
            loader->order[pick] = last;
        }
    }
    if (loader->sorts_all) {
        sort_by_pads(loader, 0, count);
    } else {
        sort_shards(loader);
    }
}

clt_status clt_loader_start(clt_loader *loader, bool shuffle, uint64_t seed, uint32_t epoch,
                            int first, clt_error *error)
{
    if (!loader->running) {
        clt_status status = start_thread(loader, error);
        if (status != CLT_OK) {
            return status;
        }
    }
    pthread_mutex_lock(&loader->mutex);
    loader->limit = 0;
    while (loader->filling) {
        pthread_cond_wait(&loader->changed, &loader->mutex);
    }
    set_order(loader, shuffle, seed, epoch);
    loader->filled = loader->taken = loader->first = first;
    loader->limit = loader->steps;
    pthread_cond_broadcast(&loader->changed);
    pthread_mutex_unlock(&loader->mutex);
    return CLT_OK;
}

const clt_batch *clt_loader_next(clt_loader *loader)
{
    const clt_batch *batch = NULL;
    pthread_mutex_lock(&loader->mutex);
    if (loader->taken < loader->limit) {
        int step = loader->taken++;
        pthread_cond_broadcast(&loader->changed);
        while (loader->filled <= step) {
            pthread_cond_wait(&loader->changed, &loader->mutex);
        }
        batch = &loader->ring[step % RING];
    }
    pthread_mutex_unlock(&loader->mutex);
    return batch;
}
