# ---
# jupyter:
#   course:
#     title: "Image retrieval: which pictures are most like this one"
#     question: What does a search by similarity find, and does it find what was meant?
#     chapter: Govi et al. 2022, section 4
#     minutes: 1
#     hours: 4
#     needs: []
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 07 · Image retrieval: which pictures are most like this one
#
# **The lesson in one sentence.** "Most similar" is no question until somebody says *in what*; the same search can be all
# but perfect at one meaning and near chance at another, and only a judged ranking tells which.
#
# The figures that will show it are two lists of the same searches, each with its mean average precision: once for the same
# person, once for the same clip.
#
# | | |
# |---|---|
# | machine | one minute |
# | you | about four hours |
# | needs | nothing |
#
# Somebody shows you a manipulated picture. Which picture was it made from, and where else is this person? Govi, Poppi and
# Marinelli (section 4) search a pool for the pictures most like a query. They describe each by one of two kinds of feature,
# compare by one of two measures, and show the ten most alike for two queries (their figure 4). "Observing images", they
# find, two of the four combinations "appear to perform better". Here the four are drawn as there, and then measured.

# %% tags=["parameters"]
people = "rendered_identities"  # photographs by person: is it the same person?
photographs_each = None  # of each person, for the search; None takes all
zoom = 1.0  # 1.7 for the photographs of LFW, whose faces fill the middle of the picture
dataset = "rendered"  # videos of real people and forgeries of them: is it the same clip?
compression = "c23"  # of the videos; None where there is none, or for all
pairs = None  # pairs of people whose clips are searched; None takes all
pretrained = "auto"  # ResNet-18's weights: "auto", "none", or the path of a file
picture = None  # the path of any picture to search for; None takes one of the photographs
seed = 0

# %%
import tracemalloc
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from sklearn.metrics import average_precision_score

from course_utils import plots, recognition
from course_utils.data.pictures import open_rgb
from course_utils.data.prepare import load_dataset
from course_utils.errors import CourseError
from course_utils.intervals import compare_means, share_interval
from course_utils.lesson import Lesson
from course_utils.retrieval import (
    NetworkFeatures,
    ResNetFeatures,
    find_similar,
    harris_features,
    judge,
    search,
)

lesson = Lesson("07_image_retrieval")
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")

# %% [markdown]
# ## 1 · Features
#
# A feature extractor makes of each picture a vector of D numbers, and pictures are compared by their vectors alone.
#
# - **Harris**: the picture in grey at 299 x 299, and of each pixel the response of Harris and Stephens (1988), high at
#   corners, negative along edges, near zero where nothing happens. D = 89,401, and each number belongs to one place.
# - **ResNet-18**: a network for photographs of objects, without its last layer. Its final maps are averaged over the
#   picture, so D = 512 and no number belongs to a place. (The report writes "Resnet16"; the network with 512 features is
#   ResNet-18.)
#
# Three more, which the report does not have. What should each be able to find?
#
# - **face ViT**: the features of a small transformer that was trained to tell drawn people apart (of notebook 10);
# - **raw pixels**: the picture at 32 x 32, as it is;
# - **guesses**: eight random numbers, whatever the picture.

# %%
torch.manual_seed(seed)
resnet = ResNetFeatures(pretrained, device)
recogniser, _ = recognition.reference_recogniser()
recogniser.to(device)
print(f"ResNet-18's weights: {resnet.origin}")
print(f"face ViT's weights: {recogniser.origin}")


def raw_pixels(files):
    """Return each picture at 32 x 32, its numbers in a row: n x 3,072."""
    return np.stack(
        [np.asarray(open_rgb(file).resize((32, 32)), np.float32).ravel() for file in files]
    )


chance = np.random.default_rng(seed)


def guesses(files):
    """Return n x 8 numbers that know nothing of the pictures."""
    return chance.normal(size=(len(files), 8)).astype(np.float32)


def extractors(zoom):
    """Return what makes features of n picture files, n x D, by name."""
    return {
        "Harris": harris_features,
        "ResNet-18": resnet,
        "face ViT": NetworkFeatures(recogniser, partial(recognition.face_pictures, zoom=zoom)),
        "raw pixels": raw_pixels,
        "guesses": guesses,
    }


def describe(files, zoom):
    """Return the features of n picture files, n x D, by the extractor's name."""
    return {name: extractor(files) for name, extractor in extractors(zoom).items()}


photographs = load_dataset(people)
pool = photographs.samples.sort_values(["target", "path"])
pool = pool.groupby("target").head(photographs_each or len(pool)).reset_index(drop=True)
pool_files = [photographs.root / path for path in pool["path"]]
features = describe(pool_files, zoom)
print(f"{people}: {len(pool)} photographs of {pool['target'].nunique()} people")
for name, vectors in features.items():
    print(f"  {name}: {vectors.shape[1]:,} numbers a picture, {vectors[0].nbytes / 1024:.1f} KB")

# %% [markdown]
# Nothing is trained in this notebook, so there is nothing that a test set would have to be kept from, and all pictures are
# searched. (The networks were trained on other people.)
#
# Below, photographs over their Harris response. Find the corners, and find what makes the strongest ones: is it the face?

# %%
shown = pool.groupby("target").head(1).index[:5]
caption = plots.plot_maps(
    np.stack([np.asarray(open_rgb(pool_files[row]).resize((299, 299))) for row in shown]).transpose(
        0, 3, 1, 2
    )
    / 255,
    features["Harris"][shown].reshape(-1, 299, 299),
    pool["target"][shown].tolist(),
    "Harris response",
)

# %% [markdown]
# ## 2 · Two measures of likeness
#
# The report compares two vectors by the cosine of the angle between them, or by the square of their Euclidean distance:
#
# $$\mathrm{cosine}(a, b) = \frac{a \cdot b}{\lVert a \rVert \, \lVert b \rVert} \qquad
# \mathrm{euclidean}(a, b) = \sum_j (a_j - b_j)^2$$
#
# A black picture has a Harris response of zero everywhere. What is its cosine with anything? It has no direction; let it
# be like nothing: 0.
#
# **Question 701 · likeness** (10 points, marked by checks, about 30 minutes)
#
# Write `likeness(queries, pool, measure)`: arrays q x D and n x D, and "cosine" or "euclidean". Return q x n numbers, the
# measure of each query and each picture of the pool, as the formulas have it. The cosine with a vector of zeros is 0. Do not
# form q x n x D numbers: of a thousand queries in a pool of a thousand pictures, Harris features would make 700 GB.
#
# A tiny input: the query (3, 4), the pool (6, 8), (4, -3), (0, 0). The cosines are 1, 0, 0, the squared distances 25, 50, 25.
#
# <details><summary>Hint 1: the idea</summary>
#
# All the products $a \cdot b$ at once are one product of matrices. For the distances, $\lVert a - b \rVert^2$ can be
# multiplied out; or take one query after the other.
#
# </details>
# <details><summary>Hint 2: the shape</summary>
#
# `queries @ pool.T` is q x n; `np.linalg.norm(pool, axis=1)` is n. Where a length is 0, divide by something else.
#
# </details>

# %% [markdown]
# ### Your helpers
# Functions and imports that several of your answers use go into this cell.

# %% tags=["helpers"]
# your helpers


# %% question="likeness" tags=["answer"]
# Question 701 · likeness
def likeness(queries, pool, measure):
    """Return the cosine or the squared Euclidean distance of each query and each of the pool, q x n."""
    ### BEGIN SOLUTION
    if measure == "euclidean":
        return np.stack([np.square(pool - query).sum(axis=1) for query in queries])
    lengths = np.outer(np.linalg.norm(queries, axis=1), np.linalg.norm(pool, axis=1))
    return queries @ pool.T / np.where(lengths > 0, lengths, 1)
    ### END SOLUTION


# %%
def check_likeness(candidate):
    """The tiny example, random vectors, and memory."""
    query, three = np.array([[3.0, 4.0]]), np.array([[6.0, 8.0], [4.0, -3.0], [0.0, 0.0]])
    for measure, expected in (("cosine", [[1, 0, 0]]), ("euclidean", [[25, 50, 25]])):
        found = np.asarray(candidate(query, three, measure))
        assert found.shape == (1, 3), f"{measure}: expected q x n = 1 x 3, found {found.shape}"
        assert np.isfinite(found).all(), f"{measure}: {found.tolist()} holds what is no number"
        assert np.allclose(found, expected), (
            f"{measure}: expected {expected}, found {found.tolist()}"
        )
    random = np.random.default_rng(0)
    some, others = random.normal(size=(4, 6)), random.normal(size=(5, 6))
    for row, column in np.ndindex(4, 5):
        a, b = some[row], others[column]
        assert np.isclose(
            candidate(some, others, "cosine")[row, column], a @ b / np.sqrt(a @ a * (b @ b))
        )
        assert np.isclose(candidate(some, others, "euclidean")[row, column], np.sum((a - b) ** 2))
    some, others = random.normal(size=(60, 500)), random.normal(size=(50, 500))
    for measure in ("cosine", "euclidean"):
        tracemalloc.start()
        candidate(some, others, measure)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert most < 60 * 50 * 500 * 2, (
            f"{measure}: {most / 2**20:.0f} MB for 60 queries in a pool of 50; q x n x D numbers were formed"
        )


def course_likeness(queries, pool, measure):
    """Return the library's, put back from the order of the ranking into that of the pool."""
    found = search(queries, pool, len(pool), measure=measure)
    scores = np.empty(found.scores.shape)
    np.put_along_axis(scores, found.rows, found.scores, axis=1)
    return scores


likeness = lesson.go_on_with("likeness", likeness, check_likeness, course_likeness)

# %% [markdown]
# **Question 702 · rank** (6 points, marked by checks, about 15 minutes)
#
# Write `rank(scores, measure, itself)`: `scores` are one query's, n numbers in the order of the pool. Return the rows of the
# pool, the most alike first. The query may be a picture of the pool; then `itself` is its row, and it is left out, wherever
# its score would have put it. Else `itself` is None. Pictures with equal scores stay in the order of the pool, so that the
# ranking is the same on every machine.
#
# A tiny input: scores 0.2, 0.9, 1.0, 0.9. By "cosine" with `itself=2` the rows are 1, 3, 0, by "euclidean" with
# `itself=None` 0, 1, 3, 2.
#
# <details><summary>Hint 1: the idea</summary>
#
# Which end of the scores is the best one? A sort that keeps the order of equal numbers is called *stable*.
#
# </details>
# <details><summary>Hint 2: the shape</summary>
#
# `np.argsort(…, kind="stable")`; turning its result round would turn equal ones round, too. Row 0 is a row.
#
# </details>


# %% question="rank" tags=["answer"]
# Question 702 · rank
def rank(scores, measure, itself):
    """Return the rows of the pool, the most alike first, without the query's own."""
    ### BEGIN SOLUTION
    scores = np.asarray(scores)
    order = np.argsort(-scores if measure == "cosine" else scores, kind="stable")
    return order if itself is None else order[order != itself]
    ### END SOLUTION


# %%
def check_rank(candidate):
    """The tiny example, row 0, and a query that is not the most like itself."""
    scores = np.array([0.2, 0.9, 1.0, 0.9])
    for measure, itself, expected in (
        ("cosine", 2, [1, 3, 0]),
        ("euclidean", None, [0, 1, 3, 2]),
        ("cosine", None, [2, 1, 3, 0]),
        ("euclidean", 0, [1, 3, 2]),
        ("cosine", 1, [2, 3, 0]),
    ):
        found = np.asarray(candidate(scores, measure, itself)).tolist()
        assert found == expected, f"{measure}, itself={itself}: expected {expected}, found {found}"


def course_rank(scores, measure, itself):
    """Return the order of a data frame that is sorted by score."""
    found = pd.Series(np.asarray(scores)).drop([] if itself is None else itself)
    return found.sort_values(ascending=measure != "cosine", kind="stable").index.to_numpy()


rank = lesson.go_on_with("rank", rank, check_rank, course_rank)

# %% [markdown]
# Now the report's figure 4, with your functions: two queries, and the ten photographs most like each by the four
# combinations. Which row looks best to you? Decide before you count the ticks, and write it down for the next question.

# %%
searches = {
    "Harris, cosine": "published",
    "Harris, euclidean": "published",
    "ResNet-18, cosine": "published",
    "ResNet-18, euclidean": "published",
    "face ViT, cosine": "learnt to tell people apart",
    "raw pixels, cosine": "controls",
    "guesses, cosine": "controls",
}
published = [name for name, kind in searches.items() if kind == "published"]
queries = pool.groupby("target").head(1).index[[0, pool["target"].nunique() // 2]]
for query in queries:
    rankings = {}
    for name in published:
        vectors, measure = features[name.split(", ")[0]], name.split(", ")[1]
        scores = likeness(vectors[[query]], vectors, measure)[0]
        rankings[name] = [
            (open_rgb(pool_files[row]), pool["target"][row] == pool["target"][query])
            for row in rank(scores, measure, query)[:10]
        ]
    caption = plots.plot_rankings(
        open_rgb(pool_files[query]), rankings, f"Most like {pool['path'][query]}", "same person"
    )

# %% [markdown]
# **Question 703 · by-eye** (4 points, read by a person, about 15 minutes)
#
# (a) The report finds by eye that the two combinations with the cosine "appear to perform better". What do you find by eye
# in the two figures, and what do the pictures of a row have in common: person, pose, background, brightness? (b) Give two
# reasons why such a figure cannot decide which combination is best, even if everybody agreed on what they see.

# %% [markdown] question="by-eye" tags=["answer"]
# **Answer 703 · by-eye**
#
# <!-- BEGIN SOLUTION -->
# (a) Read from the figures; either order earns the point if it is told by something that is seen. Often Harris rows share
# a strong contour at the same place, ResNet rows a colour or a background, and few a person. (b) Two queries are two draws
# of hundreds: another two may say the opposite. Nobody had said what counts as similar before looking, so that each looks
# for what is there. And ten places show nothing of what was missed.
# <!-- END SOLUTION -->

# %% [markdown]
# ## 3 · How good is a ranking?
#
# Say what is *relevant* to a query, here the other photographs of the same person. Then a ranking is a list of yes and no,
# and two numbers say how good it is:
#
# - **precision@k**, the share of relevant pictures among the first k;
# - **average precision**: at the place of each relevant picture, the precision up to there; the mean of these, over *all*
#   relevant pictures. It is 1 if they come first, and no place is too late to count. Its mean over queries is the **mAP**.
#
# **Question 704 · judge-ranking** (10 points, marked by checks, about 25 minutes)
#
# Write `judge_ranking(relevant, k)`: `relevant` is an array of n booleans, in the order of the ranking, and k at most n.
# Return `(precision@k, average precision)`. If nothing is relevant, nothing could have been found: both are NaN.
#
# A tiny input: no, yes, no, yes and k = 3. The precision@3 is 1/3, the average precision (1/2 + 2/4) / 2 = 0.5.
#
# <details><summary>Hint 1: the idea</summary>
#
# How many relevant ones have come up to each place? Divide by the place, counted from 1.
#
# </details>
# <details><summary>Hint 2: the shape</summary>
#
# `np.cumsum(relevant) / np.arange(1, n + 1)` is the precision up to each place; keep it where `relevant`.
#
# </details>


# %% question="judge-ranking" tags=["answer"]
# Question 704 · judge-ranking
def judge_ranking(relevant, k):
    """Return (precision@k, average precision) of a ranking, NaN where nothing is relevant."""
    ### BEGIN SOLUTION
    relevant = np.asarray(relevant, dtype=bool)
    if not relevant.any():
        return np.nan, np.nan
    precisions = np.cumsum(relevant) / np.arange(1, len(relevant) + 1)
    return float(precisions[k - 1]), float(precisions[relevant].mean())
    ### END SOLUTION


# %%
def check_judge_ranking(candidate):
    """The tiny example, scikit-learn on random rankings, and nothing relevant."""
    precision, average = candidate(np.array([False, True, False, True]), 3)
    assert np.isclose(precision, 1 / 3), f"expected precision@3 = 1/3, found {precision}"
    assert np.isclose(average, 0.5), f"expected an average precision of 0.5, found {average}"
    random = np.random.default_rng(0)
    for count in (5, 20, 40):
        relevant = random.random(count) < 0.4
        relevant[-1] = True
        expected = average_precision_score(relevant, -np.arange(count))
        average = candidate(relevant, 5)[1]
        assert np.isclose(average, expected), (
            f"a ranking of {count}: scikit-learn finds an average precision of {expected:.4f}, you"
            f" {average:.4f}. Does it count what comes after place k?"
        )
    nothing = candidate(np.zeros(4, bool), 2)
    assert np.isnan(nothing).all(), f"nothing is relevant: expected two NaN, found {nothing}"


def course_judge_ranking(relevant, k):
    """Return the library's, of pictures at a growing distance."""
    places = np.arange(len(relevant), dtype=float)[:, None]
    row = judge(
        places[:1], places, [True], [bool(yes) or None for yes in relevant], k, measure="euclidean"
    )
    return row["precision"][0], row["average_precision"][0]


judge_ranking = lesson.go_on_with(
    "judge-ranking", judge_ranking, check_judge_ranking, course_judge_ranking
)

# %% [markdown]
# Your three functions together are a judged search. The library's `judge` does the same for large pools, in blocks; the two
# should agree.

# %%
vectors, person = features["ResNet-18"], pool["target"].to_numpy()
by_hand = []
for query, scores in enumerate(likeness(vectors, vectors, "cosine")):
    order = rank(scores, "cosine", query)
    by_hand.append(judge_ranking(person[order] == person[query], 10)[1])
itself = np.arange(len(pool))
judged = {}
for name in searches:
    extractor, measure = name.split(", ")
    vectors = features[extractor]
    judged[name] = judge(vectors, vectors, person, person, 10, measure=measure, itself=itself)
print(
    f"mAP of ResNet-18 by cosine: {np.nanmean(by_hand):.4f} by your functions,"
    f" {judged['ResNet-18, cosine']['average_precision'].mean():.4f} by the library's"
)

# %% [markdown]
# The table below has each search's precision@1, precision@10 and mAP, with 95 % intervals over people: photographs of one
# person are not independent, so that whole people are drawn. Before you read the third column: what is the *highest*
# precision@10 that any search could have here? The line under the table says it.

# %%
MEASURES = {"precision@1": "first", "precision@10": "precision", "mAP": "average_precision"}


def quality(judged, groups):
    """Return the intervals of the three measures, a row a search."""
    return pd.DataFrame(
        {
            title: {name: share_interval(found[column], groups) for name, found in judged.items()}
            for title, column in MEASURES.items()
        }
    )


def record_published(what, found, **context):
    """Record precision@1 and mAP of the four published combinations."""
    for name in published:
        for measure in ("precision@1", "mAP"):
            interval = found.loc[name, measure]
            lesson.record(
                f"{what}: {name}, {measure}",
                interval.value,
                metric=measure,
                interval=(interval.low, interval.high),
                groups=interval.groups,
                model=name,
                weights=str(resnet.origin) if name.startswith("ResNet") else "none",
                seed=seed,
                **context,
            )


same_person = quality(judged, pool["target"])
relevant = judged["Harris, cosine"]["relevant"]
print(f"most that precision@10 can be: {np.minimum(relevant[relevant > 0], 10).mean() / 10:.3f}")
same_person.map(str)

# %%
caption = plots.plot_detectors(
    same_person["mAP"],
    searches,
    f"Same person, {people}",
    measure="mAP",
    guessing=same_person.loc["guesses, cosine", "mAP"].value,
)

# %% [markdown]
# Two intervals that overlap do not show that there is no difference, for both searches met the same people. Only the
# paired comparison may say "better". Which of the lines below orders the four combinations as the report does?

# %%
duels = [
    ("Harris, cosine", "Harris, euclidean"),
    ("ResNet-18, cosine", "ResNet-18, euclidean"),
    ("ResNet-18, cosine", "Harris, cosine"),
    ("Harris, cosine", "guesses, cosine"),
    ("ResNet-18, cosine", "raw pixels, cosine"),
    ("face ViT, cosine", "ResNet-18, cosine"),
]


def compare_searches(judged, groups):
    """Print what the paired comparison says of each duel."""
    for duel in duels:
        values = {name: judged[name]["average_precision"] for name in duel}
        print(compare_means(values, groups, "mAP"))


compare_searches(judged, pool["target"])
record_published(
    "same person", same_person, dataset=people, edition=photographs.edition, split="all"
)

# %% [markdown]
# ### Why does the measure matter?
#
# The two measures see the same vectors. The figure shows, for Harris features, how often each photograph is among the first
# ten that some query finds, against the length of its vector. With n queries and ten places, each would be found ten times
# if all were found equally often. Look at the left end of both panels.

# %%
harris = features["Harris"]
times = {}
for measure in ("cosine", "euclidean"):
    rows = search(harris, harris, 10, measure=measure, itself=itself).rows
    times[measure] = np.bincount(rows.ravel(), minlength=len(pool))
lengths = np.linalg.norm(harris, axis=1)
caption = plots.plot_hubs(lengths, times, f"Harris features, {people}: who is found by everybody")

# %% [markdown]
# And an experiment. Each vector is divided by its length, and then compared by the squared Euclidean distance.

# %%
normalised = harris / np.maximum(lengths, np.finfo(np.float32).tiny)[:, None]
after = judge(normalised, normalised, person, person, 10, measure="euclidean", itself=itself)
print(f"mAP by cosine {judged['Harris, cosine']['average_precision'].mean():.4f},")
print(f"by the squared distance {judged['Harris, euclidean']['average_precision'].mean():.4f},")
print(f"by the squared distance of vectors of length 1 {after['average_precision'].mean():.4f}")

# %% [markdown]
# **Question 705 · same-order** (6 points, read by a person, about 20 minutes)
#
# (a) Write the squared distance of two vectors of length 1 as a function of their cosine. What follows for the order of a
# ranking, and does the experiment agree? (b) Who is found by everybody under the squared distance of the vectors as they
# are, and why? Use $\lVert a - b \rVert^2 = \lVert a \rVert^2 + \lVert b \rVert^2 - 2 \, a \cdot b$ and your figure. (c) For
# which kind of picture would the *length* of a Harris vector be worth keeping?

# %% [markdown] question="same-order" tags=["answer"]
# **Answer 705 · same-order**
#
# <!-- BEGIN SOLUTION -->
# (a) 1 + 1 - 2 cos = 2 - 2 cos: it falls as the cosine rises, so both order a pool alike, and the third number equals the
# first up to rounding. (b) For one query, its own length is the same for all; what is left is the other's squared length
# less twice the product. Where products are small, as between corners at different places, the shortest vectors win
# whatever the query is: smooth, dark or blurred pictures with few corners. In the figure they are at the left end, found
# many times under the squared distance; if the lengths hardly differ, the two panels are alike. (c) Where the amount of
# detail is itself what is looked for: copies of different sharpness or contrast, a near duplicate with all its corners as
# strong as in the query.
# <!-- END SOLUTION -->

# %% [markdown]
# ## 4 · The same searches, another question
#
# The report wants retrieval for "finding some similar images modified in different ways". So now each query is a frame of a
# real clip, the pool are frames of *manipulated* clips alone, and relevant is what was made from the query's clip. Two pools:
#
# - **same moment**: of each manipulated clip the very frame that was the query's, manipulated;
# - **another moment**: its last frame; the person has moved, and the crop with the face.
#
# Before you look: which features should suffer most from one pool to the other? And will the face ViT, which knows people,
# still be the best?

# %%
clips = load_dataset(dataset)
if (clips.samples["video"] == "").all():
    raise CourseError(
        f"{dataset} holds single pictures, and this section searches frames of clips. Set dataset to videos,"
        " such as rendered; the photographs to search are those of the parameter people."
    )
frames = clips.samples.sort_values(["group", "method", "video", "frame"])
frames = frames[frames["compression"] == compression] if compression else frames
frames = frames[frames["group"].isin(frames["group"].unique()[:pairs])]
of_clip = frames.groupby(["label", "method", "compression", "video"])
opening, ending = of_clip.head(1), of_clip.tail(1)
asked = opening[opening["label"] == 0].reset_index(drop=True)
asked_features = describe([clips.root / path for path in asked["path"]], zoom=1.0)
pools = {
    moment: frame[frame["label"] == 1].reset_index(drop=True)
    for moment, frame in (("same moment", opening), ("another moment", ending))
}
pool_features = {
    moment: describe([clips.root / path for path in manipulated["path"]], zoom=1.0)
    for moment, manipulated in pools.items()
}
print(f"{dataset}: {len(asked)} queries, {len(pools['same moment'])} manipulated frames a pool")

# %%
same_clip, judged_clips = {}, {}
for moment, manipulated in pools.items():
    judged_clips[moment] = {}
    for name in searches:
        extractor, measure = name.split(", ")
        judged_clips[moment][name] = judge(
            asked_features[extractor],
            pool_features[moment][extractor],
            asked["target"],
            manipulated["target"],
            min(10, len(manipulated)),
            measure=measure,
        )
    same_clip[moment] = quality(judged_clips[moment], asked["group"])
    caption = plots.plot_detectors(
        same_clip[moment]["mAP"],
        searches,
        f"Same clip, manipulated, {moment}, {dataset} {compression or ''}".strip(),
        measure="mAP",
        guessing=same_clip[moment].loc["guesses, cosine", "mAP"].value,
    )

# %%
compare_searches(judged_clips["another moment"], asked["group"])
for moment, found in same_clip.items():
    record_published(
        f"same clip, {moment}",
        found,
        dataset=dataset,
        edition=clips.edition,
        compression=compression,
        split="all",
    )
pd.concat({moment: found.map(str) for moment, found in same_clip.items()}, axis=1)

# %% [markdown]
# **Question 706 · two-questions** (8 points, read by a person, about 25 minutes)
#
# (a) Set the two questions side by side: which searches change their place most between "same person" and "same clip", and
# what does each of these measure, that this should be so? (b) What did the other moment do to Harris, and what to ResNet-18?
# Argue from what a single number of each vector stands for. (c) Do your comparisons support the order of the four
# combinations that the report saw? Say for which question, and with how many groups. (d) The face ViT was *trained* for one
# of the questions. What would you train, and on what, for the other?

# %% [markdown] question="two-questions" tags=["answer"]
# **Answer 706 · two-questions**
#
# <!-- BEGIN SOLUTION -->
# (a) Read from the figures. A search that is near chance for the person and near 1 for the clip measures what a clip's frames
# share and a person's photographs do not: light, background, hair and clothes, the camera. Raw pixels show how far that alone
# goes. (b) A Harris number belongs to a place: if the head moves by a few pixels, the corners lie on other places, and the
# product falls to what chance gives. A ResNet number is a mean over the picture: moving changes it little. (c) From the lines
# of the paired comparison: only those whose interval excludes zero; here cosine above squared distance may hold for one
# kind of feature and not for the other. The groups are people in one case and pairs of clips in the other. (d) Pairs of a
# picture and a manipulation of it, with others as counter-examples: a network that is to answer alike for both (contrastive
# training), with crops, compression and forgeries as the changes, split by clip.
# <!-- END SOLUTION -->

# %% [markdown]
# ## 5 · By the face, or by all the rest?
#
# A face swap tears apart what a clip holds together. Of two people A and B there are two swapped clips: A's clip with B's
# face, and B's clip with A's face. Show a search a real frame of A, and let it choose: which of the two is more like it? A
# search by the person's face should choose B's clip. What do you expect of each search?

# %%
SWAPS = (
    "Deepfakes",
    "FaceSwap",
    "FaceShifter",
)  # the other methods leave the face and change its expression
manipulated = pools["another moment"]
swapped = manipulated[manipulated["method"].isin(SWAPS)].rename_axis("row").reset_index()
choices = swapped.merge(
    swapped,
    left_on=["method", "compression", "target", "source"],
    right_on=["method", "compression", "source", "target"],
    suffixes=("_clip", "_face"),
)
of_query = pd.Series(asked.index, index=asked["target"] + asked["compression"])
query = of_query[choices["target_clip"] + choices["compression"]].to_numpy()
chosen = {}
for name in searches:
    extractor, measure = name.split(", ")
    scores = likeness(
        asked_features[extractor], pool_features["another moment"][extractor], measure
    )
    by_clip, by_face = (scores[query, choices[f"row_{which}"]] for which in ("clip", "face"))
    clip_wins = by_clip > by_face if measure == "cosine" else by_clip < by_face
    chosen[name] = share_interval(clip_wins.astype(float), choices["group_clip"])
chosen = pd.Series(chosen)
caption = plots.plot_detectors(
    chosen,
    searches,
    f"Own clip with another's face, before own face in another's clip, {dataset}",
    measure="share of choices",
)
for name in ("ResNet-18, cosine", "face ViT, cosine"):
    lesson.record(
        f"own clip chosen before own face: {name}",
        chosen[name].value,
        dataset=dataset,
        edition=clips.edition,
        compression=compression,
        split="all",
        metric="share of choices",
        interval=(chosen[name].low, chosen[name].high),
        groups=chosen[name].groups,
        model=name,
        weights=str(resnet.origin if name.startswith("ResNet") else recogniser.origin),
    )

# %% [markdown]
# **Question 707 · person-or-clip** (6 points, read by a person, about 20 minutes)
#
# (a) By what do the searches find the same clip, then: by the face, or by the rest? Name the bar of your figure that says so,
# and what one half would have meant. (b) For tracing a manipulated picture to its source this may be welcome, for finding
# all pictures of a person it is a shortcut. Explain both. (c) In which collection of real pictures would the shortcut make a
# search for *people* look good in a test, and fail in use? (d) What would you change in the pictures, or in the test, so that
# it cannot be taken?

# %% [markdown] question="person-or-clip" tags=["answer"]
# **Answer 707 · person-or-clip**
#
# <!-- BEGIN SOLUTION -->
# (a) Near 1: by hair, head, clothes, light and framing, whoever's face is in the middle. One half would mean that both count
# alike (or, for the guesses, neither). Near 0 it would be the face. (b) The source of a swap shares with it all but the face,
# so that a search by the rest finds it. Somebody who looks for a person wants the face in any surroundings, and gets the
# clip's surroundings with any face. (c) Where all pictures of a person are from one event, album or video and others are not
# in it: frames of interviews, a celebrity's photographs of one evening. (d) Crop or cover all but the face; take the relevant
# pictures from other clips or days than the query's, and leave those of the same clip out; or put pictures of other people in
# the same surroundings into the pool.
# <!-- END SOLUTION -->

# %% [markdown]
# ## 6 · A large pool, and any picture
#
# A million pictures have 358 GB of Harris features and 2 GB of ResNet's. They lie on disk and are read block by block; yet the
# ten most alike can be found *exactly*. What has to be remembered from one block to the next?
#
# **Question 708 · top-k** (10 points, marked by checks, about 30 minutes)
#
# Write `top_k(query, blocks, k)`: `query` has D numbers; `blocks` gives arrays m x D, one after the other, of any m, and only
# once. Return `(rows, distances)`: the k rows with the smallest squared Euclidean distances from the query, the nearest
# first, and these distances. Rows are counted from 0 through all blocks; of equals, the first comes first. Never hold much
# more than one block and the k best: neither all blocks, nor all distances.
#
# A tiny input: query (0), blocks [(3), (1)] and [(2), (1), (5)], k = 3. The rows are 1, 3, 2, the distances 1, 1, 4.
#
# <details><summary>Hint 1: the idea</summary>
#
# Whoever is not among the best k of what has been seen so far never will be.
#
# </details>
# <details><summary>Hint 2: the shape</summary>
#
# Put the best so far *before* the block's own distances, sort with a stable sort, and keep the first k.
#
# </details>


# %% question="top-k" tags=["answer"]
# Question 708 · top-k
def top_k(query, blocks, k):
    """Return (rows, distances) of the k nearest in all blocks, the nearest first."""
    ### BEGIN SOLUTION
    rows, best, start = np.empty(0, dtype=int), np.empty(0), 0
    for block in blocks:
        distances = np.square(block - query).sum(axis=1)
        best = np.concatenate([best, distances])
        rows = np.concatenate([rows, start + np.arange(len(block))])
        order = np.argsort(best, kind="stable")[:k]
        rows, best = rows[order], best[order]
        start += len(block)
    return rows, best
    ### END SOLUTION


# %%
def check_top_k(candidate):
    """The tiny example, random blocks against a full sort, and memory."""
    found = candidate(
        np.array([0.0]), iter([np.array([[3.0], [1.0]]), np.array([[2.0], [1.0], [5.0]])]), 3
    )
    rows, distances = (np.asarray(part).tolist() for part in found)
    assert rows == [1, 3, 2], f"expected the rows [1, 3, 2], found {rows}"
    assert np.allclose(distances, [1, 1, 4]), f"expected the distances [1, 1, 4], found {distances}"
    random = np.random.default_rng(0)
    everything, query = random.normal(size=(50, 3)), random.normal(size=3)
    expected = np.argsort(np.square(everything - query).sum(axis=1), kind="stable")[:10]
    rows = np.asarray(candidate(query, iter(np.split(everything, [4, 30, 47])), 10)[0])
    assert rows.tolist() == expected.tolist(), (
        f"blocks of 4, 26, 17 and 3 rows: a full sort finds {expected.tolist()}, you {rows.tolist()}"
    )
    tracemalloc.start()
    candidate(np.zeros(2), (np.full((200, 2), float(number)) for number in range(300)), 5)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 240_000, (
        f"{most / 1024:.0f} KB were held for blocks of 3 KB: are all blocks kept, or all distances?"
    )


def course_top_k(query, blocks, k):
    """Return the library's, of each block with the best so far."""
    kept, rows, start = np.empty((0, len(query))), np.empty(0, dtype=int), 0
    distances = np.empty(0)
    for block in blocks:
        together = np.concatenate([kept, block])
        found = search(query[None], together, min(k, len(together)), measure="euclidean")
        order, distances = found.rows[0], found.scores[0]
        rows = np.concatenate([rows, start + np.arange(len(block))])[order]
        kept, start = together[order], start + len(block)
    return rows, distances


top_k = lesson.go_on_with("top-k", top_k, check_top_k, course_top_k)

# %% [markdown]
# Your function on Harris features that lie on disk, in blocks of 50 pictures, against the library's search, which reads the
# file in parts of 64 MB, too. Then any picture you like: set the parameter `picture` to its path.

# %%
file = lesson.folder / "harris.npy"
np.save(file, harris)
on_disk = np.load(file, mmap_mode="r")
asked_file = Path(picture) if picture else pool_files[queries[0]]
vector = harris_features([asked_file])[0]
blocks = (np.asarray(on_disk[start : start + 50]) for start in range(0, len(on_disk), 50))
rows, distances = top_k(vector, blocks, 10)
library = search(vector[None], on_disk, 10, measure="euclidean")
print(f"{file.stat().st_size / 2**20:.0f} MB on disk")
print(
    f"the same ten rows as the library's: {np.asarray(rows).tolist() == library.rows[0].tolist()}"
)
print(f"the nearest at a squared distance of {distances[0]:.3g}")

# %% [markdown]
# The nearest is at distance zero if the picture is in the pool: this search was not told to leave it out. The library's
# `find_similar` does so by the file's place. Below, the ten most like the picture by each kind of feature.

# %%
rankings = {}
known = pool["target"][queries[0]] if picture is None else None
for name in ("Harris", "ResNet-18", "face ViT"):
    extractor = extractors(zoom)[name]
    found = find_similar(asked_file, pool, photographs.root, features[name], extractor)
    rankings[f"{name}, cosine"] = [
        (open_rgb(photographs.root / row.path), row.target == known) for row in found.itertuples()
    ]
caption = plots.plot_rankings(
    open_rgb(asked_file), rankings, f"Most like {asked_file.name}", "same person, where it is known"
)

# %% [markdown]
# ## Recap
#
# - Retrieval is features, a measure and a sort; what the features keep decides what "similar" means.
# - Cosine and squared distance order alike where all vectors have one length; else the short ones are near to everybody.
# - Precision@k looks at the first places, average precision at all; both need somebody to say what is relevant.
# - A search may find the right clip and never look at the face.
# - The best k of a pool of any size can be found exactly, with the memory of a block.
#
# Next: finding the heads in a picture, and a data set of nothing but heads.
