"""What of a model learns: stages of fine-tuning, and batch normalisation that keeps its statistics."""

from functools import cache

from torch import nn

from course_utils.errors import CourseError


def freeze(model: nn.Module, but: str) -> None:
    """Let one part of `model` learn; the rest keeps its weights and batch normalisation's statistics.

    Args:
        model: changed in place.
        but: the part that goes on learning, by its name in the model: "fc" is the head of Xception.

    Raises:
        CourseError: the model has no such part, or there is nothing in it to learn.
    """
    part = dict(model.named_modules()).get(but)
    if part is None or not list(part.parameters()):
        known = ", ".join(name for name, child in model.named_children() if list(child.parameters()))
        raise CourseError(
            f"{type(model).__name__} has no part {but!r} that could learn. Its parts are {known}."
        )
    model.requires_grad_(False)
    freeze_batch_norm(model)
    part.requires_grad_(True)
    _thaw_batch_norm(part)


def unfreeze(model: nn.Module) -> None:
    """Let all of `model` learn, in place: every weight, and the statistics of batch normalisation."""
    model.requires_grad_(True)
    _thaw_batch_norm(model)


def freeze_batch_norm(model: nn.Module) -> None:
    """Have batch normalisation use and keep the statistics that it has, in train mode too.

    Small batches have statistics of their own, and a network that was trained on others learns worse with
    them. The scale and the shift of each channel learn as before.
    """
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d) and not isinstance(module, Frozen):
            # The same object: an optimizer may know its parameters.
            module.__class__ = _frozen(type(module))
            module.eval()


class Frozen:
    """Mixed into batch normalisation: model.train() changes nothing.

    torchvision's FrozenBatchNorm2d makes buffers of the parameters; here a model keeps its number of
    parameters, and its weights fit the file of a model that is not frozen.
    """

    def train(self, mode: bool = True) -> nn.Module:
        """Stay as in eval mode, whatever `mode` says."""
        return super().train(False)


@cache
def _frozen(kind: type[nn.BatchNorm2d]) -> type[nn.BatchNorm2d]:
    """Return the frozen form of a kind of batch normalisation: timm's has an activation in it."""
    return type(f"Frozen{kind.__name__}", (Frozen, kind), {"thawed": kind})


def _thaw_batch_norm(model: nn.Module) -> None:
    for module in model.modules():
        if isinstance(module, Frozen):
            module.__class__ = module.thawed
            module.train(model.training)
