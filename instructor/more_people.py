"""Train on thousands of drawn people instead of dozens, and write what notebooks 04 and 05 show of it.

Run as ``python instructor/more_people.py``; about half an hour on two cores with bf16 units. Each training
resumes when the command is typed again. It draws people whom the quick data sets do not hold and writes
``reference_runs/04_more_people.json``: how three networks learn synthetic faces from few pictures and from
many; and ``reference_runs/05_meso4.json`` and ``.safetensors``: a detector of forged faces that works.
"""

import datetime
from functools import partial

import safetensors.torch
import torch

from course_utils import doctor, paths
from course_utils.data.manifest import load_manifest
from course_utils.data.prepare import PreparedDataset, prepare
from course_utils.detectors import Detector, few_training_pictures, train_detector
from course_utils.intervals import auroc_interval
from course_utils.models.mesonet import Meso4
from course_utils.models.simplenet import SimpleNet
from course_utils.models.xception import get_xception_based_model
from course_utils.notebooks.run import commit

SIZE = 128  # pixels, the side of pictures
SEEDS = {"Xception": 1, "SimpleNet": 3, "Meso-4": 3}  # a training of Xception takes minutes
PICTURES_SEEN = 4_200  # by each network in each training: fewer different ones are seen more often
NETWORKS = {
    "Xception": ("xception", partial(get_xception_based_model, "none")),
    "SimpleNet": ("simplenet", partial(SimpleNet, SIZE)),
    "Meso-4": ("meso4", partial(Meso4, SIZE)),
}
TRAINING_PICTURES = (216, 1050, 4200)
FORGED_EPOCHS = 30


def draw(name: str, **recipe: object) -> PreparedDataset:
    """Draw a data set like `name` with other people, and more of them."""
    manifest = load_manifest(name)
    recipe = manifest.generate.model_copy(update=recipe)
    return prepare(manifest.model_copy(update={"name": f"{name}_more", "generate": recipe, "expects": ()}))


def train(title: str, prepared: PreparedDataset, seed: int, **settings: object) -> Detector:
    """Train one network with one seed, or go on where that stopped."""
    name, build = NETWORKS[title]
    count = len(prepared.split("train"))
    torch.manual_seed(seed)
    return train_detector(
        name,
        build,
        prepared,
        SIZE,
        folder=paths.build() / "more_people" / f"{name}_{prepared.name}_{count}_{seed}",
        batch_size=32,
        seed=seed,
        **settings,
    )


def write(name: str, prepared: PreparedDataset, **content: object) -> None:
    """Write a reference run, with what it was made on."""
    about = {
        "dataset": prepared.name,
        "recipe": prepared.manifest.generate.model_dump(mode="json"),
        "image_size": SIZE,
        "device": doctor.device_name(),
        "date": datetime.date.today().isoformat(),
        "commit": commit(),
    }
    paths.write_json(paths.reference_runs() / name, {**about, **content})


def synthetic() -> None:
    """Three networks, few and many pictures of synthetic faces."""
    prepared = draw("rendered_synthetic", people={"train": 1400, "val": 80, "test": 160}, seed=901)
    trainings = []
    for count in TRAINING_PICTURES:
        fewer = few_training_pictures(prepared, count)
        for title in NETWORKS:
            outcomes = []
            for seed in range(SEEDS[title]):
                detector = train(
                    title,
                    fewer,
                    seed,
                    epochs=PICTURES_SEEN // count,
                    optimizer={"name": "Adam", "params": {"lr": 1e-3}},
                )
                outcomes.append(round(auroc_interval(detector.predictions(prepared)).value, 4))
            trainings.append({"network": title, "training_pictures": count, "test_auroc": outcomes})
            print(trainings[-1], flush=True)
            write(
                "04_more_people.json",
                prepared,
                pictures_seen=PICTURES_SEEN,
                test_people=int(prepared.split("test")["group"].nunique()),
                precision=detector.run.precision,
                trainings=trainings,
            )


def forged() -> None:
    """Meso-4 on forged faces, and its weights."""
    prepared = draw("rendered_fakes", pairs={"train": 1000, "val": 60, "test": 60}, seed=900)
    detector = train(
        "Meso-4",
        prepared,
        0,
        epochs=FORGED_EPOCHS,
        optimizer={"name": "Adam", "params": {"lr": 3e-3}},
        scheduler={"name": "CosineAnnealingLR", "params": {"T_max": FORGED_EPOCHS}},
    )
    table = detector.predictions(prepared)
    real = table[table["label"] == 0]
    by_method = {
        method: round(auroc_interval(table[(table["method"] == method) | (table["label"] == 0)]).value, 3)
        for method in sorted(set(table["method"]) - set(real["method"]))
    }
    weights = {name: tensor.cpu().contiguous() for name, tensor in detector.model.state_dict().items()}
    safetensors.torch.save_file(weights, paths.reference_runs() / "05_meso4.safetensors")
    write(
        "05_meso4.json",
        prepared,
        training_pictures=len(prepared.split("train")),
        training_people=int(prepared.split("train")["group"].nunique()),
        epochs=FORGED_EPOCHS,
        precision=detector.run.precision,
        test_auroc=round(auroc_interval(table).value, 4),
        test_auroc_by_method=by_method,
    )


if __name__ == "__main__":
    forged()
    synthetic()
