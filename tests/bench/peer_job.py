"""What the peers' scripts share: the job, the data, what is measured. Needs NumPy only.

A job is one JSON argument: task ("fit" or "batches"), data (from peer_data.py), limit (reviews to
train on, null: all), validation, epochs, batch, eval_batch (null: batch), hidden, maxlen,
vocabulary, mode, threads (null: all cores), device, seed. The last line on stdout is the answer,
JSON too.
"""
import json
import os
import statistics
import sys

import numpy as np

WARM_BATCHES = 2
SERIES = 3  # timed epochs of a grid point in one process
SERIES_SECONDS = 1.0


def read_job():
    """To be called before the framework is imported: frameworks count the cores they may use."""
    job = json.loads(sys.argv[1])
    if job["threads"]:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: job["threads"]])
    return job


def load(job, part):
    """Padded ids, int32 [reviews][maxlen], and labels, float32 [reviews]."""
    return tuple(np.load(f"{job['data']}.{part}.{name}.npy") for name in ("ids", "labels"))


def run(job, fit, **facts):
    """Does the job. fit(train, validation, epochs, eval_batch) trains on from where the weights are
    and returns for each epoch train_s, loss, accuracy and, with validation, validation_s, val_loss,
    val_accuracy."""
    x, y = load(job, "train")
    x, y = x[: job["limit"]], y[: job["limit"]]
    batch = job["batch"]
    if job["task"] == "fit":
        validation = load(job, "test") if job["validation"] else None
        epochs = fit((x, y), validation, job["epochs"], job["eval_batch"] or batch)
        facts.update(epochs=epochs, steps=-(-len(x) // batch))
    else:
        facts.update(time_batches(batch, len(x) // batch,
                                  lambda n, epochs: fit(*2 * [(x[: n * batch], y[: n * batch])],
                                                        epochs, batch)))
    print(json.dumps(facts), flush=True)


def time_batches(batch, most, fit):
    """Milliseconds of a training step and of an inference batch. The first epoch of a fit does not
    count: it compiles, traces and warms up. The first fit says how many batches last long
    enough."""
    once = fit(WARM_BATCHES, 2)[1]["train_s"] / WARM_BATCHES
    count = min(most, max(1, round(SERIES_SECONDS / once)))
    epochs = fit(count, 1 + SERIES)[1:]
    return {name: 1e3 / count * statistics.median(epoch[seconds] for epoch in epochs)
            for name, seconds in (("train_ms", "train_s"), ("infer_ms", "validation_s"))}
