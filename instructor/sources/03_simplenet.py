# ---
# jupyter:
#   course:
#     title: SimpleNet on fakes and on synthetic faces
#     question: When does a small network detect fakes, how would we know, and how sure may we be?
#     chapter: assignment, chapters 3.2 to 3.5
#     minutes: 2
#     hours: 4
#     needs: []
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 03 · SimpleNet on fakes and on synthetic faces
#
# **The lesson in one sentence.** The same small network meets two kinds of fake; whether it has learnt anything
# is not told by its accuracy alone, but by the accuracy beside chance, with an interval.
#
# The figure that will show it is the ROC curve of each detector over the band in which a guesser would fall.
#
# | | |
# |---|---|
# | machine | two minutes |
# | you | about four hours |
# | needs | nothing from other notebooks |

# %% tags=["parameters"]
fakes = "rendered_fakes"  # forged faces: parts of one face put into another picture
synthetic = "rendered_synthetic"  # whole faces that came out of a generative model
image_size = 256  # pixels, side of the pictures
epochs = 5
batch_size = 32
learning_rate = 0.001  # of Adam
seed = 0

# %%
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader

from course_utils import paths, plots
from course_utils.data.datasets import PictureDataset, train_transform
from course_utils.data.prepare import load_dataset
from course_utils.history import best_epoch
from course_utils.intervals import accuracy_interval, auroc_interval
from course_utils.lesson import Lesson
from course_utils.models.simplenet import SimpleNet
from course_utils.predictions import predictions_table, write_predictions
from course_utils.training import ClassificationTrainer

lesson = Lesson("03_simplenet")

# %% [markdown]
# ## 1 · The network
#
# SimpleNet is three convolutions with 7 x 7 kernels and no padding, each followed by ReLU and by taking the
# largest of every 2 x 2, then three fully connected layers: flattened → 1024 → 256 → 2. At 256² a picture
# becomes 24 maps of 26 x 26, so the first fully connected layer alone has $16\,224 \times 1024 + 1024$ weights.
# What share of all parameters is that? Work it out, then run the cell.

# %%
model = SimpleNet(image_size)
parameters = sum(parameter.numel() for parameter in model.parameters())
linear = [layer for layer in model.modules() if isinstance(layer, nn.Linear)]
share = sum(parameter.numel() for parameter in linear[0].parameters()) / parameters
print(
    f"{image_size}²: {parameters:,} parameters, {100 * share:.0f} % of them in the first linear layer"
)
print(f"256²: {sum(parameter.numel() for parameter in SimpleNet(256).parameters()):,} parameters")

# %% [markdown]
# ## 2 · Train it on composites
#
# **Question 5 · training-parts** (5 points, marked by checks, about 15 minutes)
#
# Write `training_parts(model, learning_rate)`, which returns `(optimizer, criterion)`: Adam over all
# parameters of the model with this learning rate, and the loss for two classes that takes *logits* and integer
# labels.
#
# A tiny input: for `nn.Linear(4, 2)` and 0.01, the optimizer holds 10 numbers (8 weights and 2 biases), and the
# criterion gives 0.6931 for the logits `[[3.0, 3.0]]` and the label `[1]`.
#
# <details><summary>Hint 1: the idea</summary>
#
# `torch.optim` has the optimizer, `torch.nn` the loss. Is there a softmax in the network? Then where must it be?
#
# </details>
# <details><summary>Hint 2: the shape</summary>
#
# `return torch.optim.…(model.parameters(), lr=…), nn.…()`
#
# </details>

# %% [markdown]
# ### Your helpers
# Functions and imports that several of your answers use go into this cell.

# %% tags=["helpers"]
# your helpers


# %% question="training-parts" tags=["answer"]
# Question 5 · training-parts
def training_parts(model, learning_rate):
    """Return (optimizer, criterion) for training a classifier with two logits."""
    ### BEGIN SOLUTION
    return torch.optim.Adam(model.parameters(), lr=learning_rate), nn.CrossEntropyLoss()
    ### END SOLUTION


# %%
def check_training_parts(candidate):
    """Kind of optimizer, its parameters, its learning rate; a loss that takes logits."""
    layer = nn.Linear(4, 2)
    optimizer, criterion = candidate(layer, 0.01)
    assert isinstance(optimizer, torch.optim.Adam), (
        f"expected torch.optim.Adam, found {type(optimizer).__name__}"
    )
    assert optimizer.defaults["lr"] == 0.01, (
        f"the learning rate should be 0.01, found {optimizer.defaults['lr']}"
    )
    held = sum(p.numel() for group in optimizer.param_groups for p in group["params"])
    assert held == 10, f"the optimizer should hold all 10 numbers of the layer, found {held}"
    loss = criterion(torch.tensor([[3.0, 3.0]]), torch.tensor([1])).item()
    assert abs(loss - 0.6931) < 1e-3, (
        f"equal logits cost ln 2 = 0.6931, whatever their size; found {loss:.4f}"
    )


def course_training_parts(model, learning_rate):
    """Return what the library's trainer uses."""
    return torch.optim.Adam(model.parameters(), lr=learning_rate), nn.functional.cross_entropy


training_parts = lesson.go_on_with(
    "training-parts", training_parts, check_training_parts, course_training_parts
)

# %% [markdown]
# The library's trainer takes the optimizer by name, so that it can be written into the history and be made again
# after an interruption. Yours says which:

# %%
optimizer, criterion = training_parts(SimpleNet(image_size), learning_rate)
optimizer_choice = {
    "name": type(optimizer).__name__,
    "params": {"lr": optimizer.param_groups[0]["lr"]},
}


def train_simplenet(dataset_name):
    """Train SimpleNet on a data set; return the trainer, its history, and the test set."""
    prepared = load_dataset(dataset_name)
    train, validation, test = (
        PictureDataset(prepared.split(split), prepared.root, image_size)
        for split in ("train", "val", "test")
    )
    train.transform = train_transform(image_size)
    torch.manual_seed(seed)  # of the first weights; the trainer's own seed governs all that follows
    trainer = ClassificationTrainer(
        SimpleNet(image_size),
        train,
        validation,
        test,
        folder=lesson.folder / dataset_name,
        name="simplenet",
        dataset_name=dataset_name,
        epochs=epochs,
        batch_size=batch_size,
        optimizer=optimizer_choice,
        seed=seed,
    )
    return trainer, trainer.fit(), test


fakes_trainer, fakes_run, fakes_test = train_simplenet(fakes)

# %% [markdown]
# ## 3 · Read the curves
#
# Before you look: with a wrong label for every second picture, what would the training loss do, and what the
# validation loss? In the figure, look first at the distance between training and validation, then at the line
# at $\ln 2$, the loss of always answering one half.

# %%
caption = plots.plot_history([fakes_run])

# %% [markdown]
# **Question 6 · plausible** (3 points, read by a person, about 5 minutes)
#
# Do these numbers make sense as the outcome of training? Name one number in the figure that would have told you
# that something is broken, and what it would have had to be.

# %% [markdown] question="plausible" tags=["answer"]
# **Answer 6 · plausible**
#
# <!-- BEGIN SOLUTION -->
# They do if the first training loss is near ln 2 = 0.693, which is what an untrained network with two classes
# costs, and if training loss falls from there. A first training loss far below ln 2 (0.02, say) would show a
# wrong average; a training loss that stays at ln 2 to three digits while accuracy stays at the share of the larger
# class would show that nothing is learnt; a validation accuracy below the share of the larger class in every epoch
# would suggest swapped labels.
# <!-- END SOLUTION -->

# %% [markdown]
# **Question 7 · curves** (6 points, read by a person, about 15 minutes)
#
# Describe the four curves you see: (a) does training learn, (b) does validation follow, and from which epoch on not
# any more, (c) what would you change first: more epochs, more data, or a smaller network? Give the reason from
# the figure. Both outcomes can earn all points: what counts is that the reading fits *your* curves.

# %% [markdown] question="curves" tags=["answer"]
# **Answer 7 · curves**
#
# <!-- BEGIN SOLUTION -->
# Training loss below ln 2 and falling means that the network fits its training pictures. If validation loss turns
# upwards while training loss goes on falling, the network remembers pictures rather than learning what fakes have in
# common: millions of weights (17 at 256², 2.7 at 128²) against some hundreds of pictures make that easy. Then more data
# comes first, or augmentation, or fewer weights; more epochs would widen the gap. If instead both curves are still at ln 2,
# nothing was learnt yet, and the learning rate or the number of epochs comes first. The published run saw the former: a
# steady rise in training and a jump of the validation loss in the third epoch.
# <!-- END SOLUTION -->

# %% [markdown]
# **Question 8 · best-epoch** (5 points, marked by checks, about 15 minutes)
#
# Which accuracy may be reported as "the" test accuracy? Not the highest of all epochs: choosing by the test set
# makes the test a part of training. Write `best_epoch_accuracies(history)`: `history` is a dictionary as in
# `history.json`, with the lists `val_acc` and `test_acc`. Return `(epoch, validation accuracy, test accuracy)` of
# the epoch whose *validation* accuracy is highest, counted from 1; of equals, the earliest.
#
# A tiny input: `{"val_acc": [60.0, 80.0, 80.0], "test_acc": [90.0, 70.0, 75.0]}` gives `(2, 80.0, 70.0)`.
#
# <details><summary>Hint 1: the idea</summary>
#
# Find the position of the largest validation accuracy; look up both lists there.
#
# </details>
# <details><summary>Hint 2: the shape</summary>
#
# `list.index(max(list))` finds the first of equals.
#
# </details>


# %% question="best-epoch" tags=["answer"]
# Question 8 · best-epoch
def best_epoch_accuracies(history):
    """Return (epoch counted from 1, validation accuracy, test accuracy) of the best epoch by validation."""
    ### BEGIN SOLUTION
    best = history["val_acc"].index(max(history["val_acc"]))
    return best + 1, history["val_acc"][best], history["test_acc"][best]
    ### END SOLUTION


# %%
def check_best_epoch(candidate):
    """The test set chooses nothing; of equals, the earliest."""
    found = tuple(candidate({"val_acc": [60.0, 80.0, 80.0], "test_acc": [90.0, 70.0, 75.0]}))
    assert found != (1, 60.0, 90.0), "this is the epoch that is best on the test set"
    assert found == (2, 80.0, 70.0), f"expected (2, 80.0, 70.0), found {found}"


def course_best_epoch_accuracies(history):
    """Return the same from the library's `best_epoch`."""
    from course_utils.history import Run

    run = Run.model_validate(history)
    epoch = best_epoch(run)
    return epoch, run.val_acc[epoch - 1], run.test_acc[epoch - 1]


best_epoch_accuracies = lesson.go_on_with(
    "best-epoch", best_epoch_accuracies, check_best_epoch, course_best_epoch_accuracies
)
epoch, validation_accuracy, test_accuracy = best_epoch_accuracies(fakes_run.model_dump())
print(
    f"{fakes}: best epoch {epoch}, validation {validation_accuracy:.1f} %, test {test_accuracy:.1f} %"
)

# %% [markdown]
# **Question 9 · proportion** (3 points, marked by checks, about 10 minutes)
#
# Accuracy means nothing without the proportion of the classes. Write `fakes_per_real(dataset)`, which returns how
# many fakes a dataset holds for each real picture, as a float. `dataset[i]` is `(picture, label)`.
#
# A tiny input: `[(None, 0), (None, 0), (None, 1)]` gives 0.5.
#
# <details><summary>Hint 1: the idea</summary>
#
# The label of item `i` is `dataset[i][1]`. Count both kinds.
#
# </details>
# <details><summary>Hint 2: the shape</summary>
#
# `labels = [int(dataset[i][1]) for i in range(len(dataset))]`
#
# </details>


# %% question="proportion" tags=["answer"]
# Question 9 · proportion
def fakes_per_real(dataset):
    """Return the number of fakes over the number of real pictures."""
    ### BEGIN SOLUTION
    labels = [int(dataset[i][1]) for i in range(len(dataset))]
    return labels.count(1) / labels.count(0)
    ### END SOLUTION


# %%
def check_proportion(candidate):
    """Fakes over reals, not the share of fakes."""
    found = candidate([(None, 0), (None, 0), (None, 1)])
    assert found != 1 / 3, (
        "this is the share of fakes among all; asked was fakes for each real picture"
    )
    assert found == 0.5, f"expected 0.5, found {found}"


def course_fakes_per_real(dataset):
    """Return the same from the library's array of labels."""
    return float((dataset.labels == 1).sum() / (dataset.labels == 0).sum())


fakes_per_real = lesson.go_on_with(
    "proportion", fakes_per_real, check_proportion, course_fakes_per_real
)
print(f"{fakes}, test set: {fakes_per_real(fakes_test):.2f} fakes for each real picture")

# %% [markdown]
# ## 4 · From logits to scores, and every threshold at once
#
# A network gives two logits. To turn them into the two *soft scores* "real" and "fake", which lie between 0
# and 1 and sum to 1, one function is missing. Accuracy then looks at one threshold, one half. The ROC curve looks
# at all.
#
# **Question 10 · soft-scores** (8 points, marked by checks, about 20 minutes)
#
# Write `get_soft_scores_and_true_labels(dataset, model)`. It returns three lists (or arrays) of the length of the
# dataset, in its order: the score of "real" of every item, the score of "fake", and the true labels.
# The scores are probabilities; the model is in evaluation mode, and no gradients are recorded.
#
# A tiny input: a model that answers the logits (0, 0) for both of two items gives `[0.5, 0.5]`, `[0.5, 0.5]`
# and the two labels.
#
# <details><summary>Hint 1: the idea</summary>
#
# Softmax over the two logits; the first column is "real", the second "fake". Do not shuffle.
#
# </details>
# <details><summary>Hint 2: the shape</summary>
#
# ```python
# for inputs, labels in DataLoader(dataset, batch_size=...):
#     scores = torch.softmax(model(inputs.to(device)), dim=1)
# ```
#
# </details>


# %% question="soft-scores" tags=["answer"]
# Question 10 · soft-scores
def get_soft_scores_and_true_labels(dataset, model):
    """Return the scores of "real", the scores of "fake" and the true labels, in the order of the dataset."""
    ### BEGIN SOLUTION
    device = next(model.parameters()).device
    model.eval()
    real_scores, fake_scores, true_labels = [], [], []
    with torch.no_grad():
        for inputs, labels in DataLoader(dataset, batch_size=32):
            scores = torch.softmax(model(inputs.to(device)), dim=1)
            real_scores += scores[:, 0].tolist()
            fake_scores += scores[:, 1].tolist()
            true_labels += labels.tolist()
    return real_scores, fake_scores, true_labels
    ### END SOLUTION


# %%
def check_soft_scores(candidate):
    """Probabilities, in order, from a model in evaluation mode."""
    model = nn.Sequential(nn.Dropout(0.9), nn.Linear(1, 2, bias=False))
    model[1].weight.data = torch.tensor([[0.0], [1.0]])
    items = [
        (torch.tensor([x]), label) for x, label in [(0.0, 0), (np.log(3.0), 1), (-np.log(3.0), 0)]
    ]
    items = [(x.float(), label) for x, label in items]
    model.train()
    real, fake, labels = (np.asarray(one, dtype=float).ravel() for one in candidate(items, model))
    assert len(real) == len(fake) == len(labels) == 3, (
        "each of the three should have one entry an item"
    )
    assert np.allclose(real + fake, 1, atol=1e-5), (
        f"the two scores of an item should sum to 1; found {(real + fake).tolist()}. Are these logits?"
    )
    assert labels.tolist() == [0, 1, 0], (
        f"expected the labels [0, 1, 0] in the dataset's order, found {labels.tolist()}"
    )
    expected = [0.5, 0.75, 0.25]
    assert np.allclose(fake, expected, atol=1e-4), (
        f"expected the fake scores {expected}, found {fake.round(3).tolist()}."
        " Is the model in evaluation mode?"
    )


def course_soft_scores(dataset, model):
    """Return the same from the library's trainer, which predicts with the best epoch's weights."""
    trainer = next(one for one in (fakes_trainer, *synthetic_trainers) if one.model is model)
    fake_scores = trainer.predict(dataset)
    return 1 - fake_scores, fake_scores, dataset.labels


synthetic_trainers = []
get_soft_scores_and_true_labels = lesson.go_on_with(
    "soft-scores", get_soft_scores_and_true_labels, check_soft_scores, course_soft_scores
)

# %% [markdown]
# Scores go into a table, one row a picture, and everything below is computed from the table alone.


# %%
def in_float(dataset):
    """Return the dataset with the transform that makes single pictures ready for the model."""
    return PictureDataset(dataset.samples, dataset.root, image_size, dataset.batch_transform)


def predictions(dataset_name, trainer, test):
    """Score the test set with the student's function and keep the table."""
    ready = test if get_soft_scores_and_true_labels is course_soft_scores else in_float(test)
    _, fake_scores, _ = get_soft_scores_and_true_labels(ready, trainer.model)
    table = predictions_table(
        test.samples, np.asarray(fake_scores), model="simplenet", run=lesson.profile
    )
    write_predictions(lesson.folder / f"{dataset_name}.parquet", table)
    return table


fakes_table = predictions(fakes, fakes_trainer, fakes_test)
fakes_table[["path", "label", "score"]].head(3)

# %% [markdown]
# Two histograms, one a class. A good detector keeps them apart. Where would you put the threshold, and what would
# each mistake cost somebody?

# %%
caption = plots.plot_score_histogram(fakes_table, threshold=0.5)

# %% [markdown]
# Now the ROC curve by the score "fake", and again by the score "real", with "fake" as the positive class both times.
# Before you look: how will the second curve lie to the first?

# %%
caption = plots.plot_roc_both_directions(fakes_table)

# %% [markdown]
# The DET curve shows both errors, missed fakes against false alarms, on axes that stretch the small rates. Nearer to
# the lower left corner is better. Read off: if one real picture in ten may be called fake, how many fakes are missed?

# %%
caption = plots.plot_det({"SimpleNet": fakes_table})

# %% [markdown]
# **Question 11 · roc-and-det** (8 points, read by a person, about 25 minutes)
#
# (a) Explain why the two AUROCs of your figure sum to 1. (b) A published answer to this question reads: the AUROC of
# the score "real" is 0.080, so "the classifier, when using the first score, is almost ineffective at detecting fakes,
# as it would perform only slightly better than random guessing". Correct it: what does 0.080 say, and which number
# would say "random"? (c) From *your* DET curve: at 10 % false alarms, which share of fakes is missed, and is that
# better than guessing?

# %% [markdown] question="roc-and-det" tags=["answer"]
# **Answer 11 · roc-and-det**
#
# <!-- BEGIN SOLUTION -->
# (a) AUROC is the probability that a random fake gets a higher score than a random real picture. The score "real" is
# one minus the score "fake", which turns every comparison round, so its AUROC is one minus the other: each curve is
# the other turned about the centre of the square. (b) 0.080 is as far from random as 0.920 is: the same scores, read
# the wrong way round. A classifier that knows nothing has 0.5. The score "real" detects *real* pictures with AUROC
# 0.920; nothing is ineffective but the choice of sign. (c) Read at 10 % on the horizontal axis; a guesser misses 90 %
# there, so any smaller share is better than guessing, as far as its interval allows.
# <!-- END SOLUTION -->

# %% [markdown]
# ## 5 · How sure?
#
# Another hundred or thousand test pictures would have given another number. The interval says by how much, by
# drawing the test groups again and again. And what would a guesser have got on this very test set? The band in the
# figure holds 95 % of guessers; a curve inside it has shown nothing.

# %%
caption = plots.plot_random_classifier(fakes_table)


# %%
def report(name, dataset_name, table, published):
    """Print accuracy and AUROC with intervals, and keep them for the report."""
    accuracy, auroc = accuracy_interval(table, threshold=0.5), auroc_interval(table)
    print(f"{name}: accuracy {accuracy}, AUROC {auroc}")
    prepared = load_dataset(dataset_name)
    for metric, interval in (("accuracy", accuracy), ("auroc", auroc)):
        lesson.record(
            f"{name}, {metric}",
            interval.value,
            published=published.get(metric),
            dataset=dataset_name,
            edition=prepared.edition,
            split="test",
            metric=metric,
            interval=(interval.low, interval.high),
            groups=table["group"].nunique(),
            model="simplenet",
            weights="from scratch",
            precision=fakes_run.precision,
            seed=fakes_run.seed,
        )


published = {
    "accuracy": "curtis_simplenet_fakes_test_accuracy",
    "auroc": "curtis_simplenet_fakes_auroc",
}
report("SimpleNet on composites", fakes, fakes_table, published)

# %% [markdown]
# ## 6 · The other kind of fake
#
# **Question 12 · prediction** (3 points, read by a person, about 5 minutes)
#
# The next cell trains the same network, in the same way, on faces that a generative model drew whole. Write down
# *before you run it* what test accuracy you expect, from what a 7 x 7 kernel can see in such a picture, and why.
# A wrong prediction with a reason earns all points.

# %% [markdown] question="prediction" tags=["answer"]
# **Answer 12 · prediction**
#
# <!-- BEGIN SOLUTION -->
# A generated face has no seam and no second skin tone, so what betrays composites is missing. What is left is fine:
# the spectrum that upsampling leaves, odd ears, hair and backgrounds. Small kernels could see the former, but with
# some hundreds of pictures and millions of weights I expect the network to stay near 50 %.
# <!-- END SOLUTION -->

# %%
synthetic_trainer, synthetic_run, synthetic_test = train_simplenet(synthetic)
synthetic_trainers.append(synthetic_trainer)
caption = plots.plot_history([synthetic_run])

# %% [markdown]
# **Question 13 · synthetic-curves** (5 points, read by a person, about 10 minutes)
#
# Describe these curves as in question 7. Where do they lie with respect to the line at $\ln 2$? What differs from the
# composites: the training curve, or only validation and test?

# %% [markdown] question="synthetic-curves" tags=["answer"]
# **Answer 13 · synthetic-curves**
#
# <!-- BEGIN SOLUTION -->
# If all three losses stay at ln 2 and accuracy moves about 50 %, the network answers one half everywhere: even its own
# training pictures are not learnt, so this is a failure to fit, not overfitting, and more data would not help before
# the optimisation works. If the training loss falls and validation stays, it is the other failure: pictures are
# remembered. In the published run all three were flat at ln 2.
# <!-- END SOLUTION -->

# %%
synthetic_table = predictions(synthetic, synthetic_trainer, synthetic_test)
epoch, validation_accuracy, test_accuracy = best_epoch_accuracies(synthetic_run.model_dump())
print(
    f"{synthetic}: best epoch {epoch}, validation {validation_accuracy:.1f} %, test {test_accuracy:.1f} %"
)
published = {"accuracy": "curtis_simplenet_synthetic_test_accuracy"}
report("SimpleNet on synthetic faces", synthetic, synthetic_table, published)

# %% [markdown]
# **Question 14 · best-on-synthetic** (3 points, read by a person, about 10 minutes)
#
# Report validation and test accuracy at the best epoch, and the 95 % interval of the test accuracy. Does the interval
# contain the accuracy of a guesser?

# %% [markdown] question="best-on-synthetic" tags=["answer"]
# **Answer 14 · best-on-synthetic**
#
# <!-- BEGIN SOLUTION -->
# The three numbers stand in the output above. The classes are nearly equal in number, so a guesser has 50 %; if the
# interval contains 0.50, this test set cannot tell the detector from a guesser. (The published run reports 0.50 and
# 0.49, without an interval.)
# <!-- END SOLUTION -->

# %%
print(f"{synthetic}, test set: {fakes_per_real(synthetic_test):.2f} fakes for each real picture")

# %% [markdown]
# **Question 15 · synthetic-proportion** (2 points, read by a person, about 5 minutes)
#
# What is the proportion of the classes in this test set, and what does it make of an accuracy of 50 %? What would the
# same accuracy mean on the assignment's test set of composites, with 700 fakes and 1400 real pictures?

# %% [markdown] question="synthetic-proportion" tags=["answer"]
# **Answer 15 · synthetic-proportion**
#
# <!-- BEGIN SOLUTION -->
# There is about one fake for each real picture, so 50 % is what guessing, or always giving the same answer, achieves.
# With two real pictures for each fake, always answering "real" is right for 67 %, so 50 % would be worse than the
# answer that looks at nothing.
# <!-- END SOLUTION -->

# %% [markdown]
# In the next figure, the band again: is this curve inside it?

# %%
caption = plots.plot_random_classifier(synthetic_table)

# %% [markdown]
# **Question 16 · random-classifier** (5 points, read by a person, about 15 minutes)
#
# (a) What is a random classifier, and which accuracy, ROC curve and AUROC does it have? (b) On a test set of *your*
# size, how far from 0.5 may its AUROC come by chance (read the band)? (c) Is your detector of synthetic faces
# distinguishable from one, on the evidence of this run?

# %% [markdown] question="random-classifier" tags=["answer"]
# **Answer 16 · random-classifier**
#
# <!-- BEGIN SOLUTION -->
# (a) Its score does not depend on the picture. With equal classes its accuracy is 50 %, its ROC curve the diagonal, its
# AUROC 0.5, each up to the luck of a finite test set. (b) The band's legend says between which AUROCs 95 % of guessers
# fall; with about a hundred pictures that is roughly 0.38 to 0.62. (c) If the curve leaves the band and the interval of
# AUROC excludes 0.5, it is; if not, this run gives no evidence, which is not the same as evidence that it has learnt
# nothing.
# <!-- END SOLUTION -->

# %% [markdown]
# ## 7 · What decides whether SimpleNet learns?
#
# Look at some of the pictures first. Could *you* tell them apart?

# %%
chosen = [i for label in (0, 1) for i in np.flatnonzero(synthetic_test.labels == label)[:6]]
words = ["real", "synthetic"]
titles = [
    f"{words[synthetic_test.labels[i]]}, score {synthetic_table['score'][i]:.2f}" for i in chosen
]
caption = plots.sample_grid([synthetic_test[i][0] for i in chosen], titles)

# %% [markdown]
# One run cannot tell the network from the way it was trained. The figure below therefore comes from longer runs of
# ours, kept with the course as numbers: SimpleNet on synthetic faces, each row with *one* thing changed, each dot
# another seed. Before you look, order the changes by how much you expect them to matter: centring the pixel values
# on zero, a ten times larger learning rate, a ten times smaller one, a quarter of the pictures, four times as many
# epochs, half the image size. Then look at which rows stand on the dashed line, and at how far the seeds of one row
# lie apart. These runs are on photographs and StyleGAN's faces at 256²; the star is this run, on its own pictures and at
# its own size, and compares with no row.

# %%
reference = paths.read_reference("03_what_decides")
print(f"{reference['dataset']} · {reference['device']} · {reference['date']}")
caption = plots.plot_seeds(
    {variant["name"]: variant["test_auroc"] for variant in reference["variants"]},
    title="SimpleNet on synthetic faces, one thing changed",
    quantity="test AUROC",
    chance=0.5,
    here=auroc_interval(synthetic_table).value,
)

# %% [markdown]
# **Question 17 · does-it-make-sense** (6 points, read by a person, about 20 minutes)
#
# (a) You have looked at the pictures: does it make sense that SimpleNet scores as it did in your run? (b) The
# published run has 0.50 and concludes that the network is too simple for synthetic faces. From the reference runs:
# is it the *network*, or the way it was trained? Name the comparison that decides it, and say what it cannot decide.
# (c) One thing that such a detector could be using that has nothing to do with how the faces were made, and how you
# would test for it.

# %% [markdown] question="does-it-make-sense" tags=["answer"]
# **Answer 17 · does-it-make-sense**
#
# <!-- BEGIN SOLUTION -->
# (a) To the eye many of the synthetic faces are hard to tell, and some are easy (backgrounds, ears, teeth), so 50 % is
# less than a person achieves. (b) The same network on the same pictures is above chance in the first row, and stands
# on the dashed line when the learning rate is ten times larger, and in two of three seeds when the pixels are not
# centred: so it is not too simple.
# A training that never started looks exactly like a network that cannot. What the rows cannot decide is why the
# published run stood at 0.50, since its pictures and preprocessing were others; and the seeds of one row lie so far
# apart that a single run, either way, proves little. (c) Framing, background or sharpness of the two collections, or
# JPEG history if the files were not re-encoded alike. Test by covering the face, or with a linear model on a 16 x 16
# thumbnail: if that alone beats chance, the collection gives the classes away.
# <!-- END SOLUTION -->

# %% [markdown]
# ## Recap
#
# - The epoch is chosen on validation, and the test set is read once, at that epoch.
# - AUROC 0.08 and 0.92 are the same detector; 0.5 is the one that knows nothing.
# - An accuracy needs the proportion of the classes beside it and an interval around it.
# - "The network cannot" and "this training did not" look the same in one curve.
#
# Next: a much larger network, pretrained, and what that changes.
