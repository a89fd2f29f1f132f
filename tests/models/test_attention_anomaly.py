import torch

from course_utils.heatmaps import MapDataset
from course_utils.models.attention_anomaly import AttentionAnomaly
from course_utils.models.autoencoder import ConvolutionalAutoencoder
from course_utils.training import ReconstructionTrainer


def test_as_a_detector_it_scores_as_the_autoencoder_did_in_its_own_test(tmp_path):
    torch.manual_seed(0)
    network = AttentionAnomaly("P8S8", depth=1, width=64, heads=1).eval()
    pictures = torch.rand(6, 3, 112, 112) * 2 - 1
    with torch.inference_mode():
        maps, _ = network.vit.maps_and_features(pictures)
        network.mean.fill_(0.5)
        network.deviation.fill_(2.0)
        real, fake = network(pictures).T
        errors = network.errors(pictures)
    inputs = MapDataset(maps.half().numpy(), [0] * 6)
    trainer = ReconstructionTrainer(
        network.autoencoder,
        inputs,
        inputs,
        None,
        folder=tmp_path,
        name="cae",
        dataset_name="none",
        epochs=1,
        batch_size=6,
        optimizer={"name": "Adam", "params": {"lr": 0.0}},
        precision="float32",
    )
    trainer.fit()  # nothing changes at a learning rate of 0
    expected = torch.from_numpy(trainer.predict(inputs)).float()
    torch.testing.assert_close(2 * (fake - real) + 0.5, expected, rtol=2e-3, atol=1e-4)
    torch.testing.assert_close(errors.mean(dim=(1, 2)), expected, rtol=2e-3, atol=1e-4)
    assert isinstance(network.autoencoder, ConvolutionalAutoencoder)
