"""The questions of notebook 07."""

from collections.abc import Callable
from functools import cache

import numpy as np

from course_utils.grading.questions import Criterion, Data, Question, Verdict, tried
from course_utils.grading.verdicts import Names, alike, decide, each, numbers, part, respect


def draw_vectors(generator: np.random.Generator) -> Data:
    """Vectors of unlike lengths and means, so that what leaves one out is told; some of them zero in ``zeros``."""

    def vectors(count: int, width: int) -> np.ndarray:
        return generator.normal(generator.normal(0, 1, (count, 1)), 1, (count, width)) * generator.uniform(
            0.5, 3, (count, 1)
        )

    queries, pool = vectors(4, 7), vectors(6, 7)
    of_zeros = {"queries": queries.copy(), "pool": pool.copy()}
    of_zeros["queries"][1] = 0
    of_zeros["pool"][[0, 3]] = 0
    return {
        "plain": {"queries": queries.tolist(), "pool": pool.tolist()},
        "zeros": {name: array.tolist() for name, array in of_zeros.items()},
    }


def probe_likeness(answer, inputs):
    import tracemalloc

    import numpy

    def found(case, measure):
        arrays = [numpy.array(inputs[case][name]) for name in ("queries", "pool")]
        scores = numpy.asarray(answer(*arrays, measure))
        return {"shape": list(scores.shape), "values": scores.ravel().tolist()}

    def most():
        """The largest memory in use, in numbers of q x n x D."""
        queries, pool = numpy.ones((40, 400)), numpy.full((50, 400), 2.0)
        used = []
        for measure in ("cosine", "euclidean"):
            tracemalloc.start()
            try:
                answer(queries, pool, measure)
                used.append(tracemalloc.get_traced_memory()[1])
            finally:
                tracemalloc.stop()
        return max(used) / (40 * 50 * 400 * 8)

    return {
        "cosine": tried(lambda: found("plain", "cosine")),
        "euclidean": tried(lambda: found("plain", "euclidean")),
        "zeros": tried(lambda: found("zeros", "cosine")),
        "most": tried(most),
    }


Measure = Callable[[np.ndarray, np.ndarray], np.ndarray]


def _lengths(vectors: np.ndarray) -> np.ndarray:
    return np.linalg.norm(vectors, axis=1)


def _cosine(queries: np.ndarray, pool: np.ndarray) -> np.ndarray:
    return queries @ pool.T / np.outer(_lengths(queries), _lengths(pool))


def _squares(queries: np.ndarray, pool: np.ndarray) -> np.ndarray:
    return np.square(queries[:, None] - pool).sum(axis=2)


COSINES: dict[str, Measure] = {
    "": _cosine,
    "The products are not divided by the lengths.": lambda q, p: q @ p.T,
    "The products are divided by the queries' lengths alone.": lambda q, p: q @ p.T / _lengths(q)[:, None],
    "The products are divided by the pool's lengths alone.": lambda q, p: q @ p.T / _lengths(p),
    "The products are divided by the squares of the lengths.": lambda q, p: (
        q @ p.T / np.outer(_lengths(q), _lengths(p)) ** 2
    ),
    "The means are taken off first; that is a correlation.": lambda q, p: _cosine(
        q - q.mean(axis=1, keepdims=True), p - p.mean(axis=1, keepdims=True)
    ),
    "This is one less the cosine, a distance.": lambda q, p: 1 - _cosine(q, p),
    "The sign is turned round.": lambda q, p: -_cosine(q, p),
}

DISTANCES: dict[str, Measure] = {
    "": _squares,
    "This is the distance, not its square.": lambda q, p: np.sqrt(_squares(q, p)),
    "This is the mean of the squares, not their sum.": lambda q, p: _squares(q, p) / q.shape[1],
    "This is the sum of absolute differences, not of their squares.": lambda q, p: np.abs(q[:, None] - p).sum(
        axis=2
    ),
    "The sign is turned round.": lambda q, p: -_squares(q, p),
    "The squared lengths are added and the product is taken off once, not twice.": lambda q, p: (
        _squares(q, p) + q @ p.T
    ),
}


def judge_likeness(inputs: Data, outputs: Data) -> list[Verdict]:
    size = len(inputs["plain"]["queries"]), len(inputs["plain"]["pool"])

    def table(name: str) -> tuple[np.ndarray, bool]:
        """Return what was found, q x n, and whether it came so and not n x q."""
        found = part(outputs, name)
        scores = numbers(found["values"]).reshape(found["shape"])
        return scores if scores.shape == size else scores.T, scores.shape == size

    @cache
    def recognised(measure: str) -> Names | None:
        queries, pool = (numbers(inputs["plain"][name]) for name in ("queries", "pool"))
        ways = COSINES if measure == "cosine" else DISTANCES
        return alike(table(measure)[0], {(mistake,): way(queries, pool) for mistake, way in ways.items()})

    def formula(measure: str) -> Verdict:
        right = respect(recognised(measure), 0)
        return decide(table(measure)[1], "The array is not q x n.") if right.earned else right

    def zeros() -> Verdict:
        queries, pool = (numbers(inputs["zeros"][name]) for name in ("queries", "pool"))
        found = table("zeros")[0][np.outer(_lengths(queries), _lengths(pool)) == 0]
        mistake = "The cosine with a vector of zeros is not 0."
        return decide(bool(np.abs(found).max() < 1e-6), mistake, f"found {found.tolist()}")

    def memory() -> Verdict:
        share = float(part(outputs, "most"))
        if recognised("cosine") is None and recognised("euclidean") is None:
            return decide(False, "What is computed is neither measure.")
        mistake = "On the way, numbers are formed for each query, each picture of the pool and each feature."
        return decide(0 < share < 0.4, mistake, f"at most {share:.2f} of q x n x D numbers")

    return each(lambda: formula("cosine"), zeros, lambda: formula("euclidean"), memory)


def draw_scores(generator: np.random.Generator) -> Data:
    """Scores that differ, a query at row 0 and one that others outdo, and scores with ties."""

    def different(count: int) -> list[float]:
        return generator.permutation(np.round(np.linspace(0.01, 0.97, count), 4)).tolist()

    outdone = different(8)
    between = int(np.argsort(outdone)[int(generator.integers(3, 6))])
    levels = generator.permutation(np.repeat(np.round(generator.permutation(9)[:4] / 10, 1), 3)).tolist()
    return {
        "plain": [different(int(generator.integers(5, 12))) for _ in range(3)],
        "itself": [{"scores": different(7), "row": 0}, {"scores": outdone, "row": between}],
        "ties": levels,
    }


def probe_rank(answer, inputs):
    import numpy

    def rows(scores, measure, itself=None):
        return [int(row) for row in answer(numpy.array(scores), measure, itself)]

    def of_measures(scores, itself=None):
        return {measure: rows(scores, measure, itself) for measure in ("cosine", "euclidean")}

    return {
        "plain": tried(lambda: [of_measures(scores) for scores in inputs["plain"]]),
        "itself": tried(lambda: [of_measures(case["scores"], case["row"]) for case in inputs["itself"]]),
        "ties": tried(lambda: of_measures(inputs["ties"])),
    }


def judge_rank(inputs: Data, outputs: Data) -> list[Verdict]:
    def ordered(scores: list[float], rows: list[int], falling: bool) -> bool:
        expected = np.argsort(-numbers(scores) if falling else numbers(scores), kind="stable")
        return rows == expected[np.isin(expected, rows)].tolist()

    def direction() -> Verdict:
        for scores, found in zip(inputs["plain"], part(outputs, "plain"), strict=True):
            for measure in ("cosine", "euclidean"):
                rows = found[measure]
                if sorted(rows) != list(range(len(scores))):
                    return decide(False, "Without a query of the pool, not every row is in the ranking once.")
                mistake = f"By {measure}, the first is not the most alike."
                if not ordered(scores, rows, measure == "cosine"):
                    return decide(False, mistake, f"{scores}: {rows}")
        return decide(True, "")

    def itself() -> Verdict:
        for case, found in zip(inputs["itself"], part(outputs, "itself"), strict=True):
            others = [row for row in range(len(case["scores"])) if row != case["row"]]
            for rows in (found["cosine"], found["euclidean"]):
                place = "row 0" if case["row"] == 0 else "a row that others outdo"
                # Which end is the best is another criterion.
                right = sorted(rows) == others and any(
                    ordered(case["scores"], rows, falling) for falling in (True, False)
                )
                if not right:
                    mistake = f"A query that is {place} of the pool is not left out, or another is."
                    return decide(False, mistake, f"row {case['row']}: {rows}")
        return decide(True, "")

    def ties() -> Verdict:
        scores = inputs["ties"]
        found = part(outputs, "ties")
        right = all(
            len(rows) == len(scores) and any(ordered(scores, rows, falling) for falling in (True, False))
            for rows in (found["cosine"], found["euclidean"])
        )
        return decide(right, "Pictures with equal scores do not stay in the order of the pool.", f"{found}")

    return each(direction, itself, ties)


def draw_rankings(generator: np.random.Generator) -> Data:
    """Rankings with relevant pictures before and after place k, fewer than k, and a ranking with none."""
    rankings = []
    for first in (True, False, True, False):
        count = int(generator.integers(14, 30))
        k = int(generator.integers(7, 9))
        relevant = np.zeros(count, bool)
        relevant[0] = first
        relevant[1 + generator.permutation(k - 1)[:2]] = True
        relevant[k + generator.permutation(count - k)[: int(generator.integers(2, 4))]] = True
        rankings.append({"relevant": relevant.tolist(), "k": k})
    return {"rankings": rankings, "nothing": {"relevant": [False] * 9, "k": int(generator.integers(2, 6))}}


def probe_judge_ranking(answer, inputs):
    import numpy

    def judged(case):
        precision, average = answer(numpy.array(case["relevant"]), case["k"])
        return [str(float(precision)), str(float(average))]  # as text, for either may be no number

    return {
        "rankings": tried(lambda: [judged(case) for case in inputs["rankings"]]),
        "nothing": tried(lambda: judged(inputs["nothing"])),
    }


Judgement = Callable[[np.ndarray, int], float]


def _precisions(relevant: np.ndarray) -> np.ndarray:
    return np.cumsum(relevant) / np.arange(1, len(relevant) + 1)


PRECISIONS: dict[str, Judgement] = {
    "": lambda relevant, k: relevant[:k].mean(),
    "This is the share of the relevant ones that are found, not of the found ones that are relevant.": lambda relevant, k: (
        relevant[:k].sum() / relevant.sum()
    ),
    "This is divided by the number of relevant ones where that is smaller than k.": lambda relevant, k: (
        relevant[:k].sum() / min(k, relevant.sum())
    ),
    "This is a number of pictures, not a share.": lambda relevant, k: relevant[:k].sum(),
    "The ranking is cut one place too early.": lambda relevant, k: relevant[: k - 1].mean(),
    "The ranking is cut one place too late.": lambda relevant, k: relevant[: k + 1].mean(),
    "The ranking is not cut.": lambda relevant, k: relevant.mean(),
}

AVERAGES: dict[str, Judgement] = {
    "": lambda relevant, k: _precisions(relevant)[relevant].mean(),
    "The ranking is cut at place k; all relevant pictures count.": lambda relevant, k: _precisions(relevant)[
        :k
    ][relevant[:k]].mean(),
    "What comes after place k counts nothing.": lambda relevant, k: (
        _precisions(relevant)[:k][relevant[:k]].sum() / relevant.sum()
    ),
    "This is the mean over all places, not over those of relevant pictures.": lambda relevant, k: _precisions(
        relevant
    ).mean(),
    "The sum is divided by the length of the ranking, not by the number of relevant ones.": lambda relevant, k: (
        _precisions(relevant)[relevant].sum() / len(relevant)
    ),
    "The sum is divided by k.": lambda relevant, k: _precisions(relevant)[relevant].sum() / k,
    "The sum is not divided.": lambda relevant, k: _precisions(relevant)[relevant].sum(),
    "This looks at the first relevant picture alone.": lambda relevant, k: 1 / (1 + np.argmax(relevant)),
    "The places are counted from 2.": lambda relevant, k: (
        np.cumsum(relevant) / np.arange(2, len(relevant) + 2)
    )[relevant].mean(),
    "A relevant picture counts 1 at its place, not as many as have come.": lambda relevant, k: (
        1 / np.arange(1, len(relevant) + 1)
    )[relevant].mean(),
}


def judge_judge_ranking(inputs: Data, outputs: Data) -> list[Verdict]:
    def recognised(column: int, known: dict[str, Judgement]) -> Names | None:
        found = [float(pair[column]) for pair in part(outputs, "rankings")]
        cases = [(np.array(case["relevant"]), case["k"]) for case in inputs["rankings"]]
        return alike(found, {(name,): [way(*case) for case in cases] for name, way in known.items()})

    def nothing() -> Verdict:
        found = numbers([float(number) for number in part(outputs, "nothing")])
        mistake = "Where nothing is relevant, the two numbers are not NaN."
        return decide(found.shape == (2,) and bool(np.isnan(found).all()), mistake, f"found {found}")

    return each(
        lambda: respect(recognised(0, PRECISIONS), 0),
        lambda: respect(recognised(1, AVERAGES), 0),
        nothing,
    )


STREAM = {"blocks": 400, "rows": 300, "k": 6}
"""A pool whose distances alone take 960 KB, in blocks of 5 KB."""


def draw_blocks(generator: np.random.Generator) -> Data:
    """One block; several of unlike sizes, the nearest rows in all of them; and several with ties."""

    def vectors(count: int) -> np.ndarray:
        # Each at a distance of its own, well apart from the others.
        directions = generator.normal(0, 1, (count, 3))
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        return directions * generator.permutation(np.linspace(0.3, 3, count))[:, None]

    several = vectors(24)
    order = np.argsort(np.linalg.norm(several, axis=1))
    # The nearest is in the last and smallest block, the second in the first.
    for place, near in ((23, order[0]), (1, order[1])):
        several[[place, near]] = several[[near, place]]
        order = np.argsort(np.linalg.norm(several, axis=1))
    centre = generator.normal(0, 1, 3)
    steps = generator.permutation(np.repeat(np.arange(1.0, 6), 4))[:, None] * np.array([[1.0, 0, 0]])
    return {
        "query": np.round(centre, 3).tolist(),
        "one": [np.round(vectors(15) + centre, 4).tolist()],
        "several": [block.tolist() for block in np.split(np.round(several + centre, 4), [3, 12, 22])],
        "ties": [block.tolist() for block in np.split(steps, [7, 13])],
        "k": int(generator.integers(5, 8)),
    }


def probe_top_k(answer, inputs):
    import tracemalloc

    import numpy

    def found(name, query):
        blocks = (numpy.array(block) for block in inputs[name])
        rows, distances = answer(numpy.array(query), blocks, inputs["k"])
        return {"rows": [int(row) for row in rows], "distances": [float(one) for one in distances]}

    def stream():
        """The largest memory in use, in bytes, how many blocks were read, and how many rows came back."""
        read = []

        def blocks():
            for number in range(400):
                read.append(number)
                places = numpy.arange(300 * number, 300 * (number + 1))
                yield numpy.stack([places * 7919 % 104729, places * 31 % 977], axis=1) / 100.0

        tracemalloc.start()
        try:
            rows, _ = answer(numpy.array([3.0, 2.0]), blocks(), 6)
            most = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        return {"most": most, "read": len(read), "rows": len(rows)}

    return {
        "one": tried(lambda: found("one", inputs["query"])),
        "several": tried(lambda: found("several", inputs["query"])),
        "ties": tried(lambda: found("ties", [0.0, 0.0, 0.0])),
        "stream": tried(stream),
    }


def judge_top_k(inputs: Data, outputs: Data) -> list[Verdict]:
    def expected(name: str, query: list[float]) -> tuple[np.ndarray, np.ndarray]:
        everything = np.concatenate([numbers(block) for block in inputs[name]])
        distances = np.square(everything - numbers(query)).sum(axis=1)
        rows = np.argsort(distances, kind="stable")[: inputs["k"]]
        return rows, distances[rows]

    def nearest() -> Verdict:
        found, (rows, distances) = part(outputs, "one"), expected("one", inputs["query"])
        if found["rows"] != rows.tolist():
            mistake = "Of a single block, these are not the k nearest rows, the nearest first."
            return decide(False, mistake, f"expected {rows.tolist()}, found {found['rows']}")
        known = {
            ("",): distances,
            ("The distances are not squared.",): np.sqrt(distances),
            ("The distances are means over the features, not sums.",): distances / 3,
        }
        return respect(alike(found["distances"], known), 0)

    def blocks() -> Verdict:
        found, (rows, _) = part(outputs, "several")["rows"], expected("several", inputs["query"])
        sizes = ", ".join(str(len(block)) for block in inputs["several"])
        mistake = (
            "Of several blocks, some smaller than k, these are not the k nearest rows, counted through all."
        )
        return decide(found == rows.tolist(), mistake, f"blocks of {sizes}: expected {rows}, found {found}")

    def ties() -> Verdict:
        found, (rows, _) = part(outputs, "ties")["rows"], expected("ties", [0.0, 0.0, 0.0])
        mistake = "Of rows at equal distances, the first do not come first."
        return decide(found == rows.tolist(), mistake, f"expected {rows.tolist()}, found {found}")

    def memory() -> Verdict:
        found = part(outputs, "stream")
        whole = found["read"] == STREAM["blocks"] and found["rows"] == STREAM["k"]
        if not whole:
            return decide(
                False, "Not all blocks of a long pool are read, or not k rows come back.", f"{found}"
            )
        mistake = "More is held than a block and the k best: all blocks, or all distances."
        return decide(0 < float(found["most"]) < 250_000, mistake, f"{found}")

    return each(nearest, blocks, ties, memory)


QUESTIONS = [
    Question(
        id="likeness",
        number=701,
        title="Two measures of likeness",
        points=10,
        kind="code",
        answers="likeness",
        draw=draw_vectors,
        probe=probe_likeness,
        judge=judge_likeness,
        without=("course_utils.retrieval",),
        rubric=(
            Criterion(points=3, text="the cosine of each query and each picture, q x n"),
            Criterion(points=2, text="0 with a vector of zeros"),
            Criterion(points=3, text="the squared Euclidean distance of each query and each picture, q x n"),
            Criterion(points=2, text="q x n x D numbers are not formed"),
        ),
    ),
    Question(
        id="rank",
        number=702,
        title="A ranking without the query",
        points=6,
        kind="code",
        answers="rank",
        draw=draw_scores,
        probe=probe_rank,
        judge=judge_rank,
        without=("course_utils.retrieval",),
        rubric=(
            Criterion(points=2, text="the highest cosine and the lowest distance come first"),
            Criterion(points=2, text="the query's own row is left out, and no other"),
            Criterion(points=2, text="equal scores stay in the order of the pool"),
        ),
    ),
    Question(
        id="by-eye",
        number=703,
        title="Figure 4, by eye",
        points=4,
        kind="words",
        rubric=(
            Criterion(
                points=2, text="what is seen, and what the pictures of a row share; any order can earn this"
            ),
            Criterion(points=2, text="two reasons why two queries by eye decide nothing"),
        ),
    ),
    Question(
        id="judge-ranking",
        number=704,
        title="How good is a ranking?",
        points=10,
        kind="code",
        answers="judge_ranking",
        draw=draw_rankings,
        probe=probe_judge_ranking,
        judge=judge_judge_ranking,
        without=("course_utils.retrieval", "sklearn"),
        rubric=(
            Criterion(points=3, text="precision@k"),
            Criterion(points=5, text="average precision, over all relevant pictures of the whole ranking"),
            Criterion(points=2, text="NaN for both where nothing is relevant"),
        ),
    ),
    Question(
        id="same-order",
        number=705,
        title="When two measures agree",
        points=6,
        kind="words",
        rubric=(
            Criterion(
                points=2, text="2 - 2 cos for vectors of length 1, so the same order; the experiment is read"
            ),
            Criterion(
                points=3,
                text="short vectors are near to everybody, from the formula and the student's figure",
            ),
            Criterion(points=1, text="a case in which the length is worth keeping"),
        ),
    ),
    Question(
        id="two-questions",
        number=706,
        title="Two questions, one search",
        points=8,
        kind="words",
        rubric=(
            Criterion(
                points=2,
                text="which searches change place, and what they measure, from the student's figures",
            ),
            Criterion(points=2, text="a Harris number belongs to a place, a pooled one to none"),
            Criterion(
                points=2,
                text="the report's order, by the paired comparisons and their groups; either outcome can earn this",
            ),
            Criterion(points=2, text="training for the other question: what pairs, and split by what"),
        ),
    ),
    Question(
        id="person-or-clip",
        number=707,
        title="By the face, or by the rest?",
        points=6,
        kind="words",
        rubric=(
            Criterion(points=2, text="face or rest, from the student's figure, and what one half would mean"),
            Criterion(points=2, text="why it helps to trace a source and misleads a search for people"),
            Criterion(points=1, text="a real collection in which the shortcut flatters"),
            Criterion(points=1, text="a change of pictures or test that closes it"),
        ),
    ),
    Question(
        id="top-k",
        number=708,
        title="The best k of a pool of any size",
        points=10,
        kind="code",
        answers="top_k",
        draw=draw_blocks,
        probe=probe_top_k,
        judge=judge_top_k,
        without=("course_utils.retrieval",),
        rubric=(
            Criterion(points=4, text="the k nearest rows, the nearest first, with their squared distances"),
            Criterion(points=2, text="rows counted through blocks of any size, the last one too"),
            Criterion(points=2, text="of equals, the first first"),
            Criterion(points=2, text="neither all blocks nor all distances are held"),
        ),
    ),
]
