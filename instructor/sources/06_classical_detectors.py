# ---
# jupyter:
#   course:
#     title: Classical detectors
#     question: What do detectors without a network find, and how would we know that it is anything?
#     chapter: Govi et al. 2022, section 5.2
#     minutes: 1
#     hours: 4
#     needs: []
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 06 · Classical detectors
#
# **The lesson in one sentence.** What a detector can find is decided by what its features keep of a picture, and an
# accuracy says nothing before it stands beside that of an answer that looks at nothing.
#
# The figure that will show it is a list of detectors, each with its AUROC and interval: two published ones, one of 64
# numbers that takes a minute to write, and two controls.
#
# | | |
# |---|---|
# | machine | under a minute |
# | you | about four hours |
# | needs | nothing |
#
# Before networks learnt their own features, people chose them. Govi, Poppi and Marinelli, who later turn to Xception
# (notebook 09), begin so: SIFT keypoints, a *codebook* of visual words, and a support vector machine or a random forest
# on how often each word occurs. Labels are used by the last step alone, and a laptop does it all.

# %% tags=["parameters"]
dataset = "rendered_fakes"  # "rendered_merged" is of the kind that the report made
training_pictures = None  # how many are learnt from, at most; None is all
words = 256  # of the codebook
costs = [0.2, 0.5, 1, 1.5, 2, 2.5, 3]  # C of the support vector machine
kernels = ["rbf", "linear", "poly"]  # rbf is the Gaussian one
trees = [10, 20, 50, 100, 200, 500, 1000]  # of the random forest
seed = 0

# %%
from itertools import product

import cv2
import numpy as np
import pandas as pd
from joblib import Parallel, delayed, parallel_config
from PIL import Image
from scipy.spatial.distance import cdist
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, PredefinedSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from course_utils import plots
from course_utils.data.cues import radial_power, radial_spectrum, read_cues
from course_utils.data.pictures import open_prepared
from course_utils.data.prepare import load_dataset
from course_utils.data.splits import SPLITS
from course_utils.intervals import accuracy_interval, auroc_interval, compare
from course_utils.keypoints import KEYPOINTS, Codebook, describe_keypoints, sift_descriptors
from course_utils.lesson import Lesson
from course_utils.plots.choices import Choice
from course_utils.predictions import predictions_table, write_predictions
from course_utils.robustness import CLEAN, JPEG, RESIZE, robustness

lesson = Lesson("06_classical_detectors")

# %% [markdown]
# ## 1 · The answer that looks at nothing
#
# Before any detector, the one that it must beat: always give the same answer.

# %%
prepared = load_dataset(dataset)
parts = {split: prepared.split(split) for split in SPLITS}
if training_pictures is not None:  # a support vector machine's time grows with their square
    count = min(training_pictures, len(parts["train"]))
    parts["train"] = parts["train"].sample(count, random_state=seed).sort_index()
samples = pd.concat(parts.values(), ignore_index=True)
labels = samples["label"].to_numpy()
rows = {split: np.flatnonzero(samples["split"] == split) for split in SPLITS}
test = samples.iloc[rows["test"]]
caption = plots.plot_class_balance(samples)

# %% [markdown]
# **Question 601 · constant-answer** (5 points, marked by checks, about 10 minutes)
#
# Write `constant_answer(train_labels, labels)`. Both are sequences of 0 (real) and 1 (fake). The answer is the class
# that is more frequent in `train_labels`, because the test set chooses nothing; of equals, real. Return the accuracy on
# `labels`, 0 to 1, of giving that answer to every picture.
#
# A tiny input: trained on `[1, 1, 0]` it always says fake, and on `[1, 0, 0, 0]` its accuracy is 0.25.
#
# <details><summary>Hint 1: the idea</summary>
#
# Two steps: which class (from the first argument alone), then which share of the second argument is that class.
#
# </details>
# <details><summary>Hint 2: the shape</summary>
#
# `np.mean(train_labels)` is the share of fakes.
#
# </details>

# %% [markdown]
# ### Your helpers
# Functions and imports that several of your answers use go into this cell.

# %% tags=["helpers"]
# your helpers


# %% question="constant-answer" tags=["answer"]
# Question 601 · constant-answer
def constant_answer(train_labels, labels):
    """Return the accuracy (0 to 1) on labels of always giving the class most frequent in train_labels."""
    ### BEGIN SOLUTION
    answer = int(np.mean(train_labels) > 0.5)
    return float(np.mean(np.asarray(labels) == answer))
    ### END SOLUTION


# %%
def check_constant_answer(candidate):
    """The class comes from train, the accuracy from the other labels; of equals, real."""
    found = candidate([1, 1, 0], [1, 0, 0, 0])
    assert found != 0.75, "the answer was chosen on the labels it is tested on; choose it on train"
    assert found == 0.25, f"train [1, 1, 0], test [1, 0, 0, 0]: expected 0.25, found {found}"
    assert candidate([0, 0, 1], [0, 0, 1, 1, 1]) == 0.4, (
        "train [0, 0, 1] always says real; of [0, 0, 1, 1, 1] that is right for 0.4"
    )
    found = candidate([0, 1], [0, 0, 0, 1])
    assert found == 0.75, (
        f"train [0, 1] has as many of each: the answer is real; expected 0.75, found {found}"
    )


def course_constant_answer(train_labels, labels):
    """Return the same from a count of the classes."""
    most_frequent = np.bincount(train_labels, minlength=2).argmax()
    return float((np.asarray(labels) == most_frequent).mean())


constant_answer = lesson.go_on_with(
    "constant-answer", constant_answer, check_constant_answer, course_constant_answer
)
constant = {split: constant_answer(labels[rows["train"]], labels[rows[split]]) for split in SPLITS}
print(", ".join(f"{split} {accuracy:.3f}" for split, accuracy in constant.items()))

# %% [markdown]
# The report gives test accuracies of 0.6756 (support vector machine) and 0.5843 (random forest), "better than
# randomness, but not good". It does not say how many of its test pictures are fake. But its table 2 says, of networks
# on the same set, accuracy and recall, that is which share of the reals and of the fakes was called right:
#
# | row of table 2 | accuracy | recall of reals | recall of fakes |
# |---|---|---|---|
# | 1 | .85 | .72 | .92 |
# | 9 | .896 | .71 | .99 |
#
# **Question 602 · published-accuracy** (5 points, read by a person, about 15 minutes)
#
# (a) From each of the two rows: which share of the report's test set is fake? (b) What accuracy does the constant answer
# have there? (c) What do .6756 and .5843 say then, and which number, not given in the report, would you ask the authors
# for to know whether their detectors found anything?

# %% [markdown] question="published-accuracy" tags=["answer"]
# **Answer 602 · published-accuracy**
#
# <!-- BEGIN SOLUTION -->
# (a) Accuracy is the mean of the two recalls, weighted by the classes: a = (1 - p) r + p f, so p = (a - r) / (f - r).
# Row 1: (.85 - .72) / (.92 - .72) = .65. Row 9: (.896 - .71) / (.99 - .71) = .66. About two thirds are fake. (b) Always
# "fake" is right for about two thirds, .65 to .67. (c) .6756 is what the constant answer gets, give or take a rounding,
# and .5843 is less; "better than randomness" holds against a coin, not against an answer that looks at nothing. Neither
# number shows that anything was found, nor that nothing was: the forest may rank pictures well and sit at a bad
# threshold. The AUROC with an interval would tell, or the recall of each class.
# <!-- END SOLUTION -->

# %% [markdown]
# ## 2 · Keypoints
#
# SIFT (Lowe 2004) finds places that differ from their surroundings at some scale: blobs and corners, as the extremes of
# differences of Gaussians. Each is described by the directions of the gradients around it, 4 x 4 histograms of 8
# directions, 128 numbers, turned with the keypoint, stretched with its scale, and divided by their length. It was made to
# find the *same object* again in another light, from farther away, through another camera. Keep that in mind.
#
# Below, the strongest keypoints of some test pictures: a circle's radius is the scale, its stroke the direction. Where on
# a face do they lie? Which part of a forged face has none?


# %%
def with_keypoints(path, enlarged=384):
    """Return a picture, enlarged to this width, with its keypoints drawn in."""
    picture = np.asarray(open_prepared(prepared.root / path))
    found = cv2.SIFT_create(nfeatures=KEYPOINTS).detect(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY))
    times = enlarged / picture.shape[1]
    for point in found:
        point.pt, point.size = (times * point.pt[0], times * point.pt[1]), times * point.size
    large = cv2.resize(picture, None, fx=times, fy=times, interpolation=cv2.INTER_CUBIC)
    rich = cv2.DRAW_MATCHES_FLAGS_DRAW_RICH_KEYPOINTS
    return cv2.drawKeypoints(large, found, None, (255, 220, 0), rich), len(found)


shown = test.groupby("label").head(4).sort_values("label", kind="stable")
drawn, counts = zip(*map(with_keypoints, shown["path"]), strict=True)
titles = [
    f"{('real', 'fake')[label]}, {count} keypoints"
    for label, count in zip(shown["label"], counts, strict=True)
]
caption = plots.sample_grid(drawn, titles, columns=4)

# %% [markdown]
# Now those of all pictures. They are computed side by side and kept in the cache: the second run of this cell reads them.

# %%
descriptors = sift_descriptors(samples, prepared.root, progress=False)
keypoints = np.array([len(found) for found in descriptors])
for label, name in enumerate(("real", "fake")):
    of_class = keypoints[labels == label]
    print(
        f"{name}: {of_class.mean():.0f} keypoints a picture (at most {KEYPOINTS}), {(of_class == 0).sum()} of"
        f" {len(of_class):,} pictures without any"
    )

# %% [markdown]
# ## 3 · Words
#
# A classifier wants as many numbers from each picture, and in one order; keypoints come in any number and in none. Csurka
# et al. (2004) took the way out from text: name each descriptor after the nearest of 256 typical ones, the *visual
# words*, and count words. What is lost in this step, apart from the fine differences between descriptors?
#
# **Question 603 · word-histogram** (8 points, marked by checks, about 20 minutes)
#
# Write `word_histogram(descriptors, words)`: `descriptors` is k x d (uint8, as SIFT's are kept), `words` is w x d. Return
# w numbers: which share of the picture's keypoints has each word as its nearest, by Euclidean distance. They sum to 1,
# whatever k is. Of a picture without a keypoint (k = 0) all are 0.
#
# A tiny input: descriptors `[[0, 0], [1, 0], [9, 9]]` and words `[[0, 1], [10, 10], [200, 200]]` give `[2/3, 1/3, 0]`.
#
# <details><summary>Hint 1: the idea</summary>
#
# All distances, k x w; the smallest of each row; then count. A word that nobody is nearest to has a place too.
#
# </details>
# <details><summary>Hint 2: the shape</summary>
#
# `cdist(descriptors, words)` is k x w. `np.bincount(…, minlength=…)`. Beware of arithmetic in uint8: 200 + 100 is 44.
#
# </details>


# %% question="word-histogram" tags=["answer"]
# Question 603 · word-histogram
def word_histogram(descriptors, words):
    """Return the share of the keypoints (k x d) whose nearest word it is, for each word (w x d): w numbers."""
    ### BEGIN SOLUTION
    nearest = cdist(descriptors, words).argmin(axis=1)
    counts = np.bincount(nearest, minlength=len(words))
    return counts / max(counts.sum(), 1)
    ### END SOLUTION


# %%
def check_word_histogram(candidate):
    """The tiny example, numbers over 127 in uint8, and a picture without a keypoint."""
    some = np.array([[0, 0], [1, 0], [9, 9]], dtype=np.uint8)
    three = np.array([[0, 1], [10, 10], [200, 200]], dtype=np.float32)
    found = np.asarray(candidate(some, three), dtype=float)
    assert found.shape == (3,), (
        f"expected three numbers, one a word, also for the word that nobody is nearest to; found {found}"
    )
    assert not np.allclose(found, [2, 1, 0]), (
        "these are counts; expected shares of the keypoints, which sum to 1"
    )
    assert np.allclose(found, [2 / 3, 1 / 3, 0]), f"expected [2/3, 1/3, 0], found {found}"
    found = np.asarray(candidate(np.array([[250, 250]], dtype=np.uint8), three), dtype=float)
    assert np.allclose(found, [0, 0, 1]), (
        f"[250, 250] is nearest to [200, 200]; found {found}. Was it squared in uint8?"
    )
    found = np.asarray(candidate(np.empty((0, 2), np.uint8), three), dtype=float)
    assert np.array_equal(found, [0, 0, 0]), f"no keypoint: expected zeros, found {found}"


def course_word_histogram(descriptors, words):
    """Return the same one keypoint at a time."""
    histogram = np.zeros(len(words))
    for one in descriptors.astype(float):
        histogram[((words - one) ** 2).sum(axis=1).argmin()] += 1 / len(descriptors)
    return histogram


word_histogram = lesson.go_on_with(
    "word-histogram", word_histogram, check_word_histogram, course_word_histogram
)

# %% [markdown]
# Which 256? The centres that k-means finds among descriptors. It never sees a label. May it see the test pictures, then?
# A codebook that was fitted on them has kept words free for what occurs in them alone, so a test picture is described
# better than any picture of tomorrow will be. It is a part of the detector, and like all others learns from train.
#
# **Question 604 · codebook** (7 points, marked by checks, about 15 minutes)
#
# Write `fit_codebook(samples, descriptors, words, seed)`: `samples` is a table with a column `split`, whose row labels
# (its index) may be anything; `descriptors` is a list, in the order of the table's rows, of k x d arrays. Return
# `Codebook(words, seed)`, fitted on the descriptors of all pictures of train and of no others.
#
# A tiny input: of three pictures in the splits test, train, val, the second alone is used. `Codebook` is an estimator as
# those of scikit-learn: `fit` takes a list of arrays, and returns the codebook.
#
# <details><summary>Hint 1: the idea</summary>
#
# Choose from the list those whose row says "train". The list goes by position; does a row's label?
#
# </details>
# <details><summary>Hint 2: the shape</summary>
#
# `zip(descriptors, samples["split"], strict=True)`
#
# </details>


# %% question="codebook" tags=["answer"]
# Question 604 · codebook
def fit_codebook(samples, descriptors, words, seed):
    """Return a codebook of so many words, fitted on the descriptors of the train pictures alone."""
    ### BEGIN SOLUTION
    of_splits = zip(descriptors, samples["split"], strict=True)
    train = [found for found, split in of_splits if split == "train"]
    return Codebook(words, seed).fit(train)
    ### END SOLUTION


# %%
def check_fit_codebook(candidate):
    """Two words in train; what stands in other splits is far away."""
    splits = pd.DataFrame({"split": ["test", "train", "val", "train"]}, index=[1, 0, 3, 2])
    places = [[200, 200], [10, 10], [200, 10], [10, 90]]
    some = [np.array([place] * 3, dtype=np.uint8) for place in places]
    found = np.sort(candidate(splits, some, 2, 0).words_, axis=0)
    assert found.shape == (2, 2), f"expected two words of two numbers, found {found.shape}"
    assert np.allclose(found, [[10, 10], [10, 90]], atol=1), (
        f"train holds descriptors at [10, 10] and [10, 90] only, so these are the words; found {found.tolist()}."
        " Was a picture of another split used, or one of train left out?"
    )
    assert candidate(splits, some, 1, 7).seed == 7, (
        "the codebook should have the seed that was given"
    )


def course_fit_codebook(samples, descriptors, words, seed):
    """Return the same, by position."""
    chosen = np.flatnonzero(samples["split"] == "train")
    return Codebook(words, seed).fit([descriptors[place] for place in chosen])


fit_codebook = lesson.go_on_with("codebook", fit_codebook, check_fit_codebook, course_fit_codebook)
codebook = fit_codebook(samples, descriptors, words, seed)
histograms = codebook.transform(descriptors)
by_hand = np.stack([word_histogram(found, codebook.words_) for found in descriptors[:20]])
print(
    f"{words} words from {keypoints[rows['train']].sum():,} descriptors; largest difference of your histograms"
    f" from the library's: {np.abs(by_hand - histograms[:20]).max():.1e}"
)

# %% [markdown]
# The codebook is fitted once. In a pipeline whose C is searched, k-means would run again for every C, for the same words.
#
# In the figure, words stand in the order of how frequent they are in train. Does any word belong to fakes? The most
# different of 256 differs by chance alone: in the lower panel, look for words that leave the grey band by far.

# %%
train_labels, train_histograms = labels[rows["train"]], histograms[rows["train"]]
by_frequency = train_histograms.mean(axis=0).argsort()[::-1]
caption = plots.plot_by_class(
    100 * train_histograms[:, by_frequency],
    train_labels,
    np.arange(1, words + 1),
    title=f"Visual words in {dataset} train",
    along="word, by frequency",
    quantity="share of a picture's keypoints (%)",
)

# %% [markdown]
# ## 4 · Choose on validation
#
# A support vector machine draws the widest border between the classes; C is the price of a training picture on the wrong
# side of it, and the kernel says which borders there are. Both are choices, and validation makes them.
#
# **Question 605 · choose-svm** (8 points, marked by checks, about 25 minutes)
#
# Write `choose_svm(train, validation, kernels, costs)`: `train` and `validation` are pairs `(histograms, labels)`. Fit
# `SVC(kernel=…, C=…)`, all else as scikit-learn has it, for each kernel and each C. Return `(kernel, C, accuracies)`:
# `accuracies` has a row a kernel and a column a C, and holds the accuracy on validation, 0 to 1; `kernel` and `C` are
# those of the highest, and of equals the first, row by row.
#
# A tiny input: with two kernels and three C, `accuracies` is 2 x 3; if it is `[[.5, .6, .7], [.4, .7, .7]]`, the first
# kernel and the third C are chosen.
#
# The fits do not depend on one another, so `joblib`'s `Parallel(n_jobs=-1, prefer="threads")` can do them side by side:
# scikit-learn's solver leaves the interpreter's lock while it works.
#
# <details><summary>Hint 1: the idea</summary>
#
# `SVC(…).fit(*train).score(*validation)` is one number of the table.
#
# </details>
# <details><summary>Hint 2: the shape</summary>
#
# `product(kernels, costs)` goes row by row; `np.argmax` finds the first of equals; `np.unravel_index` tells its row and
# column.
#
# </details>


# %% question="choose-svm" tags=["answer"]
# Question 605 · choose-svm
def choose_svm(train, validation, kernels, costs):
    """Return the kernel and C of the highest accuracy on validation, and all accuracies (kernels x costs)."""

    ### BEGIN SOLUTION
    def accuracy(kernel, cost):
        return SVC(kernel=kernel, C=cost).fit(*train).score(*validation)

    grid = Parallel(n_jobs=-1, prefer="threads")(
        delayed(accuracy)(kernel, cost) for kernel, cost in product(kernels, costs)
    )
    accuracies = np.reshape(grid, (len(kernels), len(costs)))
    row, column = np.unravel_index(accuracies.argmax(), accuracies.shape)
    return kernels[row], costs[column], accuracies
    ### END SOLUTION


# %%
def search(model, grid, train, validation):
    """Return scikit-learn's search over a grid that fits on train and scores on validation, all else untouched."""
    held_out = PredefinedSplit(np.repeat([-1, 0], [len(train[1]), len(validation[1])]))
    both = [np.concatenate(pair) for pair in zip(train, validation, strict=True)]
    with parallel_config("threading", n_jobs=-1):
        return GridSearchCV(model, grid, scoring="accuracy", cv=held_out, refit=False).fit(*both)


def course_choose_svm(train, validation, kernels, costs):
    """Return the same from scikit-learn's search."""
    found = search(SVC(), {"kernel": kernels, "C": costs}, train, validation).cv_results_
    table = pd.DataFrame(found["params"]).assign(accuracy=found["mean_test_score"])
    accuracies = table.pivot(index="kernel", columns="C", values="accuracy").loc[kernels, costs]
    row, column = np.unravel_index(accuracies.to_numpy().argmax(), accuracies.shape)
    return kernels[row], costs[column], accuracies.to_numpy()


def check_choose_svm(candidate):
    """The table of a small problem, its best entry, and the first of equals."""
    generator = np.random.default_rng(0)
    features, classes = generator.normal(size=(90, 3)), np.tile([0, 1], 45)
    features[:, 0] += 0.8 * classes
    train, validation = (features[:50], classes[:50]), (features[50:], classes[50:])
    some_kernels, some_costs = ["linear", "rbf"], [0.01, 0.1, 10]
    kernel, cost, found = candidate(train, validation, some_kernels, some_costs)
    expected = course_choose_svm(train, validation, some_kernels, some_costs)
    found = np.asarray(found, dtype=float)
    assert found.shape == (2, 3), (
        f"two kernels and three C: expected accuracies 2 x 3, found {found.shape}"
    )
    assert np.allclose(found, expected[2]), (
        f"expected the accuracies {expected[2].round(3).tolist()}, found {found.round(3).tolist()}. Is each fitted"
        " on train alone, and scored on validation?"
    )
    assert (kernel, cost) == expected[:2], f"expected {expected[:2]}, found {(kernel, cost)}"
    easy = (np.array([[0.0], [1.0]]), np.array([0, 1]))
    kernel, cost, _ = candidate(easy, easy, ["rbf", "linear"], [1, 10])
    assert (kernel, cost) == ("rbf", 1), (
        f"all four are equally good: expected the first, ('rbf', 1); found {(kernel, cost)}"
    )


choose_svm = lesson.go_on_with("choose-svm", choose_svm, check_choose_svm, course_choose_svm)
halves = [(histograms[rows[split]], labels[rows[split]]) for split in ("train", "val")]
kernel, cost, svm_accuracies = choose_svm(*halves, kernels, costs)
svm = SVC(kernel=kernel, C=cost).fit(*halves[0])

# %% [markdown]
# A random forest is a vote of decision trees, each grown on another draw of the training pictures. Its number of trees is
# chosen on validation too. (One forest grows through all numbers: a tree that stands is not grown again.)

# %%
forest = RandomForestClassifier(warm_start=True, n_jobs=-1, random_state=seed)
forest_accuracies = [
    forest.set_params(n_estimators=n).fit(*halves[0]).score(*halves[1]) for n in trees
]
chosen_trees = trees[int(np.argmax(forest_accuracies))]
forest = RandomForestClassifier(chosen_trees, n_jobs=-1, random_state=seed).fit(*halves[0])


def predictions(model, features, name, split="test"):
    """Return the predictions table of a classifier; a support vector machine has distances, no probabilities."""
    part = features[rows[split]]
    if isinstance(model, SVC):
        scores, kind = model.decision_function(part), "anomaly"
    else:
        scores, kind = model.predict_proba(part)[:, 1], "probability"
    table = samples.iloc[rows[split]]
    return predictions_table(table, scores, model=name, run=lesson.profile, score_kind=kind)


def threshold_of(table):
    """Return the score from which a classifier answers "fake": a distance of 0, or a probability above 0.5."""
    above_half = float(
        np.nextafter(0.5, 1)
    )  # at 0.5 itself, votes of trees being equal, it answers "real"
    return above_half if (table["score_kind"] == "probability").all() else 0.0


def accuracy_of(table):
    """Return the accuracy of a classifier's answers, with its interval."""
    return accuracy_interval(table, threshold_of(table))


choices = {
    "support vector machine": Choice(
        pd.DataFrame(svm_accuracies.T, pd.Index(costs, name="C"), kernels),
        kernel,
        cost,
        accuracy_of(predictions(svm, histograms, "SVM", "val")),
    ),
    "random forest": Choice(
        pd.DataFrame({"forest": forest_accuracies}, pd.Index(trees, name="trees")),
        "forest",
        chosen_trees,
        accuracy_of(predictions(forest, histograms, "forest", "val")),
    ),
}

# %% [markdown]
# The two curves of the report's figure 5. The report reads from its own that "SVM seems to prefer little values of C" and
# that "after 500 the classifier does not improve". Before you agree: the grey band is the interval of the chosen setting,
# over the groups of validation. Which settings lie outside it?

# %%
caption = plots.plot_choices(choices, constant["val"])

# %% [markdown]
# ## 5 · The test
#
# Once, with what validation chose. Accuracy first, beside the constant answer; then the ROC curves, which do not depend
# on a threshold.

# %%
tables = {
    "words + SVM": predictions(svm, histograms, "SVM"),
    "words + forest": predictions(forest, histograms, "random forest"),
}


def report(name, published=None):
    """Print accuracy and AUROC with intervals, and keep them for the report."""
    table = tables[name]
    accuracy, auroc = accuracy_of(table), auroc_interval(table)
    called = (table["score"] >= threshold_of(table)).mean()
    print(f"{name}: accuracy {accuracy}, AUROC {auroc}; {called:.0%} called fake")
    for metric, interval in (("accuracy", accuracy), ("auroc", auroc)):
        lesson.record(
            f"{name}, {metric}",
            interval.value,
            published=published if metric == "accuracy" else None,
            dataset=dataset,
            edition=prepared.edition,
            split="test",
            metric=metric,
            interval=(interval.low, interval.high),
            groups=interval.groups,
            model=name,
            weights="from scratch",
            seed=seed,
        )
    write_predictions(lesson.folder / f"{name.replace(' + ', '_')}.parquet", table)


report("words + SVM", "govi_svm_test_accuracy")
report("words + forest", "govi_random_forest_test_accuracy")
print(f"constant answer: accuracy {constant['test']:.3f}, AUROC 0.5")

# %% [markdown]
# Which curve leaves the diagonal, and at which end: among the surest fakes, or among the surest reals?

# %%
caption = plots.plot_roc(tables)

# %% [markdown]
# **Question 606 · little-better** (8 points, read by a person, about 25 minutes)
#
# (a) Does either detector beat the constant answer on your test set: by accuracy, by AUROC? Use the intervals. (b) In the
# curves on validation: how many settings can be told from the chosen one? Compare the accuracy of the chosen setting on
# validation with that on test, and say why the first would be too high even if all settings were equally good. (c) Give
# two reasons, from how SIFT and the histogram are made, why words may miss a forgery. (d) The report tried several kernels
# and found the Gaussian one best. In scikit-learn its width adapts to how spread the histograms are; the linear kernel has
# nothing that adapts. A histogram's 256 numbers are about 1/256 each. Was the comparison fair to the linear one?

# %% [markdown] question="little-better" tags=["answer"]
# **Answer 606 · little-better**
#
# <!-- BEGIN SOLUTION -->
# (a) Read from the lines above: an accuracy beats the constant answer if its whole interval lies above that number; an
# AUROC shows something if its interval excludes 0.5. With unequal classes the two may disagree: a detector that calls
# everything fake has the constant answer's accuracy, whatever its ranking. (b) Those whose points lie outside the band,
# often none: the order of the settings then is chance, and so is "prefers small C". The chosen one is the highest of
# twenty-one (machine) or seven (forest) numbers that vary by chance, so its own chance is likely to have been good; on test
# it is drawn anew. (c) SIFT was made to find the same object again whatever the light, the scale and the camera:
# descriptors are divided by their length, taken at the scale of a blob and of smoothed gradients, so fine noise, slight
# blur and the pattern of upsampling, which betray fakes, are what it ignores. It looks at some dozens of places and not
# between them, and a swapped face has eyes and mouth like any other. The codebook rounds to 256 words, and the histogram
# forgets where they stood, so a seam counts as any edge. (d) No. With numbers near 1/256 the products that a linear kernel
# compares differ in the fourth decimal, and with C up to 3 it is held back so strongly that C hardly changes anything: a
# flat line. A larger C or standardised histograms would have to be tried before the kernels are compared.
# <!-- END SOLUTION -->

# %% [markdown]
# ## 6 · Sixty-four numbers
#
# A feature for forgeries would keep what SIFT throws away: how much *fine* structure a picture has, anywhere, whatever it
# shows. The Fourier transform takes a picture apart into waves. Forget the direction of the waves and keep the power at
# each number of waves a picture: Durall et al. (CVPR 2020) found that upsampling, which most generators end with, leaves
# too much or too little of the fastest ones.
#
# **Question 607 · radial-power** (9 points, marked by checks, about 30 minutes)
#
# Write `power_by_frequency(square)`: `square` is n x n, grey. The power of a wave is $|F|^2$ of the two-dimensional
# Fourier transform, unnormalised as numpy has it. A wave with u waves down and v across ($-n/2 \le u, v < n/2$, or
# thereabouts where n is odd) belongs to the ring $\sqrt{u^2 + v^2}$, rounded to the nearest whole number. Return the mean
# power in the rings 1, 2, … n // 2: n // 2 numbers. Ring 0, the mean brightness, is left out, and so are the corners
# beyond n // 2.
#
# A tiny input: a square of 8 x 8 whose rows are all 1, 0, -1, 0, 1, 0, -1, 0 is one wave with v = 2 and v = -2. Each of the
# two has |F| = 32, and ring 2 has 12 waves, so the result is [0, 2 · 32² / 12, 0, 0] = [0, 170.67, 0, 0].
#
# <details><summary>Hint 1: the idea</summary>
#
# Two arrays n x n: the power, and the number of each wave's ring. Then a mean by ring.
#
# </details>
# <details><summary>Hint 2: the shape</summary>
#
# `np.fft.fftfreq(n, 1 / n)` gives u in the order in which `np.fft.fft2` has its rows. `np.bincount(ring, weights)` sums by
# ring, `np.bincount(ring)` counts.
#
# </details>


# %% question="radial-power" tags=["answer"]
# Question 607 · radial-power
def power_by_frequency(square):
    """Return the mean power of a square (n x n) in the rings 1, 2, … n // 2: n // 2 numbers."""
    ### BEGIN SOLUTION
    side = len(square)
    power = np.abs(np.fft.fft2(square)) ** 2
    waves = np.fft.fftfreq(side, 1 / side)
    ring = np.hypot(waves[:, None], waves[None, :]).round().astype(int)
    mean = np.bincount(ring.ravel(), power.ravel()) / np.bincount(ring.ravel())
    return mean[1 : side // 2 + 1]
    ### END SOLUTION


# %%
def check_power_by_frequency(candidate):
    """The tiny example, the same turned by 90 degrees, and noise against the library's."""
    wave = np.tile([1.0, 0.0, -1.0, 0.0], (8, 2))
    expected = [0, 2 * 32**2 / 12, 0, 0]
    for square, what in ((wave, "a wave across"), (wave.T, "the same wave down")):
        found = np.asarray(candidate(square), dtype=float)
        assert found.shape == (4,), (
            f"8 x 8: expected the four rings 1 to 4, found {found.shape[0]} numbers"
        )
        assert not np.isclose(found[1], 2 * 32**2), (
            f"{what}: this is the sum over the ring; expected the mean"
        )
        assert not np.isclose(found[1], 2 * 32 / 12), (
            f"{what}: this is the mean of |F|; expected that of |F|²"
        )
        assert np.allclose(found, expected), (
            f"{what}: expected {np.round(expected, 2).tolist()}, found {found.round(2).tolist()}"
        )
    noise = np.random.default_rng(0).normal(size=(15, 15))
    assert np.allclose(candidate(noise), radial_power(noise)), (
        "noise of 15 x 15: the numbers differ. Are rings rounded to the nearest whole number, not down?"
    )


power_by_frequency = lesson.go_on_with(
    "radial-power", power_by_frequency, check_power_by_frequency, radial_power
)

# %% [markdown]
# Your function on the middle of every training picture, in decibels: ten times the logarithm, so that 3 dB are twice the
# power. Where do the classes differ, by the lower panel: in the coarse waves, which are the face, or in the fine ones?
# Neighbouring waves vary together, so a long stretch on one side of zero is one finding, not many.

# %%
cues = read_cues(samples, prepared.root, progress=False)
side = min(256, int(cues["resolution"].min()))


def grey_middle(path):
    """Return the middle square of a picture, side x side, in grey."""
    grey = np.asarray(open_prepared(prepared.root / path).convert("L"), dtype=float)
    top, left = ((length - side) // 2 for length in grey.shape)
    return grey[top : top + side, left : left + side]


power = np.stack([power_by_frequency(grey_middle(path)) for path in samples["path"][rows["train"]]])
caption = plots.plot_by_class(
    10 * np.log10(power + 1),
    train_labels,
    np.arange(1, side // 2 + 1) / side,
    title=f"Power by frequency in {dataset} train",
    along="waves a pixel",
    quantity="mean power of a ring (dB)",
)

# %% [markdown]
# The library's `radial_spectrum` is yours on the middle 256 pixels, in logarithms, read off at 64 places, so that pictures
# of every size give as many numbers. On these a logistic regression, a straight border in 64 dimensions, in a pipeline that
# standardises first; how strongly it is held back is chosen on validation.
#
# Two controls, a logistic regression each: the *size of the file* in bytes, and the *number of keypoints*. What would it
# mean if one of them did as well?

# %%
features = {
    "spectrum": cues["spectrum"],
    "file size": cues["file size"],
    "number of keypoints": np.log1p(keypoints)[:, None],
}
strengths = [0.001, 0.01, 0.1, 1, 10]
for name, numbers in features.items():
    halves = [(numbers[rows[split]], labels[rows[split]]) for split in ("train", "val")]
    regression = make_pipeline(StandardScaler(), LogisticRegression(max_iter=5000))
    found = search(regression, {"logisticregression__C": strengths}, *halves)
    regression.set_params(**found.best_params_).fit(*halves[0])
    print(f"{name}: C {found.best_params_['logisticregression__C']}")
    tables[name] = predictions(regression, numbers, name)
    if name == "spectrum":
        spectrum = regression
report("spectrum")

# %% [markdown]
# All on one test set. First find the dashed line at 0.5, then the controls, then compare the spectrum with the words. Two
# intervals that overlap decide nothing; below the figure stand the paired comparisons, which do.

# %%
kinds = {name: "published" if name.startswith("words") else "control" for name in tables}
kinds["spectrum"] = "64 numbers"
caption = plots.plot_detectors(
    pd.Series({name: auroc_interval(table) for name, table in tables.items()}),
    kinds,
    f"Classical detectors on {dataset}",
)
for other in ("words + SVM", "words + forest", "file size", "number of keypoints"):
    print(compare(tables["spectrum"], tables[other]))

# %% [markdown]
# ## 7 · What survives
#
# Pictures are passed on: saved again, made smaller. Both detectors are asked again, about the same test pictures after
# JPEG compression, and after being made smaller and enlarged again. Before you look: which of the two was *made* to bear
# this, and which waves does a picture lose that is halved?


# %%
def described(path, corruption, severity):
    """Return descriptors and spectrum of a picture after it was degraded."""
    picture = np.asarray(open_prepared(prepared.root / path))
    degraded = corruption.degrade(picture, severity, None)
    grey = np.asarray(Image.fromarray(degraded).convert("L"))
    return describe_keypoints(grey), radial_spectrum(grey.astype(np.float32))


words_then_svm = make_pipeline(codebook, svm)
degraded_tables = []
for corruption in (CLEAN, JPEG.at(90, 50), RESIZE.at(75, 50)):
    for severity in corruption.severities:
        found = Parallel(n_jobs=-1, prefer="threads")(
            delayed(described)(path, corruption, severity) for path in test["path"]
        )
        some_descriptors, spectra = zip(*found, strict=True)
        scores = {
            "words + SVM": words_then_svm.decision_function(some_descriptors),
            "spectrum": spectrum.decision_function(np.stack(spectra)),
        }
        for name, score in scores.items():
            table = predictions_table(
                test, score, model=name, run=lesson.profile, score_kind="anomaly"
            )
            degraded_tables.append(
                table.assign(corruption=corruption.name, unit=corruption.unit, severity=severity)
            )
curves = robustness(pd.concat(degraded_tables, ignore_index=True), thresholds=0.0)
caption = plots.plot_robustness(curves)

# %% [markdown]
# **Question 608 · what-it-says** (10 points, read by a person, about 35 minutes)
#
# (a) Is the spectrum better than the words on your test set, by the paired comparison? (b) Do the controls do as well, and
# what would follow? (c) Which detector keeps what it knows when pictures are compressed, and which when they are halved?
# Explain both from the features; where a detector knew nothing, say that there was nothing to lose. (d) On drawn pictures
# both classes come from one program and were saved once; photographs come from many cameras and were saved many times. Say
# what that does to a spectrum, and which outcome on photographs you expect; `dataset="assignment_fakes"` shows it where
# they are at hand. (e) A colleague has trained a network for a week and reports an AUROC of 0.70 on your test set. What do
# you ask?

# %% [markdown] question="what-it-says" tags=["answer"]
# **Answer 608 · what-it-says**
#
# <!-- BEGIN SOLUTION -->
# (a) Only if the interval of the difference excludes 0; the line says so. If it does, 64 numbers without any notion of a
# face beat 256 that describe eyes and mouths: what betrays these fakes is texture, not shape. If it does not, this set
# gives no order, and "beats" must not be written. (b) If file size did as well, the spectrum may be measuring sharpness or
# how the files were saved, which is a property of the collection rather than of forgery; if the number of keypoints did,
# so may the words. If neither does, these two shortcuts are not the explanation; others remain. (c) Compression at quality 50
# removes little of the middle frequencies and the same from both classes; halving removes all above a quarter wave a pixel,
# which is where upsampling and blending show, so a spectrum that relied on these falls towards 0.5. SIFT is made to find
# and match a keypoint again after either, so one would expect the words to hold. But the smallest keypoints, which are the
# most, go with the fast waves: words that had learnt from fine structure lose it too, and the figure tells which of the two
# it was. What stood near 0.5 had nothing to lose. (d)
# Each camera, each resizing and each compression has a spectrum of its own, so that the spread within a class grows and the
# forgery's trace drowns in it; a classifier may then learn the history of files. I expect less of the spectrum on
# photographs, and no clear order. (e) The AUROC of 64 numbers and of the controls on the same test set, the paired
# comparison with the network, the interval over groups, what is left after halving the pictures, and whether train and test
# share people.
# <!-- END SOLUTION -->

# %% [markdown]
# ## Recap
#
# - The constant answer's accuracy stands beside every accuracy; where classes are unequal it is high.
# - A codebook is a part of the detector and learns from train alone; it is fitted once, not once a setting.
# - The best of many settings on validation is too good by the luck of the choice; a band tells how many are not told apart.
# - SIFT keeps what makes an object the same in another photograph; a spectrum keeps how much fine structure there is. What
#   features throw away, no classifier finds, and what passing a picture on takes away, no feature.
# - A detector has found something when it beats the cheapest one and the controls, by a paired comparison.
#
# Next: find pictures that are like a given one.
