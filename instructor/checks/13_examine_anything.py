"""The questions of notebook 13."""

from collections.abc import Callable
from functools import cache
from itertools import product

import numpy as np

from course_utils.grading.questions import Criterion, Data, Question, Verdict, tried
from course_utils.grading.verdicts import Names, alike, decide, each, numbers, part, respect


def draw_scores(generator: np.random.Generator) -> Data:
    """Return scores with limits beyond all, with limits that bind on both sides, and what a softmax rounded."""
    scores = generator.uniform(0.02, 0.98, 12)
    scores[:2] = 0.03, 0.97
    line = {
        "slope": round(float(generator.uniform(0.3, 0.8)), 3),
        "intercept": round(float(generator.uniform(0.15, 0.4)), 3),
    }
    narrow = sorted(generator.uniform(0.2, 0.6, 2).round(3).tolist())
    return {
        "cases": {
            "open": {"scores": scores.tolist(), **line, "lowest": -50.0, "highest": 60.0},
            "narrow": {"scores": scores.tolist(), **line, "lowest": -narrow[0], "highest": narrow[1]},
            "rounded": {"scores": [0.0, 0.5, 1.0], **line, "lowest": -30.0, "highest": 40.0},
        }
    }


def probe_log_ratio(answer, inputs):
    import warnings

    import numpy

    warnings.simplefilter("ignore")

    def found(case):
        ends = [case[name] for name in ("slope", "intercept", "lowest", "highest")]
        return numpy.asarray(answer(numpy.array(case["scores"]), *ends), dtype=float).ravel().tolist()

    return {name: tried(lambda case=case: found(case)) for name, case in inputs["cases"].items()}


Reals = np.ndarray
LOGITS: dict[str, Callable[[Reals], Reals]] = {
    "": lambda p: np.log(p / (1 - p)),
    "The logit is natural here, and this one is decimal.": lambda p: np.log10(p / (1 - p)),
    "The logit is natural here, and this one has the base 2.": lambda p: np.log2(p / (1 - p)),
    "There is no logit: the line goes through the probability.": lambda p: p,
    "This is the odds, not their logarithm.": lambda p: p / (1 - p),
    "This is the logarithm of the probability, not of the odds.": np.log,
    "The odds are turned round.": lambda p: np.log((1 - p) / p),
}
LINES: dict[str, Callable[[Reals, float, float], Reals]] = {
    "": lambda x, a, b: a * x + b,
    "The intercept is left out.": lambda x, a, b: a * x,
    "The slope is left out.": lambda x, a, b: x + b,
    "The intercept is taken away.": lambda x, a, b: a * x - b,
    "The line is a (x + b), not a x + b.": lambda x, a, b: a * (x + b),
    "Slope and intercept are exchanged.": lambda x, a, b: b * x + a,
    "The line is decimal already; it is divided by ln 10 once more.": lambda x, a, b: (
        (a * x + b) / np.log(10)
    ),
    "This is the ratio, not its logarithm.": lambda x, a, b: 10.0 ** (a * x + b),
}
LIMITS: dict[str, Callable[[Reals, float, float], Reals]] = {
    "": np.clip,
    "There are no limits.": lambda r, low, high: r,
    "There is no lower limit.": lambda r, low, high: np.minimum(r, high),
    "There is no upper limit.": lambda r, low, high: np.maximum(r, low),
    "What is beyond a limit gets 0, not the limit.": lambda r, low, high: np.where(
        (r < low) | (r > high), 0, r
    ),
}


def judge_log_ratio(inputs: Data, outputs: Data) -> list[Verdict]:
    @cache
    def recognised(name: str) -> Names | None:
        case = inputs["cases"][name]
        scores, ends = np.array(case["scores"]), (case["lowest"], case["highest"])
        known = {}
        for (wrong, logit), (askew, line) in product(LOGITS.items(), LINES.items()):
            ratios = line(logit(scores), case["slope"], case["intercept"])
            for beyond, keep in LIMITS.items():
                known[wrong, askew, beyond] = keep(ratios, *ends)
            early = line(np.clip(logit(scores), *ends), case["slope"], case["intercept"])
            known[wrong, askew, "The limits are those of the ratio, not of the logit."] = early
        return alike(part(outputs, name), known)

    def rounded() -> Verdict:
        found, case = numbers(part(outputs, "rounded")), inputs["cases"]["rounded"]
        ends = found[[0, 2]].tolist()
        return decide(
            ends == [case["lowest"], case["highest"]],
            "Probabilities of exactly 0 and 1 do not get the limits.",
            f"found {ends}",
        )

    return each(
        lambda: respect(recognised("open"), 0),
        lambda: respect(recognised("open"), 1),
        lambda: respect(recognised("narrow"), 2),
        rounded,
    )


def draw_ratios(generator: np.random.Generator) -> Data:
    """Return ratios of few fakes and many reals, some misleading, and such that no float holds."""
    fakes, reals = int(generator.integers(3, 6)), int(generator.integers(8, 14))
    labels = generator.permutation([1] * fakes + [0] * reals)
    ratios = generator.normal(0, 0.8, len(labels)) + 0.5 * (2 * labels - 1)
    return {
        "plain": {"ratios": ratios.tolist(), "labels": labels.tolist()},
        "huge": {"ratios": [400.0, -390.0, 0.3, -0.2, 380.0], "labels": [0, 1, 1, 0, 1]},
    }


def probe_ratio_cost(answer, inputs):
    import warnings

    import numpy

    warnings.simplefilter("ignore")

    def cost(case):
        return [float(answer(numpy.array(case["ratios"]), numpy.array(case["labels"])))]

    return {name: tried(lambda name=name: cost(inputs[name])) for name in ("plain", "huge")}


DIRECTIONS: dict[str, Callable[[Reals, Reals], Reals]] = {
    "": lambda r, y: np.where(y == 1, -r, r),
    "A ratio that points to the truth costs much, and one that points away little.": lambda r, y: np.where(
        y == 1, r, -r
    ),
    "Reals are treated like fakes: for them a large ratio is the wrong one.": lambda r, y: -r,
    "Fakes are treated like reals: for them a small ratio is the wrong one.": lambda r, y: r,
}
UNITS: dict[str, Callable[[Reals], Reals]] = {
    "": lambda against: np.logaddexp2(0, against * np.log2(10)),
    "The cost is in nats; bits have the base 2.": lambda against: np.logaddexp(0, against * np.log(10)),
    "The ratios are decimal logarithms; they are taken for natural ones.": lambda against: (
        np.logaddexp(0, against) / np.log(2)
    ),
    "The ratios are decimal logarithms; they are taken for doublings.": lambda against: np.logaddexp2(
        0, against
    ),
    "The ratios are decimal logarithms and taken for natural ones, and the cost is in nats.": lambda against: (
        np.logaddexp(0, against)
    ),
    "The logarithm is decimal; bits have the base 2.": lambda against: (
        np.logaddexp(0, against * np.log(10)) / np.log(10)
    ),
}
AVERAGES: dict[str, Callable[[Reals, Reals], float]] = {
    "": lambda bits, y: (bits[y == 1].mean() + bits[y == 0].mean()) / 2,
    "Every picture counts the same here; each class was to count one half.": lambda bits, y: bits.mean(),
    "The two means are added, and not halved.": lambda bits, y: bits[y == 1].mean() + bits[y == 0].mean(),
    "The costs are added up, where means were asked for.": lambda bits, y: bits.sum(),
    "These are half the sums, where means were asked for.": lambda bits, y: bits.sum() / 2,
    "The reals are left out.": lambda bits, y: bits[y == 1].mean(),
    "The fakes are left out.": lambda bits, y: bits[y == 0].mean(),
}


def judge_ratio_cost(inputs: Data, outputs: Data) -> list[Verdict]:
    @cache
    def recognised(name: str) -> Names | None:
        r, y = np.array(inputs[name]["ratios"]), np.array(inputs[name]["labels"])
        known = {
            (turned, unit, averaged): [float(average(cost(direct(r, y)), y))]
            for (turned, direct), (unit, cost), (averaged, average) in product(
                DIRECTIONS.items(), UNITS.items(), AVERAGES.items()
            )
        }
        return alike(part(outputs, name), known)

    def huge() -> Verdict:
        mistake = "With log ratios of some hundreds the cost is not what it should be."
        return decide(recognised("huge") is not None, mistake, f"found {part(outputs, 'huge')}")

    return each(
        lambda: respect(recognised("plain"), 0),
        lambda: respect(recognised("plain"), 1),
        lambda: respect(recognised("plain"), 2),
        huge,
    )


def draw_tested(generator: np.random.Generator) -> Data:
    """Return tested properties, and pictures with values all over and around their range."""
    count, width = 80, 3
    tested = generator.normal(0, 1, (count, width)) * [1, 20, 5] + [0, 100, -40]
    low, high = tested.min(axis=0), tested.max(axis=0)
    pictures = low + (high - low) * generator.uniform(-0.15, 1.15, (60, width))
    return {
        "tested": tested.tolist(),
        "pictures": pictures.tolist(),
        "covered": round(float(generator.uniform(0.6, 0.8)), 3),
    }


def probe_outside(answer, inputs):
    import numpy

    tested, covered = numpy.array(inputs["tested"]), inputs["covered"]

    def found(tested, pictures):
        told = [numpy.asarray(answer(tested, numpy.array(one, dtype=float), covered)) for one in pictures]
        return [[bool(value) for value in one.ravel()] for one in told]

    same = numpy.full((20, 2), 7.0)
    return {
        "pictures": tried(lambda: found(tested, inputs["pictures"])),
        "bound": tried(lambda: found(same, [[7.0, 7.0]])),
        "unknown": tried(lambda: found(tested, [[numpy.nan] * tested.shape[1]])),
    }


TAILS: dict[str, Callable[[float], tuple[float, float]]] = {
    "": lambda c: ((1 - c) / 2, (1 + c) / 2),
    "All that is left out is left out on each side; half of it belongs to each.": lambda c: (1 - c, c),
    "The bounds are the smallest and the largest that were tested.": lambda c: (0.0, 1.0),
    "All that is left out is left out above.": lambda c: (0.0, c),
    "All that is left out is left out below.": lambda c: (1 - c, 1.0),
    "What is covered and what is left out are exchanged.": lambda c: (c / 2, 1 - c / 2),
}
SIDES: dict[str, Callable[[Reals, Reals, Reals], Reals]] = {
    "": lambda x, low, high: (x < low) | (x > high),
    "Only what lies above is told.": lambda x, low, high: x > high,
    "Only what lies below is told.": lambda x, low, high: x < low,
    "This tells what is inside.": lambda x, low, high: (x >= low) & (x <= high),
    "One answer for all properties together; each was asked for.": lambda x, low, high: np.broadcast_to(
        ((x < low) | (x > high)).any(axis=1, keepdims=True), x.shape
    ),
}


def judge_outside(inputs: Data, outputs: Data) -> list[Verdict]:
    tested, pictures = np.array(inputs["tested"]), np.array(inputs["pictures"])

    @cache
    def recognised() -> Names | None:
        known = {}
        for (tail, ends), (side, tell) in product(TAILS.items(), SIDES.items()):
            low, high = np.quantile(tested, ends(inputs["covered"]), axis=0)
            known[tail, side] = tell(pictures, low, high)
            low, high = np.quantile(tested, ends(inputs["covered"]))
            of_all = "The bounds are of all properties together; each has its own."
            known[tail, f"{of_all} {side}".strip()] = tell(pictures, low, high)
        return alike(part(outputs, "pictures"), known)

    def edge() -> Verdict:
        found = part(outputs, "bound"), part(outputs, "unknown")
        if found[0] != [[False, False]]:
            return Verdict(0, "A value that is exactly on a bound is inside.", f"found {found[0]}")
        return decide(
            found[1] == [[True, True, True]], "What could not be measured (NaN) is outside.", f"{found[1]}"
        )

    return each(lambda: respect(recognised(), 0), lambda: respect(recognised(), 1), edge)


def draw_accused(generator: np.random.Generator) -> Data:
    """Return ratios of a test, with a limit that one picture of each class has exactly."""
    fakes, reals = int(generator.integers(5, 9)), int(generator.integers(12, 20))
    labels = np.array([1] * fakes + [0] * reals)
    ratios = (generator.normal(0, 0.7, len(labels)) + 0.6 * (2 * labels - 1)).round(3)
    limit = round(float(generator.uniform(0.1, 0.4)), 2)
    ratios[[0, fakes]] = limit
    ratios[[1, fakes + 1]] = limit + 0.5
    ratios[[2, fakes + 2]] = limit - 0.5
    order = generator.permutation(len(labels))
    return {
        "ratios": ratios[order].tolist(),
        "labels": labels[order].tolist(),
        "limit": limit,
        "fakes": int(generator.integers(20, 90)),
    }


def probe_accusations(answer, inputs):
    import numpy

    given = numpy.array(inputs["ratios"]), numpy.array(inputs["labels"])

    def found(limit):
        accused, innocent = answer(*given, limit, inputs["fakes"])
        return [float(accused), float(innocent)]

    return {"some": tried(lambda: found(inputs["limit"])), "nobody": tried(lambda: found(100.0))}


def judge_accusations(inputs: Data, outputs: Data) -> list[Verdict]:
    r, y, limit = np.array(inputs["ratios"]), np.array(inputs["labels"]), inputs["limit"]

    def rates(over: Reals) -> dict[str, tuple[float, float]]:
        """Return the shares of reals and of fakes who are accused, right and wrong."""
        of_each = float(over[y == 0].mean()), float(over[y == 1].mean())
        of_all = float(over[y == 0].sum() / len(y)), float(over[y == 1].sum() / len(y))
        return {"": of_each, "These are shares of the whole test, not of each class.": of_all}

    limits = {
        "": r >= limit,
        "Whoever has exactly the limit is accused, too.": r > limit,
        "Accused is whoever is below the limit here.": r < limit,
    }
    fakes = inputs["fakes"]
    uploads = {
        "": (1000 - fakes, fakes),
        "Reals and fakes among the uploads are exchanged.": (fakes, 1000 - fakes),
        "The shares of the test stand for those of the uploads.": (1000 * np.mean(y == 0), 1000 * np.mean(y)),
        "There are a thousand reals beside the fakes; the fakes are among the thousand.": (1000, fakes),
    }
    ways = [
        (f"{beyond} {shared}".strip(), mixed, hit_reals * reals, hit_fakes * forged)
        for (beyond, over), (mixed, (reals, forged)) in product(limits.items(), uploads.items())
        for shared, (hit_reals, hit_fakes) in rates(over).items()
    ]

    @cache
    def accused() -> Names | None:
        known = {(rate, mixed): [wrong + right] for rate, mixed, wrong, right in ways}
        return alike(numbers(part(outputs, "some"))[:1], known)

    @cache
    def innocent() -> Names | None:
        known = {}
        for rate, mixed, wrong, right in ways:
            shares = {
                "": wrong / (wrong + right),
                "This is the share of the accused who are fakes.": right / (wrong + right),
                "This is how many are innocent, not their share of the accused.": wrong,
                "This is a share of all thousand; of those accused was asked for.": wrong / 1000,
                "This is in percent; a share from 0 to 1 was asked for.": 100 * wrong / (wrong + right),
                "This is the share of the reals who are accused; of the accused was asked for.": float(
                    (r >= limit)[y == 0].mean()
                ),
            }
            known |= {(rate, mixed, mistake): [share] for mistake, share in shares.items()}
        return alike(numbers(part(outputs, "some"))[1:], known)

    return each(
        lambda: respect(accused(), 0),
        lambda: respect(accused(), 1),
        lambda: respect(innocent(), 2),
        lambda: decide(
            numbers(part(outputs, "nobody")).tolist() == [0, 0], "Where nobody is accused, both are 0."
        ),
    )


QUESTIONS = [
    Question(
        id="log-ratio",
        number=1301,
        title="From a score to a log likelihood ratio",
        points=8,
        kind="code",
        answers="log_ratio",
        draw=draw_scores,
        probe=probe_log_ratio,
        judge=judge_log_ratio,
        without=("course_utils.likelihood",),
        rubric=(
            Criterion(points=2, text="the natural logit of the probability"),
            Criterion(points=2, text="the line: slope times logit, plus intercept"),
            Criterion(points=2, text="limits of the ratio on both sides"),
            Criterion(points=2, text="the limits, and nothing infinite, for exactly 0 and 1"),
        ),
    ),
    Question(
        id="ratio-cost",
        number=1302,
        title="What ratios cost",
        points=8,
        kind="code",
        answers="ratio_cost",
        draw=draw_ratios,
        probe=probe_ratio_cost,
        judge=judge_ratio_cost,
        without=("course_utils.likelihood", "lir"),
        rubric=(
            Criterion(points=2, text="a ratio costs the more, the further it points away from the truth"),
            Criterion(points=2, text="ratios from decimal logarithms, costs in bits"),
            Criterion(points=2, text="the mean of each class, and half of both"),
            Criterion(points=2, text="finite for ratios that no float holds"),
        ),
    ),
    Question(
        id="outside",
        number=1303,
        title="Outside of what was tested",
        points=6,
        kind="code",
        answers="outside",
        draw=draw_tested,
        probe=probe_outside,
        judge=judge_outside,
        without=("course_utils.predict",),
        rubric=(
            Criterion(points=2, text="bounds that leave as much out below as above"),
            Criterion(points=3, text="each property by itself, on both sides"),
            Criterion(points=1, text="on a bound is inside, not measured is outside"),
        ),
    ),
    Question(
        id="tested-on",
        number=1304,
        title="What does the test hold for?",
        points=6,
        kind="words",
        rubric=(
            Criterion(
                points=2, text="rows that mislead beside rows that are refused, and who pays for which"
            ),
            Criterion(points=2, text="what stays unnoticed; that a new kind of forgery always does"),
            Criterion(points=2, text="order and level of scores told apart; a calibration on such clips"),
        ),
    ),
    Question(
        id="accusations",
        number=1305,
        title="Who is accused",
        points=8,
        kind="code",
        answers="accusations",
        draw=draw_accused,
        probe=probe_accusations,
        judge=judge_accusations,
        rubric=(
            Criterion(points=2, text="the share of each class that is at the limit or over it"),
            Criterion(points=2, text="of a thousand uploads, so many fakes and the rest reals"),
            Criterion(points=3, text="the share of those accused who are real"),
            Criterion(points=1, text="nobody accused"),
        ),
    ),
    Question(
        id="one-clip",
        number=1306,
        title="Many frames, one piece of evidence",
        points=5,
        kind="words",
        rubric=(
            Criterion(points=2, text="costs by their intervals, and that frames are not independent"),
            Criterion(points=1, text="limits rest on people, not on frames"),
            Criterion(points=1, text="what a mean hides, and what may be written of a step"),
            Criterion(points=1, text="a largest score rises by chance and needs a calibration of its own"),
        ),
    ),
    Question(
        id="before-you-accuse",
        number=1307,
        title="Before you accuse",
        points=6,
        kind="words",
        rubric=(
            Criterion(
                points=2, text="an answer with the scope first, a ratio with what it is worth, no verdict"
            ),
            Criterion(points=2, text="the probability before, and the run's own numbers for 1 in 1000"),
            Criterion(points=1, text="consent of who is shown, and what becomes of the file"),
            Criterion(points=1, text="that no sign was found does not make it real"),
        ),
    ),
    Question(
        id="your-own-case",
        number=1308,
        title="A case of your own",
        points=10,
        kind="words",
        rubric=(
            Criterion(points=2, text="files, their history and SHA-256; consent or terms are named"),
            Criterion(points=2, text="inside or outside of what was tested, by which property"),
            Criterion(points=2, text="what was found with what it is worth; no number where it is outside"),
            Criterion(
                points=2, text="how it may be wrong, and what would change the mind; both sides could read it"
            ),
            Criterion(points=2, text="a change with an experiment that could show it worse"),
        ),
    ),
]
