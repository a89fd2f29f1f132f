"""What is exported comes back as it was, and of annotations by others every fault is named by its line."""

import os
import shutil

import numpy as np
import pandas as pd
import pytest
from command_line import course
from drawn import draw_assignment, draw_face
from PIL import Image

from course_utils.data.check import check
from course_utils.data.export import export
from course_utils.data.manifest import load_manifest
from course_utils.data.own import prepare_folder
from course_utils.data.prepare import load_dataset
from course_utils.data.samples import sample_table, write_samples
from course_utils.errors import CourseError

FORMS = ("yolo", "list")


@pytest.fixture
def prepared(course_environment):
    """A data set of 40 pictures, one of which has a name that is hard to write, and another a mask."""
    folder = draw_assignment(course_environment / "mine")
    (folder / "train" / "real" / "0.jpg").rename(folder / "train" / "real" / "Zoë  am See 0.jpg")
    (folder / "masks").mkdir()
    Image.fromarray(np.eye(96, dtype=np.uint8) * 255).save(folder / "masks" / "0.png")
    dataset = prepare_folder(folder, progress=False)
    fake = dataset.samples["path"] == "test/fake/0.jpg"
    dataset.samples.loc[fake, ["mask", "method", "target", "source"]] = ["masks/0.png", "swap", "A", "B"]
    dataset.samples.loc[fake, ["x0", "y0", "x1", "y1"]] = [1.5, 2, 60, 70.25]
    return dataset


@pytest.fixture
def lists(prepared, course_environment):
    """A folder with lists alone, no table."""
    export(prepared, "list", course_environment / "out", progress=False)
    (course_environment / "out" / "samples.parquet").unlink()
    shutil.rmtree(course_environment / "out" / "masks")
    return course_environment / "out"


@pytest.fixture
def beside(prepared, course_environment):
    """A folder with labels beside the pictures alone, no table."""
    export(prepared, "yolo", course_environment / "out", progress=False)
    (course_environment / "out" / "samples.parquet").unlink()
    shutil.rmtree(course_environment / "out" / "test" / "masks")
    return course_environment / "out"


def read(folder):
    return prepare_folder(folder, name="again", progress=False)


def placed(dataset, form):
    """Return the table that is expected of what was exported."""
    samples = dataset.samples.copy()
    if form == "yolo":
        samples["path"] = samples["split"] + "/" + samples["path"]
        samples["mask"] = samples["split"] + "/" + samples["mask"]
    return samples.sort_values("path", ignore_index=True)


@pytest.mark.parametrize("form", FORMS)
def test_an_export_comes_back_with_every_column_and_byte(prepared, course_environment, form):
    assert export(prepared, form, course_environment / "out", progress=False) == 40
    again = read(course_environment / "out")
    expected = placed(prepared, form)
    pd.testing.assert_frame_equal(again.samples, expected)
    for old, new in zip(prepared.samples["path"], expected["path"], strict=True):
        assert (prepared.root / old).read_bytes() == (again.root / new).read_bytes()
    assert again.left_out == []
    assert check(load_manifest("again"), progress=False).findings == []
    pd.testing.assert_frame_equal(load_dataset("again").samples, expected)


@pytest.mark.parametrize("form", FORMS)
def test_without_the_table_paths_labels_and_splits_are_as_they_were(prepared, form, request):
    folder = request.getfixturevalue({"list": "lists", "yolo": "beside"}[form])
    columns = ["path", "label", "split", "width", "height"]
    again = read(folder).samples
    pd.testing.assert_frame_equal(again[columns], placed(prepared, form)[columns])
    assert (again["group"] == again["path"]).all()  # nothing tells what belongs together
    assert set(again["method"]) == {"original", "fake"}


def test_a_camera_s_upper_case_names_are_read_too(beside):
    for file in list(beside.rglob("*.jpg")):
        file.rename(file.with_suffix(".JPG"))
    assert len(read(beside).samples) == 40


def test_the_two_forms_are_the_published_ones(prepared, course_environment):
    for form in FORMS:
        export(prepared, form, course_environment / form, progress=False)
    lines = (course_environment / "list" / "train.txt").read_bytes().decode().split("\n")
    assert "train/fake/3.jpg 1" in lines
    assert "train/real/Zoë  am See 0.jpg 0" in lines
    assert (lines[-1], len(lines)) == ("", 21)
    assert (course_environment / "yolo/test/test/fake/3.jpg").is_file()
    assert (course_environment / "yolo/test/test/fake/3.txt").read_bytes() == b"1\n"


def test_several_faces_of_one_picture_are_one_line_and_come_back_as_rows(course_environment):
    Image.new("RGB", (64, 64)).save(course_environment / "crowd.png")
    row = {
        "path": "crowd.png",
        "dataset": "d",
        "label": 0,
        "method": "original",
        "group": "g",
        "split": "val",
    }
    row |= {"width": 64, "height": 64, "y0": 0, "x1": 9, "y1": 9}
    table = sample_table([{**row, "x0": 1}, {**row, "x0": 5}])
    write_samples(course_environment / "samples.parquet", table)
    (course_environment / "val.txt").write_text("crowd.png 0\n")
    pd.testing.assert_frame_equal(read(course_environment).samples, table)


@pytest.mark.parametrize(
    "change",
    [
        lambda data: b"\xef\xbb\xbf" + data,
        lambda data: data.replace(b"\n", b"\r\n"),
        lambda data: b"\n" + data.removesuffix(b"\n"),
        lambda data: data.replace(b".jpg ", b".jpg\t"),
        lambda data: b"./" + data,
    ],
    ids=["byte order mark", "windows", "blank lines", "tab", "dot"],
)
def test_what_other_editors_make_of_a_list_is_read_all_the_same(prepared, lists, change):
    file = lists / "train.txt"
    file.write_bytes(change(file.read_bytes()))
    assert read(lists).samples["path"].tolist() == prepared.samples["path"].tolist()


def test_a_label_beside_a_picture_may_come_from_windows(beside):
    (beside / "test/test/fake/3.txt").write_bytes(b"\xef\xbb\xbf1\r\n")
    assert len(read(beside).samples) == 40


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (b"train/real/1.jpg 2\n", "train.txt, line 21: the label '2'; expected 0 (real) or 1 (fake)"),
        (b"train/real/1.jpg real\n", "train.txt, line 21: the label 'real'; expected 0"),
        (b"train/real/1.jpg\n", "train.txt, line 21: no label; expected 0"),
        (b"train/real/1.jpg 0\n", "line 21: train/real/1.jpg is annotated twice, as 0 in train, and as 0"),
        (b"train/real/1.jpg 1\n", "as 1 in train, and as 0 in train in train.txt, line 11; expected each"),
        (
            b"test/fake/3.jpg 1\n",
            "test.txt, line 4: test/fake/3.jpg is annotated twice, as 1 in test, and as 1",
        ),
        (b"train/real/none.jpg 0\n", "line 21: there is no picture train/real/none.jpg in the folder"),
        (b"../mine/train/real/1.jpg 0\n", "line 21: ../mine/train/real/1.jpg leads out of the folder"),
        (b"/etc/motd.jpg 0\n", "train.txt, line 21: /etc/motd.jpg leads out of the folder"),
        (b"C:/faces/1.jpg 0\n", "train.txt, line 21: C:/faces/1.jpg leads out of the folder"),
        (b"train\\real\\1.jpg 0\n", "line 21: train\\real\\1.jpg has backslashes; expected forward"),
        (b"train/real/caf\xe9.jpg 0\n", "train.txt, line 21: b'\\xe9' is not UTF-8"),
    ],
)
def test_a_fault_in_a_list_is_named_by_file_and_line(lists, lines, told):
    with (lists / "train.txt").open("ab") as file:
        file.write(lines)
    with pytest.raises(CourseError) as caught:
        read(lists)
    assert told in str(caught.value)


def test_a_picture_on_no_list_is_named(lists):
    draw_face(1).save(lists / "extra.jpg")
    with pytest.raises(CourseError, match=r"1 to put right:\nextra\.jpg: no annotation names this picture"):
        read(lists)


@pytest.mark.parametrize(
    ("path", "content", "told"),
    [
        ("train/train/real/1.txt", b"2\n", "train/train/real/1.txt, line 1: the label '2'; expected 0"),
        ("train/train/real/1.txt", b"", "train/train/real/1.txt, line 1: no label; expected 0"),
        ("train/train/real/1.txt", b"0 0.5 0.5 1 1\n", "line 1: the label '0 0.5 0.5 1 1'; expected 0"),
        ("train/train/real/1.txt", b"0\n\n1\n", "train/train/real/1.txt, line 3: a second label"),
        ("train/train/real/1.txt", b"\xff\xfe0\0", "train/train/real/1.txt, line 1: b'\\xff' is not UTF-8"),
        ("train/train/real/1.txt", None, "train/train/real/1.jpg: there is no train/train/real/1.txt"),
        ("train/train/real/1.jpg", None, "train/train/real/1.txt: there is no picture beside it"),
        ("train/train/real/1.png", "picture", "train/train/real/1.jpg and train/train/real/1.png share it"),
        ("elsewhere/1.png", "picture", "elsewhere/1.png: it lies outside train/, val/ and test/"),
    ],
)
def test_a_fault_beside_a_picture_is_named(beside, path, content, told):
    (beside / path).parent.mkdir(exist_ok=True)
    if content is None:
        (beside / path).unlink()
    elif content == "picture":
        draw_face(1).save(beside / path)
    else:
        (beside / path).write_bytes(content)
    with pytest.raises(CourseError) as caught:
        read(beside)
    assert told in str(caught.value)


def test_many_faults_are_counted_and_the_first_named(lists):
    text = (lists / "train.txt").read_text(encoding="utf-8")
    (lists / "train.txt").write_text(text.replace(" 1\n", " yes\n"), encoding="utf-8")
    with pytest.raises(CourseError) as caught:
        read(lists)
    assert "10 to put right:\ntrain.txt, line 1:" in str(caught.value)
    assert str(caught.value).endswith("… and 5 more.")


def test_a_table_beside_that_says_something_else_is_no_help(prepared, course_environment):
    out = course_environment / "out"
    export(prepared, "list", out, progress=False)
    file = out / "train.txt"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("fake/3.jpg 1", "fake/3.jpg 0"), encoding="utf-8")
    with pytest.raises(CourseError, match=r"line 4: .*3.jpg has the label 0, and samples.parquet says 1"):
        read(out)
    (out / "samples.parquet").unlink()
    shutil.rmtree(out / "masks")
    assert read(out).samples["label"].sum() == 19


def test_an_export_is_whole_or_not_there_and_overwrites_nothing(prepared, course_environment):
    out = course_environment / "out"
    os.truncate(prepared.root / "val/real/1.jpg", 100)
    (prepared.root / "val/real/2.jpg").unlink()
    with pytest.raises(CourseError, match=r"val/real/2\.jpg is gone since mine was prepared"):
        export(prepared, "list", out, progress=False)
    assert [path for path in course_environment.iterdir() if "out" in path.name] == []
    out.mkdir()
    (out / "thesis.doc").write_text("years of work")
    with pytest.raises(CourseError, match="is there already, and not empty"):
        export(prepared, "list", out, progress=False)


def test_names_that_differ_in_the_ending_alone_go_into_a_list_only(prepared, course_environment):
    draw_face(7).save(prepared.root / "train/real/1.png")
    again = prepare_folder(prepared.root, progress=False)
    with pytest.raises(CourseError, match=r"share the annotation train/train/real/1\.txt.*--format list"):
        export(again, "yolo", course_environment / "out", progress=False)
    assert export(again, "list", course_environment / "out", progress=False) == 41


def test_folders_named_real_and_fake_with_captions_are_no_annotations(prepared):
    (prepared.root / "train/real/1.txt").write_text("a woman smiles")
    assert len(prepare_folder(prepared.root, progress=False).samples) == 40


def test_the_commands_export_and_read_again(prepared, course_environment):
    out = course_environment / "out"
    code, told, _ = course("data", "export", "mine", "--format", "yolo", "--out", str(out))
    assert code == 0
    assert "40 pictures" in told
    assert "Before you hand them on: Your own." in told
    code, told, _ = course("data", "prepare", "--folder", str(out))
    assert code == 0
    assert "40 samples, 0 files left out" in told
