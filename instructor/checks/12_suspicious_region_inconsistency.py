"""The questions of notebook 12."""

import math
from collections.abc import Callable
from functools import cache
from itertools import product

import numpy as np
import torch
from torch import Tensor

from course_utils.grading.questions import Criterion, Data, Question, Verdict, tried
from course_utils.grading.verdicts import Names, alike, decide, each, numbers, part, respect


def draw_positions(generator: np.random.Generator) -> Data:
    sizes = [[int(generator.integers(3, 40)), 2 * int(generator.integers(2, 20))] for _ in range(3)]
    return {"sizes": [*sizes, [1, 6]]}


def probe_positional_encoding(answer, inputs):
    import torch

    def encoded(frames, width):
        found = torch.as_tensor(answer(frames, width)).detach()
        return {"shape": list(found.shape), "values": found.double().flatten().tolist()}

    return {str(place): tried(lambda size=size: encoded(*size)) for place, size in enumerate(inputs["sizes"])}


ANGLES: dict[str, Callable[[Tensor, Tensor, int], Tensor]] = {
    "": lambda t, i, d: t / 10_000 ** (2 * i / d),
    "Frames are counted from 1; the first is frame 0.": lambda t, i, d: (t + 1) / 10_000 ** (2 * i / d),
    "The exponent is i / width; it is twice as much.": lambda t, i, d: t / 10_000 ** (i / d),
    "Pairs of columns are counted from 1; the first is 0.": lambda t, i, d: t / 10_000 ** (2 * (i + 1) / d),
    "The angle is multiplied by the power, not divided.": lambda t, i, d: t * 10_000 ** (2 * i / d),
    "The base is not 10000.": lambda t, i, d: t / 1000 ** (2 * i / d),
    "The base is not 10000 (but e).": lambda t, i, d: t / torch.exp(2 * i / d),
    "The power is left out.": lambda t, i, d: t + 0 * i,
}
COLUMNS: dict[str, Callable[[Tensor], Tensor]] = {
    "": lambda a: torch.stack([a.sin(), a.cos()], dim=2).flatten(1),
    "Cosines come before sines.": lambda a: torch.stack([a.cos(), a.sin()], dim=2).flatten(1),
    "All sines come first, then all cosines; they take turns.": lambda a: torch.cat([a.sin(), a.cos()], 1),
    "There are sines alone.": lambda a: torch.stack([a.sin(), a.sin()], dim=2).flatten(1),
    "There are cosines alone.": lambda a: torch.stack([a.cos(), a.cos()], dim=2).flatten(1),
}


def judge_positional_encoding(inputs: Data, outputs: Data) -> list[Verdict]:
    @cache
    def recognised(place: str) -> Names | None:
        frames, width = inputs["sizes"][int(place)]
        t = torch.arange(frames, dtype=torch.float64)[:, None]
        i = torch.arange(width // 2, dtype=torch.float64)
        known = {
            (wrong, mixed): order(angle(t, i, width))
            for (wrong, angle), (mixed, order) in product(ANGLES.items(), COLUMNS.items())
        }
        return alike(part(outputs, place)["values"], known, tolerance=1e-3)

    def told(respected: int) -> Verdict:
        verdicts = [respect(recognised(str(place)), respected) for place in range(3)]
        return min(verdicts, key=lambda verdict: verdict.earned)

    def shape() -> Verdict:
        found = [part(outputs, str(place))["shape"] for place in range(4)]
        mistake = "What you return is not frames x width, for many frames and for one."
        return decide(found == inputs["sizes"], mistake, f"found {found}")

    return each(lambda: told(0), lambda: told(1), shape)


def draw_heads(generator: np.random.Generator) -> Data:
    """Return two batches: of videos that are all as long as the batch, and of others filled up with noise."""
    cases = {}
    for name, lengths in (("full", [4, 4, 4]), ("filled", [5, 1, 3, 2])):
        longest = max(lengths)
        cases[name] = {
            "frame_logits": generator.normal(0, 2, (len(lengths), longest)).tolist(),
            "counts": lengths,
            "dynamic_logits": generator.normal(0, 2, len(lengths)).tolist(),
            "labels": (generator.permutation(len(lengths)) % 2).astype(float).tolist(),
        }
    return {"cases": cases, "strength": round(float(generator.uniform(0.1, 0.35)), 3)}


def probe_static_dynamic_loss(answer, inputs):
    import torch

    def judged(case):
        given = [torch.tensor(case[name]) for name in ("frame_logits", "counts", "dynamic_logits", "labels")]
        loss, probabilities = answer(*given, inputs["strength"])
        return {
            "loss": float(loss),
            "probabilities": torch.as_tensor(probabilities).detach().flatten().tolist(),
        }

    return {name: tried(lambda case=case: judged(case)) for name, case in inputs["cases"].items()}


def _cost(logits: Tensor, labels: Tensor) -> Tensor:
    return torch.nn.functional.binary_cross_entropy_with_logits(logits, labels, reduction="none")


STATICS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "": lambda x, n: torch.stack([row[:count].mean() for row, count in zip(x, n, strict=True)]),
    "Frames that only fill up the batch count as well.": lambda x, n: x.mean(dim=1),
    "The sum is divided by the length of the batch, not by the video's.": lambda x, n: (
        torch.stack([row[:count].sum() for row, count in zip(x, n, strict=True)]) / x.shape[1]
    ),
    "This is a sum over frames, not their mean.": lambda x, n: torch.stack(
        [row[:count].sum() for row, count in zip(x, n, strict=True)]
    ),
    "This is the largest frame's logit, not the mean.": lambda x, n: torch.stack(
        [row[:count].max() for row, count in zip(x, n, strict=True)]
    ),
    "This is the logit of the mean of probabilities, not the mean of logits.": lambda x, n: torch.stack(
        [row[:count].sigmoid().mean().logit() for row, count in zip(x, n, strict=True)]
    ),
}
LOSSES: dict[str, Callable[[Tensor, Tensor, Tensor, float], Tensor]] = {
    "": lambda a, b, y, s: (1 - s) * _cost(a, y) + s * _cost(b, y),
    "The weights are exchanged: `strength` is the dynamic head's.": lambda a, b, y, s: (
        s * _cost(a, y) + (1 - s) * _cost(b, y)
    ),
    "The two losses are added without a weight.": lambda a, b, y, s: _cost(a, y) + _cost(b, y),
    "The static loss has no weight.": lambda a, b, y, s: _cost(a, y) + s * _cost(b, y),
    "The dynamic loss is left out.": lambda a, b, y, s: _cost(a, y),
    "The static loss is left out.": lambda a, b, y, s: _cost(b, y),
    "This is the loss of the joint logit; each head has a loss of its own.": lambda a, b, y, s: _cost(
        (1 - s) * a + s * b, y
    ),
    "A sigmoid stands before a loss that has one already.": lambda a, b, y, s: (
        (1 - s) * _cost(a.sigmoid(), y) + s * _cost(b.sigmoid(), y)
    ),
}
TOTALS: dict[str, Callable[[Tensor], Tensor]] = {
    "": lambda costs: costs.mean(),
    "This is the sum over videos, not their mean.": lambda costs: costs.sum(),
}
JOINED: dict[str, Callable[[Tensor, Tensor, float], Tensor]] = {
    "": lambda a, b, s: ((1 - s) * a + s * b).sigmoid(),
    "Probabilities are joined, not logits.": lambda a, b, s: (1 - s) * a.sigmoid() + s * b.sigmoid(),
    "The weights of the logits are exchanged.": lambda a, b, s: (s * a + (1 - s) * b).sigmoid(),
    "The dynamic logit is left out.": lambda a, b, s: a.sigmoid(),
    "Both logits have the same weight.": lambda a, b, s: ((a + b) / 2).sigmoid(),
    "The logits are added without a weight.": lambda a, b, s: (a + b).sigmoid(),
    "There is no sigmoid: these are logits.": lambda a, b, s: (1 - s) * a + s * b,
}


def judge_static_dynamic_loss(inputs: Data, outputs: Data) -> list[Verdict]:
    strength = inputs["strength"]

    def tensors(name: str) -> list[Tensor]:
        case = inputs["cases"][name]
        return [
            torch.tensor(case[kind], dtype=torch.float64)
            for kind in ("frame_logits", "dynamic_logits", "labels")
        ]

    @cache
    def recognised_loss(name: str) -> Names | None:
        frames, dynamic, labels = tensors(name)
        counts = inputs["cases"][name]["counts"]
        known = {
            (mean, wrong, total): [float(add(lose(static(frames, counts), dynamic, labels, strength)))]
            for (mean, static), (wrong, lose), (total, add) in product(
                STATICS.items(), LOSSES.items(), TOTALS.items()
            )
        }
        return alike([part(outputs, name)["loss"]], known)

    @cache
    def recognised_probability(name: str) -> Names | None:
        frames, dynamic, _ = tensors(name)
        counts = inputs["cases"][name]["counts"]
        known = {
            (mean, wrong): join(static(frames, counts), dynamic, strength)
            for (mean, static), (wrong, join) in product(STATICS.items(), JOINED.items())
        }
        return alike(part(outputs, name)["probabilities"], known)

    def static() -> Verdict:
        """Of the loss, and where that is beyond recognition, of the probabilities."""
        found = [recognised_loss(name) or recognised_probability(name) for name in ("filled", "full")]
        return min((respect(one, 0) for one in found), key=lambda verdict: verdict.earned)

    return each(
        static,
        lambda: respect(recognised_loss("full"), 1),
        lambda: respect(recognised_loss("full"), 2),
        lambda: respect(recognised_probability("full"), 1),
    )


def draw_scored_frames(generator: np.random.Generator) -> Data:
    """Return frames of videos of unequal lengths: none sure, and some that only a clip keeps finite."""
    cases = {}
    for name in ("plain", "sure"):
        lengths = 1 + generator.permutation(6)
        labels = generator.permutation([0, 0, 0, 1, 1, 1])
        probabilities = generator.uniform(0.1, 0.9, int(lengths.sum()))
        videos = np.repeat([f"video {number}" for number in generator.permutation(6)], lengths)
        of_frames = np.repeat(labels, lengths)
        if name == "sure":
            names = list(dict.fromkeys(videos))
            wrong = [names[list(labels).index(label)] for label in (0, 1)]  # surely, in all their frames
            other = next(
                one for one, length in zip(names, lengths, strict=True) if one not in wrong and length > 1
            )
            for one in wrong:
                probabilities[videos == one] = 1 - of_frames[videos == one]
            first = np.flatnonzero(videos == other)[0]  # surely, in one of its frames
            probabilities[first] = 1 - of_frames[first]
        order = generator.permutation(len(videos))
        cases[name] = {
            "probabilities": probabilities[order].tolist(),
            "labels": of_frames[order].tolist(),
            "videos": videos[order].tolist(),
        }
    return {"cases": cases, "clip": round(float(generator.uniform(0.02, 0.06)), 4)}


def probe_log_loss(answer, inputs):
    import numpy as np

    def cost(case, clip):
        given = [np.array(case[name]) for name in ("probabilities", "labels", "videos")]
        return [float(answer(*given, clip))]

    return {
        "plain": tried(lambda: cost(inputs["cases"]["plain"], 1e-9)),
        "sure": tried(lambda: cost(inputs["cases"]["sure"], inputs["clip"])),
    }


def _nats(p: np.ndarray, y: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return -np.where(y == 1, np.log(p), np.log(1 - p))


COSTS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "": _nats,
    "The logarithm has the base 2; nats have the base e.": lambda p, y: _nats(p, y) / math.log(2),
    "The logarithm has the base 10; nats have the base e.": lambda p, y: _nats(p, y) / math.log(10),
    "The sign is wrong: a loss is not negative.": lambda p, y: -_nats(p, y),
    "The labels are exchanged: this is the cost of the wrong class.": lambda p, y: _nats(1 - p, y),
    "Reals cost nothing here.": lambda p, y: np.where(y == 1, _nats(p, y), 0),
    "Fakes cost nothing here.": lambda p, y: np.where(y == 1, 0, _nats(p, y)),
}
CLIPS: dict[str, Callable[[np.ndarray, float], np.ndarray]] = {
    "": lambda p, c: np.clip(p, c, 1 - c),
    "There is no clip, or another one.": lambda p, c: np.clip(p, 1e-15, 1 - 1e-15),
    "Probabilities are clipped from below alone.": lambda p, c: np.clip(p, c, 1 - 1e-15),
    "Probabilities are clipped from above alone.": lambda p, c: np.clip(p, 1e-15, 1 - c),
}


def _by_video(case: Data) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
    """Return the labels of videos, the number of each frame's video, and the frames of each video."""
    names = list(dict.fromkeys(case["videos"]))
    numbers_of = np.array([names.index(video) for video in case["videos"]])
    frames = [np.flatnonzero(numbers_of == number) for number in range(len(names))]
    return np.array([case["labels"][one[0]] for one in frames]), numbers_of, frames


def _log_losses(case: Data, clip: float) -> dict[Names, list[float]]:
    """Return LogLoss in all known ways: by the mistake in the videos, in the cost, and in the clip."""
    p, y = np.array(case["probabilities"]), np.array(case["labels"])
    labels, _, frames = _by_video(case)
    means = np.array([p[one].mean() for one in frames])
    middles = np.array([np.median(p[one]) for one in frames])
    lengths = np.array([len(one) for one in frames])
    known = {}
    for (cost, lose), (cut, bound) in product(COSTS.items(), CLIPS.items()):
        frame_costs = lose(bound(p, clip), y)
        of_clipped = np.array([bound(p, clip)[one].mean() for one in frames])
        ways = {
            "": lose(bound(means, clip), labels).mean(),
            "Every frame counts the same here, not every video.": frame_costs.mean(),
            "A video's cost is the mean of its frames' costs; its probability was to be the mean first.": np.mean(
                [frame_costs[one].mean() for one in frames]
            ),
            "Videos count by their number of frames.": lengths
            @ lose(bound(means, clip), labels)
            / lengths.sum(),
            "This is the sum over videos, not their mean.": lose(bound(means, clip), labels).sum(),
            "A video's probability is the median of its frames', not their mean.": lose(
                bound(middles, clip), labels
            ).mean(),
            "A video's probability is that of its first frame.": lose(
                bound(np.array([p[one[0]] for one in frames]), clip), labels
            ).mean(),
            "A video's probability is the largest of its frames'.": lose(
                bound(np.array([p[one].max() for one in frames]), clip), labels
            ).mean(),
        }
        for mistake, value in ways.items():
            known[mistake, cost, cut] = [float(value)]
        early = "Frames are clipped before their mean is taken; clip the video's probability."
        known["", cost, early if not cut else f"{early} {cut}"] = [float(lose(of_clipped, labels).mean())]
    return known


def judge_log_loss(inputs: Data, outputs: Data) -> list[Verdict]:
    @cache
    def recognised(name: str) -> Names | None:
        clip = 1e-9 if name == "plain" else inputs["clip"]
        return alike(part(outputs, name), _log_losses(inputs["cases"][name], clip), tolerance=1e-6)

    return each(
        lambda: respect(recognised("plain"), 0),
        lambda: respect(recognised("plain"), 1),
        lambda: respect(recognised("sure"), 2),
    )


def draw_constants(generator: np.random.Generator) -> Data:
    """Return labels with more fakes, with more reals, and of one class."""
    few = int(generator.integers(3, 7))
    many = few + int(generator.integers(4, 12))
    return {
        "cases": {
            "fakes": generator.permutation([0] * few + [1] * many).tolist(),
            "reals": generator.permutation([1] * few + [0] * many).tolist(),
            "one class": [int(generator.integers(2))] * 5,
        }
    }


def probe_best_constant(answer, inputs):
    def found(labels):
        probability, cost, accuracy = answer(list(labels))
        return [float(probability), float(cost), float(accuracy)]

    return {name: tried(lambda labels=labels: found(labels)) for name, labels in inputs["cases"].items()}


def _entropy(q: float) -> float:
    return -sum(share * math.log(share) for share in (q, 1 - q) if share > 0)


def judge_best_constant(inputs: Data, outputs: Data) -> list[Verdict]:
    shares = {name: float(np.mean(labels)) for name, labels in inputs["cases"].items()}

    def of(place: int, *names: str) -> list[float]:
        return [float(numbers(part(outputs, name))[place]) for name in names]

    def probability() -> Verdict:
        q = [shares["fakes"], shares["reals"]]
        known = {
            ("",): q,
            ("This is the share of reals.",): [1 - one for one in q],
            ("One half is not the best where classes are unequal.",): [0.5, 0.5],
            ("To answer 0 or 1 is not the best: mistakes then cost without limit.",): [
                float(o > 0.5) for o in q
            ],
            ("This is the share of the more frequent class; P(fake) was asked for.",): [
                max(o, 1 - o) for o in q
            ],
        }
        return respect(alike(of(0, "fakes", "reals"), known), 0)

    def cost() -> Verdict:
        q = [shares["fakes"], shares["reals"]]
        known = {
            ("",): [_entropy(o) for o in q],
            ("This is in bits; nats have the base e.",): [_entropy(o) / math.log(2) for o in q],
            ("This is what one half costs.",): [math.log(2)] * 2,
            ("This is the cost of fakes alone.",): [-o * math.log(o) for o in q],
            ("This is the cost of a fake, not the mean over videos.",): [-math.log(o) for o in q],
            ("The sign is wrong: a loss is not negative.",): [-_entropy(o) for o in q],
            ("The two classes are exchanged.",): [-o * math.log(1 - o) - (1 - o) * math.log(o) for o in q],
        }
        return respect(alike(of(1, "fakes", "reals"), known), 0)

    def one_class() -> Verdict:
        return decide(
            abs(of(1, "one class")[0]) < 1e-6, "With labels of one class the best constant costs 0."
        )

    def accuracy() -> Verdict:
        q = [shares["fakes"], shares["reals"]]
        known = {
            ("",): [max(o, 1 - o) for o in q],
            ("This is the accuracy of calling everything fake, also where reals are more.",): q,
            ("This is in percent; a share from 0 to 1 was asked for.",): [100 * max(o, 1 - o) for o in q],
            ("One half is what a coin gets.",): [0.5, 0.5],
        }
        return respect(alike(of(2, "fakes", "reals"), known), 0)

    return each(probability, cost, one_class, accuracy)


QUESTIONS = [
    Question(
        id="positional-encoding",
        number=1201,
        title="Positions for a transformer",
        points=6,
        kind="code",
        answers="positional_encoding",
        draw=draw_positions,
        probe=probe_positional_encoding,
        judge=judge_positional_encoding,
        without=("course_utils.models.asrid",),
        rubric=(
            Criterion(points=3, text="the angles: frames from 0, over 10000 to the power of 2i / width"),
            Criterion(points=2, text="sines and cosines take turns, sines first"),
            Criterion(points=1, text="frames x width, also for one frame"),
        ),
    ),
    Question(
        id="static-dynamic-loss",
        number=1202,
        title="Two heads, one loss",
        points=9,
        kind="code",
        answers="static_dynamic_loss",
        draw=draw_heads,
        probe=probe_static_dynamic_loss,
        judge=judge_static_dynamic_loss,
        without=("course_utils.training", "course_utils.models.asrid"),
        rubric=(
            Criterion(points=3, text="the static logit, a mean over a video's own frames"),
            Criterion(points=3, text="a cross-entropy of each logit, weighed by the strength"),
            Criterion(points=1, text="the mean over videos"),
            Criterion(points=2, text="the probability of the joint logit"),
        ),
    ),
    Question(
        id="log-loss",
        number=1203,
        title="LogLoss by hand",
        points=8,
        kind="code",
        answers="log_loss_by_video",
        draw=draw_scored_frames,
        probe=probe_log_loss,
        judge=judge_log_loss,
        without=("course_utils.predictions", "sklearn.metrics"),
        rubric=(
            Criterion(
                points=3, text="the mean over a video's frames, and a mean in which videos count alike"
            ),
            Criterion(points=3, text="the logarithm of the true class's probability, in nats"),
            Criterion(points=2, text="the video's probability clipped on both sides"),
        ),
    ),
    Question(
        id="best-constant",
        number=1204,
        title="The best constant answer",
        points=5,
        kind="code",
        answers="best_constant",
        draw=draw_constants,
        probe=probe_best_constant,
        judge=judge_best_constant,
        without=("sklearn.metrics",),
        rubric=(
            Criterion(points=1, text="the share of fakes"),
            Criterion(points=2, text="the entropy of the classes, in nats"),
            Criterion(points=1, text="no cost where there is one class"),
            Criterion(points=1, text="the accuracy of the more frequent class"),
        ),
    ),
    Question(
        id="published-losses",
        number=1205,
        title="What is a loss of 0.449 worth?",
        points=7,
        kind="words",
        rubric=(
            Criterion(points=1, text="losses of different videos and class shares are not compared"),
            Criterion(points=2, text="beside 0.441 and 83.9 % the report's losses show nothing learnt"),
            Criterion(points=2, text="beside 0.693 and 50 % they show a lot"),
            Criterion(points=2, text="an interval for 70 of 70, and what would have settled the question"),
        ),
    ),
    Question(
        id="batch-diversity",
        number=1206,
        title="Batches of videos",
        points=5,
        kind="words",
        rubric=(
            Criterion(points=1, text="one label a video, so that as many draws as videos"),
            Criterion(points=2, text="noisier gradients; batch statistics of few people"),
            Criterion(points=2, text="accumulation mends the gradient and not batch normalisation"),
        ),
    ),
    Question(
        id="ablation",
        number=1207,
        title="Which difference does the spread carry?",
        points=8,
        kind="words",
        rubric=(
            Criterion(points=2, text="judged beside the constant answer; either outcome can earn this"),
            Criterion(
                points=2, text="differences against spreads, with numbers; that none is larger can earn this"
            ),
            Criterion(points=2, text="which of the report's conclusions its spreads leave standing"),
            Criterion(
                points=2, text="several seeds on all data, the epoch by validation, an interval on test"
            ),
        ),
    ),
    Question(
        id="frame-attention",
        number=1208,
        title="Attention among frames",
        points=4,
        kind="words",
        rubric=(
            Criterion(points=1, text="how even the shares are, and what an even one is"),
            Criterion(points=1, text="the dynamic head alone knows an order"),
            Criterion(points=2, text="maps over pixels point at regions, of a detector that detects"),
        ),
    ),
    Question(
        id="together",
        number=1209,
        title="Detectors together",
        points=5,
        kind="words",
        rubric=(
            Criterion(points=1, text="by the intervals of the differences; either outcome can earn this"),
            Criterion(points=2, text="0.91 and 0.67: a sure detector outvotes two that do not know"),
            Criterion(points=1, text="few validation groups behind the weights"),
            Criterion(points=1, text="what a clip costs and saves, chosen on validation"),
        ),
    ),
]
