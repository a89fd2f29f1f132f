"""The questions of notebook 01."""

import numpy as np

from course_utils.grading.questions import Criterion, Data, Question, Verdict, tried
from course_utils.grading.verdicts import decide, each, part

MODES = ("RGB", "L", "RGBA", "P", "LA", "RGB", "L", "P", "RGBA")


def draw_files(generator: np.random.Generator) -> Data:
    """Files of one colour each, known by their size, in an order that is not sorted.

    Transparency is there but opaque: what lies behind a transparent place is nobody's business.
    """
    letters = generator.permutation(list("abcdefghijklmnopqrstuvwxyz"))[: 2 * len(MODES)].tolist()
    widths = generator.permutation(np.arange(5, 60))[: len(MODES)].tolist()
    folders = ["real"] * 5 + ["fake"] * 4
    files = []
    for place, mode in enumerate(generator.permutation(MODES).tolist()):
        colour = generator.integers(0, 256, 3).tolist()
        name = f"{letters[2 * place]}{letters[2 * place + 1]}"
        kind = "jpg" if mode in ("RGB", "L") and place % 2 else "png"
        files.append(
            {
                "path": f"{folders[place]}/{name}.{kind}",
                "mode": mode,
                "size": [widths[place], int(generator.integers(5, 60))],
                "colour": colour,
            }
        )
    return {"files": [files[place] for place in generator.permutation(len(files))]}


def probe_faces_dataset(answer, inputs):
    import os
    import tempfile
    from pathlib import Path

    from PIL import Image
    from torchvision.datasets import DatasetFolder

    listdir, scandir = os.listdir, os.scandir

    class Scan:
        """The entries of a folder from Z to A, as another disk might list them."""

        def __init__(self, path="."):
            with scandir(path) as entries:
                self.entries = iter(sorted(entries, key=lambda entry: entry.name, reverse=True))

        def __iter__(self):
            return self.entries

        def __next__(self):
            return next(self.entries)

        def __enter__(self):
            return self

        def __exit__(self, *error):
            pass

        close = __exit__

    def refuse(self, *arguments, **settings):
        raise ImportError("torchvision's ImageFolder cannot answer this question")

    def draw(root):
        for file in inputs["files"]:
            path = Path(root, file["path"])
            path.parent.mkdir(exist_ok=True)
            red, green, blue = file["colour"]
            colours = {"RGB": (red, green, blue), "RGBA": (red, green, blue, 255), "LA": (red, 255), "L": red}
            picture = Image.new(file["mode"], file["size"], colours.get(file["mode"], 7))
            if file["mode"] == "P":
                palette = [0] * 768
                palette[21:24] = file["colour"]
                picture.putpalette(palette)
            picture.save(path)

    def items(root):
        dataset = answer(root, None)
        found = [dataset[place] for place in range(len(inputs["files"]))]
        return [
            {
                "size": list(picture.size),
                "mode": picture.mode,
                "colour": list(picture.convert("RGB").getpixel((2, 2))),
                "label": label if type(label) is int else repr(label),
            }
            for picture, label in found
        ]

    def transformed(root):
        dataset = answer(root, lambda picture: {"seen": list(picture.size)})
        return [dataset[place][0] for place in range(len(inputs["files"]))]

    with tempfile.TemporaryDirectory() as root:
        draw(root)
        os.listdir = lambda path=".": sorted(listdir(path), reverse=True)
        os.scandir, DatasetFolder.__init__ = Scan, refuse
        try:
            return {
                "length": tried(lambda: len(answer(root, None))),
                "items": tried(lambda: items(root)),
                "transformed": tried(lambda: transformed(root)),
            }
        finally:
            os.listdir, os.scandir = listdir, scandir


def judge_faces_dataset(inputs: Data, outputs: Data) -> list[Verdict]:
    files = sorted(inputs["files"], key=lambda file: (file["path"].startswith("fake"), file["path"]))
    file_of = {tuple(file["size"]): file for file in files}

    def pairs() -> list[tuple[Data, Data]]:
        """Each item with the file that it was read from, known by its size."""
        return [(item, file_of[tuple(item["size"])]) for item in part(outputs, "items")]

    def length() -> Verdict:
        found = part(outputs, "length")
        mistake = "The length is not the number of pictures in both folders."
        return decide(found == len(files), mistake, f"expected {len(files)}, found {found}")

    def order() -> Verdict:
        found = [file["path"] for _, file in pairs()]
        expected = [file["path"] for file in files]
        mistake = "The items are not in the order that was asked for, within a class, on a disk that lists files anyhow."
        if found != sorted(found, key=lambda path: path.startswith("fake")):
            mistake = "The real pictures do not all come before the fakes."
        return decide(found == expected, mistake, f"expected {expected}, found {found}")

    def labels() -> Verdict:
        found = [(item["label"], int(file["path"].startswith("fake"))) for item, file in pairs()]
        if any(type(label) is not int for label, _ in found):
            return decide(False, "A label is no plain integer.", f"found {found[0][0]}")
        mistake = "A picture does not have its label."
        if found and all(label == 1 - true for label, true in found):
            mistake = "The labels of real and fake are swapped."
        return decide(bool(found) and all(label == true for label, true in found), mistake)

    def colours() -> Verdict:
        found = pairs()
        others = sorted({file["mode"] for item, file in found if item["mode"] != "RGB"})
        if others or not found:
            return decide(False, "Not every kind of file comes out as an RGB picture.", f"not RGB: {others}")
        wrong = sorted({file["mode"] for item, file in found if not _same_colour(item["colour"], file)})
        return decide(not wrong, "A picture is RGB, but its colours are not the file's.", f"wrong: {wrong}")

    def transform() -> Verdict:
        found = part(outputs, "transformed")
        sizes = sorted(list(file["size"]) for file in files)
        returned = all(isinstance(one, dict) and set(one) == {"seen"} for one in found)
        right = returned and sorted(one["seen"] for one in found) == sizes
        return decide(right, "An item's picture is not what the transform made of it.")

    return each(length, order, labels, colours, transform)


def _same_colour(found: list[int], file: Data) -> bool:
    red, green, blue = file["colour"]
    expected = (red, red, red) if file["mode"] in ("L", "LA") else (red, green, blue)
    # JPEG changes a plain colour by a few steps.
    return len(found) == 3 and all(abs(a - b) <= 6 for a, b in zip(found, expected, strict=True))


QUESTIONS = [
    Question(
        id="faces-dataset",
        number=1,
        title="The dataset by hand",
        points=10,
        kind="code",
        answers="FacesDataset",
        draw=draw_files,
        probe=probe_faces_dataset,
        judge=judge_faces_dataset,
        without=("course_utils.data.datasets",),
        rubric=(
            Criterion(points=2, text="the length is the number of pictures in both folders"),
            Criterion(
                points=2, text="real pictures first, then fakes, each sorted by file name, on any machine"
            ),
            Criterion(points=2, text="labels are the integers 0 for real and 1 for fake"),
            Criterion(points=2, text="grey, transparent and palette files come out as RGB"),
            Criterion(points=2, text="the transform is applied where there is one, and its result returned"),
        ),
    ),
    Question(
        id="sample-grid",
        number=2,
        title="Look at the pictures",
        points=5,
        kind="words",
        rubric=(
            Criterion(
                points=1,
                text="a visible difference that plausibly comes from the manipulation, from the student's figure",
            ),
            Criterion(points=1, text="one that may come from the collection instead"),
            Criterion(
                points=1,
                text="a test that would tell the two apart (mask the face, re-encode alike, cross-dataset, …)",
            ),
            Criterion(
                points=2,
                text="crop, flip and a third augmentation: whether the label stays true, and what each could destroy",
            ),
        ),
    ),
    Question(
        id="leak",
        number=101,
        title="Why splitting by picture leaks",
        points=5,
        kind="words",
        rubric=(
            Criterion(
                points=1,
                text="the difference of the two bars in percentage points, as the student's run shows it",
            ),
            Criterion(
                points=2,
                text="the reason: a near-copy of each test frame is in training, so its label is looked up",
            ),
            Criterion(
                points=1,
                text="the leak that remains: the source person's face is in training as an original or in another fake",
            ),
            Criterion(points=1, text="the rule: split by pair (or by identity), originals included"),
        ),
    ),
    Question(
        id="shortcut",
        number=102,
        title="Is there a shortcut?",
        points=6,
        kind="words",
        rubric=(
            Criterion(
                points=1,
                text="whether a cue's interval lies above 0.55, as the student's figure shows it; either can earn this",
            ),
            Criterion(
                points=2,
                text="for the strongest cue: forgery's trace or collection's, and an experiment that would decide",
            ),
            Criterion(
                points=2,
                text="which cues rose in the planted set, and that no curve shows it when test pictures carry the same mark",
            ),
            Criterion(
                points=1, text="what saving again mends and what it may leave, judged by the intervals"
            ),
        ),
    ),
]
