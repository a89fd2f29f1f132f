"""The questions of notebook 11."""

import math
from collections.abc import Callable, Iterable
from functools import cache, partial
from itertools import permutations, product
from operator import attrgetter

import numpy as np
import torch
from torch import Tensor

from course_utils.grading.questions import Criterion, Data, Question, Verdict, tried
from course_utils.grading.verdicts import Names, alike, decide, each, numbers, part, respect


def _least(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the verdict that earns least; of equal ones, the first."""
    return min(verdicts, key=attrgetter("earned"))


CLIPS = {"square": (3, 4, 2, 3, 5, 4), "reduced": (2, 6, 3, 2, 4, 2), "one": (1, 3, 1, 2, 3, 3)}
"""B, C, T, H, W and R of each case. Where R is C, a matrix that is turned round goes through, too."""


def draw_squeeze_excitation(generator: np.random.Generator) -> Data:
    return {"cases": {name: _draw_clips(generator, size) for name, size in CLIPS.items()}}


def _draw_clips(generator: np.random.Generator, size: tuple[int, ...]) -> Data:
    """Return features, each channel of each clip with a mean of its own, that make a ReLU cut off some."""
    clips, channels, reduced = *size[:2], size[5]
    while True:
        features = generator.normal(generator.normal(0, 1, (clips, channels, 1, 1, 1)), 0.5, size[:5])
        reduce = generator.normal(0, 1, (reduced, channels))
        hidden = features.mean(axis=(2, 3, 4)) @ reduce.T
        if hidden.min() < -0.5 and hidden.max() > 0.5:
            break
    expand = generator.normal(0, 1, (channels, reduced))
    return {"features": features.tolist(), "reduce": reduce.tolist(), "expand": expand.tolist()}


def probe_squeeze_excitation(answer, inputs):
    import torch

    def scaled(case):
        given = [torch.tensor(case[name]) for name in ("features", "reduce", "expand")]
        found = torch.as_tensor(answer(*given)).detach()
        return {"shape": list(found.shape), "values": found.flatten().tolist()}

    return {name: tried(lambda case=case: scaled(case)) for name, case in inputs["cases"].items()}


SQUEEZES: dict[str, Callable[[Tensor], Tensor]] = {
    "": lambda x: x.mean(dim=(2, 3, 4), keepdim=True),
    "The mean is over time alone, so that each place has gates of its own.": lambda x: x.mean(
        2, keepdim=True
    ),
    "The mean is over space alone, so that each frame has gates of its own.": lambda x: x.mean(
        dim=(3, 4), keepdim=True
    ),
    "The mean leaves out the width.": lambda x: x.mean(dim=(2, 3), keepdim=True),
    "The mean leaves out the height.": lambda x: x.mean(dim=(2, 4), keepdim=True),
    "There is no mean, so that each position has gates of its own.": lambda x: x,
    "The mean is over all clips of the batch; a clip's gates must not depend on others.": lambda x: x.mean(
        dim=(0, 2, 3, 4), keepdim=True
    ),
    "The mean is over the channels as well.": lambda x: x.mean(dim=(1, 2, 3, 4), keepdim=True).expand(
        -1, x.shape[1], 1, 1, 1
    ),
    "This is a sum over time and space, not their mean.": lambda x: x.sum(dim=(2, 3, 4), keepdim=True),
    "This is a maximum over time and space, not their mean.": lambda x: x.amax(dim=(2, 3, 4), keepdim=True),
}


def _times(matrix: Tensor, means: Tensor) -> Tensor:
    return torch.einsum("rc,bcthw->brthw", matrix, means)


GATES: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "": lambda z, a, b: _times(b, _times(a, z).relu()).sigmoid(),
    "There is no ReLU between the matrices.": lambda z, a, b: _times(b, _times(a, z)).sigmoid(),
    "The ReLU comes after both matrices, not between them.": lambda z, a, b: (
        _times(b, _times(a, z)).relu().sigmoid()
    ),
    "A sigmoid stands between the matrices, not a ReLU.": lambda z, a, b: _times(
        b, _times(a, z).sigmoid()
    ).sigmoid(),
    "There is no sigmoid: gates go from 0 to 1.": lambda z, a, b: _times(b, _times(a, z).relu()),
    "There is neither a ReLU nor a sigmoid.": lambda z, a, b: _times(b, _times(a, z)),
    "A ReLU stands where the sigmoid belongs.": lambda z, a, b: _times(b, _times(a, z).relu()).relu(),
    "The sigmoid and the ReLU are exchanged.": lambda z, a, b: _times(b, _times(a, z).sigmoid()).relu(),
    "A softmax over the channels stands where the sigmoid belongs.": lambda z, a, b: _times(
        b, _times(a, z).relu()
    ).softmax(dim=1),
    "The matrices are left out.": lambda z, a, b: z.sigmoid(),
    "The matrices are exchanged.": lambda z, a, b: _times(a.T, _times(b.T, z).relu()).sigmoid(),
}

SQUARE_GATES: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "The matrices are turned round: their rows and columns are exchanged.": lambda z, a, b: _times(
        b.T, _times(a.T, z).relu()
    ).sigmoid(),
    "The first matrix is turned round: its rows and columns are exchanged.": lambda z, a, b: _times(
        b, _times(a.T, z).relu()
    ).sigmoid(),
    "The second matrix is turned round: its rows and columns are exchanged.": lambda z, a, b: _times(
        b.T, _times(a, z).relu()
    ).sigmoid(),
    "The second matrix comes before the first.": lambda z, a, b: _times(a, _times(b, z).relu()).sigmoid(),
    "There is one matrix; there are to be two.": lambda z, a, b: _times(a, z).relu().sigmoid(),
}
"""What goes through if as many numbers are between the matrices as there are channels."""

APPLICATIONS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "": lambda x, g: x * g,
    "The gate is added, not multiplied.": lambda x, g: x + g,
    "The features are added once more; each is only to be multiplied by its gate.": lambda x, g: x + x * g,
    "These are the gates; each channel times its gate was asked for.": lambda x, g: g,
    "These are the gates; each channel times its gate was asked for, at each position.": lambda x, g: (
        g.expand_as(x)
    ),
    "The means are multiplied by the gates, not the features.": lambda x, g: (
        x.mean(dim=(2, 3, 4), keepdim=True) * g
    ),
}


def judge_squeeze_excitation(inputs: Data, outputs: Data) -> list[Verdict]:
    @cache
    def recognised(name: str) -> Names | None:
        values = numbers(part(outputs, name)["values"])
        features, *matrices = (
            torch.tensor(inputs["cases"][name][kind]) for kind in ("features", "reduce", "expand")
        )
        gates = GATES | (SQUARE_GATES if matrices[0].shape == matrices[1].shape else {})
        known = {}
        for (squeeze, mean), (excitation, gate) in product(SQUEEZES.items(), gates.items()):
            strength = gate(mean(features), *matrices)
            for application, apply in APPLICATIONS.items():
                names = squeeze, excitation, application
                if not all(names):  # with a mistake in each there is nothing left to earn
                    known[names] = apply(features, strength)
        return alike(values, known)

    def shape(name: str) -> Verdict:
        found = part(outputs, name)["shape"]
        mistake = (
            "What you return is not of the shape of the features, for a batch of several clips and of one."
        )
        return decide(found == list(CLIPS[name][:5]), mistake, f"found {found}")

    def application() -> Verdict:
        names = ("square", "one")
        return _least([*(respect(recognised(name), 2) for name in names), *map(shape, names)])

    return each(
        lambda: respect(recognised("square"), 0),
        lambda: _least(respect(recognised(name), 1) for name in ("square", "reduced")),
        application,
    )


TOKENS = {"several": (2, 3, 2, 3, 4), "long": (1, 4, 5, 2, 1), "wide": (2, 2, 1, 2, 5)}
"""B, C, T, H and W of each case."""

AXES = (2, 3, 4)
"""Those of T, H and W."""


def draw_non_local(generator: np.random.Generator) -> Data:
    cases = {
        name: {kind: generator.normal(0, 1, size).tolist() for kind in ("queries", "keys", "values")}
        for name, size in TOKENS.items()
    }
    # Far from 1, from its inverse, and from one over the root of each number of channels.
    return {"cases": cases, "scale": round(float(generator.uniform(0.78, 0.9)), 3)}


def probe_non_local(answer, inputs):
    import torch

    def taken(case):
        given = [torch.tensor(case[kind]) for kind in ("queries", "keys", "values")]
        found = torch.as_tensor(answer(*given, inputs["scale"])).detach()
        return {"shape": list(found.shape), "values": found.flatten().tolist()}

    return {name: tried(lambda case=case: taken(case)) for name, case in inputs["cases"].items()}


def _groups(given: Tensor, apart: tuple[int, ...]) -> Tensor:
    """Return B x C x T x H x W as B x groups x positions x C, a group for each place in the axes `apart`."""
    together = [axis for axis in AXES if axis not in apart]
    positions = math.prod(given.shape[axis] for axis in together)
    clips, channels = given.shape[:2]
    return given.permute(0, *apart, *together, 1).reshape(clips, -1, positions, channels)


def _positions(grouped: Tensor, apart: tuple[int, ...], size: tuple[int, ...]) -> Tensor:
    """Undo `_groups`, up to B x C x N, for clips of `size`, B x C x T x H x W."""
    order = [*apart, *(axis for axis in AXES if axis not in apart)]
    tokens = grouped.reshape(size[0], *(size[axis] for axis in order), -1)
    return tokens.permute(0, 4, *(1 + order.index(axis) for axis in AXES)).flatten(2)


SCOPES: dict[str, tuple[str, str, tuple[int, ...]]] = {
    "": ("queries", "keys", ()),
    "A position attends to its own frame alone.": ("queries", "keys", (2,)),
    "A position attends to its own place alone, over time.": ("queries", "keys", (3, 4)),
    "A position attends to its own row alone.": ("queries", "keys", (2, 3)),
    "Queries and keys are exchanged: these are the products of each key with all queries.": (
        "keys",
        "queries",
        (),
    ),
    "These are the products of queries with queries.": ("queries", "queries", ()),
    "These are the products of keys with keys.": ("keys", "keys", ()),
    "These are the products of queries with values.": ("queries", "values", ()),
}
"""What stands for the queries and the keys, and which dimensions keep positions apart."""

WEIGHTS: dict[str, Callable[[Tensor, float, int], Tensor]] = {
    "": lambda p, s, c: (s * p).softmax(dim=-1),
    "The scale is left out.": lambda p, s, c: p.softmax(dim=-1),
    "The scale comes after the softmax.": lambda p, s, c: s * p.softmax(dim=-1),
    "The products are divided by the scale.": lambda p, s, c: (p / s).softmax(dim=-1),
    "The scale is of the course's making; the one that is given was asked for.": lambda p, s, c: (
        p / c**0.5
    ).softmax(dim=-1),
    "Beside the scale that is given there is another one.": lambda p, s, c: (s * p / c**0.5).softmax(dim=-1),
    "The softmax runs over the queries, not over the keys.": lambda p, s, c: (s * p).softmax(dim=-2),
    "The softmax runs over the queries, not over the keys, and has no scale.": lambda p, s, c: p.softmax(-2),
    "The softmax runs over queries and keys together.": lambda p, s, c: (
        (s * p).flatten(-2).softmax(dim=-1).view_as(p)
    ),
    "The softmax runs over the clips, not over the keys.": lambda p, s, c: (s * p).softmax(dim=0),
    "There is no softmax.": lambda p, s, c: s * p,
    "There is neither a softmax nor a scale.": lambda p, s, c: p,
    "The products are divided by the number of positions; there is no softmax.": lambda p, s, c: (
        s * p / p.shape[-1]
    ),
    "There is a sigmoid instead of a softmax.": lambda p, s, c: (s * p).sigmoid(),
}

SUMS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "": lambda a, v: a @ v,
    "The affinity is turned round: a position takes by the weights that others give it.": lambda a, v: (
        a.mT @ v
    ),
    "The values are added once more; only their weighted sum was asked for.": lambda a, v: a @ v + v,
    "This is the weighted sum divided by the number of positions.": lambda a, v: a @ v / v.shape[-2],
    "This is the value with the largest weight, not the weighted sum.": lambda a, v: v.gather(
        2, a.argmax(dim=-1, keepdim=True).expand(*a.shape[:-1], v.shape[-1])
    ),
    "A position takes its own value times its own weight; there is no sum.": lambda a, v: (
        a.diagonal(dim1=-2, dim2=-1)[..., None] * v
    ),
}


def _disordered(order: tuple[int, ...], taken: Tensor, size: tuple[int, ...]) -> Tensor:
    """Return B x C x N as if N had been the axes in this order, put back into T x H x W."""
    wrong = taken.unflatten(2, [size[axis] for axis in order])
    return wrong.permute(0, 1, *(2 + order.index(axis) for axis in AXES))


ORDERS: dict[str, Callable[[Tensor, tuple[int, ...]], Tensor]] = {
    "": lambda taken, size: taken,
    "B x N x C is not turned to B x C x N before it is reshaped: channels are mixed.": lambda taken, size: (
        taken.mT
    ),
    **{
        f"Positions come back as if {', '.join('BCTHW'[axis] for axis in order)} had been their order.": partial(
            _disordered, order
        )
        for order in permutations(AXES)
        if order != AXES
    },
}


def _taken(case: Data, scale: float) -> dict[Names, Tensor]:
    """Return what is taken in all known ways with two mistakes at most.

    Named by the mistake in the products, in the weights, in the sum, and in the order of positions.
    """
    given = {kind: torch.tensor(case[kind]) for kind in ("queries", "keys", "values")}
    size = tuple(given["values"].shape)
    known = {}
    for (scope, (left, right, apart)), (mistake, weigh) in product(SCOPES.items(), WEIGHTS.items()):
        products = _groups(given[left], apart) @ _groups(given[right], apart).mT
        weights, values = weigh(products, scale, size[1]), _groups(given["values"], apart)
        known[scope, mistake, "There is no weighted sum: this is the affinity itself.", ""] = weights
        for (lack, combine), (order, place) in product(SUMS.items(), ORDERS.items()):
            names = scope, mistake, lack, order
            if sum(map(bool, names)) <= 2:
                known[names] = place(_positions(combine(weights, values), apart, size), size)
    channels = "These are products of channels with channels, not of positions with positions."
    queries, keys, values = (one.flatten(2) for one in given.values())
    for mistake, weigh in WEIGHTS.items():
        known[channels, mistake, "", ""] = weigh(queries @ keys.mT, scale, size[1]) @ values
    return known


def judge_non_local(inputs: Data, outputs: Data) -> list[Verdict]:
    @cache
    def recognised(name: str) -> Names | None:
        values = numbers(part(outputs, name)["values"])
        return alike(values, _taken(inputs["cases"][name], inputs["scale"]))

    def shape(name: str) -> Verdict:
        found = part(outputs, name)["shape"]
        mistake = "What you return is not of the shape of the values, for any T, H and W."
        return decide(found == list(TOKENS[name]), mistake, f"found {found}")

    return each(
        *(lambda place=place: respect(recognised("several"), place) for place in range(3)),
        lambda: _least([*(respect(recognised(name), 3) for name in TOKENS), *map(shape, TOKENS)]),
    )


def draw_sizes(generator: np.random.Generator) -> Data:
    """Return frames, side and stages of networks, by what they tell.

    *Plain* sizes can be halved without rounding; of *odd* ones each first half is rounded; *repeated* names
    stages more than once, or not in their order.
    """

    def even() -> list[int]:
        return [16 * int(generator.integers(1, 4)), 32 * int(generator.integers(2, 8))]

    def odd(rest: int) -> list[int]:
        return [4 * int(generator.integers(1, 9)) + rest, 4 * int(generator.integers(8, 50)) + 4 - rest]

    first, second, third, fourth = generator.permutation([1, 2, 3, 4]).tolist()
    return {
        "plain": [[*even(), stages] for stages in ([1], [2], [3], [4], [1, 4], [2, 3], [1, 2, 3, 4])],
        "odd": [[*odd(rest), stages] for stages in ([1], [2], [3], [4], [1, 3], [2, 4]) for rest in (1, 3)],
        "repeated": [
            [*even(), stages]
            for stages in ([4, 4, 4, 4], [first, first, second], [third, fourth, third], [4, 1])
        ],
    }


def probe_affinity_size(answer, inputs):
    def sizes(cases):
        return [float(answer(frames, side, list(stages))) for frames, side, stages in cases]

    return {kind: tried(lambda kind=kind: sizes(inputs[kind])) for kind in ("plain", "odd", "repeated")}


STEMS: dict[str, tuple[int, int]] = {
    "": (1, 2),
    "The stem does not halve time.": (0, 2),
    "The stem halves time twice.": (2, 2),
    "The stem halves height and width once, not twice.": (1, 1),
    "The stem halves height and width once, and time not at all.": (0, 1),
    "The stem halves nothing.": (0, 0),
    "The stem alone comes before the positions after stage 1; here, stage 1 halves them again.": (2, 3),
}
"""How often time, and height and width, are halved before stage 2."""

STAGES: dict[str, tuple[Callable[[float], float], int, int]] = {
    "": (lambda number: -(-number // 2), 1, 1),
    "Halves are rounded down.": (lambda number: number // 2, 1, 1),
    "Halves are rounded to the nearer number, and to the even one of two as near.": (
        lambda number: round(number / 2),
        1,
        1,
    ),
    "Halves are not rounded.": (lambda number: number / 2, 1, 1),
    "Stages 2, 3 and 4 do not halve time.": (lambda number: -(-number // 2), 0, 1),
    "Stages 2, 3 and 4 do not halve height and width.": (lambda number: -(-number // 2), 1, 0),
    "Stages 2, 3 and 4 do not halve anything.": (lambda number: -(-number // 2), 0, 0),
}
"""How a number is halved, and how often each stage halves time, and height and width."""

TOTALS: dict[str, Callable[[list[float]], float]] = {
    "": lambda positions: sum(number**2 for number in positions),
    "These are the positions; an affinity has a number for each pair of them.": sum,
    "Positions are summed before they are squared: those of one block do not attend to another's.": (
        lambda positions: sum(positions) ** 2
    ),
    "A stage that is named twice has two blocks; it is counted once.": lambda positions: sum(
        number**2 for number in set(positions)
    ),
    "This is the affinity of the first block alone.": lambda positions: positions[0] ** 2,
    "This is the affinity of the last block alone.": lambda positions: positions[-1] ** 2,
    "This is the largest affinity alone.": lambda positions: max(positions) ** 2,
    "The affinities are multiplied, not summed.": lambda positions: math.prod(positions) ** 2,
}


def _halved(half: Callable[[float], float], number: float, times: int) -> float:
    return _halved(half, half(number), times - 1) if times else number


def _sizes(cases: list) -> dict[Names, list[float]]:
    """Return the sizes in all known ways, by the mistake in the stem, in the halves, and in the total."""
    known = {}
    for (stem, first), (mistake, (half, *each_stage)) in product(STEMS.items(), STAGES.items()):
        counted = []
        for frames, side, stages in cases:
            time, space = (
                [_halved(half, number, before + (stage - 1) * more) for stage in stages]
                for number, before, more in zip((frames, side), first, each_stage, strict=True)
            )
            counted.append([t * s**2 for t, s in zip(time, space, strict=True)])
        for wrong, total in TOTALS.items():
            known[stem, mistake, wrong] = [total(positions) for positions in counted]
    return known


def judge_affinity_size(inputs: Data, outputs: Data) -> list[Verdict]:
    @cache
    def recognised(kind: str) -> Names | None:
        # To the last digit: one sum may be a million times another, and all are whole numbers.
        return alike(part(outputs, kind), _sizes(inputs[kind]), tolerance=0)

    def told(kind: str, place: int) -> Verdict:
        return respect(recognised(kind), place, f"{kind}: found {part(outputs, kind)}")

    return each(
        lambda: told("plain", 0),
        lambda: told("odd", 1),
        lambda: _least(told(kind, 2) for kind in ("plain", "repeated")),
    )


QUESTIONS = [
    Question(
        id="squeeze-excitation",
        number=1101,
        title="Squeeze and excitation",
        points=6,
        kind="code",
        answers="squeeze_excitation",
        draw=draw_squeeze_excitation,
        probe=probe_squeeze_excitation,
        judge=judge_squeeze_excitation,
        without=("course_utils.models.video_resnet",),
        rubric=(
            Criterion(points=2, text="the mean over time and space, each clip for itself"),
            Criterion(points=2, text="both matrices, the ReLU between them and the sigmoid after"),
            Criterion(points=2, text="each channel times its gate, of the shape of the features"),
        ),
    ),
    Question(
        id="non-local",
        number=1102,
        title="The non-local block's affinity",
        points=10,
        kind="code",
        answers="non_local",
        draw=draw_non_local,
        probe=probe_non_local,
        judge=judge_non_local,
        without=("course_utils.models.video_resnet",),
        rubric=(
            Criterion(points=3, text="products of all queries with all keys, over time and space together"),
            Criterion(points=3, text="a softmax over the keys, with the scale before it"),
            Criterion(points=2, text="the weighted sum of the values"),
            Criterion(points=2, text="positions back in their places, for any T, H and W"),
        ),
    ),
    Question(
        id="affinity-size",
        number=1103,
        title="How many numbers an affinity has",
        points=6,
        kind="code",
        answers="affinity_size",
        draw=draw_sizes,
        probe=probe_affinity_size,
        judge=judge_affinity_size,
        without=("course_utils.models.video_resnet",),
        rubric=(
            Criterion(points=2, text="positions after stage 1: half the frames, a quarter of each side"),
            Criterion(points=2, text="halves rounded up, stage by stage"),
            Criterion(points=2, text="squared, and summed over blocks, also of a stage named twice"),
        ),
    ),
    Question(
        id="early-attention",
        number=1104,
        title="Why attention in early layers?",
        points=6,
        kind="words",
        rubric=(
            Criterion(
                points=3,
                text="traces that early positions still see, compared between far places or times; actions are of things",
            ),
            Criterion(points=1, text="a reason of another kind: parameters, computing, noise of one run"),
            Criterion(points=2, text="a comparison with as many blocks early and late, with numbers"),
        ),
    ),
    Question(
        id="always-fake",
        number=1105,
        title="A detector that calls everything fake",
        points=5,
        kind="words",
        rubric=(
            Criterion(points=2, text="80.0 % for all, 50.0 % for alone and cross"),
            Criterion(points=2, text="SE in table I; from scratch and SE in table VI, with numbers"),
            Criterion(points=1, text="rates of both classes, the constant answer's, or AUROC"),
        ),
    ),
    Question(
        id="which-attention",
        number=1106,
        title="Which attention helps?",
        points=8,
        kind="words",
        rubric=(
            Criterion(points=2, text="who learnt, by training loss; who generalises, by the intervals"),
            Criterion(points=2, text="attention judged by paired comparisons; either outcome can earn this"),
            Criterion(points=2, text="a standard error of about 1.3 points, and what it does to the ranking"),
            Criterion(points=2, text="the left-out forgery, here and in table VI"),
        ),
    ),
    Question(
        id="use-of-time",
        number=1107,
        title="Does it use time?",
        points=6,
        kind="words",
        rubric=(
            Criterion(points=2, text="who loses by shuffling or stillness, by the comparisons"),
            Criterion(points=1, text="convolutions with a kernel of 3 in time see the order, gates do not"),
            Criterion(points=1, text="that one network does not use traces does not say there are none"),
            Criterion(
                points=2, text="shuffled clips are unlike training: scores move without any use of time"
            ),
        ),
    ),
    Question(
        id="where-it-looks",
        number=1108,
        title="Where does it look?",
        points=3,
        kind="words",
        rubric=(
            Criterion(points=1, text="how even the maps are, by the shares, and that untrained ones are"),
            Criterion(points=2, text="a difference at the forgery, in many clips, by a network that detects"),
        ),
    ),
]
