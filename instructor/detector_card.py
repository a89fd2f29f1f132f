"""Calibrate and test the Meso-4 of `more_people.py` on people whom it never saw, and write its card.

Run as ``python instructor/detector_card.py``, some minutes. `course predict` asks it where no other detector
is named. Writes ``reference_runs/13_meso4.json``, and the weights under the same name beside it.
"""

from course_utils import paths
from course_utils.data.datasets import PictureDataset
from course_utils.data.faces import Haar, find_detector
from course_utils.data.manifest import load_manifest
from course_utils.data.prepare import prepare
from course_utils.detectors import score_pictures
from course_utils.models.mesonet import Meso4
from course_utils.models.pretrained import load_weights
from course_utils.predict.framing import framing_of
from course_utils.predict.tested import release
from course_utils.predictions import predictions_table

PAIRS = {"train": 1, "val": 150, "test": 150}  # of people; each is forged in six ways
SEED = 905  # other people than those of more_people.py


def main() -> None:
    """Draw the people, score them, and write the card."""
    folder = paths.reference_runs()
    trained = paths.read_reference("05_meso4")
    manifest = load_manifest("rendered_fakes")
    recipe = manifest.generate.model_copy(update={"pairs": PAIRS, "seed": SEED})
    others = {"name": "rendered_fakes_others", "generate": recipe, "expects": ()}
    prepared = prepare(manifest.model_copy(update=others))
    size = trained["image_size"]
    network = Meso4(size).eval()
    load_weights(folder / "05_meso4.safetensors", network)
    tables = {}
    for split in ("val", "test"):
        pictures = PictureDataset(prepared.split(split), prepared.root, size)
        scores = score_pictures(network, pictures)
        tables[split] = predictions_table(pictures.samples, scores, model="Meso-4", run="reference")
    release(
        folder,
        title="Meso-4",
        model="meso4",
        network=network,
        image_size=size,
        trained_on=f"{trained['training_pictures']:,} drawn pictures of {trained['training_people']:,} people"
        " who do not exist, forged in six ways (rendered_fakes)",
        tables=tables,
        framing=framing_of(prepared, [find_detector(), Haar()]),
        name="13_meso4.json",
    )


if __name__ == "__main__":
    main()
