import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from killable_run import BATCHES
from safetensors.torch import load_file
from sklearn.metrics import accuracy_score
from torch import nn
from torch.utils.data import Dataset

from course_utils.data.datasets import EpochBatches
from course_utils.errors import CourseError
from course_utils.history import read_history
from course_utils.models.freezing import freeze, unfreeze
from course_utils.models.pretrained import Origin
from course_utils.models.simplenet import SimpleNet
from course_utils.training import ClassificationTrainer, checkpoints
from course_utils.training.progress import CURVES

TESTS = Path(__file__).parent
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(TESTS.parents[1])}
SGD = {"name": "SGD", "params": {"lr": 0.1}}


class Blobs(Dataset):
    """22 pictures of 6 x 6 pixels, as a student's own dataset gives them: float tensors, and noise."""

    def __init__(self, seed=0, count=22, noise=0.0):
        generator = torch.Generator().manual_seed(seed)
        self.labels = np.arange(count) % 3 == 0
        self.pictures = torch.randn(count, 3, 6, 6, generator=generator)
        self.pictures[torch.from_numpy(self.labels), 0] += 0.5
        self.noise = noise

    def __len__(self):
        return len(self.pictures)

    def __getitem__(self, index):
        picture = self.pictures[index]
        return picture + self.noise * torch.randn_like(picture), int(self.labels[index])

    def all(self):
        return self.pictures, torch.from_numpy(self.labels).long()


def linear_model(dropout=0.0):
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Dropout(dropout), nn.Linear(108, 2))


def build(folder, model=None, kind=ClassificationTrainer, **changes):
    model = linear_model() if model is None else model
    data = changes.pop("data", None) or (Blobs(0), Blobs(1), Blobs(2))
    settings = {
        "name": "linear", "dataset_name": "blobs", "epochs": 2, "batch_size": 4,
        "optimizer": SGD, "precision": "float32", "seed": 1,
    }  # fmt: skip
    return kind(model, *data, folder=folder, **{**settings, **changes})


def files(folder):
    """What must be the same to the last bit."""
    names = ("history.json", "best.safetensors")
    return {name: (folder / name).read_bytes() for name in names}


def test_weighted_loss_is_torchs_over_the_whole_set(tmp_path):
    weights = torch.tensor([0.7, 2.5])
    still = {"name": "SGD", "params": {"lr": 0.0}}
    trainer = build(tmp_path, class_weights=weights.tolist(), optimizer=still, epochs=1)
    run = trainer.fit()
    criterion = nn.CrossEntropyLoss(weight=weights)
    for split, data in (("train", Blobs(0)), ("val", Blobs(1)), ("test", Blobs(2))):
        pictures, labels = data.all()
        logits = linear_model()(pictures)
        assert run.curve(split, "loss") == pytest.approx([criterion(logits, labels).item()], rel=1e-6)
        accuracy = 100 * accuracy_score(labels, logits.argmax(1))
        assert run.curve(split, "acc") == pytest.approx([accuracy], abs=1e-9)


@pytest.mark.parametrize("class_weights", [None, [0.7, 2.5]])
def test_accumulated_gradients_are_those_of_the_large_batch(tmp_path, class_weights):
    def weights(folder, **changes):
        build(folder, class_weights=class_weights, epochs=1, **changes).fit()
        return load_file(folder / "best.safetensors")["2.weight"]

    large = weights(tmp_path / "large", batch_size=8)  # steps of 8, 8 and 6 samples
    accumulated = weights(tmp_path / "accumulated", batch_size=4, accumulation=2)  # 4+4, 4+4, 4+2
    torch.testing.assert_close(accumulated, large)
    assert not torch.allclose(large, weights(tmp_path / "small", batch_size=4))


def test_a_step_is_the_one_that_torch_makes(tmp_path):
    build(tmp_path, class_weights=[0.7, 2.5], batch_size=22, epochs=1).fit()
    model = linear_model()
    pictures, labels = Blobs(0).all()
    nn.CrossEntropyLoss(weight=torch.tensor([0.7, 2.5]))(model(pictures), labels).backward()
    torch.optim.SGD(model.parameters(), lr=0.1).step()
    torch.testing.assert_close(load_file(tmp_path / "best.safetensors")["2.weight"], model[2].weight.detach())


def test_balanced_weights_give_each_class_the_same_total(tmp_path):
    trainer = build(tmp_path, class_weights="balanced")
    totals = np.bincount(Blobs(0).labels) * trainer.class_weights.numpy()
    assert totals[0] == pytest.approx(totals[1])
    no_labels = torch.utils.data.Subset(Blobs(0), range(4))
    with pytest.raises(CourseError, match="labels"):
        build(tmp_path, class_weights="balanced", data=(no_labels, Blobs(1), None))


def test_history_and_weights_that_a_run_leaves(tmp_path):
    run = build(tmp_path, epochs=6, data=(Blobs(0, noise=0.5), Blobs(1), Blobs(2))).fit()
    (content,) = json.loads((tmp_path / "history.json").read_text())
    assert content["model"] == "linear" and content["dataset"] == "blobs" and content["optimizer"] == SGD
    assert [len(run.curve(split, "acc")) for split in ("train", "val", "test")] == [6, 6, 6]
    assert run.best_epoch == int(np.argmax(run.val_acc)) + 1
    assert not (tmp_path / "checkpoint.pt").exists()

    pictures, labels = Blobs(1).all()
    model = linear_model()
    model.load_state_dict(load_file(tmp_path / "best.safetensors"))
    predicted = model(pictures).argmax(1)
    assert 100 * (predicted == labels).float().mean() == pytest.approx(max(run.val_acc), abs=1e-4)


def test_predict_gives_the_best_models_probabilities_in_order(tmp_path):
    trainer = build(tmp_path)
    with pytest.raises(CourseError, match="fit"):
        trainer.predict(Blobs(2))
    trainer.fit()
    model = linear_model()
    model.load_state_dict(load_file(tmp_path / "best.safetensors"))
    expected = model(Blobs(2).pictures).softmax(1)[:, 1].detach().numpy()
    np.testing.assert_allclose(trainer.predict(Blobs(2)), expected, rtol=1e-5)
    np.testing.assert_allclose(trainer.predict(trainer.test), expected, rtol=1e-5)


def test_fit_of_a_finished_run_only_loads_it(tmp_path):
    first = build(tmp_path)
    run = first.fit()
    before = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    again = build(tmp_path)
    assert again.fit() == run
    assert {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before
    np.testing.assert_array_equal(again.predict(Blobs(2)), first.predict(Blobs(2)))


def test_a_run_with_other_settings_is_refused_and_can_be_discarded(tmp_path):
    build(tmp_path).fit()
    other = build(tmp_path, epochs=3, optimizer={"name": "Adam", "params": {"lr": 0.01}})
    with pytest.raises(CourseError, match=r"(?s)epochs: 2 there, 3 here.*optimizer.*start_over"):
        other.fit()
    other.start_over()
    assert len(other.fit().train_loss) == 3


def test_patience_stops_a_run_that_no_longer_improves(tmp_path):
    still = {"name": "SGD", "params": {"lr": 0.0}}
    run = build(tmp_path, optimizer=still, epochs=9, patience=2).fit()
    assert (run.best_epoch, len(run.train_loss)) == (1, 3)


def test_schedulers_change_the_learning_rate_once_an_epoch(tmp_path):
    step = build(tmp_path / "step", scheduler={"name": "StepLR", "params": {"step_size": 1, "gamma": 0.5}})
    step.fit()
    assert step.optimizer.param_groups[0]["lr"] == pytest.approx(0.1 / 4)
    params = {"patience": 0}  # and it knows that an accuracy should rise
    plateau = build(
        tmp_path / "plateau",
        optimizer={"name": "SGD", "params": {"lr": 1e-6}},
        scheduler={"name": "ReduceLROnPlateau", "params": params},
    )
    plateau.fit()
    assert plateau.optimizer.param_groups[0]["lr"] == pytest.approx(1e-7)


def test_the_seed_follows_from_the_settings_unless_given(tmp_path):
    assert build(tmp_path).seed == 1
    derived = build(tmp_path, seed=None).seed
    assert derived == build(tmp_path / "elsewhere", seed=None, checkpoint_seconds=5).seed
    assert derived != build(tmp_path, seed=None, epochs=3).seed


def test_other_pictures_are_other_data_but_no_other_seed(tmp_path):
    def trained_on(folder, name):
        data = Blobs(0), Blobs(1), Blobs(2)
        data[0].samples = pd.DataFrame({"path": [f"{name}/{number}.jpg" for number in range(22)]})
        return build(folder, data=data, seed=None)

    ours, others = trained_on(tmp_path, "ours"), trained_on(tmp_path / "others", "others")
    assert ours.seed == others.seed == build(tmp_path / "none", seed=None).seed
    ours.fit()
    assert others.reuse(tmp_path) is None
    assert trained_on(tmp_path / "again", "ours").reuse(tmp_path) is not None
    with pytest.raises(CourseError, match="pictures:"):
        trained_on(tmp_path, "others").fit()


def two_layers():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(64, 2), nn.Linear(2, 2)
    )


def test_parts_learn_at_their_own_rates_as_torchs_groups_do(tmp_path):
    rates = {"4": 0.02, "4.bias": 0.0}
    trainer = build(tmp_path, two_layers(), batch_size=22, epochs=1, learning_rates=rates)
    trainer.fit()
    model = two_layers()
    pictures, labels = Blobs(0).all()
    nn.CrossEntropyLoss()(model(pictures), labels).backward()
    others = [weight for number in (0, 1, 5) for weight in model[number].parameters()]
    torch.optim.SGD([{"params": others}, {"params": [model[4].weight], "lr": 0.02}], lr=0.1).step()
    torch.testing.assert_close(load_file(tmp_path / "best.safetensors"), model.state_dict())


def test_schedulers_change_the_rates_of_all_parts(tmp_path):
    halved = {"name": "StepLR", "params": {"step_size": 1, "gamma": 0.5}}
    trainer = build(tmp_path, two_layers(), scheduler=halved, learning_rates={"4": 0.02})
    trainer.fit()
    assert [group["lr"] for group in trainer.optimizer.param_groups] == pytest.approx([0.005, 0.025])


def test_stages_of_fine_tuning_are_different_runs(tmp_path):
    model = two_layers()
    freeze(model, but="4")
    first = build(tmp_path, model)
    first.fit()
    weights = load_file(tmp_path / "best.safetensors")
    unchanged = {
        name for name, tensor in two_layers().state_dict().items() if torch.equal(tensor, weights[name])
    }
    assert unchanged == {name for name in weights if not name.startswith("4.")}
    freeze(model, but="5")
    with pytest.raises(CourseError, match=r"learning: '2 tensors .* there, '2 tensors .* here"):
        build(tmp_path, model).fit()
    unfreeze(model)
    with pytest.raises(CourseError, match=r"(?s)layers: .*learning: .*learning_rates: None there"):
        build(tmp_path, model, learning_rates={"4": 0.01}).fit()


def test_a_run_from_other_weights_is_another_run(tmp_path):
    def trainer(missed="", weights="from scratch"):
        model = linear_model()
        model.origin = Origin(weights, missed)
        return build(tmp_path, model)

    trainer().fit()
    trainer(missed="another reason").fit()  # the same weights all the same
    with pytest.raises(CourseError, match="weights: 'from scratch' there, 'ImageNet' here"):
        trainer(weights="ImageNet").fit()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"optimizer": {"name": "Adan", "params": {}}}, "AdamW"),
        ({"optimizer": {"name": "Adam", "params": {"learning_rate": 1}}}, "learning_rate"),
        ({"epochs": 0}, "epochs"),
        ({"monitor": "test_acc"}, "val_loss"),
        ({"epoch": 3}, "epochs"),
        ({"precision": "fp16"}, "bf16"),
        ({"learning_rates": {"2": 0.1, "fc": 0.1}}, "'fc', where no parameter.* 0, 1, 2"),
        ({"learning_rates": {"2.we": 0.1}}, "'2.we'"),
        ({"learning_rates": {"2": -1}}, "learning_rates.2"),
    ],
)
def test_wrong_settings_are_named(tmp_path, changes, said):
    with pytest.raises(CourseError, match=said):
        build(tmp_path, **changes).fit()


def test_a_loss_that_is_no_number_stops_the_run_and_spares_the_checkpoint(tmp_path):
    data = Blobs(0)
    data.pictures[7] = torch.nan
    order = EpochBatches(len(data), 4, shuffle=True, seed=1)
    number = next(number for number, batch in enumerate(order, start=1) if 7 in dict(batch))
    trainer = build(tmp_path, data=(data, Blobs(1), None), checkpoint_seconds=0)
    with pytest.raises(CourseError, match=rf"batch {number}\b.*epoch 1.*learning rate"):
        trainer.fit()
    weights = torch.load(tmp_path / "checkpoint.pt", weights_only=True)["model"]
    assert all(tensor.isfinite().all() for tensor in weights.values())


def test_too_little_memory_says_what_to_set(tmp_path):
    class Full(ClassificationTrainer):
        def training_step(self, batch):
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    with pytest.raises(CourseError, match="batch_size=2, accumulation=2"):
        build(tmp_path, kind=Full).fit()


def test_bf16_trains_like_float32_where_the_choice_is_recorded(tmp_path):
    runs = {
        name: build(tmp_path / name, precision=name, model=SimpleNet(50), data=(big(0), big(1), None)).fit()
        for name in ("float32", "bf16")
    }
    assert (runs["bf16"].precision, runs["float32"].precision) == ("bf16", "float32")
    assert runs["bf16"].train_loss == pytest.approx(runs["float32"].train_loss, abs=0.05)
    assert runs["bf16"].train_loss != runs["float32"].train_loss


def big(seed):
    data = Blobs(seed)
    data.pictures = data.pictures.repeat(1, 1, 9, 9)[..., :50, :50]
    return data


def staged_model():
    model = two_layers()
    freeze(model, but="4")
    model[1].requires_grad_(True)
    return model


@pytest.mark.parametrize("stop_after", [1, 4, 6, 9, 11])
@pytest.mark.parametrize(
    ("model", "changes"),
    [(lambda: linear_model(0.5), {}), (staged_model, {"learning_rates": {"4": 0.02}})],
    ids=["all", "stage"],
)
def test_an_interrupted_run_ends_like_an_uninterrupted_one(tmp_path, stop_after, model, changes):
    class Interrupted(ClassificationTrainer):
        steps = 0

        def training_step(self, batch):
            self.steps += 1
            if self.steps > stop_after:
                raise KeyboardInterrupt
            return super().training_step(batch)

    def noisy(folder, kind=ClassificationTrainer):
        data = (Blobs(0, noise=0.5), Blobs(1), Blobs(2))
        settings = {"optimizer": {"name": "SGD", "params": {"lr": 0.1, "momentum": 0.9}}, **changes}
        return build(folder, model(), kind, data=data, checkpoint_seconds=0, **settings)

    noisy(tmp_path / "whole").fit()
    interrupted = noisy(tmp_path / "parts", Interrupted)
    with pytest.raises(KeyboardInterrupt):
        interrupted.fit()
    torch.rand(5)  # other work in the meantime moves the generators
    interrupted.steps = -1000
    interrupted.fit()  # the same object, as in a notebook
    assert files(tmp_path / "parts") == files(tmp_path / "whole")


def test_a_run_interrupted_while_it_writes_its_results_still_ends_the_same(tmp_path, monkeypatch):
    build(tmp_path / "whole").fit()
    write = checkpoints.save_weights

    def interrupted(path, weights):
        if path.name == "best.safetensors":
            raise KeyboardInterrupt
        write(path, weights)

    monkeypatch.setattr(checkpoints, "save_weights", interrupted)
    with pytest.raises(KeyboardInterrupt):
        build(tmp_path / "parts").fit()
    monkeypatch.undo()
    build(tmp_path / "parts").fit()
    assert files(tmp_path / "parts") == files(tmp_path / "whole")


def test_two_processes_train_like_one(tmp_path):
    command = ["torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    subprocess.run(
        [sys.executable, "-m", *command, TESTS / "two_processes.py", tmp_path / "two"],
        env={
            **os.environ,
            "ACCELERATE_USE_CPU": "1",
            "OMP_NUM_THREADS": "1",
            "PYTHONPATH": str(TESTS.parents[1]),
        },
        capture_output=True,
        check=True,
    )
    one = build(tmp_path / "one", accumulation=2, class_weights=[0.7, 2.5]).fit()
    (two,) = read_history(tmp_path / "two" / "history.json")
    for curve in CURVES:
        assert getattr(two, curve) == pytest.approx(getattr(one, curve), rel=1e-5), curve
    weights = (load_file(tmp_path / name / "best.safetensors")["2.weight"] for name in ("one", "two"))
    torch.testing.assert_close(*weights)


def run_and_kill(data, folder, after_steps=None):
    """Run to the end, or kill -9 after so many batches; return whether it came to its end."""
    process = subprocess.Popen(
        [sys.executable, TESTS / "killable_run.py", data, folder],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=ENVIRONMENT,
    )
    with process:
        steps = 0
        for line in process.stdout:
            steps += line == "step\n"
            if steps == after_steps:
                process.send_signal(signal.SIGKILL)
    return process.returncode == 0


@pytest.mark.parametrize("kills", [2, pytest.param(5, marks=pytest.mark.slow)])
def test_killed_at_random_moments_it_ends_the_same_to_the_last_bit(drawn_data, tmp_path, kills):
    data = drawn_data / "fakes_dataset"
    assert run_and_kill(data, tmp_path / "whole")
    for _ in range(kills):
        # Each time within the first epoch and a half of what is left at most, so that some is left.
        assert not run_and_kill(data, tmp_path / "parts", random.randint(1, 2 * BATCHES // kills))
    assert run_and_kill(data, tmp_path / "parts")
    assert files(tmp_path / "parts") == files(tmp_path / "whole")
