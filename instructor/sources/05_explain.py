# ---
# jupyter:
#   course:
#     title: Saliency and Grad-CAM, scored
#     question: Does a heat map show what gave the forgery away, and how would we know?
#     chapter: assignment, chapter 5
#     minutes: 1
#     hours: 5
#     needs: ["03", "04"]
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 05 · Saliency and Grad-CAM, scored
#
# **The lesson in one sentence.** A heat map over a face always tells a story; whether it is the right one can be
# measured where the manipulated pixels are known, and it often is not.
#
# The figure that will show it sets kinds of heat map, of three networks, beside a map that is random and one that is
# a spot in the middle, on fakes whose mask we have.
#
# | | |
# |---|---|
# | machine | a minute |
# | you | about five hours, in two sittings: sections 1 to 3 are the published chapter, 4 to 6 go on from there |
# | needs | the detectors of notebooks 03 and 04; what is missing is trained here, in under a minute |

# %% tags=["parameters"]
fakes = "rendered_fakes"  # forged faces: parts of one face put into another picture
synthetic = "rendered_synthetic"  # whole faces that came out of a generative model
masked = "rendered_fakes"  # forged faces whose changed pixels are known
pretrained = "auto"  # Xception's first weights: "auto", "none", or the path of a file
image_size = 256  # pixels, side of the pictures
epochs = 2  # of Xception
small_epochs = 5  # of SimpleNet
training_pictures = None  # how many training pictures Xception sees here; None is all
batch_size = 32
learning_rate = 0.001  # of Adam
pictures = 256  # how many test pictures are explained, for means and scores
smooth_samples = 25  # noisy copies of a picture in SmoothGrad
seed = 0

# %%
from functools import partial

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.nn import functional

from course_utils import explain, paths, plots, robustness
from course_utils.data.datasets import PictureDataset
from course_utils.data.prepare import load_dataset
from course_utils.data.regions import FACE_PARTS, face_parts, manipulated_masks
from course_utils.data.rendered.truth import people
from course_utils.detectors import few_training_pictures, score_pictures, train_detector
from course_utils.errors import CourseError
from course_utils.intervals import across_datasets, auroc_interval
from course_utils.lesson import Lesson
from course_utils.models.mesonet import Meso4
from course_utils.models.pretrained import load_weights
from course_utils.models.simplenet import SimpleNet
from course_utils.models.xception import get_xception_based_model
from course_utils.predictions import choose_threshold, predictions_table
from course_utils.subgroups import errors_by

lesson = Lesson("05_explain")

# %% [markdown]
# ## 1 · Four detectors
#
# SimpleNet and Xception, each trained on forged faces and on synthetic ones. Those of notebooks 03 and 04 are used where
# they are found; the others are trained now.

# %%
runs = lesson.folder.parent
training = {
    "batch_size": batch_size,
    "optimizer": {"name": "Adam", "params": {"lr": learning_rate}},
    "seed": seed,
}


def detector(name, dataset_name):
    """Return a detector of this name for a data set, trained here or in an earlier notebook."""
    build = {
        "simplenet": partial(SimpleNet, image_size),
        "xception": partial(get_xception_based_model, pretrained),
    }[name]
    torch.manual_seed(seed)
    return train_detector(
        name,
        build,
        few_training_pictures(
            load_dataset(dataset_name), {"xception": training_pictures}.get(name), seed
        ),
        image_size,
        folder=lesson.folder / f"{name}_{dataset_name}",
        earlier=[
            runs / "04_fine_tune_xception" / f"{name}_{dataset_name}",
            runs / "03_simplenet" / dataset_name,
        ],
        epochs={"simplenet": small_epochs, "xception": epochs}[name],
        **training,
    )


titles = {"simplenet": "SimpleNet", "xception": "Xception"}
detectors = {(name, data): detector(name, data) for data in (fakes, synthetic) for name in titles}

# %%
tested = {
    (name, trained_on, tested_on): one.predictions(load_dataset(tested_on))
    for (name, trained_on), one in detectors.items()
    for tested_on in dict.fromkeys((fakes, synthetic))
}
for (name, data), one in detectors.items():
    auroc = auroc_interval(tested[name, data, data])
    weights = one.run.configuration.get("weights", "from scratch")
    print(f"{titles[name]} on {data}: test AUROC {auroc}; first weights: {weights}")

# %% [markdown]
# Keep these numbers at hand. What can a heat map of a detector mean that does not detect?

# %% [markdown]
# ## 2 · Saliency
#
# How much does the class score change when one pixel changes a little? That is a derivative, and one backward pass gives
# it for all pixels (Simonyan, Vedaldi, Zisserman 2014):
#
# 1. Pass the pictures through the model in evaluation mode, with a gradient asked for the *pictures*.
# 2. Take each picture's logit of its true class, $S_c$.
# 3. Differentiate their sum with respect to the pictures. (Why may they be summed? Does one picture's logit depend on
#    another picture, in evaluation mode?)
# 4. Take the absolute value, then the maximum over the three channels.
#
# **Question 29 · saliency-idea** (4 points, read by a person, about 10 minutes)
#
# In your own words, and with the formula: (a) what does a saliency map show, and of what is it *not* a map? (b) Why the
# logit, and not the probability after softmax?

# %% [markdown] question="saliency-idea" tags=["answer"]
# **Answer 29 · saliency-idea**
#
# <!-- BEGIN SOLUTION -->
# (a) $w = \partial S_c / \partial I$ at the picture $I_0$; the map is its absolute value, the maximum over channels: how
# strongly the score of class c reacts to a small change of each pixel. It is not a map of what the pixel contributes to
# the score: a pixel may contribute much and, where the network is saturated, react little; and it says nothing of larger
# changes. (b) A probability can rise because another class's logit falls, and where the model is sure its derivative is
# nearly zero everywhere, however clear the evidence.
# <!-- END SOLUTION -->

# %% [markdown]
# **Question 31 · saliency** (10 points, marked by checks, about 30 minutes)
#
# Write `compute_gradient_saliency_maps(samples, true_labels, model)`. `samples` is a float tensor B x 3 x H x W, ready for
# the model; `true_labels` holds B integers; the model returns logits B x 2. Return the maps as a tensor B x H x W, and
# leave the model as it was: its mode, and the gradients of its parameters.
#
# A tiny input: for a model whose logit of class 1 is `3 * red - 5 * blue` of a single pixel, and the true label 1, the map
# is `[[[5.0]]]`.
#
# <details><summary>Hint 1: the idea</summary>
#
# `torch.autograd.grad(outputs, inputs)` returns a gradient without touching the parameters'.
#
# </details>
# <details><summary>Hint 2: the shape</summary>
#
# `logits.gather(1, true_labels[:, None])` picks each picture's own logit. `samples.detach().requires_grad_()` is a tensor
# of its own, so the caller's stays as it is. The maximum over channels: `.amax(dim=1)`.
#
# </details>

# %% [markdown]
# ### Your helpers
# Functions and imports that several of your answers use go into this cell.

# %% tags=["helpers"]
# your helpers


# %% question="saliency" tags=["answer"]
# Question 31 · saliency
def compute_gradient_saliency_maps(samples, true_labels, model):
    """Return |dS_c/dI|, the maximum over channels, of each picture's true class: B x H x W."""
    ### BEGIN SOLUTION
    training = model.training
    model.eval()
    inputs = samples.detach().clone().requires_grad_()
    logits = model(inputs)
    scores = logits.gather(1, torch.as_tensor(true_labels, device=logits.device)[:, None])
    (gradients,) = torch.autograd.grad(scores.sum(), inputs)
    model.train(training)
    return gradients.abs().amax(dim=1)
    ### END SOLUTION


# %%
def check_saliency(candidate):
    """A linear model, whose derivative is known, with dropout that must be off."""
    model = nn.Sequential(nn.Flatten(), nn.Dropout(0.9), nn.Linear(3, 2, bias=False))
    model[2].weight.data = torch.tensor([[1.0, 0.0, 2.0], [3.0, 0.0, -5.0]])
    model.train()
    samples = torch.ones(2, 3, 1, 1)
    maps = torch.as_tensor(candidate(samples, torch.tensor([1, 0]), model)).detach()
    assert maps.shape == (2, 1, 1), (
        f"expected maps B x H x W = 2 x 1 x 1, found {tuple(maps.shape)}"
    )
    found = maps.flatten().tolist()
    assert found != [3.0, 2.0], (
        "this is the largest derivative with its sign; take the absolute value"
    )
    assert found[0] != 2.0, "this is a sum over channels; take the maximum"
    assert found == [5.0, 2.0], (
        f"expected [5.0, 2.0], found {found}. Each picture's own class? Is dropout off?"
    )
    assert model.training, "the model was in train mode and should be again"
    assert model[2].weight.grad is None, "the model's parameters have a gradient that was not there"
    assert not samples.requires_grad, "the caller's samples should stay as they were"


def course_saliency(samples, true_labels, model):
    """Return the same from the library."""
    return explain.gradient_saliency(model, samples, true_labels)


compute_gradient_saliency_maps = lesson.go_on_with(
    "saliency", compute_gradient_saliency_maps, check_saliency, course_saliency
)

# %% [markdown]
# Now some test pictures of each set, half of them fake where there are as many, ready for the models.


# %%
def explained_pictures(data):
    """Return test pictures of a set as a batch B x 3 x H x W, their labels, their samples, and their face parts."""
    dataset = detectors["simplenet", data].pictures(load_dataset(data))
    picked = np.random.default_rng(seed)
    each = [np.flatnonzero(dataset.labels == label) for label in (0, 1)]
    chosen = np.concatenate([np.sort(picked.permutation(rows)[: pictures // 2]) for rows in each])
    samples, parts = dataset.samples.iloc[chosen], None
    try:
        found = face_parts(load_dataset(data), samples, image_size)
    except CourseError as error:
        print(f"{data}: no table by part of the face. {error}")
    else:
        samples, parts = found.samples, found.maps
        print(f"{data}: {found.left_out} pictures are left out, no face was found in them")
    row_of = {path: row for row, path in enumerate(dataset.samples["path"])}
    rows = [row_of[path] for path in samples["path"]]
    batch = dataset.batch_transform(torch.stack([dataset[row][0] for row in rows]))
    return batch, torch.from_numpy(dataset.labels[rows]), samples, parts


def saliency_of(one, batch, labels):
    """Return the saliency maps of a detector, sixteen pictures at a time, by the function above."""
    device = next(one.model.parameters()).device
    parts = zip(batch.split(16), labels.split(16), strict=True)
    maps = [compute_gradient_saliency_maps(x.to(device), y.to(device), one.model) for x, y in parts]
    return torch.cat([torch.as_tensor(one_map).detach().cpu() for one_map in maps])


explained = {data: explained_pictures(data) for data in dict.fromkeys((fakes, synthetic))}
saliency = {key: saliency_of(one, *explained[key[1]][:2]) for key, one in detectors.items()}

# %% [markdown]
# In the figure, each picture stands over its map. Before you read anything into a map: does it follow the face, or the
# edges of whatever is in the picture? Is there one that would look the same without the forgery?

# %%
words = ["real", "fake"]


def show_maps(name, data, maps, title):
    """Draw the first two and the last two of the explained pictures over their maps."""
    batch, labels, _, _ = explained[data]
    rows = [0, 1, len(labels) - 2, len(labels) - 1]
    kinds = [words[labels[i]] for i in rows]
    title = f"{title}: {titles[name]} on {data}"
    return plots.plot_maps(batch[rows] / 2 + 0.5, maps[rows], kinds, title)


caption = show_maps("simplenet", fakes, saliency["simplenet", fakes], "Saliency")

# %%
caption = show_maps("xception", synthetic, saliency["xception", synthetic], "Saliency")

# %% [markdown]
# The mean over many pictures, for reals and for fakes. Where a region is bright in one and dark in the other, is that
# where this class's pictures are *different*, or where they are *looked at*?


# %%
def mean_maps(name, data):
    """Return the mean map of reals and of fakes, each map first divided by its sum."""
    maps, labels = saliency[name, data], explained[data][1]
    shares = maps / maps.sum(dim=(1, 2), keepdim=True).clamp_min(1e-12)
    return [shares[labels == label].mean(dim=0) for label in (0, 1)]


for name, data in (("simplenet", fakes), ("xception", synthetic)):
    caption = plots.plot_mean_maps(mean_maps(name, data), f"{titles[name]} on {data}")

# %% [markdown]
# Eyes can be fooled, so here is the same as a table: the share of the map that falls on a part of the face, divided by
# the share of the picture that the part covers. 1 is what a map gives that looks nowhere in particular; 2 is twice as
# much. (Where the parts are is known for drawn people; on photographs a detector's five points place them roughly.)


# %%
def attention_by_part(all_maps):
    """Return share of the map over share of the picture, a row a detector and class, a column a part of the face."""
    rows = {}
    for (name, data), maps in all_maps.items():
        _, labels, _, parts = explained[data]
        if parts is None:
            continue
        table = explain.attribution_by_part(maps, parts, FACE_PARTS)
        table["class"] = np.asarray(words)[labels.numpy()[table["picture"]]]
        sums = table.groupby(["class", "part"])[["attribution", "area"]].mean()
        for kind, means in sums.groupby("class"):
            rows[titles[name], data, kind] = (means["attribution"] / means["area"]).droplevel(
                "class"
            )
    return pd.DataFrame(rows, index=list(FACE_PARTS)).T.round(2)


attention_by_part(saliency)

# %% [markdown]
# **Question 32 · saliency-maps** (8 points, read by a person, about 25 minutes)
#
# (a) Describe the maps of both networks: what do they follow? Where do the mean maps of reals and fakes differ, and is
# the difference larger than the one between two halves of the reals would be? (b) The published report reads in its
# mean maps that the "right eyebrow" gives fakes away and the "mouth and left eye" the reals. Take your table: which part
# of the face gets more than its area, in reals and in fakes? Would you have told the same story from the pictures alone?
# (c) What do you make of the maps of a detector whose AUROC was near 0.5?

# %% [markdown] question="saliency-maps" tags=["answer"]
# **Answer 32 · saliency-maps**
#
# <!-- BEGIN SOLUTION -->
# (a) SimpleNet's maps are grainy and follow edges: outlines of eyes, mouth, hair and clothes, in reals and fakes alike.
# Xception's are smoother or blocky, by its strides. The two mean maps look alike, since both classes show faces in the
# same place; how much two halves of the reals would differ has to be computed before any bright spot is interpreted.
# (b) From the table. Typically eyes, brows and mouth get more than their area in both classes,
# because edges are there; the difference between the classes is small against that. The eye sees stories in spots: the
# published sentences rest on single maxima of a mean, without any measure of spread. (c) A detector that does not detect
# has maps as well, and they look no less convincing. They show what its logit reacts to, which is not what forgery is.
# <!-- END SOLUTION -->

# %% [markdown]
# The library's version does the same and adds *SmoothGrad* (Smilkov et al. 2017): the mean map over noisy copies of the
# picture. The grain goes; is what remains more right, or only prettier? Section 4 will measure it.

# %%
smooth = explain.smooth_grad(
    detectors["simplenet", fakes].model, *explained[fakes][:2], samples=smooth_samples, seed=seed
)
caption = show_maps("simplenet", fakes, smooth, "SmoothGrad")

# %% [markdown]
# ## 3 · Grad-CAM
#
# A saliency map goes all the way down to the pixels, and is grainy. Grad-CAM (Selvaraju et al. 2017) stops at a layer
# deep in the network, whose maps still know *where* but already respond to *what*. With $A^k$ the k-th map of the layer
# (of $Z$ places) and $S_c$ the logit of class c:
#
# $$\alpha^c_k = \frac{1}{Z} \sum_{i,j} \frac{\partial S_c}{\partial A^k_{ij}} \qquad
# L^c = \mathrm{ReLU}\left(\sum_k \alpha^c_k A^k\right)$$
#
# Each map is weighted by how much, on average, the score rises with it; what speaks against the class is cut off.
#
# **Question 30 · grad-cam-idea** (4 points, read by a person, about 10 minutes)
#
# (a) In your own words: what do $\alpha$ and the ReLU do? (b) What is gained over a saliency map, and what is lost?
# How large, in pixels of the picture, is one place of SimpleNet's last convolution at your image size, and of
# Xception's?

# %% [markdown] question="grad-cam-idea" tags=["answer"]
# **Answer 30 · grad-cam-idea**
#
# <!-- BEGIN SOLUTION -->
# (a) α says how much the score of class c rises, on average over all places, when map k grows; the ReLU keeps the places
# where the weighted maps speak *for* the class. (b) Gained: regions instead of grain, and a map that differs between
# the classes. Lost: resolution, since the map is as coarse as the layer and only enlarged, and everything that speaks
# against the class. SimpleNet's third convolution has a place for every 4 x 4 pixels (two poolings lie before it), 53 x 53
# of them at 256² and 21 x 21 at 128², and each sees a neighbourhood of 46 pixels; Xception's last convolution has one for
# 32 x 32 pixels, 8 x 8 places at 256² and 4 x 4 at 128².
# <!-- END SOLUTION -->

# %% [markdown]
# **Question 33 · grad-cam** (10 points, marked by checks, about 40 minutes)
#
# Write `compute_grad_cam(samples, labels, model, layer)`. `layer` is a module inside the model, for instance
# `model.features[6]`; its output is B x K x h x w. Return the maps B x h x w, as coarse as the layer, of each sample's
# class in `labels`. The model stays as it was: mode, gradients of its parameters, and no hook left behind.
#
# A tiny input: with one map $A$ = [[1, 2], [3, 4]] and $S_1$ = the sum of $A$, $\alpha$ = 1 and the map is $A$ itself;
# for $S_0$ = minus that sum the map is zero everywhere.
#
# <details><summary>Hint 1: the idea</summary>
#
# `layer.register_forward_hook(function)` calls your function with (module, inputs, output) during the forward pass: keep
# the output. Then `torch.autograd.grad(scores.sum(), output)`.
#
# </details>
# <details><summary>Hint 2: the shape</summary>
#
# `weights = gradients.mean(dim=(2, 3), keepdim=True)`; `(weights * maps).sum(dim=1).relu()`. Remove the hook also when the
# forward pass fails: `try: … finally: handle.remove()`.
#
# </details>


# %% question="grad-cam" tags=["answer"]
# Question 33 · grad-cam
def compute_grad_cam(samples, labels, model, layer):
    """Return Grad-CAM at a layer, for each sample's class: B x h x w."""
    ### BEGIN SOLUTION
    kept = []
    handle = layer.register_forward_hook(lambda module, inputs, output: kept.append(output))
    training = model.training
    model.eval()
    try:
        with torch.enable_grad():
            logits = model(samples.detach().clone().requires_grad_())
    finally:
        handle.remove()
        model.train(training)
    scores = logits.gather(1, torch.as_tensor(labels, device=logits.device)[:, None])
    (gradients,) = torch.autograd.grad(scores.sum(), kept[0])
    weights = gradients.mean(dim=(2, 3), keepdim=True)
    return (weights * kept[0]).sum(dim=1).relu().detach()
    ### END SOLUTION


# %%
def check_grad_cam(candidate):
    """One map whose derivative is known; a layer in the middle; nothing left behind."""

    class Tiny(nn.Module):
        def __init__(self):
            super().__init__()
            self.middle = nn.Identity()
            self.scale = nn.Parameter(torch.ones(()))

        def forward(self, pictures):
            total = self.middle(self.scale * pictures).sum(dim=(1, 2, 3))
            return torch.stack([-total, total], dim=1)

    model = Tiny().train()
    samples = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]]).repeat(2, 1, 1, 1)
    maps = torch.as_tensor(candidate(samples, torch.tensor([1, 0]), model, model.middle)).detach()
    assert maps.shape == (2, 2, 2), (
        f"expected maps B x h x w = 2 x 2 x 2, found {tuple(maps.shape)}"
    )
    assert maps.min() >= 0, "what speaks against the class should be cut off: ReLU"
    assert torch.equal(maps[0], samples[0, 0]), (
        f"expected {samples[0, 0].tolist()} for class 1, found {maps[0].tolist()}"
    )
    assert not maps[1].any(), f"expected zeros for class 0, found {maps[1].tolist()}"
    assert not model.middle._forward_hooks, "the hook is still there"
    assert model.training, "the model was in train mode and should be again"
    assert model.scale.grad is None, "the model's parameters have a gradient that was not there"


def course_grad_cam(samples, labels, model, layer):
    """Return the library's maps; they are enlarged to the picture already."""
    name = next(name for name, module in model.named_modules() if module is layer)
    return explain.grad_cam(model, samples, labels, name)


compute_grad_cam = lesson.go_on_with("grad-cam", compute_grad_cam, check_grad_cam, course_grad_cam)

# %% [markdown]
# **Question 34 · grad-cam-visualization** (8 points, marked by checks, about 25 minutes)
#
# Write `get_grad_cam_visualization(test_dataset, model)`. It draws an item of the dataset at random, with torch's own
# generator, and returns `(visualization, label)`: the picture with its map laid over it, an array H x W x 3 of floats from
# 0 to 1, and the item's true label as an integer. The map is Grad-CAM of the true class at the model's last convolution,
# enlarged to the picture bilinearly and divided by its maximum (where that is not zero). Lay it over with
# `overlay(picture, heat)`, which is given. `test_dataset[i]` is (normalised tensor 3 x H x W, label).
#
# What is expected, for a dataset with one item: the same picture and label at every call.
#
# <details><summary>Hint 1: the idea</summary>
#
# Which module is the last convolution? `model.named_modules()` lists all, in order;
# `explain.last_convolution(model)` gives the name that the course uses.
#
# </details>
# <details><summary>Hint 2: the shape</summary>
#
# `functional.interpolate(maps[:, None], size=..., mode="bilinear", align_corners=False)`;
# a normalised tensor becomes a picture by `tensor / 2 + 0.5`; `.permute(1, 2, 0)` puts channels last.
#
# </details>


# %%
from course_utils.plots import overlay  # picture H x W x 3 and map H x W, both from 0 to 1


# %% question="grad-cam-visualization" tags=["answer"]
# Question 34 · grad-cam-visualization
def get_grad_cam_visualization(test_dataset, model):
    """Return (picture with its Grad-CAM over it, H x W x 3 in 0 to 1; true label) of an item drawn at random."""
    ### BEGIN SOLUTION
    index = int(torch.randint(len(test_dataset), (1,)))
    sample, label = test_dataset[index]
    device = next(model.parameters()).device
    layer = model.get_submodule(explain.last_convolution(model))
    maps = compute_grad_cam(sample[None].to(device), torch.tensor([int(label)]), model, layer)
    size = sample.shape[1:]
    heat = functional.interpolate(maps[:, None], size=size, mode="bilinear", align_corners=False)
    heat = heat[0, 0].cpu() / heat.max().cpu().clamp_min(1e-12)
    picture = (sample / 2 + 0.5).permute(1, 2, 0)
    return np.asarray(overlay(picture.numpy(), heat.numpy())), int(label)
    ### END SOLUTION


# %%
def check_visualization(candidate):
    """One item: its size, its label, floats from 0 to 1, and the same again."""
    torch.manual_seed(0)
    model = SimpleNet(64)
    items = [(torch.rand(3, 64, 64) * 2 - 1, 1)]
    picture, label = candidate(items, model)
    picture = np.asarray(picture)
    assert picture.shape == (64, 64, 3), f"expected H x W x 3 = 64 x 64 x 3, found {picture.shape}"
    assert picture.min() >= 0 and picture.max() <= 1, (
        f"floats from 0 to 1 are expected; these run from {picture.min():.2f} to {picture.max():.2f}"
    )
    assert label == 1 and isinstance(label, int), f"expected the label 1, found {label!r}"
    again, _ = candidate(items, model)
    assert np.allclose(picture, again), (
        "the same item gave another picture: is the model in eval mode?"
    )


def course_visualization(test_dataset, model):
    """Return the same from the library's maps."""
    sample, label = test_dataset[int(torch.randint(len(test_dataset), (1,)))]
    device = next(model.parameters()).device
    maps = explain.grad_cam(model, sample[None].to(device), [int(label)])
    heat = maps[0].cpu() / maps.max().cpu().clamp_min(1e-12)
    return overlay((sample / 2 + 0.5).permute(1, 2, 0).numpy(), heat.numpy()), int(label)


get_grad_cam_visualization = lesson.go_on_with(
    "grad-cam-visualization", get_grad_cam_visualization, check_visualization, course_visualization
)

# %% [markdown]
# One real and one fake of each set, by each network: eight overlays. Before you read them, look back at the four AUROCs
# of section 1. Can you tell from the overlays alone which detectors work?

# %%
shown, kinds = [], []
for data, (batch, labels, _, _) in explained.items():
    for label in (0, 1):
        for name, title in titles.items():
            of_class = [(picture, label) for picture in batch[labels == label][:1]]
            picture, true_label = get_grad_cam_visualization(of_class, detectors[name, data].model)
            shown.append(picture)
            kinds.append(f"{words[true_label]}: {title}\n{data}")
caption = plots.sample_grid(shown, kinds, columns=4)

# %%
cam = {key: explain.grad_cam(one.model, *explained[key[1]][:2]) for key, one in detectors.items()}
attention_by_part(cam)

# %% [markdown]
# **Question 35 · grad-cam-maps** (8 points, read by a person, about 25 minutes)
#
# (a) Compare the two networks' overlays on forged and on synthetic faces. Which differences come from the layer's
# resolution, and which from what was learnt? (b) The published report sees nothing in SimpleNet's overlays of synthetic
# faces and much in Xception's, and concludes that SimpleNet "is not complex enough". Which of your four AUROCs speak for
# or against reading overlays like this? (c) From the table: on which parts of the face does Xception's map of *fakes* of
# the forged set lie, compared with its map of reals?

# %% [markdown] question="grad-cam-maps" tags=["answer"]
# **Answer 35 · grad-cam-maps**
#
# <!-- BEGIN SOLUTION -->
# (a) Xception's map has one value for 32 x 32 pixels, so it is a soft blob whatever it has learnt; SimpleNet's is finer
# and more broken up. Where the maxima lie is learnt. (b) An overlay of a detector that guesses looks like any other: it
# has a maximum too, because it is divided by its maximum. Overlays cannot tell a detector that works from one that does
# not, so they are no evidence that a network is too simple; the AUROC is. (c) Read from the table, share against area,
# reals against fakes, as far as the difference is larger than the differences between detectors that do not detect.
# <!-- END SOLUTION -->

# %% [markdown]
# ## 4 · Is the explanation right?
#
# Nobody could say, in the published chapter. Here we can: of each forged picture we know which pixels were changed. If a
# map explains why a picture was called fake, it should lie there. Three measures:
#
# - *pointing game*: is the map's highest pixel inside the mask (Zhang et al. 2018)?
# - *share inside*: which share of the map's sum lies inside?
# - *pixel AUROC*: how well does the map rank changed pixels above unchanged ones?
#
# Any map of a face set scores well if it just looks at the middle, because faces are there and forgeries are in faces. So
# two maps that look at no network stand beside them: a random one, and a spot in the middle. Where would you draw the
# line from which on you call an explanation right?
#
# And one question must not be mistaken for the other: a map of a detector that guesses can only miss. So a third
# detector joins the two, from a reference run of ours: Meso-4, trained on drawn people who are in no other set. There is
# a line below on what it was trained on, and one on how well it detects *here*.

# %%
prepared = load_dataset(masked)
on_masked = {name: detector(name, masked) for name in titles}
dataset = on_masked["simplenet"].pictures(prepared)
networks = {titles[name]: one.model for name, one in on_masked.items()}

reference = paths.read_reference("05_meso4")
meso4_size = reference["image_size"]
networks["Meso-4"] = Meso4(meso4_size).eval()
load_weights(paths.reference_runs() / "05_meso4.safetensors", networks["Meso-4"])
print(
    f"Meso-4: {reference['training_pictures']:,} pictures of {reference['training_people']:,} people in"
    f" {reference['dataset']}, {reference['epochs']} epochs, {reference['device']}, {reference['date']}"
)
of_meso4 = PictureDataset(prepared.split("test"), prepared.root, meso4_size)
meso4_scores = predictions_table(
    of_meso4.samples,
    score_pictures(networks["Meso-4"], of_meso4),
    model="meso4",
    run=reference["dataset"],
)
print(f"Meso-4 on {masked}: test AUROC {auroc_interval(meso4_scores)}")
for name, one in on_masked.items():
    print(f"{titles[name]} on {masked}: test AUROC {auroc_interval(one.predictions(prepared))}")
forged = dataset.samples[dataset.samples["label"] == 1]
truth = manipulated_masks(prepared, forged, image_size)
print(f"{len(truth.samples)} fakes with a mask; {truth.left_out} without one are left out")
chosen = np.random.default_rng(seed).permutation(len(truth.samples))[:pictures]
forged, masks = truth.samples.iloc[chosen], truth.maps[chosen]
row_of = {path: row for row, path in enumerate(dataset.samples["path"])}
batch = dataset.batch_transform(torch.stack([dataset[row_of[path]][0] for path in forged["path"]]))
fake = torch.ones(len(batch), dtype=torch.int64)

small = torch.stack([of_meso4[row_of[path]][0] for path in forged["path"]])
batches = {title: batch for title in networks} | {"Meso-4": of_meso4.batch_transform(small)}


def of_full_size(maps_of_network):
    """Return maps as large as the pictures of the other networks."""
    return functional.interpolate(maps_of_network[:, None].float(), image_size, mode="bilinear")[
        :, 0
    ]


maps = {}
for title, model in networks.items():
    of_network = {
        "saliency": explain.gradient_saliency(model, batches[title], fake),
        "Grad-CAM": explain.grad_cam(model, batches[title], fake),
    }
    if title != "Xception":  # it would take minutes on a processor
        of_network["SmoothGrad"] = explain.smooth_grad(
            model, batches[title], fake, samples=smooth_samples, seed=seed
        )
    maps |= {f"{title}: {kind}": of_full_size(found) for kind, found in of_network.items()}
maps["at random"] = explain.random_maps(tuple(batch.shape[i] for i in (0, 2, 3)), seed=seed)
maps["a spot in the middle"] = explain.centre_maps(tuple(batch.shape[i] for i in (0, 2, 3)))
scores = explain.score_maps(maps, masks, forged["group"].tolist())

# %% [markdown]
# First one picture of each kind of forgery, with the mask and two maps. Then all of them, as numbers: a point's colour
# says whether a network was explained, and the dashed line is the best of the maps that look at none.

# %%
kinds = forged["method"].reset_index(drop=True)
one_each = kinds.drop_duplicates().sort_values().index.tolist()
tiles = [*(batch[one_each] / 2 + 0.5)]
tiles += [np.repeat(masks[i][..., None].astype(float), 3, axis=2) for i in one_each]
shown = ("Meso-4: saliency", "SimpleNet: saliency", "Xception: Grad-CAM")
for explanation in shown:
    for i in one_each:
        heat = np.asarray(maps[explanation][i], dtype=float)
        heat = np.clip(heat / max(np.percentile(heat, 99.5), 1e-12), 0, 1)
        tiles.append(overlay(batch[i].permute(1, 2, 0).numpy() / 2 + 0.5, heat))
names = [f"{kind}" for kind in kinds[one_each]]
lines = ("picture", "changed", *(explanation.replace(":", "") for explanation in shown))
caption = plots.sample_grid(
    tiles, [f"{name}\n{line}" for line in lines for name in names], columns=len(one_each)
)

# %%
summary = explain.summarise(scores)
titles_of_measures = {"pointing": "pointing game", "share": "share inside", "auroc": "pixel AUROC"}
summary["baseline"] = summary["explanation"].isin(["at random", "a spot in the middle"])
first_weights = {
    titles[name]: one.run.configuration.get("weights", "from scratch")
    for name, one in on_masked.items()
} | {"Meso-4": f"reference run on {reference['dataset']}, {reference['date']}"}
caption = plots.plot_explanation_scores(
    summary.replace({"measure": titles_of_measures}), f"Is it right? {len(batch)} fakes of {masked}"
)
for row in summary[(summary["measure"] == "auroc") & ~summary["baseline"]].itertuples():
    gain = explain.difference(scores, row.explanation, "a spot in the middle", "auroc")
    print(f"{row.explanation} minus a spot in the middle, pixel AUROC: {gain}")
    title = row.explanation.split(":")[0]
    lesson.record(
        f"{row.explanation}, pixel AUROC",
        row.value,
        dataset=masked,
        edition=prepared.edition,
        split="test",
        metric="pixel_auroc",
        interval=(row.low, row.high),
        groups=row.groups,
        model=title,
        weights=first_weights[title],
        seed=seed,
    )

# %% [markdown]
# Does a map depend on what the network has *learnt* at all? Adebayo et al. (2018) draw the weights anew, at random, and
# look whether the map changes. One that stays the same shows the picture, not the network. Below, the rank correlation of
# each map with that of the same network with random weights: 1 is the same order of pixels, 0 is none. (Correlations of
# absolute derivatives are not quite 0 for two unrelated networks of the same architecture. Why not?)

# %%
for title, model in networks.items():
    random_network = explain.randomised(model, seed=seed)
    for kind, method in (("saliency", explain.gradient_saliency), ("Grad-CAM", explain.grad_cam)):
        few = slice(0, 16)
        learnt, unlearnt = (
            maps[f"{title}: {kind}"][few],
            of_full_size(method(random_network, batches[title][few], fake[few])),
        )
        alike = explain.rank_correlation(learnt, unlearnt)
        known = alike[np.isfinite(alike)]  # a map that is the same everywhere ranks nothing
        told = (
            f"{known.mean():.2f} (from {known.min():.2f} to {known.max():.2f})"
            if len(known)
            else "none"
        )
        print(f"{title}, {kind}: rank correlation with random weights {told}")

# %% [markdown]
# **Question 501 · right-or-pretty** (8 points, read by a person, about 30 minutes)
#
# (a) From your figure: which explanations find the changed pixels better than the spot in the middle, by which measure,
# and is the difference larger than its interval? (b) Set this beside the three detectors' test AUROCs. A map can
# miss the mask because the explanation is wrong, or because the *detector* looks elsewhere; how would you tell these
# apart, and does a better detector have better maps here? (c) From the randomisation: which maps depend least on what was
# learnt? (d) What would you answer a newsroom that wants to print such an overlay as proof?

# %% [markdown] question="right-or-pretty" tags=["answer"]
# **Answer 501 · right-or-pretty**
#
# <!-- BEGIN SOLUTION -->
# (a) Read from the figure and the printed differences; only those whose interval excludes zero count, in either
# direction. The spot in the middle is strong, because faces are in the middle and so are forgeries: an explanation that
# does not beat it has not shown that it looked. (b) If the detector's own AUROC is near 0.5, the map cannot be expected to
# find anything. If the detector works, cover what the map shows and see whether the score falls: if it does, the map is
# true to the detector, and the detector uses something else than the changed pixels; if it does not, the map is wrong.
# Whether the detector that works has the better maps is read from the figure, in each measure by itself; that it works
# does not make its maps right.
# (c) Those with the highest correlation; saliency maps of untrained networks show edges too. (d) An overlay shows where a
# score reacts, not that a picture was forged or where. Without a test like this, on pictures of this kind, it is an
# illustration.
# <!-- END SOLUTION -->

# %% [markdown]
# ## 5 · Which mistake?
#
# Five maps of the same drawn picture and the same network, from reference runs of ours. O1 is a right saliency map and O2
# a right Grad-CAM (of an earlier layer). A, B and C each contain one mistake: *no absolute value*, *a sum over the
# channels instead of the maximum of absolute values*, *no ReLU*. Where a map has negative values, zero is white, orange is
# above and violet below. Look at the sign first, then at the grain. (The network remembers its training pictures and
# detects little; a mistake in a map shows whatever the network knows.)

# %%
reference = paths.read_reference("05_which_map")
picture = np.stack(
    [np.frombuffer(bytes.fromhex(row), np.uint8).reshape(-1, 3) for row in reference["picture"]]
)
print(f"{reference['dataset']} · {reference['device']} · {reference['date']}", end=" · ")
print(f"a network with test AUROC {reference['test_auroc']}")
letters = list(reference["maps"])
wrong = [
    np.array([row.split() for row in reference["maps"][letter]], dtype=float) for letter in letters
]
side = len(picture)
enlarged = [
    functional.interpolate(torch.tensor(one)[None, None], size=(side, side))[0, 0] for one in wrong
]
caption = plots.plot_maps(
    np.repeat(picture.transpose(2, 0, 1)[None] / 255, len(letters), axis=0),
    torch.stack(enlarged),
    letters,
    "Which mistake?",
)
for letter, one in zip(letters, wrong, strict=True):
    print(
        f"{letter}: {np.mean(one < 0):.0%} negative, mean {one.mean():.1f}, from {one.min():.0f} to {one.max():.0f}"
    )

# %% [markdown]
# **Question 502 · which-map** (6 points, read by a person, about 20 minutes)
#
# Give for A, B and C the name of the mistake and the feature that gives it away. (Two points each.)

# %% [markdown] question="which-map" tags=["answer"]
# **Answer 502 · which-map**
#
# <!-- BEGIN SOLUTION -->
# A is *no absolute value*: the largest of three signed derivatives is positive more often than not, so the map is mostly
# positive with a few negative pixels (where all three channels are negative), and strong negative derivatives are lost.
# B is *a sum over the channels*: derivatives keep their sign and partly cancel, so that strong negative pixels stand
# beside strong positive ones, far more of them than in A, as fine as in O1. C is *no ReLU*: it is as coarse as O2, so it
# is a Grad-CAM, and has O2's shape wherever it is positive, but what speaks against the class is still there, in violet.
# <!-- END SOLUTION -->

# %% [markdown]
# ## 6 · May it be used?
#
# ### Other pictures of the same people
#
# Pictures are passed on: saved again, made smaller, blurred. Each panel degrades the test pictures in one way, from left
# to right more and more. Which way do you expect to hurt a detector of *synthetic* faces most, whose traces are fine?

# %%
degraded = robustness.predict_degraded(
    detectors["simplenet", synthetic].pictures(load_dataset(synthetic)),
    {titles[name]: detectors[name, synthetic].trainer.predict for name in titles},
    (
        robustness.JPEG.at(80, 40),
        robustness.BLUR.at(1),
        robustness.RESIZE.at(50),
        robustness.NOISE.at(8),
    ),
    seed=seed,
)
curves = robustness.robustness(degraded)
caption = plots.plot_robustness(curves)

# %% [markdown]
# ### Other fakes
#
# Trained on the one kind, tested on the other. The diagonal is what papers print first. (What would an AUROC *below* 0.5
# off the diagonal mean?)

# %%
by_training = {
    data: pd.concat([table for (_, trained_on, _), table in tested.items() if trained_on == data])
    for data in dict.fromkeys((fakes, synthetic))
}
across_datasets(by_training).map(str)

# %% [markdown]
# ### Other people
#
# One threshold for everybody, chosen on validation. Does it err as often on dark skin as on light, on people with glasses,
# on old and young? Of drawn people these things are known; of photographed ones the course knows nothing of the kind and
# guesses nothing, so there this section is empty. An interval is drawn over *people*; a group with fewer than eight gets
# none.

# %%
one = detectors["simplenet", fakes]
threshold = choose_threshold(one.predictions(load_dataset(fakes), "val"))
try:
    known = people(load_dataset(fakes))
except CourseError as error:
    print(error)
else:
    known["skin"] = np.where(known["skin_tone"] <= 3, "skin types 1 to 3", "skin types 4 to 6")
    known["eyes"] = np.where(known["glasses"], "glasses", "no glasses")
    known["years"] = pd.cut(known["age"], [0, 40, 100], labels=["up to 40", "over 40"]).astype(str)
    table = tested["simplenet", fakes, fakes].merge(known, on="target")
    for column in ("skin", "eyes", "years"):
        caption = plots.plot_subgroups(errors_by(table, column, threshold), column)

# %% [markdown]
# **Question 503 · robust** (5 points, read by a person, about 15 minutes)
#
# (a) Which degradation costs which detector most, and is the loss larger than the intervals? (b) From the table across
# data sets: what does the detector of one kind know of the other? (c) Would you expect the order of the two networks to
# be the same on a third data set? What would you need to know?

# %% [markdown] question="robust" tags=["answer"]
# **Answer 503 · robust**
#
# <!-- BEGIN SOLUTION -->
# (a) Read from the panels; only a change whose interval lies apart from the first point's is a loss. Fine traces (of
# upsampling) go first with blur and downscaling, and with strong JPEG; a detector that knew nothing has nothing to lose.
# (b) Off the diagonal AUROC is usually near 0.5: seams and spectra are different things. Below 0.5 by more than the
# interval would mean that what speaks for a fake in the one set speaks for a real one in the other, so there is a cue, and
# it is turned round. (c) No: the order on two sets says little about a third; what made the fakes, how pictures were
# compressed, and whether the training set holds that kind decide more than the architecture.
# <!-- END SOLUTION -->

# %% [markdown]
# **Question 504 · who-pays** (6 points, read by a person, about 20 minutes)
#
# (a) Between which groups of people do the error rates differ by more than their intervals allow? Name false positives and
# misses apart: who is hurt by the one, who by the other? (b) If you find no difference, may you say that the detector is
# fair? Use the numbers of people. (c) Which step of building a *real* data set would most likely bring in a difference
# like this, and how would you find out before training?

# %% [markdown] question="who-pays" tags=["answer"]
# **Answer 504 · who-pays**
#
# <!-- BEGIN SOLUTION -->
# (a) Only where intervals lie apart (or a test of the difference says so). A false positive hurts the person shown, whose
# true picture is called a forgery; a miss hurts whoever is deceived, and the person whose face was used. (b) No: with ten
# or twenty people a group the interval is so wide that a difference of twenty points would not show. "Not found" is not
# "not there". (c) Collecting: reals of one origin and fakes of another, few dark-skinned people among the fakes, light and
# cameras that go with a group. Cross the label with every known attribute before training, and audit by group: a cue that
# tells the label within one group only is a warning.
# <!-- END SOLUTION -->

# %% [markdown]
# ## Recap
#
# - Saliency asks how the score reacts to pixels, Grad-CAM where a layer's maps speak for the class. Neither says why.
# - A detector that guesses has maps too.
# - An explanation is a claim about pixels. Where the changed pixels are known it can be scored, against maps that look at
#   no network; where they are not, it cannot, and an overlay is an illustration.
# - A map that does not change when the weights are drawn anew shows the picture.
# - Before use: other compressions, other fakes, other people, each with its interval.
#
# Next: detectors without a network, and what they can and cannot see.
