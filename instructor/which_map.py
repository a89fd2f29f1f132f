"""Draw the maps of notebook 05's "which mistake?" and write ``reference_runs/05_which_map.json``.

Run as ``python instructor/which_map.py``; half a minute. The letters are given here and nowhere else in a
student release. The picture is of a drawn person, decoded; the detector is a SimpleNet of 64 x 64 pixels that
has learnt its training pictures rather than decoding: a mistake in a map shows whatever the network knows.
"""

import datetime
import tempfile

import numpy as np
import torch

from course_utils import doctor, paths
from course_utils.data.prepare import load_dataset
from course_utils.detectors import train_detector
from course_utils.intervals import auroc_interval
from course_utils.models.simplenet import SimpleNet
from course_utils.notebooks.run import commit

SIZE = 64
LAYER = "features.3"  # conv2: 23 x 23 places, enough to see signs in
DATASET = "rendered_synthetic"


def rows_of(array: np.ndarray) -> list[str]:
    """Return the rows of an integer array as text, a line a row."""
    return [" ".join(map(str, row)) for row in array.tolist()]


def main() -> None:
    """Train, explain rightly and with three mistakes, and write the maps as integers from -100 to 100."""
    prepared = load_dataset(DATASET)
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        detector = train_detector(
            "simplenet",
            lambda: SimpleNet(SIZE),
            prepared,
            SIZE,
            folder=folder,
            epochs=20,
            batch_size=32,
            optimizer={"name": "Adam", "params": {"lr": 1e-3}},
            precision="float32",
            seed=0,
        )
    pictures, model = detector.pictures(prepared), detector.model.eval()
    table = detector.predictions(prepared)
    surest = int(table["score"].where(table["label"] == 1).idxmax())  # of the fakes
    picture = pictures[surest][0]
    inputs = pictures.batch_transform(picture[None]).requires_grad_()
    kept = []
    handle = model.get_submodule(LAYER).register_forward_hook(lambda *call: kept.append(call[2]))
    logit = model(inputs)[0, 1]
    handle.remove()
    of_picture, of_layer = torch.autograd.grad(logit, [inputs, kept[0]])
    weighted = (of_layer.mean(dim=(2, 3), keepdim=True) * kept[0]).sum(dim=1)[0].detach()
    maps = {
        "O1": of_picture[0].abs().amax(dim=0),
        "O2": weighted.relu(),
        "A": of_picture[0].amax(dim=0),  # no absolute value
        "B": of_picture[0].sum(dim=0),  # a sum over channels
        "C": weighted,  # no ReLU
    }
    scaled = {letter: (100 * heat / heat.abs().max()).round().int().numpy() for letter, heat in maps.items()}
    content = {
        "dataset": prepared.name,
        "device": doctor.device_name(),
        "date": datetime.date.today().isoformat(),
        "commit": commit(),
        "test_auroc": round(auroc_interval(table).value, 3),
        "logit_of_fake": round(logit.item(), 3),
        "picture": [row.tobytes().hex() for row in picture.permute(1, 2, 0).numpy()],
        "maps": {letter: rows_of(heat) for letter, heat in scaled.items()},
    }
    paths.write_json(paths.reference_runs() / "05_which_map.json", content)


if __name__ == "__main__":
    main()
