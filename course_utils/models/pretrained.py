"""Weights from outside: reading them safely, and noting on the model where its first weights came from.

A file is safetensors, or a state dict that torch saved and ``weights_only=True`` reads: opening either never
runs code.
"""

import pickle
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pooch
import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from course_utils import paths
from course_utils.data.pictures import digest
from course_utils.errors import CourseError

PATIENCE = 5  # seconds to wait for a server that says nothing


@dataclass(frozen=True)
class Published:
    """Weights that somebody published.

    Attributes:
        name: what they are, as results record it, e.g. "ImageNet (timm legacy_xception.tf_in1k)".
        url: the file.
        sha256: the first digits of its SHA-256; empty where they are not known, and any file is taken.
        file: its name in ``weights/`` of the data root or of a cache; by default that of the URL.
    """

    name: str
    url: str
    sha256: str
    file: str = ""

    @property
    def kept_as(self) -> str:
        """The name under which the file is looked for and kept."""
        return self.file or Path(self.url).name


@dataclass(frozen=True)
class Origin:
    """Where a model's first weights came from; ``str()`` of it is what results record.

    Attributes:
        weights: the published weights, a file and its SHA-256, or "from scratch": the same for the same
            weights on every machine.
        missed: why published weights that were wanted could not be had; empty where all went well.
    """

    weights: str
    missed: str = ""

    def __str__(self) -> str:
        return f"auto: could not be had ({self.missed}), {self.weights}" if self.missed else self.weights


def as_it_is(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights of a file that has the names of the model's own."""
    return weights


def initialise(
    model: nn.Module,
    weights: str | Path,
    published: Published,
    head: str,
    adapt: Callable[[dict[str, Tensor]], dict[str, Tensor]] = as_it_is,
) -> None:
    """Give `model` its first weights, in place, and note where they came from as ``model.origin``.

    Args:
        model: with random weights.
        weights: "auto" takes the published weights from `weights/` of the data root or of a cache, or fetches
            them once, and warns and stays random where they cannot be had; "none" stays random; anything else
            is the path of a file (see `load_weights`).
        published: what "auto" means.
        head: name of the model's classifier.
        adapt: makes of a file's tensors, by name, those of a model that has more or less than the published.

    Raises:
        CourseError: there is no such file, or it does not hold weights of this model.
    """
    if weights == "none":
        model.origin = Origin("none: from scratch")
        return
    if weights != "auto":
        load_weights(Path(weights), model, head, adapt)
        model.origin = Origin(f"{Path(weights).name}, SHA-256 {digest(Path(weights))[:16]}")
        return
    try:
        file = _find(published) or _fetch(published)
    except _Missed as missed:
        warnings.warn(
            f"{type(model).__name__} starts from random weights, because its pretrained ones could not be had"
            f" ({missed}). To start from {published.name}, put {published.url} into weights/ of the data"
            f" root, as {published.kept_as}.",
            stacklevel=3,
        )
        model.origin = Origin("from scratch", str(missed))
        return
    load_weights(file, model, head, adapt)
    model.origin = Origin(published.name)


def load_weights(
    path: Path,
    model: nn.Module,
    head: str | None = None,
    adapt: Callable[[dict[str, Tensor]], dict[str, Tensor]] = as_it_is,
) -> None:
    """Read a file of weights into `model`, in place.

    Args:
        path: a safetensors file, or a state dict that torch saved.
        model: the model, whose parameters have the names and shapes of the file's.
        head: name of the model's classifier. Where the file has another one of that name, a single linear
            layer (of ImageNet's 1000 classes, say), the model's own stays as it is.
        adapt: as for `initialise`.

    Raises:
        CourseError: there is no such file, it is damaged or holds more than tensors (which is not looked at),
            or it is of another model (says which parameters are missing, left over or of another shape).
    """
    weights, expected = adapt(read_weights(path)), model.state_dict()
    linear = weights.get(f"{head}.weight")
    own = expected.get(f"{head}.weight")
    if linear is not None and linear.ndim == 2 and (own is None or own.shape != linear.shape):
        weights = {name: tensor for name, tensor in weights.items() if not name.startswith(f"{head}.")}
        weights |= {name: tensor for name, tensor in expected.items() if name.startswith(f"{head}.")}
    # Old files lack the counters of batches, from which nothing is computed.
    counters = {name: tensor for name, tensor in expected.items() if name.endswith("num_batches_tracked")}
    put_weights({**counters, **weights}, model, path)


def put_weights(weights: Mapping[str, Tensor], model: nn.Module, path: Path) -> None:
    """Put weights that were read from `path` into `model`, in place.

    Raises:
        CourseError: they are of another model (says which parameters are missing, left over or of another
            shape).
    """
    expected = model.state_dict()
    wrong = [f"  {name}: missing in the file" for name in expected if name not in weights]
    wrong += [f"  {name}: only in the file" for name in weights if name not in expected]
    wrong += [
        f"  {name}: {tuple(weights[name].shape)} in the file, {tuple(tensor.shape)} in the model"
        for name, tensor in expected.items()
        if name in weights and weights[name].shape != tensor.shape
    ]
    if wrong:
        more = [f"  and {len(wrong) - 10} more"] if len(wrong) > 10 else []
        raise CourseError(
            f"{path} does not fit this {type(model).__name__}:\n"
            + "\n".join(wrong[:10] + more)
            + "\nBuild the model with the settings (image size, classes) that the weights were trained with."
        )
    model.load_state_dict(weights)


def read_weights(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a safetensors file, or of a state dict that torch saved, by name.

    Raises:
        CourseError: there is no such file, it is damaged, or it holds more than tensors (which is not looked
            at).
    """
    try:
        if path.suffix == ".safetensors":
            return safetensors.torch.load_file(path)
        weights = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise CourseError(
            f"There are no weights at {path}. Check the path; those of a run of the course are there once"
            " fit() has written them."
        ) from error
    except SafetensorError as error:
        raise CourseError(
            f"{path} is not a readable safetensors file: {first_line(error)}. Fetch or train it again."
        ) from error
    except pickle.UnpicklingError as error:
        # What torch says here is how to run the file's code all the same.
        raise CourseError(
            f"{path} is damaged or holds more than tensors. Nothing else is read from such a file, because"
            " that could run code of whoever made it. Fetch it again, or have its state_dict() alone saved,"
            " best as safetensors."
        ) from error
    except Exception as error:  # torch raises half a dozen types for a file that is not a checkpoint
        raise CourseError(
            f"{path} is damaged and cannot be read: {first_line(error)}. Fetch or train it again."
        ) from error
    if not isinstance(weights, Mapping) or not all(isinstance(value, Tensor) for value in weights.values()):
        raise CourseError(
            f"{path} holds more than one model's weights. Expected is what state_dict() returns, tensors by"
            " the names of parameters: save that part of it alone, best as safetensors."
        )
    return dict(weights)


class _Missed(Exception):
    """Published weights could not be fetched; the message says why, in a few words."""


def _find(published: Published) -> Path | None:
    """Return the published file where it lies already.

    Raises:
        CourseError: another file has its name.
    """
    root = paths.data_root()
    folders = [folder / "weights" for folder in ([root] if root else []) + paths.cache_roots()]
    folders.append(Path(torch.hub.get_dir(), "checkpoints"))  # where timm itself keeps it
    for file in (folder / published.kept_as for folder in folders):
        if file.is_file() and not digest(file).startswith(published.sha256):
            raise CourseError(
                f"{file} is not {published.name}: its SHA-256 does not begin with {published.sha256}. Delete"
                f" it and fetch {published.url} again; if you mean this file, give its path as `weights`."
            )
        if file.is_file():
            return file
    return None


def _fetch(published: Published) -> Path:
    """Fetch the published file into the cache and return it.

    Raises:
        CourseError: the cache cannot be written.
    """
    file = paths.writable_cache() / "weights" / published.kept_as
    server = urlsplit(published.url).netloc
    with paths.atomic_write(file) as temporary:
        try:
            pooch.HTTPDownloader(timeout=PATIENCE)(published.url, temporary, None)
        except OSError as error:
            if error.errno:  # the disk's, and not the network's
                raise
            raise _Missed(f"{server} cannot be reached: {type(error).__name__}") from error
        if not digest(temporary).startswith(published.sha256):
            raise _Missed(f"{server} sent something else")
    return file


def first_line(error: Exception) -> str:
    """Return the first line of what an error says, without a full stop."""
    return str(error).strip().split("\n")[0].rstrip(".")
