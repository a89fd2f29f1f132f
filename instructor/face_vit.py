"""Train the small face transformer that notebook 10 reads, and write ``reference_runs/10_face_vit.*``.

Run as ``python instructor/face_vit.py``; the training resumes when the command is typed again. The people are
drawn for it and stand in no other data set.
"""

import datetime

import safetensors.torch
import torch
from more_people import draw

from course_utils import doctor, paths, recognition
from course_utils.data.prepare import PreparedDataset
from course_utils.heatmaps import extract
from course_utils.models.face_recogniser import FaceRecogniser, MarginHead
from course_utils.models.face_vit import FaceViT
from course_utils.notebooks.run import commit
from course_utils.training import RecognitionTrainer

SEED = 902
PEOPLE = 1500
PHOTOGRAPHS = 8
NETWORK = {"patches": "P12S8", "depth": 6, "width": 128, "heads": 2}
HEAD = {"kind": "CosFace", "scale": 16.0, "margin": 0.1}
EPOCHS = 30


def verified(network: FaceViT, prepared: PreparedDataset) -> recognition.Verification:
    """Verify pairs of people of the test split."""
    test = prepared.split("test")
    features = extract(recognition.face_pictures(test, prepared.root), network).features
    return recognition.verify(features, recognition.verification_pairs(test))


def main() -> None:
    """Draw, train, verify and write."""
    prepared = draw("rendered_identities", people=PEOPLE, photographs=PHOTOGRAPHS, seed=SEED)
    train, validation = recognition.enrol(prepared.split("train"))
    torch.manual_seed(0)
    network = FaceViT(**NETWORK)
    untrained = verified(network, prepared)
    model = FaceRecogniser(network, MarginHead(NETWORK["width"], train["label"].nunique(), **HEAD))
    trainer = RecognitionTrainer(
        model,
        recognition.face_pictures(train, prepared.root, augmented=True),
        recognition.face_pictures(validation, prepared.root),
        None,
        folder=paths.build() / "face_vit",
        name="face_vit",
        dataset_name=prepared.name,
        epochs=EPOCHS,
        batch_size=64,
        optimizer={"name": "AdamW", "params": {"lr": 1e-3, "weight_decay": 0.05}},
        scheduler={"name": "CosineAnnealingLR", "params": {"T_max": EPOCHS}},
        seed=0,
    )
    run = trainer.fit()
    trained = verified(network, prepared)
    print(f"verification {trained}; untrained {untrained}")
    weights = {name: tensor.cpu().contiguous() for name, tensor in network.state_dict().items()}
    folder = paths.reference_runs()
    safetensors.torch.save_file(weights, folder / "10_face_vit.safetensors")
    paths.write_json(
        folder / "10_face_vit.json",
        {
            "network": NETWORK,
            "head": HEAD,
            "dataset": prepared.name,
            "recipe": prepared.manifest.generate.model_dump(mode="json"),
            "training_people": int(train["label"].nunique()),
            "training_pictures": len(train),
            "epochs": run.epochs,
            "validation_accuracy": round(run.val_acc[run.best_epoch - 1], 2),
            "verification": str(trained),
            "verification_untrained": str(untrained),
            "precision": run.precision,
            "device": doctor.device_name(),
            "date": datetime.date.today().isoformat(),
            "commit": commit(),
        },
    )


if __name__ == "__main__":
    main()
