"""Photographs and talking heads as one data set: loaded, opened, checked and audited like any other."""

import pandas as pd
import pytest
import torch
from test_world import define

from course_utils.audit import audit
from course_utils.data import crops
from course_utils.data.check import check
from course_utils.data.datasets import PictureDataset
from course_utils.data.manifest import load_manifest
from course_utils.data.prepare import load_dataset
from course_utils.data.splits import SPLITS, leaks, shared_people


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("merged")


@pytest.fixture
def merged(place, monkeypatch):
    """The shipped `rendered_merged` of small sources, which nobody prepared before."""
    monkeypatch.delenv("COURSE_DATA_ROOT", raising=False)
    monkeypatch.setenv("COURSE_CACHE", str(place))
    monkeypatch.setattr(crops, "find_detector", lambda: pytest.fail("a face was looked for"))
    define("rendered", pairs={"train": 4, "val": 2, "test": 2}, compressions={"c23": 23})
    define("rendered_synthetic", people={"train": 8, "val": 2, "test": 2})
    return load_dataset("rendered_merged")


def test_it_is_made_where_it_is_missing_with_nobody_in_two_splits(merged):
    assert set(merged.samples["dataset"]) == {"rendered", "rendered_synthetic"}
    assert leaks(merged.samples).empty
    assert shared_people(merged.samples).empty
    sources = [load_dataset(name) for name in ("rendered", "rendered_synthetic")]
    assert len(merged.samples) == sum(len(source.samples) for source in sources)
    numbers = [set(source.samples["target"]) for source in sources]
    assert numbers[0] & numbers[1]  # both call somebody 000
    pd.testing.assert_frame_equal(load_dataset("rendered_merged").samples, merged.samples)


def test_its_pictures_and_masks_open_where_the_notebooks_read_them(merged):
    for split in SPLITS:
        rows = merged.split(split)
        pictures = PictureDataset(rows.groupby("dataset").head(3), merged.root, 32)
        for picture, label in pictures:
            assert (picture.shape, picture.dtype) == ((3, 32, 32), torch.uint8)
            assert label in (0, 1)
    assert all((merged.root / mask).is_file() for mask in merged.samples["mask"].dropna())


def test_it_passes_the_check(merged):
    report = check(load_manifest("rendered_merged"), progress=False)
    assert report.ok
    assert report.counts.to_numpy().sum() == len(merged.samples)


def test_it_is_audited_as_pictures_of_whole_groups(merged):
    report = audit(merged, progress=False)
    assert (report.unit, report.note) == ("picture", "")
    assert {"group", "identity"}.isdisjoint(leak.kind for leak in report.leaks)
    assert {shortcut.name for shortcut in report.shortcuts} >= {"file size", "spectrum"}
