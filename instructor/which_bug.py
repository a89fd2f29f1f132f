"""Train the four loops of notebook 02's "which bug?" and write ``reference_runs/02_which_bug.json``.

Run as ``python instructor/which_bug.py``. The letters are given here and nowhere else in a student release.
"""

import torch
from torch import nn

from course_utils import paths

LETTERS = {"O": None, "A": "no eval", "B": "mean of batch means", "C": "no zero_grad"}
EPOCHS = 20
BATCH_SIZE = 32


def problem(samples: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return inputs N x 8 and labels: two clouds of points that overlap a little."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(samples) % 2
    inputs = torch.randn(samples, 8, generator=generator) + 1.1 * labels[:, None] * torch.tensor(
        [1.0, -1.0] * 4
    )
    return inputs, labels


def average(losses: list[torch.Tensor], mistake: str | None) -> float:
    """Average the losses of an epoch's samples, given batch by batch."""
    if mistake == "mean of batch means":
        return torch.stack([batch.mean() for batch in losses]).mean().item()
    return torch.cat(losses).mean().item()


def train(mistake: str | None) -> dict[str, list[float]]:
    """Train with one mistake and return the four curves."""
    torch.manual_seed(1)
    model = nn.Sequential(nn.Linear(8, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Dropout(0.5), nn.Linear(32, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    criterion = nn.CrossEntropyLoss(reduction="none")
    (inputs, labels), (validation_inputs, validation_labels) = problem(65, seed=2), problem(320, seed=3)
    curves = {f"{split}_{quantity}": [] for split in ("train", "val") for quantity in ("loss", "acc")}
    for _ in range(EPOCHS):
        model.train()
        losses, correct = [], 0
        order = torch.randperm(len(labels))
        for batch in order.split(BATCH_SIZE):
            if mistake != "no zero_grad":
                optimizer.zero_grad()
            # A batch of one has no variance to normalise by, so normalisation uses what it has learnt.
            model[1].train(len(batch) > 1)
            logits = model(inputs[batch])
            loss = criterion(logits, labels[batch])
            loss.mean().backward()
            optimizer.step()
            losses.append(loss.detach())
            correct += (logits.argmax(dim=1) == labels[batch]).sum().item()
        curves["train_loss"].append(average(losses, mistake))
        curves["train_acc"].append(100 * correct / len(labels))
        model.train(mistake == "no eval")
        # Dropout that stays on must not shift the random numbers of the next epoch's training.
        with torch.no_grad(), torch.random.fork_rng():
            logits = torch.cat([model(batch) for batch in validation_inputs.split(BATCH_SIZE)])
        curves["val_loss"].append(average([criterion(logits, validation_labels)], None))
        curves["val_acc"].append(100 * (logits.argmax(dim=1) == validation_labels).float().mean().item())
    return curves


if __name__ == "__main__":
    runs = [
        {
            "model": letter,
            "dataset": "two overlapping clouds",
            "optimizer": {"name": "SGD", "params": {"lr": 0.05}},
            **train(mistake),
            "test_loss": [],
            "test_acc": [],
        }
        for letter, mistake in LETTERS.items()
    ]
    paths.write_json(paths.reference_runs() / "02_which_bug.json", runs)
