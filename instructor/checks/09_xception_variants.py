"""The questions of notebook 09."""

from collections.abc import Callable
from functools import cache
from itertools import product

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from course_utils.grading.questions import Criterion, Data, Question, Verdict, tried
from course_utils.grading.verdicts import Names, alike, close, decide, each, numbers, part, respect

LAYERS = {"narrow": (6, 4, 3), "wide": (8, 12, 4), "depthwise": (5, 3, 1), "ordinary": (4, 6, 4)}
"""Channels in, channels out and channels a group."""


def draw_midway_separable(generator: np.random.Generator) -> Data:
    def weights(*shape: int) -> list:
        return generator.normal(0, 1, shape).tolist()

    return {
        "cases": {
            name: {"arguments": [given, made, width], "features": weights(2, given, 4, 7)}
            for name, (given, made, width) in LAYERS.items()
        },
        "phase": round(float(generator.uniform(1, 2)), 3),
    }


def probe_midway_separable(answer, inputs):
    import torch

    def applied(case):
        """What the layer makes of features, its numbers set to a fixed pattern, whatever their shapes."""
        layer = answer(*case["arguments"])
        with torch.no_grad():
            for parameter in layer.parameters():
                steps = torch.arange(parameter.numel()) * inputs["phase"] + parameter.numel()
                parameter.copy_(torch.cos(steps).reshape(parameter.shape))
            found = layer(torch.tensor(case["features"]))
        return {
            "spatial": layer.spatial.weight.tolist(),
            "pointwise": layer.pointwise.weight.tolist(),
            "output": found.tolist(),
        }

    return {name: tried(lambda case=case: applied(case)) for name, case in inputs["cases"].items()}


def judge_midway_separable(inputs: Data, outputs: Data) -> list[Verdict]:
    def weights(name: str, layer: str) -> Tensor:
        return torch.tensor(numbers(part(outputs, name)[layer]), dtype=torch.float32)

    def spatial() -> Verdict:
        found = {name: list(weights(name, "spatial").shape[1:]) for name in LAYERS}
        wanted = {name: [width, 3, 3] for name, (_, _, width) in LAYERS.items()}
        mistake = "The filters of `spatial` are not 3 x 3, or do not see `group_width` channels each."
        if all(shape == [LAYERS[name][0] // shape[0], 3, 3] for name, shape in found.items()):
            mistake = "`groups` is the number of groups; `group_width` is how many channels one has."
        return decide(found == wanted, mistake, f"found {found}")

    def pointwise() -> Verdict:
        found = {name: list(weights(name, "pointwise").shape) for name in LAYERS}
        wanted = {name: [made, given, 1, 1] for name, (given, made, _) in LAYERS.items()}
        return decide(
            found == wanted,
            "The filters of `pointwise` are not 1 x 1 from all channels to those that come out.",
            f"found {found}",
        )

    @cache
    def applied(name: str) -> tuple[np.ndarray, np.ndarray]:
        """What was found, and what these weights should give, whatever their shapes are."""
        features = torch.tensor(inputs["cases"][name]["features"])
        first, second = weights(name, "spatial"), weights(name, "pointwise")
        groups = features.shape[1] // first.shape[1]
        for filters, apart in ((first, groups), (second, 1)):
            features = functional.conv2d(features, filters, groups=apart, padding=filters.shape[-1] // 2)
        return numbers(part(outputs, name)["output"]), features.numpy()

    def inside(name: str) -> bool:
        """Whether the output is right away from the border, which a picture without one has lost."""
        found, expected = applied(name)
        if found.shape == expected.shape:
            found = found[:, :, 1:-1, 1:-1]
        return close(found, expected[:, :, 1:-1, 1:-1])

    def composed() -> Verdict:
        mistake = "With your weights, the two layers one after the other would give another output."
        return decide(all(map(inside, LAYERS)), f"{mistake} Is there a bias, or something between them?")

    def border() -> Verdict:
        pairs = {name: applied(name) for name in LAYERS}
        sizes = all(found.shape[2:] == expected.shape[2:] for found, expected in pairs.values())
        if not sizes:
            return decide(False, "The output is not as large as the picture that came in.")
        right = all(close(*pair) or not inside(name) for name, pair in pairs.items())
        return decide(right, "The border is not one of zeros.")

    return each(spatial, pointwise, composed, border)


def draw_block_cost(generator: np.random.Generator) -> Data:
    cases = {}
    for name, projected in (("identity", False), ("projected", True)):
        cases[name] = []
        for _ in range(4):
            width, groups = (int(generator.integers(2, 6)) for _ in range(2))
            height, across = generator.choice(np.arange(2, 20), 2, replace=False).tolist()
            cases[name].append([width * groups, width, projected, height, across])
    return {"cases": cases}


def probe_block_cost(answer, inputs):
    def costs(cases):
        return [[float(number) for number in answer(*case)] for case in cases]

    return {name: tried(lambda cases=cases: costs(cases)) for name, cases in inputs["cases"].items()}


IN_SPACE: dict[str, Callable[[int, int], int]] = {
    "": lambda c, w: 27 * c * w,
    "One separable convolution is counted; a block has three.": lambda c, w: 9 * c * w,
    "A filter sees one channel here, not those of its group.": lambda c, w: 27 * c,
    "Each filter is 9 numbers a channel of its group; the 9 is missing.": lambda c, w: 3 * c * w,
    "Here each filter sees all channels.": lambda c, w: 27 * c * c,
    "Here the number of groups stands for the channels that one has.": lambda c, w: 27 * c * (c // w),
}

ACROSS: dict[str, Callable[[int, int], int]] = {
    "": lambda c, w: 3 * c * c,
    "One separable convolution is counted; a block has three.": lambda c, w: c * c,
    "The 1 x 1 convolutions see all channels, not those of a group.": lambda c, w: 3 * c * w,
    "A 1 x 1 filter has one number a channel, and there are as many filters as channels.": lambda c, w: 3 * c,
    "The 1 x 1 convolution beside the block is counted here too.": lambda c, w: 4 * c * c,
}

BESIDE: dict[str, Callable[[int, bool], tuple[int, int]]] = {
    "": lambda c, p: (c * c * p, 2 * c * (3 + p)),
    "The identity has no weights.": lambda c, p: (c * c, 2 * c * (3 + p)),
    "Beside the block stands a convolution in every case, or in none.": lambda c, p: (0, 2 * c * (3 + p)),
    "The convolution beside the block is 1 x 1.": lambda c, p: (9 * c * c * p, 2 * c * (3 + p)),
    "A batch normalisation learns two numbers a channel.": lambda c, p: (c * c * p, c * (3 + p)),
    "The batch normalisation beside the block is not counted.": lambda c, p: (c * c * p, 6 * c),
    "There is a batch normalisation beside the identity, or one too many.": lambda c, p: (c * c * p, 8 * c),
    "The running mean and variance are not learnt.": lambda c, p: (c * c * p, 4 * c * (3 + p)),
    "One batch normalisation is counted; there is one after each convolution.": lambda c, p: (
        c * c * p,
        2 * c * (1 + p),
    ),
}


def judge_block_cost(inputs: Data, outputs: Data) -> list[Verdict]:
    cases = [case for name in ("identity", "projected") for case in inputs["cases"][name]]

    def found() -> np.ndarray:
        lines = [line for name in ("identity", "projected") for line in part(outputs, name)]
        table = numbers(lines)
        if table.shape != (len(cases), 5):
            raise ValueError(f"{table.shape}")
        return table

    def column(place: int, known: dict[str, Callable[[int, int], int]]) -> Verdict:
        candidates = {(name,): [count(c, w) for c, w, *_ in cases] for name, count in known.items()}
        return respect(alike(found()[:, place], candidates, 0), 0, f"found {found()[:, place]}")

    def beside() -> Verdict:
        candidates = {(name,): [count(c, p) for c, _, p, *_ in cases] for name, count in BESIDE.items()}
        return respect(alike(found()[:, 2:4], candidates, 0), 0, f"found {found()[:, 2:4]}")

    def work() -> Verdict:
        """From the weights that were counted, right or wrong."""
        table = found()
        table = table if np.abs(table).max() < 1e15 else np.zeros_like(table)  # nothing overflows
        places = np.array([height * width for *_, height, width in cases])
        weights, norms = table[:, :3].sum(axis=1), table[:, 3]
        candidates = {
            ("",): weights * places,
            ("These are the weights; each is used once a place.",): weights,
            ("The convolution beside the block is left out.",): table[:, :2].sum(axis=1) * places,
            ("Batch normalisations are no convolutions.",): (weights + norms) * places,
            ("A multiplication and its addition count as one.",): 2 * weights * places,
            ("Height is not always width.",): weights * np.array([height**2 for *_, height, _ in cases]),
        }
        return respect(alike(table[:, 4], candidates, 0), 0, f"found {table[:, 4]}")

    return each(lambda: column(0, IN_SPACE), lambda: column(1, ACROSS), beside, work)


def draw_weighted_cross_entropy(generator: np.random.Generator) -> Data:
    cases = []
    for count in (5, 8, 11):
        rare = int(generator.integers(2, 5))
        training = generator.permutation([0] * rare + [1] * (rare + int(generator.integers(4, 12))))
        training = training if generator.random() < 0.5 else 1 - training
        labels = generator.permutation([0, 0, 1, 1, *generator.integers(0, 2, count - 4).tolist()])
        cases.append(
            {
                "logits": generator.normal(0, 2, (count, 2)).tolist(),
                "labels": labels.tolist(),
                "training": training.tolist(),
            }
        )
    return {"cases": cases}


def probe_weighted_cross_entropy(answer, inputs):
    import torch

    def computed(case):
        given = [torch.tensor(case[name]) for name in ("logits", "labels", "training")]
        weights, loss = answer(*given)
        return {"weights": torch.as_tensor(weights).tolist(), "loss": float(loss)}

    return {"found": [tried(lambda case=case: computed(case)) for case in inputs["cases"]]}


CLASS_WEIGHTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "": lambda counts: counts.sum() / (2 * counts),
    "The two weights are exchanged: the more frequent class counts more.": lambda counts: (
        counts.sum() / (2 * counts[::-1])
    ),
    "The number of classes is missing.": lambda counts: counts.sum() / counts,
    "These are inverse counts, without the number of pictures.": lambda counts: 1 / counts,
    "These are the shares of the classes; the rarer one is to count more.": lambda counts: (
        counts / counts.sum()
    ),
    "These are the shares of the other class.": lambda counts: counts[::-1] / counts.sum(),
    "The weights are brought to a sum of one.": lambda counts: (1 / counts) / (1 / counts).sum(),
}

LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "": lambda z, y: functional.cross_entropy(z, y, reduction="none"),
    "The sign is wrong: a loss falls as the right class becomes more probable.": lambda z, y: (
        -functional.cross_entropy(z, y, reduction="none")
    ),
    "There is no logarithm.": lambda z, y: -z.softmax(dim=1)[torch.arange(len(y)), y],
    "This is one minus the probability; its logarithm was asked for.": lambda z, y: (
        1 - z.softmax(dim=1)[torch.arange(len(y)), y]
    ),
    "There is no softmax: the logits are taken as they are.": lambda z, y: -z[torch.arange(len(y)), y],
    "The softmax runs over the pictures, not over the classes.": lambda z, y: (
        -z.log_softmax(dim=0)[torch.arange(len(y)), y]
    ),
    "It is the other class whose probability is taken.": lambda z, y: functional.cross_entropy(
        z, 1 - y, reduction="none"
    ),
}

MEANS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "": lambda losses, weights: (losses * weights).sum() / weights.sum(),
    "It is divided by the number of pictures, not by the sum of their weights.": lambda losses, weights: (
        losses * weights
    ).mean(),
    "This is a sum, not a mean.": lambda losses, weights: (losses * weights).sum(),
    "The losses are not weighted.": lambda losses, weights: losses.mean(),
    "The losses are divided by their weights.": lambda losses, weights: (
        (losses / weights).sum() / (1 / weights).sum()
    ),
}


def judge_weighted_cross_entropy(inputs: Data, outputs: Data) -> list[Verdict]:
    cases = inputs["cases"]

    def found(name: str) -> list:
        return [part(outputs["found"], place)[name] for place in range(len(cases))]

    def weights() -> Verdict:
        counts = [np.bincount(case["training"], minlength=2) for case in cases]
        known = {(name,): [count(one) for one in counts] for name, count in CLASS_WEIGHTS.items()}
        return respect(alike(found("weights"), known), 0, f"found {found('weights')}")

    @cache
    def recognised() -> Names | None:
        """The loss, from the weights that were found, right or wrong."""
        known = {}
        for (mistake, loss), (lack, mean) in product(LOSSES.items(), MEANS.items()):
            of_cases = []
            for case, of_class in zip(cases, found("weights"), strict=True):
                labels = torch.tensor(case["labels"])
                losses = loss(torch.tensor(case["logits"]), labels)
                of_cases.append(float(mean(losses, torch.tensor(of_class)[labels])))
            known[mistake, lack] = of_cases
        return alike(found("loss"), known)

    return each(
        weights,
        lambda: respect(recognised(), 0, f"found {found('loss')}"),
        lambda: respect(recognised(), 1, f"found {found('loss')}"),
    )


def draw_step_decay(generator: np.random.Generator) -> Data:
    cases = []
    for every in generator.choice(np.arange(3, 9), 3, replace=False).tolist():
        rate = round(float(generator.uniform(0.001, 0.1)), 5)
        factor = round(float(generator.uniform(0.1, 0.4)), 3)
        cases += [[rate, epoch, every, factor] for epoch in range(1, 3 * every + 2)]
    return {"cases": cases}


def probe_step_decay(answer, inputs):
    return {"rates": tried(lambda: [float(answer(*case)) for case in inputs["cases"]])}


COUNTED: dict[str, Callable[[int, int], float]] = {
    "": lambda epoch, every: (epoch - 1) // every,
    "Epochs are counted from 1: the first step comes an epoch too early.": lambda epoch, every: (
        epoch // every
    ),
    "The first step comes an epoch too late.": lambda epoch, every: max(0, epoch - 2) // every,
    "The rate falls in every epoch, not in steps.": lambda epoch, every: (epoch - 1) / every,
    "The rate falls in every epoch, by the whole factor.": lambda epoch, every: epoch - 1,
}

FALLEN: dict[str, Callable[[float, float, float], float]] = {
    "": lambda rate, factor, steps: rate * factor**steps,
    "The factor is what is left, not what is taken away.": lambda rate, factor, steps: (
        rate * (1 - factor) ** steps
    ),
    "The rate is divided by the factor.": lambda rate, factor, steps: rate / factor**steps,
    "The factor is multiplied by the number of steps; each step multiplies the rate.": (
        lambda rate, factor, steps: rate * factor * steps
    ),
    "The rate falls once and no more.": lambda rate, factor, steps: rate * factor ** min(1, steps),
    "The factor is taken off the rate.": lambda rate, factor, steps: rate - factor * steps,
}


def judge_step_decay(inputs: Data, outputs: Data) -> list[Verdict]:
    @cache
    def recognised() -> Names | None:
        known = {
            (mistake, lack): [
                fall(rate, factor, count(epoch, every)) for rate, epoch, every, factor in inputs["cases"]
            ]
            for (lack, count), (mistake, fall) in product(COUNTED.items(), FALLEN.items())
        }
        # To a millionth of the largest: one case's rates may be a thousandth of another's.
        return alike(part(outputs, "rates"), known, 1e-6)

    return each(lambda: respect(recognised(), 0), lambda: respect(recognised(), 1))


def draw_early_stopping(generator: np.random.Generator) -> Data:
    """Return accuracies and patience by what they tell.

    *Stopping*: the highest of all comes after the stop. *Ties*: an equal one comes within the patience.
    *Climbing*: it never stops.
    """

    def stopping() -> list:
        patience, best = int(generator.integers(2, 5)), int(generator.integers(2, 5))
        up = np.sort(generator.choice(np.arange(500, 700), best, replace=False)) / 10
        # Up and down below the best, so that it is not each epoch's own predecessor that counts.
        after = generator.permutation(np.arange(patience + 2)) * 1.5 + 30
        return [[*up.tolist(), *after.tolist(), 95.0, 96.0], patience]

    def ties() -> list:
        accuracies, patience = stopping()
        best = accuracies.index(max(accuracies[:-2]))
        accuracies[best + 1] = accuracies[best]
        return [accuracies, patience]

    def climbing() -> list:
        patience = int(generator.integers(3, 6))
        up = np.sort(generator.choice(np.arange(500, 900), 6, replace=False)) / 10
        return [[*up.tolist(), *(up[-1] - np.arange(1, patience)).tolist()], patience]

    kinds = {"stopping": stopping, "ties": ties, "climbing": climbing}
    return {kind: [make() for _ in range(4)] for kind, make in kinds.items()}


def probe_early_stopping(answer, inputs):
    def found(cases):
        return [[float(number) for number in answer(list(values), patience)] for values, patience in cases]

    return {kind: tried(lambda cases=cases: found(cases)) for kind, cases in inputs.items()}


def _stopped(accuracies: list[float], patience: int, *, ties: bool = False) -> tuple[int, int]:
    """Return when training stops and the best epoch until then; `ties`: an equal one is a better one."""
    best = 1
    for epoch, accuracy in enumerate(accuracies, 1):
        if accuracy > accuracies[best - 1] or (ties and accuracy == accuracies[best - 1]):
            best = epoch
        if epoch - best == patience:
            return epoch, best
    return len(accuracies), best


def judge_early_stopping(inputs: Data, outputs: Data) -> list[Verdict]:
    def pairs(kind: str) -> list[tuple[list[float], int, float, float]]:
        return [
            (*case, *map(float, found)) for case, found in zip(inputs[kind], part(outputs, kind), strict=True)
        ]

    def stop() -> Verdict:
        cases = pairs("stopping")
        late = [found - _stopped(values, patience)[0] for values, patience, found, _ in cases]
        mistake = "Training does not stop after the epoch that was asked for."
        if len(set(late)) == 1 and late[0]:
            mistake = f"Training stops {'late' if late[0] > 0 else 'early'} by {abs(late[0]):.0f}."
        return decide(not any(late), mistake, f"too late by {late}")

    def chosen() -> Verdict:
        right = all(
            found == _stopped(values, patience)[1] for values, patience, _, found in pairs("stopping")
        )
        return decide(right, "This is not the best epoch of those until training stopped, from 1.")

    def tie() -> Verdict:
        later = all(
            found == _stopped(values, patience, ties=True)[1] for values, patience, _, found in pairs("ties")
        )
        return decide(not later, "An equal accuracy is not a better one.")

    def end() -> Verdict:
        cases = pairs("climbing")
        right = all(found == len(values) for values, _, found, _ in cases)
        return decide(right, "A training that never stops early ends after its last epoch.")

    return each(stop, chosen, tie, end)


QUESTIONS = [
    Question(
        id="midway-separable",
        number=901,
        title="The midway separable convolution",
        points=8,
        kind="code",
        answers="MidwaySeparable",
        draw=draw_midway_separable,
        probe=probe_midway_separable,
        judge=judge_midway_separable,
        without=("course_utils.models.xception_variants",),
        rubric=(
            Criterion(points=3, text="filters in space that see `group_width` channels each"),
            Criterion(points=2, text="1 x 1 filters from all channels to those that come out"),
            Criterion(points=2, text="the one after the other, with no bias and nothing between"),
            Criterion(points=1, text="as large as what came in, with a border of zeros"),
        ),
    ),
    Question(
        id="block-cost",
        number=902,
        title="What a block costs",
        points=8,
        kind="code",
        answers="block_cost",
        draw=draw_block_cost,
        probe=probe_block_cost,
        judge=judge_block_cost,
        without=("course_utils.models.xception_variants",),
        rubric=(
            Criterion(points=2, text="the filters in space of three separable convolutions"),
            Criterion(points=2, text="their 1 x 1 convolutions"),
            Criterion(points=2, text="what stands beside the block, and all normalisations"),
            Criterion(points=2, text="each weight of a convolution once a place"),
        ),
    ),
    Question(
        id="decoupling",
        number=903,
        title="Is it the filters?",
        points=7,
        kind="words",
        rubric=(
            Criterion(
                points=3, text="the filters' share of parameters and of computing, and where the rest is"
            ),
            Criterion(points=2, text="what a filter of two channels sees, and what it still does not"),
            Criterion(points=2, text="a network with one change alone, or one as large; several seeds"),
        ),
    ),
    Question(
        id="weighted-cross-entropy",
        number=904,
        title="Weighted cross-entropy",
        points=7,
        kind="code",
        answers="weighted_cross_entropy",
        draw=draw_weighted_cross_entropy,
        probe=probe_weighted_cross_entropy,
        judge=judge_weighted_cross_entropy,
        without=("course_utils.training", "sklearn.utils.class_weight"),
        rubric=(
            Criterion(points=2, text="balanced weights of the classes, from the training set"),
            Criterion(points=2, text="the cross-entropy of each picture"),
            Criterion(points=3, text="the weighted mean, over the sum of the weights"),
        ),
    ),
    Question(
        id="step-decay",
        number=905,
        title="A learning rate that falls in steps",
        points=3,
        kind="code",
        answers="step_decay",
        draw=draw_step_decay,
        probe=probe_step_decay,
        judge=judge_step_decay,
        without=("course_utils.training",),
        rubric=(
            Criterion(points=2, text="multiplied by the factor at each step"),
            Criterion(points=1, text="a step after every so many epochs, counted from 1"),
        ),
    ),
    Question(
        id="early-stopping",
        number=906,
        title="Stopping early",
        points=5,
        kind="code",
        answers="early_stopping",
        draw=draw_early_stopping,
        probe=probe_early_stopping,
        judge=judge_early_stopping,
        without=("course_utils.training",),
        rubric=(
            Criterion(points=2, text="the epoch after which training stops"),
            Criterion(points=1, text="the best epoch until then"),
            Criterion(points=1, text="an equal accuracy is not a better one"),
            Criterion(points=1, text="the last epoch, where it never stops early"),
        ),
    ),
    Question(
        id="rows-3-and-9",
        number=907,
        title="Rows 3 and 9",
        points=8,
        kind="words",
        rubric=(
            Criterion(
                points=3, text="what always-fake gets, that class 0 fails, and which way the report errs"
            ),
            Criterion(points=1, text="a measure that does not reward the larger class, and its first row"),
            Criterion(points=1, text="hundreds of thousands of test pictures, by a standard error"),
            Criterion(points=1, text="row 7, by its share of fakes or its precisions"),
            Criterion(
                points=2, text="test sets that differ, frames that leak, or shortcuts of whole pictures"
            ),
        ),
    ),
    Question(
        id="epoch-8-or-24",
        number=908,
        title="Epoch 8 or epoch 24?",
        points=5,
        kind="words",
        rubric=(
            Criterion(points=2, text="the test set chose; what that was worth in the tables"),
            Criterion(points=1, text="one or two standard errors of such a difference"),
            Criterion(points=1, text="a learning rate of 6e-9, and what it leaves to learn"),
            Criterion(points=1, text="accuracy or loss, with a reason, of the validation split"),
        ),
    ),
    Question(
        id="better-network",
        number=909,
        title="Which network is better?",
        points=7,
        kind="words",
        rubric=(
            Criterion(points=1, text="who learnt, and who is better than guessing, by the numbers"),
            Criterion(points=3, text="intervals and seeds, what each covers; either outcome can earn this"),
            Criterion(points=1, text="costs, weighed against what was or was not shown"),
            Criterion(points=2, text="pairs of rows that differ in one thing, and that few do"),
        ),
    ),
]
