import random

import numpy as np
import pytest
import torch

from course_utils.errors import CourseError
from course_utils.training import checkpoints

SETTINGS = {"epochs": 2, "optimizer": {"name": "SGD", "params": {}}}


def state(value=0.0):
    return {"configuration": SETTINGS, "model": {"weight": torch.full((3,), value)}, "sums": [1.5, None]}


@pytest.fixture
def small_disk():
    """No file may grow beyond 100 kB, which is reported as a full disk is."""
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_checkpoint_comes_back_as_it_was(tmp_path):
    path = tmp_path / "run" / "checkpoint.pt"
    assert checkpoints.load_checkpoint(path, SETTINGS) is None
    checkpoints.save_checkpoint(path, state(1.0))
    loaded = checkpoints.load_checkpoint(path, SETTINGS)
    assert torch.equal(loaded["model"]["weight"], torch.ones(3)) and loaded["sums"] == [1.5, None]
    assert [file.name for file in path.parent.iterdir()] == ["checkpoint.pt"]


def test_another_configuration_is_refused_naming_what_differs(tmp_path):
    path = tmp_path / "checkpoint.pt"
    checkpoints.save_checkpoint(path, state())
    with pytest.raises(CourseError, match=r"epochs: 2 there, 5 here\n  patience: None there, 1 here\n"):
        checkpoints.load_checkpoint(path, {**SETTINGS, "epochs": 5, "patience": 1})


def test_a_damaged_checkpoint_is_reported(tmp_path):
    path = tmp_path / "checkpoint.pt"
    checkpoints.save_checkpoint(path, state())
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(CourseError, match="damaged"):
        checkpoints.load_checkpoint(path, SETTINGS)


def test_opening_a_checkpoint_runs_no_code(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (tmp_path.joinpath("exploded").touch, ())

    torch.save({"configuration": SETTINGS, "bomb": Bomb()}, tmp_path / "checkpoint.pt")
    with pytest.raises(CourseError):
        checkpoints.load_checkpoint(tmp_path / "checkpoint.pt", SETTINGS)
    assert not (tmp_path / "exploded").exists()


def test_a_full_disk_spares_the_checkpoint_before(tmp_path, small_disk):
    path = tmp_path / "checkpoint.pt"
    checkpoints.save_checkpoint(path, state(1.0))
    large = torch.zeros(100_000)
    with pytest.raises(CourseError, match="disk is full"):
        checkpoints.save_checkpoint(path, {**state(2.0), "large": large})
    assert checkpoints.load_checkpoint(path, SETTINGS)["model"]["weight"][0] == 1
    with pytest.raises(CourseError, match="disk is full"):
        checkpoints.save_weights(tmp_path / "best.safetensors", {"large": large})
    assert [file.name for file in tmp_path.iterdir()] == ["checkpoint.pt"]


def test_generators_go_on_where_they_were(tmp_path):
    def draw():
        return torch.rand(3).tolist(), np.random.normal(size=3).tolist(), random.gauss(0, 1), random.random()

    np.random.normal()  # leaves a second normal number waiting, part of the state
    random.gauss(0, 1)
    path = tmp_path / "generators.pt"
    checkpoints.save_checkpoint(path, {"configuration": {}, "generators": checkpoints.generators_state()})
    expected = draw()
    draw()
    checkpoints.restore_generators(checkpoints.load_checkpoint(path, {})["generators"])
    assert draw() == expected
