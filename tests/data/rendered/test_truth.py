"""What is told of rendered pictures is true of the files that were written."""

from functools import cache

import numpy as np
import pytest
import yaml
from PIL import Image

from course_utils import paths
from course_utils.data.manifest import load_manifest
from course_utils.data.prepare import PreparedDataset, load_dataset, prepare
from course_utils.data.rendered import fakes, truth
from course_utils.data.rendered.identity import draw_identity
from course_utils.data.rendered.surface import Part
from course_utils.data.rendered.truth import geometry, people
from course_utils.errors import CourseError

SMALL = {
    "rendered": {"pairs": {"train": 1, "val": 1, "test": 1}, "frames": 3, "size": 96},
    "rendered_fakes": {"pairs": {"train": 1, "val": 1, "test": 1}, "photographs": 2, "size": 96},
    "rendered_synthetic": {"people": {"train": 2, "val": 2, "test": 2}, "photographs": 2, "size": 96},
    "rendered_identities": {"people": 3, "photographs": 2, "size": 96},
    "rendered_heads": {"films": {"train": 1, "val": 1, "test": 1}, "pictures": 1, "size": 96},
}


NAMED = [name for name in SMALL if name != "rendered_heads"]  # the others show several people, unnamed


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """What prepares a small data set of rendered people, by its name."""

    @cache
    def make(name: str) -> PreparedDataset:
        content = yaml.safe_load((paths.manifests()[1] / f"{name}.yaml").read_text())
        content["generate"] |= SMALL[name]
        file = paths.manifests()[0] / f"{name}.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(yaml.safe_dump(content))
        return prepare(load_manifest(name), 1, progress=False)

    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("COURSE_DATA_ROOT", raising=False)
        patch.setenv("COURSE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield make


@pytest.mark.parametrize("name", NAMED)
def test_people_are_those_who_were_drawn(made, name):
    prepared = made(name)
    found = people(prepared)
    assert set(found["target"]) == set(prepared.samples["target"]) and found["target"].is_unique
    for row in found.itertuples():
        person = draw_identity(prepared.manifest.generate.person(int(row.target[-3:])))
        assert (row.skin_tone, row.age, row.glasses) == (person.skin_tone, person.age, person.glasses)
        assert row.beard == person.beard
    joined = prepared.samples.merge(found, on="target", validate="many_to_one")
    assert len(joined) == len(prepared.samples) and joined.notna()["age"].all()


@pytest.mark.parametrize("name", NAMED)
def test_geometry_is_that_of_the_picture_that_was_written(made, name, monkeypatch):
    """Rendered again, the real pictures are the files, but for compression (that of c40 hides too much)."""
    prepared, clips = made(name), []
    shot = truth._shot

    def watched(recipe, sample):
        make, key, moment = shot(recipe, sample)
        clips.append((make(recipe, *key), moment))
        return make, key, moment

    monkeypatch.setattr(truth, "_shot", watched)
    samples = prepared.samples.query("label == 0 and compression != 'c40'")
    samples = samples.iloc[:: max(1, len(samples) // 3)]
    for sample, (landmarks, parts) in zip(samples.itertuples(), geometry(prepared, samples), strict=True):
        clip, moment = clips[-1]
        picture = np.asarray(Image.open(prepared.root / sample.path)).astype(float)
        frame = clip.frames[moment].astype(float)
        assert parts.shape == picture.shape[:2]
        assert landmarks.shape == (68, 2)
        x, y = np.rint(clip.landmarks[moment] - landmarks)[0].astype(int)
        cut = frame[y : y + len(picture), x : x + picture.shape[1]]
        others = [np.abs(cut - np.roll(picture, 3, axis=1)).mean()]
        others += [np.abs(f[y : y + len(cut), x : x + len(cut)] - picture).mean() for f in clip.frames]
        assert np.abs(cut - picture).mean() <= min(others) + 1e-9
        assert np.abs(cut - picture).mean() < 6
        mouth = np.rint(landmarks[48:68]).astype(int)
        assert np.mean([(parts[v - 2 : v + 3, u - 2 : u + 3] == Part.MOUTH).any() for u, v in mouth]) > 0.9


def test_a_fake_has_the_geometry_of_its_target(made):
    """What was forged is in the middle of the target's face."""
    prepared = made("rendered_fakes")
    forged = prepared.samples[prepared.samples["label"] == 1].iloc[:3]
    for sample, (landmarks, _) in zip(forged.itertuples(), geometry(prepared, forged), strict=True):
        mask = np.asarray(Image.open(prepared.root / sample.mask)) > 0
        rows, columns = np.nonzero(mask)
        low, high = landmarks.min(axis=0) - 4, landmarks.max(axis=0) + 4
        assert low[0] < columns.mean() < high[0] and low[1] < rows.mean() < high[1]
        middle = np.rint(landmarks[27:68].mean(axis=0)).astype(int)
        assert mask[middle[1] - 12 : middle[1] + 13, middle[0] - 12 : middle[0] + 13].any()


def test_a_fake_outside_its_mask_is_its_target_moments_later(made):
    prepared = made("rendered_fakes")
    recipe = prepared.manifest.generate
    for sample in prepared.samples.query("label == 1").iloc[:2].itertuples():
        mask, picture = (
            np.asarray(Image.open(prepared.root / path)).astype(int) for path in (sample.mask, sample.path)
        )
        frames = fakes.photographs(recipe, int(sample.target)).frames.astype(int)
        number = int(sample.path[-5])
        distances = np.abs(frames - picture)[:, mask == 0].mean(axis=(1, 2))
        assert distances.argmin() == fakes.moment(number, 1) and distances.min() < 3


def test_nothing_is_said_of_pictures_of_several_people(made):
    with pytest.raises(CourseError, match="rendered_heads is not one of"):
        people(made("rendered_heads"))


def test_nothing_is_said_of_real_people(course_environment):
    real = load_dataset("lfw")
    with pytest.raises(CourseError, match="guesses none"):
        people(real)
    with pytest.raises(CourseError, match="guesses none"):
        next(geometry(real, real.samples))
