"""The network in Keras 3, for peers.py. usage: peer_keras.py JOB (see peer_job.py)

Modes: jax, tensorflow (the backend with Keras's own choice of jit_compile); with -jit or -nojit
behind it, that is forced; with -unroll, the LSTM's time loop is unrolled.
"""
import os
import time

from peer_job import read_job, run

job = read_job()
backend, _, option = job["mode"].partition("-")
os.environ["KERAS_BACKEND"] = backend

import keras

keras.utils.set_random_seed(job["seed"])
model = keras.Sequential([
    keras.Input((job["maxlen"],), dtype="int32"),
    keras.layers.Embedding(job["vocabulary"], 128),
    keras.layers.LSTM(job["hidden"], unroll=option == "unroll"),
    keras.layers.Dense(1, activation="sigmoid"),
])
model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"],
              jit_compile={"jit": True, "nojit": False}.get(option, "auto"))


def now():
    if backend == "jax":  # runs ahead of Python
        import jax
        jax.block_until_ready([v.value for v in model.variables])
    return time.perf_counter()


class Epochs(keras.callbacks.Callback):
    """The seconds and figures of each epoch. No hook per batch: Keras would wait at each."""

    def on_train_begin(self, logs=None):
        self.done = []

    def on_epoch_begin(self, epoch, logs=None):
        self.marks = [now()]

    def on_test_begin(self, logs=None):
        self.marks.append(now())

    def on_epoch_end(self, epoch, logs=None):
        self.marks.append(now())
        seconds = (after - before for before, after in zip(self.marks, self.marks[1:]))
        self.done.append({**dict(zip(("train_s", "validation_s"), seconds)),
                          **{name: float(value) for name, value in logs.items()}})


def fit(train, validation, epochs, eval_batch):
    record = Epochs()
    model.fit(*train, batch_size=job["batch"], epochs=epochs, validation_data=validation,
              validation_batch_size=eval_batch, callbacks=[record], verbose=0)
    return record.done


run(job, fit, versions={"keras": keras.__version__, backend: __import__(backend).__version__},
    parameters=model.count_params())
