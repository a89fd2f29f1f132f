"""The questions of notebook 08."""

import numpy as np
import torch
from torchvision import ops

from course_utils.grading.questions import Criterion, Data, Question, Verdict, tried
from course_utils.grading.verdicts import alike, close, decide, each, numbers, part, respect

EXACTLY = 1e-7  # of averages that differ in how a curve is read


def _boxes(generator: np.random.Generator, count: int, size: float = 0.4) -> np.ndarray:
    """Return boxes in a square of side 1, as exact in float32 as in float64."""
    start = generator.uniform(0, 0.6, (count, 2))
    boxes = np.hstack([start, start + generator.uniform(0.1, size, (count, 2))])
    return boxes.astype(np.float32).astype(float)


def draw_overlap(generator: np.random.Generator) -> Data:
    flat = _boxes(generator, 3)
    flat[0, 2], flat[1, 3] = flat[0, 0], flat[1, 1]
    flat[2, 2:] = flat[2, :2]
    # All boxes of the first two lists hold the middle of the picture.
    middle = [
        np.hstack([50 - start, 50 + end])
        for start, end in generator.uniform(5, 45, (2, 2, 5, 2)).astype(np.float32)
    ]
    return {
        "boxes": middle[0].tolist(),
        "others": middle[1][:3].tolist(),
        # A little apart, down and to the right: two negative lengths, whose product is small.
        "apart": [[[0.0, 0.0, 3.0, 4.0], [1.0, 1.0, 4.0, 4.0]], (4.5 + _boxes(generator, 2)).tolist()],
        "flat": flat.tolist(),
    }


def probe_overlap(answer, inputs):
    import torch
    from torchvision import ops

    def absent(*arguments, **settings):
        raise ImportError("torchvision.ops holds the answer")

    ops.box_iou.__code__ = absent.__code__

    def found(boxes, others):
        values = torch.as_tensor(answer(torch.tensor(boxes), torch.tensor(others)))
        return {"shape": list(values.shape), "values": values.flatten().tolist()}

    return {
        "touching": tried(lambda: found(inputs["boxes"], inputs["others"])),
        "apart": tried(lambda: found(*inputs["apart"])),
        "flat": tried(lambda: found(inputs["flat"], inputs["flat"])),
    }


def judge_overlap(inputs: Data, outputs: Data) -> list[Verdict]:
    boxes, others = torch.tensor(inputs["boxes"]), torch.tensor(inputs["others"])
    right = ops.box_iou(boxes, others)
    areas, other_areas = ops.box_area(boxes)[:, None], ops.box_area(others)[None]
    shared = right / (1 + right) * (areas + other_areas)

    def touching() -> Verdict:
        told = part(outputs, "touching")
        known = {
            ("",): right,
            ("Each pair is the wrong way round: expected n x m.",): right.T,
            ("The shared area is over both areas, in which it is counted twice.",): shared
            / (areas + other_areas),
            ("The shared area is over that of the smaller box, not over the union.",): shared
            / torch.minimum(areas, other_areas),
            ("The shared area is over that of the first box, not over the union.",): shared / areas,
            ("This is the shared area itself.",): shared,
        }
        if told["shape"] != [5, 3]:
            return decide(False, "It is not n x m, a number for each pair.")
        return respect(alike(told["values"], known), 0)

    def zeros(name: str, mistake: str, count: int) -> Verdict:
        values = numbers(part(outputs, name)["values"])
        return decide(values.shape == (count,) and not values.any(), mistake, str(values))

    return each(
        touching,
        lambda: zeros("apart", "Boxes that do not touch have an overlap all the same.", 4),
        lambda: zeros("flat", "A box without an area has an overlap with something, or with itself.", 9),
    )


def draw_decode(generator: np.random.Generator) -> Data:
    return {
        "anchors": (100 * _boxes(generator, 6)).tolist(),
        "move": generator.uniform(-0.4, 0.4, (6, 2)).tolist(),
        "stretch": generator.uniform(-0.5, 0.5, (6, 2)).tolist(),
    }


def probe_decode(answer, inputs):
    import torch

    move, stretch = torch.tensor(inputs["move"]), torch.tensor(inputs["stretch"])
    none = torch.zeros(len(move), 2)

    def found(moved, stretched):
        values = answer(torch.cat([moved, stretched], dim=1), torch.tensor(inputs["anchors"]))
        return torch.as_tensor(values).tolist()

    return {
        "moved": tried(lambda: found(move, none)),
        "stretched": tried(lambda: found(none, stretch)),
        "both": tried(lambda: found(move, stretch)),
    }


def judge_decode(inputs: Data, outputs: Data) -> list[Verdict]:
    anchors = numbers(inputs["anchors"])
    size, middle = anchors[:, 2:] - anchors[:, :2], (anchors[:, 2:] + anchors[:, :2]) / 2
    move, stretch = (numbers(inputs[name])[:, ::-1] for name in ("move", "stretch"))  # x before y

    def corners(middles: np.ndarray, sizes: np.ndarray) -> np.ndarray:
        return np.hstack([middles - sizes / 2, middles + sizes / 2])

    def geometry(name: str) -> np.ndarray:
        """Return centres and sizes of what was returned, n x 4."""
        boxes = numbers(part(outputs, name))
        return np.hstack([(boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]])

    def moved() -> Verdict:
        found = geometry("moved")[:, :2]
        known = {
            ("",): middle + move * size,
            ("x and y are exchanged where the box is moved.",): middle + move[:, ::-1] * size,
            ("The box is moved by pixels, not by shares of the anchor's size.",): middle + move,
            ("The box is moved from the anchor's corner, not from its centre.",): anchors[:, :2]
            + move * size,
        }
        return respect(alike(found, known), 0)

    def stretched() -> Verdict:
        found = geometry("stretched")[:, 2:]
        known = {
            ("",): size * np.exp(stretch),
            ("Width and height are exchanged where the box is stretched.",): size * np.exp(stretch[:, ::-1]),
            ("The size is multiplied without the exponential.",): size * stretch,
            ("The size grows by 1 + t, not by the exponential.",): size * (1 + stretch),
        }
        return respect(alike(found, known), 0)

    def form() -> Verdict:
        found = numbers(part(outputs, "both"))
        sizes, middles = geometry("both")[:, 2:], geometry("both")[:, :2]
        right = found.shape == anchors.shape and bool((sizes > 0).all())
        # Centres and sizes may be wrong, which costs elsewhere; here they have to be put together rightly.
        alone = close(middles, geometry("moved")[:, :2]) and close(sizes, geometry("stretched")[:, 2:])
        return decide(right and alone, "The corners are not x0, y0, x1, y1 of one box around its centre.")

    return each(moved, stretched, form)


def draw_model(generator: np.random.Generator) -> Data:
    return {
        "mean": round(float(generator.uniform(0.5, 2)), 2),
        "value": round(float(generator.uniform(3, 6)), 2),
    }


def probe_keep_statistics(answer, inputs):
    import torch
    from torch import nn

    class Activated(nn.BatchNorm2d):
        def forward(self, features):
            return super().forward(features).relu()

    def kept(kind):
        model = nn.Sequential(nn.Sequential(kind(1)))
        layer = model[0][0]
        layer.running_mean.fill_(inputs["mean"])
        answer(model)
        for mode in (True, False, True):
            model.train(mode)
            output = model(torch.full((2, 1, 2, 2), inputs["value"]))
        return [output.mean().item(), layer.running_mean.item(), layer.running_var.item()]

    def learning():
        model = nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2), nn.Conv2d(2, 1, 1))
        model[0].requires_grad_(False)
        answer(model)
        model.train()
        return [name for name, parameter in model.named_parameters() if parameter.requires_grad]

    return {
        "plain": tried(lambda: kept(nn.BatchNorm2d)),
        "subclass": tried(lambda: kept(Activated)),
        "learning": tried(learning),
    }


def judge_keep_statistics(inputs: Data, outputs: Data) -> list[Verdict]:
    def kept(name: str) -> Verdict:
        output, mean, variance = numbers(part(outputs, name))
        stays = close([mean, variance], [inputs["mean"], 1])
        used = close(output, inputs["value"] - inputs["mean"], 1e-3)
        mistake = "After model.train() the running statistics still change."
        if stays:
            mistake = "After model.train() it normalises with the statistics of the batch."
        return decide(stays and used, mistake, f"output {output}, mean {mean}, variance {variance}")

    def learns() -> Verdict:
        learning = list(part(outputs, "learning"))
        every = [f"{layer}.{kind}" for layer in range(3) for kind in ("weight", "bias")]
        return decide(learning == every, "Not every parameter learns afterwards.", str(learning))

    return each(lambda: kept("plain"), lambda: kept("subclass"), learns)


def draw_heaps(generator: np.random.Generator) -> Data:
    boxes = 100 * _boxes(generator, 40)
    step = 20 * float(generator.uniform(0.9, 1.1))
    chain = np.array([[step * place, 0, step * place + 5 * step, 10] for place in range(4)])
    order = generator.permutation(4)
    return {
        "boxes": boxes.astype(np.float32).astype(float).tolist(),
        "scores": generator.permutation(np.linspace(0.1, 0.9, 40)).tolist(),
        "chain": chain[order].tolist(),
        "chain_scores": np.array([0.9, 0.8, 0.7, 0.6])[order].tolist(),
        "order": order.tolist(),
    }


def probe_suppress(answer, inputs):
    import torch
    from torchvision import ops

    def absent(*arguments, **settings):
        raise ImportError("torchvision.ops holds the answer")

    ops.nms.__code__ = ops.batched_nms.__code__ = absent.__code__

    def kept(boxes, scores, most):
        found = answer(torch.tensor(boxes).reshape(-1, 4), torch.tensor(scores), most)
        return [int(number) for number in found]

    nested = [[0.0, 0.0, 4.0, 4.0], [0.0, 0.0, 4.0, 2.0], [0.0, 0.0, 4.0, 4.0]]
    return {
        "heaps": tried(lambda: [kept(inputs["boxes"], inputs["scores"], most) for most in (0.3, 0.6)]),
        "chain": tried(lambda: kept(inputs["chain"], inputs["chain_scores"], 0.5)),
        "exactly": tried(lambda: kept(nested, [0.9, 0.8, 0.7], 0.5)),
        "none": tried(lambda: kept([], [], 0.5)),
    }


def judge_suppress(inputs: Data, outputs: Data) -> list[Verdict]:
    def sets() -> Verdict:
        """Whatever the order, and but for chains, which are another criterion: the surest of each heap stay."""
        boxes, scores = numbers(inputs["boxes"]), numbers(inputs["scores"])
        for most, kept in zip((0.3, 0.6), part(outputs, "heaps"), strict=True):
            overlaps = ops.box_iou(torch.tensor(boxes), torch.tensor(boxes)).numpy()
            stay = set(ops.nms(torch.tensor(boxes), torch.tensor(scores), most).tolist())
            # Without chains: who is overlapped by nobody surer has to stay.
            above = (overlaps > most) & (scores[None] > scores[:, None])
            free = set(np.flatnonzero(~above.any(axis=1)).tolist())
            extra = set(map(int, kept)) - stay
            if free - set(kept) or extra or len(set(kept)) != len(kept):
                return decide(False, "Some that a surer box should drop stay, or some go that none drops.")
        return decide(True, "")

    def greedy() -> Verdict:
        places = {int(number): place for place, number in enumerate(inputs["order"])}
        kept = {int(number) for number in part(outputs, "chain")}
        mistake = "In a chain, a box went because of one that is gone itself."
        return decide(kept == {places[0], places[2]}, mistake, str(sorted(kept)))

    def order() -> Verdict:
        scores = numbers(inputs["scores"])
        lists = [[int(number) for number in kept] for kept in part(outputs, "heaps")]
        sorted_ones = all(np.all(np.diff(scores[kept]) < 0) for kept in lists if kept)
        return decide(sorted_ones and any(lists), "Those that stay are not in order, the surest first.")

    def special() -> Verdict:
        exactly, none = part(outputs, "exactly"), part(outputs, "none")
        mistake = "An overlap of exactly the bound should be allowed, and no boxes should give none."
        return decide(sorted(map(int, exactly)) == [0, 1] and list(none) == [], mistake)

    return each(sets, greedy, order, special)


def draw_ranking(generator: np.random.Generator) -> Data:
    hits = generator.random(60) < np.linspace(0.95, 0.3, 60)
    hits[0], hits[1] = False, True  # the surest is none, so that the best precision is not at the first box
    scores = np.linspace(0.99, 0.02, 60)
    order = generator.permutation(60)
    return {
        "scores": scores[order].tolist(),
        "hits": hits[order].tolist(),
        "missed": int(generator.integers(10, 20)),
    }


def probe_average_precision(answer, inputs):
    import numpy as np

    scores, hits = np.array(inputs["scores"]), np.array(inputs["hits"])
    order = np.argsort(-scores)
    heads = int(hits.sum())
    none = np.array([])

    def found(scores, hits, heads):
        return float(answer(scores, hits, heads))

    return {
        "sorted": tried(lambda: found(scores[order], hits[order], heads)),
        "shuffled": tried(lambda: found(scores, hits, heads)),
        "missed": tried(lambda: found(scores[order], hits[order], heads + inputs["missed"])),
        "none": tried(lambda: found(none, none.astype(bool), 3)),
    }


def _average(hits: np.ndarray, heads: int, *, best: bool = True, over: str = "101") -> float:
    """Return the average precision of ranked hits; `best` and `over` make known mistakes."""
    found = np.cumsum(hits)
    precision, recall = found / np.arange(1, len(hits) + 1), found / heads
    if best:
        precision = np.maximum.accumulate(precision[::-1])[::-1]
    if over == "101":
        reached = np.searchsorted(recall, np.linspace(0, 1, 101) - 1e-9)
        return float(np.append(precision, 0)[reached].mean())
    if over == "steps":
        return float(np.sum(precision * np.diff(recall, prepend=0)))
    return float(precision.mean())


def judge_average_precision(inputs: Data, outputs: Data) -> list[Verdict]:
    scores, hits = numbers(inputs["scores"]), np.asarray(inputs["hits"], dtype=bool)
    ranked = hits[np.argsort(-scores)]
    heads = int(hits.sum())

    def curve() -> Verdict:
        known = {
            ("",): _average(ranked, heads),
            ("The precision is the one at each recall, not the best at that recall or a higher one.",): (
                _average(ranked, heads, best=False)
            ),
            ("The area is summed over the steps of recall; it is to be read at 101 recalls.",): (
                _average(ranked, heads, over="steps")
            ),
            (
                "This is the area under the curve as it is, neither made monotonous nor read at 101 recalls.",
            ): (_average(ranked, heads, best=False, over="steps")),
            ("This is the mean of the precision over the boxes, not over recalls.",): (
                _average(ranked, heads, over="boxes")
            ),
        }
        found, values = [part(outputs, "sorted")], {name: [value] for name, value in known.items()}
        return respect(alike(found, values, EXACTLY), 0)

    def ranking() -> Verdict:
        shuffled, ranked_already = float(part(outputs, "shuffled")), float(part(outputs, "sorted"))
        same = 0 < ranked_already < 1 and close(shuffled, ranked_already)
        return decide(same, "The same boxes in another order have another average precision.")

    def missed() -> Verdict:
        more, all_found = heads + inputs["missed"], float(part(outputs, "sorted"))
        found = float(part(outputs, "missed"))
        ways = [{"best": best, "over": over} for best in (True, False) for over in ("101", "steps")]
        # The curve itself may be wrong, which costs elsewhere: the same way, over more heads.
        for way in ways:
            if close(all_found, _average(ranked, heads, **way), EXACTLY):
                right = close(found, _average(ranked, more, **way), EXACTLY)
                return decide(right, "Heads that nobody found do not count, or not as missed.")
        return decide(False, "The numbers are not those that were asked for.")

    def none() -> Verdict:
        return decide(float(part(outputs, "none")) == 0, "Without any box the average precision should be 0.")

    return each(curve, ranking, missed, none)


QUESTIONS = [
    Question(
        id="overlap",
        number=801,
        title="Intersection over union",
        points=6,
        kind="code",
        answers="overlap",
        draw=draw_overlap,
        probe=probe_overlap,
        judge=judge_overlap,
        without=("course_utils.detections",),
        rubric=(
            Criterion(points=3, text="the shared area over the union, for each pair: n x m"),
            Criterion(points=2, text="0 for boxes that do not touch"),
            Criterion(points=1, text="0 for a box without an area, itself included"),
        ),
    ),
    Question(
        id="decode",
        number=802,
        title="A box told against an anchor",
        points=7,
        kind="code",
        answers="decode",
        draw=draw_decode,
        probe=probe_decode,
        judge=judge_decode,
        without=("course_utils.models.head_detector", "effdet"),
        rubric=(
            Criterion(points=3, text="the centre: moved by shares of the anchor's height and width"),
            Criterion(points=3, text="the size: the anchor's, times the exponential"),
            Criterion(points=1, text="corners x0, y0, x1, y1"),
        ),
    ),
    Question(
        id="random-backbone",
        number=803,
        title="Why a random backbone must not be frozen",
        points=5,
        kind="words",
        rubric=(
            Criterion(points=2, text="what could still learn, and that features never would"),
            Criterion(
                points=2, text="large first gradients of new parts spoil trained features; it is cheaper too"
            ),
            Criterion(points=1, text="what this run does, from the origin that it printed"),
        ),
    ),
    Question(
        id="keep-statistics",
        number=804,
        title="Batch normalisation that keeps its statistics",
        points=6,
        kind="code",
        answers="keep_statistics",
        draw=draw_model,
        probe=probe_keep_statistics,
        judge=judge_keep_statistics,
        without=("course_utils.models.freezing",),
        rubric=(
            Criterion(points=2, text="statistics are used and kept, also after model.train()"),
            Criterion(points=2, text="likewise in subclasses of nn.BatchNorm2d"),
            Criterion(points=2, text="every parameter learns, scale and shift and what was frozen too"),
        ),
    ),
    Question(
        id="suppress",
        number=805,
        title="Greedy non-maximum suppression",
        points=8,
        kind="code",
        answers="suppress",
        draw=draw_heaps,
        probe=probe_suppress,
        judge=judge_suppress,
        needs=("overlap",),
        rubric=(
            Criterion(points=3, text="what a surer box overlaps by more than the bound goes, nothing else"),
            Criterion(points=2, text="only boxes that stay drop others"),
            Criterion(points=2, text="the surest first"),
            Criterion(points=1, text="an overlap of exactly the bound is allowed; no boxes give none"),
        ),
    ),
    Question(
        id="average-precision",
        number=806,
        title="Average precision",
        points=8,
        kind="code",
        answers="average_precision",
        draw=draw_ranking,
        probe=probe_average_precision,
        judge=judge_average_precision,
        without=("course_utils.detections", "pycocotools"),
        rubric=(
            Criterion(points=3, text="the best precision at each of 101 recalls or beyond, averaged"),
            Criterion(points=2, text="boxes are ranked by their score"),
            Criterion(points=2, text="recall is over all heads, those that nobody found too"),
            Criterion(points=1, text="0 where nothing is found"),
        ),
    ),
    Question(
        id="who-loses-where",
        number=807,
        title="Who loses which heads?",
        points=8,
        kind="words",
        rubric=(
            Criterion(points=2, text="each detector's losses by view, from the student's own intervals"),
            Criterion(
                points=3, text="why, from what each has seen and looks for; from behind there is no face"
            ),
            Criterion(points=1, text="a box that counts under the rule and should not"),
            Criterion(points=2, text="what the photographs do and do not say; either outcome can earn this"),
        ),
    ),
    Question(
        id="what-cropping-does",
        number=808,
        title="What cropping does to a data set",
        points=7,
        kind="words",
        rubric=(
            Criterion(points=2, text="shares left out, by class and method, with their intervals"),
            Criterion(points=2, text="whom the number does not speak of, and the direction of the error"),
            Criterion(points=2, text="two crops called fake of which one is real; consequences and a remedy"),
            Criterion(points=1, text="accuracies on other pictures and shares do not compare"),
        ),
    ),
]
