"""The settings of a training run: checked before anything is computed, and what identifies the run."""

import hashlib
import inspect
import json
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
import torch
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveInt,
    ValidationError,
)
from torch import nn
from torch.optim import Optimizer, lr_scheduler
from torch.utils.data import Dataset

from course_utils.errors import CourseError

PICTURES = "pictures"  # in a configuration: the paths of each split's


class Choice(BaseModel):
    """A class by its name, and the arguments to make it with."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    params: dict[str, Any] = {}


class Settings(BaseModel):
    """Everything about a run but its model, its data and its folder.

    Attributes:
        name: the model's name in the history.
        dataset_name: the dataset's name in the history.
        epochs: how often to go through the training set.
        batch_size: samples a batch, over all processes.
        optimizer: ``{"name": a class of torch.optim, "params": its arguments}``.
        learning_rates: learning rates of parts of the model that differ from the optimizer's, by the parts'
            names: ``{"fc": 1e-3}``. Of two that hold a parameter, the longer name decides.
        scheduler: None, or likewise a class of torch.optim.lr_scheduler; it steps once an epoch.
        accumulation: batches whose gradients make one step of the optimizer: the same as a batch so many
            times as large, in less memory (except for batch normalisation, which sees single batches).
        patience: stop after so many epochs without a better one; None never stops early.
        monitor: what chooses the best epoch: "val_acc" (the highest) or "val_loss" (the lowest).
        precision: "auto", "float32" or "bf16" (see `course_utils.training.precision.choose`).
        workers: processes that load data, or "auto".
        seed: of the order, augmentation and dropout; None derives it from everything else.
        checkpoint_seconds: at most so much work is lost when the run is killed.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    dataset_name: str
    epochs: PositiveInt
    batch_size: PositiveInt
    optimizer: Choice
    learning_rates: dict[str, NonNegativeFloat] = {}
    scheduler: Choice | None = None
    accumulation: PositiveInt = 1
    patience: PositiveInt | None = None
    monitor: Literal["val_acc", "val_loss"] = "val_acc"
    precision: Literal["auto", "float32", "bf16"] = "auto"
    workers: NonNegativeInt | Literal["auto"] = "auto"
    seed: Annotated[int, Field(ge=0, lt=2**31)] | None = None
    checkpoint_seconds: float = 60


def check_settings(settings: dict) -> Settings:
    """Return the settings, checked.

    Raises:
        CourseError: one is unknown, missing or out of range; says which, and what is expected.
    """
    try:
        return Settings.model_validate(settings)
    except ValidationError as error:
        lines = [f"  {'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors()]
        raise CourseError(
            "The settings of this training run are not right:\n"
            + "\n".join(lines)
            + f"\nThe settings are {', '.join(Settings.model_fields)}."
        ) from error


def configuration(settings: Settings, model: nn.Module, datasets: dict[str, Dataset | None]) -> dict:
    """Return, as plain JSON values, everything that decides what comes out of a run.

    Two runs with the same configuration are the same run. How data are loaded and how often a checkpoint is
    written change nothing and are left out.
    """
    left_out = {"workers", "checkpoint_seconds"}
    if not settings.learning_rates:
        left_out.add("learning_rates")  # so that a run from before there were any can be gone on with
    described = {
        **settings.model_dump(mode="json", exclude=left_out),
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "layers": digest(_text(model)),
        **_start(model),
        **{split: _fingerprint(dataset) for split, dataset in datasets.items() if dataset is not None},
        PICTURES: {
            split: digest("\n".join(dataset.samples["path"]))
            for split, dataset in datasets.items()
            if isinstance(getattr(dataset, "samples", None), pd.DataFrame)
        },
    }
    return json.loads(json.dumps(described))  # as it comes back from a file: tuples become lists


def digest(text: str | bytes) -> str:
    """Return twelve hexadecimal digits that stand for `text`."""
    return hashlib.sha256(text if isinstance(text, bytes) else text.encode()).hexdigest()[:12]


def seed_of(settings: Mapping[str, Any]) -> int:
    """Return the seed that plain settings stand for: the same for the same, another for others.

    So nobody can choose the seed that suits them (Wang, Guo & Zhang, section 5.5).
    """
    told = {key: value for key, value in settings.items() if key != PICTURES}  # longer known than those
    return int(digest(json.dumps(told, sort_keys=True))[:7], 16)


def make_optimizer(
    choice: Choice, model: nn.Module, learning_rates: Mapping[str, float] | None = None
) -> Optimizer:
    """Return the optimizer, in its fused form where it has one: one pass over the weights instead of ten.

    Args:
        choice: the optimizer and its arguments.
        model: those of its parameters learn that require gradients.
        learning_rates: of `Settings`.

    Raises:
        CourseError: torch.optim has no such class, it does not take these arguments, or no parameter that
            learns is in one of the parts.
    """
    kind = _class_of(torch.optim, Optimizer, choice.name)
    fused = {"fused": True} if "fused" in inspect.signature(kind).parameters else {}
    return _made(kind, _groups(model, learning_rates or {}), {**fused, **choice.params})


def make_scheduler(
    choice: Choice | None, optimizer: Optimizer, monitor: str
) -> lr_scheduler.LRScheduler | None:
    """Return the learning rate's scheduler, or None when none was chosen.

    One that waits for a plateau looks at `monitor`, and knows whether that should rise.

    Raises:
        CourseError: torch.optim.lr_scheduler has no such class, or it does not take these arguments.
    """
    if choice is None:
        return None
    kind = _class_of(lr_scheduler, lr_scheduler.LRScheduler, choice.name)
    rises = {"mode": "max"} if kind is lr_scheduler.ReduceLROnPlateau and monitor == "val_acc" else {}
    return _made(kind, optimizer, rises | choice.params)


def _groups(model: nn.Module, learning_rates: Mapping[str, float]) -> list[dict]:
    """Return the parameters that learn as the optimizer's groups: the parts, then all the others."""
    parts, others = {part: [] for part in sorted(learning_rates, key=len, reverse=True)}, []
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            part = next((part for part in parts if f"{name}.".startswith(f"{part}.")), None)
            parts.get(part, others).append(parameter)
    empty = [part for part, parameters in parts.items() if not parameters]
    if empty:
        known = ", ".join(name for name, _ in model.named_children())
        raise CourseError(
            f"learning_rates names {', '.join(map(repr, empty))}, where no parameter of this"
            f" {type(model).__name__} learns. Its parts are {known}; a part may be frozen."
        )
    groups = [{"params": parameters, "lr": learning_rates[part]} for part, parameters in parts.items()]
    return groups + [{"params": others}] * bool(others)


def _class_of(module: object, base: type, name: str) -> type:
    classes = {
        key: value
        for key, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, base) and value is not base
    }
    if name not in classes:
        known = ", ".join(sorted(key for key in classes if not key.startswith("_")))
        raise CourseError(f"{module.__name__} has no {name!r}. It has {known}.")
    return classes[name]


def _made(kind: type, subject: object, params: dict) -> Any:
    try:
        return kind(subject, **params)
    except (TypeError, ValueError) as error:
        raise CourseError(f"{kind.__name__} does not take {params}: {error}.") from error


def _start(model: nn.Module) -> dict:
    """What else decides how a model learns: where its weights came from, and what of it is frozen."""
    start = {}
    if hasattr(model, "origin"):
        start["weights"] = model.origin.weights
    learning = [name for name, parameter in model.named_parameters() if parameter.requires_grad]
    if len(learning) < len(list(model.parameters())):
        start["learning"] = f"{len(learning)} tensors ({digest(' '.join(learning))})"
    return start


def _fingerprint(dataset: Dataset) -> dict:
    """Enough of a dataset to notice that the run in a folder was trained on other data."""
    described = {
        "samples": len(dataset),
        "labels": digest(np.asarray(getattr(dataset, "labels", ())).tobytes()),
        "transform": _text(getattr(dataset, "transform", None)),
    }
    if hasattr(dataset, "content"):  # what was computed from pictures is another after another computation
        described["content"] = dataset.content
    return described


def _text(described: object) -> str:
    return re.sub(r" at 0x[0-9a-f]+", "", repr(described))  # an address is another in every process
