#!/usr/bin/env python3
"""Measures what is commonly advised to better the tutorial, on the real reviews.

    python3 tests/bench/advice.py --cltrain build/cltrain --data aclImdb_v1.tar.gz

Every row is trained with each seed on nine tenths of the training reviews; the epoch is the one
that is best on the other tenth, and only then are the 25,000 test reviews measured. Word vectors are
learnt by Debian's `fasttext` (cbow) from the training and the unlabelled reviews, never from the test
reviews. This needs the standard library and `fasttext`; what `fit` prints goes to --out.
"""
import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tarfile
import time

FILTERS = "!\"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n"  # those of Keras's Tokenizer
TUTORIAL = "embedding:128,lstm:60,dense:1"
DROPOUT = "embedding:128:dropout=0.2,dropout:0.5,lstm:60,dropout:0.5,dense:1"
POOLED = "embedding:128,lstm:60:bidirectional:sequence,pool:mean+max,dense:1"
ALL = ("embedding:128:dropout=0.2:frozen,lstm:60:bidirectional:sequence,pool:mean+max,"
       "dropout:0.5,dense:1")
STEADY = "--maxlen 400 --epochs 10 --learning-rate 0.002 --schedule cosine --warmup 100"

# What, its network, further options, whether the embedding starts from word vectors.
ROWS = (
    ("tutorial", "the tutorial", TUTORIAL, "", False),
    ("dropout", "dropout", DROPOUT, "", False),
    ("pooled", "bidirectional, pooled", POOLED, "", False),
    ("long", "length 400", TUTORIAL, "--maxlen 400", False),
    ("vectors", "word vectors", TUTORIAL, "", True),
    ("all", "all of these, the vectors as they are", ALL, STEADY, True),
)


def write_words(archive, path):
    """The training part's texts and the unlabelled ones, a line each, in the tokenizer's words."""
    blanks = str.maketrans({letter: " " for letter in FILTERS})
    with tarfile.open(archive, "r|gz") as members, open(path, "w", encoding="utf-8") as out:
        for member in members:
            if re.fullmatch(r"aclImdb/train/(pos|neg|unsup)/[^/]*\.txt", member.name):
                text = members.extractfile(member).read().decode("utf-8", "replace")
                words = text.replace("<br />", " ").translate(blanks).lower().split()
                out.write(" ".join(words) + "\n")


def learn_vectors(options):
    """Word vectors by fasttext's cbow, without parts of words, and what they took, in seconds."""
    words = os.path.join(options.out, "words.txt")
    vectors = os.path.join(options.out, "vectors")
    start = time.monotonic()
    write_words(options.data, words)
    run([options.fasttext, "cbow", "-input", words, "-output", vectors, "-dim", "128",
         "-epoch", "5", "-minCount", "5", "-maxn", "0", "-thread", f"{os.cpu_count()}"])
    return vectors + ".vec", time.monotonic() - start


def run(command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)}: exit {done.returncode}: {done.stderr[-500:]}")
    return done.stdout


def measure(options, row, seed, vectors):
    """One model: what `fit` took, its best epoch, accuracy on the tenth and on the test part."""
    name, _, network, further, wants_vectors = row
    folder = os.path.join(options.out, f"{name}-{seed}")
    command = [options.cltrain, "fit", "--data", options.data, "--model", network, "--seed",
               f"{seed}", "--validation-split", "0.1", "--monitor", "val_accuracy", "--verbose",
               "2", "--out", folder, *further.split()]
    command += ["--vectors", vectors] if wants_vectors else []
    start = time.monotonic()
    run(command)
    seconds = time.monotonic() - start
    with open(os.path.join(folder, "history.json"), encoding="utf-8") as file:
        kept = json.load(file)["val_accuracy"]
    test = json.loads(run([options.cltrain, "evaluate", os.path.join(folder, "model.safetensors"),
                           "--data", options.data, "--json"]))
    return dict(row=name, seed=seed, seconds=seconds, epoch=kept.index(max(kept)) + 1,
                validation=max(kept), test=test["accuracy"])


def print_table(rows, results):
    print("| network | test accuracy, mean (lowest to highest) | validation | one run, s |")
    print("|---|---|---|---|")
    for name, title, network, further, _ in rows:
        of_row = [r for r in results if r["row"] == name]
        test = [r["test"] for r in of_row]
        validation = statistics.mean(r["validation"] for r in of_row)
        seconds = statistics.median(r["seconds"] for r in of_row)
        shown = f"{title}: `{network}`" + (f" `{further}`" if further else "")
        print(f"| {shown} | {statistics.mean(test):.4f} ({min(test):.4f} to {max(test):.4f}) "
              f"| {validation:.4f} | {seconds:.0f} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--cltrain", required=True, metavar="FILE", help="the program")
    parser.add_argument("--data", required=True, metavar="FILE", help="aclImdb_v1.tar.gz")
    parser.add_argument("--fasttext", default="fasttext", metavar="FILE", help="Debian's program")
    parser.add_argument("--rows", default=",".join(row[0] for row in ROWS), help="which, by name")
    parser.add_argument("--seeds", default="1,2,3", help="which")
    parser.add_argument("--out", default="runs/advice", metavar="DIR", help="where the runs go")
    options = parser.parse_args()
    rows = [row for row in ROWS if row[0] in options.rows.split(",")]
    if len(rows) != len(options.rows.split(",")):
        parser.error("--rows takes some of " + ", ".join(row[0] for row in ROWS))
    os.makedirs(options.out, exist_ok=True)

    vectors, seconds = None, 0.0
    if any(row[-1] for row in rows):
        vectors, seconds = learn_vectors(options)
    results = []
    for seed in options.seeds.split(","):
        for row in rows:
            results.append(measure(options, row, seed, vectors))
            print(json.dumps(results[-1]), file=sys.stderr, flush=True)
    print_table(rows, results)
    if vectors:
        print(f"\nThe word vectors took {seconds:.0f} s more, once.")


if __name__ == "__main__":
    main()
