"""What makes a run survive: checkpoints to go on from, and weights to keep.

A checkpoint holds plain values and tensors only, so that ``torch.load(weights_only=True)`` reads it: opening
one never runs code. Weights on their own are safetensors files.
"""

import random
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from torch import Tensor, nn

from course_utils.errors import CourseError
from course_utils.models.pretrained import first_line
from course_utils.paths import atomic_write


def save_checkpoint(path: Path, state: dict) -> None:
    """Write `state` (nested dicts and lists of plain values and tensors); `path` is never half written.

    Raises:
        CourseError: the disk is full or the folder cannot be written; the checkpoint before this one is
            unharmed.
    """
    with atomic_write(path) as temporary, temporary.open("wb") as file:
        try:
            torch.save(state, file)
        except RuntimeError as error:
            # torch hides what the file said, e.g. that the disk is full, behind an error of its own.
            raise error.__context__ if isinstance(error.__context__, OSError) else error from None


def load_checkpoint(path: Path, configuration: dict) -> dict | None:
    """Return the state that `save_checkpoint` wrote to `path`, or None when there is none.

    Args:
        path: the checkpoint file.
        configuration: the settings of the run that wants to go on; must equal ``state["configuration"]``.

    Raises:
        CourseError: the file is damaged, or belongs to a run with other settings (says which).
    """
    if not path.is_file():
        return None
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises half a dozen types for a file that is not a checkpoint
        raise CourseError(
            f"{path} is damaged and cannot be gone on from: {first_line(error)}."
            " Delete it: the run then starts from its beginning."
        ) from error
    require_same_configuration(path, state["configuration"], configuration)
    return state


def require_same_configuration(path: Path, there: dict, here: dict) -> None:
    """Check that the run kept in `path` has the settings of the run that wants to go on.

    Raises:
        CourseError: they differ; says in which keys, and how.
    """
    different = [key for key in sorted({*there, *here}) if there.get(key) != here.get(key)]
    if different:
        lines = "\n".join(f"  {key}: {there.get(key)!r} there, {here.get(key)!r} here" for key in different)
        raise CourseError(
            f"{path} belongs to a run with other settings:\n{lines}\nSet them back, give this run a folder of"
            " its own, or call start_over() on the trainer before fit(): that deletes the old run."
        )


def generators_state() -> dict:
    """Return the state of torch's, NumPy's and Python's random generators (and CUDA's) as plain values."""
    version, numbers, gauss = random.getstate()
    numpy_state = np.random.get_state(legacy=False)
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        "numpy": {
            **numpy_state,
            "state": {"key": numpy_state["state"]["key"].tolist(), "pos": int(numpy_state["state"]["pos"])},
        },
        "python": [version, list(numbers), gauss],
    }


def restore_generators(state: dict) -> None:
    """Put the random generators back to what `generators_state` returned."""
    torch.set_rng_state(state["torch"])
    if torch.cuda.is_available():
        torch.cuda.set_rng_state_all(state["cuda"])
    key = np.array(state["numpy"]["state"]["key"], dtype=np.uint32)
    np.random.set_state({**state["numpy"], "state": {"key": key, "pos": state["numpy"]["state"]["pos"]}})
    version, numbers, gauss = state["python"]
    random.setstate((version, tuple(numbers), gauss))


def weights_of(model: nn.Module) -> dict[str, Tensor]:
    """Return a copy of the model's parameters and buffers, in main memory and in torch's default layout."""
    return {
        name: tensor.detach().to("cpu", copy=True, memory_format=torch.contiguous_format)
        for name, tensor in model.state_dict().items()
    }


def save_weights(path: Path, weights: dict[str, Tensor]) -> None:
    """Write weights (of `weights_of`) as a safetensors file, never half written.

    Raises:
        CourseError: the disk is full or the folder cannot be written.
    """
    with atomic_write(path) as temporary:
        temporary.write_bytes(safetensors.torch.save(weights))
