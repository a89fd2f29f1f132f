import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import av
import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from torchvision.ops import box_iou

from course_utils import paths
from course_utils.data import crops, generate
from course_utils.data.faces import YuNet
from course_utils.data.forgery import FORGERIES
from course_utils.data.manifest import load_manifest
from course_utils.data.prepare import load_dataset, prepare
from course_utils.data.rendered import world
from course_utils.data.rendered.decoder import Decoder
from course_utils.data.splits import shared_people
from course_utils.data.video import read_frames
from course_utils.errors import CourseError

SMALL = {
    "rendered": {"pairs": {"train": 1, "val": 1, "test": 1}, "frames": 4, "size": 64},
    "rendered_fakes": {"pairs": {"train": 3, "val": 1, "test": 1}, "photographs": 2, "size": 64},
    "rendered_synthetic": {"people": {"train": 2, "val": 2, "test": 2}, "photographs": 2, "size": 64},
    "rendered_identities": {"people": 3, "photographs": 2, "size": 64},
    "rendered_heads": {"films": {"train": 1, "val": 1, "test": 1}, "pictures": 2, "size": 96},
}


def define(name: str, **changes: object) -> None:
    """Let `name` mean the shipped data set of that name, only smaller."""
    content = yaml.safe_load((paths.manifests()[1] / f"{name}.yaml").read_text())
    content["generate"] |= SMALL[name] | changes
    file = paths.manifests()[0] / f"{name}.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(yaml.safe_dump(content))


def prepared(name: str, jobs: int = 1, **changes: object):
    define(name, **changes)
    return prepare(load_manifest(name), jobs, progress=False)


@pytest.fixture(autouse=True)
def nothing_but_a_cache(tmp_path, monkeypatch):
    """An empty cache and no data root; who looks for a face is told off, for boxes are known."""
    monkeypatch.delenv("COURSE_DATA_ROOT", raising=False)
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(crops, "find_detector", lambda: pytest.fail("a face was looked for"))


def decoded(folder: Path) -> dict[str, str]:
    """Return a digest of every frame of every video in `folder`, by path."""
    digests = {}
    for file in sorted(folder.rglob("*.mp4")):
        with av.open(str(file)) as container:
            frames = [frame.to_ndarray(format="rgb24").tobytes() for frame in container.decode(video=0)]
        digests[str(file.relative_to(folder))] = hashlib.sha256(b"".join(frames)).hexdigest()
    return digests


def comment(file: Path) -> str:
    if file.suffix == ".mp4":
        with av.open(str(file)) as container:
            return container.metadata.get("comment", "")
    return Image.open(file).info["comment"].decode()


def test_the_talking_heads_have_the_layout_of_faceforensics():
    samples = prepared("rendered").samples
    assert samples["split"].value_counts().to_dict() == dict.fromkeys(("train", "val", "test"), 2 * 2 * 6 * 4)
    assert set(samples["method"]) == {"original", *FORGERIES}
    assert set(samples["compression"]) == {"c23", "c40"}
    assert samples["group"].nunique() == 3
    assert shared_people(samples).empty
    fakes = samples[samples["label"] == 1]
    assert (
        fakes["group"]
        == ["_".join(sorted(pair)) for pair in zip(fakes["target"], fakes["source"], strict=True)]
    ).all()
    published = load_manifest("faceforensics")
    folder = load_manifest("rendered").data_folder()
    videos = [file.relative_to(folder).as_posix() for file in folder.rglob("c?[03]/videos/*.mp4")]
    assert len(videos) == 6 * 2 * 6
    assert all(published.parse(path) for path in videos)


def test_yunet_finds_the_faces_of_originals_and_forgeries_as_they_are_encoded(photographs):
    weights = photographs / "weights" / "yunet_n_640_640.onnx"
    if not weights.is_file():
        pytest.skip("no YuNet weights in the data root")
    define("rendered", pairs={"train": 3}, frames=6, size=192)
    recipe, folder = load_manifest("rendered").generate, paths.writable_cache() / "world"
    for unit in world.units(recipe):
        world.make(recipe, unit, folder)
    detector, found = YuNet(weights), []
    for file in folder.glob("*/*/c?[03]/videos/*.mp4"):
        boxes = json.loads((folder / "boxes" / f"{file.stem.split('_')[0]}.json").read_text())
        for number, picture in read_frames(file, [0, 5]):
            faces = np.array([face.box for face in detector.detect(picture)]).reshape(-1, 4)
            overlaps = box_iou(torch.tensor(faces), torch.tensor([boxes[number]]))
            found.append(bool((overlaps >= 0.5).any()))
    assert len(found) == 6 * (1 + len(FORGERIES)) * len(recipe.compressions) * 2
    assert np.mean(found) >= 0.95


def test_every_fake_has_a_mask_that_is_black_and_white():
    dataset = prepared("rendered")
    folder = dataset.manifest.data_folder()
    assert dataset.samples.loc[dataset.samples["label"] == 1, "mask"].notna().all()
    for file in folder.glob("manipulated_sequences/*/masks/videos/*.mp4"):
        masks = np.stack([mask for _, mask in read_frames(file, range(4))])
        assert set(np.unique(masks)) == {0, 255}
        assert 0.002 < (masks == 255).mean() < 0.5


def test_forged_files_say_so_and_originals_do_not():
    folders = {name: prepared(name) and load_manifest(name).data_folder() for name in SMALL}
    forged = [*folders["rendered"].glob("manipulated_sequences/**/*.mp4")]
    forged += [
        *folders["rendered_fakes"].glob("*/fake/*.jpg"),
        *folders["rendered_synthetic"].glob("*/fake/*.jpg"),
    ]
    assert len(forged) == 3 * 2 * 5 * 3 + 20 + 6
    assert all(comment(file).startswith("FORGED for teaching") for file in forged)
    everything = [
        file for folder in folders.values() for file in folder.rglob("*.*") if file.suffix in (".mp4", ".jpg")
    ]
    assert not any(comment(file).startswith("FORGED") for file in set(everything) - set(forged))


def test_the_note_does_not_make_the_files_of_fakes_larger():
    folder = prepared("rendered_fakes").root
    notes = {len(comment(file)) for file in folder.glob("*/*/*.jpg")}
    assert len(notes) == 1


def test_the_same_seed_gives_the_same_frames_in_another_process(tmp_path, monkeypatch):
    prepared("rendered", jobs=1)
    first = decoded(load_manifest("rendered").data_folder())
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "other"))
    prepared("rendered", jobs=2)
    assert decoded(load_manifest("rendered").data_folder()) == first
    prepared("rendered", seed=7)
    other = decoded(load_manifest("rendered").data_folder())
    assert not set(first.values()) & set(other.values())


def test_a_kill_at_any_moment_leaves_no_half_file_and_the_rest_is_made(tmp_path):
    define("rendered")
    whole = decoded(prepared("rendered") and load_manifest("rendered").data_folder())
    command = "from course_utils.data.prepare import load_dataset; load_dataset('rendered')"
    cache = tmp_path / "killed"
    environment = {
        **os.environ,
        "COURSE_CACHE": str(cache),
        "PYTHONPATH": str(paths.PACKAGE.parent),
    }
    (cache / "manifests").mkdir(parents=True)
    (cache / "manifests" / "rendered.yaml").write_bytes((paths.manifests()[0] / "rendered.yaml").read_bytes())
    for wanted in (1, 20, 50):
        process = subprocess.Popen([sys.executable, "-c", command], env=environment, start_new_session=True)
        give_up = time.monotonic() + 60
        while process.poll() is None and len([*cache.rglob("*.mp4")]) < wanted and time.monotonic() < give_up:
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        folder = next((cache / "generated" / "rendered").iterdir())
        assert decoded(folder).items() <= whole.items()
    subprocess.run([sys.executable, "-c", command], env=environment, check=True)
    assert decoded(folder) == whole


def test_what_is_made_is_not_made_again(monkeypatch):
    prepared("rendered_identities")
    monkeypatch.setattr(generate, "work", lambda *_, **__: pytest.fail("generated again"))
    assert prepare(load_manifest("rendered_identities"), progress=False).opened == 0
    assert len(load_dataset("rendered_identities").samples) == 6


def test_a_shared_cache_that_has_it_is_used(tmp_path, monkeypatch):
    folder = prepared("rendered_identities").root
    monkeypatch.setenv("COURSE_CACHE", os.pathsep.join([str(tmp_path / "cache"), str(tmp_path / "own")]))
    define("rendered_identities")
    assert load_dataset("rendered_identities").root == folder
    assert not (tmp_path / "own" / "generated").exists()


def test_what_is_not_generated_yet_says_what_to_type():
    with pytest.raises(CourseError, match="type `course data prepare rendered`"):
        load_manifest("rendered").data_folder()


def test_another_recipe_does_not_mix_with_what_is_there():
    assert len(prepared("rendered_identities", people=3).samples) == 6
    assert len(prepared("rendered_identities", people=2).samples) == 4


def test_fakes_of_photographs_have_masks_and_no_person_in_two_splits():
    dataset = prepared("rendered_fakes")
    samples = dataset.samples
    assert samples.groupby(["split", "label"]).size().to_dict() == {
        (split, label): count for split, count in (("train", 12), ("val", 4), ("test", 4)) for label in (0, 1)
    }
    assert shared_people(samples).empty
    for row in samples[samples["label"] == 1].itertuples():
        mask = np.asarray(Image.open(dataset.root / row.mask))
        assert mask.shape == (64, 64)
        assert 0 < (mask == 255).mean() < 0.5
    assert set(samples["method"]) == {"original", "SelfBlended", *FORGERIES}


def test_people_are_photographed_several_times_and_are_not_alike():
    dataset = prepared("rendered_identities")
    pictures = [np.asarray(Image.open(dataset.root / path)).astype(float) for path in dataset.samples["path"]]
    for number, picture in enumerate(pictures):
        for other in pictures[:number]:
            assert np.abs(picture - other).mean() > 5


def test_the_decoder_leaves_its_mark_on_the_spectrum_and_hardly_any_on_the_picture():
    rng = np.random.default_rng(0)
    ramp = np.add.outer(np.arange(64), np.arange(64)) + 60
    picture = np.repeat(ramp[..., None], 3, axis=2).astype(np.uint8)
    drawn = Decoder(0)(picture[None], rng)[0]
    assert np.abs(drawn.astype(int) - picture).mean() < 4
    assert np.abs(drawn.astype(int) - picture).max() < 40

    def spectrum(of: np.ndarray) -> np.ndarray:
        return np.abs(np.fft.fft2(of[8:56, 8:56, 1].astype(float) * np.hanning(48)[:, None] * np.hanning(48)))

    noisy = np.clip(picture + rng.normal(0, 1.5, picture.shape), 0, 255)
    assert spectrum(drawn)[24, 0] > 3 * spectrum(noisy)[24, 0]  # one change a pixel, down


def test_real_and_decoded_pictures_are_of_different_people():
    samples = prepared("rendered_synthetic").samples
    assert samples.groupby("group")["label"].nunique().eq(1).all()
    assert samples.groupby(["split", "label"]).size().eq(2).all()


def test_scenes_have_a_box_around_every_head_and_lists_of_splits():
    dataset = prepared("rendered_heads")
    samples = dataset.samples
    pictures = samples.drop_duplicates("path")
    assert pictures["split"].value_counts().to_dict() == {"train": 2, "val": 2, "test": 2}
    heads = samples.dropna(subset="x0")
    assert len(heads) >= 3
    assert (heads["x0"] < heads["x1"]).all()
    assert (heads["y0"] < heads["y1"]).all()
    assert heads[["x0", "y0"]].min().min() >= 0
    assert (heads["x1"] <= heads["width"]).all()
    assert (heads["y1"] <= heads["height"]).all()
    published = load_manifest("hollywood_heads")
    assert all(published.parse(path) for path in pictures["path"])


def test_photographs_are_forged_with_the_same_methods(photographs):
    if not (photographs / "lfw").is_dir():
        pytest.skip("no lfw in the data root")
    few = paths.writable_cache() / "few"
    for number, person in enumerate(sorted((photographs / "lfw").iterdir())[:4]):
        (few / person.name).mkdir(parents=True)
        for file in sorted(person.glob("*.jpg"))[: 2 if number == 3 else 4]:
            (few / person.name / file.name).symlink_to(file)
    for name, changes in (("lfw", {"root": str(few)}), ("lfw_forged", {})):
        content = yaml.safe_load((paths.manifests()[1] / f"{name}.yaml").read_text()) | changes
        (paths.manifests()[0]).mkdir(parents=True, exist_ok=True)
        (paths.manifests()[0] / f"{name}.yaml").write_text(yaml.safe_dump(content))
    dataset = prepare(load_manifest("lfw_forged"), 1, progress=False)
    fakes = dataset.samples[dataset.samples["label"] == 1]
    assert dataset.samples.groupby("label").size().to_dict() == {0: 6, 1: 6}  # one of three has no partner
    assert json.loads((dataset.root / "skipped.json").read_text())["people"] == 1
    for row in fakes.itertuples():
        assert comment(dataset.root / row.path).startswith("FORGED for teaching")
        assert (np.asarray(Image.open(dataset.root / row.mask)) == 255).mean() < 0.5


def test_a_split_by_target_lets_people_leak_and_says_how_many(capsys):
    define("rendered")
    samples = prepare(load_manifest("rendered").choose("thesis"), 1, progress=False).samples
    told = capsys.readouterr().out
    fakes = samples[samples["label"] == 1].drop_duplicates(["target", "source", "method"])
    home = samples[samples["label"] == 0].groupby("target")["split"].first()
    tested = fakes[fakes["split"] == "test"]
    learnt = (tested["source"].map(home) == "train").sum()
    assert len(tested) == learnt == 5  # one person, whose partner was learnt from
    assert f"of {len(tested)} test fakes, that of {learnt} is in train" in told
