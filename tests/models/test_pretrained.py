import functools
import threading
import warnings
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from course_utils.data.pictures import digest
from course_utils.errors import CourseError
from course_utils.models.pretrained import Origin, Published, initialise, load_weights
from course_utils.training.checkpoints import save_weights, weights_of

PUBLISHED = Published("Somebody's weights", "http://127.0.0.1:9/small-abc.pth", "abc")


def small(classes=2):
    return nn.ModuleDict({"body": nn.Linear(4, 3), "norm": nn.BatchNorm1d(3), "fc": nn.Linear(3, classes)})


def same(model, other, part=""):
    others = other.state_dict()
    return all(
        torch.equal(tensor, others[name])
        for name, tensor in model.state_dict().items()
        if name.startswith(part)
    )


@pytest.fixture
def places(tmp_path, monkeypatch):
    """A data root, a cache and torch's own folder, all empty."""
    monkeypatch.setenv("COURSE_DATA_ROOT", str(tmp_path / "data"))
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    return tmp_path


@pytest.fixture
def served(tmp_path):
    """A folder, and the address at which a server on this machine offers `small-abc.pth` in it."""
    folder = tmp_path / "served"
    folder.mkdir()
    handler = functools.partial(Quiet, directory=folder)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield folder, f"http://127.0.0.1:{server.server_port}/small-abc.pth"
        server.shutdown()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_weights_go_through_a_file_in_any_memory_layout(tmp_path, suffix):
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).to(memory_format=torch.channels_last)
    path = tmp_path / f"best{suffix}"
    if suffix == ".pth":
        torch.save(model.state_dict(), path)
    else:
        save_weights(path, weights_of(model))
    other = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    load_weights(path, other)
    assert same(other, model)


def test_weights_of_another_model_are_refused_naming_what_differs(tmp_path):
    path = tmp_path / "best.safetensors"
    model = nn.Sequential(nn.Linear(4, 2), nn.Linear(2, 2))
    before = weights_of(model)
    save_weights(path, weights_of(nn.Sequential(nn.Linear(5, 2), nn.ReLU())))
    with pytest.raises(
        CourseError, match=r"(?s)1\.weight: missing.*0\.weight: \(2, 5\) in the file, \(2, 4\)"
    ):
        load_weights(path, model)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_a_classifier_of_other_classes_is_left_out_and_one_that_fits_is_taken(tmp_path):
    imagenet, whole, model = small(classes=10), small(), small()
    save_weights(tmp_path / "imagenet.safetensors", weights_of(imagenet))
    save_weights(tmp_path / "whole.safetensors", weights_of(whole))
    head = model["fc"].weight.clone()
    load_weights(tmp_path / "imagenet.safetensors", model, head="fc")
    assert same(model, imagenet, "body") and torch.equal(model["fc"].weight, head)
    load_weights(tmp_path / "whole.safetensors", model, head="fc")
    assert same(model, whole)


def test_files_from_before_batches_were_counted_are_read(tmp_path):
    model, old = small(), small()
    save_file(
        {name: tensor for name, tensor in old.state_dict().items() if "num_batches" not in name},
        tmp_path / "old.safetensors",
    )
    load_weights(tmp_path / "old.safetensors", model)
    assert same(model, old)


def test_weights_that_are_missing_or_damaged_are_reported(tmp_path):
    with pytest.raises(CourseError, match=r"no weights at .*none\.safetensors.*fit\(\)"):
        load_weights(tmp_path / "none.safetensors", small())
    with pytest.raises(CourseError, match=r"no weights at .*none\.pth"):
        load_weights(tmp_path / "none.pth", small())
    save_weights(tmp_path / "whole.safetensors", weights_of(small()))
    torch.save(small().state_dict(), tmp_path / "whole.pth")
    torch.save(small().state_dict(), tmp_path / "legacy.pth", _use_new_zipfile_serialization=False)
    for whole in list(tmp_path.iterdir()):
        for length in (0, 60, whole.stat().st_size - 20):
            broken = whole.with_stem("broken")
            broken.write_bytes(whole.read_bytes()[:length])
            with pytest.raises(CourseError, match=r"broken.*(damaged|not a readable)"):
                load_weights(broken, small())


def test_reading_weights_runs_no_code(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (tmp_path.joinpath("exploded").touch, ())

    torch.save({"body.weight": Bomb()}, tmp_path / "bomb.pth")
    with pytest.raises(CourseError, match="more than tensors"):
        load_weights(tmp_path / "bomb.pth", small())
    assert not (tmp_path / "exploded").exists()


def test_a_checkpoint_of_more_than_weights_says_what_is_expected(tmp_path):
    torch.save({"epoch": 3, "model": small().state_dict()}, tmp_path / "checkpoint.pth")
    with pytest.raises(CourseError, match=r"state_dict\(\)"):
        load_weights(tmp_path / "checkpoint.pth", small())


def test_the_origin_says_where_weights_came_from(tmp_path):
    model = small()
    before = weights_of(model)
    initialise(model, "none", PUBLISHED, head="fc")
    assert str(model.origin) == "none: from scratch"
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    path = tmp_path / "mine.safetensors"
    save_weights(path, weights_of(small()))
    initialise(model, path, PUBLISHED, head="fc")
    assert str(model.origin) == f"mine.safetensors, SHA-256 {digest(path)[:16]}"


def test_without_a_network_it_warns_once_and_starts_from_scratch(places):
    model = small()
    with pytest.warns(
        UserWarning, match=r"could not be had.*127\.0\.0\.1:9.*weights/ of the data root"
    ) as seen:
        initialise(model, "auto", PUBLISHED, head="fc")
    assert len(seen) == 1
    assert model.origin == Origin("from scratch", "127.0.0.1:9 cannot be reached: ConnectionError")
    assert str(model.origin).startswith("auto: could not be had (127.0.0.1:9")
    assert not list(places.glob("cache/weights/*"))


@pytest.mark.parametrize("folder", ["data/weights", "cache/weights", "torch/hub/checkpoints"])
def test_published_weights_are_taken_from_where_they_lie(places, folder):
    path = places / folder / "small-abc.pth"
    path.parent.mkdir(parents=True)
    imagenet, model = small(classes=10), small()
    torch.save(imagenet.state_dict(), path)
    with pytest.raises(CourseError, match=r"not Somebody's weights.*not begin with abc"):
        initialise(model, "auto", PUBLISHED, head="fc")
    published = Published(PUBLISHED.name, PUBLISHED.url, digest(path)[:9])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        initialise(model, "auto", published, head="fc")
    assert str(model.origin) == "Somebody's weights"
    assert same(model, imagenet, "body")


def test_published_weights_are_fetched_once(places, served):
    folder, url = served
    imagenet, model = small(classes=10), small()
    torch.save(imagenet.state_dict(), folder / "small-abc.pth")
    published = Published("Somebody's weights", url, digest(folder / "small-abc.pth")[:9])
    initialise(model, "auto", published, head="fc")
    assert str(model.origin) == "Somebody's weights" and same(model, imagenet, "body")
    (folder / "small-abc.pth").unlink()
    initialise(small(), "auto", published, head="fc")  # from the cache now


def test_weights_whose_url_says_little_are_kept_under_a_name_of_their_own(places, served):
    folder, url = served
    torch.save(small().state_dict(), folder / "small-abc.pth")
    published = Published("Somebody's weights", url, "", file="somebodys.pth")
    initialise(small(), "auto", published, head="fc")
    assert [path.name for path in places.glob("cache/weights/*")] == ["somebodys.pth"]
    (folder / "small-abc.pth").unlink()
    initialise(small(), "auto", published, head="fc")  # from the cache now


def test_what_a_file_lacks_can_be_added_and_what_it_has_too_much_left(tmp_path):
    model, other = small(), small()
    weights = {**weights_of(other), "of_theirs": torch.zeros(3)}
    weights.pop("norm.weight")
    save_weights(tmp_path / "theirs.safetensors", weights)
    with pytest.raises(CourseError, match=r"(?s)norm\.weight: missing.*of_theirs: only in the file"):
        load_weights(tmp_path / "theirs.safetensors", model)

    def adapt(weights):
        del weights["of_theirs"]
        return {**weights, "norm.weight": torch.full((3,), 7.0)}

    load_weights(tmp_path / "theirs.safetensors", model, adapt=adapt)
    assert same(model, other, "body") and same(model, other, "fc")
    assert (model["norm"].weight == 7).all()


@pytest.mark.parametrize(("content", "said"), [(None, "HTTPError"), (b"<html>", "sent something else")])
def test_a_server_without_the_weights_leaves_nothing_behind(places, served, content, said):
    folder, url = served
    if content:
        (folder / "small-abc.pth").write_bytes(content)
    model = small()
    with pytest.warns(UserWarning, match=said):
        initialise(model, "auto", Published("Somebody's weights", url, "abc"), head="fc")
    assert said in str(model.origin)
    assert not list(places.glob("cache/weights/*"))
