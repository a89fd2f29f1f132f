"""Forge faces, to teach how forgeries are found: five analogues of FaceForensics++, and self-blended images.

Each function is named after the method whose kind of artefact it imitates, and is not that method: no network
is trained, faces are cut and warped by landmarks. They work on pictures whose landmarks are known, which is
how the course makes its own data sets; there is no command that forges any file one names.

Putting a person's face or words where they never were harms people. Forge only drawn faces, faces of people
who agreed to it, or research data whose terms allow it; never publish the result without saying what it is.
Every file that the course writes says so itself, see `metadata_note`.
"""

from course_utils.data.forgery.reenactments import face2face, neural_textures
from course_utils.data.forgery.stills import self_blended
from course_utils.data.forgery.swaps import deepfakes, face_shifter, face_swap
from course_utils.data.forgery.template import face_template
from course_utils.data.forgery.warping import Footage

# The names are those of the folders of FaceForensics++ (Rössler et al. 2019). Each takes (target, source) and
# returns the forged frames (N x H x W x 3 uint8) and the masks of what changed (N x H x W uint8, 0 or 255).
FORGERIES = {
    "Deepfakes": deepfakes,
    "Face2Face": face2face,
    "FaceSwap": face_swap,
    "FaceShifter": face_shifter,
    "NeuralTextures": neural_textures,
}

__all__ = [
    "FORGERIES",
    "Footage",
    "deepfakes",
    "face2face",
    "face_shifter",
    "face_swap",
    "face_template",
    "metadata_note",
    "neural_textures",
    "self_blended",
]


def metadata_note(method: str, target: str, source: str) -> str:
    """Return the sentence that a forged file carries in its metadata (an MP4's or a JPEG's comment).

    `method` is a name of `FORGERIES` or "self-blended", `target` and `source` are the names of the originals.
    """
    return (
        f"FORGED for teaching: an analogue of {method}, target {target}, source {source}. What it shows never"
        " happened. Made with the course's course_utils.data.forgery; do not remove this note."
    )
