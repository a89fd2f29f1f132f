import numpy as np
import pandas as pd
import pytest
import torch
from drawn import draw_face
from torch.nn import functional
from torchvision.transforms import v2

from course_utils import heatmaps, paths
from course_utils.data.datasets import PictureDataset, batches
from course_utils.errors import CourseError
from course_utils.heatmaps import MapDataset, extract, shuffled_cells
from course_utils.models.autoencoder import as_pictures
from course_utils.models.face_vit import FaceViT


class Counting(FaceViT):
    """A small transformer that counts the batches it is shown."""

    def __init__(self, seed=0):
        torch.manual_seed(seed)
        super().__init__("P8S8", depth=2, width=64, heads=1)
        self.shown = 0

    def maps_and_features(self, pictures):
        self.shown += 1
        return super().maps_and_features(pictures)


class Dying(Counting):
    def maps_and_features(self, pictures):
        if self.shown == 1:
            raise KeyboardInterrupt
        return super().maps_and_features(pictures)


@pytest.fixture
def faces(tmp_path, monkeypatch):
    """Nine pictures in three folders, in an order that mixes them, and an empty cache."""
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "cache"))
    files = []
    for number in range(9):
        path = tmp_path / "data" / "abc"[number % 3] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        draw_face(number).resize((112, 112)).save(path)
        files.append(path.relative_to(tmp_path / "data").as_posix())
    return PictureDataset(pd.DataFrame({"path": files, "label": 0}), tmp_path / "data", 112)


def stored():
    return sorted((paths.writable_cache() / "heatmaps").rglob("*.safetensors"))


def test_maps_come_in_the_order_of_the_samples_and_sum_to_less_than_one(faces):
    source = Counting()
    found = extract(faces, source, precision="float32")
    pictures = faces.batch_transform(torch.stack([faces[number][0] for number in range(9)]))
    with torch.no_grad():
        maps, features = FaceViT.maps_and_features(source, pictures)
    assert found.maps.dtype == found.features.dtype == np.float16
    np.testing.assert_allclose(found.maps, maps, atol=1e-5)
    np.testing.assert_allclose(found.features, features, atol=2e-3)
    assert (found.maps.astype(float).sum(axis=1) < 1).all()
    assert len(stored()) == 3
    assert not source.training


def test_what_was_computed_is_read_and_not_computed_again(faces):
    first = extract(faces, Counting(), precision="float32")
    again = Counting()
    second = extract(faces, again, precision="float32")
    assert again.shown == 0
    np.testing.assert_array_equal(first.maps, second.maps)
    np.testing.assert_array_equal(first.features, second.features)


def test_a_part_of_the_pictures_in_another_order_is_its_own(faces):
    whole = extract(faces, Counting(), precision="float32").maps
    order = [7, 2, 4]
    part = PictureDataset(faces.samples.iloc[order], faces.root, 112)
    np.testing.assert_allclose(extract(part, Counting(), precision="float32").maps, whole[order], atol=1e-6)


def test_killed_it_goes_on_and_computes_only_what_was_missing(faces):
    with pytest.raises(KeyboardInterrupt):
        extract(faces, Dying(), precision="float32")
    assert len(stored()) == 1
    # `Dying` differs from `Counting` in name alone, and so would its place in the cache.
    source = Dying()
    source.shown = 2
    extract(faces, source, precision="float32")
    assert source.shown == 4
    assert len(stored()) == 3


@pytest.mark.parametrize("change", ["weights", "precision", "picture", "transform"])
def test_nothing_old_is_taken_for_new(faces, change):
    extract(faces, Counting(), precision="float32")
    source, precision, pictures, expected = Counting(), "float32", faces, 3
    if change == "weights":
        source = Counting()
        source.norm.bias.data[0] += 1e-3
    elif change == "precision":
        precision = "bf16"
    elif change == "transform":
        pictures = PictureDataset(faces.samples, faces.root, 120, v2.CenterCrop(112))
    else:
        draw_face(99).resize((112, 112)).save(faces.root / faces.samples["path"][0])
        pictures, expected = PictureDataset(faces.samples, faces.root, 112), 1
    extract(pictures, source, precision=precision)
    assert source.shown == expected


def test_a_damaged_file_is_made_again_and_a_shared_cache_is_read(faces, tmp_path, monkeypatch):
    whole = extract(faces, Counting(), precision="float32").maps
    stored()[0].write_bytes(b"half a file")
    source = Counting()
    np.testing.assert_array_equal(extract(faces, source, precision="float32").maps, whole)
    assert source.shown == 1
    shared = f"{paths.writable_cache()}:{tmp_path / 'own'}"
    monkeypatch.setenv("COURSE_CACHE", shared)
    assert extract(faces, source, precision="float32").maps.shape == (9, 196)
    assert source.shown == 1
    assert not (tmp_path / "own").exists()


def test_large_folders_are_more_than_one_unit(faces, monkeypatch):
    monkeypatch.setattr(heatmaps, "LARGEST_UNIT", 2)
    source = Counting()
    extract(faces, source, precision="float32")
    assert source.shown == 6


def test_a_map_that_is_no_number_is_named_and_not_stored(faces):
    source = Counting()
    source.positions.data[:] = torch.nan
    with pytest.raises(CourseError, match=r"3 of 3 maps.*a/0\.png.*train it again"):
        extract(faces, source, precision="float32")
    assert not stored()


def test_a_lost_picture_is_named(faces):
    (faces.root / faces.samples["path"][4]).unlink()
    with pytest.raises(CourseError, match=r"b/4\.png .*is gone"):
        extract(faces, Counting(), precision="float32")


def test_bf16_maps_are_close_to_float32(faces):
    source = Counting()
    exact = extract(faces, source, precision="float32").maps.astype(float)
    coarse = extract(faces, source, precision="bf16").maps.astype(float)
    assert 0 < np.abs(coarse - exact).max() < 0.02 * exact.max()


def test_pictures_for_the_autoencoder_run_from_black_to_white():
    maps = torch.rand(3, 196, generator=torch.Generator().manual_seed(0)).half()
    maps[2] = 0.25
    pictures = as_pictures(maps)
    assert pictures.shape == (3, 1, 128, 128)
    assert pictures.dtype == torch.float32
    assert pictures.min() >= 0
    assert 0.8 < pictures[:2].amax((1, 2, 3)).min() <= pictures.max() <= 1
    assert (pictures[2] == 0).all()
    low, high = maps[0].float().min(), maps[0].float().max()
    scaled = ((maps[0].float() - low) / (high - low)).reshape(1, 1, 14, 14)
    torch.testing.assert_close(pictures[:1], functional.interpolate(scaled, 128, mode="bilinear"))


def test_a_batch_of_maps_is_its_items():
    maps = np.random.default_rng(0).random((7, 196)).astype(np.float16)
    dataset = MapDataset(maps, [0, 1] * 3 + [0])
    inputs, labels = next(iter(batches(dataset, 4, shuffle=True, seed=3)))
    single = [
        dataset[index] for index, _ in next(iter(batches(dataset, 4, shuffle=True, seed=3).batch_sampler))
    ]
    torch.testing.assert_close(inputs, torch.stack([item for item, _ in single]))
    assert labels.tolist() == [label for _, label in single]
    assert inputs.dtype == torch.float16


def test_what_is_no_map_is_refused():
    maps = np.zeros((4, 196), np.float16)
    with pytest.raises(CourseError, match=r"3 labels need maps of 3 x 196, not of 4 x 196"):
        MapDataset(maps, [0] * 3)
    maps[2, 5] = np.nan
    with pytest.raises(CourseError, match=r"1 of 4 maps .*map 2"):
        MapDataset(maps, [0] * 4)


def test_shuffled_cells_keep_what_and_lose_where():
    maps = np.arange(2 * 196).reshape(2, 196)
    shuffled = shuffled_cells(maps)
    np.testing.assert_array_equal(np.sort(shuffled), maps)
    assert not np.array_equal(shuffled[0], shuffled[1] - 196)
    np.testing.assert_array_equal(shuffled, shuffled_cells(maps))
