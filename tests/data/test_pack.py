"""What an instructor packs is what a student gets; nothing forbidden is handed out or written elsewhere."""

import dataclasses
import hashlib
import json
import shutil
import zipfile

import numpy as np
import pandas as pd
import pytest
from command_line import course
from drawn import draw_assignment
from PIL import Image

from course_utils import paths
from course_utils.data.manifest import load_manifest
from course_utils.data.own import prepare_folder
from course_utils.data.pack import pack, unpack
from course_utils.data.prepare import load_dataset, prepare
from course_utils.data.samples import SAMPLE_COLUMNS
from course_utils.errors import CourseError


@pytest.fixture
def prepared(course_environment, monkeypatch):
    """A data set of its own, that may be shown, with a mask for one of its fakes."""
    root = course_environment / "data"
    monkeypatch.setenv("COURSE_DATA_ROOT", str(root))
    folder = draw_assignment(root / "fakes_dataset")
    drawn = prepare(load_manifest("assignment_fakes").model_copy(update={"may_show": "yes"}), progress=False)
    (folder / "masks").mkdir()
    Image.fromarray(np.eye(96, dtype=np.uint8) * 255).save(folder / "masks" / "0.png")
    samples = drawn.samples.copy()
    samples.loc[samples["path"] == "test/fake/0.jpg", "mask"] = "masks/0.png"
    return dataclasses.replace(drawn, samples=samples)


@pytest.fixture
def archive(prepared, tmp_path):
    pack(prepared, tmp_path / "fakes.zip", progress=False)
    return tmp_path / "fakes.zip"


def rewrite(archive, change, listed=True, **options):
    """Pack the members that `change` makes of the archive's (a dict name → bytes) anew, and list them."""
    with zipfile.ZipFile(archive) as file:
        members = {name: file.read(name) for name in file.namelist()}
    change(members)
    if listed:
        contents = json.loads(members["pack.json"])
        rest = {name: data for name, data in members.items() if name != "pack.json"}
        contents["sha256"] = {name: hashlib.sha256(data).hexdigest() for name, data in rest.items()}
        members["pack.json"] = json.dumps(contents).encode()
    with zipfile.ZipFile(archive, "w", **options) as file:
        for name, data in members.items():
            file.writestr(name, data)
    return archive


def test_a_student_without_the_data_gets_the_same_table_and_bytes(prepared, archive, monkeypatch):
    original = {
        path: (prepared.root / path).read_bytes() for path in (*prepared.samples["path"], "masks/0.png")
    }
    shutil.rmtree(prepared.root)
    monkeypatch.delenv("COURSE_DATA_ROOT")
    monkeypatch.setenv("COURSE_CACHE", str(archive.parent / "students_cache"))
    unpack(archive, progress=False)
    got = load_dataset("assignment_fakes")
    pd.testing.assert_frame_equal(got.samples, prepared.samples)
    assert {path: (got.root / path).read_bytes() for path in original} == original
    assert got.split("test")["label"].sum() == 6
    assert unpack(archive, progress=False).root == got.root  # again: the same, in the same place


def test_crops_of_videos_are_packed_without_what_they_were_cut_from(prepared, tmp_path, monkeypatch):
    videos = load_manifest("faceforensics").model_copy(update={"may_show": "yes"})
    samples = prepared.samples.assign(dataset="faceforensics", video="000").astype(SAMPLE_COLUMNS)
    crops = dataclasses.replace(prepared, name="faceforensics", manifest=videos, samples=samples)
    pack(crops, tmp_path / "crops.zip", progress=False)
    monkeypatch.delenv("COURSE_DATA_ROOT")
    unpack(tmp_path / "crops.zip", progress=False)
    got = load_dataset("faceforensics")
    pd.testing.assert_frame_equal(got.samples, samples)
    assert all((got.root / path).is_file() for path in (*samples["path"], "masks/0.png"))
    with pytest.raises(CourseError, match="no split named 'thesis'"):  # those crops are not in the pack
        load_dataset("faceforensics", splits="thesis")


def test_the_same_data_set_gives_the_same_archive(prepared, archive, tmp_path):
    again = pack(prepared, tmp_path / "again.zip", progress=False)
    assert again == hashlib.sha256(archive.read_bytes()).hexdigest()


@pytest.mark.parametrize("may_show", ["no", "unknown"])
def test_what_may_not_be_shown_is_not_packed_and_the_terms_say_why(prepared, tmp_path, may_show):
    kept = dataclasses.replace(prepared, manifest=prepared.manifest.model_copy(update={"may_show": may_show}))
    with pytest.raises(CourseError, match=rf"may_show: {may_show}.*not to be passed on"):
        pack(kept, tmp_path / "no.zip", progress=False)
    assert not (tmp_path / "no.zip").exists()


def test_a_picture_that_was_damaged_since_is_named_and_no_half_archive_stays(prepared, tmp_path):
    picture = prepared.root / "train/real/3.jpg"
    picture.write_bytes(picture.read_bytes()[:500])
    with pytest.raises(
        CourseError, match=r"train/real/3\.jpg cannot be packed: the picture is (truncated|damaged)"
    ):
        pack(prepared, tmp_path / "half.zip", progress=False)
    assert list(tmp_path.glob("*half*")) == []


@pytest.mark.parametrize(
    ("change", "listed", "reason"),
    [
        (lambda m: m.update({"pictures/test/fake/0.jpg": b"other"}), False, "is not what was packed"),
        (lambda m: m.pop("pictures/test/fake/0.jpg"), False, "does not hold exactly"),
        (lambda m: m.update({"pictures/extra.jpg": b"more"}), False, "does not hold exactly"),
        (lambda m: m.pop("pictures/test/fake/0.jpg"), True, "its table names pictures/test/fake/0.jpg"),
        (lambda m: m.pop("pack.json"), False, "holds no pack.json"),
        (lambda m: m.update({"pack.json": b"{}"}), False, "does not say what it should"),
    ],
)
def test_an_archive_that_was_changed_is_refused(archive, change, listed, reason):
    with pytest.raises(CourseError, match=reason):
        unpack(rewrite(archive, change, listed), progress=False)
    assert not (paths.manifests()[0] / "assignment_fakes.yaml").exists()


@pytest.mark.parametrize(
    "name",
    [
        *("../outside.jpg", "pictures/../../outside.jpg", "/outside.jpg", "pictures/./outside.jpg"),
        *(
            "pictures\\..\\outside.jpg",
            "C:/outside.jpg",
            "outside.jpg",
            "pictures/outside.py",
            "pictures/a\n.jpg",
        ),
    ],
)
def test_nothing_is_written_outside_or_but_pictures(archive, name, tmp_path):
    before = set(tmp_path.rglob("*"))
    with pytest.raises(CourseError, match="is no path of a picture"):
        unpack(rewrite(archive, lambda members: members.update({name: b"data"})), progress=False)
    assert set(tmp_path.rglob("*")) == before


def test_a_name_that_leads_elsewhere_is_refused(archive):
    def rename(members):
        members["pack.json"] = members["pack.json"].replace(b'"assignment_fakes"', b'"../../elsewhere"', 1)

    with pytest.raises(CourseError, match="is no name for a data set"):
        unpack(rewrite(archive, rename), progress=False)


def test_a_compressed_truncated_or_missing_archive_is_refused_in_words(archive, tmp_path):
    compressed = shutil.copy(archive, tmp_path / "compressed.zip")
    rewrite(compressed, lambda members: None, compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(CourseError, match="is compressed"):
        unpack(compressed, progress=False)
    archive.write_bytes(archive.read_bytes()[:-3000])
    with pytest.raises(CourseError, match="only part of one"):
        unpack(archive, progress=False)
    with pytest.raises(CourseError, match="is not there"):
        unpack(tmp_path / "nothing.zip", progress=False)


def test_a_pack_does_not_take_the_name_of_the_users_own_pictures(prepared, archive):
    own = paths.manifests()[0] / "assignment_fakes.yaml"
    own.parent.mkdir(parents=True)
    own.write_text((paths.manifests()[1] / own.name).read_text())
    with pytest.raises(CourseError, match="of your own already"):
        unpack(archive, progress=False)


def test_the_commands_pack_for_one_cache_and_unpack_into_another(course_environment, tmp_path):
    code, _, err = course("data", "pack", "assignment_fakes")
    assert code == 2
    assert "`may_show: unknown`, not `yes`" in err
    prepare_folder(draw_assignment(tmp_path / "mine"), progress=False)
    manifest = paths.manifests()[0] / "mine.yaml"
    manifest.write_text(manifest.read_text().replace("may_show: unknown", "may_show: yes"))
    code, out, _ = course("data", "pack", "mine", "--out", str(tmp_path))
    assert code == 0
    assert hashlib.sha256((tmp_path / "mine.zip").read_bytes()).hexdigest() in out
    other = {"COURSE_CACHE": str(tmp_path / "other")}
    code, out, _ = course("data", "unpack", str(tmp_path / "mine.zip"), **other)
    assert code == 0
    assert "train" in out
    assert course("data", "prepare", "mine", **other)[0] == 0  # and the pictures can be read again
