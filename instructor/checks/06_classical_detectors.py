"""The questions of notebook 06."""

from collections.abc import Callable

import numpy as np
from scipy.spatial.distance import cdist
from sklearn.svm import SVC

from course_utils.grading.questions import Criterion, Data, Question, Verdict, tried
from course_utils.grading.verdicts import Names, alike, close, decide, each, numbers, part, respect


def draw_classes(generator: np.random.Generator) -> Data:
    """Pairs of train and other labels: the classes are unequal in both, and in half of the pairs the other way."""

    def labels(reals: int, fakes: int) -> list[int]:
        return generator.permutation([0] * int(reals) + [1] * int(fakes)).tolist()

    plain, ties = [], []
    for train_fakes, other_fakes in ((9, 3), (3, 9), (8, 10), (2, 4)):
        extra = generator.integers(0, 2, 2)
        plain.append(
            {
                "train": labels(12 - train_fakes + extra[0], train_fakes + extra[0]),
                "other": labels(14 - other_fakes + extra[1], other_fakes + extra[1]),
            }
        )
    for half in generator.permutation(np.arange(2, 7))[:2]:
        ties.append({"train": labels(half, half), "other": labels(half + 3, half)})
    return {"plain": plain, "ties": ties}


def probe_constant_answer(answer, inputs):
    import numpy

    def accuracies(cases):
        return [float(answer(numpy.array(case["train"]), numpy.array(case["other"]))) for case in cases]

    return {kind: tried(lambda kind=kind: accuracies(inputs[kind])) for kind in ("plain", "ties")}


CLASSES: dict[str, Callable[[Data], int]] = {
    "": lambda case: int(np.mean(case["train"]) > 0.5),
    "The class was chosen on the labels that the accuracy is of, not on train.": lambda case: int(
        np.mean(case["other"]) > 0.5
    ),
    "This is right for the less frequent class of train, or it counts wrong answers.": lambda case: int(
        np.mean(case["train"]) < 0.5
    ),
    "The answer is the same whatever train holds: always fake.": lambda case: 1,
    "The answer is the same whatever train holds: always real.": lambda case: 0,
}

ACCURACIES: dict[str, Callable[[Data, int], float]] = {
    "": lambda case, answer: np.mean(np.equal(case["other"], answer)),
    "This is in percent; a share from 0 to 1 was asked for.": lambda case, answer: (
        100 * np.mean(np.equal(case["other"], answer))
    ),
    "This is a number of pictures, not a share of them.": lambda case, answer: np.sum(
        np.equal(case["other"], answer)
    ),
    "This is the accuracy on train.": lambda case, answer: np.mean(np.equal(case["train"], answer)),
}


def judge_constant_answer(inputs: Data, outputs: Data) -> list[Verdict]:
    def recognised() -> Names | None:
        known = {
            (chosen, measured): [accuracy(case, answer(case)) for case in inputs["plain"]]
            for chosen, answer in CLASSES.items()
            for measured, accuracy in ACCURACIES.items()
        }
        return alike(part(outputs, "plain"), known)

    def ties() -> Verdict:
        # Measured as in the other cases: whether that is right is another criterion.
        accuracy = ACCURACIES[(recognised() or ("", ""))[1]]
        real = [accuracy(case, 0) for case in inputs["ties"]]
        mistake = "Where train has as many reals as fakes, the answer is not real."
        return decide(close(part(outputs, "ties"), real), mistake)

    return each(lambda: respect(recognised(), 0), lambda: respect(recognised(), 1), ties)


def draw_keypoints(generator: np.random.Generator) -> Data:
    """Words in a cloud; descriptors anywhere. In the case "unused" nobody is near the second and the last word."""
    words = generator.uniform(20, 235, (7, 12))
    several = generator.integers(0, 256, (60, 12))
    unused = generator.uniform(20, 120, (6, 12))
    unused[[1, 5]] += 500
    return {
        "several": {"descriptors": several.tolist(), "words": words.tolist()},
        "unused": {
            "descriptors": generator.integers(0, 140, (25, 12)).tolist(),
            "words": unused.tolist(),
        },
        "none": {"descriptors": [], "words": words.tolist()},
    }


def probe_word_histogram(answer, inputs):
    import numpy

    def histogram(case):
        words = numpy.array(case["words"], dtype=numpy.float32)
        descriptors = numpy.array(case["descriptors"], dtype=numpy.uint8).reshape(-1, words.shape[1])
        return [float(share) for share in answer(descriptors, words)]

    return {name: tried(lambda case=case: histogram(case)) for name, case in inputs.items()}


NEAREST: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "": lambda found, words: cdist(found, words).argmin(axis=1),
    "The word is the one with the largest product, not the nearest.": lambda found, words: (
        found @ words.T
    ).argmax(axis=1),
    "The word is the nearest by the sum of absolute differences, not by Euclidean distance.": lambda found, words: (
        cdist(found, words, "cityblock").argmin(axis=1)
    ),
    "The word is the nearest by angle, not by Euclidean distance.": lambda found, words: cdist(
        found, words, "cosine"
    ).argmin(axis=1),
    "The word is the farthest one.": lambda found, words: cdist(found, words).argmax(axis=1),
}

SHARES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "": lambda counts: counts / counts.sum(),
    "These are counts, not shares: they grow with the number of keypoints.": lambda counts: counts,
    "The counts are divided by the number of words, not by that of keypoints.": lambda counts: (
        counts / len(counts)
    ),
    "The largest is made 1; the sum was to be 1.": lambda counts: counts / counts.max(),
    "The squares sum to 1; the shares were to.": lambda counts: counts / np.linalg.norm(counts),
    "This says only which words occur.": lambda counts: (counts > 0).astype(float),
}

ORDERS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "": lambda shares: shares,
    "The shares are sorted; each word has its own place.": lambda shares: np.sort(shares)[::-1],
}


def _histograms(case: Data) -> dict[Names, np.ndarray]:
    """Return the histograms of all known ways, by the mistake in the word, in the share, and in the order."""
    found, words = np.array(case["descriptors"], dtype=float), np.array(case["words"])
    known = {}
    for near, nearest in NEAREST.items():
        counts = np.bincount(nearest(found, words), minlength=len(words)).astype(float)
        for share, shared in SHARES.items():
            for order, ordered in ORDERS.items():
                known[near, share, order] = ordered(shared(counts))
    return known


def judge_word_histogram(inputs: Data, outputs: Data) -> list[Verdict]:
    def recognised() -> Names | None:
        return alike(part(outputs, "several"), _histograms(inputs["several"]))

    def every_word() -> Verdict:
        names = recognised()
        if names is None or names[2]:
            return respect(names, 2)
        # Nearest and share as in the first case: whether they are right is another criterion.
        expected = _histograms(inputs["unused"])[names]
        mistake = "Words that no keypoint is nearest to do not have their place, with 0 in it."
        return decide(close(part(outputs, "unused"), expected), mistake)

    def without_keypoints() -> Verdict:
        found = part(outputs, "none")
        zeros = [0.0] * len(inputs["none"]["words"])
        return decide(close(found, zeros), "Of a picture without a keypoint, not all shares are 0.")

    return each(
        lambda: respect(recognised(), 0), lambda: respect(recognised(), 1), every_word, without_keypoints
    )


PLACES, WIDTH = 4, 6
NEAR = 6.0  # a descriptor's distance from its place is about 1.2


def draw_splits(generator: np.random.Generator) -> Data:
    """Descriptors around places: four of train, three of val, three of test, each far from all others."""
    corners = np.array(np.meshgrid(*[[30, 220]] * WIDTH)).reshape(WIDTH, -1).T
    places = corners[generator.permutation(len(corners))[: PLACES + 6]]
    of = {
        "train": places[:PLACES],
        "val": places[PLACES : PLACES + 3],
        "test": places[PLACES + 3 :],
    }

    def pictures(names: list[str], labels_of_places: bool) -> Data:
        rows = []
        for split in names:
            for number, place in enumerate(of[split]):
                for label in [number % 2] * 2 if labels_of_places else [0, 1]:
                    near = place + generator.normal(0, 0.5, (12, WIDTH)).round()
                    rows.append((split, int(label), near.astype(int).tolist()))
        order = generator.permutation(len(rows))
        splits, labels, descriptors = zip(*(rows[place] for place in order), strict=True)
        index = generator.permutation(len(rows)).tolist()
        return {"split": splits, "label": labels, "index": index, "descriptors": descriptors}

    return {
        "places": of["train"].tolist(),
        "mixed": pictures(["train", "val", "test"], labels_of_places=False),
        "train_alone": pictures(["train"], labels_of_places=True),
        "seed": int(generator.integers(1, 2**31 - 1)),
    }


def probe_codebook(answer, inputs):
    import numpy
    import pandas

    def fitted(case, words, seed):
        table = pandas.DataFrame({"split": case["split"], "label": case["label"]}, index=case["index"])
        return answer(
            table, [numpy.array(one, dtype=numpy.uint8) for one in case["descriptors"]], words, seed
        )

    def centres(name):
        return numpy.asarray(fitted(inputs[name], len(inputs["places"]), 0).words_).tolist()

    def settings():
        codebook = fitted(inputs["train_alone"], 3, inputs["seed"])
        return [codebook.get_params()[name] for name in ("words", "seed")] + [len(codebook.words_)]

    return {
        "mixed": tried(lambda: centres("mixed")),
        "train_alone": tried(lambda: centres("train_alone")),
        "settings": tried(settings),
    }


def judge_codebook(inputs: Data, outputs: Data) -> list[Verdict]:
    def distances(name: str) -> np.ndarray:
        return cdist(numbers(part(outputs, name)), numbers(inputs["places"]))

    def train_alone() -> Verdict:
        strange = (distances("mixed").min(axis=1) > NEAR).sum()
        mistake = "Pictures of validation or test, or of the wrong rows, have had a part in the words."
        return decide(strange == 0, mistake, f"{strange} words are not where train has descriptors")

    def all_of_train() -> Verdict:
        missing = (distances("train_alone").min(axis=0) > NEAR).sum()
        mistake = "Not all pictures of train have had a part in the words."
        return decide(missing == 0, mistake, f"{missing} places of train have no word")

    def settings() -> Verdict:
        found, expected = part(outputs, "settings"), [3, inputs["seed"], 3]
        return decide(
            found == expected, "The codebook has not the number of words and the seed that were given."
        )

    return each(train_alone, all_of_train, settings)


KERNELS = ("rbf", "linear")
COSTS = (0.03, 0.3, 3.0, 30.0)


def draw_problem(generator: np.random.Generator) -> Data:
    """Pictures of which no way to make the table by mistake gives the right one."""
    while True:
        labels = generator.permutation(np.repeat([0, 1], 36))
        features = generator.normal(0, 1, (72, 4))
        features[:, 0] += 1.1 * labels
        features[:, 1] *= 1 + 0.8 * labels
        features = features.round(4)
        halves = {"train": (features[:40], labels[:40]), "validation": (features[40:], labels[40:])}
        inputs = {
            **{name: [x.tolist(), y.tolist()] for name, (x, y) in halves.items()},
            "kernels": generator.permutation(KERNELS).tolist(),
            "costs": list(COSTS),
        }
        tables = list(_accuracies(inputs).values())
        apart = all(not close(tables[0], other, 0.02) for other in tables[1:])
        best, flat = tables[0].max(), tables[0].ravel()
        if apart and flat[0] < best:
            return inputs


def probe_choose_svm(answer, inputs):
    import numpy

    def chosen(train, validation):
        halves = [(numpy.array(x, dtype=float), numpy.array(y)) for x, y in (train, validation)]
        kernel, cost, accuracies = answer(*halves, list(inputs["kernels"]), list(inputs["costs"]))
        return {
            "kernel": str(kernel),
            "cost": float(cost),
            "accuracies": numpy.asarray(accuracies, dtype=float).tolist(),
        }

    easy = [[[0.0, 0.0], [8.0, 8.0]] * 4, [0, 1] * 4]
    return {
        "hard": tried(lambda: chosen(inputs["train"], inputs["validation"])),
        "easy": tried(lambda: chosen(easy, easy)),
    }


def _accuracies(inputs: Data) -> dict[Names, np.ndarray]:
    """Return the tables of all known ways, kernels x costs, by the mistake that is in them."""
    train, validation = ((np.array(x), np.array(y)) for x, y in (inputs["train"], inputs["validation"]))
    both = tuple(np.concatenate(pair) for pair in zip(train, validation, strict=True))

    def table(fitted: tuple, scored: tuple, **settings: object) -> np.ndarray:
        grid = [
            [
                SVC(**{"kernel": kernel, "C": cost} | settings).fit(*fitted).score(*scored)
                for cost in inputs["costs"]
            ]
            for kernel in inputs["kernels"]
        ]
        return np.array(grid)

    return {
        ("",): table(train, validation),
        ("These are accuracies on train; the more complex always wins there.",): table(train, train),
        ("Validation pictures have been trained on.",): table(both, validation),
        ("Fitted and scored halves are exchanged.",): table(validation, train),
        ("The kernel is the same in all rows.",): table(train, validation, kernel=inputs["kernels"][0]),
        ("C is the same in all columns.",): table(train, validation, C=1.0),
        ("The machine has other settings beside its kernel and C.",): table(train, validation, gamma="auto"),
    }


def judge_choose_svm(inputs: Data, outputs: Data) -> list[Verdict]:
    known = _accuracies(inputs)
    shape = len(inputs["kernels"]), len(inputs["costs"])

    def given(name: str) -> np.ndarray:
        """The table that was found, kernels x costs and 0 to 1, even if it is turned, flat, or in percent."""
        found = numbers(part(outputs, name)["accuracies"])
        if found.size != np.prod(shape):
            raise ValueError(f"{found.size} accuracies")
        found = found / 100 if found.max() > 1 else found
        if found.shape == shape[::-1]:
            return found.T
        return found.reshape(shape)

    def fits() -> Verdict:
        return respect(alike(given("hard"), known, 1e-3), 0)

    def table() -> Verdict:
        found = numbers(part(outputs, "hard")["accuracies"])
        right = found.shape == shape and found.min() >= 0 and 0 < found.max() <= 1
        mistake = "The accuracies have not a row a kernel and a column a C, or are not from 0 to 1."
        return decide(right, mistake, f"expected {shape}, found {found.shape}")

    def place(name: str) -> tuple[int, int]:
        found = part(outputs, name)
        return inputs["kernels"].index(found["kernel"]), inputs["costs"].index(found["cost"])

    def highest() -> Verdict:
        # Of the answer's own table: whether that is right is another criterion.
        own = given("hard")
        mistake = "Kernel and C are not those of the highest accuracy in the table."
        return decide(bool(own[place("hard")] == own.max()), mistake)

    def first() -> Verdict:
        own = given("easy")
        expected = np.unravel_index(own.argmax(), own.shape)
        mistake = "Where several are equally good, it is not the first, row by row."
        return decide(place("easy") == tuple(map(int, expected)), mistake)

    return each(fits, table, highest, first)


SIDES = (16, 24, 15)


def draw_squares(generator: np.random.Generator) -> Data:
    return {"squares": [generator.integers(0, 256, (side, side)).tolist() for side in SIDES]}


def probe_radial_power(answer, inputs):
    import numpy

    def powers():
        return [[float(one) for one in answer(numpy.array(square))] for square in inputs["squares"]]

    return {"powers": tried(powers)}


POWERS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "": lambda waves: np.abs(waves) ** 2,
    "These are amplitudes |F|; the power is their square.": np.abs,
    "This is divided by the number of pixels; it was to be unnormalised.": lambda waves: (
        np.abs(waves) ** 2 / waves.size
    ),
    "This is the real part alone.": lambda waves: waves.real**2,
    "These are logarithms of the power.": lambda waves: np.log(np.abs(waves) ** 2 + 1),
}

RINGS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "": lambda down, across: np.hypot(down, across).round(),
    "Distances are rounded down.": lambda down, across: np.floor(np.hypot(down, across)),
    "Distances are rounded up.": lambda down, across: np.ceil(np.hypot(down, across)),
    "These are rings of squares, not of circles.": lambda down, across: np.maximum(abs(down), abs(across)),
    "These are rings of diamonds, not of circles.": lambda down, across: abs(down) + abs(across),
    "The direction matters: these are waves across alone, or rows of them.": lambda down, across: (
        abs(across) + 0 * down
    ),
    "The direction matters: these are waves down alone, or columns of them.": lambda down, across: (
        abs(down) + 0 * across
    ),
    "The rings are not around the constant wave.": None,
}

MEANS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "": lambda ring, power: np.bincount(ring, power) / np.bincount(ring),
    "This is the sum over a ring, not its mean.": np.bincount,
}

KEPT: dict[str, Callable[[int], slice]] = {
    "": lambda side: slice(1, side // 2 + 1),
    "The constant wave is in it, and the fastest ring is not.": lambda side: slice(0, side // 2),
    "The constant wave is in it.": lambda side: slice(0, side // 2 + 1),
    "The fastest ring is not in it.": lambda side: slice(1, side // 2),
    "The corners beyond n // 2 are in it.": lambda side: slice(1, None),
    "The constant wave and the corners beyond n // 2 are in it.": lambda side: slice(0, None),
}


def _powers(square: np.ndarray) -> dict[Names, np.ndarray]:
    """Return the spectra of all known ways, by the mistake in the power, the ring, the mean, and what is kept."""
    side, known = len(square), {}
    waves = np.fft.fft2(square)
    numbered = np.fft.fftfreq(side, 1 / side)
    for power_mistake, power_of in POWERS.items():
        power = power_of(waves).ravel()
        for ring_mistake, ring_of in RINGS.items():
            if ring_of is None:  # the spectrum is not shifted, the rings are, or the other way round
                centred = np.fft.fftshift(numbered)
                ring = np.hypot(centred[:, None], centred[None, :]).round()
            else:
                ring = ring_of(numbered[:, None], numbered[None, :])
            ring = ring.astype(int).ravel()
            for mean_mistake, mean in MEANS.items():
                for kept_mistake, kept in KEPT.items():
                    names = power_mistake, ring_mistake, mean_mistake, kept_mistake
                    known[names] = mean(ring, power)[kept(side)]
    return known


def judge_radial_power(inputs: Data, outputs: Data) -> list[Verdict]:
    def recognised() -> Names | None:
        squares = [_powers(np.array(square, dtype=float)) for square in inputs["squares"]]
        together = {names: np.concatenate([known[names] for known in squares]) for names in squares[0]}
        return alike(np.concatenate([numbers(one) for one in part(outputs, "powers")]), together, 1e-6)

    return each(*(lambda place=place: respect(recognised(), place) for place in range(4)))


QUESTIONS = [
    Question(
        id="constant-answer",
        number=601,
        title="The answer that looks at nothing",
        points=5,
        kind="code",
        answers="constant_answer",
        draw=draw_classes,
        probe=probe_constant_answer,
        judge=judge_constant_answer,
        rubric=(
            Criterion(points=3, text="the class is the more frequent one of train"),
            Criterion(points=1, text="the accuracy is that on the other labels, 0 to 1"),
            Criterion(points=1, text="of equals, real"),
        ),
    ),
    Question(
        id="published-accuracy",
        number=602,
        title="What does a published accuracy say?",
        points=5,
        kind="words",
        rubric=(
            Criterion(
                points=2,
                text="the share of fakes from accuracy and recalls, about two thirds from either row",
            ),
            Criterion(points=1, text="the constant answer has about .66 there"),
            Criterion(
                points=2,
                text="neither number shows that anything was found, nor that nothing was; what to ask for",
            ),
        ),
    ),
    Question(
        id="word-histogram",
        number=603,
        title="A histogram of visual words",
        points=8,
        kind="code",
        answers="word_histogram",
        draw=draw_keypoints,
        probe=probe_word_histogram,
        judge=judge_word_histogram,
        without=("course_utils.keypoints",),
        rubric=(
            Criterion(points=3, text="the nearest word by Euclidean distance"),
            Criterion(points=2, text="shares that sum to 1, however many keypoints there are"),
            Criterion(points=1, text="a place for each word, also where no keypoint has it"),
            Criterion(points=2, text="zeros for a picture without a keypoint"),
        ),
    ),
    Question(
        id="codebook",
        number=604,
        title="A codebook that has seen train alone",
        points=7,
        kind="code",
        answers="fit_codebook",
        draw=draw_splits,
        probe=probe_codebook,
        judge=judge_codebook,
        rubric=(
            Criterion(points=4, text="fitted on the pictures of train, and on no others"),
            Criterion(points=2, text="on all of them"),
            Criterion(points=1, text="with the number of words and the seed that are given"),
        ),
    ),
    Question(
        id="choose-svm",
        number=605,
        title="Choose kernel and C",
        points=8,
        kind="code",
        answers="choose_svm",
        draw=draw_problem,
        probe=probe_choose_svm,
        judge=judge_choose_svm,
        rubric=(
            Criterion(points=3, text="each machine is fitted on train alone and scored on validation"),
            Criterion(points=2, text="accuracies from 0 to 1, a row a kernel and a column a C"),
            Criterion(points=2, text="kernel and C of the highest accuracy"),
            Criterion(points=1, text="of equals, the first"),
        ),
    ),
    Question(
        id="little-better",
        number=606,
        title="Better than the constant answer?",
        points=8,
        kind="words",
        rubric=(
            Criterion(
                points=2,
                text="accuracy against the constant answer and AUROC against 0.5, by the student's own intervals",
            ),
            Criterion(
                points=2,
                text="how many settings lie inside the band, and why the highest of many is too good on validation",
            ),
            Criterion(points=3, text="two reasons, from what SIFT, the codebook or the histogram throw away"),
            Criterion(points=1, text="the linear kernel was held back, and what would have to be tried"),
        ),
    ),
    Question(
        id="radial-power",
        number=607,
        title="Power by frequency",
        points=9,
        kind="code",
        answers="power_by_frequency",
        draw=draw_squares,
        probe=probe_radial_power,
        judge=judge_radial_power,
        without=("course_utils.data.cues",),
        rubric=(
            Criterion(points=2, text="the power |F|² of the two-dimensional Fourier transform"),
            Criterion(points=3, text="rings around the constant wave, rounded to the nearest"),
            Criterion(points=2, text="the mean over a ring, not the sum"),
            Criterion(points=2, text="rings 1 to n // 2, and no others"),
        ),
    ),
    Question(
        id="what-it-says",
        number=608,
        title="What does the cheapest detector say of the others?",
        points=10,
        kind="words",
        rubric=(
            Criterion(
                points=2,
                text="the paired comparison of the student's run decides; either outcome can earn this",
            ),
            Criterion(points=2, text="the controls, and what would follow if they did as well"),
            Criterion(
                points=3,
                text="what each detector keeps under compression and halving, explained from its features",
            ),
            Criterion(
                points=1, text="photographs have many histories, which widen the spread within a class"
            ),
            Criterion(points=2, text="asks for the cheap detector, the controls and a paired comparison"),
        ),
    ),
]
