"""Xception with the course assignment's head: a pretrained network to fine-tune."""

from pathlib import Path

from torch import nn

from course_utils.models.pretrained import Published, initialise

IMAGENET = Published(
    "ImageNet (timm legacy_xception.tf_in1k)",
    "https://github.com/rwightman/pytorch-image-models/releases/download/v0.1-cadene/xception-43020ad28.pth",
    "43020ad28",
)


def get_xception_based_model(weights: str | Path = "auto") -> nn.Module:
    """Return Xception (Chollet 2017) with a head for two classes: 23,128,786 parameters.

    The network is timm's ``legacy_xception``, whose classifier ``fc`` is replaced by the assignment's
    (chapter 4.2): 2048 → 1000 → 256 → 64 → 2 with ReLU between. It takes B x 3 x H x W pictures, normalised
    to -1 to 1 as ImageNet's were, and returns logits B x 2 (real, fake). It was trained at 299 x 299; any
    size from 7 x 7 fits.

    Args:
        weights: "auto", ImageNet's where they can be had; "none", random; or the path of a file, of the
            network with its 1000 classes or of the whole model. ``model.origin`` says what it became.

    Raises:
        CourseError: there is no such file, or it does not hold weights of this model.
    """
    import timm  # takes a second, and most of the course does without

    model = timm.create_model("legacy_xception")
    model.fc = nn.Sequential(
        nn.Linear(model.num_features, 1000),
        nn.ReLU(),
        nn.Linear(1000, 256),
        nn.ReLU(),
        nn.Linear(256, 64),
        nn.ReLU(),
        nn.Linear(64, 2),
    )
    initialise(model, weights, IMAGENET, head="fc")
    return model
