# ---
# jupyter:
#   course:
#     title: Write an abstract trainer
#     question: When is a training curve the truth about a model, and when is it an artefact of the loop that drew it?
#     chapter: assignment, chapter 3.1
#     minutes: 1
#     hours: 3
#     needs: []
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 02 · Write an abstract trainer
#
# **The lesson in one sentence.** A training loop is twenty lines, and most mistakes in it do not crash: they
# draw a curve that looks like a property of the model.
#
# The figure that will show it is four pairs of curves: one loop is right, and three have one mistake each. You will
# say which is which.
#
# | | |
# |---|---|
# | machine | under a minute |
# | you | about three hours |
# | needs | nothing from other notebooks |

# %% tags=["parameters"]
dataset = "rendered_fakes"  # any name that `course data list` shows
image_size = 64  # pixels, side of the pictures
pictures = 400  # training pictures that are used
epochs = 5  # passes over them
batch_size = 32
learning_rate = 0.001
seed = 0

# %%
import inspect
import json

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from torchvision.transforms import v2

from course_utils import paths, plots
from course_utils.data.datasets import PictureDataset, train_transform
from course_utils.data.prepare import load_dataset
from course_utils.history import read_history
from course_utils.lesson import Lesson
from course_utils.models.simplenet import SimpleNet
from course_utils.training import ClassificationTrainer, Trainer as LibraryTrainer

lesson = Lesson("02_write_an_abstract_trainer")

# %% [markdown]
# ## 1 · What an average is an average of
#
# Five samples have the losses 1, 1, 1, 1 and 6. A loader with batches of two hands them out as (1, 1), (1, 1)
# and (6). Two people report "the average loss":
#
# | | how | value |
# |---|---|---|
# | over samples | $(1 + 1 + 1 + 1 + 6) / 5$ | 2.0 |
# | over batches | $(1 + 1 + 6) / 3$ | 2.67 |
#
# Same model, same data, and the second number depends on the batch size. A third person adds the three batch
# means and divides by the number of *samples*: $8 / 5 = 1.6$. With batches of 32, that last habit turns the
# loss of a coin, $\ln 2 = 0.693$, into 0.0217, which looks like excellent learning. It is in several public
# solutions of this very exercise.
#
# So: what do you have to multiply a batch's mean loss by, before you add it to the sum?

# %%
losses = torch.tensor([1.0, 1.0, 1.0, 1.0, 6.0])
batch_means = torch.stack([batch.mean() for batch in losses.split(2)])
print("batch means:               ", batch_means.tolist())
print("mean over samples:         ", losses.mean().item())
print("mean of batch means:       ", round(batch_means.mean().item(), 2))
print("sum of means over samples: ", batch_means.sum().item() / len(losses))


# %% [markdown]
# ## 2 · Exercise: the abstract trainer
#
# A trainer owns a model, an optimizer, a criterion and three datasets. What it does with them is the same for
# every model of this course. The part that only stores things is given:


# %%
class TrainerSetup:
    """Holds what training needs; the two methods that do something are yours."""

    def __init__(
        self,
        model,
        optimizer,
        criterion,
        batch_size,
        train_dataset,
        validation_dataset,
        test_dataset,
    ):
        self.model = model
        self.optimizer = optimizer
        self.criterion = criterion
        self.batch_size = batch_size
        self.train_dataset = train_dataset
        self.validation_dataset = validation_dataset
        self.test_dataset = test_dataset
        self.device = next(model.parameters()).device


# %% [markdown]
# **Question 3 · train-one-epoch** (15 points, marked by checks, about 35 minutes)
#
# Write `train_one_epoch(self)`. A method is a function whose first argument is the object, so you may write it
# as a function here; a cell below puts it into the class.
#
# - One pass over `self.train_dataset` in shuffled batches of `self.batch_size`, each followed by one step of
#   `self.optimizer`, on `self.device`.
# - Return `(average loss a sample, accuracy in percent)` of this pass, as plain numbers. `self.criterion`
#   returns a batch's *mean* loss.
# - Layers such as dropout behave differently while training: put the model into the right mode.
#
# A tiny input: a `nn.Linear(1, 2)` whose weights are all zero, five samples, labels `0 0 0 1 1`, batches of
# two, a learning rate of 0. The logits are always equal, so the average loss is $\ln 2 = 0.6931$, and since
# `argmax` takes the first of equals, the accuracy is 60.0.
#
# <details><summary>Hint 1: the idea</summary>
#
# For each batch: forget old gradients, predict, loss, gradients, step. Beside it keep three sums: of losses, of
# correct answers, of samples.
#
# </details>
# <details><summary>Hint 2: the shape</summary>
#
# ```python
# for inputs, labels in DataLoader(self.train_dataset, ...):
#     ...
#     total_loss += loss.item() * len(labels)
# return total_loss / samples, 100 * correct / samples
# ```
#
# </details>

# %% [markdown]
# ### Your helpers
# Functions and imports that several of your answers use go into this cell.

# %% tags=["helpers"]
# your helpers


# %% question="train-one-epoch" tags=["answer"]
# Question 3 · train-one-epoch
def train_one_epoch(self):
    """Train for one epoch and return (average loss a sample, accuracy in percent)."""
    ### BEGIN SOLUTION
    self.model.train()
    total_loss, correct, samples = 0.0, 0, 0
    for inputs, labels in DataLoader(self.train_dataset, batch_size=self.batch_size, shuffle=True):
        inputs, labels = inputs.to(self.device), labels.to(self.device)
        self.optimizer.zero_grad()
        logits = self.model(inputs)
        loss = self.criterion(logits, labels)
        loss.backward()
        self.optimizer.step()
        total_loss += loss.item() * len(labels)
        correct += (logits.argmax(dim=1) == labels).sum().item()
        samples += len(labels)
    return total_loss / samples, 100 * correct / samples
    ### END SOLUTION


# %% [markdown]
# **Question 4 · evaluate-model-on-dataloader** (10 points, marked by checks, about 20 minutes)
#
# Write `evaluate_model_on_dataloader(self, dataset)`: the same two numbers on `dataset`, without learning
# anything from it. Nothing about the model may change, and the result must be the same when it is asked twice.
#
# The same tiny input as above gives the same two numbers: 0.6931 and 60.0.
#
# <details><summary>Hint 1: the idea</summary>
#
# Which three lines of the training loop change the model? Which layers behave differently while training?
#
# </details>
# <details><summary>Hint 2: the shape</summary>
#
# ```python
# self.model.eval()
# with torch.no_grad():
#     for inputs, labels in DataLoader(dataset, batch_size=self.batch_size):
#         ...
# ```
#
# </details>


# %% question="evaluate-model-on-dataloader" tags=["answer"]
# Question 4 · evaluate-model-on-dataloader
def evaluate_model_on_dataloader(self, dataset):
    """Evaluate the model on a dataset and return (average loss a sample, accuracy in percent)."""
    ### BEGIN SOLUTION
    self.model.eval()
    total_loss, correct, samples = 0.0, 0, 0
    with torch.no_grad():
        for inputs, labels in DataLoader(dataset, batch_size=self.batch_size):
            inputs, labels = inputs.to(self.device), labels.to(self.device)
            logits = self.model(inputs)
            total_loss += self.criterion(logits, labels).item() * len(labels)
            correct += (logits.argmax(dim=1) == labels).sum().item()
            samples += len(labels)
    return total_loss / samples, 100 * correct / samples
    ### END SOLUTION


# %% [markdown]
# The visible checks use cases that can be worked out on paper. Each message names the mistake it was written
# for.

# %%
FIVE = TensorDataset(
    torch.tensor([[1.0], [2.0], [3.0], [4.0], [5.0]]), torch.tensor([0, 0, 0, 1, 1])
)


class Witness(nn.Linear):
    """A linear layer, one input and two logits, all weights zero, that notes the mode it is called in."""

    def __init__(self):
        super().__init__(1, 2)
        nn.init.zeros_(self.weight), nn.init.zeros_(self.bias)
        self.modes = []

    def forward(self, inputs):
        self.modes.append((self.training, torch.is_grad_enabled()))
        return super().forward(inputs)


def tiny_trainer(learning_rate, batch_size):
    """Return a trainer of a zero `Witness` on five samples, with plain gradient descent."""
    model = Witness()
    optimizer = torch.optim.SGD(model.parameters(), lr=learning_rate)
    return TrainerSetup(model, optimizer, nn.CrossEntropyLoss(), batch_size, FIVE, FIVE, FIVE)


def check_train_one_epoch(candidate):
    """Averages, mode, and one and two steps of gradient descent against the gradient on paper."""
    trainer = tiny_trainer(learning_rate=0.0, batch_size=2)
    trainer.model.eval()
    loss, accuracy = candidate(trainer)
    assert abs(loss - 0.693147) < 1e-4, (
        f"with equal logits each sample's loss is ln 2 = 0.6931; the average came out as {loss:.4f}."
        " Is it a sum of batch means, or divided by something else than the samples?"
    )
    assert abs(accuracy - 60) < 1e-6, f"3 of 5 are right, that is 60.0 percent; found {accuracy}"
    assert all(training for training, _ in trainer.model.modes), (
        "the model was not in training mode"
    )
    # With zero weights every probability is 1/2, so the gradient of the first logit's weight is the mean of
    # x * (1/2 - [label is 0]) = (-1 - 2 - 3 + 4 + 5) / 10 = 0.3.
    trainer = tiny_trainer(learning_rate=1.0, batch_size=5)
    candidate(trainer)
    first = trainer.model.weight[0, 0].item()
    assert abs(first + 0.3) < 1e-5, (
        f"one step of gradient descent leads to a weight of -0.3; found {first:.4f}"
    )
    slow = tiny_trainer(learning_rate=0.01, batch_size=5)
    candidate(slow), candidate(slow)
    expected = two_steps_on_paper(0.01)
    second = slow.model.weight[0, 0].item()
    assert abs(second - expected) < 1e-5, (
        f"two steps lead to {expected:.5f}; found {second:.5f}."
        " Are the gradients of the first step forgotten before the second?"
    )


def two_steps_on_paper(learning_rate):
    """Return the first weight after two full steps, from the formula of the gradient instead of autograd."""
    inputs, labels = FIVE.tensors[0][:, 0].double(), FIVE.tensors[1]
    weight, bias = 0.0, 0.0  # of the first logit; the second logit's are their negatives
    for _ in range(2):
        residual = torch.sigmoid(2 * (weight * inputs + bias)) - (labels == 0).double()
        weight, bias = (
            weight - learning_rate * (residual * inputs).mean(),
            bias - learning_rate * residual.mean(),
        )
    return float(weight)


def check_evaluate(candidate):
    """Averages, mode, no gradients, nothing changed."""
    trainer = tiny_trainer(learning_rate=1.0, batch_size=2)
    trainer.model.train()
    loss, accuracy = candidate(trainer, FIVE)
    assert abs(loss - 0.693147) < 1e-4, (
        f"with equal logits the average loss is ln 2 = 0.6931; found {loss:.4f}"
    )
    assert abs(accuracy - 60) < 1e-6, f"3 of 5 are right, that is 60.0 percent; found {accuracy}"
    assert not any(training for training, _ in trainer.model.modes), (
        "the model was in training mode: dropout would be active, and batch normalisation would"
        " learn from the data it is tested on"
    )
    assert not any(gradients for _, gradients in trainer.model.modes), (
        "gradients were recorded, which costs memory and time; torch.no_grad() stops it"
    )
    assert trainer.model.weight.abs().sum() == 0, "the weights changed during evaluation"


# %% [markdown]
# What the notebook falls back on is the library's trainer under the assignment's names:


# %%
class CourseTrainer(TrainerSetup):
    """The library's trainer, one epoch at a time."""

    def library(self, dataset):
        """Return the library's trainer on the same model."""
        optimizer = {
            "name": type(self.optimizer).__name__,
            "params": {"lr": self.optimizer.param_groups[0]["lr"]},
        }
        return ClassificationTrainer(
            self.model,
            self.train_dataset,
            dataset,
            None,
            folder=lesson.folder / "fallback",
            name="fallback",
            dataset_name="any",
            epochs=1,
            batch_size=self.batch_size,
            optimizer=optimizer,
            precision="float32",
        )

    def train_one_epoch(self):
        trainer = self.library(self.validation_dataset)
        trainer.start_over()
        run = trainer.fit()
        return run.train_loss[0], run.train_acc[0]

    def evaluate_model_on_dataloader(self, dataset):
        return self.library(dataset).evaluate(dataset)


train_one_epoch = lesson.go_on_with(
    "train-one-epoch", train_one_epoch, check_train_one_epoch, CourseTrainer.train_one_epoch
)
evaluate_model_on_dataloader = lesson.go_on_with(
    "evaluate-model-on-dataloader",
    evaluate_model_on_dataloader,
    check_evaluate,
    CourseTrainer.evaluate_model_on_dataloader,
)


class Trainer(CourseTrainer):
    """The assignment's trainer."""


Trainer.train_one_epoch = train_one_epoch
Trainer.evaluate_model_on_dataloader = evaluate_model_on_dataloader

# %% [markdown]
# ## 3 · Train with it
#
# A few hundred small pictures and the assignment's network. The point here is the loop, not the detector:
# whether it learns to tell fakes is the subject of notebook 03.

# %%
prepared = load_dataset(dataset)
to_float = [v2.ToDtype(torch.float32, scale=True), v2.Normalize([0.5] * 3, [0.5] * 3)]
augmented = v2.Compose([train_transform(image_size), *to_float])
train_rows = prepared.split("train").sample(frac=1, random_state=seed).head(pictures)
train_set = PictureDataset(train_rows, prepared.root, image_size, augmented)
validation_set, test_set = (
    PictureDataset(prepared.split(split), prepared.root, image_size, v2.Compose(to_float))
    for split in ("val", "test")
)

torch.manual_seed(seed)
model = SimpleNet(image_size)
optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
trainer = Trainer(
    model, optimizer, nn.CrossEntropyLoss(), batch_size, train_set, validation_set, test_set
)

history = {
    "model": "SimpleNet",
    "dataset": dataset,
    "optimizer": {"name": "Adam", "params": {"lr": learning_rate}},
}
history |= {
    f"{split}_{quantity}": [] for split in ("train", "val", "test") for quantity in ("loss", "acc")
}
for epoch in range(epochs):
    outcomes = {"train": trainer.train_one_epoch()}
    outcomes["val"] = trainer.evaluate_model_on_dataloader(validation_set)
    outcomes["test"] = trainer.evaluate_model_on_dataloader(test_set)
    for split, (loss, accuracy) in outcomes.items():
        history[f"{split}_loss"].append(loss)
        history[f"{split}_acc"].append(accuracy)
    told = [f"{split} {loss:.3f}, {accuracy:.1f} %" for split, (loss, accuracy) in outcomes.items()]
    print(f"epoch {epoch + 1}: {' · '.join(told)}")

# %% [markdown]
# What a loop measured should outlive it. The assignment keeps runs in a file, `history.json`: a list with one
# entry a run. This is that format, so a file from anybody's solution can be drawn by the same function. In the
# figure, compare the first training loss with the line at $\ln 2$: what would it mean to start far below?

# %%
(lesson.folder / "by_hand.json").write_text(json.dumps([history]))
caption = plots.plot_history(read_history(lesson.folder / "by_hand.json"))

# %% [markdown]
# ## 4 · Which bug?
#
# The curves below come from one small network (with dropout and batch normalisation) on one easy problem with
# 65 training samples and batches of 32. Four loops trained it. Loop O is right. In A, B and C exactly one line
# is wrong:
#
# - **mean of batch means**: the loss is averaged over batches, although the last batch holds one sample;
# - **no `zero_grad`**: the gradients of all earlier steps stay in the sum;
# - **no `eval()`**: the validation set is evaluated with the model still in training mode.
#
# All four start from the same weights. Look for: what is wrong with the *training* curve, what only with the
# *validation* curve; what wobbles from epoch to epoch, and what runs away.

# %%
runs = read_history(paths.reference_runs() / "02_which_bug.json")
caption = plots.plot_history(runs, titles=[f"loop {run.model}" for run in runs])

# %% [markdown]
# **Question 201 · which-bug** (9 points, read by a person, about 30 minutes)
#
# Give for A, B and C the name of the mistake, and the feature of its curves that gives it away: why must this
# mistake look like this? (Three points each: one for the name, two for the reason.)

# %% [markdown] question="which-bug" tags=["answer"]
# **Answer 201 · which-bug**
#
# <!-- BEGIN SOLUTION -->
# A is *no `eval()`*: its training curve is nearly the right loop's, since training steps are right, but validation
# loss stays above and wobbles, because dropout removes other units each time and batch normalisation uses each
# batch's own statistics. B is *mean of batch means*: accuracy is as in O, since the weights are trained
# correctly; only the reported training loss jumps from epoch to epoch, because the one sample that happens to
# be alone in the last batch counts for a third of the average. C is *no `zero_grad`*: every step repeats all
# earlier gradients, so the weights go on long after they should have turned; the loss of training and
# validation falls, then grows and swings, and no averaging can make up for it.
# <!-- END SOLUTION -->

# %% [markdown]
# ## 5 · The library's loop
#
# This is the loop that the rest of the course uses. Find your own lines in it; then find the lines that you
# did not need, and what each is for.

# %%
print(inspect.getsource(LibraryTrainer.train_one_epoch))

# %% [markdown]
# What it adds:
#
# | | why |
# |---|---|
# | losses of single samples, summed | the average cannot depend on the batch size; weights for rare classes are exact |
# | groups of batches | gradients of several small batches make one large step when memory is short |
# | bf16 where the processor or GPU is faster with it | chosen by a one-second trial, and recorded |
# | checkpoints | killed at any moment, `fit()` goes on, and on a CPU ends with the same bits |
# | seed from the configuration | two different configurations never share their random numbers by accident |
#
# The same pictures once more, with the library. Compare with your curves: what should be alike, and what need not be?

# %%
library_trainer = ClassificationTrainer(
    SimpleNet(image_size),
    PictureDataset(train_rows, prepared.root, image_size, train_transform(image_size)),
    *(
        PictureDataset(prepared.split(split), prepared.root, image_size)
        for split in ("val", "test")
    ),
    folder=lesson.folder / "library",
    name="simplenet",
    dataset_name=dataset,
    epochs=epochs,
    batch_size=batch_size,
    optimizer={"name": "Adam", "params": {"lr": learning_rate}},
)
run = library_trainer.fit()
caption = plots.plot_history([run])

# %% [markdown]
# Would a second `fit()` train twice as long? A run is its folder and its configuration, and this one is
# finished:

# %%
print("same history:", library_trainer.fit() == run)
print("precision:", run.precision, "· seed:", run.seed)

# %% [markdown]
# ## Recap
#
# - Averages are over samples. A number that depends on the batch size is not a property of the model.
# - `train()` and `eval()`, `zero_grad()` and `no_grad()` do not crash when they are forgotten; their absence has
#   a signature in the curves.
# - A history in a file can be drawn, compared and published; a printed line cannot.
#
# Next: the first detector, on two kinds of fake.
