# ---
# jupyter:
#   course:
#     title: Fine-tune Xception
#     question: What do a hundred times the computation, and a million photographs seen before, buy a detector?
#     chapter: assignment, chapter 4
#     minutes: 1
#     hours: 3
#     needs: []
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 04 · Fine-tune Xception
#
# **The lesson in one sentence.** A large network, a pretrained network and a well-trained network are three
# different things, and one good number does not say which of them you have.
#
# The figure that will show it is one set of axes with the ROC curves of three networks, trained on the same
# pictures and tested on the same people.
#
# | | |
# |---|---|
# | machine | a minute |
# | you | about three hours |
# | needs | nothing; SimpleNet of notebook 03 is trained again, as the others are |

# %% tags=["parameters"]
synthetic = "rendered_synthetic"  # whole faces that came out of a generative model
pretrained = "auto"  # Xception's first weights: "auto", "none", or the path of a file
image_size = 256  # pixels, side of the pictures
epochs = 2  # of Xception
head_epochs = 0  # before these, epochs in which only the new head learns
small_epochs = 5  # of SimpleNet and Meso-4
training_pictures = None  # how many training pictures all three see; None is all
batch_size = 32
learning_rate = 0.001  # of Adam
seed = 0

# %%
import dataclasses
from functools import partial

import pandas as pd
import timm
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from course_utils import calibration, paths, plots
from course_utils.data.prepare import load_dataset
from course_utils.detectors import few_training_pictures, train_detector
from course_utils.intervals import accuracy_interval, auroc_interval, compare
from course_utils.lesson import Lesson
from course_utils.models import describe, xception
from course_utils.models.freezing import freeze, unfreeze
from course_utils.models.mesonet import Meso4
from course_utils.models.pretrained import Origin, initialise
from course_utils.models.simplenet import SimpleNet
from course_utils.predictions import write_predictions

lesson = Lesson("04_fine_tune_xception")

# %% [markdown]
# ## 1 · A cheaper convolution
#
# A convolution does two things at once: it looks at a neighbourhood, and it mixes channels. Xception ("extreme
# Inception", Chollet 2017) does one after the other. A *depthwise* convolution looks at the neighbourhood, in each
# channel by itself, with one k x k filter a channel. A *pointwise* convolution, 1 x 1, then mixes the channels. Of the
# 36 layers on Xception's main path, all but the first two are such pairs. How much cheaper is a pair than the convolution
# it replaces?
#
# **Question 20 · separable-cost** (8 points, marked by checks, about 25 minutes)
#
# Write `convolution_cost(kernel, channels_in, channels_out, height, width)`. It returns four integers:
# the parameters of a normal convolution with a `kernel` x `kernel` filter; those of the depthwise and the pointwise
# convolution together; the multiply–accumulates that the normal one takes for one picture whose *output* is
# `height` x `width`; and those of the pair. No biases; stride 1; the output is as large as the input.
#
# A tiny input: `convolution_cost(3, 2, 4, 5, 5)` gives `(72, 26, 1800, 650)`.
#
# <details><summary>Hint 1: the idea</summary>
#
# One number of the output is one filter laid on one place: as many multiplications as that filter has weights. How
# many places are there?
#
# </details>
# <details><summary>Hint 2: the shape</summary>
#
# A normal filter is `kernel * kernel * channels_in` numbers, and there are `channels_out` of them. A depthwise filter
# is `kernel * kernel` numbers, one a channel.
#
# </details>

# %% [markdown]
# ### Your helpers
# Functions and imports that several of your answers use go into this cell.

# %% tags=["helpers"]
# your helpers


# %% question="separable-cost" tags=["answer"]
# Question 20 · separable-cost
def convolution_cost(kernel, channels_in, channels_out, height, width):
    """Return (parameters, parameters of the pair, multiply–accumulates, multiply–accumulates of the pair)."""
    ### BEGIN SOLUTION
    normal = kernel * kernel * channels_in * channels_out
    pair = kernel * kernel * channels_in + channels_in * channels_out
    places = height * width
    return normal, pair, normal * places, pair * places
    ### END SOLUTION


# %%
def check_convolution_cost(candidate):
    """The tiny example, and one where the numbers of channels differ the other way round."""
    found = tuple(candidate(3, 2, 4, 5, 5))
    assert len(found) == 4, f"four integers are asked for; found {len(found)}"
    names = ["parameters", "parameters of the pair", "multiply–accumulates", "those of the pair"]
    for name, value, expected in zip(names, found, (72, 26, 1800, 650), strict=True):
        assert value == expected, f"{name} of (3, 2, 4, 5, 5): expected {expected}, found {value}"
    found = tuple(candidate(5, 4, 1, 2, 3))
    assert found == (100, 104, 600, 624), (
        f"(5, 4, 1, 2, 3): expected (100, 104, 600, 624), found {found}. A pair is not always cheaper."
    )


def counted_cost(kernel, channels_in, channels_out, height, width):
    """Return the same by building the layers and letting torch count."""
    costs = []
    shape = {"kernel_size": kernel, "padding": "same", "bias": False}
    for layer in (
        nn.Conv2d(channels_in, channels_out, **shape),
        nn.Sequential(
            nn.Conv2d(channels_in, channels_in, groups=channels_in, **shape),
            nn.Conv2d(channels_in, channels_out, 1, bias=False),
        ),
    ):
        with FlopCounterMode(display=False) as counter:
            layer(torch.zeros(1, channels_in, height, width))
        parameters = sum(parameter.numel() for parameter in layer.parameters())
        costs.append((parameters, counter.get_total_flops() // 2))
    return costs[0][0], costs[1][0], costs[0][1], costs[1][1]


convolution_cost = lesson.go_on_with(
    "separable-cost", convolution_cost, check_convolution_cost, counted_cost
)

# %% [markdown]
# By hand, and by what torch counts, for a convolution in the middle of Xception (728 channels in and out):

# %%
side = image_size // 16
for name, cost in (("by hand", convolution_cost), ("counted by torch", counted_cost)):
    normal, pair, work, work_of_pair = cost(3, 728, 728, side, side)
    print(
        f"{name:<17} parameters {normal:,} against {pair:,}; multiply–accumulates {work:,} against"
        f" {work_of_pair:,}: {work / work_of_pair:.1f} times fewer"
    )

# %% [markdown]
# ## 2 · The network as it comes
#
# `timm` has the network under the name `legacy_xception`. The table shows what each part makes of a picture. Look at
# where the picture gets smaller, where the number of channels stays the same for eight blocks, and which part has the
# most parameters.


# %%
def parts_of(model, image_size):
    """Return a row a part of the model: the shape that it puts out for one picture, and its parameters."""
    rows, hooks = [], []

    def note(name):
        def hook(part, inputs, output):
            weights = sum(parameter.numel() for parameter in part.parameters())
            rows.append((name, "x".join(map(str, output.shape[1:])), f"{weights:,}"))

        return hook

    for name, part in model.named_children():
        hooks.append(part.register_forward_hook(note(name)))
    with torch.no_grad():
        model.eval()(torch.zeros(1, 3, image_size, image_size))
    for hook in hooks:
        hook.remove()
    return pd.DataFrame(rows, columns=["part", "puts out", "parameters"])


original = timm.create_model("legacy_xception")
table = parts_of(original, image_size)
table[~table["part"].str.startswith(("bn", "act"))]

# %% [markdown]
# **Question 18 · pretraining** (3 points, read by a person, about 5 minutes)
#
# The published weights were trained on ImageNet. (a) What is in it, and what was the network asked to do? (b) Name one
# thing that such a network has certainly learnt that helps to tell real from synthetic faces, and one that it has no
# reason to have learnt.

# %% [markdown] question="pretraining" tags=["answer"]
# **Answer 18 · pretraining**
#
# <!-- BEGIN SOLUTION -->
# (a) 1.28 million photographs of objects, animals and plants in 1000 classes; the network was asked which of the
# classes a photograph shows. (b) It has learnt edges, textures and parts at many scales, eyes, hair and skin among
# them, and what photographs look like. It has no reason to know traces of upsampling or of blending: they do not help
# to tell a dog from a cat, and its training pictures were enlarged and compressed in every way, which teaches it to
# look past such traces.
# <!-- END SOLUTION -->

# %% [markdown]
# **Question 19 · building-blocks** (5 points, read by a person, about 15 minutes)
#
# From the table and the text above: (a) which are Xception's basic building blocks, and how are entry, middle and exit
# flow put together from them? (b) What does the shortcut around each block do for training? (c) From your
# numbers of question 20: what is the separation good for, and what does it take away from a convolution?

# %% [markdown] question="building-blocks" tags=["answer"]
# **Answer 19 · building-blocks**
#
# <!-- BEGIN SOLUTION -->
# (a) Depthwise separable convolutions (a depthwise k x k, then a pointwise 1 x 1), batch normalisation and ReLU. Entry
# flow: two normal convolutions (`conv1`, `conv2`), then `block1` to `block3`, which double or triple the channels and
# halve the side. Middle flow: eight equal blocks (`block4` to `block11`) of three separable convolutions, 728 channels
# throughout. Exit flow: `block12`, which halves the side again, and two separable convolutions (`conv3`, `conv4`) up to
# 2048 channels, then the mean over all places. (b) Each block only has to learn a correction to what came in, and
# gradients reach the early layers undiminished. (c) About nine times fewer parameters and multiplications at 3 x 3 and
# many channels. What is lost is filters whose spatial pattern differs with the pair of input and output channel: a pair
# of layers is a normal convolution of limited rank.
# <!-- END SOLUTION -->

# %% [markdown]
# **Question 21 · features-before-head** (3 points, marked by checks, about 10 minutes)
#
# A new head needs to know how many numbers it gets. Write `features_before_head(model, image_size)`, which finds out
# by sending a black picture (1 x 3 x image_size x image_size) through everything but the classifier: `timm` models
# have `forward_features(pictures)`, which gives maps (1 x channels x height x width), over which the mean is then
# taken. Return the number of features of a picture as an integer, and leave the model in the mode it was in.
#
# A tiny input: for `timm.create_model("resnet10t", num_classes=2)` and 32 it is 512.
#
# <details><summary>Hint 1: the idea</summary>
#
# After the mean over all places, one number a channel is left.
#
# </details>
# <details><summary>Hint 2: the shape</summary>
#
# `maps = model.forward_features(torch.zeros(...))`, then `maps.shape[1]`; `model.training` says which mode it is in.
#
# </details>


# %% question="features-before-head" tags=["answer"]
# Question 21 · features-before-head
def features_before_head(model, image_size):
    """Return how many features of a picture reach the classifier."""
    ### BEGIN SOLUTION
    training = model.training
    model.eval()
    with torch.no_grad():
        maps = model.forward_features(torch.zeros(1, 3, image_size, image_size))
    model.train(training)
    return int(maps.shape[1])
    ### END SOLUTION


# %%
def check_features_before_head(candidate):
    """A network with 512 features, in train mode, with batch normalisation."""
    small = timm.create_model("resnet10t", num_classes=2).train()
    before = small.state_dict()["bn1.running_mean"].clone()
    found = candidate(small, 32)
    assert found == 512, f"resnet10t has 512 features before its head; found {found}"
    assert small.training, "the model was in train mode and should be again"
    after = small.state_dict()["bn1.running_mean"]
    assert torch.equal(before, after), (
        "a black picture changed the statistics: use eval mode meanwhile"
    )


def course_features_before_head(model, image_size):
    """Return what timm says of itself."""
    return model.num_features


features_before_head = lesson.go_on_with(
    "features-before-head",
    features_before_head,
    check_features_before_head,
    course_features_before_head,
)
print(f"Xception has {features_before_head(original, image_size):,} features before its head")

# %% [markdown]
# **Question 22 · parameters** (2 points, marked by checks, about 5 minutes)
#
# Write `count_parameters(model)`: how many numbers of it are learnt. A tiny input: `nn.Linear(4, 2)` has 10.
#
# <details><summary>Hint 1: the idea</summary>
#
# Batch normalisation also keeps means and variances; these are *buffers*, not parameters.
#
# </details>
# <details><summary>Hint 2: the shape</summary>
#
# `sum(parameter.numel() for parameter in ...)`
#
# </details>


# %% question="parameters" tags=["answer"]
# Question 22 · parameters
def count_parameters(model):
    """Return the number of parameters."""
    ### BEGIN SOLUTION
    return sum(parameter.numel() for parameter in model.parameters())
    ### END SOLUTION


# %%
def check_count_parameters(candidate):
    """A layer with biases, and one with buffers."""
    assert candidate(nn.Linear(4, 2)) == 10, (
        f"4 x 2 weights and 2 biases; found {candidate(nn.Linear(4, 2))}"
    )
    found = candidate(nn.BatchNorm2d(3))
    assert found == 6, (
        f"3 scales and 3 shifts are learnt, means and variances are not; found {found}"
    )


def course_count_parameters(model):
    """Return the same from the optimizer's point of view."""
    groups = torch.optim.SGD(model.parameters(), lr=1).param_groups
    return sum(parameter.numel() for group in groups for parameter in group["params"])


count_parameters = lesson.go_on_with(
    "parameters", count_parameters, check_count_parameters, course_count_parameters
)
print(f"Xception for 1000 classes: {count_parameters(original):,} parameters")

# %% [markdown]
# ## 3 · A new head
#
# Two classes instead of a thousand. The assignment does not put a single layer in the place of the old one, but a small
# network: 2048 → 1000 → 256 → 64 → 2, with ReLU between.
#
# **Question 23 · xception-based-model** (8 points, marked by checks, about 20 minutes)
#
# Write `get_xception_based_model()`. It returns `timm`'s `legacy_xception`, whose attribute `fc` is replaced by this
# head. It returns *logits*: nothing comes after the last layer. Its weights are random; the next cell loads others.
#
# What is expected: two logits a picture, and 272,834 parameters more than the network for 1000 classes.
#
# <details><summary>Hint 1: the idea</summary>
#
# `nn.Sequential` of four linear layers and three ReLUs, assigned to `fc`.
#
# </details>
# <details><summary>Hint 2: the shape</summary>
#
# `network.fc = nn.Sequential(nn.Linear(network.num_features, 1000), nn.ReLU(), ...)`
#
# </details>


# %% question="xception-based-model" tags=["answer"]
# Question 23 · xception-based-model
def get_xception_based_model():
    """Return Xception with the head 2048 → 1000 → 256 → 64 → 2, and random weights."""
    ### BEGIN SOLUTION
    network = timm.create_model("legacy_xception")
    network.fc = nn.Sequential(
        nn.Linear(network.num_features, 1000),
        nn.ReLU(),
        nn.Linear(1000, 256),
        nn.ReLU(),
        nn.Linear(256, 64),
        nn.ReLU(),
        nn.Linear(64, 2),
    )
    return network
    ### END SOLUTION


# %%
def check_xception_based_model(candidate):
    """Widths of the head, ReLU between, logits, and the number of parameters."""
    model = candidate().eval()
    widths = [layer.out_features for layer in model.fc.modules() if isinstance(layer, nn.Linear)]
    assert widths == [1000, 256, 64, 2], (
        f"the head's widths should be 1000, 256, 64, 2; found {widths}"
    )
    rectified = sum(isinstance(layer, nn.ReLU) for layer in model.fc.modules())
    assert rectified == 3, f"a ReLU stands between two linear layers: 3 of them; found {rectified}"
    parameters = sum(parameter.numel() for parameter in model.parameters())
    assert parameters == 23_128_786, f"expected 23,128,786 parameters, found {parameters:,}"
    with torch.no_grad():
        logits = model(torch.randn(2, 3, 64, 64))
    assert logits.shape == (2, 2), f"expected logits 2 x 2, found {tuple(logits.shape)}"
    sums = logits.sum(dim=1)
    assert not torch.allclose(sums, torch.ones(2), atol=1e-4), (
        "each row sums to 1: are these probabilities? The loss expects logits."
    )


get_xception_based_model = lesson.go_on_with(
    "xception-based-model",
    get_xception_based_model,
    check_xception_based_model,
    partial(xception.get_xception_based_model, weights="none"),
)
torch.manual_seed(seed)
model = get_xception_based_model()
more = count_parameters(model) - count_parameters(original)
print(f"with the new head: {count_parameters(model):,} parameters, {more:,} more than before")

# %% [markdown]
# Now the weights. `"auto"` looks for ImageNet's in the data root and fetches them where there is a network. Where they
# cannot be had, the model stays random, a warning says so, and every result below is recorded with the words that the
# next cell prints. A public solution of this exercise had left `pretrained=False` in its code without noticing. From
# what could its author have noticed?

# %%
initialise(model, pretrained, xception.IMAGENET, head="fc")
print(f"first weights: {model.origin}")

# %% [markdown]
# **Question 24 · more-parameters** (3 points, read by a person, about 10 minutes)
#
# Where do the 272,834 parameters come from? Work the number out layer by layer, and say why the head's first layer is
# not among them. Which layer of the head has most of all its parameters?

# %% [markdown] question="more-parameters" tags=["answer"]
# **Answer 24 · more-parameters**
#
# <!-- BEGIN SOLUTION -->
# The old classifier was one layer, 2048 → 1000, with 2048 · 1000 + 1000 = 2,049,000 numbers; the new head's first layer
# has exactly as many and takes its place. What is added is 1000 → 256 with 1000 · 256 + 256 = 256,256, 256 → 64 with
# 16,448, and 64 → 2 with 130: together 272,834. The first layer has most of the head's parameters, 88 % of 2,321,834.
# <!-- END SOLUTION -->

# %% [markdown]
# ## 4 · What learns, and how fast
#
# A new head on an old network: the head's first gradients are large and mean nothing yet, and they run through features
# that took weeks to learn. So one often trains in stages: the head alone; then everything, the early layers with a
# smaller learning rate. And batch normalisation? In training it uses the statistics of the batch at hand. In small
# batches of faces these are not those of ImageNet, so they can be *frozen* as well.

# %%
freeze(model, but="fc")
learning = sum(p.numel() for p in model.parameters() if p.requires_grad)
unfreeze(model)
print(f"head alone: {learning:,} of {count_parameters(model):,} parameters learn")

# %% [markdown]
# The assignment trains everything at once, with one learning rate, for two epochs; `head_epochs = 0` does the same. Set
# it to 1 for a first stage with the head alone.
#
# **Question 401 · stages** (4 points, read by a person, about 10 minutes)
#
# (a) Why must the features of a network whose weights are *random* never be frozen? What would the training curve of
# the head alone look like then? (b) Why would one give early layers a smaller learning rate than late ones, and when
# would that be wrong for detecting synthetic faces?

# %% [markdown] question="stages" tags=["answer"]
# **Answer 401 · stages**
#
# <!-- BEGIN SOLUTION -->
# (a) The head would learn from a random projection of the picture. It can still remember training pictures, so the
# training loss falls, slowly, but what it uses says little about faces: validation stays near chance. (b) Early layers
# are general (edges, colours, textures) and hardly need to change; late ones are about dogs and cars. It would be wrong
# where the trace is in the early layers' business, as that of upsampling is: then these are what has to be learnt anew.
# <!-- END SOLUTION -->

# %% [markdown]
# ## 5 · Train it
#
# **Question 25 · expectation** (3 points, read by a person, about 5 minutes)
#
# Write down *before you run the next cell*: which test AUROC do you expect of Xception here, above or below
# SimpleNet's, with the first weights that were printed above, on this many training pictures? And why? A wrong
# prediction with a reason earns all points.

# %% [markdown] question="expectation" tags=["answer"]
# **Answer 25 · expectation**
#
# <!-- BEGIN SOLUTION -->
# With ImageNet's weights: near 1 after two epochs, because the features for texture are there already and a generator's
# upsampling is a matter of texture; the published run reached 0.998. From scratch: near SimpleNet or below, because
# some hundreds of pictures and two epochs are a dozen steps for 23 million weights, and batch normalisation's running
# statistics have hardly settled.
# <!-- END SOLUTION -->

# %%
prepared = few_training_pictures(load_dataset(synthetic), training_pictures, seed)
training = {
    "batch_size": batch_size,
    "optimizer": {"name": "Adam", "params": {"lr": learning_rate}},
    "seed": seed,
}
print({split: len(prepared.split(split)) for split in ("train", "val", "test")})
if head_epochs:
    freeze(model, but="fc")
    train_detector(
        "xception_head",
        lambda: model,
        prepared,
        image_size,
        folder=lesson.folder / f"xception_head_{synthetic}",
        epochs=head_epochs,
        **training,
    )
    model.origin = Origin(f"{model.origin}, then the head alone for {head_epochs} epochs")
    unfreeze(model)
detectors = {
    "Xception": train_detector(
        "xception",
        lambda: model,
        prepared,
        image_size,
        folder=lesson.folder / f"xception_{synthetic}",
        epochs=epochs,
        **training,
    )
}

# %% [markdown]
# Look first at where the training loss *begins*: what would ImageNet's weights change about it? Then at whether
# validation follows.

# %%
caption = plots.plot_history([detectors["Xception"].run])

# %% [markdown]
# **Question 26 · xception-curves** (5 points, read by a person, about 15 minutes)
#
# Describe the curves. (a) How far does training get in these epochs, and does validation follow? (b) The published
# report, with ImageNet's weights, saw training accuracy rise to nearly 100 % while validation stood still at 99 % from
# the first epoch on, and wrote that "the model is not improving". Is that a fault? (c) If training is good and
# validation near chance in your run, name *two* explanations, and what you would look at to choose between them.

# %% [markdown] question="xception-curves" tags=["answer"]
# **Answer 26 · xception-curves**
#
# <!-- BEGIN SOLUTION -->
# (a) Read from the figure: the first training loss is near ln 2 from scratch, and already far below on average over the
# first epoch with ImageNet's weights. (b) No: at 99 % there is next to nothing left to improve; a plateau is a fault
# only where it is low. (c) Overfitting, the network remembers pictures; or batch normalisation: in training it uses the
# batch's statistics, in evaluation running averages, which after a dozen steps are still mostly their initial values.
# Evaluate the *training* pictures in evaluation mode: if these are bad as well, it is the statistics, not memory.
# <!-- END SOLUTION -->

# %%
run = detectors["Xception"].run
best = run.best_epoch - 1
print(
    f"Xception on {synthetic}: best epoch {best + 1}, validation {run.val_acc[best]:.1f} %,"
    f" test {run.test_acc[best]:.1f} %"
)
detector = detectors["Xception"]
tables = {"Xception": detector.predictions(prepared)}
print(f"test accuracy with its interval: {accuracy_interval(tables['Xception'], threshold=0.5)}")
some = prepared.split("train").groupby("label").head(32)
seen = detector.predictions(dataclasses.replace(prepared, samples=some), "train")
print(
    f"accuracy on {len(seen)} training pictures in evaluation mode: {accuracy_interval(seen, 0.5)}"
)

# %% [markdown]
# **Question 27 · xception-best-epoch** (3 points, read by a person, about 10 minutes)
#
# Report validation and test accuracy at the best epoch, with the interval of the latter. Is the published 0.99 inside
# it? If not, name what differs between the two runs, the most important first.

# %% [markdown] question="xception-best-epoch" tags=["answer"]
# **Answer 27 · xception-best-epoch**
#
# <!-- BEGIN SOLUTION -->
# The numbers stand in the output above. The published run had ImageNet's weights, about 9,400 training pictures at 256²
# (some forty times as many), and other fakes; a run from scratch on some hundreds of pictures shares with it little
# but the architecture. Weights first, then the number of pictures.
# <!-- END SOLUTION -->

# %% [markdown]
# ## 6 · Three networks, one test set
#
# Meso-4 (Afchar et al. 2018) was made for this task: four convolutions, and at 256² twenty-eight thousand parameters.
# SimpleNet has six hundred times as many, nearly all in one linear layer; Xception has more again, and a hundred times
# the multiplications of Meso-4. In the table, compare the two columns: which network spends its parameters, and which its
# multiplications?

# %%
names = ("meso4", "simplenet", "xception")
cards = [card for card in describe() if card["name"] in names]
pd.DataFrame(cards).set_index("name")[["parameters", "macs", "paper"]].loc[list(names)]

# %%
small = {"SimpleNet": ("simplenet", SimpleNet), "Meso-4": ("meso4", Meso4)}
for title, (name, network) in small.items():
    torch.manual_seed(seed)
    detectors[title] = train_detector(
        name,
        partial(network, image_size),
        prepared,
        image_size,
        folder=lesson.folder / f"{name}_{synthetic}",
        epochs=small_epochs,
        **training,
    )
    tables[title] = detectors[title].predictions(prepared)

# %%
published = {
    ("Xception", "accuracy"): "curtis_xception_synthetic_test_accuracy",
    ("Xception", "auroc"): "curtis_xception_synthetic_auroc",
    ("SimpleNet", "accuracy"): "curtis_simplenet_synthetic_test_accuracy",
}
for title, detector in detectors.items():
    write_predictions(lesson.folder / f"{detector.name}_{synthetic}.parquet", tables[title])
    weights = detector.run.configuration.get("weights", "from scratch")
    accuracy, auroc = accuracy_interval(tables[title], 0.5), auroc_interval(tables[title])
    print(
        f"{title}: test accuracy {accuracy}, AUROC {auroc}, {detector.run.epochs} epochs, {weights}"
    )
    for metric, interval in (("accuracy", accuracy), ("auroc", auroc)):
        lesson.record(
            f"{title} on synthetic faces, {metric}",
            interval.value,
            published=published.get((title, metric)),
            dataset=synthetic,
            edition=prepared.edition,
            split="test",
            metric=metric,
            interval=(interval.low, interval.high),
            groups=interval.groups,
            model=detector.name,
            weights=str(getattr(detector.model, "origin", weights)),
            precision=detector.run.precision,
            seed=detector.run.seed,
        )

# %% [markdown]
# In the ROC figure, look at which curves cross: is one detector better at every threshold? In the DET figure, compare
# the stars.

# %%
caption = plots.plot_roc(tables)

# %%
caption = plots.plot_det(tables)

# %% [markdown]
# Two intervals that overlap do not show that two detectors are alike, because both met the same pictures: a hard test
# set pulls both down. The *paired* comparison draws the same people for both, and only it may say "better".

# %%
for one, other in (("Xception", "SimpleNet"), ("Xception", "Meso-4"), ("SimpleNet", "Meso-4")):
    print(compare(tables[one], tables[other]))

# %% [markdown]
# **Question 28 · xception-roc-and-det** (6 points, read by a person, about 15 minutes)
#
# (a) Describe Xception's ROC and DET curve: AUROC with its interval, equal error rate, and the share of fakes that is
# missed at 5 % false alarms. (b) The published report writes that on its DET curve, as the false positive rate
# increases, "the false negative rate gradually starts to increase". Can a DET curve do that? (c) What do the paired
# comparisons say that the three intervals do not?

# %% [markdown] question="xception-roc-and-det" tags=["answer"]
# **Answer 28 · xception-roc-and-det**
#
# <!-- BEGIN SOLUTION -->
# (a) Read from the captions and the figure. (b) No. Along the curve the threshold moves one way: lowering it calls more
# pictures fake, so false alarms can only grow and misses only shrink. A DET curve falls from left to right. (c) They
# give the difference with an interval of its own, over the same people. It can exclude zero although two intervals
# overlap, and where it contains zero the two detectors are not told apart by this test set.
# <!-- END SOLUTION -->

# %% [markdown]
# One more thing differs between a quick run and the published one: how many different pictures a network learns from, and
# how long. The next figure is of reference runs of ours, all from scratch. Every network saw the same number of pictures in
# every training, as the line above the figure says: few different ones many times, or many once. The stars are this run;
# multiply its pictures by its epochs to see how many it saw. Before you look: which do you expect to matter more here, how
# many different pictures, or how long a network learns?

# %%
reference = paths.read_reference("04_more_people")
print(
    f"{reference['dataset']}, {reference['image_size']} pixels, {reference['pictures_seen']:,} pictures seen,"
    f" tested on {reference['test_people']} people; {reference['precision']}, {reference['device']},"
    f" {reference['date']}"
)
trainings = pd.DataFrame(
    {"network": row["network"], "training_pictures": row["training_pictures"], "value": value}
    for row in reference["trainings"]
    for value in row["test_auroc"]
)
here = pd.DataFrame(
    {
        "network": title,
        "training_pictures": len(prepared.split("train")),
        "value": auroc_interval(tables[title]).value,
    }
    for title in detectors
)
caption = plots.plot_training_sizes(
    trainings, here, title="From scratch, on drawn synthetic faces", quantity="test AUROC"
)

# %% [markdown]
# **Question 402 · capacity-or-pretraining** (6 points, read by a person, about 20 minutes)
#
# The published chapter concludes from SimpleNet at 50 % and Xception at 99 % that SimpleNet is "not complex enough". Two
# other students' runs of the same exercise had Xception *without* its pretrained weights, by mistake, at about 50 %.
# (a) Put these three published facts, your own three networks and the reference runs into one argument: what do capacity,
# pretraining, the number of pictures and the length of training each explain? (b) Which one experiment is missing to
# decide it for the published pictures, and which outcome would change your mind?

# %% [markdown] question="capacity-or-pretraining" tags=["answer"]
# **Answer 402 · capacity-or-pretraining**
#
# <!-- BEGIN SOLUTION -->
# (a) Xception with random weights and Xception with ImageNet's have the same capacity and differ by 49 points: so in the
# published setting it is pretraining (with two epochs of training) that decides, not capacity. SimpleNet at 50 % may be
# a training that never started (notebook 03, section 7). The reference runs say the same from the other side: from scratch,
# with some two hundred different pictures or with thousands, all three networks get far above this run's shortest trainings
# once they have seen some thousands; the one with fifteen thousand parameters as well as the one with twenty million.
# SimpleNet now and then does not start, whatever the pictures, which is a matter of seed and learning rate. So the length of
# training decides, and batch normalisation's averages need it most, not capacity. (b) On the *published* pictures: Xception
# from scratch, and SimpleNet with other seeds and another learning rate, each trained for as long as its validation rises. If
# Xception from scratch reached the pretrained one's AUROC, pretraining would only save time; if it stayed behind although its
# training loss is near zero, pretraining brings knowledge that these pictures do not hold.
# <!-- END SOLUTION -->

# %% [markdown]
# ## 7 · Is a score of 0.9 right nine times in ten?
#
# A score between 0 and 1 that sums to 1 with its complement looks like a probability. It is one only if, of all
# pictures with a score near 0.9, about 90 % are fake. The *reliability diagram* looks: on the diagonal, scores mean what
# they say; below it, the detector is too sure that pictures are fake. The *expected calibration error* (ECE) is the mean
# distance from the diagonal. Dividing all logits by one number, the *temperature*, chosen on validation, is the plainest
# cure (Guo et al. 2017). What can it not change: the ranking, the AUROC, or the accuracy at 0.5?

# %%
for title, detector in detectors.items():
    validation = detector.predictions(prepared, "val")
    temperature = calibration.fit_temperature(validation)
    before, after = tables[title], calibration.with_temperature(tables[title], temperature)
    for when, table in (("before", before), ("after", after)):
        error = calibration.expected_calibration_error(table)
        print(f"{title}, {when}: ECE {error:.3f}, AUROC {auroc_interval(table).value:.3f}")
    print(
        f"{title}: temperature {temperature:.2f}, chosen on {len(validation)} validation pictures"
    )
    caption = plots.plot_reliability(
        {f"{title}, as it is": before, f"{title}, T = {temperature:.2f}": after}
    )
    lesson.record(
        f"{title} on synthetic faces, ECE",
        calibration.expected_calibration_error(before),
        dataset=synthetic,
        edition=prepared.edition,
        split="test",
        metric="ece",
        groups=before["group"].nunique(),
        model=detector.name,
    )

# %% [markdown]
# **Question 403 · calibration** (5 points, read by a person, about 15 minutes)
#
# (a) Is each of your detectors too sure, not sure enough, or neither? Read it from the diagram and from the
# temperature. (b) What did the temperature change, and what did it leave as it was? Why must it be chosen on validation?
# (c) A newsroom wants to publish "92 % likely fake". What else would have to hold before it may, even with a
# calibrated score?

# %% [markdown] question="calibration" tags=["answer"]
# **Answer 403 · calibration**
#
# <!-- BEGIN SOLUTION -->
# (a) A temperature above 1 shrinks logits: the detector was too sure; below 1, not sure enough; near 1, neither. In the
# diagram too sure is a curve flatter than the diagonal. (b) It moves scores towards or away from one half and so changes
# ECE and log loss; ranking, AUROC and the calls at 0.5 stay, because a logit's sign and order do. Chosen on test, the
# same pictures would set it and judge it. (c) Calibration holds for pictures like those it was measured on: the same
# kind of fakes, the same compression, and the same *share* of fakes. In a newsroom's inbox that share is another, and so
# is everything else; without a test set of their own pictures the number means nothing.
# <!-- END SOLUTION -->

# %% [markdown]
# ## Recap
#
# - A depthwise separable convolution looks and mixes one after the other, and costs a fraction.
# - What a network starts from is a result's first footnote. Here it is recorded with every number.
# - Parameters, computation, pretraining and the length of training are four things. To say which one helps, change one.
# - Detectors are compared on the same people, in pairs.
# - A score is a probability only after somebody checked.
#
# Next: what do these networks look at, and is it where the picture was changed?
