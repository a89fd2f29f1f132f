import numpy as np
import pandas as pd
import pytest
from drawn import draw_face
from PIL import Image, ImageEnhance, ImageFilter

from course_utils.predict.scope import PROPERTIES, measure, scope_of


def properties(picture, face=60.0):
    return measure(np.asarray(picture), face)


@pytest.fixture(scope="module")
def scope():
    random = np.random.default_rng(0)
    faces = random.uniform(50, 70, 300)
    return scope_of(pd.DataFrame([properties(draw_face(seed), face) for seed, face in enumerate(faces)]))


def test_pictures_of_the_same_kind_are_inside(scope):
    outside = [bool(scope.reasons(properties(draw_face(1000 + seed)))) for seed in range(200)]
    assert np.mean(outside) < 0.12  # one in a hundred by each property and each side of it


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda face: face.filter(ImageFilter.GaussianBlur(4)), "detail"),
        (lambda face: ImageEnhance.Brightness(face).enhance(0.1), "darker"),
        (
            lambda face: Image.fromarray(np.random.default_rng(0).integers(0, 255, (96, 96, 3), np.uint8)),
            "detail",
        ),
    ],
)
def test_another_kind_is_outside_and_told_why(scope, change, word):
    for seed in range(10):
        assert word in " ".join(scope.reasons(properties(change(draw_face(seed)))))


def test_a_face_of_another_size_is_told_with_what_was_tested(scope):
    (reason,) = [one for one in scope.reasons(properties(draw_face(3), 300.0)) if "face" in one]
    assert reason == "the face is larger (300 pixels; tested were 45 pixels to 77 pixels)"


def test_what_is_within_every_bound_may_be_unlike_all():
    random = np.random.default_rng(0)
    table = pd.DataFrame({name: random.normal(50, 5, 500) for name in PROPERTIES})
    table["finest"] = table["fine"] + random.normal(0, 0.5, 500)  # they go together
    scope = scope_of(table)
    alike = dict.fromkeys(PROPERTIES, 50.0)
    assert scope.reasons(alike) == scope.reasons(alike | {"fine": 58.0, "finest": 58.0}) == []
    (reason,) = scope.reasons(alike | {"fine": 58.0, "finest": 42.0})
    assert "do not go together" in reason
