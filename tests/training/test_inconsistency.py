import numpy as np
import pytest
import torch
from sklearn.metrics import log_loss
from torch.utils.data import Dataset

from course_utils.errors import CourseError
from course_utils.history import read_history
from course_utils.models.asrid import ASRID, VARIANTS
from course_utils.training import InconsistencyTrainer

OPTIONS = {**VARIANTS, "Dyn+Mix with maps": {"mix": True, "strength": 0.2, "maps": 2}}
SIDE = 64


class Flickering(Dataset):
    """16 short videos of noise, of one to three frames; in fakes a corner is bright."""

    def __init__(self, seed=0, count=16, counted=True):
        generator = torch.Generator().manual_seed(seed)
        self.labels = np.arange(count) % 2
        self.clips = 0.5 * torch.randn(count, 3, 3, SIDE, SIDE, generator=generator)
        self.clips[self.labels == 1, :, :, :32, :32] += 2
        self.counts = 1 + np.arange(count) // 2 % 3 if counted else None

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        item = self.clips[index], int(self.labels[index])
        return item if self.counts is None else (*item, int(self.counts[index]))


def build(folder, options=None, data=None, **changes):
    torch.manual_seed(0)
    settings = {
        "name": "asrid", "dataset_name": "flickering", "epochs": 2, "batch_size": 8, "monitor": "val_loss",
        "optimizer": {"name": "AdamW", "params": {"lr": 1e-3, "weight_decay": 0.01}}, "precision": "float32",
    }  # fmt: skip
    model = ASRID(layers=1, **(options or {}))
    train, validation = data or (Flickering(0), Flickering(1, count=6))
    return InconsistencyTrainer(model, train, validation, None, folder=folder, **{**settings, **changes})


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_every_variant_can_learn_sixteen_videos_by_heart(tmp_path, options):
    train = Flickering()
    run = build(tmp_path, options, (train, train), epochs=16).fit()
    assert min(run.val_loss) < 0.1
    assert max(run.val_acc) == 100


def test_the_validation_loss_is_the_videos_log_loss(tmp_path):
    trainer = build(tmp_path, {"mix": True}, epochs=1)
    run = trainer.fit()
    scores = trainer.predict(trainer.validation)
    assert run.val_loss == pytest.approx([log_loss(trainer.validation.labels, scores)], rel=1e-4)


def test_both_heads_are_judged_by_their_strengths(tmp_path):
    trainer = build(tmp_path, {"strength": 0.05})
    trainer.model.eval()
    clips, labels = torch.randn(3, 3, 2, SIDE, SIDE), torch.tensor([0, 1, 1])
    scores, outcome = trainer.model.scores(clips), trainer.evaluation_step((clips, labels))
    of_heads = [
        torch.nn.BCEWithLogitsLoss(reduction="none")(logits, labels.float())
        for logits in (scores.static, scores.dynamic)
    ]
    torch.testing.assert_close(outcome.losses, 0.95 * of_heads[0] + 0.05 * of_heads[1])
    torch.testing.assert_close(outcome.scores, (0.95 * scores.static + 0.05 * scores.dynamic).sigmoid())


def test_regions_are_made_independent_in_training_alone(tmp_path):
    trainer = build(tmp_path, {"maps": 3}, independence=10.0)
    batch = torch.randn(4, 3, 2, SIDE, SIDE), torch.tensor([0, 1, 0, 1]), torch.tensor([1, 2, 2, 1])
    trainer.model.train()
    assert (trainer.training_step(batch).losses > 1).all()
    trainer.model.eval()
    assert (trainer.evaluation_step(batch).losses < 1).all()


def test_mixed_videos_have_labels_between(tmp_path):
    trainer = build(tmp_path, mixing=1.0)
    clips = torch.tensor([-1.0, 1.0]).repeat(8)[:, None, None, None, None].expand(16, 3, 2, 4, 4)
    labels, counts = torch.tensor([0, 1]).repeat(8), torch.tensor([1, 2]).repeat_interleave(8)
    mixed, fractions, together = trainer._mixed(clips, labels, counts)
    torch.testing.assert_close(mixed, (2 * fractions - 1)[:, None, None, None, None].expand_as(mixed))
    assert ((fractions > 0.01) & (fractions < 0.99)).any()
    assert (together <= counts).all() and (together < counts).any()
    assert build(tmp_path, mixing=1.0, epochs=1).fit().train_loss[0] > 0


@pytest.mark.parametrize(
    "scheduler",
    [
        {"name": "CosineAnnealingWarmRestarts", "params": {"T_0": 1}},
        {"name": "ReduceLROnPlateau", "params": {"patience": 0}},
        {"name": "OneCycleLR", "params": {"max_lr": [1e-4, 1e-3], "total_steps": 2}},
    ],
    ids=lambda scheduler: scheduler["name"],
)
def test_the_report_s_schedules_and_rates_and_batch_of_24_go_by_name(tmp_path, scheduler):
    trainer = build(
        tmp_path, scheduler=scheduler, learning_rates={"backbone": 1e-4}, batch_size=6, accumulation=4
    )
    assert len(trainer.fit().train_loss) == 2
    backbone, rest = trainer.optimizer.param_groups
    assert backbone["lr"] < rest["lr"]


def test_the_same_configuration_has_the_same_seed_and_losses_and_another_rate_another_seed(tmp_path):
    first, second = (build(tmp_path / name, {"strength": 0.2}) for name in ("first", "second"))
    assert first.seed == second.seed
    first.fit(), second.fit()
    assert (tmp_path / "first/history.json").read_bytes() == (tmp_path / "second/history.json").read_bytes()
    other = build(tmp_path / "other", {"strength": 0.2}, optimizer={"name": "AdamW", "params": {"lr": 2e-3}})
    seeds = {
        first.seed,
        other.seed,
        build(tmp_path / "strength", {"strength": 0.05}).seed,
        build(tmp_path / "mixing", {"strength": 0.2}, mixing=0.5).seed,
    }
    assert len(seeds) == 4


def test_a_loss_that_is_no_number_stops_at_its_batch_and_keeps_the_last_good_checkpoint(tmp_path):
    train = Flickering()
    train.clips[:] = torch.nan
    with pytest.raises(CourseError, match=r"batch 1\b.*epoch 1"):
        build(tmp_path, data=(train, Flickering(1))).fit()
    kept = torch.load(tmp_path / "checkpoint.pt", weights_only=True)["model"]
    assert all(tensor.isfinite().all() for tensor in kept.values())


def test_items_without_a_count_are_videos_of_full_length(tmp_path):
    build(tmp_path, {"maps": 2}, (Flickering(counted=False), Flickering(1, counted=False)), epochs=1).fit()
    (run,) = read_history(tmp_path / "history.json")
    assert run.configuration["mixing"] == 0
