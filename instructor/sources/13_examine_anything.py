# ---
# jupyter:
#   course:
#     title: "Capstone: examine any picture or clip"
#     question: Somebody shows you a picture. What may you say about it?
#     chapter: Govi et al. 2022, sections 1 and 6; Santoro 2024, section 4
#     minutes: 1
#     hours: 5
#     needs: []
#     after: ["03", "04", "05", "09", "10", "11", "12"]
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 13 · Capstone: examine any picture or clip
#
# **The lesson in one sentence.** A score is no answer: what may be said depends on whether the detector was tested on such
# a picture, on what its scores were worth there, and on how many fakes there are among all that is shown to it.
#
# The figure that will show it draws which share of the people who are accused did nothing.
#
# | | |
# |---|---|
# | machine | one minute |
# | you | about five hours |
# | needs | nothing; detectors that notebooks 03 to 05 and 09 to 12 left in the same run are asked too |
#
# Govi, Poppi and Marinelli end with a pipeline: retrieve similar pictures, find the heads, classify each. Here it is put
# together, by you, for a picture and a clip, and then by `course predict`, which writes a page about any file. The page may
# be read by somebody who is accused by it, or who wants to accuse. Before you go on: somebody shows you a picture and asks
# whether it is forged. What would you want to know before you answer?

# %% tags=["parameters"]
dataset = "rendered_fakes"  # pictures of faces, on which detectors are calibrated and tested
videos = "rendered"  # clips, likewise
compression = "c23"  # of the clips; None where there is none, or for all
clip_frames = 16  # of each clip, at most
faces = "YuNet"  # what finds faces: "YuNet", or "Haar"
image_size = 256  # pixels, side of the pictures of notebooks 03 and 05
training_pictures = None  # how many Xception saw there; None is all
case = None  # paths of pictures and clips of your own, a list; None takes the two below
seed = 5  # one with which all four faces below are like those that were tested

# %%
import math
from dataclasses import replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import torch
from PIL import Image
from scipy.stats import binomtest

from course_utils import explain, likelihood, plots, recognition, robustness
from course_utils.calibration import logits
from course_utils.data.datasets import PictureDataset
from course_utils.data.faces import find_detector, square_crop
from course_utils.data.generate import generate
from course_utils.data.pictures import digest, fit_square, open_prepared, open_rgb
from course_utils.data.prepare import load_dataset
from course_utils.data.protocols import few_frames
from course_utils.data.video import read_frames, write_video
from course_utils.detectors import earlier_detector, few_training_pictures, score_pictures
from course_utils.intervals import auroc_interval
from course_utils.lesson import Lesson
from course_utils.models import MODELS
from course_utils.predict.examine import Examiner
from course_utils.predict.findings import rows
from course_utils.predict.inputs import look_into
from course_utils.predict.report import predict
from course_utils.predict.scope import PROPERTIES, measure
from course_utils.predict.framing import framing_of
from course_utils.predict.tested import find_cards, load_tested, release, shipped
from course_utils.predictions import predictions_table
from course_utils.retrieval import NetworkFeatures, find_similar, harris_features

lesson = Lesson("13_examine_anything")
torch.manual_seed(seed)
finder = find_detector(faces)

# %% [markdown]
# ## 1 · A picture and a clip
#
# The picture shows four people side by side, whom no detector here has learnt from. Two of the four faces are forged. The
# clip is of one person; in a part of it the face is forged, in the rest it is as it was filmed. Which faces, and which
# part? Write down your guess.

# %%
prepared = load_dataset(dataset)
test = prepared.split("test")
random = np.random.default_rng(seed)
shuffled = test.sample(frac=1, random_state=seed)
chosen = []
for label in random.permutation([0, 1, 0, 1]):
    others = ~shuffled["group"].isin([row.group for row in chosen])
    chosen.append(next(shuffled[(shuffled["label"] == label) & others].itertuples()))
opened = [open_prepared(prepared.root / row.path) for row in chosen]
side = min(min(picture.size) for picture in opened)
portraits = [np.asarray(fit_square(picture, side)) for picture in opened]
case_folder = lesson.folder / "case"
case_folder.mkdir(parents=True, exist_ok=True)
picture_file = case_folder / "four people.png"
four = np.hstack(portraits)
Image.fromarray(four).save(picture_file)
print(f"{picture_file.name}: {picture_file.stat().st_size:,} bytes, SHA-256 {digest(picture_file)}")
caption = plots.sample_grid(portraits, [f"face {number}" for number in (1, 2, 3, 4)])

# %%
filmed = load_dataset(videos)
filmed_frames = filmed.samples
if compression:
    filmed_frames = filmed_frames[filmed_frames["compression"] == compression]
of_test = filmed_frames[filmed_frames["split"] == "test"]
forged = of_test[of_test["label"] == 1].iloc[0]
original = of_test[(of_test["label"] == 0) & (of_test["target"] == forged["target"])].iloc[0]
footage = generate(filmed.manifest) if filmed.manifest.generate else filmed.manifest.data_folder()
sources = [look_into(footage / Path(row["path"]).parent) for row in (original, forged)]
length = min(48, *(source.frames for source in sources))
as_filmed, as_forged = (
    [frame for _, frame in read_frames(source.path, range(length))] for source in sources
)
start, end, rate = length // 3, 2 * length // 3, sources[0].rate
spliced = np.stack(as_filmed[:start] + as_forged[start:end] + as_filmed[end:])
clip_file = case_folder / "clip.mp4"
write_video(clip_file, spliced, rate, crf=10, note="A part of this clip is forged, for a course.")
print(f"{clip_file.name}: {clip_file.stat().st_size:,} bytes, SHA-256 {digest(clip_file)}")
moments = np.linspace(0, length - 1, 6).round().astype(int)
caption = plots.sample_grid(spliced[moments], [f"frame {number}" for number in moments])

# %% [markdown]
# Why the SHA-256? Whoever copies the file, however often, gets the same number; whoever changes a single bit gets another.
# What is said below is said of these bytes and of no others: a screenshot of the picture is another picture.
#
# ## 2 · What is like it
#
# Before any detector is asked, look for the picture. Is it known? Was it made from another that is at hand? Below, for each
# of the four faces, the test pictures that are most like it, in two ways of notebook 07 (without the four themselves).
# Ticks are pictures of the same group, which mostly means the same person. Does the search tell you which of the four are
# forged? What would it have to find to tell you?

# %%
pool = test[~test["path"].isin([row.path for row in chosen])].reset_index(drop=True)
recogniser, _ = recognition.reference_recogniser()
extractors = {
    "Harris": harris_features,
    "face ViT": NetworkFeatures(recogniser, recognition.face_pictures),
}
files = [prepared.root / path for path in pool["path"]]
known = {name: features(files) for name, features in extractors.items()}
for number, (row, portrait) in enumerate(zip(chosen, portraits, strict=True), start=1):
    face_file = case_folder / f"face {number}.png"
    Image.fromarray(portrait).save(face_file)
    rankings = {}
    for name, features in extractors.items():
        found = find_similar(face_file, pool, prepared.root, known[name], features, k=6)
        rankings[name] = [
            (open_rgb(prepared.root / one.path), one.group == row.group)
            for one in found.itertuples()
        ]
    caption = plots.plot_rankings(
        open_rgb(face_file),
        rankings,
        f"Most like face {number}, in {len(pool)} pictures",
        "same group",
    )

# %% [markdown]
# ## 3 · Every face, cut out as in the test
#
# A detector answers about a *crop*. Its test was of crops that were cut in one way, and its card says in which. Look at the
# boxes first: are all faces found, and nothing else?

# %%
shipped_detector = load_tested(shipped()[0])
size = shipped_detector.card.image_size


def cut(picture, box, scale):
    """Return the square around a face, `scale` times as long as the longer side of its box."""
    x, y, length = square_crop(box, picture.shape[1], picture.shape[0], scale)
    return picture[y : y + length, x : x + length]


found_faces = sorted((face.box for face in finder.detect(four)), key=lambda box: box[0])
caption = plots.plot_boxes(
    [four],
    [{f"found by {finder.name}": np.array(found_faces).reshape(-1, 4)}],
    [picture_file.name],
    "Faces that were found",
    columns=1,
)

# %% [markdown]
# The detector is the one that `course predict` asks where nobody names another: Meso-4, which learnt from 2,000 drawn
# people (none of them is in the data here) and takes squares of so many pixels as its card says. Does it matter how they
# come about? Below, the same faces of the same test pictures, cut out in four ways: squares 1.0, 1.3 and 1.6 times as long
# as the face's box, resized to what the network takes, and the whole test picture, which needs no resizing if it has that
# size already. Before you look: the card says how many times as long as the face's box the test pictures are, in the
# middle. Will 1.6 do as well?


# %%
def largest(picture):
    """Return the box of the largest face in a picture, or None where none is found."""
    found = finder.detect(picture)
    return max((f.box for f in found), key=lambda b: np.prod(b[2:] - b[:2]), default=None)


def score(detector, crops, batch=64):
    """Return P(fake) of square crops of any size (n)."""
    fitted = [
        np.asarray(fit_square(Image.fromarray(crop), detector.card.image_size)) for crop in crops
    ]
    parts = [
        detector.scores(fitted[start : start + batch]) for start in range(0, len(fitted), batch)
    ]
    return np.concatenate(parts)


test_pictures = [open_prepared(prepared.root / path) for path in test["path"]]
squares = [np.asarray(fit_square(picture, min(picture.size))) for picture in test_pictures]
boxes = [largest(square) for square in squares]
seen = np.array([box is not None for box in boxes])
of_cuts = {}
for scale in (1.0, 1.3, 1.6, math.inf):
    crops = [
        square if scale == math.inf else cut(square, box, scale)
        for square, box in zip(squares, boxes, strict=True)
        if box is not None
    ]
    table = predictions_table(test[seen], score(shipped_detector, crops), model="Meso-4", run="cut")
    of_cuts["the whole picture" if scale == math.inf else f"{scale} x the box"] = {
        "pixels of a side, middle": int(np.median([len(crop) for crop in crops])),
        "AUROC": str(auroc_interval(table)),
        "mean P(fake)": f"{table['score'].mean():.2f}",
        "reals over 0.5": f"{np.mean(table.loc[table['label'] == 0, 'score'] > 0.5):.0%}",
    }
zooms = ", ".join(f"{zoom:.2f} by {name}" for name, zoom in shipped_detector.card.zoom.items())
print(f"{dataset}, test: a face is found by {finder.name} in {seen.sum()} of {len(seen)} pictures")
print(
    f"the card: side of a picture over that of the face's box {zooms}; the network takes {size} pixels"
)
pd.DataFrame(of_cuts).T

# %% [markdown]
# To cut a square of nearly the right length and to resize it by a few percent is harmless to the eye. This network decides
# by the finest detail, which no resizing leaves as it was. So a card also says whether the test pictures were resized at
# all; where they were not, `course predict` cuts as many pixels as the network takes, and where the face is too large or
# too small for that, it says "outside". How a picture is cut belongs to the detector.
#
# ## 4 · From a score to a ratio
#
# "0.93" is not the probability that this picture is forged. The network learnt from as many fakes as reals, and out there
# nobody made half of all pictures fakes. What a score can be made into is a **likelihood ratio**: how many times more often
# a forged picture gets such a score than another picture does, in pictures whose truth is known. It is written as its
# decimal logarithm: 0 says nothing, 1 is ten times more often, -1 ten times less often.
#
# A common way: take the *natural* logit of the score, x = ln(p / (1 - p)), and lay a line through it by logistic regression
# on validation pictures, both classes with the same weight. Then the decimal log ratio is slope · x + intercept. And where
# does it end? A few hundred pictures cannot show that something is a million times more often. So the ratio is kept within
# *limits*, chosen such that one misleading picture more would not have turned the whole into a bad advice (Vergeer et al.
# 2016).
#
# **Question 1301 · log-ratio** (8 points, marked by checks, about 20 minutes)
#
# Write `log_ratio(probabilities, slope, intercept, lowest, highest)`: an array of n values of P(fake) and four numbers,
# slope over 0. Return the n decimal log ratios, none below `lowest` and none above `highest`. Probabilities of exactly 0
# and 1 occur (a softmax rounds): they get the limits, and nothing is NaN.
#
# A tiny input: for 0.75 the logit is ln 3 = 1.099. With slope 0.5, intercept 0.1 and limits -1 and 1 the ratio is 0.649;
# with limits -1 and 0.5 it is 0.5. For 1.0 it is 1 and 0.5.
#
# <details><summary>Hint 1: the idea</summary>
#
# Three steps: logit, line, limits. Which of them makes something infinite, and which makes it finite again?
#
# </details>
# <details><summary>Hint 2: the shape</summary>
#
# `np.log(p)` of 0 is minus infinity with a warning, which `np.errstate(divide="ignore")` silences; `np.clip` takes
# infinities.
#
# </details>

# %% [markdown]
# ### Your helpers
# Functions and imports that several of your answers use go into this cell.

# %% tags=["helpers"]
# your helpers


# %% question="log-ratio" tags=["answer"]
# Question 1301 · log-ratio
def log_ratio(probabilities, slope, intercept, lowest, highest):
    """Return the decimal log likelihood ratios of P(fake), within limits."""
    ### BEGIN SOLUTION
    probabilities = np.asarray(probabilities, dtype=float)
    with np.errstate(divide="ignore"):
        log_odds = np.log(probabilities) - np.log1p(-probabilities)
    return np.clip(slope * log_odds + intercept, lowest, highest)
    ### END SOLUTION


# %%
def check_log_ratio(candidate):
    """The tiny example, both limits, and probabilities that a softmax rounded."""
    found = np.asarray(candidate(np.array([0.75, 1.0]), 0.5, 0.1, -1, 1))
    assert found.shape == (2,), f"expected two ratios for two probabilities, found {found.shape}"
    assert np.isfinite(found).all(), (
        f"{found.tolist()} holds what is no number: is 1.0 kept in the limits?"
    )
    assert np.allclose(found, [0.6493, 1], atol=1e-3), (
        f"expected [0.649, 1], found {found.tolist()}"
    )
    found = np.asarray(candidate(np.array([0.75, 0.0, 0.5]), 0.5, 0.1, -1, 0.5))
    assert np.allclose(found, [0.5, -1, 0.1], atol=1e-6), (
        f"limits -1 and 0.5: expected [0.5, -1, 0.1], found {found.tolist()}"
    )


def course_log_ratio(probabilities, slope, intercept, lowest, highest):
    """Return the library's, which keeps exact zeros and ones a little off."""
    about = {"score_kind": "probability", "dataset": "", "pictures": 0, "groups": 0}
    ends = {"slope": slope, "intercept": intercept, "lowest": lowest, "highest": highest}
    probabilities = np.asarray(probabilities)
    ratios = likelihood.LikelihoodRatio(**ends, **about).of(probabilities)
    return np.select([probabilities == 0, probabilities == 1], [lowest, highest], ratios)


log_ratio = lesson.go_on_with("log-ratio", log_ratio, check_log_ratio, course_log_ratio)

# %% [markdown]
# How good are such ratios? A number for it must punish a ratio that points the wrong way, the more the surer it was. The
# **cost of the log likelihood ratio** (Brümmer & du Preez 2006), in bits, with LR for the ratio itself, not its logarithm:
#
# $$C_\mathrm{llr} = \frac12\left(\frac{1}{n_\mathrm{fake}}\sum_\mathrm{fakes}\log_2\left(1 + \frac{1}{\mathrm{LR}}\right)
# + \frac{1}{n_\mathrm{real}}\sum_\mathrm{reals}\log_2(1 + \mathrm{LR})\right)$$
#
# What does somebody pay who always says "LR = 1"? What may make it larger than that?
#
# **Question 1302 · ratio-cost** (8 points, marked by checks, about 25 minutes)
#
# Write `ratio_cost(ratios, labels)`: n *decimal logarithms* of ratios, and n labels, 0 real and 1 fake, some of each.
# Return Cllr as a float. Both classes count one half, however many pictures each has. A log ratio of 400 that points the
# wrong way costs 1329 bits, not infinity.
#
# A tiny input: a fake with log ratio 1 and a real with 0. The fake costs log2(1.1) = 0.138, the real 1; Cllr is 0.569.
#
# <details><summary>Hint 1: the idea</summary>
#
# Turn each ratio so that positive means "towards the truth"; then one formula holds for both classes. `10.0 ** 400` is too
# large for a float, but log2(1 + 10 to the power of 400) is not.
#
# </details>
# <details><summary>Hint 2: the shape</summary>
#
# `np.logaddexp2(0, z)` is log2(1 + 2 to the power of z). How many doublings is a factor of ten?
#
# </details>


# %% question="ratio-cost" tags=["answer"]
# Question 1302 · ratio-cost
def ratio_cost(ratios, labels):
    """Return the cost of decimal log likelihood ratios, in bits."""
    ### BEGIN SOLUTION
    ratios, labels = np.asarray(ratios, dtype=float), np.asarray(labels)
    against = np.where(labels == 1, -ratios, ratios) * np.log2(10)
    bits = np.logaddexp2(0, against)
    return float((bits[labels == 1].mean() + bits[labels == 0].mean()) / 2)
    ### END SOLUTION


# %%
# What takes scores for ratios as they stand.
as_they_stand = likelihood.LikelihoodRatio(
    slope=1.0,
    intercept=0.0,
    lowest=-math.inf,
    highest=math.inf,
    score_kind="anomaly",
    dataset="",
    pictures=0,
    groups=0,
)


def course_ratio_cost(ratios, labels):
    """Return the library's, of a table whose scores are the ratios themselves."""
    table = pd.DataFrame({"score": np.asarray(ratios, float), "label": labels})
    table = table.assign(score_kind="anomaly", group=range(len(table)))
    return likelihood.cllr(table, as_they_stand).value


def check_ratio_cost(candidate):
    """The tiny example, silence, unequal classes, and a ratio beyond all floats."""
    found = candidate(np.array([1.0, 0.0]), np.array([1, 0]))
    assert abs(found - 0.5688) < 1e-3, f"expected 0.569 for the tiny input, found {found:.3f}"
    silent = candidate(np.zeros(5), np.array([1, 0, 0, 0, 0]))
    assert abs(silent - 1) < 1e-9, f"who always says LR = 1 pays 1 bit, found {silent:.3f}"
    given = np.array([0.5, -0.3, 1.2, -2.0, 0.1]), np.array([1, 1, 0, 0, 0])
    expected = course_ratio_cost(*given)
    assert abs(candidate(*given) - expected) < 1e-6, (
        f"two fakes and three reals: expected {expected:.4f}, found {candidate(*given):.4f}. Is each class"
        " averaged by itself, and the logarithm of the ratio decimal?"
    )
    surely_wrong = candidate(np.array([400.0, 400.0]), np.array([0, 1]))
    assert abs(surely_wrong - 664.385) < 0.01, f"expected 664.4 bits, found {surely_wrong}"


ratio_cost = lesson.go_on_with("ratio-cost", ratio_cost, check_ratio_cost, course_ratio_cost)

# %% [markdown]
# Now the detectors. Beside the one that is shipped, SimpleNet of notebook 03 and Xception of 04 or 05 are asked, if the
# same run has trained them on this data set. Each is calibrated on the validation pictures, tested on the test pictures,
# and written into a folder with a *card*: what it is, what it was tested on, and what its scores are worth. `course predict
# --detector` takes such a folder.

# %%
validation = prepared.split("val")


def tables_of(network, pixels):
    """Return a network's predictions of the validation and the test pictures."""
    return {
        split: predictions_table(
            part,
            score_pictures(network, PictureDataset(part, prepared.root, pixels)),
            model="",
            run="",
        )
        for split, part in (("val", validation), ("test", test))
    }


candidates = {"Meso-4": (shipped_detector.network, "meso4", size, shipped_detector.card.trained_on)}
left_by_earlier = sorted(lesson.folder.parent.glob(f"0[345]_*/*{dataset}"))
for title, name, few in (
    ("SimpleNet", "simplenet", None),
    ("Xception", "xception", training_pictures),
):
    build = partial(MODELS[name].build_for, image_size)
    its_pictures = few_training_pictures(prepared, few)
    found = earlier_detector(name, build, its_pictures, image_size, left_by_earlier)
    if found is not None:
        trained_on = f"{len(its_pictures.split('train')):,} training pictures of {dataset}"
        candidates[title] = found.model.cpu(), name, image_size, trained_on
framing = framing_of(prepared, [finder])  # how the test pictures lie around their faces
tables, detectors = {}, {}
for title, (network, name, pixels, trained_on) in candidates.items():
    tables[title] = tables_of(network, pixels)
    detectors[title] = release(
        lesson.folder / "detectors" / name,
        title=f"{title}, pictures",
        model=name,
        network=network,
        image_size=pixels,
        trained_on=trained_on,
        tables=tables[title],
        framing=framing,
    )
print("asked:", ", ".join(detectors))

# %% [markdown]
# Your functions on the test pictures. In the figure, look at the two places where a curve crosses zero: the reals to the
# right of it are those of which the ratio speaks for a fake. Is there a real picture at the upper limit? In the table: does
# the detector with the better AUROC have the lower cost?

# %%


def ratios_of(table, ratio):
    """Return your ratios of a predictions table, by a calibration."""
    ends = ratio.slope, ratio.intercept, ratio.lowest, ratio.highest
    return np.asarray(log_ratio(table["score"].to_numpy(), *ends))


worth = {}
for title, detector in detectors.items():
    card, of_test = detector.card, tables[title]["test"]
    worth[title] = {
        "AUROC": str(auroc_interval(of_test)),
        "Cllr (bits)": f"{ratio_cost(ratios_of(of_test, card.ratio), of_test['label'].to_numpy()):.3f}",
        "the same with its interval": str(likelihood.cllr(of_test, card.ratio)),
        "limits of the log10 ratio": f"{card.ratio.lowest:+.2f} to {card.ratio.highest:+.2f}",
        "calibrated on groups": card.ratio.groups,
    }
meso4, of_test = detectors["Meso-4"], tables["Meso-4"]["test"]
ratios, labels = ratios_of(of_test, meso4.card.ratio), of_test["label"].to_numpy()
caption = plots.plot_tippett(
    ratios,
    labels,
    (meso4.card.ratio.lowest, meso4.card.ratio.highest),
    f"Meso-4 on {dataset}, test",
)
about = {"dataset": dataset, "edition": prepared.edition, "split": "test", "model": "Meso-4"}
about |= {"weights": "reference run", "groups": int(test["group"].nunique())}
for metric, interval in (
    ("auroc", auroc_interval(of_test)),
    ("cllr", likelihood.cllr(of_test, meso4.card.ratio)),
):
    lesson.record(
        f"Meso-4, {metric}",
        interval.value,
        metric=metric,
        interval=(interval.low, interval.high),
        **about,
    )
pd.DataFrame(worth).T

# %% [markdown]
# ## 5 · Like what was tested?
#
# All of this holds for pictures like the test's. Is the picture in front of you such a one? That can be seen without
# knowing whether it is forged: how large the face is, how bright, how much contrast, how much detail of which size. Where
# one of these lies outside of nearly all that was tested, nothing is known of the number, and it should not be given.
#
# **Question 1303 · outside** (6 points, marked by checks, about 20 minutes)
#
# Write `outside(tested, picture, covered)`: `tested` is n x d, the d properties of n tested pictures; `picture` has d
# numbers; `covered` is a share such as 0.9. For each property find the two bounds between which that share of the tested
# pictures lies, as much of the rest below as above (`np.quantile` as it is). Return d booleans: True where the picture lies
# outside. A value on a bound is inside. A value that could not be measured (NaN) is outside.
#
# A tiny input: one property with the tested values 0, 1, …, 100 and covered = 0.9 has bounds 5 and 95: 3 is outside, 5
# and 50 are inside, 95.5 is outside.
#
# <details><summary>Hint 1: the idea</summary>
#
# If 90 % are covered, how many lie below the lower bound? What does any comparison with NaN give?
#
# </details>
# <details><summary>Hint 2: the shape</summary>
#
# `np.quantile(tested, share, axis=0)` has d numbers. "Not inside" is not the same as "below or above" when there are NaNs.
#
# </details>


# %% question="outside" tags=["answer"]
# Question 1303 · outside
def outside(tested, picture, covered):
    """Return for each property whether a picture lies outside of what was tested."""
    ### BEGIN SOLUTION
    tail = (1 - covered) / 2
    low, high = np.quantile(tested, [tail, 1 - tail], axis=0)
    picture = np.asarray(picture, dtype=float)
    return ~((picture >= low) & (picture <= high))
    ### END SOLUTION


# %%
def check_outside(candidate):
    """The tiny example, several properties, and what could not be measured."""
    hundred = np.arange(101.0)[:, None]
    for value, expected in ((3, True), (5, False), (50, False), (95.5, True)):
        found = np.asarray(candidate(hundred, np.array([value]), 0.9)).tolist()
        assert found == [expected], (
            f"0 to 100, covered 0.9: {value} should give [{expected}], found {found}"
        )
    two = np.column_stack([np.arange(101), 1000 - np.arange(101)])
    found = np.asarray(candidate(two, np.array([50.0, 50.0]), 0.9)).tolist()
    assert found == [False, True], (
        f"each property has bounds of its own: expected [False, True], found {found}"
    )
    found = np.asarray(candidate(hundred, np.array([np.nan]), 0.9)).tolist()
    assert found == [True], "what could not be measured is not inside"


def course_outside(tested, picture, covered):
    """Return the same by the bounds of a data frame."""
    bounds = pd.DataFrame(np.asarray(tested)).quantile([(1 - covered) / 2, (1 + covered) / 2])
    return np.array(
        [
            not column.iloc[0] <= value <= column.iloc[1]
            for (_, column), value in zip(bounds.items(), picture, strict=True)
        ]
    )


outside = lesson.go_on_with("outside", outside, check_outside, course_outside)

# %% [markdown]
# Now change the test pictures as they are changed when they are passed on, and take the frames of the clips beside them.
# For each row: which share of the pictures does your function call inside (all six properties), which share the card (which
# also looks whether the properties go together), and what would the ratios have cost if you had given them all the same?
# Before you run the cell: 1 bit is what saying nothing costs. Which rows will be above it?

# %%


def properties(square, box):
    """Return the properties of a crop; NaN where no face was found in it."""
    longer = math.nan if box is None else float(max(box[2:] - box[:2]))
    return list(measure(square, longer).values())


noise = np.random.default_rng(seed)
CHANGES = {
    "as they are": lambda picture: picture,
    "JPEG, quality 90": lambda picture: robustness.JPEG.degrade(picture, 90, noise),
    "JPEG, quality 30": lambda picture: robustness.JPEG.degrade(picture, 30, noise),
    "blurred, 0.5 pixels": lambda picture: robustness.BLUR.degrade(picture, 0.5, noise),
    "blurred, 2 pixels": lambda picture: robustness.BLUR.degrade(picture, 2, noise),
    "noise, 10 of 255": lambda picture: robustness.NOISE.degrade(picture, 10, noise),
    "a third of the light": lambda picture: picture // 3,
    "enlarged twice": lambda picture: cv2.resize(picture, None, fx=2, fy=2),
}
tested = np.array([properties(square, box) for square, box in zip(squares, boxes, strict=True)])
tested = tested[seen]
card_scope = meso4.card.scope[finder.name]


def counted(samples, crops, face_boxes, run):
    """Return how many crops are inside, and what Meso-4's ratios on them cost."""
    measured = [properties(crop, box) for crop, box in zip(crops, face_boxes, strict=True)]
    by_you = [not np.any(outside(tested, one, 0.99)) for one in measured]
    by_card = [not card_scope.reasons(dict(zip(PROPERTIES, one, strict=True))) for one in measured]
    table = predictions_table(samples, score(meso4, crops), model="Meso-4", run=run)
    return table, {
        "inside, by you": f"{np.mean(by_you):.0%}",
        "inside, by the card": f"{np.mean(by_card):.0%}",
        "AUROC": f"{auroc_interval(table).value:.2f}",
        "Cllr (bits)": f"{ratio_cost(ratios_of(table, meso4.card.ratio), table['label'].to_numpy()):.2f}",
        "reals with a ratio over 0": f"{np.mean(ratios_of(table, meso4.card.ratio)[table['label'] == 0] > 0):.0%}",
    }


counts = {}
for name, change in CHANGES.items():
    changed = [change(square) for square in squares]
    times = [
        after.shape[0] / square.shape[0] for after, square in zip(changed, squares, strict=True)
    ]
    moved = [None if box is None else time * box for box, time in zip(boxes, times, strict=True)]
    _, counts[name] = counted(test, changed, moved, name)

# %%
thinned = few_frames(filmed_frames, clip_frames)
some = (
    thinned[thinned["split"] == "test"].sample(frac=1, random_state=seed).groupby("label").head(100)
)
some = some.reset_index(drop=True)
crops = [np.asarray(open_prepared(filmed.root / path)) for path in some["path"]]
on_clips, counts[f"frames of {videos}"] = counted(
    some, crops, [largest(crop) for crop in crops], "clips"
)
interval = likelihood.cllr(on_clips, meso4.card.ratio)
lesson.record(
    "Meso-4, cllr on clips by the pictures' calibration",
    interval.value,
    dataset=videos,
    edition=filmed.edition,
    compression=compression,
    split="test",
    metric="cllr",
    interval=(interval.low, interval.high),
    groups=interval.groups,
    model="Meso-4",
    weights="reference run",
)
pd.DataFrame(counts).T

# %% [markdown]
# **Question 1304 · tested-on** (6 points, read by a person, about 25 minutes)
#
# (a) In which rows would the number have misled, and does "outside" catch them? Name one row where it catches what did
# little harm, and say which of the two mistakes you would rather make, and who pays for each. (b) Is there a row that is
# mostly inside and yet costs more than the first? What can no such test of the picture ever notice? (c) The frames of the
# clips may have a fair AUROC and yet a cost far above 1 bit. How can both be, and what would make the same network useful
# for them?

# %% [markdown] question="tested-on" tags=["answer"]
# **Answer 1304 · tested-on**
#
# <!-- BEGIN SOLUTION -->
# (a) Rows whose cost lies clearly above that of the first row, worst those above 1 bit, where saying nothing would have
# been better; read from the table whether they are mostly outside. A row that is outside with nearly the first row's cost
# is a refusal that was not needed, often light or mild noise: its price is no answer, paid by whoever asked. The other
# mistake gives a wrong number, paid by whoever is accused, or by whoever is harmed by a fake that passed. (b) Mild
# compression or blur often are: the properties hardly move and the detector's trace is gone. No such test notices a new
# kind of forgery in a picture of the usual size, light and detail: what is inside is like the test in six respects and in
# no other. (c) AUROC asks for the order alone. If compression moves the scores of reals and fakes up together, the order
# holds, and a line that was fitted elsewhere gives reals large ratios. A calibration on clips of its own, of other people
# than the test's: the next but one section does that.
# <!-- END SOLUTION -->

# %% [markdown]
# ## 6 · Who would be accused
#
# Suppose a site asks the detector about each of a thousand uploads and accuses whoever's ratio is at least some limit. One
# of the thousand is a fake. Guess before you count: of those accused, how many in a hundred did nothing?
#
# **Question 1305 · accusations** (8 points, marked by checks, about 25 minutes)
#
# Write `accusations(ratios, labels, limit, fakes)`. The first two are those of a test: n log ratios, n labels. Of a
# thousand uploads `fakes` are fakes (0 to 1000, any number). Whoever's ratio is at least `limit` is accused; reals and
# fakes among the uploads are accused as often as reals and fakes in the test. Return `(accused, innocent)`: how many of the
# thousand are accused on average, and which share of *those accused*, 0 to 1, is real. Where nobody is accused, the share
# is 0.
#
# A tiny input: ratios 2 and 0 of fakes, 1, -1, -1 and -1 of reals, limit 1, 100 fakes. Half of the fakes and a quarter of
# the reals are over the limit: 50 and 225 of the thousand. 275 are accused, of whom 0.818 are innocent.
#
# <details><summary>Hint 1: the idea</summary>
#
# The shares of the *test* (how many of its pictures are fakes) do not occur in the answer. Two rates of the test do.
#
# </details>
# <details><summary>Hint 2: the shape</summary>
#
# `np.mean(ratios[labels == 0] >= limit)` is the share of reals who are accused.
#
# </details>


# %% question="accusations" tags=["answer"]
# Question 1305 · accusations
def accusations(ratios, labels, limit, fakes):
    """Return how many of a thousand uploads are accused, and which share of them is real."""
    ### BEGIN SOLUTION
    flagged, labels = np.asarray(ratios) >= limit, np.asarray(labels)
    guilty = fakes * flagged[labels == 1].mean()
    innocent = (1000 - fakes) * flagged[labels == 0].mean()
    accused = guilty + innocent
    return float(accused), float(innocent / accused) if accused else 0.0
    ### END SOLUTION


# %%
def course_accusations(ratios, labels, limit, fakes):
    """Return the same from a table of the four kinds of upload."""
    rates = pd.Series(np.asarray(ratios) >= limit).groupby(np.asarray(labels)).mean()
    by_label = rates * pd.Series({0: 1000 - fakes, 1: fakes})
    total = float(by_label.sum())
    return total, float(by_label[0]) / total if total else 0.0


def check_accusations(candidate):
    """The tiny example, other shares of fakes, and nobody accused."""
    given = np.array([2.0, 0, 1, -1, -1, -1]), np.array([1, 1, 0, 0, 0, 0])
    accused, innocent = candidate(*given, 1, 100)
    assert abs(accused - 275) < 1e-6, (
        f"expected 275 accused, found {accused}. Is who is just at the limit accused?"
    )
    assert abs(innocent - 225 / 275) < 1e-6, (
        f"expected 0.818, the share of the accused who are real, found {innocent:.3f}"
    )
    accused, innocent = candidate(*given, 1, 0)
    assert (abs(accused - 250) < 1e-6) and abs(innocent - 1) < 1e-9, (
        f"without a fake all of 250 accused are innocent; found {accused} and {innocent}"
    )
    assert tuple(candidate(*given, 5, 1)) == (0, 0), "with a limit of 5 nobody is accused: (0, 0)"


accusations = lesson.go_on_with("accusations", accusations, check_accusations, course_accusations)

# %% [markdown]
# Below, two limits: whoever is likelier a fake than not by the ratio, and only those at the highest ratio of the test. How
# many real pictures stand behind each? Where none of 64 is over a limit, up to 4.6 % of all may be, with 95 % confidence
# and if pictures were independent (about three in n: the "rule of three"). The second curve of each limit takes that upper
# end instead of the share that was counted. Look at the left end of the curves, and at how far apart the two of one limit
# are.

# %%
highest = float(ratios.max())
per_thousand = np.array([1, 3, 10, 30, 100, 300])
innocents = {}
for limit in (0.0, highest):
    counted_wrong, all_reals = int(np.sum(ratios[labels == 0] >= limit)), int(np.sum(labels == 0))
    at_worst = binomtest(counted_wrong, all_reals).proportion_ci(0.9).high
    told = [accusations(ratios, labels, limit, fakes) for fakes in per_thousand]
    innocents[f"from {limit:+.2f} on, as counted"] = [share for _, share in told]
    guilty = per_thousand * np.mean(ratios[labels == 1] >= limit)
    innocents[f"from {limit:+.2f} on, at worst"] = (
        (1000 - per_thousand) * at_worst / ((1000 - per_thousand) * at_worst + guilty)
    )
    print(
        f"from {limit:+.2f} on: {counted_wrong} of {all_reals} real pictures are accused, up to {at_worst:.1%} of all"
        f" may be; with 1 fake in 1000, {told[0][0]:.0f} are accused, {told[0][1]:.1%} of them innocent"
    )
lesson.record(
    "innocent of those accused, 1 fake in 1000",
    innocents["from +0.00 on, as counted"][0],
    metric="share of the accused",
    **about,
)
caption = plots.plot_innocents(innocents, per_thousand, f"Accused by Meso-4 on {dataset}")

# %% [markdown]
# The same by Bayes' rule, for a single picture: the odds before it was looked at, times the ratio, are the odds after. The
# detector knows the ratio. Who knows the odds before?

# %%
priors = {"1 in 1000": 0.001, "1 in 100": 0.01, "1 in 10": 0.1, "1 in 2": 0.5}
pd.DataFrame(
    {
        f"log10 ratio {ratio:+.2f}": {
            name: f"{float(likelihood.posterior(ratio, prior)):.1%}"
            for name, prior in priors.items()
        }
        for ratio in (-1.0, 0.0, 0.5, 1.0, round(highest, 2))
    }
).rename_axis("fakes among all, before")

# %% [markdown]
# ## 7 · A clip
#
# Where the frames of the clips are outside, a number needs a test of its own. So the same network gets a second card, for
# crops of frames, calibrated on the people of the training and validation splits (this network has learnt from none of
# them) and tested on those of the test split. And there are many frames of one clip. Three ways to one answer about a clip:
#
# - **one frame**: the first, by its ratio;
# - **product**: all frames' ratios multiplied, that is, their logarithms added, as if each frame were new evidence;
# - **mean**: the mean of the frames' logits, made into a ratio once.
#
# Many pictures of one face in one light: how much more do you know than from one? Which way will have the largest mistakes?

# %%
parts = {
    "val": thinned[thinned["split"] != "test"].assign(split="val").reset_index(drop=True),
    "test": thinned[thinned["split"] == "test"].reset_index(drop=True),
}
frame_tables = {
    split: predictions_table(
        part,
        score_pictures(meso4.network, PictureDataset(part, filmed.root, size)),
        model="Meso-4",
        run="frames",
    )
    for split, part in parts.items()
}
on_frames = release(
    lesson.folder / "detectors" / "meso4_frames",
    title="Meso-4, frames of clips",
    model="meso4",
    network=meso4.network,
    image_size=size,
    trained_on=shipped_detector.card.trained_on,
    tables=frame_tables,
    framing=framing_of(replace(filmed, samples=thinned), [finder]),
)
ratio = on_frames.card.ratio
of_frames = frame_tables["test"].assign(
    logit=logits(frame_tables["test"]["score"]), ratio=ratios_of(frame_tables["test"], ratio)
)
by_clip = of_frames.groupby(["method", "compression", "video"], dropna=False)
first = of_frames.loc[by_clip.head(1).index]
clip_ratios = {
    "one frame": by_clip["ratio"].first(),
    "product": by_clip["ratio"].sum(),
    "mean": pd.Series(
        np.clip(
            ratio.slope * by_clip["logit"].mean() + ratio.intercept, ratio.lowest, ratio.highest
        )
    ),
}
combined = {}
for way, found in clip_ratios.items():
    one_a_clip = first.sort_values(["method", "compression", "video"]).assign(
        score=found.to_numpy(), score_kind="anomaly"
    )
    combined[way] = {
        "AUROC": str(auroc_interval(one_a_clip)),
        "Cllr (bits)": str(likelihood.cllr(one_a_clip, as_they_stand)),
        "largest log10 ratio of a real clip": f"{found.to_numpy()[one_a_clip['label'] == 0].max():+.2f}",
    }
print(f"{videos}, test: {len(first)} clips, {ratio.groups} groups behind the calibration", end="; ")
print(f"a frame's ratio lies within {ratio.lowest:+.2f} and {ratio.highest:+.2f}")
pd.DataFrame(combined).T

# %% [markdown]
# Now the clip of the beginning, frame by frame. Shaded is the part that was forged. Compare the dash-dotted mean with the
# shaded frames: what would a single number for the whole clip have told? (A softmax in float32 rounds to 1 above a logit of
# 17.3: where many frames stand at that height, the line is cut off.)

# %%
shown_frames, cut_out = [], []
for number, frame in read_frames(clip_file, range(0, length, 2)):
    if (box := largest(frame)) is not None:
        shown_frames.append(number)
        cut_out.append(cut(frame, box, on_frames.card.scale(finder.name, max(box[2:] - box[:2]))))
frame_scores = score(on_frames, cut_out)
seconds = np.array(shown_frames) / rate
print(f"a face is found in {len(seconds)} of {len(range(0, length, 2))} frames")
caption = plots.plot_time_line(
    seconds,
    logits(frame_scores),
    [(start / rate, (end - 1) / rate)],
    "The clip",
    "logit of P(fake)",
)

# %% [markdown]
# Notebooks 09 to 12 leave detectors of their own in a run: a variant of Xception, an anomaly of attention that has seen no
# fake, and networks that take several frames at once. All are asked below, where this run has them. Which of them would you
# not ask? (A Cllr near 1 bit is that of somebody who says nothing; above 1 it is worse than that.)

# %%
of_others = set(lesson.folder.parent.glob("*/detectors")) - {lesson.folder / "detectors"}
left = [load_tested(card) for folder in sorted(of_others) for card in find_cards(folder)]
left = [one for one in left if finder.name in one.card.scope]  # measured with the same finder
pd.DataFrame(
    {
        one.card.title: {
            "takes": f"{one.card.frames} frames" if one.card.frames > 1 else "one picture",
            "tested on": f"{one.card.test_pictures} {one.card.takes} of {one.card.tested_on}",
            "AUROC": f"{one.card.auroc.value:.2f}",
            "Cllr (bits)": f"{one.card.cllr.value:.2f}",
            "limits of the log10 ratio": f"{one.card.ratio.lowest:+.2f} to {one.card.ratio.highest:+.2f}",
        }
        for one in [on_frames, *left]
    }
).T

# %% [markdown]
# **Question 1306 · one-clip** (5 points, read by a person, about 20 minutes)
#
# (a) Which of the three ways costs least, and which differences do the intervals carry? Look at the last column: why does
# the product say most of the real clip that misleads it most, and what would it say with ten times as many frames? (b) The
# limits of a frame's ratio are narrow here. What are they made of, and what would widen them: more frames, or more people?
# (c) In the time line, what is lost in the mean, and what would you write about this clip? (d) "Take the largest frame"
# would find a short forgery. What does it do to the clips in which nothing is forged, and what would have to be done before
# its number may be used?

# %% [markdown] question="one-clip" tags=["answer"]
# **Answer 1306 · one-clip**
#
# <!-- BEGIN SOLUTION -->
# (a) Read from the table; where intervals overlap, they show no difference. The frames share face, light and camera, so
# that where one misleads all do, and adding their logarithms counts the same mistake again and again: the ratio of a real
# clip grows with the number of frames, beyond any limit that the calibration carries, and its cost with it. The mean stays
# within. (b) Of how many groups stand behind them: one misleading group more must not turn the ratios into bad advice. More
# frames of the same people add next to nothing; more people do. (c) The forged part is a third of the frames, so that the
# mean lies between the two levels. To be written: from when to when scores are higher, by how much beside the rest of the
# same clip, and that such a step may also come from a cut, a turn of the head or other light. (d) The largest of many is
# large by chance: reals get higher values, the more the longer they are. It needs a calibration of its own, on the largest
# scores of clips of that length, of other people.
# <!-- END SOLUTION -->

# %% [markdown]
# ## 8 · What decided
#
# Grad-CAM (notebook 05) shows which part of the crop raised the score. Under each face of the picture is its map, and in
# its title the ratio, or "outside". Below, for those that are forged, what was really changed, where the data set knows it.
# Does the map lie on the change? If it does not, does that make the ratio wrong? If it does, does that make it right? And
# if a forged face is outside because it has less fine detail than all that were tested: may one say that *this* is the
# sign?

# %%
longer = [float(max(box[2:] - box[:2])) for box in found_faces]
face_crops = [
    cut(four, box, meso4.card.scale(finder.name, length))
    for box, length in zip(found_faces, longer, strict=True)
]
if face_crops:
    fitted = [np.asarray(fit_square(Image.fromarray(crop), size)) for crop in face_crops]
    face_scores = meso4.scores(fitted)
    ends = meso4.card.ratio
    face_ratios = log_ratio(face_scores, ends.slope, ends.intercept, ends.lowest, ends.highest)
    told = [
        "outside" if meso4.card.reasons(finder.name, crop, length) else f"{ratio:+.2f}"
        for crop, length, ratio in zip(face_crops, longer, face_ratios, strict=True)
    ]
    maps = explain.grad_cam(meso4.network, meso4.batch(fitted), [1] * len(fitted))
    caption = plots.plot_maps(
        np.stack(fitted).transpose(0, 3, 1, 2) / 255,
        maps.numpy(),
        [f"face {number}: {answer}" for number, answer in enumerate(told, start=1)],
        "Grad-CAM of Meso-4, and the log10 ratio",
    )
changed = {f"face {number}": row for number, row in enumerate(chosen, start=1) if row.label == 1}
masks = {
    name: open_rgb(prepared.root / row.mask).resize((side, side))
    for name, row in changed.items()
    if isinstance(row.mask, str)
}
if masks:
    print("in white, what was changed:")
    caption = plots.sample_grid(list(masks.values()), [f"of {name}" for name in masks], 4)
for name, row in changed.items():
    print(f"forged is {name}, by {row.method or 'an unnamed method'}")
print(f"of the clip, frames {start} to {end - 1} are forged")

# %% [markdown]
# ## 9 · The page
#
# `course predict "four people.png" clip.mp4 --detector …` does all of it: it finds, crops, measures, asks, draws, and
# writes a page, a table and JSON with the SHA-256 of each file, the versions of the libraries and that of the weights. Its
# first line says whether the file is like what was tested. Read the lines below as somebody who is accused: is there one
# that you would misunderstand? (To ask about files of your own, set the parameter `case`.)

# %%
files = [Path(file) for file in case] if case else [picture_file, clip_file]
examiner = Examiner([*detectors.values(), on_frames, *left], finder, lesson.folder / "page")
report = predict(files, examiner)
for examined in report.files:
    print(f"{Path(examined.path).name}\n  {examined.first_line()}")
print(f"the page: {(lesson.folder / 'page' / 'index.html').relative_to(lesson.folder.parent)}")
columns = ["face", "detector", "outside", "log10_likelihood_ratio"]
answers = pd.DataFrame(rows(report.files))
answers.assign(file=[Path(path).name for path in answers["path"]]).set_index("file").reindex(
    columns=columns
)

# %% [markdown]
# ## 10 · Consent, harm, false accusation
#
# Nobody in this notebook exists, and nobody was asked. With a real face three people have a say: whoever is shown, whoever
# made the picture, and whoever is accused of having forged it. Most forged pictures of real people are sexual, and most of
# those shown in them are women who never agreed to it; being told that one is "only" in a forged picture does not undo that
# it was seen by friends and employers. So forge nobody who has not agreed, in writing, to this use and to its end; and do
# not upload a picture of somebody to a service in order to have it examined: that passes it on once more. `course predict`
# sends nothing anywhere.
#
# The harm of a detector is the other one. Whoever is told by a machine that a true picture is forged loses a proof, perhaps
# the only one, of what was done to them; and whoever filmed it is called a liar. Such mistakes are not spread evenly: a
# detector that was tested on some faces errs more often on others (notebook 05, section 6, and notebook 08), and they hit
# people with old cameras, bad light and strong compression first. And there is a third harm, which needs no mistake: where
# everybody knows that pictures can be forged, whoever is shown in a true one may say that it is (Chesney and Citron 2019
# call it the *liar's dividend*). "No sign found" then is read as "real", and a detector's silence becomes a certificate.
#
# What follows for the words? A page that may be read by a court, a newspaper or a schoolyard gives what was measured and on
# what it was tested, and leaves the odds, the decision and its consequences to those who answer for them. It never says
# "real", because no detector has been tested on forgeries that it does not know. It shows how it may be wrong, to the
# person who would pay for it.
#
# **Question 1307 · before-you-accuse** (6 points, read by a person, about 25 minutes)
#
# A school's head sends you a picture of a pupil, taken from a group chat, and asks for "the probability that it is a
# deepfake". You run `course predict`, and its ratio is the highest that its calibration carries. (a) Write the answer that
# you send, in at most five sentences, with numbers from your run. (b) Which probability would you need from the head before
# yours means anything, and what does your figure of section 6 say for 1 in 1000? (c) Whom do you have to ask before you
# open the picture, and what do you do with the file afterwards? (d) Suppose the ratio had been the lowest instead. What may
# the head not conclude?

# %% [markdown] question="before-you-accuse" tags=["answer"]
# **Answer 1307 · before-you-accuse**
#
# <!-- BEGIN SOLUTION -->
# (a) Whether the picture is inside what was tested, or that there is no number because it is not (a photograph from a chat
# hardly is). If inside: such a score is so many times more often had by forged pictures of the test than by others, with
# the test's people, its Cllr and the limit named; that this alone is no probability; and that it says nothing of who made
# it. (b) How many such pictures are fakes before anything was looked at; with 1 in 1000 most of those accused are innocent
# at the limits of the figure, with the run's own share. (c) The pupil who is shown (and the parents), who has not agreed to
# be looked at by one more person; the school's duty to protect, and the law where the picture is sexual, in which case it
# is not opened or passed on but goes to the police. Afterwards it is deleted; the SHA-256 and the page without pictures may
# stay. (d) That it is real, or that the pupil who complained is lying: no sign was found by this detector, of kinds of
# forgery that it has met.
# <!-- END SOLUTION -->

# %% [markdown]
# ## 11 · A case of your own
#
# **Question 1308 · your-own-case** (10 points, read by a person, about 120 minutes)
#
# Examine something that this notebook has not: a picture or clip of yourself, of somebody who has agreed, or of a data set
# that you may use; as it is, and after it was passed on once (a screenshot, a messenger, a smaller copy). Choose the
# detector that you ask, or write the card of another (a checkpoint of notebooks 03, 04 or 09 with `release`, as in section
# 4). Hand in at most a page that somebody without any training can read, and that both sides of a dispute could accept: (a)
# what the files are and what was done to them, with SHA-256; (b) whether they are inside what was tested, and what about
# them is not; (c) what was found, with what it is worth, or why there is no number; (d) in what you might be wrong, and
# what would change your mind; (e) one change that you would make to the detector, the test or the page, and the experiment
# that would show whether it is better.

# %% [markdown] question="your-own-case" tags=["answer"]
# **Answer 1308 · your-own-case**
#
# <!-- BEGIN SOLUTION -->
# No model answer: the page is the student's. A photograph taken by a phone is outside of what the shipped detector was
# tested on by the size of the face and by its detail, and the right page then has no number, says by which property, and
# shows what passing on changed. A full answer for a picture that is inside gives the ratio with its limits, Cllr and the
# number of test groups, and never a bare probability. What would change one's mind is named before looking: the source,
# another moment of the same scene, a second detector with a test of its own. The proposal has a measure (Cllr, share of
# reals over the limit), other people in the test, and an interval.
# <!-- END SOLUTION -->

# %% [markdown]
# ## Recap
#
# - Search first: a source that is found says more than a score.
# - A number belongs to a detector *and* a test. Outside of what was tested there is none.
# - A likelihood ratio says what the picture adds; what was known before comes from elsewhere.
# - Cllr shows what AUROC hides: numbers that are sure and wrong.
# - The frames of a clip are one piece of evidence seen many times.
# - "No sign found by this detector" is the most that a detector can say in favour of a picture.
