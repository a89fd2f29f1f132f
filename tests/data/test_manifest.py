from pathlib import Path

import pytest
import yaml

from course_utils import paths
from course_utils.data.manifest import LayoutLine, Manifest, list_manifests, load_manifest, read_manifest
from course_utils.errors import CourseError

MINIMAL = {
    "name": "mine",
    "title": "Mine",
    "description": "Pictures.",
    "access": "Ask me.",
    "terms": "None.",
    "may_show": True,
    "citation": "",
    "folder": "mine",
    "layout": [{"path": "{split}/{label}/{name}.{extension}"}],
    "labels": {"real": 0, "fake": 1},
    "splits": {"official": {"kind": "folder"}},
    "default_split": "official",
}


def write(place: Path, **changes: object) -> Path:
    file = place / "mine.yaml"
    file.write_text(yaml.safe_dump({**MINIMAL, **changes}))
    return file


def test_all_shipped_manifests_are_valid_and_found_by_name(course_environment):
    names = {manifest.name for manifest in list_manifests()}
    assert {"assignment_fakes", "assignment_synthetic", "lfw"} <= names


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"colour": "red"}, ["field colour", "unknown", "expected one of name, title"]),
        ({"layout": [{"path": "{label}/x.jpg", "lable": "real"}]}, ["field layout.0.lable", "unknown"]),
        ({"folder": "../secrets"}, ["field folder", "leads out of the data root"]),
        ({"folder": "/etc"}, ["field folder", "relative to the data root"]),
        ({"folder": "C:\\Users"}, ["field folder", "relative to the data root"]),
        ({"layout": [{"path": "../{split}/{label}/{name}.jpg"}]}, ["layout.0.path", "leads out"]),
        ({"layout": [{"path": "{split}/{label}", "group": "{person}"}]}, ["group names person"]),
        ({"layout": [{"path": "{split}/{name}.jpg"}]}, ["neither a {label} field nor a label"]),
        ({"layout": [{"path": "{label}/{name}.jpg"}]}, ["no {split} field"]),
        ({"layout": [{"path": "{split}/{label/{name}.jpg"}]}, ["field layout.0"]),
        ({"labels": {"real": 0, "fake": 2}}, ["field labels.fake", "0 or 1"]),
        ({"default_split": "thesis"}, ["'thesis'", "splits has official"]),
        ({"splits": {"official": {"kind": "ratios", "train": 0.9}}}, ["must be 1, not 1.2"]),
        ({"splits": {"official": {"kind": "lists"}}}, ["field splits.official", "'folder', 'ratios'"]),
        ({"expects": [{"edition": "x", "counts": {"training": {"real": 1}}}]}, ["training is neither"]),
        ({"layout": []}, ["exactly one of layout, merge, crop and annotations"]),
        ({"crop": "lfw"}, ["exactly one of layout, merge, crop and annotations"]),
        ({"layout": [], "merge": ["lfw"]}, ["merge names lfw; expected two data sets or more"]),
        ({"layout": [], "merge": ["lfw", "lfw"]}, ["merge names lfw, lfw", "each once"]),
        ({"layout": [], "crop": "lfw"}, ["folder needs a layout; expected given"]),
        ({"layout": [], "crop": "lfw", "labels": {"a": 0, "b": 1}}, ["expected real: 0 and fake: 1"]),
        ({"may_show": "perhaps"}, ["field may_show", "'yes', 'no' or 'unknown'"]),
        ({"name": "yours"}, ["field name", "'yours'", "'mine'"]),
        ({"root": "/etc"}, ["field root", "--folder"]),
    ],
)
def test_a_wrong_manifest_is_refused_naming_file_field_and_what_was_expected(tmp_path, changes, told):
    with pytest.raises(CourseError) as caught:
        read_manifest(write(tmp_path, **changes))
    for words in ["mine.yaml", *told]:
        assert words in str(caught.value)


def test_text_that_is_no_yaml_is_refused_with_the_line(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("name: mine\ntitle: [unclosed\n")
    with pytest.raises(CourseError, match="line 3"):
        read_manifest(file)


def test_yaml_cannot_make_objects(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("name: !!python/object/apply:os.getcwd []\n")
    with pytest.raises(CourseError, match="cannot be read as YAML"):
        read_manifest(file)


@pytest.mark.parametrize(("written", "read"), [(True, "yes"), (False, "no"), ("unknown", "unknown")])
def test_unquoted_yes_and_no_are_understood(tmp_path, written, read):
    assert read_manifest(write(tmp_path, may_show=written)).may_show == read


def test_a_layout_line_reads_faceforensics_paths():
    line = LayoutLine(
        path="manipulated_sequences/{method}/{compression}/videos/{target}_{source}.mp4",
        label="fake",
        video="{method}/{target}_{source}",
        group="{target}",
    )
    columns = line.read("manipulated_sequences/Deepfakes/c23/videos/000_003.mp4")
    expected = {
        "label": "fake",
        "method": "Deepfakes",
        "compression": "c23",
        "target": "000",
        "source": "003",
        "video": "Deepfakes/000_003",
        "group": "000",
    }
    assert expected.items() <= columns.items()
    assert line.read("original_sequences/youtube/c23/videos/000.mp4") is None


@pytest.mark.parametrize(
    ("template", "path", "fits"),
    [
        ("{split}/{label}/{name}.{extension}", "train/real/a.b.JPG", True),
        ("{split}/{label}/{name}.{extension}", "train/real/sub/a.jpg", False),
        ("{split}/{label}/{name:path}.{extension}", "train/real/sub/a.jpg", True),
        ("{identity}/{identity}_{number}.jpg", "Al_Gore/Al_Gore_0001.jpg", True),
        ("{identity}/{identity}_{number}.jpg", "Al_Gore/George_0001.jpg", False),
        ("{name}+(1).jpg", "a+(1).jpg", True),
        ("{name}.jpg", "aXjpg", False),
    ],
)
def test_fields_match_within_a_folder_and_alike_where_repeated(template, path, fits):
    assert (LayoutLine(path=template).read(path) is not None) is fits


def test_method_label_group_and_split_of_a_file():
    layout = [{"path": "{split}/{label}/{name}.jpg", "method": {"real": "original", "fake": "composite"}}]
    splits = {"official": {"kind": "folder", "words": {"train": "train", "validation": "val"}}}
    manifest = Manifest(**{**MINIMAL, "layout": layout, "splits": splits})
    files = ["validation/fake/7.jpg", "holdout/fake/7.jpg", "train/forged/7.jpg"]
    (columns,) = manifest.read_all(files, Path()).values()
    assert (columns["split"], columns["label"], columns["method"]) == ("val", 1, "composite")
    assert columns["group"] == "validation/fake/7.jpg"


def test_without_data_three_lines_say_what_there_is_how_to_get_it_and_what_to_type(
    course_environment, monkeypatch
):
    monkeypatch.delenv("COURSE_DATA_ROOT")
    with pytest.raises(CourseError) as caught:
        load_manifest("assignment_fakes").data_folder()
    exist, get, write = str(caught.value).splitlines()
    assert "assignment_synthetic" in exist
    assert "fakes_dataset/" in get
    assert "COURSE_DATA_ROOT=" in write
    assert "course data prepare" in write


def test_an_unknown_name_lists_those_there_are(course_environment):
    with pytest.raises(CourseError, match=r"no data set 'lwf'.*assignment_fakes, assignment_synthetic.*lfw"):
        load_manifest("lwf")
    with pytest.raises(CourseError, match="no data set"):
        load_manifest("../data_manifests/lfw")


def test_the_users_own_manifest_may_name_a_root_anywhere(course_environment, tmp_path):
    folder = paths.manifests()[0]
    folder.mkdir(parents=True)
    write(folder, root=str(tmp_path))
    assert load_manifest("mine").data_folder() == tmp_path
