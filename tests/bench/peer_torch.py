"""The network in PyTorch, for peers.py. usage: peer_torch.py JOB (see peer_job.py)

Modes: eager, compile (torch.compile), native (without oneDNN). Adam is always the fused one.
"""
import time

from peer_job import read_job, run

job = read_job()

import torch
from torch import nn

device = torch.device(job["device"])
torch.manual_seed(job["seed"])
torch.backends.mkldnn.enabled = job["mode"] != "native"


class Net(nn.Module):
    """Keras's layers and Keras's starting weights; PyTorch's second bias is zero and stays so."""

    def __init__(self, vocabulary, hidden):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, 128)
        self.lstm = nn.LSTM(128, hidden)
        self.dense = nn.Linear(hidden, 1)
        nn.init.uniform_(self.embedding.weight, -0.05, 0.05)
        nn.init.xavier_uniform_(self.lstm.weight_ih_l0)
        nn.init.orthogonal_(self.lstm.weight_hh_l0)
        nn.init.zeros_(self.lstm.bias_ih_l0)
        nn.init.ones_(self.lstm.bias_ih_l0.data[hidden : 2 * hidden])
        nn.init.zeros_(self.lstm.bias_hh_l0)
        self.lstm.bias_hh_l0.requires_grad_(False)
        nn.init.xavier_uniform_(self.dense.weight)
        nn.init.zeros_(self.dense.bias)

    def forward(self, ids):
        _, (last, _) = self.lstm(self.embedding(ids.t()))  # time first: a little faster
        return self.dense(last[0])[:, 0]


net = Net(job["vocabulary"], job["hidden"]).to(device)
trained = [p for p in net.parameters() if p.requires_grad]
optimizer = torch.optim.Adam(trained, lr=1e-3, eps=1e-7, fused=True)
loss_of = nn.BCEWithLogitsLoss()
forward = torch.compile(net) if job["mode"] == "compile" else net


def now():
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


def one_epoch(ids, labels, batches, train):
    """Mean loss and accuracy over the batches (tensors of row numbers)."""
    total, right = torch.zeros((), device=device), torch.zeros((), device=device)
    with torch.set_grad_enabled(train):
        for rows in batches:
            y = labels[rows]
            logits = forward(ids[rows])
            loss = loss_of(logits, y)
            if train:
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            total += loss.detach() * len(y)
            right += ((logits.detach() > 0) == (y > 0.5)).sum()
    return total.item() / len(ids), right.item() / len(ids)


def on_device(part):
    ids, labels = (torch.from_numpy(array).to(device) for array in part)
    return ids.long(), labels


def fit(train, validation, epochs, eval_batch):
    x, y = on_device(train)
    if validation:
        vx, vy = on_device(validation)
    done = []
    for _ in range(epochs):
        begin = now()
        order = torch.randperm(len(x), device=device).split(job["batch"])
        loss, accuracy = one_epoch(x, y, order, True)
        middle = now()
        record = dict(train_s=middle - begin, loss=loss, accuracy=accuracy)
        if validation:
            order = torch.arange(len(vx), device=device).split(eval_batch)
            loss, accuracy = one_epoch(vx, vy, order, False)
            record.update(validation_s=now() - middle, val_loss=loss, val_accuracy=accuracy)
        done.append(record)
    return done


run(job, fit, versions={"torch": torch.__version__}, parameters=sum(p.numel() for p in trained))
