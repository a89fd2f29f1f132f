"""The questions of notebook 03."""

import numpy as np
import torch
from torch import nn

from course_utils.grading.questions import Criterion, Data, Question, Verdict, tried
from course_utils.grading.verdicts import alike, close, decide, each, numbers, part, respect


def draw_training_parts(generator: np.random.Generator) -> Data:
    shapes = ((4, 3), (4,), (2, 4), (2,))
    logits = generator.normal(0, 3, (6, 2))
    return {
        "learning_rate": round(float(generator.uniform(0.005, 0.05)), 4),
        "weights": [generator.normal(0, 1, shape).tolist() for shape in shapes],
        "gradients": [[generator.normal(0, 1, shape).tolist() for shape in shapes] for _ in range(3)],
        "logits": logits.tolist(),
        "labels": generator.integers(0, 2, len(logits)).tolist(),
    }


def probe_training_parts(answer, inputs):
    import torch
    from torch import nn

    def model():
        made = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
        with torch.no_grad():
            for parameter, values in zip(made.parameters(), inputs["weights"], strict=True):
                parameter.copy_(torch.tensor(values))
        return made

    def rates():
        optimizer, _ = answer(model(), inputs["learning_rate"])
        return [float(group["lr"]) for group in optimizer.param_groups]

    def steps():
        """Where given gradients lead the weights in three steps."""
        one = model()
        optimizer, _ = answer(one, inputs["learning_rate"])
        for gradients in inputs["gradients"]:
            for parameter, gradient in zip(one.parameters(), gradients, strict=True):
                parameter.grad = torch.tensor(gradient)
            optimizer.step()
        return [parameter.tolist() for parameter in one.parameters()]

    def losses():
        """One sample at a time, so that a sum is as good as a mean."""
        _, criterion = answer(model(), inputs["learning_rate"])
        pairs = zip(inputs["logits"], inputs["labels"], strict=True)
        return [float(criterion(torch.tensor([one]), torch.tensor([label]))) for one, label in pairs]

    return {"rates": tried(rates), "steps": tried(steps), "losses": tried(losses)}


def judge_training_parts(inputs: Data, outputs: Data) -> list[Verdict]:
    def adam() -> Verdict:
        # With the rate that was found, whatever it is: whether it is right is another criterion.
        model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
        optimizer = torch.optim.Adam(model.parameters(), lr=float(part(outputs, "rates")[0]))
        with torch.no_grad():
            for parameter, values in zip(model.parameters(), inputs["weights"], strict=True):
                parameter.copy_(torch.tensor(values))
        for gradients in inputs["gradients"]:
            for parameter, gradient in zip(model.parameters(), gradients, strict=True):
                parameter.grad = torch.tensor(gradient)
            optimizer.step()
        found, first = part(outputs, "steps"), inputs["weights"]
        same = [
            close(one, wanted.tolist(), 1e-5) for one, wanted in zip(found, model.parameters(), strict=True)
        ]
        stayed = [close(one, before, 1e-6) for one, before in zip(found, first, strict=True)]
        if any(stayed) and not all(stayed):
            return decide(False, "Some parameters of the model are not the optimizer's: they never change.")
        return decide(all(same), "Given the same gradients, its steps are not those of Adam.")

    def rate() -> Verdict:
        rates = part(outputs, "rates")
        return decide(
            len(rates) > 0 and all(one == inputs["learning_rate"] for one in rates),
            "The optimizer does not have the learning rate that was given.",
            f"expected {inputs['learning_rate']}, found {rates}",
        )

    def loss() -> Verdict:
        logits, labels = torch.tensor(inputs["logits"]), torch.tensor(inputs["labels"])
        probabilities, chosen = logits.softmax(dim=1), labels[:, None]
        known = {
            ("",): nn.functional.cross_entropy(logits, labels, reduction="none"),
            ("This loss takes logarithms of probabilities; the network gives logits.",): -logits.gather(
                1, chosen
            )[:, 0],
            ("A softmax stands before a loss that has one already.",): nn.functional.cross_entropy(
                probabilities, labels, reduction="none"
            ),
        }
        return respect(alike(part(outputs, "losses"), known), 0, "", "This is not the loss for two classes.")

    return each(adam, rate, loss)


EPOCHS = 12


def draw_histories(generator: np.random.Generator) -> Data:
    """Three histories whose curves have their best epochs far apart, and two with a tie on validation."""
    histories = []
    for kind in ("apart", "apart", "apart", "tie", "tie"):
        curves = {
            f"{split}_{quantity}": generator.permutation(np.arange(EPOCHS) * 5.0 + 20) + generator.random()
            for split in ("train", "val", "test")
            for quantity in ("loss", "acc")
        }
        places = 1 + 3 * generator.permutation(4)
        best = dict(zip(("val_acc", "test_acc", "train_acc", "val_loss"), places, strict=True))
        if kind == "tie":
            first, second = sorted(places[:2].tolist())
            best = dict.fromkeys(best, first)
        for curve, place in best.items():
            top = np.argmin(curves[curve]) if curve == "val_loss" else np.argmax(curves[curve])
            curves[curve][[place, top]] = curves[curve][[top, place]]
            if kind == "tie":
                curves[curve][second] = curves[curve][first]
        histories.append({name: curve.tolist() for name, curve in curves.items()} | {"kind": kind})
    return {"histories": histories}


def probe_best_epoch(answer, inputs):
    def found(history):
        epoch, validation, test = answer({name: history[name] for name in history if name != "kind"})
        return [float(epoch), float(validation), float(test)]

    return {"found": [tried(lambda history=history: found(history)) for history in inputs["histories"]]}


def judge_best_epoch(inputs: Data, outputs: Data) -> list[Verdict]:
    def cases(kind: str) -> list[tuple[list[float], list[float], float, float, float]]:
        """The curves of validation and test, and the epoch and the accuracies that were found."""
        return [
            (
                history["val_acc"],
                history["test_acc"],
                *map(float, part(outputs["found"], place)),
            )
            for place, history in enumerate(inputs["histories"])
            if history["kind"] == kind
        ]

    def first(kind: str, otherwise: str) -> Verdict:
        # Counted from 1 or from 0: which of the two is another criterion.
        chosen = all(val.index(max(val)) in (epoch - 1, epoch) for val, _, epoch, _, _ in cases(kind))
        return decide(chosen, otherwise)

    def counted() -> Verdict:
        from_one = all(
            1 <= epoch <= EPOCHS and (val[int(epoch) - 1] == found or test[int(epoch) - 1] == tested)
            for val, test, epoch, found, tested in cases("apart")
        )
        return decide(from_one, "The number of the epoch is not that of these accuracies, counted from 1.")

    def accuracies() -> Verdict:
        together = all(
            any(
                (val[place], test[place]) == (found, tested)
                for place in {int(epoch) - 1, int(epoch)} & set(range(EPOCHS))
            )
            for val, test, epoch, found, tested in cases("apart")
        )
        return decide(together, "The two accuracies are not both those of one epoch, the chosen one.")

    return each(
        lambda: first("apart", "This is not the epoch with the highest accuracy on validation."),
        lambda: first("tie", "Where two epochs are equally good on validation, this is not the earlier one."),
        counted,
        accuracies,
    )


def draw_labels(generator: np.random.Generator) -> Data:
    while True:
        counts = generator.permutation(np.arange(3, 9))[:4].reshape(2, 2)
        if counts[0, 0] * counts[1, 1] != counts[0, 1] * counts[1, 0]:
            break  # two different proportions
    return {
        "labels": [
            generator.permutation([0] * int(reals) + [1] * int(fakes)).tolist() for reals, fakes in counts
        ]
    }


def probe_proportion(answer, inputs):
    import torch

    class Bare:
        """Nothing but what every dataset has."""

        def __init__(self, labels):
            self._labels = labels

        def __len__(self):
            return len(self._labels)

        def __getitem__(self, index):
            return torch.zeros(3, 4, 4), self._labels[index]

    class Friendly(Bare):
        """A dataset that offers its labels under the names that libraries use."""

        @property
        def labels(self):
            return torch.tensor(self._labels)

        targets = labels

    def found(kind, labels):
        return float(answer(kind(labels)))

    return {
        "friendly": tried(lambda: [found(Friendly, labels) for labels in inputs["labels"]]),
        "bare": tried(lambda: [found(Bare, labels) for labels in inputs["labels"]]),
    }


def judge_proportion(inputs: Data, outputs: Data) -> list[Verdict]:
    labels = [np.asarray(one) for one in inputs["labels"]]
    known = {
        ("",): [one.sum() / (1 - one).sum() for one in labels],
        ("This is the share of fakes among all pictures.",): [one.mean() for one in labels],
        ("This is reals for each fake.",): [(1 - one).sum() / one.sum() for one in labels],
        ("This is a number of pictures, not a proportion.",): [one.sum() for one in labels],
    }

    def proportion() -> Verdict:
        found = part(outputs, "friendly")
        mistake = "This is not the number of fakes over the number of reals."
        return respect(alike(found, known), 0, f"expected {known['',]}, found {found}", mistake)

    def any_dataset() -> Verdict:
        bare = numbers(part(outputs, "bare"))
        return decide(
            close(bare, part(outputs, "friendly")) and bare[0] != bare[1],
            "It depends on more than a dataset's length and its items.",
        )

    return each(proportion, any_dataset)


def draw_scored(generator: np.random.Generator) -> Data:
    """Seventy small pictures: two full batches of 32 and a rest."""
    return {
        "weights": generator.normal(0, 0.4, (2, 12)).tolist(),
        "pictures": generator.normal(0, 1, (70, 3, 2, 2)).tolist(),
        "labels": generator.integers(0, 2, 70).tolist(),
        "seed": int(generator.integers(2**31)),
    }


def probe_soft_scores(answer, inputs):
    import torch
    from torch import nn
    from torch.utils.data import TensorDataset

    pictures = torch.tensor(inputs["pictures"])
    rows = pictures.flatten(1).tolist()

    class Witness(nn.Sequential):
        """Notes the samples of each call, the mode, and whether the logits could be differentiated."""

        def forward(self, batch):
            logits = super().forward(batch)
            samples = [rows.index(row) if row in rows else -1 for row in batch.flatten(1).tolist()]
            Witness.calls.append(
                {"samples": samples, "training": self.training, "gradients": logits.requires_grad}
            )
            return logits

    def flat(column):
        parts = [one.reshape(-1) if hasattr(one, "reshape") else [one] for one in column]
        return [float(number) for one in parts for number in one]

    def scored():
        model = Witness(nn.Flatten(), nn.Linear(12, 2, bias=False))
        Witness.calls = []  # of the class, so that those of a copy are noted too
        with torch.no_grad():
            model[1].weight.copy_(torch.tensor(inputs["weights"]))
        model.train()
        real, fake, labels = answer(TensorDataset(pictures, torch.tensor(inputs["labels"])), model)
        return {"real": flat(real), "fake": flat(fake), "labels": flat(labels), "calls": Witness.calls}

    torch.manual_seed(inputs["seed"])
    return {"scored": tried(scored)}


def judge_soft_scores(inputs: Data, outputs: Data) -> list[Verdict]:
    count = len(inputs["labels"])
    logits = torch.tensor(inputs["pictures"]).flatten(1) @ torch.tensor(inputs["weights"]).T
    expected = logits.softmax(dim=1).double().numpy()

    def given() -> tuple[np.ndarray, list[int]]:
        """The two scores of an item, n x 2, and the items in the order in which the model saw them."""
        scored = part(outputs, "scored")
        scores = np.stack([numbers(scored["real"]), numbers(scored["fake"])], axis=1)
        if len(scores) != count:
            raise ValueError(f"{len(scores)} scores, expected {count}")
        seen = [sample for call in scored["calls"] for sample in call["samples"]]
        return scores, seen if sorted(seen) == list(range(count)) else list(range(count))

    def probabilities() -> Verdict:
        scores, order = given()
        mistake = "The scores are not the probabilities that the two logits of an item stand for."
        if not np.allclose(scores.sum(axis=1), 1, atol=1e-4):
            mistake = (
                "The two scores of an item do not sum to 1. Are they logits, or normalised over the batch?"
            )
        # Which of the two is which is another criterion.
        return decide(close(np.sort(scores, axis=1), np.sort(expected[order], axis=1)), mistake)

    def columns() -> Verdict:
        scores, order = given()
        margin = expected[order, 1] - expected[order, 0]
        real, fake = (np.corrcoef(column, margin)[0, 1] for column in scores.T)
        mistake = "The scores of real and of fake are not where they were asked for: real first."
        return decide(real < 0 < fake, mistake)

    def in_order() -> Verdict:
        _, order = given()
        same = numbers(part(outputs, "scored")["labels"]).tolist() == [float(one) for one in inputs["labels"]]
        return decide(same and order == list(range(count)), "The items are not in the order of the dataset.")

    def mode() -> Verdict:
        calls = part(outputs, "scored")["calls"]
        return decide(
            bool(calls) and all(call["training"] is False for call in calls),
            "The model was in training mode: its scores would change from call to call.",
        )

    def gradients() -> Verdict:
        calls = part(outputs, "scored")["calls"]
        return decide(
            bool(calls) and all(call["gradients"] is False for call in calls),
            "Gradients were recorded, which costs memory and time.",
        )

    return each(probabilities, columns, in_order, mode, gradients)


QUESTIONS = [
    Question(
        id="training-parts",
        number=5,
        title="Optimizer and loss",
        points=5,
        kind="code",
        answers="training_parts",
        draw=draw_training_parts,
        probe=probe_training_parts,
        judge=judge_training_parts,
        without=("course_utils.training",),
        rubric=(
            Criterion(points=2, text="Adam over all parameters of the model"),
            Criterion(points=1, text="with the learning rate that was given"),
            Criterion(points=2, text="a loss for two classes that takes logits and integer labels"),
        ),
    ),
    Question(
        id="plausible",
        number=6,
        title="Do the numbers make sense?",
        points=3,
        kind="words",
        rubric=(
            Criterion(points=1, text="a judgement that fits the student's own numbers"),
            Criterion(
                points=2,
                text="a number that would have shown a fault, with the value it would have had (ln 2, share of the larger class, …)",
            ),
        ),
    ),
    Question(
        id="curves",
        number=7,
        title="Read the curves",
        points=6,
        kind="words",
        rubric=(
            Criterion(
                points=2,
                text="whether training learns, judged against ln 2 and the share of the larger class",
            ),
            Criterion(
                points=2, text="whether and until when validation follows, as the student's figure shows it"
            ),
            Criterion(
                points=2,
                text="what to change first, with a reason from the figure; either outcome can earn this",
            ),
        ),
    ),
    Question(
        id="best-epoch",
        number=8,
        title="The epoch that may be reported",
        points=5,
        kind="code",
        answers="best_epoch_accuracies",
        draw=draw_histories,
        probe=probe_best_epoch,
        judge=judge_best_epoch,
        without=("course_utils.history",),
        rubric=(
            Criterion(points=2, text="the epoch is the best on validation, not on test"),
            Criterion(points=1, text="of equals, the earliest"),
            Criterion(points=1, text="epochs are counted from 1"),
            Criterion(points=1, text="both accuracies are those of that epoch"),
        ),
    ),
    Question(
        id="proportion",
        number=9,
        title="Fakes for each real picture",
        points=3,
        kind="code",
        answers="fakes_per_real",
        draw=draw_labels,
        probe=probe_proportion,
        judge=judge_proportion,
        rubric=(
            Criterion(points=2, text="fakes over reals, not the share of fakes"),
            Criterion(points=1, text="works for any dataset of (picture, label)"),
        ),
    ),
    Question(
        id="soft-scores",
        number=10,
        title="Soft scores and true labels",
        points=8,
        kind="code",
        answers="get_soft_scores_and_true_labels",
        draw=draw_scored,
        probe=probe_soft_scores,
        judge=judge_soft_scores,
        without=("course_utils.training",),
        rubric=(
            Criterion(points=3, text="scores are probabilities that sum to 1, not logits"),
            Criterion(points=2, text="the first is the score of real, the second of fake"),
            Criterion(points=1, text="in the order of the dataset, with its labels"),
            Criterion(points=1, text="the model is in evaluation mode"),
            Criterion(points=1, text="no gradients are recorded"),
        ),
    ),
    Question(
        id="roc-and-det",
        number=11,
        title="ROC by either score, and DET",
        points=8,
        kind="words",
        rubric=(
            Criterion(points=2, text="why the two AUROCs sum to 1: the order of all pairs is turned round"),
            Criterion(points=2, text="0.080 is as informative as 0.920, with the sign reversed"),
            Criterion(points=1, text="0.5 is the number that says random"),
            Criterion(
                points=2, text="missed fakes at 10 % false alarms, read from the student's own DET curve"
            ),
            Criterion(points=1, text="compared with the 90 % that a guesser misses"),
        ),
    ),
    Question(
        id="prediction",
        number=12,
        title="Predict before you run",
        points=3,
        kind="words",
        rubric=(
            Criterion(points=1, text="a number"),
            Criterion(points=2, text="a reason from what the network can see, whether or not the run agrees"),
        ),
    ),
    Question(
        id="synthetic-curves",
        number=13,
        title="Curves on synthetic faces",
        points=5,
        kind="words",
        rubric=(
            Criterion(points=2, text="where the student's curves lie with respect to ln 2 and 50 %"),
            Criterion(
                points=3,
                text="whether training itself fails or only validation and test do, and what follows from that",
            ),
        ),
    ),
    Question(
        id="best-on-synthetic",
        number=14,
        title="Best epoch on synthetic faces",
        points=3,
        kind="words",
        rubric=(
            Criterion(points=1, text="validation and test accuracy at the epoch that validation chooses"),
            Criterion(points=2, text="the interval, and whether it contains a guesser's accuracy"),
        ),
    ),
    Question(
        id="synthetic-proportion",
        number=15,
        title="Proportion of the synthetic test set",
        points=2,
        kind="words",
        rubric=(
            Criterion(points=1, text="the proportion, and that 50 % is what guessing achieves there"),
            Criterion(
                points=1, text="with 700 against 1400, 50 % is worse than always answering real (67 %)"
            ),
        ),
    ),
    Question(
        id="random-classifier",
        number=16,
        title="What a random classifier looks like",
        points=5,
        kind="words",
        rubric=(
            Criterion(
                points=2, text="its score does not depend on the picture: accuracy, ROC and AUROC of it"
            ),
            Criterion(points=1, text="the range of its AUROC on a test set of this size, read from the band"),
            Criterion(
                points=2,
                text="a verdict on the student's own detector that the band and the interval carry; either can earn this",
            ),
        ),
    ),
    Question(
        id="does-it-make-sense",
        number=17,
        title="Does it make sense, and what decides it?",
        points=6,
        kind="words",
        rubric=(
            Criterion(points=1, text="a judgement from the pictures the student looked at"),
            Criterion(
                points=3,
                text="network or training: the comparison of reference runs that decides it, and what it leaves open",
            ),
            Criterion(points=2, text="a shortcut, and a test for it"),
        ),
    ),
]
