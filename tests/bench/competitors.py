"""The competitors of peers.py: how each runs in a process of its own, and what is read from it."""
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
REAL_VOCABULARY = 100000  # imdb.npz has 88,584 words; a larger vocabulary gets drawn words
MODES = {
    "torch": ("eager", "compile", "native"),
    "keras": tuple(backend + option for backend in ("tensorflow", "jax")
                   for option in ("", "-jit", "-nojit", "-unroll")),
}
DATA_SECONDS = 600  # for making one file
TUTORIAL = dict(hidden=60, maxlen=100, vocabulary=20000, batch=128)


class Failure(Exception):
    pass


# ---- processes ----

class Finished:
    """A process that ended well: its wall time, peak memory, and lines with their arrival times."""

    def __init__(self, seconds, memory_mb, lines, notes):
        self.seconds, self.memory_mb, self.lines, self.notes = seconds, memory_mb, lines, notes

    def text(self):
        return "".join(line for _, line in self.lines)


def last_line(text):
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""


def run(argv, timeout, env=None):
    """Runs a process to its end. This program stays small: a child's peak memory starts with its
    parent's."""
    with tempfile.TemporaryFile("w+", errors="replace") as notes:
        began = time.perf_counter()
        try:
            child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                     stderr=notes, text=True, errors="replace",
                                     env={**os.environ, **(env or {})})
        except OSError as error:
            raise Failure(f"{argv[0]}: {error.strerror}") from error
        timer = threading.Timer(timeout, child.kill)
        timer.start()
        try:
            lines = [(time.perf_counter() - began, line) for line in child.stdout]
            _, status, usage = os.wait4(child.pid, 0)
        except BaseException:
            child.kill()
            raise
        finally:
            timer.cancel()
        seconds = time.perf_counter() - began
        child.returncode = os.waitstatus_to_exitcode(status)
        notes.seek(0)
        text = notes.read()
    if child.returncode < 0 and seconds >= timeout:
        raise Failure(f"not finished after {timeout} s")
    if child.returncode != 0:
        end = (f"killed by signal {-child.returncode}" if child.returncode < 0
               else f"exit code {child.returncode}")
        raise Failure(last_line(text) or end)
    return Finished(seconds, usage.ru_maxrss / 1024, lines, text)


# ---- competitors ----

class Peer:
    """NAME:MODE[:KEY=VALUE ...]: a script peer_NAME.py in one mode. KEY is threads, eval_batch,
    device, or in capitals a variable of its environment."""

    def __init__(self, spec, options):
        self.name, self.options, self.versions = spec, options, None
        script, mode, *words = [*spec.split(":"), ""][: max(2, spec.count(":") + 1)]
        if mode not in MODES.get(script, ()):
            known = ", ".join(f"{name}:{mode}" for name, modes in MODES.items() for mode in modes)
            raise ValueError(f"--peers {spec}: choose from {known}")
        self.script = HERE / f"peer_{script}.py"
        self.python = next((path for name, path in reversed(options.python)
                            if spec.startswith(name)), sys.executable)
        self.job = dict(mode=mode, threads=None, eval_batch=None, device="cpu")
        self.env = {"TF_CPP_MIN_LOG_LEVEL": "2"}
        for word in words:
            key, _, value = word.partition("=")
            if key in ("threads", "eval_batch"):
                self.job[key] = int(value)
            elif key == "device":
                self.job[key] = value
            elif key.isupper():
                self.env[key] = value
            else:
                raise ValueError(f"--peers {spec}: {word!r} is none of threads=, eval_batch=, "
                                 "device= and a variable in capitals")
        if self.job["device"] == "cpu":
            self.env["CUDA_VISIBLE_DEVICES"] = ""

    def do(self, data, point, **job):
        job = {**self.job, **point, "data": data.padded(point), "seed": 1, **job}
        finished = run([self.python, str(self.script), json.dumps(job)], self.options.timeout,
                       self.env)
        try:
            answer = json.loads(finished.lines[-1][1])
        except (IndexError, ValueError) as error:
            raise Failure("no answer on stdout") from error
        self.versions = answer["versions"]
        return finished, answer

    def fit(self, data):
        finished, answer = self.do(data, TUTORIAL, task="fit", epochs=self.options.epochs,
                                   limit=self.options.limit, validation=True)
        epochs = answer["epochs"]
        return dict(train_s=[epoch["train_s"] for epoch in epochs[1:]],
                    validation_s=[epoch["validation_s"] for epoch in epochs[1:]],
                    whole_s=[finished.seconds], memory_mb=[finished.memory_mb],
                    loss_first=[epochs[0]["loss"]], loss_last=[epochs[-1]["loss"]],
                    val_accuracy=[max(epoch["val_accuracy"] for epoch in epochs)],
                    steps=[answer["steps"]], parameters=[answer["parameters"]])

    def one_step(self, data):
        finished, _ = self.do(data, TUTORIAL, task="fit", epochs=1, limit=TUTORIAL["batch"],
                              validation=False)
        return dict(one_step_s=[finished.seconds])

    def batches(self, data, point):
        _, answer = self.do(data, point, task="batches", limit=None)
        return dict(train_ms=[answer["train_ms"]], infer_ms=[answer["infer_ms"]])


class CLTrain:
    """The program, measured from outside: `fit` prints a line at the end of each epoch."""

    EPOCH = re.compile(r"(\d+)/\1 - \d+s - .* - accuracy: (\S+) - loss: (\S+)"
                       r"(?: - val_accuracy: (\S+) - val_loss: \S+)?$")

    def __init__(self, options):
        self.name, self.options, self.versions = "CLTrain", options, None

    def do(self, verb, data, point, *flags, env=None):
        argv = [self.options.cltrain, verb, "--data", data.npz(point), "--num-words",
                str(point["vocabulary"]), "--maxlen", str(point["maxlen"]), "--batch",
                str(point["batch"]), "--model", f"embedding:128,lstm:{point['hidden']},dense:1",
                *flags]
        if self.options.device:
            argv += ["--device", self.options.device]
        finished = run(argv, self.options.timeout, env)
        self.versions = self.versions or self.describe(finished.notes)
        return finished

    def train(self, data, limit, epochs, *flags, env=None):
        """The process, and of each epoch: arrival of its line, steps, accuracy, loss, validation
        accuracy."""
        with tempfile.TemporaryDirectory() as out:
            finished = self.do("fit", data, TUTORIAL, "--limit", str(limit), "--epochs",
                               str(epochs), "--verbose", "2", "--out", out, *flags, env=env)
        found = ((at, self.EPOCH.search(line)) for at, line in finished.lines)
        lines = [(at, *match.groups()) for at, match in found if match]
        if len(lines) != epochs:
            raise Failure(f"{len(lines)} lines of epochs on stdout, not {epochs}")
        return finished, lines

    def describe(self, notes):
        """The program and the device that it says it uses."""
        version = run([self.options.cltrain, "--version"], self.options.timeout)
        devices = run([self.options.cltrain, "devices", "--json"], self.options.timeout)
        used = re.search(r"^cltrain: device (\S+) ", notes, re.M)
        device = next(d for d in json.loads(devices.text()) if used and d["id"] == used[1])
        plan = {"CLTRAIN_PLAN": os.environ["CLTRAIN_PLAN"]} if "CLTRAIN_PLAN" in os.environ else {}
        return {"version": version.text().strip(), "device": f"{device['name']} "
                f"({device['platform']}, driver {device['driver']})", **plan}

    def fit(self, data):
        """An epoch's line comes after its validation. Epochs of one step tell what validation
        takes: with N steps, the first run's epochs take T + V, the second's T / N + V."""
        finished, lines = self.train(data, self.options.limit, self.options.epochs)
        _, short = self.train(data, TUTORIAL["batch"], self.options.epochs)
        steps = int(lines[0][1])
        both, mostly_validation = (
            [after[0] - before[0] for before, after in zip(epochs, epochs[1:])]
            for epochs in (lines, short))
        rest = statistics.median(mostly_validation)
        train = [(seconds - rest) * steps / (steps - 1) for seconds in both]
        step = statistics.median(train) / steps
        total = next(re.search(r"([\d,]+)", line.split(":")[1])[1]
                     for _, line in finished.lines if "Total params:" in line)
        return dict(train_s=train, validation_s=[seconds - step for seconds in mostly_validation],
                    whole_s=[finished.seconds], memory_mb=[finished.memory_mb],
                    loss_first=[float(lines[0][3])], loss_last=[float(lines[-1][3])],
                    val_accuracy=[max(float(line[4]) for line in lines)],
                    steps=[steps], parameters=[int(total.replace(",", ""))])

    def one_step(self, data):
        flags = data, TUTORIAL["batch"], 1, "--no-validation"
        warm, _ = self.train(*flags)
        with tempfile.TemporaryDirectory() as empty:
            caches = dict.fromkeys(("XDG_CACHE_HOME", "POCL_CACHE_DIR", "CUDA_CACHE_PATH"), empty)
            first, _ = self.train(*flags, env=caches)
        return dict(one_step_s=[warm.seconds], first_start_s=[first.seconds])

    def batches(self, data, point):
        finished = self.do("bench", data, point, "--json")
        answer = json.loads(finished.text())
        inference = answer["inference_seconds"]["median"] / answer["inference_samples"]
        return dict(train_ms=[1e3 * answer["seconds_per_step"]["median"]],
                    infer_ms=[1e3 * inference * point["batch"]])


def has_numpy(python):
    try:
        return bool(run([python, "-c", "import numpy"], DATA_SECONDS))
    except Failure:
        return False


class Data:
    """The reviews: for CLTrain a file as Keras publishes it, for the peers padded arrays."""

    def __init__(self, source, folder, pythons):
        self.source, self.folder = source, folder
        self.python = next(filter(has_numpy, pythons), sys.executable)

    def make(self, path, *arguments):
        if not pathlib.Path(path).exists():
            run([self.python, str(HERE / "peer_data.py"), *map(str, arguments)], DATA_SECONDS)
        return path

    def npz(self, point):
        ranks = point["vocabulary"]
        if ranks <= REAL_VOCABULARY:
            return self.source
        path = f"{self.folder}/{ranks}.npz"
        return self.make(path, "zipf", self.source, path, ranks)

    def padded(self, point):
        stem = f"{self.folder}/{point['vocabulary']}x{point['maxlen']}"
        self.make(f"{stem}.test.labels.npy", "pad", self.npz(point), stem, point["vocabulary"],
                  point["maxlen"])
        return stem
