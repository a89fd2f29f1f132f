import itertools
import pickle
import random
import sys

import numpy as np
import pytest
import torch
from drawn import draw_assignment, draw_face
from faults import save_oddities
from PIL import Image
from torch.utils.data import Dataset, default_collate
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional

from course_utils.data import datasets
from course_utils.data.datasets import (
    EpochBatches,
    PictureDataset,
    SeededItems,
    batches,
    choose_workers,
    train_transform,
)
from course_utils.data.pictures import open_prepared
from course_utils.data.prepare import load_dataset
from course_utils.data.samples import sample_table
from course_utils.errors import CourseError


@pytest.fixture
def prepared(course_environment):
    return load_dataset("assignment_fakes")


@pytest.fixture
def pictures(prepared):
    return PictureDataset(prepared.split("train"), prepared.root, 48, train_transform(48))


def table_of(names):
    common = {"dataset": "d", "label": 0, "method": "original", "split": "train", "width": 1, "height": 1}
    return sample_table([{**common, "path": name, "group": name} for name in names])


def test_an_item_is_the_picture_at_the_size_asked_for_and_its_label(prepared):
    samples = prepared.split("val")
    for size, expected in [(None, (3, 96, 96)), (32, (3, 32, 32)), (200, (3, 200, 200))]:
        dataset = PictureDataset(samples, prepared.root, size)
        assert len(dataset) == 8
        assert dataset.labels.tolist() == samples["label"].tolist()
        picture, label = dataset[3]
        assert (picture.dtype, tuple(picture.shape)) == (torch.uint8, expected)
        assert label == samples["label"][3]
    whole, _ = PictureDataset(samples, prepared.root, None)[0]
    stored = np.asarray(Image.open(prepared.root / samples["path"][0]))
    assert np.array_equal(whole.permute(1, 2, 0).numpy(), stored)


def test_a_picture_that_is_not_square_keeps_its_proportions(tmp_path):
    wide = Image.new("RGB", (120, 60), "black")
    wide.paste("white", (30, 0, 90, 60))  # the middle square is white
    wide.save(tmp_path / "wide.png")
    picture, _ = PictureDataset(table_of(["wide.png"]), tmp_path, 30)[0]
    assert picture[:, :, 1:-1].min() == 255  # the outermost pixels blend with what was cut off


def test_whatever_the_mode_a_picture_is_read_as_upright_rgb(tmp_path):
    names = save_oddities(tmp_path)
    dataset = PictureDataset(table_of(names), tmp_path, None)
    read = {name: dataset[i][0].permute(1, 2, 0).numpy().astype(int) for i, name in enumerate(names)}
    face = np.asarray(draw_face(1)).astype(int)
    grey = np.asarray(draw_face(1).convert("L")).astype(int)[..., None]
    assert np.array_equal(read["alpha.png"], face)
    assert np.array_equal(read["deep.png"], grey.repeat(3, axis=2))  # not clipped to white
    assert abs(read["grey.jpg"] - grey).mean() < 3
    assert abs(read["cmyk.jpg"] - face).mean() < 4
    assert abs(read["palette.png"] - face).mean() < 4
    assert abs(read["turned.jpg"] - face[:64]).mean() < 4
    assert np.array_equal(read["really_a.jpg"], np.asarray(draw_face(2)))


@pytest.mark.parametrize("damage", [lambda f: f.unlink(), lambda f: f.write_bytes(f.read_bytes()[:300])])
def test_a_file_that_went_bad_is_named_and_no_other_takes_its_place(tmp_path, damage):
    folder = draw_assignment(tmp_path)
    dataset = PictureDataset(table_of(["val/real/0.jpg", "val/real/1.jpg"]), folder, 32)
    damage(folder / "val" / "real" / "1.jpg")
    with pytest.raises(CourseError, match=r"val/real/1\.jpg.*cannot be opened now"):
        list(batches(dataset, 2, shuffle=False, seed=0))


def test_pictures_stay_in_memory_up_to_the_limit(prepared, monkeypatch):
    opened = []
    monkeypatch.setattr(datasets, "open_prepared", lambda path: opened.append(path) or open_prepared(path))
    five = 5 * 3 * 64 * 64 / 2**20
    dataset = PictureDataset(prepared.split("train"), prepared.root, 64, memory_limit_mb=five)
    for _ in range(3):
        for index in range(len(dataset)):
            dataset[index]
    assert len(opened) == 20 + 15 + 15
    assert len(pickle.dumps(dataset)) < 30_000  # travels to a worker without its pictures


def test_a_transform_that_writes_into_its_picture_spoils_nothing(prepared):
    dataset = PictureDataset(
        prepared.split("val"), prepared.root, 32, transform=lambda picture: picture.zero_()
    )
    untouched = PictureDataset(prepared.split("val"), prepared.root, 32)[0][0]
    assert dataset[0][0].max() == 0
    dataset.transform = None
    assert torch.equal(dataset[0][0], untouched)
    dataset[0][0].zero_()
    assert torch.equal(dataset[0][0], untouched)


def test_the_batch_transform_is_torchvisions_normalisation(pictures):
    batch = torch.randint(0, 256, (4, 3, 8, 8), dtype=torch.uint8)
    before = batch.clone()
    expected = functional.normalize(batch / 255, [0.5] * 3, [0.5] * 3)
    torch.testing.assert_close(pictures.batch_transform(batch), expected)
    assert torch.equal(batch, before)
    own = PictureDataset(
        pictures.samples, pictures.root, 48, normalise=([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    )
    expected = functional.normalize(batch / 255, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    torch.testing.assert_close(own.batch_transform(batch), expected)


def test_the_augmentation_is_a_shift_of_at_most_four_pixels_and_a_flip(pictures):
    plain = PictureDataset(pictures.samples, pictures.root, 48)[0][0]
    padded = functional.pad(plain, 4)
    crops = [padded[:, y : y + 48, x : x + 48] for y in range(9) for x in range(9)]
    allowed = {crop.numpy().tobytes() for crop in crops + [crop.flip(-1) for crop in crops]}
    drawn = {SeededItems(pictures)[0, seed][0].numpy().tobytes() for seed in range(60)}
    assert drawn <= allowed
    assert len(drawn) > 30


def draw_epoch(dataset, **settings):
    loader = batches(dataset, **{"batch_size": 6, "shuffle": True, "seed": 3, "epoch": 2, **settings})
    return [(pictures.clone(), labels.clone()) for pictures, labels in loader]


def same(one, other):
    return len(one) == len(other) and all(
        torch.equal(a, c) and torch.equal(b, d) for (a, b), (c, d) in zip(one, other, strict=True)
    )


def test_an_epoch_depends_on_seed_and_number_alone(pictures):
    epoch = draw_epoch(pictures)
    assert [len(labels) for _, labels in epoch] == [6, 6, 6, 2]
    torch.manual_seed(99)
    random.seed(99)
    assert same(epoch, draw_epoch(pictures))
    assert not same(epoch, draw_epoch(pictures, epoch=3))
    assert not same(epoch, draw_epoch(pictures, seed=4))
    assert same(epoch[2:], draw_epoch(pictures, skip_batches=2))
    assert draw_epoch(pictures, skip_batches=4) == []


def test_the_generators_of_the_process_are_left_alone(pictures):
    def state():
        return torch.get_rng_state().numpy().tobytes(), random.getstate(), np.random.get_state()[1].tobytes()

    before = state()
    draw_epoch(pictures)
    assert state() == before


def test_every_item_comes_once_and_in_order_unless_shuffled():
    plain = [i for batch in EpochBatches(23, 5, shuffle=False, seed=0) for i, _ in batch]
    assert plain == list(range(23))
    shuffled = [i for batch in EpochBatches(23, 5, shuffle=True, seed=0) for i, _ in batch]
    assert sorted(shuffled) == plain
    assert shuffled != plain


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("world_size", [1, 2, 3])
def test_processes_share_an_epoch_and_its_length_is_known(world_size, shuffle):
    ranks = [
        EpochBatches(23, 4, shuffle=shuffle, seed=1, rank=rank, world_size=world_size)
        for rank in range(world_size)
    ]
    for batch_sampler in ranks:
        for skipped in (0, 2):
            assert len(list(batch_sampler.at(1, skipped))) == len(batch_sampler)
    items = [[i for batch in batch_sampler.at(1) for i, _ in batch] for batch_sampler in ranks]
    assert {i for mine in items for i in mine} == set(range(23))
    if shuffle:
        assert len({len(mine) for mine in items}) == 1  # all make equally many steps
    else:
        assert sum(len(mine) for mine in items) == 23  # nothing is evaluated twice
    assert len({i for mine in items for i in mine}) == 23


def test_spawned_workers_draw_the_same_batches_and_serve_the_next_epoch(pictures):
    loader = batches(pictures, 6, shuffle=True, seed=3, epoch=2, workers=2)
    assert same(draw_epoch(pictures), list(loader))
    loader.batch_sampler.at(3, skip_batches=1)
    assert same(draw_epoch(pictures, epoch=3)[1:], list(loader))


class StudentDataset(Dataset):
    """What a student may write: float tensors, its own randomness from wherever."""

    def __init__(self, length=2500):
        self.length = length

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        return torch.full((3, 4, 4), index + random.random() + np.random.rand() + torch.rand(()).item()), 1


def test_a_students_own_dataset_is_as_reproducible():
    epoch = draw_epoch(StudentDataset(10))
    assert epoch[0][0].dtype == torch.float32
    assert same(epoch, draw_epoch(StudentDataset(10)))
    assert same(epoch[1:], draw_epoch(StudentDataset(10), skip_batches=1))
    assert default_collate([StudentDataset(1)[0]])[0].shape == epoch[0][0][:1].shape


def test_workers_only_where_they_pay_and_can_import_the_dataset(monkeypatch):
    monkeypatch.setattr(datasets, "processor_cores", lambda: 16)
    assert choose_workers(StudentDataset()) == 8
    assert choose_workers(StudentDataset(500)) == 0

    class Notebook(StudentDataset):
        pass

    assert choose_workers(Notebook()) == 0  # defined in a function: cannot be sent at all
    Notebook.__module__, Notebook.__qualname__ = "__main__", "Notebook"
    monkeypatch.setattr(sys.modules["__main__"], "Notebook", Notebook, raising=False)
    assert choose_workers(Notebook()) == 0
    with_lambda = StudentDataset()
    with_lambda.transform = v2.Lambda(lambda picture: picture)
    assert choose_workers(with_lambda) == 0
    monkeypatch.setattr(datasets, "processor_cores", lambda: 4)
    assert choose_workers(StudentDataset()) == 0


def test_items_that_belong_together_follow_one_another_with_one_seed():
    together = np.array([0, 1, 2, 3, 0, 1, 2, 3, 3, 2])
    orders = []
    for epoch in range(4):
        sampler = EpochBatches(10, 4, shuffle=True, seed=1, together=together).at(epoch)
        items = [item for batch in sampler for item in batch]
        numbers = [together[index] for index, _ in items]
        assert sorted(index for index, _ in items) == list(range(10))
        assert len(list(itertools.groupby(numbers))) == 4
        assert len({seed for _, seed in items}) == 4
        orders.append([index for index, _ in items])
    assert len(set(map(tuple, orders))) == 4
