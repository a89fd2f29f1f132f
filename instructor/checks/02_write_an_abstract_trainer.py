"""The questions of notebook 02."""

from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from course_utils.grading.questions import Criterion, Data, Question, Verdict, tried
from course_utils.grading.verdicts import alike, close, decide, each, part, respect

BATCH = 4
SAMPLES = 9  # so that the last batch holds one sample, and a mean of batch means is far off


def _model(inputs: Data) -> nn.Sequential:
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
    with torch.no_grad():
        for parameter, values in zip(model.parameters(), inputs["weights"], strict=True):
            parameter.copy_(torch.tensor(values))
    return model


def draw_samples(generator: np.random.Generator) -> Data:
    weights = [generator.normal(0, 1, shape).tolist() for shape in ((4, 3), (4,), (2, 4), (2,))]
    inputs = {"weights": weights, "batch_size": BATCH, "seed": int(generator.integers(2**31))}
    samples = torch.from_numpy(generator.normal(0, 1, (SAMPLES, 3))).float()
    others = torch.from_numpy(generator.normal(0, 1, (SAMPLES, 3))).float()
    for name, pictures in (("samples", samples), ("others", others)):
        predicted = _model(inputs)(pictures).argmax(dim=1)
        wrong = torch.from_numpy(generator.permutation(SAMPLES) < (2 if name == "samples" else 3))
        inputs[name] = pictures.tolist()
        inputs[f"{name}_labels"] = torch.where(wrong, 1 - predicted, predicted).tolist()
    return inputs


def probe_train_one_epoch(answer, inputs):
    import types

    import torch
    from torch import nn
    from torch.utils.data import TensorDataset

    rows = torch.tensor(inputs["samples"]).tolist()

    class Witness(nn.Sequential):
        """Notes each batch that gradients come back from: its samples, the mode, and gradients found there."""

        def forward(self, batch):
            logits = super().forward(batch)
            training = self.training
            if logits.requires_grad:
                logits.register_hook(lambda gradient: self.note(batch, training))
            return logits

        def note(self, batch, training):
            old = [p.grad is not None and bool(p.grad.any()) for p in self.parameters()]
            samples = [rows.index(row) if row in rows else -1 for row in batch.tolist()]
            self.batches.append({"samples": samples, "training": training, "old_gradients": any(old)})

    def trainer(learning_rate):
        model = Witness(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
        model.batches = []
        with torch.no_grad():
            for parameter, values in zip(model.parameters(), inputs["weights"], strict=True):
                parameter.copy_(torch.tensor(values))
        samples = TensorDataset(torch.tensor(inputs["samples"]), torch.tensor(inputs["samples_labels"]))
        others = TensorDataset(torch.tensor(inputs["others"]), torch.tensor(inputs["others_labels"]))
        return types.SimpleNamespace(
            model=model,
            optimizer=torch.optim.SGD(model.parameters(), lr=learning_rate, momentum=0.9),
            criterion=nn.CrossEntropyLoss(),
            batch_size=inputs["batch_size"],
            train_dataset=samples,
            validation_dataset=others,
            test_dataset=others,
            device=torch.device("cpu"),
        )

    def measured():
        """At a learning rate of zero, so that the averages depend on no step; in evaluation mode before."""
        one = trainer(0.0)
        one.model.eval()
        loss, accuracy = answer(one)
        return {"loss": float(loss), "accuracy": float(accuracy), "batches": one.model.batches}

    def learnt():
        one = trainer(0.1)
        one.model.train()
        answer(one), answer(one)
        weights = [parameter.tolist() for parameter in one.model.parameters()]
        return {"weights": weights, "batches": one.model.batches}

    torch.manual_seed(inputs["seed"])
    return {"measured": tried(measured), "learnt": tried(learnt)}


def judge_train_one_epoch(inputs: Data, outputs: Data) -> list[Verdict]:
    def steps() -> Verdict:
        learnt = part(outputs, "learnt")
        seen = sorted(_seen(learnt))
        if seen != sorted(2 * list(range(SAMPLES))):
            return decide(
                False,
                "An epoch trains once on every sample of the training set, also on those of the last batch.",
                f"samples of two epochs: {seen}",
            )
        return decide(
            _follows(inputs, learnt, lambda batch: not batch["old_gradients"]) or _follows(inputs, learnt),
            "The weights are not where one step of the trainer's own optimizer after each batch leads.",
        )

    def forgotten() -> Verdict:
        learnt = part(outputs, "learnt")
        batches = learnt["batches"]
        fresh = bool(batches) and not any(batch["old_gradients"] for batch in batches)
        return decide(
            fresh or _follows(inputs, learnt),
            "When the gradients of a batch are computed, those of an earlier batch are there, and are added to.",
        )

    def loss() -> Verdict:
        measured = part(outputs, "measured")
        return _average_loss(measured["loss"], _losses(inputs, "samples")[_seen(measured)])

    def accuracy() -> Verdict:
        measured = part(outputs, "measured")
        return _accuracy(measured["accuracy"], _right(inputs, "samples")[_seen(measured)])

    def mode() -> Verdict:
        batches = part(outputs, "measured")["batches"] + part(outputs, "learnt")["batches"]
        return decide(
            bool(batches) and all(batch["training"] is True for batch in batches),
            "The model was in evaluation mode for a batch that it learnt from.",
        )

    def batches() -> Verdict:
        learnt = part(outputs, "learnt")["batches"]
        if [len(batch["samples"]) for batch in learnt[:2]] != [BATCH, BATCH]:
            return decide(False, "The batches are not of the trainer's batch size.")
        order = [sample for batch in learnt[:2] for sample in batch["samples"]]
        return decide(
            order != list(range(2 * BATCH)),
            "The samples come in the order of the training set; a training loop shuffles them.",
        )

    return each(
        steps,
        forgotten,
        loss,
        accuracy,
        mode,
        batches,
    )


def _follows(inputs: Data, learnt: Data, forgets: Callable[[Data], bool] = lambda batch: True) -> bool:
    """Say whether one step a batch, after forgetting old gradients where `forgets`, leads to these weights."""
    model = _model(inputs)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    samples, labels = torch.tensor(inputs["samples"]), torch.tensor(inputs["samples_labels"])
    for batch in learnt["batches"]:
        if forgets(batch):
            optimizer.zero_grad()
        seen = batch["samples"]
        nn.functional.cross_entropy(model(samples[seen]), labels[seen]).backward()
        optimizer.step()
    expected = [parameter.tolist() for parameter in model.parameters()]
    return all(close(found, weights) for found, weights in zip(learnt["weights"], expected, strict=True))


def _seen(outputs: Data) -> list[int]:
    return [sample for batch in outputs["batches"] for sample in batch["samples"]]


def _losses(inputs: Data, name: str) -> np.ndarray:
    with torch.no_grad():
        logits = _model(inputs)(torch.tensor(inputs[name]))
    labels = torch.tensor(inputs[f"{name}_labels"])
    return nn.functional.cross_entropy(logits, labels, reduction="none").double().numpy()


def _right(inputs: Data, name: str) -> np.ndarray:
    with torch.no_grad():
        predicted = _model(inputs)(torch.tensor(inputs[name])).argmax(dim=1)
    return (predicted == torch.tensor(inputs[f"{name}_labels"])).double().numpy()


def _average_loss(found: float, losses: np.ndarray) -> Verdict:
    """Judge an average over the samples with these losses, in the order in which batches were made of them."""
    if not len(losses):
        raise ValueError("no batch")
    means = [losses[start : start + BATCH].mean() for start in range(0, len(losses), BATCH)]
    known = {
        ("",): losses.mean(),
        ("This is the mean of the batches' means: a small last batch weighs too much.",): np.mean(means),
        (
            "This is the sum of the batches' means over the number of samples; the criterion returns a mean,"
            " which stands for all samples of its batch.",
        ): np.sum(means) / len(losses),
        ("This is the sum over the samples, not their average.",): losses.sum(),
        ("This is a sum over batches, not an average over samples.",): np.sum(means),
    }
    return respect(
        alike(found, known),
        0,
        f"expected {losses.mean():.6f}, found {found:.6f}",
        "The loss is not the average over the samples.",
    )


def _accuracy(found: float, right: np.ndarray) -> Verdict:
    if not len(right):
        raise ValueError("no batch")
    known = {
        ("",): 100 * right.mean(),
        ("The accuracy is a fraction; percent was asked for.",): right.mean(),
        ("This is the share of samples that are wrong.",): 100 * (1 - right.mean()),
        ("This is the mean of the batches' accuracies: a small last batch weighs too much.",): 100
        * np.mean([right[start : start + BATCH].mean() for start in range(0, len(right), BATCH)]),
    }
    return respect(
        alike(found, known),
        0,
        f"expected {100 * right.mean():.2f}, found {found:.4f}",
        "The accuracy is not the share of samples that are right, in percent.",
    )


def probe_evaluate(answer, inputs):
    import types

    import torch
    from torch import nn
    from torch.utils.data import TensorDataset

    class Witness(nn.Sequential):
        """Notes the mode of each call, and whether its logits could be differentiated."""

        def forward(self, batch):
            logits = super().forward(batch)
            Witness.calls.append({"training": self.training, "gradients": logits.requires_grad})
            return logits

    def trainer(*layers):
        model = Witness(*layers)
        Witness.calls = []  # of the class, so that those of a copy are noted too
        samples = TensorDataset(torch.tensor(inputs["samples"]), torch.tensor(inputs["samples_labels"]))
        return types.SimpleNamespace(
            model=model,
            optimizer=torch.optim.SGD(model.parameters(), lr=0.1),
            criterion=nn.CrossEntropyLoss(),
            batch_size=inputs["batch_size"],
            train_dataset=samples,
            validation_dataset=samples,
            test_dataset=samples,
            device=torch.device("cpu"),
        )

    others = TensorDataset(torch.tensor(inputs["others"]), torch.tensor(inputs["others_labels"]))

    def measured():
        one = trainer(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
        with torch.no_grad():
            for parameter, values in zip(one.model.parameters(), inputs["weights"], strict=True):
                parameter.copy_(torch.tensor(values))
        one.model.train()
        loss, accuracy = answer(one, others)
        return {"loss": float(loss), "accuracy": float(accuracy), "calls": Witness.calls}

    def unchanged():
        """A model with batch statistics, in evaluation mode already."""
        one = trainer(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 2))
        one.model.eval()
        before = {name: value.clone() for name, value in one.model.state_dict().items()}
        answer(one, others)
        after = one.model.state_dict()
        changed = [name for name, value in before.items() if not torch.equal(value, after[name])]
        return {"changed": changed, "calls": len(Witness.calls)}

    torch.manual_seed(inputs["seed"])
    return {"measured": tried(measured), "unchanged": tried(unchanged)}


def judge_evaluate(inputs: Data, outputs: Data) -> list[Verdict]:
    def mode() -> Verdict:
        calls = part(outputs, "measured")["calls"]
        return decide(
            bool(calls) and all(call["training"] is False for call in calls),
            "The model was in training mode: dropout is active there, and batch statistics change.",
        )

    def gradients() -> Verdict:
        calls = part(outputs, "measured")["calls"]
        return decide(
            bool(calls) and all(call["gradients"] is False for call in calls),
            "Gradients were recorded during evaluation, which costs memory and time.",
        )

    def unchanged() -> Verdict:
        found = part(outputs, "unchanged")
        return decide(
            found["changed"] == [] and found["calls"] > 0,
            "After evaluation the model is not as it was before, or it was not asked at all.",
            f"changed: {found['changed']}",
        )

    return each(
        lambda: _average_loss(part(outputs, "measured")["loss"], _losses(inputs, "others")),
        lambda: _accuracy(part(outputs, "measured")["accuracy"], _right(inputs, "others")),
        mode,
        gradients,
        unchanged,
    )


QUESTIONS = [
    Question(
        id="train-one-epoch",
        number=3,
        title="Train for one epoch",
        points=15,
        kind="code",
        answers="train_one_epoch",
        draw=draw_samples,
        probe=probe_train_one_epoch,
        judge=judge_train_one_epoch,
        without=("course_utils.training",),
        rubric=(
            Criterion(points=4, text="the weights after an epoch are those of one optimizer step a batch"),
            Criterion(points=3, text="gradients of earlier steps are forgotten"),
            Criterion(
                points=3, text="the loss is an average over samples, also when the last batch is smaller"
            ),
            Criterion(points=2, text="the accuracy is over samples and in percent"),
            Criterion(points=2, text="the model is in training mode, whatever mode it was in before"),
            Criterion(points=1, text="batches are shuffled and have the size asked for"),
        ),
    ),
    Question(
        id="evaluate-model-on-dataloader",
        number=4,
        title="Evaluate on a dataset",
        points=10,
        kind="code",
        answers="evaluate_model_on_dataloader",
        draw=draw_samples,
        probe=probe_evaluate,
        judge=judge_evaluate,
        without=("course_utils.training",),
        rubric=(
            Criterion(
                points=3, text="the loss is an average over samples, also when the last batch is smaller"
            ),
            Criterion(points=2, text="the accuracy is over samples and in percent"),
            Criterion(points=3, text="the model is in evaluation mode"),
            Criterion(points=1, text="no gradients are recorded"),
            Criterion(points=1, text="nothing about the model changes: weights and statistics are as before"),
        ),
    ),
    Question(
        id="which-bug",
        number=201,
        title="Which bug?",
        points=9,
        kind="words",
        rubric=(
            Criterion(points=1, text="A is named: no eval()"),
            Criterion(
                points=2,
                text="why: only validation is worse and wobbles, since dropout and batch statistics are active there",
            ),
            Criterion(points=1, text="B is named: mean of batch means"),
            Criterion(
                points=2,
                text="why: only the reported training loss jumps, since the lone sample of the last batch weighs a third",
            ),
            Criterion(points=1, text="C is named: no zero_grad"),
            Criterion(
                points=2,
                text="why: old gradients are applied again at every step, so that the loss overshoots and grows",
            ),
        ),
    ),
]
