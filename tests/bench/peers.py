#!/usr/bin/env python3
"""Times CLTrain beside PyTorch and Keras on this machine: same network, same reviews, all cores.

    python3 tests/bench/peers.py --cltrain build/cltrain --data imdb.npz \\
        --python torch=TORCH_VENV/bin/python --python keras=KERAS_VENV/bin/python

Every measurement is a fresh process; the competitors take turns, and the tables hold medians over
the turns. This needs the standard library only, the peers' interpreters what README.md says. Exit
codes: 0, all was measured; 1, something failed, which the tables say; 2, wrong command line.
"""
import argparse
import datetime
import json
import os
import platform
import statistics
import sys
import tempfile

from competitors import TUTORIAL, CLTrain, Data, Failure, Peer

PEERS = "torch:eager,keras:tensorflow-nojit,keras:jax"
REVIEWS = 25000  # of each split of imdb.npz

AXES = {
    "hidden": (60, 128, 256, 512, 1024),
    "maxlen": (50, 100, 200, 400, 1000),
    "vocabulary": (20000, 100000, 400000),
    "batch": (1, 8, 32, 128, 512, 1024),
}
CORNERS = (
    dict(hidden=1024, batch=1),
    dict(hidden=512, maxlen=400, batch=32),
    dict(maxlen=1000, batch=1),
    dict(maxlen=1000, batch=1024),
    dict(vocabulary=400000, batch=1),
    dict(vocabulary=400000, maxlen=400, batch=512),
)
QUICK = (dict(), dict(batch=1), dict(hidden=128, maxlen=50, vocabulary=400000))

# The tutorial's table: what, its title, digits, whether less of it is better.
TUTORIAL_ROWS = (
    ("train_s", "training epoch of {limit:,} reviews, s", 2, True),
    ("validation_s", "evaluation of 25,000 reviews, s", 2, True),
    ("whole_s", "whole process, {epochs} epochs with validation, s", 1, True),
    ("memory_mb", "its peak memory, MB", 0, True),
    ("one_step_s", "whole process, one step, s", 2, True),
    ("first_start_s", "the same with empty kernel caches, s", 2, False),
    ("loss_first", "training loss of the first epoch", 4, False),
    ("loss_last", "training loss of the last epoch", 4, False),
    ("val_accuracy", "best validation accuracy", 4, False),
    ("steps", "steps in an epoch", 0, False),
    ("parameters", "parameters", 0, False),
)
GRID_ROWS = (("train_ms", "a training step"), ("infer_ms", "an inference batch"))


def grid(axes, quick):
    """One axis at a time around the tutorial, then corners."""
    changes = [{axis: value} for axis in AXES if axis in axes for value in AXES[axis]]
    changes += CORNERS if "corners" in axes else ()
    points = []
    for change in QUICK if quick else changes:
        point = {**TUTORIAL, **change}
        if point not in points:
            points.append(point)
    return points


# ---- measuring ----

class Report:
    """Samples by competitor and figure, failures beside them; on disk after every process."""

    def __init__(self, options, competitors):
        self.options, self.competitors = options, competitors
        self.machine = machine()
        self.tutorial, self.grid = [], []

    def save(self):
        if self.options.json:
            content = dict(
                machine=self.machine, options=vars(self.options),
                versions={c.name: c.versions for c in self.competitors},
                tutorial=[cells.content() for cells in self.tutorial],
                grid=[cells.content() for cells in self.grid])
            with open(self.options.json, "w", encoding="utf-8") as file:
                json.dump(content, file, indent=1)
                file.write("\n")


class Cells:
    """What was measured of each competitor at one point: samples of each figure, or a failure."""

    def __init__(self, point):
        self.point, self.samples, self.failed = point, {}, {}

    def content(self):
        return dict(point=self.point, samples=self.samples, failed=self.failed)

    def measure(self, competitor, work, *arguments):
        """One process or more; a competitor that failed here once is not tried here again."""
        name = competitor.name
        if name in self.failed:
            return
        shown = " ".join(f"{key}={value}" for key, value in self.point.items())
        print(f"{datetime.datetime.now():%H:%M:%S} {shown} {name} {work.__name__}",
              file=sys.stderr, flush=True)
        try:
            for figure, values in work(*arguments).items():
                self.samples.setdefault(name, {}).setdefault(figure, []).extend(values)
        except Failure as failure:
            self.failed[name] = f"{work.__name__}: {failure}"
            print(f"{name} failed: {failure}", file=sys.stderr, flush=True)

    def median(self, name, figure):
        values = self.samples.get(name, {}).get(figure)
        return statistics.median(values) if values and name not in self.failed else None

    def text(self, name, figure, digits):
        if name in self.failed:
            return "failed"
        values = self.samples.get(name, {}).get(figure)
        if not values:
            return "-"
        low, high = f"{min(values):,.{digits}f}", f"{max(values):,.{digits}f}"
        middle = f"{statistics.median(values):,.{digits}f}"
        return middle if low == high else f"{middle} ({low} to {high})"

    def ratio(self, names, figure):
        """The best peer's median by CLTrain's, less being better; None where either is missing."""
        ours = self.median(names[0], figure)
        theirs = [m for m in (self.median(name, figure) for name in names[1:]) if m is not None]
        return min(theirs) / ours if ours and theirs else None


def machine():
    processor = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            facts = dict(line.split(":", 1) for line in file if ":" in line)
        facts = {key.strip(): value.strip() for key, value in facts.items()}
        processor = " ".join(f"{key} {facts[key]}" if key != "model name" else facts[key] for key in
                             ("model name", "cpu family", "model") if key in facts)
    except OSError:
        pass
    return dict(date=f"{datetime.date.today()}", processor=processor,
                cores=len(os.sched_getaffinity(0)), system=platform.platform(),
                load_before=round(os.getloadavg()[0], 2))


def measure_tutorial(report, data):
    cells = Cells(TUTORIAL)
    report.tutorial.append(cells)
    for competitor in report.competitors:  # fills caches, those of files and of kernels
        warm = Cells(TUTORIAL)
        warm.measure(competitor, competitor.one_step, data)
        cells.failed.update(warm.failed)
    for _ in range(report.options.repeats):
        for competitor in report.competitors:
            cells.measure(competitor, competitor.one_step, data)
            cells.measure(competitor, competitor.fit, data)
            report.save()
    return cells


def measure_grid(report, data):
    for point in grid(report.options.grid, report.options.quick):
        cells = Cells(point)
        report.grid.append(cells)
        for _ in range(report.options.repeats):
            for competitor in report.competitors:
                cells.measure(competitor, competitor.batches, data, point)
                report.save()


# ---- tables ----

def print_table(heads, rows):
    print("| " + " | ".join(heads) + " |")
    print("|" + "---|" * len(heads))
    for row in rows:
        print("| " + " | ".join(row) + " |")
    print()


def ratio_text(ratio):
    if ratio is None:
        return "-"
    return f"{ratio:.2f}" if ratio >= 1.0 else f"**{ratio:.2f}, slower**"


def print_failures(all_cells):
    for cells in all_cells:
        for name, reason in cells.failed.items():
            where = ", ".join(f"{key} {value}" for key, value in cells.point.items())
            print(f"failed: {name} ({where}): {reason}")
    print()


def print_tutorial(report, cells):
    names = [competitor.name for competitor in report.competitors]
    rows = []
    for figure, title, digits, compared in TUTORIAL_ROWS:
        ratio = ratio_text(cells.ratio(names, figure)) if compared else ""
        rows.append([title.format(**vars(report.options)),
                     *(cells.text(name, figure, digits) for name in names), ratio])
    print_table(["the tutorial", *names, "best peer / CLTrain"], rows)
    for figure in ("steps", "parameters"):
        if len({cells.median(name, figure) for name in names} - {None}) > 1:
            print(f"NOT COMPARABLE: {figure} differ")
    print_failures([cells])


def print_grid(report):
    names = [competitor.name for competitor in report.competitors]
    for figure, title in GRID_ROWS:
        rows = []
        for cells in report.grid:
            point = (f"{value:,}" for value in cells.point.values())
            rows.append([*point, *(cells.text(name, figure, 2) for name in names),
                         ratio_text(cells.ratio(names, figure))])
        print(f"Milliseconds of {title}:\n")
        print_table([*TUTORIAL, *names, "fastest peer / CLTrain"], rows)
    print_failures(report.grid)


def print_heading(report):
    m = report.machine
    print(f"\n{m['date']}; {m['processor']}; {m['cores']} cores; {m['system']}; load before "
          f"{m['load_before']}")
    for competitor in report.competitors:
        if competitor.versions:
            facts = ", ".join(f"{name} {value}" for name, value in competitor.versions.items())
            print(f"- {competitor.name}: {facts}")
    print(f"- medians (lowest to highest); turns of each: {report.options.repeats}\n")


# ---- the command line ----

def read_options():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    add = parser.add_argument
    add("--cltrain", required=True, metavar="PATH", help="the program")
    add("--data", required=True, metavar="FILE", help="Keras's imdb.npz")
    add("--peers", default=PEERS, metavar="SPEC,...",
        help="NAME:MODE[:KEY=VALUE...] each, see README.md (default %(default)s)")
    add("--python", action="append", default=[], metavar="NAME=PATH",
        help="the interpreter of the peers whose SPEC begins with NAME (default: this one)")
    add("--device", help="CLTrain's --device")
    add("--only", choices=("tutorial", "grid"), help="one of the two tables")
    add("--grid", default=",".join([*AXES, "corners"]), metavar="AXIS,...",
        help="parts of the grid (default %(default)s)")
    add("--repeats", type=int, metavar="N", help="turns of each competitor (3; quick: 1)")
    add("--epochs", type=int, metavar="N", help="of the tutorial (5; quick: 2)")
    add("--quick", action="store_true", help="a proof that everything runs; no figures to keep")
    add("--timeout", type=int, default=900, metavar="S",
        help="of one process (default %(default)s)")
    add("--json", metavar="OUT", help="writes every sample here, after every process")
    options = parser.parse_args()
    options.limit = 50 * TUTORIAL["batch"] if options.quick else REVIEWS
    options.repeats = options.repeats or (1 if options.quick else 3)
    options.epochs = options.epochs or (2 if options.quick else 5)
    options.grid = options.grid.split(",")
    options.python = [entry.partition("=")[::2] for entry in options.python]
    unknown = set(options.grid) - set(AXES) - {"corners"}
    if unknown:
        parser.error(f"--grid: no part {', '.join(sorted(unknown))}")
    if options.epochs < 2 or options.repeats < 1:
        parser.error("--epochs must be at least 2 (the first is not counted), --repeats 1")
    return options


def main():
    options = read_options()
    try:
        peers = [Peer(spec, options) for spec in options.peers.split(",") if spec]
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    report = Report(options, [CLTrain(options), *peers])
    with tempfile.TemporaryDirectory() as folder:
        data = Data(options.data, folder, [peer.python for peer in peers])
        if options.only != "grid":
            cells = measure_tutorial(report, data)
        if options.only != "tutorial":
            measure_grid(report, data)
    print_heading(report)
    if options.only != "grid":
        print_tutorial(report, cells)
    if options.only != "tutorial":
        print_grid(report)
    return any(cells.failed for cells in report.tutorial + report.grid)


if __name__ == "__main__":
    sys.exit(main())
