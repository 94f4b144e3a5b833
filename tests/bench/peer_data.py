"""Data for peers.py. Needs NumPy only.

usage: peer_data.py pad IMDB.NPZ OUT NUM_WORDS MAXLEN     what the peers' scripts read
       peer_data.py zipf IMDB.NPZ OUT.NPZ RANKS           an imdb.npz with more words

pad writes OUT.train.ids.npy, OUT.train.labels.npy and the same of test: the reviews as Keras's
load_data(num_words) and pad_sequences(maxlen) give them. zipf keeps the reviews' lengths and labels
and draws their words anew: rank r of 1 to RANKS with a probability in proportion to 1 / (r + 2.7).
"""
import sys

import numpy as np

PARTS = ("train", "test")


def pad(source, out, num_words, maxlen):
    with np.load(source, allow_pickle=True) as data:
        shuffle = np.random.RandomState(113)
        for part in PARTS:
            order = np.arange(len(data[f"x_{part}"]))
            shuffle.shuffle(order)
            reviews, labels = data[f"x_{part}"][order], data[f"y_{part}"][order]
            ids = np.zeros((len(reviews), maxlen), np.int32)
            for row, review in zip(ids, reviews):
                words = np.array([1] + [word + 3 for word in review], np.int32)[-maxlen:]
                row[maxlen - len(words):] = np.where(words < num_words, words, 2)
            np.save(f"{out}.{part}.ids.npy", ids)
            np.save(f"{out}.{part}.labels.npy", labels.astype(np.float32))


def zipf(source, out, ranks):
    draw = np.random.default_rng(1)
    chance = np.cumsum(1.0 / (np.arange(1, ranks + 1) + 2.7))
    arrays = {}
    with np.load(source, allow_pickle=True) as data:
        for part in PARTS:
            lengths = [len(review) for review in data[f"x_{part}"]]
            words = 1 + np.searchsorted(chance, chance[-1] * draw.random(sum(lengths)))
            reviews = np.empty(len(lengths), object)
            reviews[:] = [piece.tolist() for piece in np.split(words, np.cumsum(lengths)[:-1])]
            arrays[f"x_{part}"], arrays[f"y_{part}"] = reviews, data[f"y_{part}"]
    np.savez_compressed(out, **arrays)


if __name__ == "__main__":
    if sys.argv[1] == "pad":
        pad(sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5]))
    else:
        zipf(sys.argv[2], sys.argv[3], int(sys.argv[4]))
