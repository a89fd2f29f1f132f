import json

import numpy as np
import pytest
from faces_on_black import SIZE, TileFinder, on_black, release_on, usual
from sklearn.metrics import roc_auc_score
from torchvision.transforms import v2

from course_utils.data.datasets import PictureDataset
from course_utils.data.faces import square_crop
from course_utils.data.pictures import fit_square, open_rgb
from course_utils.detectors import score_pictures
from course_utils.errors import CourseError
from course_utils.models.mesonet import Meso4
from course_utils.predict.framing import framing_of
from course_utils.predict.tested import CARD, find_cards, load_tested, release
from course_utils.predictions import predictions_table


def test_what_is_loaded_is_what_was_released(released):
    detector, folder, prepared = released
    (card,) = find_cards(folder.parent)
    assert find_cards(card) == find_cards(folder) == [card]
    again = load_tested(card)
    assert again.card == detector.card
    samples = prepared.split("test")
    crops = [np.asarray(fit_square(open_rgb(prepared.root / path), SIZE)) for path in samples["path"]]
    expected = score_pictures(detector.network, PictureDataset(samples, prepared.root, SIZE))
    assert again.scores(crops) == pytest.approx(expected, abs=1e-6)


def test_the_card_tells_of_its_test(released):
    detector, _, prepared = released
    card, samples = detector.card, prepared.split("test")
    scores = score_pictures(detector.network, PictureDataset(samples, prepared.root, SIZE))
    assert card.auroc.value == pytest.approx(roc_auc_score(samples["label"], scores))
    assert (card.test_pictures, card.tested_on) == (12, "assignment_fakes")
    assert card.ratio.pictures == len(prepared.split("val"))
    assert card.zoom == {TileFinder.name: pytest.approx(96 / (0.8 * 96), abs=0.05)}
    assert card.scope[TileFinder.name].pictures == 12


def test_a_test_is_of_the_test_split(released, tmp_path):
    detector, _, prepared = released
    samples = prepared.split("val")
    scores = score_pictures(detector.network, PictureDataset(samples, prepared.root, SIZE))
    table = predictions_table(samples, scores, model="meso4", run="")
    with pytest.raises(CourseError, match="measured on the split 'test'; this table is of val"):
        release(
            tmp_path,
            title="Meso-4",
            model="meso4",
            network=detector.network,
            image_size=SIZE,
            trained_on="",
            tables={"val": table, "test": table},
            framing=None,
        )
    assert list(tmp_path.iterdir()) == []


def test_other_weights_are_not_those_of_the_card(released, tmp_path):
    _, folder, _ = released
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    weights = tmp_path / "card.safetensors"
    damaged = bytearray(weights.read_bytes())
    damaged[-1] ^= 1
    weights.write_bytes(damaged)
    with pytest.raises(CourseError, match=r"not the file that card\.json was written for"):
        load_tested(tmp_path / CARD)
    weights.unlink()
    with pytest.raises(CourseError, match="is not there"):
        load_tested(tmp_path / CARD)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"model": "gpt"}, "model 'gpt'"),
        ({"weights": "../../etc/passwd"}, "passwd is not there"),
        ({"form": 2}, "form"),
        ({"options": {"colour": "red"}}, r"meso4 cannot be built with these options: .*colour"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_a_card_that_says_what_it_may_not_is_refused(released, tmp_path, change, told):
    _, folder, _ = released
    (tmp_path / "card.safetensors").write_bytes((folder / "card.safetensors").read_bytes())
    card = json.loads((folder / CARD).read_text()) | change
    (tmp_path / CARD).write_text(json.dumps(card))
    with pytest.raises(CourseError, match=told):
        load_tested(tmp_path / CARD)


def test_a_folder_without_a_card_and_a_text_are_told_apart(tmp_path):
    with pytest.raises(CourseError, match=r"There is no card\.json in"):
        find_cards(tmp_path)
    (tmp_path / CARD).write_text("no card")
    with pytest.raises(CourseError, match="no card of a detector"):
        load_tested(tmp_path / CARD)


class Blind(TileFinder):
    def detect(self, picture):
        return []


def test_what_finds_no_face_in_the_test_cannot_be_used(released, tmp_path):
    with pytest.raises(CourseError, match="finds a face in 0 of 12"):
        release_on(released[2], tmp_path, faces=Blind())
    with pytest.raises(CourseError, match="no model 'nothing'"):
        release_on(released[2], tmp_path, model="nothing")


def test_where_nothing_was_resized_in_the_test_the_same_pixels_are_cut_out(released, tmp_path):
    picture = usual(released)
    side = picture.width
    network = Meso4(side).eval()
    tables = {
        split: predictions_table(
            part, score_pictures(network, PictureDataset(part, released[2].root, side)), model="m", run="t"
        )
        for split, part in ((split, released[2].split(split)) for split in ("val", "test"))
    }
    card = release_on(released[2], tmp_path, network=network, image_size=side, tables=tables).card
    assert (released[0].card.side, card.side) == (None, side)
    around = np.asarray(on_black(picture, (50, 70)))
    (face,) = TileFinder().detect(around)
    longer = float(max(face.box[2:] - face.box[:2]))
    x, y, length = square_crop(face.box, *around.shape[1::-1], scale=card.scale(TileFinder.name, longer))
    crop = around[y : y + length, x : x + length]
    assert np.array_equal(crop, np.asarray(picture))
    assert card.reasons(TileFinder.name, crop, longer) == []
    (told,) = card.reasons(TileFinder.name, crop[1:, 1:], longer)
    assert told == f"around it are {side - 1} pixels, and what was tested has {side}"
    assert card.scale(TileFinder.name, 3 * longer) == card.zoom[TileFinder.name]


def test_who_was_shown_the_middle_of_pictures_is_shown_as_much_around_a_face(released, tmp_path):
    picture = usual(released)
    seen = np.asarray(v2.CenterCrop(picture.width // 2)(picture))
    framing = framing_of(released[2], [TileFinder()], middle=0.5)
    card = release_on(released[2], tmp_path, framing=framing, image_size=len(seen)).card
    assert card.side == len(seen)
    assert card.zoom[TileFinder.name] == pytest.approx(released[0].card.zoom[TileFinder.name] / 2, rel=0.02)
    around = np.asarray(on_black(picture, (50, 70)))
    (face,) = TileFinder().detect(around)
    longer = float(max(face.box[2:] - face.box[:2]))
    x, y, length = square_crop(face.box, *around.shape[1::-1], scale=card.scale(TileFinder.name, longer))
    crop = around[y : y + length, x : x + length]
    assert np.array_equal(crop, seen)
    assert card.reasons(TileFinder.name, crop, longer) == []
