import json

import numpy as np
import pytest
import torch
from torch import nn

from course_utils.errors import CourseError
from course_utils.heatmaps import MapDataset
from course_utils.history import best_epoch, read_history
from course_utils.models.autoencoder import ConvolutionalAutoencoder, as_pictures
from course_utils.training import ReconstructionTrainer
from course_utils.training.reconstruction import HALVED


class Blurry(nn.Module):
    """Returns each map times a learnt factor: cheap, and can be right."""

    def __init__(self):
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(0.5))

    def forward(self, pictures):
        return self.factor * pictures


def maps(seed, count=10, fakes=0):
    random = np.random.default_rng(seed)
    return MapDataset(random.random((count, 196)).astype(np.float16), [0] * (count - fakes) + [1] * fakes)


def build(folder, *, data=None, kind=ReconstructionTrainer, **changes):
    settings = {
        "name": "blurry", "dataset_name": "maps", "epochs": 3, "batch_size": 4, "precision": "float32",
        "optimizer": {"name": "Adam", "params": {"lr": 0.05}}, "scheduler": HALVED, "seed": 0,
    }  # fmt: skip
    data = data or (maps(0), maps(1), maps(2, fakes=4))
    return kind(Blurry(), *data, folder=folder, **{**settings, **changes})


def test_the_loss_and_the_score_are_each_pictures_mean_squared_error(tmp_path):
    trainer = build(tmp_path)
    run = trainer.fit()
    pictures = as_pictures(maps(2).maps)
    factor = trainer.model.factor.item()
    expected = ((factor - 1) * pictures).square().mean(dim=(1, 2, 3))
    np.testing.assert_allclose(trainer.predict(maps(2)), expected, rtol=1e-5)
    # The 10 maps come in batches of 4, 4 and 2: an average over batches would differ.
    assert run.test_loss[run.best_epoch - 1] == pytest.approx(expected.mean().item(), rel=1e-5)


def test_a_run_without_accuracy_is_written_read_and_chosen_by_its_loss(tmp_path, capsys):
    run = build(tmp_path).fit()
    assert run.train_acc == run.val_acc == run.test_acc == []
    assert not run.classifies
    assert run.best_epoch == best_epoch(run) == 3
    assert "%" not in capsys.readouterr().out
    (content,) = json.loads((tmp_path / "history.json").read_text())
    assert len(content["val_loss"]) == 3
    content["val_acc"] = [50.0]
    (tmp_path / "history.json").write_text(json.dumps([content]))
    with pytest.raises(CourseError, match="differ"):
        read_history(tmp_path / "history.json")


def test_it_goes_on_after_an_interruption_to_the_same_end(tmp_path):
    class Interrupted(ReconstructionTrainer):
        steps = 0

        def training_step(self, batch):
            self.steps += 1
            if self.steps == 7:
                raise KeyboardInterrupt
            return super().training_step(batch)

    whole = build(tmp_path / "whole").fit()
    with pytest.raises(KeyboardInterrupt):
        build(tmp_path / "parts", kind=Interrupted, checkpoint_seconds=0).fit()
    parts = build(tmp_path / "parts").fit()
    assert parts.val_loss == whole.val_loss
    assert parts.best_epoch == whole.best_epoch


def test_the_best_epoch_is_the_lowest_error_and_patience_counts_from_it(tmp_path):
    wild = {"name": "SGD", "params": {"lr": 2.0, "momentum": 0.9}}
    run = build(tmp_path, epochs=30, patience=3, optimizer=wild, scheduler=None).fit()
    assert run.best_epoch == int(np.argmin(run.val_loss)) + 1
    assert len(run.val_loss) == min(30, run.best_epoch + 3)


@pytest.mark.parametrize("position", [0, 1])
def test_a_fake_before_the_test_is_refused(tmp_path, position):
    data = [maps(0), maps(1), None]
    data[position] = maps(3, fakes=2)
    with pytest.raises(CourseError, match=r"(training|validation) set holds 2 fakes among 10"):
        build(tmp_path, data=data)


def test_an_empty_set_is_refused(tmp_path):
    with pytest.raises(CourseError, match="validation set is empty"):
        build(tmp_path, data=(maps(0), maps(1, count=0), None))


def test_a_run_on_other_maps_is_another_run(tmp_path):
    build(tmp_path).fit()
    with pytest.raises(CourseError, match="content"):
        build(tmp_path, data=(maps(9), maps(1), maps(2, fakes=4))).fit()


def test_the_rate_is_halved_every_ten_epochs_up_to_the_fortieth(tmp_path):
    class Watched(ReconstructionTrainer):
        def train_one_epoch(self):
            rates.append(self.optimizer.param_groups[0]["lr"])
            return super().train_one_epoch()

    rates = []
    small = (maps(0, 2), maps(1, 2), None)
    build(tmp_path, data=small, kind=Watched, epochs=55, checkpoint_seconds=60).fit()
    expected = [0.05 / 2 ** min(epoch // 10, 4) for epoch in range(55)]
    assert rates == pytest.approx(expected)


def test_the_autoencoder_itself_trains(tmp_path):
    torch.manual_seed(0)
    trainer = ReconstructionTrainer(
        ConvolutionalAutoencoder(), maps(0, 4), maps(1, 2), None, folder=tmp_path, name="CAE",
        dataset_name="maps", epochs=1, batch_size=2, precision="float32",
        optimizer={"name": "Adam", "params": {"lr": 1e-4}},
    )  # fmt: skip
    run = trainer.fit()
    assert np.isfinite(run.val_loss[0])
    assert trainer.predict(maps(2, 2, fakes=1)).shape == (2,)
