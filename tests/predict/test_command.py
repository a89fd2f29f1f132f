import json
import shutil

import pytest
from command_line import course
from drawn import draw_face

from course_utils.predict.tested import load_tested, shipped


def test_what_comes_with_the_course_is_what_its_card_says():
    (place,) = shipped()
    card = load_tested(place).card
    assert card.model == "meso4"
    assert card.auroc.low > 0.9
    assert card.ratio.lowest < 0 < card.ratio.highest


def test_a_user_asks_of_a_file(course_environment):
    draw_face(1).save(course_environment / "ä b.png")
    (course_environment / "c.png").write_text("no picture")
    out = course_environment / "answer"
    files = [str(course_environment / name) for name in ("ä b.png", "c.png")]
    code, told, _ = course("predict", *files, "--out", str(out), "--prior", "0.5")
    assert code == 1  # one could not be examined
    assert "ä b.png: " in told
    assert "c.png: Not examined: it is not a picture" in told
    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    assert [one["path"] for one in report["files"]] == files
    assert (out / "index.html").is_file()


def test_faces_are_found_as_in_the_test_of_who_is_asked(course_environment):
    (place,) = shipped()
    card = json.loads(place.read_text(encoding="utf-8"))
    for measured in ("zoom", "scope"):
        card[measured] = {"Haar": card[measured]["Haar"]}
    folder = course_environment / "run" / "detectors" / "meso4"
    folder.mkdir(parents=True)
    (folder / "card.json").write_text(json.dumps(card), encoding="utf-8")
    shutil.copy(place.with_suffix(".safetensors"), folder)
    draw_face(1).save(course_environment / "a.png")
    asked = ("--detector", str(course_environment / "run"), "--out", str(course_environment / "answer"))
    code, _, warned = course("predict", str(course_environment / "a.png"), *asked)
    assert code == 0
    assert "cannot be had" not in warned  # nobody looked for YuNet
    assert json.loads((course_environment / "answer" / "report.json").read_text())["faces"] == "Haar"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["https://example.org/a.jpg"], "Save it"),
        (["nowhere.jpg"], "no file nowhere.jpg"),
        ([__file__, "--prior", "1"], "The prior is a probability"),
        ([__file__, "--detector", "/nowhere"], "There is no"),
        ([__file__, "--pool", "nothing"], "no data set 'nothing'"),
    ],
)
def test_a_wrong_question_is_answered_in_words(course_environment, words, message):
    code, _, error = course("predict", *words)
    assert code == 2
    assert message in " ".join(error.split())
