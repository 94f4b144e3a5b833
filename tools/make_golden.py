#!/usr/bin/env python3
"""Makes tests/golden/fixtures: what the real Keras 3 computes, for tests/golden to compare with.

    KERAS_BACKEND=jax python3 tools/make_golden.py            writes the fixtures
    KERAS_BACKEND=jax python3 tools/make_golden.py CASE ...   those training cases alone
    KERAS_BACKEND=jax python3 tools/make_golden.py --check    Keras in double against the fixtures
    KERAS_BACKEND=jax python3 tools/make_golden.py --end-to-end imdb.npz
                                              the losses that test_end_to_end.c takes its limit from

Needs keras 3, jax, numpy, safetensors. The backend is JAX because Keras's TensorFlow backend gives
Adam a different second moment for ids that occur more than once in a batch.

A training case is one file NAME.safetensors, with `model` (CLTrain's model string) as metadata:

    num_words, maxlen, batch, epochs, padding, truncating   I32 [1]; sides: 0 pre, 1 post
    train.offsets, train.ids, train.labels                  samples in compressed rows
    test.offsets, test.ids, test.labels                     validation data of the short fit
    clip, clip_limit, weight_decay    I32, F64 [1]; kinds: 0 none, 1 value, 2 norm, 3 global norm
    class_weights     F32 [classes], where there are some
    ema               F32 [1], its momentum; adam and fit then have averages, val_ is of them
    optimizer, nesterov, momentum     I32, I32, F64 [1]; 0 Adam, 1 SGD, 2 RMSprop
    schedule, schedule_epochs, schedule_factor, warmup    I32, I32, F64, I32 [1], of fit alone; kinds:
                      0 constant, 1 cosine, 2 step, 3 plateau; rates F32 [steps]: what came of it
    start/TENSOR      weights to start from
    logits, loss      of the first `batch` samples of train, at the start; logits [batch * outputs]
    gradient/TENSOR   of that loss
    adam/TENSOR       weights after STEPS steps of the optimizer on those samples
    fit/TENSOR        weights after model.fit(train, epochs, batch, shuffle=False)
    history/KEY       F32 [epochs], what fit reports

A tensor of more than LARGE elements would make a file of megabytes: it starts from pattern() with
the scale in pattern/TENSOR, and every stride-th element (stride/TENSOR) of its results is kept.
"""
import argparse
import os
import pathlib
import sys

os.environ.setdefault("KERAS_BACKEND", "jax")
if "--check" in sys.argv:
    os.environ["JAX_ENABLE_X64"] = "1"

import jax
import keras
import numpy as np
from safetensors.numpy import load_file, save_file

from golden_cases import CASES

FIXTURES = pathlib.Path(__file__).resolve().parent.parent / "tests" / "golden" / "fixtures"
STEPS = 10
LARGE = 20000


def pattern(count, scale):
    """Weights that a test can make again: a multiplicative hash of the element's number."""
    k = np.arange(count, dtype=np.uint64)
    u = (k * np.uint64(2654435761) % np.uint64(2**32) >> np.uint64(8)).astype(np.float64) / 2**24
    return (scale * (2.0 * u - 1.0)).astype(np.float32)


def rows(samples):
    offsets = np.cumsum([0] + [len(s) for s in samples]).astype(np.int64)
    return offsets, np.concatenate([np.asarray(s, np.int32) for s in samples])


def make_samples(rng, count, case):
    """Lengths on both sides of maxlen; ids from 1, so that 0 is the pad; learnable labels."""
    limit = case.get("ids", case["V"])
    lengths = rng.integers(1, max(2, 2 * case["T"]), count)
    samples = [rng.integers(1, limit, n).tolist() for n in lengths]
    if "mask" in case and "max" not in case.get("pool", ""):
        samples = [[w if rng.random() > 0.2 else 0 for w in s[:-1]] + s[-1:] for s in samples]
    means, classes = np.array([np.mean(s) for s in samples]), case.get("classes", 2)
    labels = np.searchsorted(limit * np.arange(1, classes) / classes, means).astype(np.int32)
    flipped = rng.random(count) < 0.2
    return samples, np.where(flipped, classes - 1 - labels, labels).astype(np.int32)


def pad(case, samples):
    side = ("pre", "post")
    padding, truncating = case.get("sides", (0, 0))
    return keras.utils.pad_sequences(samples, maxlen=case["T"], padding=side[padding],
                                     truncating=side[truncating])


def gives_sequence(case, k):
    return k + 1 < len(case["H"]) or "pool" in case


def pool(kind, states):
    if kind == "last":
        return states[:, -1]
    layer = dict(mean=keras.layers.GlobalAveragePooling1D, max=keras.layers.GlobalMaxPooling1D)[kind]
    return layer()(states)


def build(case):
    inputs = keras.Input((case["T"],), dtype="int32")
    x = keras.layers.Embedding(case["V"], case["D"], mask_zero="mask" in case,
                               trainable="frozen" not in case)(inputs)
    for k, hidden in enumerate(case["H"]):
        lstm = keras.layers.LSTM(hidden, return_sequences=gives_sequence(case, k))
        x = (keras.layers.Bidirectional(lstm) if "both" in case else lstm)(x)
    if "pool" in case:
        parts = [pool(kind, x) for kind in case["pool"].split("+")]
        x = keras.layers.Concatenate()(parts) if len(parts) > 1 else parts[0]
    if "classes" in case:
        x = keras.layers.Dense(case["classes"])(x)
    else:
        x = keras.layers.Dense(1, activation="sigmoid")(x)
    return keras.Model(inputs, x)


def loss_of(case):
    if "classes" in case:
        return keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return keras.losses.BinaryCrossentropy()


OPTIMIZERS = ("Adam", "SGD", "RMSprop")
CLIPS = dict(value="clipvalue", norm="clipnorm", global_norm="global_clipnorm")


SCHEDULES = ("constant", "cosine", "step", "plateau")


def cosine(rate, steps, warmup):
    decay = keras.optimizers.schedules.CosineDecay
    if warmup > 0:
        return decay(0.0, max(1, steps - warmup), warmup_target=rate, warmup_steps=warmup)
    return decay(rate, steps)


def staircase(rate, steps, factor):
    return keras.optimizers.schedules.ExponentialDecay(rate, steps, factor, staircase=True)


def schedule_of(case):
    """What the optimizer of a whole fit gets for its learning rate; None: its default."""
    kind, epochs, factor, warmup = case.get("schedule", ("constant", 1, 0.0, 0))
    steps = -(-case["n"] // case["B"])
    if kind == "cosine":
        return cosine(0.001, case["epochs"] * steps, warmup)
    return staircase(0.001, epochs * steps, factor) if kind == "step" else None


def callbacks_of(case):
    callbacks = [keras.callbacks.SwapEMAWeights()] if "ema" in case else []
    if case.get("schedule", ("",))[0] == "plateau":
        _, epochs, factor, _ = case["schedule"]
        callbacks.append(keras.callbacks.ReduceLROnPlateau(patience=epochs, factor=factor))
    return callbacks


def optimizer_of(case, learning_rate=None):
    arguments = dict(weight_decay=case.get("decay"))
    if learning_rate is not None:
        arguments["learning_rate"] = learning_rate
    if "ema" in case:
        arguments.update(use_ema=True, ema_momentum=case["ema"])
    if "clip" in case:
        kind, limit = case["clip"]
        arguments[CLIPS[kind]] = limit
    for name in "momentum", "nesterov":
        if name in case:
            arguments[name] = case[name]
    return getattr(keras.optimizers, case.get("optimizer", "Adam"))(**arguments)


def model_string(case):
    both = ":bidirectional" if "both" in case else ""
    layers = [f"lstm:{h}{both}" + (":sequence" if gives_sequence(case, k) else "")
              for k, h in enumerate(case["H"])]
    if "pool" in case:
        layers.append(f"pool:{case['pool']}")
    options = (":frozen" if "frozen" in case else "") + (":mask_zero" if "mask" in case else "")
    return ",".join([f"embedding:{case['D']}{options}", *layers, f"dense:{case.get('classes', 1)}"])


def tensor_names(case):
    """CLTrain's names, in the order of variables_of."""
    names = ["embedding.embeddings"]
    for k in range(len(case["H"])):
        layer = "lstm" if k == 0 else f"lstm_{k}"
        for direction in (".forward", ".backward") if "both" in case else ("",):
            names += [f"{layer}{direction}.{part}"
                      for part in ("kernel", "recurrent_kernel", "bias")]
    return names + ["dense.kernel", "dense.bias"]


def variables_of(model):
    return [variable for layer in model.layers for variable in layer.weights]


def start_weights(case, seed):
    """Keras's initial weights, or the same with wider embeddings and biases that are not 0."""
    keras.utils.set_random_seed(seed)
    names, model = tensor_names(case), build(case)
    start = {name: keras.ops.convert_to_numpy(variable).copy()
             for name, variable in zip(names, variables_of(model))}
    if case.get("scale", 1.0) is not None:
        rng = np.random.default_rng(seed)
        for name in names:
            if name.endswith(("embeddings", "bias")):
                start[name] += rng.uniform(-0.8, 0.8, start[name].shape).astype(np.float32)
    scales = {}
    for name, value in start.items():
        if value.size > LARGE:
            scales[name] = 1.5 / np.sqrt(value.shape[0])
            start[name] = pattern(value.size, np.float32(scales[name])).reshape(value.shape)
    return start, scales


def run_case(case, start, train, test):
    """Everything Keras has to say about one case."""
    names, out = tensor_names(case), {}
    model = build(case)

    def restart():
        for name, variable in zip(names, variables_of(model)):
            variable.assign(start[name])

    def keep(group, values, names=names):
        for name, value in zip(names, values):
            out[f"{group}/{name}"] = keras.ops.convert_to_numpy(value).copy()

    (x, y), (x_test, y_test) = train, test
    x0, y0 = x[: case["B"]], y[: case["B"]].astype(keras.config.floatx())
    restart()
    loss = loss_of(case)
    weights = case.get("weights")
    # What fit makes of class_weight.
    weights0 = None if weights is None else np.array(weights, keras.config.floatx())[y[: case["B"]]]

    def mean_loss(values):
        outputs = model.stateless_call(values, frozen, x0)[0]
        each = "classes" in case or "weights" in case  # a loss for each sample
        return loss(y0, outputs if each else outputs[:, 0], weights0)

    start_values = [v.value for v in model.trainable_variables]
    frozen = [v.value for v in model.non_trainable_variables]
    # The logit as Keras's own layers give it: the last layer without its sigmoid.
    features = keras.Model(model.inputs[0], model.layers[-1].input)(x0)
    logits = keras.ops.matmul(features, model.layers[-1].kernel) + model.layers[-1].bias
    out["logits"] = np.array(logits).reshape(-1)
    value, gradient = jax.value_and_grad(mean_loss)(start_values)
    out["loss"] = np.array(value).reshape(1)
    if "classes" not in case:
        from_logits = keras.losses.BinaryCrossentropy(from_logits=True)
        assert np.abs(out["logits"]).max() < 8, "logits where Keras's clipping of p would show"
        again = from_logits(y0, out["logits"] if weights is None else logits, weights0)
        assert abs(float(again) - float(value)) < 1e-6
    keep("gradient", gradient, names[1:] if "frozen" in case else names)

    optimizer = optimizer_of(case)
    optimizer.build(model.trainable_variables)
    for _ in range(STEPS):
        gradient = jax.grad(mean_loss)([v.value for v in model.trainable_variables])
        optimizer.apply(gradient, model.trainable_variables)
    optimizer.finalize_variable_values(model.trainable_variables)
    keep("adam", variables_of(model))

    restart()
    model.compile(optimizer=optimizer_of(case, schedule_of(case)), loss=loss, metrics=["accuracy"])
    history = model.fit(x, y, batch_size=case["B"], epochs=case["epochs"], shuffle=False,
                        validation_data=(x_test, y_test), verbose=0,
                        callbacks=callbacks_of(case),
                        class_weight=None if weights is None else dict(enumerate(weights))).history
    keep("fit", variables_of(model))
    for key, values in history.items():
        out[f"history/{key}"] = np.array(values, np.float32)
    if "schedule" in case:
        steps, schedule = -(-case["n"] // case["B"]), schedule_of(case)
        out["rates"] = np.array(
            np.repeat(history["learning_rate"], steps) if schedule is None else
            [schedule(step) for step in range(case["epochs"] * steps)], np.float32)
    return out


def make_case(name, seed):
    case = CASES[name]
    assert -(-case["n"] // case["B"]) * case["epochs"] <= 30, "a short fit"
    rng = np.random.default_rng(seed)
    train, labels = make_samples(rng, case["n"], case)
    test, test_labels = make_samples(rng, max(3, case["n"] // 3), case)
    start, scales = start_weights(case, seed)
    out = run_case(case, start, (pad(case, train), labels), (pad(case, test), test_labels))

    file = {}
    for key, value in dict(num_words=case["V"], maxlen=case["T"], batch=case["B"],
                           epochs=case["epochs"], padding=case.get("sides", (0, 0))[0],
                           truncating=case.get("sides", (0, 0))[1]).items():
        file[key] = np.array([value], np.int32)
    if "clip" in case:
        kind, limit = case["clip"]
        file["clip"] = np.array([1 + list(CLIPS).index(kind)], np.int32)
        file["clip_limit"] = np.array([limit])
    if "optimizer" in case:
        file["optimizer"] = np.array([OPTIMIZERS.index(case["optimizer"])], np.int32)
        file["nesterov"] = np.array([case.get("nesterov", False)], np.int32)
        file["momentum"] = np.array([case.get("momentum", 0.0)])
    if "schedule" in case:
        kind, epochs, factor, warmup = case["schedule"]
        file["schedule"] = np.array([SCHEDULES.index(kind)], np.int32)
        file["schedule_epochs"] = np.array([epochs], np.int32)
        file["schedule_factor"] = np.array([factor])
        file["warmup"] = np.array([warmup], np.int32)
    if "decay" in case:
        file["weight_decay"] = np.array([case["decay"]])
    if "ema" in case:
        file["ema"] = np.array([case["ema"]], np.float32)
    if "weights" in case:
        file["class_weights"] = np.array(case["weights"], np.float32)
    for part, samples, part_labels in ("train", train, labels), ("test", test, test_labels):
        file[f"{part}.offsets"], file[f"{part}.ids"] = rows(samples)
        file[f"{part}.labels"] = part_labels
    for tensor, value in start.items():
        if tensor in scales:
            file[f"pattern/{tensor}"] = np.array([scales[tensor]], np.float32)
            file[f"stride/{tensor}"] = np.array([37], np.int32)
        else:
            file[f"start/{tensor}"] = value
    for key, value in out.items():
        large = key.partition("/")[2] in scales
        file[key] = np.ascontiguousarray(value.reshape(-1)[::37]) if large else value
    return file, model_string(case)


def make_load_data():
    """A small npz in the layout of Keras's imdb.npz, and the first 20 samples of its load_data."""
    rng = np.random.default_rng(113)
    arrays = {}
    for part, count in ("train", 30), ("test", 25):
        lengths = rng.integers(1, 24, count)
        lists = [np.minimum(rng.zipf(1.4, n), 400).tolist() for n in lengths]
        x = np.empty(count, dtype=object)
        x[:] = lists
        arrays[f"x_{part}"], arrays[f"y_{part}"] = x, rng.integers(0, 2, count).astype(np.int64)
    path = FIXTURES / "reviews.npz"
    np.savez_compressed(path, **arrays)

    from keras.src.datasets import imdb
    imdb.get_file = lambda *args, **kwargs: str(path)  # the file at hand, not the one to download
    defaults = dict(num_words=None, skip_top=0, maxlen=None, seed=113, start_char=1, oov_char=2,
                    index_from=3)
    cases = {
        "defaults": {},
        "num_words": dict(num_words=20),
        "skip_top": dict(num_words=30, skip_top=5),
        "maxlen": dict(num_words=100, maxlen=12),
        "seed": dict(seed=7),
        "no_start": dict(start_char=None, num_words=50),
        "no_oov": dict(oov_char=None, num_words=15),
        "index_from": dict(index_from=10, start_char=4, oov_char=5, num_words=60),
    }
    file = {}
    for name, changes in cases.items():
        arguments = {**defaults, **changes}
        (x, y), (x_test, y_test) = imdb.load_data(**arguments)
        none = dict(num_words=0, maxlen=0, start_char=-1, oov_char=-1)
        file[f"{name}/arguments"] = np.array(
            [none[k] if v is None else v for k, v in arguments.items()], np.int32)
        for part, samples, labels in ("train", x, y), ("test", x_test, y_test):
            file[f"{name}/{part}.count"] = np.array([len(samples)], np.int32)
            file[f"{name}/{part}.offsets"], file[f"{name}/{part}.ids"] = rows(samples[:20])
            file[f"{name}/{part}.labels"] = np.asarray(labels[:20], np.int32)
    return file


def make_pad_sequences():
    samples = [list(range(1, n + 1)) for n in (1, 3, 4, 5, 9)] + [[]]
    file = dict(zip(("offsets", "ids"), rows(samples)))
    for maxlen in 1, 4, 12:
        for padding in "pre", "post":
            for truncating in "pre", "post":
                file[f"{padding}/{truncating}/{maxlen}"] = keras.utils.pad_sequences(
                    samples, maxlen=maxlen, padding=padding, truncating=truncating)
    return file


def make_control():
    """Rates of Keras's schedules at each step, and what its callbacks make of the values of epochs.

    schedules/K/shape   I32: kind (1 cosine, 2 step), epochs, warm-up, steps of an epoch, all epochs
    schedules/K/factor  F64; schedules/K/rate F64; schedules/K/rates F32 [steps]
    fits/K/shape        I32: metric (2 accuracy, 3 val_loss), patience, the plateau's epochs
    fits/K/numbers      F64: min_delta, the plateau's factor, learning rate
    fits/K/values       F64 [epochs]: what is monitored; fits/K/rates F32: of the epochs that ran
    fits/K/best         I32: the epoch whose weights are restored
    """
    file = {}
    schedules = [(1, 1, 0, 7, 4), (1, 1, 5, 7, 4), (1, 1, 40, 7, 4), (2, 1, 0, 6, 5), (2, 2, 0, 5, 7)]
    for k, (kind, epochs, warmup, steps, all_epochs) in enumerate(schedules):
        rate, factor = 0.01 / (k + 1), 0.5 - 0.1 * k
        schedule = (staircase(rate, epochs * steps, factor) if kind == 2 else
                    cosine(rate, all_epochs * steps, warmup))
        file[f"schedules/{k}/shape"] = np.array([kind, epochs, warmup, steps, all_epochs], np.int32)
        file[f"schedules/{k}/factor"] = np.array([factor])
        file[f"schedules/{k}/rate"] = np.array([rate])
        file[f"schedules/{k}/rates"] = np.array(
            [schedule(step) for step in range(all_epochs * steps)], np.float32)
    rng = np.random.default_rng(9)
    fits = [(metric, patience, min_delta, wait) for metric in (2, 3)
            for patience, min_delta, wait in ((1, 0.0, 2), (3, 0.0, 1), (4, 0.02, 3), (30, 0.05, 2))]
    for k, (metric, patience, min_delta, wait) in enumerate(fits):
        mode, factor, rate = ("max" if metric == 2 else "min"), 0.3, 0.02
        values = 0.7 + rng.normal(0.0, 0.03, 30) + (0.01 if metric == 2 else -0.01) * np.arange(30)
        model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
        model.compile(optimizer=keras.optimizers.Adam(rate), loss="mse")
        callbacks = [
            keras.callbacks.EarlyStopping(monitor="x", mode=mode, patience=patience,
                                          min_delta=min_delta, restore_best_weights=True),
            keras.callbacks.ReduceLROnPlateau(monitor="x", mode=mode, patience=wait, factor=factor)]
        rates = []
        for callback in callbacks:
            callback.set_model(model)
            callback.on_train_begin()
        for epoch, value in enumerate(values):
            model.set_weights([np.full((1, 1), epoch, np.float32)])  # so that they name the epoch
            rates.append(float(model.optimizer.learning_rate))
            for callback in callbacks:
                callback.on_epoch_end(epoch, {"x": float(value)})
            if model.stop_training:
                break
        callbacks[0].on_train_end()
        file[f"fits/{k}/shape"] = np.array([metric, patience, wait], np.int32)
        file[f"fits/{k}/numbers"] = np.array([min_delta, factor, rate])
        file[f"fits/{k}/values"] = values
        file[f"fits/{k}/rates"] = np.array(rates, np.float32)
        file[f"fits/{k}/best"] = np.array([int(model.get_weights()[0][0, 0])], np.int32)
    return file


def make_lstm_dropout():
    """An LSTM with given masks: of its input, of its state, of both, and with masked steps as well.

    CASE/shape   I32: samples, time steps, features, units
    CASE/x [B, T, D], CASE/dy [B, T, H], CASE/input_mask [B, D], CASE/state_mask [B, H]: ones, none
    CASE/kernel, recurrent_kernel, bias; CASE/y: every state; CASE/dx, dkernel, ..: of sum(y * dy)
    CASE/start [B] I32: before it a sample is masked

    With a recurrent dropout Keras draws four masks, one a gate; all four are the same here.
    """
    file = {}
    for k, (name, rates) in enumerate(
            dict(input=(0.3, 0.0), state=(0.0, 0.4), both=(0.5, 0.25), masked=(0.5, 0.25)).items()):
        rng = np.random.default_rng(k)
        samples, steps, features, units = shape = (11, 6, 5, 7)
        layer = keras.layers.LSTM(units, return_sequences=True, dropout=rates[0],
                                  recurrent_dropout=rates[1])
        layer.build((samples, steps, features))
        masks = [((rng.random((samples, n)) >= rate) / (1.0 - rate)).astype(np.float32)
                 for n, rate in zip((features, units), rates)]
        given = masks if rates[1] == 0.0 else [[mask] * 4 for mask in masks]
        layer.cell.get_dropout_mask = lambda step_input: given[0]
        layer.cell.get_recurrent_dropout_mask = lambda step_input: given[1]

        def normal(*shape, scale=1.0):
            return rng.normal(0.0, scale, shape).astype(np.float32)

        values = [normal(*variable.shape, scale=0.5) for variable in layer.trainable_variables]
        x, dy = normal(samples, steps, features), normal(samples, steps, units)
        frozen = [v.value for v in layer.non_trainable_variables]
        start = np.arange(samples, dtype=np.int32) % (steps + 1) * (name == "masked")
        words = np.arange(steps) >= start[:, None] if start.any() else None

        def weighted(values, x):
            y = layer.stateless_call(values, frozen, x, mask=words, training=True)[0]
            return (y * dy).sum(), y

        (_, y), (dvalues, dx) = jax.value_and_grad(weighted, (0, 1), has_aux=True)(values, x)
        parts = ["kernel", "recurrent_kernel", "bias"]
        case = dict(shape=np.array(shape, np.int32), x=x, dy=dy, input_mask=masks[0],
                    state_mask=masks[1], start=start, y=y, dx=dx, **dict(zip(parts, values)),
                    **{f"d{part}": value for part, value in zip(parts, dvalues)})
        file.update({f"{name}/{key}": np.array(value) for key, value in case.items()})
    return file


class AdamFloatPowers(keras.optimizers.Adam):
    """Adam in double, with the powers of beta that float32 gives: 1 - 0.999f is 1.3e-5 off."""

    def update_step(self, gradient, variable, learning_rate):
        step = keras.ops.cast(self.iterations + 1, "float32")
        power_1 = keras.ops.power(np.float32(self.beta_1), step)
        power_2 = keras.ops.power(np.float32(self.beta_2), step)
        alpha = keras.ops.sqrt(1 - power_2) / (1 - power_1)
        index = self._get_variable_index(variable)
        m, v = self._momentums[index], self._velocities[index]
        m.assign_add((gradient - m) * (1 - self.beta_1))
        v.assign_add((keras.ops.square(gradient) - v) * (1 - self.beta_2))
        variable.assign_sub(learning_rate * alpha * m / (keras.ops.sqrt(v) + self.epsilon))


def check():
    """How far each group of a fixture is from double, against how far double is from the start, and
    in units of the weights' last places: the noise of Keras's own float."""
    keras.config.set_floatx("float64")
    keras.optimizers.Adam = AdamFloatPowers
    for name in CASES:
        case, stored = CASES[name], load_file(FIXTURES / f"{name}.safetensors")

        def samples(part):
            offsets, ids = stored[f"{part}.offsets"], stored[f"{part}.ids"]
            lists = [ids[a:b].tolist() for a, b in zip(offsets, offsets[1:])]
            return pad(case, lists), stored[f"{part}.labels"]

        shapes = {n: v.shape for n, v in zip(tensor_names(case), variables_of(build(case)))}
        start = {n: stored[f"start/{n}"] if f"start/{n}" in stored else
                 pattern(np.prod(s), stored[f"pattern/{n}"][0]).reshape(s)
                 for n, s in shapes.items()}
        out = run_case(case, start, samples("train"), samples("test"))
        worst = {}
        for key, value in out.items():
            group, _, tensor = key.partition("/")
            stride = int(stored.get(f"stride/{tensor}", [1])[0])
            wide = np.float64(value).reshape(-1)[::stride]
            moves = group in ("adam", "fit")
            moved = wide - start[tensor].reshape(-1)[::stride] if moves else wide
            error = np.linalg.norm(stored[key].reshape(-1) - wide)
            ulps = error / np.linalg.norm(np.spacing(np.float32(wide)))
            row = (error / max(np.linalg.norm(moved), 1e-30), ulps if moves else 0.0, tensor)
            worst[group] = max(worst.get(group, row), row)
        for group, (relative, ulps, tensor) in worst.items():
            print(f"{name:14} {group:9} {relative:.1e}", f"{ulps:.1f} ulp" if ulps else "", tensor)


def end_to_end(path):
    """2,000 real reviews, 2 epochs, five starts, with the tutorial's network in batches of 32."""
    from keras.src.datasets import imdb
    imdb.get_file = lambda *args, **kwargs: path
    (x, y), _ = imdb.load_data(num_words=20000)
    x, y = keras.utils.pad_sequences(x[:2000], maxlen=100), y[:2000]
    case = dict(V=20000, D=128, T=100, H=[60])
    for seed in range(1, 6):
        keras.utils.set_random_seed(seed)
        model = build(case)
        model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])
        history = model.fit(x, y, batch_size=32, epochs=2, verbose=0).history
        print(seed, *(f"{key} {values[-1]:.4f}" for key, values in history.items()), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cases", nargs="*", metavar="CASE", help="write these alone")
    parser.add_argument("--check", action="store_true", help="compare with Keras in double")
    parser.add_argument("--end-to-end", metavar="NPZ", help="losses of a short run on real data")
    arguments = parser.parse_args()
    assert keras.backend.backend() == "jax", "set KERAS_BACKEND=jax"
    if arguments.check:
        return check()
    if arguments.end_to_end:
        return end_to_end(os.path.abspath(arguments.end_to_end))
    FIXTURES.mkdir(parents=True, exist_ok=True)
    for seed, name in enumerate(CASES, start=1):
        if arguments.cases and name not in arguments.cases:
            continue
        file, layers = make_case(name, CASES[name].get("seed", seed))
        save_file(file, FIXTURES / f"{name}.safetensors", metadata={"model": layers})
        print(name, flush=True)
    if not arguments.cases or "lstm_dropout" in arguments.cases:
        save_file(make_lstm_dropout(), FIXTURES / "lstm_dropout.safetensors")
    if arguments.cases:
        return
    save_file(make_load_data(), FIXTURES / "load_data.safetensors")
    save_file(make_pad_sequences(), FIXTURES / "pad_sequences.safetensors")
    save_file(make_control(), FIXTURES / "control.safetensors")


if __name__ == "__main__":
    main()
