"""Answers to the code questions: wrong in one place, right in another style, and taken from a library."""

# ruff: noqa: E501 (what is replaced in a line of an answer is as long as that line)

from typing import NamedTuple


class Mutant(NamedTuple):
    """The course's answer with one mistake.

    Attributes:
        question: the question's id.
        name: what is wrong.
        change: pairs of what is replaced in the answer's text, and by what; all of its occurrences.
        loses: the places in the rubric, from 0, of the criteria that it loses, and no others.
    """

    question: str
    name: str
    change: dict[str, str]
    loses: tuple[int, ...]

    def of(self, answer: str) -> str:
        for old, new in self.change.items():
            assert old in answer, f"{self.name}: {old!r} is not in the answer"
            answer = answer.replace(old, new)
        return answer


MUTANTS = [
    Mutant(
        "train-one-epoch",
        "mean of batch means",
        {"loss.item() * len(labels)": "loss.item()", "total_loss / samples": "total_loss / 3"},
        (2,),
    ),
    Mutant(
        "train-one-epoch",
        "sum of batch means over samples",
        {"loss.item() * len(labels)": "loss.item()"},
        (2,),
    ),
    Mutant("train-one-epoch", "no zero_grad", {"        self.optimizer.zero_grad()\n": ""}, (1,)),
    Mutant("train-one-epoch", "no step", {"        self.optimizer.step()\n": ""}, (0,)),
    Mutant(
        "train-one-epoch",
        "gradients forgotten before the step",
        {"self.optimizer.step()": "self.optimizer.zero_grad(); self.optimizer.step()"},
        (0,),
    ),
    Mutant(
        "train-one-epoch",
        "an optimizer of its own",
        {
            "    self.model.train()\n": "    self.model.train()\n"
            "    self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.1)\n"
        },
        (0, 2),
    ),
    Mutant("train-one-epoch", "accuracy as a fraction", {"100 * correct": "correct"}, (3,)),
    Mutant("train-one-epoch", "labels swapped in the accuracy", {"argmax": "argmin"}, (3,)),
    Mutant("train-one-epoch", "no train()", {"    self.model.train()\n": ""}, (4,)),
    Mutant("train-one-epoch", "eval() instead", {"self.model.train()": "self.model.eval()"}, (4,)),
    Mutant("train-one-epoch", "not shuffled", {", shuffle=True": ""}, (5,)),
    Mutant("train-one-epoch", "batches of one", {"batch_size=self.batch_size": "batch_size=1"}, (5,)),
    Mutant(
        "train-one-epoch", "the last batch dropped", {"shuffle=True": "shuffle=True, drop_last=True"}, (0,)
    ),
    Mutant("evaluate-model-on-dataloader", "no eval()", {"    self.model.eval()\n": ""}, (2,)),
    Mutant("evaluate-model-on-dataloader", "no no_grad()", {"torch.no_grad()": "torch.enable_grad()"}, (3,)),
    Mutant(
        "evaluate-model-on-dataloader",
        "mean of batch means",
        {".item() * len(labels)": ".item()", "total_loss / samples": "total_loss / 3"},
        (0,),
    ),
    Mutant("evaluate-model-on-dataloader", "accuracy as a fraction", {"100 * correct": "correct"}, (1,)),
    Mutant(
        "evaluate-model-on-dataloader",
        "another dataset",
        {"DataLoader(dataset,": "DataLoader(self.test_dataset,"},
        (0, 1),
    ),
    Mutant(
        "evaluate-model-on-dataloader",
        "learns from what it is tested on",
        {
            "torch.no_grad()": "torch.enable_grad()",
            "            samples += len(labels)": "            samples += len(labels)\n"
            "            self.criterion(logits, labels).backward()\n"
            "            self.optimizer.step()",
        },
        (0, 3, 4),
    ),
    Mutant("training-parts", "AdamW", {"optim.Adam(": "optim.AdamW("}, (0,)),
    Mutant("training-parts", "plain gradient descent", {"optim.Adam(": "optim.SGD("}, (0,)),
    Mutant("training-parts", "the last layer alone", {"model.parameters()": "model[-1].parameters()"}, (0,)),
    Mutant("training-parts", "the default learning rate", {", lr=learning_rate": ""}, (1,)),
    Mutant("training-parts", "a loss for log-probabilities", {"nn.CrossEntropyLoss()": "nn.NLLLoss()"}, (2,)),
    Mutant(
        "training-parts",
        "a softmax too many",
        {"nn.CrossEntropyLoss()": "lambda x, y: nn.functional.cross_entropy(x.softmax(1), y)"},
        (2,),
    ),
    Mutant(
        "best-epoch",
        "best on test",
        {
            'best = history["val_acc"].index(max(history["val_acc"]))': 'best = history["test_acc"].index(max(history["test_acc"]))',
        },
        (0,),
    ),
    Mutant(
        "best-epoch",
        "the latest of equals",
        {
            'best = history["val_acc"].index(max(history["val_acc"]))': 'best = max(range(len(history["val_acc"])), key=lambda i: (history["val_acc"][i], i))'
        },
        (1,),
    ),
    Mutant("best-epoch", "counted from 0", {"best + 1": "best"}, (2,)),
    Mutant(
        "best-epoch",
        "highest accuracy on test",
        {'history["test_acc"][best]': 'max(history["test_acc"])'},
        (3,),
    ),
    Mutant(
        "best-epoch", "the last test accuracy", {'history["test_acc"][best]': 'history["test_acc"][-1]'}, (3,)
    ),
    Mutant("proportion", "the share of fakes", {"labels.count(0)": "len(labels)"}, (0,)),
    Mutant(
        "proportion",
        "reals for each fake",
        {"labels.count(1) / labels.count(0)": "labels.count(0) / labels.count(1)"},
        (0,),
    ),
    Mutant(
        "proportion",
        "an attribute that not every dataset has",
        {"[int(dataset[i][1]) for i in range(len(dataset))]": "dataset.labels.tolist()"},
        (1,),
    ),
    Mutant(
        "soft-scores",
        "logits",
        {"torch.softmax(model(inputs.to(device)), dim=1)": "model(inputs.to(device))"},
        (0,),
    ),
    Mutant("soft-scores", "softmax over the batch", {"dim=1": "dim=0"}, (0,)),
    Mutant(
        "soft-scores",
        "sigmoids",
        {"torch.softmax(model(inputs.to(device)), dim=1)": "model(inputs.to(device)).sigmoid()"},
        (0,),
    ),
    Mutant(
        "soft-scores", "fake first", {"scores[:, 0]": "scores[:, -1]", "scores[:, 1]": "scores[:, 0]"}, (1,)
    ),
    Mutant("soft-scores", "shuffled", {"batch_size=32": "batch_size=32, shuffle=True"}, (2,)),
    Mutant(
        "soft-scores",
        "predicted labels",
        {"true_labels += labels.tolist()": "true_labels += scores.argmax(1).tolist()"},
        (2,),
    ),
    Mutant("soft-scores", "no eval()", {"    model.eval()\n": ""}, (3,)),
    Mutant("soft-scores", "no no_grad()", {"torch.no_grad()": "torch.enable_grad()"}, (4,)),
    Mutant(
        "faces-dataset",
        "the length of one folder",
        {"return len(self.paths)": "return self.labels.count(0)"},
        (0,),
    ),
    Mutant(
        "faces-dataset",
        "unsorted files",
        {'sorted((self.root_path / "real").iterdir())': 'list((self.root_path / "real").iterdir())'},
        (1,),
    ),
    Mutant(
        "faces-dataset",
        "fakes first",
        {
            "real + fake": "fake + real",
            "[0] * len(real) + [1] * len(fake)": "[1] * len(fake) + [0] * len(real)",
        },
        (1,),
    ),
    Mutant(
        "faces-dataset",
        "labels swapped",
        {"[0] * len(real) + [1] * len(fake)": "[1] * len(real) + [0] * len(fake)"},
        (2,),
    ),
    Mutant("faces-dataset", "labels as floats", {"self.labels[index]": "float(self.labels[index])"}, (2,)),
    Mutant("faces-dataset", 'no .convert("RGB")', {'.convert("RGB")': ""}, (3,)),
    Mutant("faces-dataset", "grey all over", {'.convert("RGB")': '.convert("L").convert("RGB")'}, (3,)),
    Mutant("faces-dataset", "transform ignored", {"self.transform is not None": "False"}, (4,)),
    Mutant(
        "faces-dataset",
        "the transform's result forgotten",
        {"picture = self.transform(picture)": "self.transform(picture)"},
        (4,),
    ),
    Mutant("saliency", "no absolute value", {".abs()": ""}, (1,)),
    Mutant(
        "saliency",
        "absolute value after the maximum",
        {"gradients.abs().amax(dim=1)": "gradients.amax(dim=1).abs()"},
        (1,),
    ),
    Mutant("saliency", "sum over channels", {".amax(dim=1)": ".sum(dim=1)"}, (1,)),
    Mutant(
        "saliency",
        "of the loss",
        {"scores.sum()": 'nn.functional.cross_entropy(logits, true_labels, reduction="sum")'},
        (0,),
    ),
    Mutant("saliency", "of the probability", {"logits.gather": "logits.softmax(dim=1).gather"}, (0,)),
    Mutant("saliency", "of the preferred class", {"scores.sum()": "logits.amax(dim=1).sum()"}, (0,)),
    Mutant("saliency", "averaged over the batch", {"scores.sum()": "scores.mean()"}, (0,)),
    Mutant("saliency", "squeezed", {".amax(dim=1)": ".amax(dim=1).squeeze()"}, (2,)),
    Mutant("saliency", "one channel kept", {".amax(dim=1)": ".amax(dim=1, keepdim=True)"}, (2,)),
    Mutant("saliency", "no eval()", {"    model.eval()\n": ""}, (3,)),
    Mutant("saliency", "left in evaluation mode", {"    model.train(training)\n": ""}, (3,)),
    Mutant(
        "saliency", "train mode afterwards, whatever it was", {"model.train(training)": "model.train()"}, (3,)
    ),
    Mutant(
        "saliency",
        "backward()",
        {
            "(gradients,) = torch.autograd.grad(scores.sum(), inputs)": "scores.sum().backward()",
            "gradients.abs": "inputs.grad.abs",
        },
        (4,),
    ),
    Mutant("saliency", "a gradient on the caller's samples", {"samples.detach().clone()": "samples"}, (4,)),
    Mutant(
        "saliency",
        "earlier gradients wiped out",
        {
            "(gradients,) = torch.autograd.grad(scores.sum(), inputs)": "scores.sum().backward(); model.zero_grad()",
            "gradients.abs": "inputs.grad.abs",
        },
        (4,),
    ),
    Mutant("grad-cam", "no ReLU", {".relu()": ""}, (1,)),
    Mutant("grad-cam", "mean over maps", {".sum(dim=1)": ".mean(dim=1)"}, (1,)),
    Mutant(
        "grad-cam",
        "divided by the maximum",
        {".relu().detach()": ".relu().detach() / (weights * kept[0]).sum(dim=1).max()"},
        (1,),
    ),
    Mutant("grad-cam", "weights summed over places", {"gradients.mean(": "gradients.sum("}, (0,)),
    Mutant(
        "grad-cam", "a weight for each place", {"gradients.mean(dim=(2, 3), keepdim=True)": "gradients"}, (0,)
    ),
    Mutant("grad-cam", "of the probability", {"logits.gather": "logits.softmax(dim=1).gather"}, (0,)),
    Mutant("grad-cam", "of the preferred class", {"scores.sum()": "logits.amax(dim=1).sum()"}, (2,)),
    Mutant("grad-cam", "of class 1", {"scores.sum()": "logits[:, 1].sum()"}, (2,)),
    Mutant(
        "grad-cam",
        "always the last convolution",
        {
            "    kept = []\n": "    kept = []\n    layer = [m for m in model.modules() if isinstance(m, nn.Conv2d)][-1]\n"
        },
        (2,),
    ),
    Mutant("grad-cam", "hook not removed", {"handle.remove()": "pass"}, (3,)),
    Mutant(
        "grad-cam",
        "hook not removed after an error",
        {"    finally:\n": "    except ZeroDivisionError:\n        pass\n    else:\n"},
        (3,),
    ),
    Mutant("grad-cam", "left in evaluation mode", {"        model.train(training)\n": ""}, (3,)),
    Mutant(
        "grad-cam",
        "gradients left on the parameters",
        {
            "    (gradients,) =": "    kept[0].retain_grad(); scores.sum().backward(retain_graph=True)\n    (gradients,) ="
        },
        (3,),
    ),
    Mutant("grad-cam-visualization", "still normalised", {"(sample / 2 + 0.5)": "sample"}, (0,)),
    Mutant(
        "grad-cam-visualization",
        "bytes",
        {
            "np.asarray(overlay(picture.numpy(), heat.numpy()))": "(255 * overlay(picture.numpy(), heat.numpy())).astype(np.uint8)"
        },
        (0,),
    ),
    Mutant(
        "grad-cam-visualization",
        "channels first",
        {
            "np.asarray(overlay(picture.numpy(), heat.numpy()))": "overlay(picture.numpy(), heat.numpy()).transpose(2, 0, 1)"
        },
        (0,),
    ),
    Mutant(
        "grad-cam-visualization",
        "the other class",
        {"torch.tensor([int(label)])": "torch.tensor([1 - int(label)])"},
        (1,),
    ),
    Mutant(
        "grad-cam-visualization",
        "the first convolution",
        {"model.get_submodule(explain.last_convolution(model))": "model[0]"},
        (1,),
    ),
    Mutant(
        "grad-cam-visualization",
        "enlarged in blocks",
        {'mode="bilinear", align_corners=False': 'mode="nearest"'},
        (1,),
    ),
    Mutant("grad-cam-visualization", "corners aligned", {"align_corners=False": "align_corners=True"}, (1,)),
    Mutant("grad-cam-visualization", "not divided", {" / heat.max().cpu().clamp_min(1e-12)": ""}, (2,)),
    Mutant("grad-cam-visualization", "divided by zero", {".clamp_min(1e-12)": ""}, (2,)),
    Mutant(
        "grad-cam-visualization",
        "the label as text",
        {"heat.numpy())), int(label)": "heat.numpy())), str(label)"},
        (3,),
    ),
    Mutant(
        "grad-cam-visualization",
        "the other label",
        {"heat.numpy())), int(label)": "heat.numpy())), 1 - int(label)"},
        (3,),
    ),
    Mutant(
        "grad-cam-visualization",
        "another generator",
        {"int(torch.randint(len(test_dataset), (1,)))": "np.random.randint(len(test_dataset))"},
        (4,),
    ),
    Mutant(
        "grad-cam-visualization",
        "always the first",
        {"int(torch.randint(len(test_dataset), (1,)))": "0"},
        (4,),
    ),
    Mutant("separable-cost", "biases counted", {"return normal,": "return normal + channels_out,"}, (0,)),
    Mutant(
        "separable-cost",
        "one filter a channel",
        {"normal = kernel * kernel * channels_in * channels_out": "normal = kernel * kernel * channels_out"},
        (0, 2),
    ),
    Mutant(
        "separable-cost",
        "the depthwise one alone",
        {"kernel * kernel * channels_in + channels_in * channels_out": "kernel * kernel * channels_in"},
        (1, 3),
    ),
    Mutant("separable-cost", "a square output", {"normal * places": "normal * height * height"}, (2,)),
    Mutant("separable-cost", "the pair counted for one place", {"pair * places": "pair"}, (3,)),
    Mutant("features-before-head", "the height of the maps", {"maps.shape[1]": "maps.shape[2]"}, (0,)),
    Mutant(
        "features-before-head",
        "what timm says of itself",
        {"int(maps.shape[1])": "model.num_features"},
        (0, 1),
    ),
    Mutant("features-before-head", "no eval()", {"    model.eval()\n": ""}, (1,)),
    Mutant("features-before-head", "left in evaluation mode", {"    model.train(training)\n": ""}, (1,)),
    Mutant(
        "parameters", "buffers counted", {"in model.parameters()": "in model.state_dict().values()"}, (1,)
    ),
    Mutant(
        "parameters",
        "weights alone",
        {
            "sum(parameter.numel() for parameter in model.parameters())": 'sum(p.numel() for name, p in model.named_parameters() if name.endswith("weight"))'
        },
        (0,),
    ),
    Mutant(
        "parameters",
        "layers inside of layers left out",
        {
            "sum(parameter.numel() for parameter in model.parameters())": "sum(p.numel() for layer in model.children() for p in layer.parameters(recurse=False))"
        },
        (0,),
    ),
    Mutant(
        "xception-based-model",
        "head without the 1000 layer",
        {
            "network.num_features, 1000": "network.num_features, 256",
            "        nn.ReLU(),\n        nn.Linear(1000, 256),\n": "",
        },
        (0, 2),
    ),
    Mutant(
        "xception-based-model",
        "a softmax at the end",
        {"nn.Linear(64, 2),": "nn.Linear(64, 2), nn.Softmax(dim=1),"},
        (1,),
    ),
    Mutant(
        "xception-based-model",
        "a ReLU left out",
        {"        nn.ReLU(),\n        nn.Linear(64, 2),": "        nn.Linear(64, 2),"},
        (1,),
    ),
    Mutant("xception-based-model", "another activation", {"nn.ReLU()": "nn.LeakyReLU()"}, (1,)),
    Mutant(
        "xception-based-model",
        "a layer without biases",
        {"nn.Linear(256, 64)": "nn.Linear(256, 64, bias=False)"},
        (2,),
    ),
    Mutant(
        "xception-based-model",
        "another network",
        {
            '"legacy_xception"': '"xception41"',
            "network.fc =": "network.head = nn.Identity(); network.fc =",
            "    return network": "    head, forward = network.fc, network.forward_features\n    network.forward = lambda x: head(forward(x).mean(dim=(2, 3)))\n    return network",
        },
        (2, 3),
    ),
    Mutant(
        "xception-based-model",
        "a last convolution taken out",
        {
            "    return network": "    network.conv4 = nn.Conv2d(1536, 2048, 1, bias=False)\n    return network"
        },
        (2, 3),
    ),
    Mutant("attention-row", "no scale", {"scale * products": "products"}, (0,)),
    Mutant(
        "attention-row",
        "scale after the softmax",
        {"(scale * products).softmax(dim=-1)": "scale * products.softmax(dim=-1)"},
        (0,),
    ),
    Mutant(
        "attention-row",
        "keys asked by queries",
        {"queries[:, :, :1] @ keys.transpose(2, 3)": "keys[:, :, :1] @ queries.transpose(2, 3)"},
        (0,),
    ),
    Mutant("attention-row", "softmax over the heads", {"softmax(dim=-1)": "softmax(dim=1)"}, (0,)),
    Mutant(
        "attention-row",
        "class token dropped first",
        {
            "(scale * products).softmax(dim=-1)[:, :, 0]": "(scale * products)[..., 1:].softmax(dim=-1)[:, :, 0]",
            "row[:, :, 1:]": "row",
        },
        (1,),
    ),
    Mutant(
        "attention-row",
        "made to sum to 1",
        {".mean(dim=1)": ".mean(dim=1) / row[:, :, 1:].mean(dim=1).sum(dim=-1, keepdim=True)"},
        (1,),
    ),
    Mutant("attention-row", "class token kept", {"row[:, :, 1:]": "row"}, (1,)),
    Mutant("attention-row", "sum over heads", {".mean(dim=1)": ".sum(dim=1)"}, (2,)),
    Mutant(
        "attention-row",
        "mean before the softmax",
        {"(scale * products)": "(scale * products.mean(dim=1, keepdim=True))"},
        (2,),
    ),
    Mutant("attention-row", "squeezed", {".mean(dim=1)": ".mean(dim=1).squeeze()"}, (2,)),
    Mutant("attention-row", "all rows formed", {"queries[:, :, :1] @": "queries @"}, (3,)),
    Mutant("decoder", "a layer left out", {"        *leaky(keep(32, 32)),\n": ""}, (0,)),
    Mutant(
        "decoder",
        "two layers exchanged",
        {
            "        *leaky(keep(32, 32)),\n        *leaky(double(32, 32)),\n": "        *leaky(double(32, 32)),\n        *leaky(keep(32, 32)),\n"
        },
        (0,),
    ),
    Mutant("decoder", "a smaller first kernel", {"kernel_size=8": "kernel_size=4"}, (0, 1)),
    Mutant(
        "decoder", "flattened", {"        double(32, 1),\n": "        double(32, 1), nn.Flatten(),\n"}, (1,)
    ),
    Mutant("decoder", "ReLU", {"nn.LeakyReLU(0.2)": "nn.ReLU()"}, (2,)),
    Mutant("decoder", "torch's own slope", {"nn.LeakyReLU(0.2)": "nn.LeakyReLU()"}, (2,)),
    Mutant(
        "decoder",
        "LeakyReLU after the last layer",
        {"        double(32, 1),\n": "        *leaky(double(32, 1)),\n"},
        (2,),
    ),
    Mutant(
        "decoder",
        "a sigmoid at the end",
        {"        double(32, 1),\n": "        double(32, 1), nn.Sigmoid(),\n"},
        (2,),
    ),
    Mutant("threshold-on-reals", "one too strict", {"[allowed]": "[allowed - 1]"}, (1, 2)),
    Mutant("threshold-on-reals", "one too many", {"[allowed]": "[allowed + 1]"}, (0, 2)),
    Mutant(
        "threshold-on-reals",
        "above, not at or above",
        {"np.nextafter(largest_first[allowed], np.inf)": "largest_first[allowed]"},
        (0, 2),
    ),
    Mutant(
        "threshold-on-reals",
        "the last that may be called fake",
        {"np.nextafter(largest_first[allowed], np.inf)": "largest_first[allowed - 1]"},
        (2,),
    ),
    Mutant(
        "threshold-on-reals",
        "a quantile",
        {
            "float(np.nextafter(largest_first[allowed], np.inf))": "float(np.quantile(errors, 1 - false_alarms))"
        },
        (0, 2),
    ),
    Mutant("threshold-on-reals", "smallest first", {"[::-1]": ""}, (0, 2)),
    Mutant(
        "squeeze-excitation",
        "mean over time alone",
        {
            "features.mean(dim=(2, 3, 4))": "features.mean(dim=2).permute(0, 2, 3, 1)",
            "gates[:, :, None, None, None]": "gates.permute(0, 3, 1, 2)[:, :, None]",
        },
        (0,),
    ),
    Mutant(
        "squeeze-excitation",
        "mean over space alone",
        {
            "features.mean(dim=(2, 3, 4))": "features.mean(dim=(3, 4)).transpose(1, 2)",
            "gates[:, :, None, None, None]": "gates.transpose(1, 2)[..., None, None]",
        },
        (0,),
    ),
    Mutant(
        "squeeze-excitation",
        "mean over the batch",
        {"features.mean(dim=(2, 3, 4))": "features.mean(dim=(0, 2, 3, 4))[None]"},
        (0,),
    ),
    Mutant("squeeze-excitation", "sum over time and space", {".mean(": ".sum("}, (0,)),
    Mutant("squeeze-excitation", "no ReLU", {"torch.relu(means @ reduce.T)": "(means @ reduce.T)"}, (1,)),
    Mutant("squeeze-excitation", "no sigmoid", {"torch.sigmoid(": "("}, (1,)),
    Mutant(
        "squeeze-excitation",
        "a softmax",
        {
            "torch.sigmoid(torch.relu(means @ reduce.T) @ expand.T)": "torch.softmax(torch.relu(means @ reduce.T) @ expand.T, dim=1)"
        },
        (1,),
    ),
    Mutant("squeeze-excitation", "matrices exchanged", {"reduce.T": "expand", "expand.T": "reduce"}, (1,)),
    Mutant("squeeze-excitation", "matrices turned round", {"reduce.T": "reduce", "expand.T": "expand"}, (1,)),
    Mutant("squeeze-excitation", "gate added", {"features * gates": "features + gates"}, (2,)),
    Mutant(
        "squeeze-excitation", "features added", {"return features *": "return features + features *"}, (2,)
    ),
    Mutant("squeeze-excitation", "gates alone", {"features * gates[:, :, None, None, None]": "gates"}, (2,)),
    Mutant(
        "squeeze-excitation",
        "squeezed",
        {"features * gates[:, :, None, None, None]": "(features * gates[:, :, None, None, None]).squeeze()"},
        (2,),
    ),
    Mutant(
        "squeeze-excitation",
        "no ReLU, and gate added",
        {"torch.relu(means @ reduce.T)": "(means @ reduce.T)", "features * gates": "features + gates"},
        (1, 2),
    ),
    Mutant(
        "non-local",
        "within a frame",
        {
            "    products =": "    frames = values.shape[2]\n    queries, keys, values = (x.transpose(1, 2).flatten(0, 1) for x in (queries, keys, values))\n    products =",
            "reshape(values.shape)": "reshape(values.shape).unflatten(0, (-1, frames)).transpose(1, 2)",
        },
        (0,),
    ),
    Mutant(
        "non-local",
        "queries and keys exchanged",
        {
            "queries.flatten(2).transpose(1, 2) @ keys.flatten(2)": "keys.flatten(2).transpose(1, 2) @ queries.flatten(2)"
        },
        (0,),
    ),
    Mutant(
        "non-local",
        "channels with channels",
        {
            "queries.flatten(2).transpose(1, 2) @ keys.flatten(2)": "queries.flatten(2) @ keys.flatten(2).transpose(1, 2)",
            "values.flatten(2).transpose(1, 2)": "values.flatten(2)",
            "taken.transpose(1, 2)": "taken",
        },
        (0,),
    ),
    Mutant("non-local", "softmax over queries", {"dim=-1": "dim=1"}, (1,)),
    Mutant("non-local", "no scale", {"scale * products": "products"}, (1,)),
    Mutant(
        "non-local",
        "scale after the softmax",
        {"(scale * products).softmax(dim=-1)": "scale * products.softmax(dim=-1)"},
        (1,),
    ),
    Mutant("non-local", "the usual scale", {"scale * products": "products / queries.shape[1] ** 0.5"}, (1,)),
    Mutant("non-local", "no softmax", {".softmax(dim=-1)": ""}, (1,)),
    Mutant(
        "non-local",
        "the affinity itself",
        {"    return taken.transpose(1, 2).reshape(values.shape)": "    return affinity"},
        (2, 3),
    ),
    Mutant("non-local", "affinity turned round", {"affinity @": "affinity.mT @"}, (2,)),
    Mutant("non-local", "values added", {".reshape(values.shape)": ".reshape(values.shape) + values"}, (2,)),
    Mutant("non-local", "channels not turned", {"taken.transpose(1, 2)": "taken"}, (3,)),
    Mutant(
        "non-local",
        "places in another order",
        {".reshape(values.shape)": ".unflatten(2, values.shape[2:][::-1]).transpose(2, 4)"},
        (3,),
    ),
    Mutant(
        "non-local",
        "time and height exchanged",
        {".reshape(values.shape)": ".unflatten(2, (values.shape[3], values.shape[2], -1)).transpose(2, 3)"},
        (3,),
    ),
    Mutant("non-local", "positions not unfolded", {".reshape(values.shape)": ""}, (3,)),
    Mutant(
        "non-local",
        "within a frame, and no scale",
        {
            "    products =": "    frames = values.shape[2]\n    queries, keys, values = (x.transpose(1, 2).flatten(0, 1) for x in (queries, keys, values))\n    products =",
            "reshape(values.shape)": "reshape(values.shape).unflatten(0, (-1, frames)).transpose(1, 2)",
            "scale * products": "products",
        },
        (0, 1),
    ),
    Mutant("affinity-size", "rounded down", {"-(-number // 2)": "number // 2"}, (1,)),
    Mutant("affinity-size", "rounded to even", {"-(-number // 2)": "round(number / 2)"}, (1,)),
    Mutant(
        "affinity-size",
        "stages do not halve time",
        {"time, space = half(time), half(space)": "space = half(space)"},
        (1,),
    ),
    Mutant(
        "affinity-size",
        "the stem alone rounds down",
        {"half(frames), half(half(side))": "frames // 2, side // 4"},
        (1,),
    ),
    Mutant(
        "affinity-size",
        "stem does not halve time",
        {"half(frames), half(half(side))": "frames, half(half(side))"},
        (0,),
    ),
    Mutant("affinity-size", "sides halved once", {"half(half(side))": "half(side)"}, (0,)),
    Mutant(
        "affinity-size",
        "stage 1 halves",
        {"half(frames), half(half(side))": "half(half(frames)), half(half(half(side)))"},
        (0,),
    ),
    Mutant("affinity-size", "a stage counted once", {"in stages)": "in set(stages))"}, (2,)),
    Mutant("affinity-size", "positions", {"positions[stage] ** 2": "positions[stage]"}, (2,)),
    Mutant(
        "affinity-size",
        "sum before the square",
        {"sum(positions[stage] ** 2 for stage in stages)": "sum(positions[stage] for stage in stages) ** 2"},
        (2,),
    ),
    Mutant(
        "affinity-size", "the last block alone", {"for stage in stages)": "for stage in stages[-1:])"}, (2,)
    ),
    Mutant(
        "affinity-size",
        "rounded down, and positions",
        {"-(-number // 2)": "number // 2", "positions[stage] ** 2": "positions[stage]"},
        (1, 2),
    ),
    Mutant(
        "constant-answer",
        "chosen on the labels it is tested on",
        {"np.mean(train_labels)": "np.mean(labels)"},
        (0,),
    ),
    Mutant("constant-answer", "the rarer class", {"> 0.5": "< 0.5"}, (0,)),
    Mutant("constant-answer", "always fake", {"int(np.mean(train_labels) > 0.5)": "1"}, (0, 2)),
    Mutant("constant-answer", "always real", {"int(np.mean(train_labels) > 0.5)": "0"}, (0,)),
    Mutant("constant-answer", "in percent", {"float(": "100 * float("}, (1,)),
    Mutant("constant-answer", "a number of pictures", {"np.mean(np.asarray": "np.sum(np.asarray"}, (1,)),
    Mutant("constant-answer", "the share of wrong answers", {"== answer": "!= answer"}, (0, 2)),
    Mutant("constant-answer", "accuracy on train", {"np.asarray(labels)": "np.asarray(train_labels)"}, (1,)),
    Mutant("constant-answer", "of equals, fake", {"> 0.5": ">= 0.5"}, (2,)),
    Mutant(
        "word-histogram",
        "largest product",
        {"cdist(descriptors, words).argmin": "(descriptors @ words.T).argmax"},
        (0,),
    ),
    Mutant(
        "word-histogram",
        "city-block distance",
        {"cdist(descriptors, words)": "cdist(descriptors, words, 'cityblock')"},
        (0,),
    ),
    Mutant("word-histogram", "farthest", {"argmin": "argmax"}, (0,)),
    Mutant("word-histogram", "counts", {" / max(counts.sum(), 1)": ""}, (1,)),
    Mutant("word-histogram", "over the number of words", {"max(counts.sum(), 1)": "len(words)"}, (1,)),
    Mutant(
        "word-histogram", "which words occur", {"counts / max(counts.sum(), 1)": "(counts > 0) * 1.0"}, (1,)
    ),
    Mutant("word-histogram", "length one", {"counts.sum()": "np.linalg.norm(counts)"}, (1,)),
    Mutant("word-histogram", "words up to the last that occurs", {", minlength=len(words)": ""}, (2, 3)),
    Mutant(
        "word-histogram",
        "words that occur",
        {
            "np.bincount(nearest, minlength=len(words))": "np.bincount(nearest, minlength=len(words))\n    counts = counts[counts > 0] if len(descriptors) else counts"
        },
        (2,),
    ),
    Mutant(
        "word-histogram",
        "sorted",
        {"return counts": "counts = np.sort(counts)[::-1]\n    return counts"},
        (2,),
    ),
    Mutant("word-histogram", "nothing of nothing", {"max(counts.sum(), 1)": "counts.sum()"}, (3,)),
    Mutant(
        "word-histogram",
        "the same for all without keypoints",
        {
            "    nearest": "    if not len(descriptors):\n        return np.full(len(words), 1 / len(words))\n    nearest"
        },
        (3,),
    ),
    Mutant("codebook", "all pictures", {'if split == "train"': ""}, (0,)),
    Mutant("codebook", "validation too", {'split == "train"': 'split in ("train", "val")'}, (0,)),
    Mutant("codebook", "all but test and some", {'split == "train"': 'split != "val"'}, (0,)),
    Mutant(
        "codebook",
        "by the rows' labels",
        {
            '[found for found, split in of_splits if split == "train"]': "[descriptors[row] for row in samples.index[samples['split'] == 'train']]"
        },
        (0,),
    ),
    Mutant(
        "codebook",
        "reals alone",
        {
            'zip(descriptors, samples["split"], strict=True)': 'zip(descriptors, samples["split"].where(samples["label"] == 0, "fake"), strict=True)'
        },
        (1,),
    ),
    Mutant("codebook", "one picture", {".fit(train)": ".fit(train[:1])"}, (1,)),
    Mutant("codebook", "a seed of its own", {"Codebook(words, seed)": "Codebook(words)"}, (2,)),
    Mutant("codebook", "words of its own", {"Codebook(words, seed)": "Codebook(4, seed)"}, (2,)),
    Mutant("choose-svm", "scored on train", {".score(*validation)": ".score(*train)"}, (0,)),
    Mutant(
        "choose-svm",
        "fitted on both",
        {".fit(*train)": ".fit(*map(np.concatenate, zip(train, validation)))"},
        (0,),
    ),
    Mutant(
        "choose-svm",
        "halves exchanged",
        {".fit(*train).score(*validation)": ".fit(*validation).score(*train)"},
        (0,),
    ),
    Mutant("choose-svm", "another width", {"C=cost)": "C=cost, gamma='auto')"}, (0,)),
    Mutant("choose-svm", "one kernel", {"kernel=kernel, C": "kernel=kernels[0], C"}, (0,)),
    Mutant("choose-svm", "C left out", {", C=cost": ""}, (0,)),
    Mutant("choose-svm", "a row a C", {"costs[column], accuracies": "costs[column], accuracies.T"}, (1,)),
    Mutant("choose-svm", "flat", {"costs[column], accuracies": "costs[column], accuracies.ravel()"}, (1,)),
    Mutant(
        "choose-svm", "in percent", {"costs[column], accuracies": "costs[column], 100 * accuracies"}, (1,)
    ),
    Mutant("choose-svm", "the lowest", {"accuracies.argmax()": "accuracies.argmin()"}, (2,)),
    Mutant("choose-svm", "the first of all", {"accuracies.argmax()": "0"}, (2,)),
    Mutant(
        "choose-svm",
        "the last of equals",
        {"accuracies.argmax()": "accuracies.size - 1 - accuracies.ravel()[::-1].argmax()"},
        (3,),
    ),
    Mutant("radial-power", "amplitudes", {") ** 2": ")"}, (0,)),
    Mutant("radial-power", "normalised", {"fft2(square)": "fft2(square, norm='ortho')"}, (0,)),
    Mutant(
        "radial-power",
        "logarithms",
        {"np.abs(np.fft.fft2(square)) ** 2": "np.log(np.abs(np.fft.fft2(square)) ** 2 + 1)"},
        (0,),
    ),
    Mutant("radial-power", "real part", {"np.abs(np.fft.fft2(square))": "np.fft.fft2(square).real"}, (0,)),
    Mutant("radial-power", "rounded down", {".round()": ""}, (1,)),
    Mutant(
        "radial-power",
        "squares",
        {
            "np.hypot": "np.maximum",
            "waves[:, None]": "abs(waves)[:, None]",
            "waves[None, :]": "abs(waves)[None, :]",
        },
        (1,),
    ),
    Mutant("radial-power", "across alone", {"waves[:, None]": "0 * waves[:, None]"}, (1,)),
    Mutant("radial-power", "around the corner", {"fft2(square)": "fftshift(np.fft.fft2(square))"}, (1,)),
    Mutant("radial-power", "sums", {" / np.bincount(ring.ravel())": ""}, (2,)),
    Mutant("radial-power", "the constant wave too", {"mean[1 :": "mean[0 :"}, (3,)),
    Mutant(
        "radial-power", "from the constant wave on", {"mean[1 : side // 2 + 1]": "mean[: side // 2]"}, (3,)
    ),
    Mutant("radial-power", "the corners too", {"side // 2 + 1": ""}, (3,)),
    Mutant("radial-power", "not the fastest", {"side // 2 + 1": "side // 2"}, (3,)),
    Mutant(
        "radial-power", "amplitudes, and sums", {") ** 2": ")", " / np.bincount(ring.ravel())": ""}, (0, 2)
    ),
    Mutant(
        "likeness",
        "not divided by the lengths",
        {"queries @ pool.T / np.where(lengths > 0, lengths, 1)": "queries @ pool.T"},
        (0,),
    ),
    Mutant(
        "likeness",
        "divided by the query's length alone",
        {
            "np.outer(np.linalg.norm(queries, axis=1), np.linalg.norm(pool, axis=1))": "np.linalg.norm(queries, axis=1)[:, None]"
        },
        (0,),
    ),
    Mutant("likeness", "squared lengths", {"lengths > 0, lengths, 1": "lengths > 0, lengths**2, 1"}, (0,)),
    Mutant("likeness", "one less the cosine", {"return queries @": "return 1 - queries @"}, (0, 1)),
    Mutant(
        "likeness",
        "the n x q way",
        {
            "queries @ pool.T / np.where(lengths > 0, lengths, 1)": "(queries @ pool.T / np.where(lengths > 0, lengths, 1)).T"
        },
        (0,),
    ),
    Mutant("likeness", "nothing done about zeros", {"np.where(lengths > 0, lengths, 1)": "lengths"}, (1,)),
    Mutant(
        "likeness",
        "a vector of zeros is like all",
        {
            "return queries @ pool.T / np.where(lengths > 0, lengths, 1)": "return np.where(lengths > 0, queries @ pool.T / np.where(lengths > 0, lengths, 1), 1)"
        },
        (1,),
    ),
    Mutant("likeness", "the root", {"np.stack([np.square(": "np.sqrt([np.square("}, (2,)),
    Mutant("likeness", "a mean", {".sum(axis=1) for query": ".mean(axis=1) for query"}, (2,)),
    Mutant("likeness", "absolute differences", {"np.square(pool": "np.abs(pool"}, (2,)),
    Mutant(
        "likeness",
        "the product taken off once",
        {"np.square(pool - query).sum(axis=1)": "np.square(pool).sum(axis=1) + query @ query - pool @ query"},
        (2,),
    ),
    Mutant(
        "likeness",
        "all differences at once",
        {
            "np.stack([np.square(pool - query).sum(axis=1) for query in queries])": "np.square(queries[:, None] - pool).sum(axis=2)"
        },
        (3,),
    ),
    Mutant(
        "likeness",
        "all products at once",
        {"queries @ pool.T": "(queries[:, None] * pool).sum(axis=2)"},
        (3,),
    ),
    Mutant(
        "rank", "always the highest first", {'-scores if measure == "cosine" else scores': "-scores"}, (0,)
    ),
    Mutant("rank", "always the lowest first", {'-scores if measure == "cosine" else scores': "scores"}, (0,)),
    Mutant("rank", "the other way round", {'measure == "cosine"': 'measure == "euclidean"'}, (0,)),
    Mutant("rank", "the query stays", {"order if itself is None else order[order != itself]": "order"}, (1,)),
    Mutant("rank", "the first is taken for the query", {"order[order != itself]": "order[1:]"}, (1,)),
    Mutant("rank", "row 0 is no row", {"if itself is None": "if not itself"}, (1,)),
    Mutant("rank", "places for rows", {"order[order != itself]": "np.delete(order, itself)"}, (1,)),
    Mutant(
        "rank",
        "turned round",
        {
            'np.argsort(-scores if measure == "cosine" else scores, kind="stable")': 'np.argsort(scores, kind="stable")[:: -1 if measure == "cosine" else 1]'
        },
        (2,),
    ),
    Mutant(
        "rank",
        "the last of equals first",
        {
            'np.argsort(-scores if measure == "cosine" else scores, kind="stable")': 'np.lexsort((-np.arange(len(scores)), -scores if measure == "cosine" else scores))'
        },
        (2,),
    ),
    Mutant(
        "judge-ranking",
        "recall",
        {"float(precisions[k - 1])": "float(relevant[:k].sum() / relevant.sum())"},
        (0,),
    ),
    Mutant("judge-ranking", "a count", {"float(precisions[k - 1])": "float(relevant[:k].sum())"}, (0,)),
    Mutant("judge-ranking", "one place too late", {"precisions[k - 1]": "precisions[k]"}, (0,)),
    Mutant("judge-ranking", "the whole ranking", {"precisions[k - 1]": "precisions[-1]"}, (0,)),
    Mutant(
        "judge-ranking",
        "as many as there can be",
        {"float(precisions[k - 1])": "float(relevant[:k].sum() / min(k, relevant.sum()))"},
        (0,),
    ),
    Mutant(
        "judge-ranking",
        "cut at k",
        {"precisions[relevant].mean()": "precisions[:k][relevant[:k]].mean()"},
        (1,),
    ),
    Mutant(
        "judge-ranking",
        "nothing after k",
        {"precisions[relevant].mean()": "precisions[:k][relevant[:k]].sum() / relevant.sum()"},
        (1,),
    ),
    Mutant(
        "judge-ranking", "mean over all places", {"precisions[relevant].mean()": "precisions.mean()"}, (1,)
    ),
    Mutant(
        "judge-ranking",
        "divided by k",
        {"precisions[relevant].mean()": "precisions[relevant].sum() / k"},
        (1,),
    ),
    Mutant(
        "judge-ranking", "the first alone", {"precisions[relevant].mean()": "precisions[relevant][0]"}, (1,)
    ),
    Mutant(
        "judge-ranking",
        "each counts one",
        {"precisions[relevant].mean()": "(1 / np.arange(1, len(relevant) + 1))[relevant].mean()"},
        (1,),
    ),
    Mutant("judge-ranking", "zero for nothing", {"return np.nan, np.nan": "return 0.0, 0.0"}, (2,)),
    Mutant("judge-ranking", "NaN for one of two", {"return np.nan, np.nan": "return 0.0, np.nan"}, (2,)),
    Mutant("top-k", "the root", {"return rows, best": "return rows, np.sqrt(best)"}, (0,)),
    Mutant("top-k", "a mean", {".sum(axis=1)": ".mean(axis=1)"}, (0,)),
    Mutant("top-k", "the farthest", {"np.argsort(best,": "np.argsort(-best,"}, (0, 1, 2)),
    Mutant("top-k", "rows of their block", {"start + np.arange": "np.arange"}, (1, 2)),
    Mutant(
        "top-k",
        "blocks of one size",
        {"start += len(block)": "start = start + len(block) if start else 2 * len(block)"},
        (1, 2),
    ),
    Mutant(
        "top-k",
        "small blocks are left out",
        {
            "    for block in blocks:\n": "    for block in blocks:\n        if len(block) < k - 2 and start:\n            continue\n"
        },
        (1,),
    ),
    Mutant(
        "top-k",
        "the block before the best",
        {
            "[best, distances]": "[distances, best]",
            "[rows, start + np.arange(len(block))]": "[start + np.arange(len(block)), rows]",
        },
        (2,),
    ),
    Mutant(
        "top-k",
        "the last of equals first",
        {'np.argsort(best, kind="stable")': "np.lexsort((-rows, best))"},
        (2,),
    ),
    Mutant(
        "top-k",
        "all blocks at once",
        {"    for block in blocks:\n": "    for block in [np.concatenate(list(blocks))]:\n"},
        (3,),
    ),
    Mutant(
        "top-k",
        "all distances kept",
        {
            "[:k]\n        rows, best = rows[order], best[order]\n": "\n        rows, best = rows[order], best[order]\n",
            "return rows, best": "return rows[:k], best[:k]",
        },
        (3,),
    ),
    Mutant("top-k", "the first block alone", {"        start += len(block)\n": "        break\n"}, (1, 2, 3)),
    Mutant("overlap", "boxes apart", {".clamp(min=0).prod": ".prod"}, (1,)),
    Mutant(
        "overlap",
        "nothing over nothing",
        {"torch.where(union > 0, shared / union.clamp(min=1e-12), 0.0)": "shared / union"},
        (2,),
    ),
    Mutant(
        "overlap", "the shared area counted twice", {"other_areas[None] - shared": "other_areas[None]"}, (0,)
    ),
    Mutant(
        "overlap",
        "the wrong way round",
        {"shared / union.clamp(min=1e-12), 0.0)": "shared / union.clamp(min=1e-12), 0.0).T"},
        (0,),
    ),
    Mutant(
        "overlap",
        "a pair each",
        {
            "[:, None, :2]": "[:3, :2]",
            "[None, :, :2]": "[:, :2]",
            "[:, None, 2:]": "[:3, 2:]",
            "[None, :, 2:]": "[:, 2:]",
            "dim=2": "dim=1",
            "areas[:, None]": "areas[:3]",
            "other_areas[None]": "other_areas",
        },
        (0, 1, 2),
    ),
    Mutant("decode", "x and y exchanged", {"ty, tx, th, tw = ": "tx, ty, th, tw = "}, (0,)),
    Mutant("decode", "height and width exchanged", {"ty, tx, th, tw = ": "ty, tx, tw, th = "}, (1,)),
    Mutant("decode", "moved by pixels", {"tx * width": "tx", "ty * height": "ty"}, (0,)),
    Mutant("decode", "moved from the corner", {"(x0 + x1) / 2": "x0", "(y0 + y1) / 2": "y0"}, (0,)),
    Mutant("decode", "no exponential", {"tw.exp()": "tw", "th.exp()": "th"}, (1, 2)),
    Mutant("decode", "one plus t", {"tw.exp()": "(1 + tw)", "th.exp()": "(1 + th)"}, (1,)),
    Mutant(
        "decode",
        "stretched only where it is not moved",
        {
            "half_width, half_height = ": "th, tw = th * (tx == 0), tw * (tx == 0)\n    half_width, half_height = "
        },
        (2,),
    ),
    Mutant(
        "decode",
        "y first",
        {
            "[x - half_width, y - half_height, x + half_width, y + half_height]": "[y - half_height, x - half_width, y + half_height, x + half_width]"
        },
        (0, 1),
    ),
    Mutant(
        "keep-statistics",
        "until the next train()",
        {"            module.train = lambda mode=True, module=module: module": ""},
        (0, 1),
    ),
    Mutant(
        "keep-statistics",
        "one kind alone",
        {"isinstance(module, nn.BatchNorm2d)": "type(module) is nn.BatchNorm2d"},
        (1,),
    ),
    Mutant(
        "keep-statistics",
        "subclasses alone",
        {
            "isinstance(module, nn.BatchNorm2d)": "isinstance(module, nn.BatchNorm2d) and type(module) is not nn.BatchNorm2d"
        },
        (0,),
    ),
    Mutant(
        "keep-statistics",
        "no momentum",
        {
            "module.eval()": "module.momentum = 0.0",
            "            module.train = lambda mode=True, module=module: module": "",
        },
        (0, 1),
    ),
    Mutant("keep-statistics", "what was frozen stays frozen", {"    model.requires_grad_(True)\n": ""}, (2,)),
    Mutant(
        "keep-statistics",
        "scale and shift frozen",
        {"            module.eval()\n": "            module.eval().requires_grad_(False)\n"},
        (2,),
    ),
    Mutant(
        "suppress",
        "by any surer box",
        {
            "for other in kept": "for other in scores.argsort(descending=True).tolist() if scores[other] > scores[number]"
        },
        (1,),
    ),
    Mutant("suppress", "the least sure first", {"descending=True": "descending=False"}, (0, 1, 2, 3)),
    Mutant("suppress", "in the order of the boxes", {"return kept": "return sorted(kept)"}, (2,)),
    Mutant("suppress", "exactly the bound goes", {"<= most": "< most"}, (3,)),
    Mutant("suppress", "another bound", {"<= most": "<= 0.5"}, (0,)),
    Mutant(
        "suppress", "not without boxes", {"    kept = []\n": "    kept = [int(scores.argmax())][:0]\n"}, (3,)
    ),
    Mutant(
        "average-precision",
        "the precision as it is",
        {"np.maximum.accumulate(precision[::-1])[::-1]": "precision"},
        (0,),
    ),
    Mutant(
        "average-precision",
        "in the order given",
        {'[np.argsort(-np.asarray(scores), kind="stable")]': ""},
        (1,),
    ),
    Mutant(
        "average-precision",
        "over the heads that are found",
        {"found / heads": "found / max(1, hits.sum())"},
        (2,),
    ),
    Mutant(
        "average-precision", "the last precision beyond the last recall", {"0.0)": "precision[-1])"}, (2, 3)
    ),
    Mutant(
        "average-precision",
        "not without boxes",
        {"    found = np.cumsum(hits)\n": "    found = np.cumsum(hits)\n    found[-1:][0]\n"},
        (3,),
    ),
    Mutant(
        "average-precision",
        "the steps of recall",
        {"float(best[reached].mean())": "float(np.sum(best[:-1] * np.diff(recall, prepend=0)))"},
        (0,),
    ),
    Mutant(
        "midway-separable",
        "as many groups as a group has channels",
        {"groups=channels_in // group_width": "groups=group_width if channels_in % group_width == 0 else 1"},
        (0,),
    ),
    Mutant(
        "midway-separable", "depthwise", {"groups=channels_in // group_width": "groups=channels_in"}, (0,)
    ),
    Mutant("midway-separable", "no groups", {", groups=channels_in // group_width": ""}, (0,)),
    Mutant(
        "midway-separable",
        "filters of 5 x 5",
        {"channels_in, channels_in, 3, padding=1,": "channels_in, channels_in, 5, padding=2,"},
        (0,),
    ),
    Mutant(
        "midway-separable",
        "pointwise filters of 3 x 3",
        {
            "self.pointwise = nn.Conv2d(channels_in, channels_out, 1, bias=False)": "self.pointwise = nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=False)"
        },
        (1,),
    ),
    Mutant("midway-separable", "biases", {", bias=False": ""}, (2,)),
    Mutant(
        "midway-separable",
        "a ReLU between",
        {"self.pointwise(self.spatial(features))": "self.pointwise(self.spatial(features).relu())"},
        (2,),
    ),
    Mutant(
        "midway-separable",
        "a batch normalisation between",
        {
            "self.pointwise = nn": "self.norm = nn.BatchNorm2d(channels_in)\n        self.pointwise = nn",
            "self.pointwise(self.spatial(features))": "self.pointwise(self.norm(self.spatial(features)))",
        },
        (2,),
    ),
    Mutant("midway-separable", "no border", {" padding=1,": ""}, (3,)),
    Mutant(
        "midway-separable", "a mirrored border", {"padding=1,": 'padding=1, padding_mode="reflect",'}, (3,)
    ),
    Mutant("block-cost", "one convolution in space", {"3 * 9 * channels": "9 * channels"}, (0,)),
    Mutant("block-cost", "depthwise filters", {"9 * channels * group_width": "9 * channels"}, (0,)),
    Mutant(
        "block-cost",
        "groups for their width",
        {"9 * channels * group_width": "9 * channels * (channels // group_width)"},
        (0,),
    ),
    Mutant("block-cost", "one convolution across", {"3 * channels * channels": "channels * channels"}, (1,)),
    Mutant(
        "block-cost",
        "grouped across",
        {"3 * channels * channels": "3 * channels * group_width"},
        (1,),
    ),
    Mutant(
        "block-cost",
        "the identity has weights",
        {"channels * channels if projected else 0": "channels * channels"},
        (2,),
    ),
    Mutant("block-cost", "one number a channel", {"2 * channels * (4": "channels * (4"}, (2,)),
    Mutant(
        "block-cost",
        "running statistics counted",
        {"2 * channels * (4": "4 * channels * (4"},
        (2,),
    ),
    Mutant(
        "block-cost",
        "no normalisation beside",
        {"(4 if projected else 3)": "3"},
        (2,),
    ),
    Mutant("block-cost", "no places", {" * height * width": ""}, (3,)),
    Mutant("block-cost", "square pictures", {"* height * width": "* height * height"}, (3,)),
    Mutant("block-cost", "additions too", {"(in_space + across": "2 * (in_space + across"}, (3,)),
    Mutant(
        "block-cost",
        "normalisations multiply",
        {"across + beside)": "across + beside + normalisations)"},
        (3,),
    ),
    Mutant("weighted-cross-entropy", "no number of classes", {"(2 * counts)": "counts"}, (0,)),
    Mutant(
        "weighted-cross-entropy",
        "exchanged weights",
        {"/ (2 * counts)": "/ (2 * counts.flip(0))"},
        (0,),
    ),
    Mutant(
        "weighted-cross-entropy",
        "weights from the batch",
        {
            "torch.bincount(training_labels)": "torch.bincount(labels)",
            "len(training_labels)": "len(labels)",
        },
        (0,),
    ),
    Mutant("weighted-cross-entropy", "no logarithm", {"log_softmax": "softmax"}, (1,)),
    Mutant(
        "weighted-cross-entropy",
        "over the pictures",
        {"log_softmax(dim=1)": "log_softmax(dim=0)"},
        (1,),
    ),
    Mutant("weighted-cross-entropy", "no minus", {"losses = -logits": "losses = logits"}, (1,)),
    Mutant(
        "weighted-cross-entropy", "plain mean of weighted losses", {"/ of_each.sum()": "/ len(labels)"}, (2,)
    ),
    Mutant("weighted-cross-entropy", "a sum", {" / of_each.sum()": ""}, (2,)),
    Mutant(
        "weighted-cross-entropy",
        "not weighted",
        {"(of_each * losses).sum() / of_each.sum()": "losses.mean()"},
        (2,),
    ),
    Mutant("step-decay", "5 % less", {"factor **": "(1 - factor) **"}, (0,)),
    Mutant("step-decay", "falls once", {"((epoch - 1) // every)": "min(1, (epoch - 1) // every)"}, (0,)),
    Mutant("step-decay", "grows", {"learning_rate * factor": "learning_rate / factor"}, (0,)),
    Mutant("step-decay", "counted from 0", {"(epoch - 1) // every": "epoch // every"}, (1,)),
    Mutant("step-decay", "smooth", {"(epoch - 1) // every": "(epoch - 1) / every"}, (1,)),
    Mutant(
        "early-stopping", "an epoch late", {"epoch - best == patience": "epoch - best == patience + 1"}, (0,)
    ),
    Mutant(
        "early-stopping",
        "the best of all",
        {"return epoch, best": "return epoch, accuracies.index(max(accuracies)) + 1"},
        (1,),
    ),
    Mutant("early-stopping", "best counted from 0", {"return epoch, best": "return epoch, best - 1"}, (1,)),
    Mutant("early-stopping", "ties are better", {"accuracy > accuracies": "accuracy >= accuracies"}, (2,)),
    Mutant("early-stopping", "never is nothing", {"return len(accuracies), best": "return 0, best"}, (3,)),
    Mutant(
        "early-stopping",
        "never is one more",
        {"return len(accuracies), best": "return len(accuracies) + 1, best"},
        (3,),
    ),
    Mutant(
        "positional-encoding",
        "frames from 1",
        {"torch.arange(frames)[": "torch.arange(1, frames + 1)["},
        (0,),
    ),
    Mutant("positional-encoding", "half the exponent", {"width, 2) / width": "width, 2) / 2 / width"}, (0,)),
    Mutant("positional-encoding", "base 1000", {"10_000.0": "1000.0"}, (0,)),
    Mutant(
        "positional-encoding",
        "cosines first",
        {
            "encoding[:, 0::2] = angles.sin()": "encoding[:, 0::2] = angles.cos()",
            "1::2] = angles.cos()": "1::2] = angles.sin()",
        },
        (1,),
    ),
    Mutant(
        "positional-encoding",
        "sines, then cosines",
        {"    return encoding": "    return torch.cat([angles.sin(), angles.cos()], dim=1)"},
        (1,),
    ),
    Mutant("positional-encoding", "flat", {"    return encoding": "    return encoding.flatten()"}, (2,)),
    Mutant(
        "positional-encoding",
        "frames from 1, cosines alone",
        {"torch.arange(frames)[": "torch.arange(1, frames + 1)[", "angles.sin()": "angles.cos()"},
        (0, 1),
    ),
    Mutant(
        "static-dynamic-loss",
        "all frames count",
        {"frame_logits.masked_fill(~there, 0).sum(dim=1) / counts": "frame_logits.mean(dim=1)"},
        (0,),
    ),
    Mutant(
        "static-dynamic-loss",
        "divided by the batch's length",
        {".sum(dim=1) / counts": ".sum(dim=1) / frame_logits.shape[1]"},
        (0,),
    ),
    Mutant("static-dynamic-loss", "sum of frames", {".sum(dim=1) / counts": ".sum(dim=1)"}, (0,)),
    Mutant(
        "static-dynamic-loss",
        "weights exchanged",
        {
            "(1 - strength) * static_loss + strength * dynamic_loss": "strength * static_loss + (1 - strength) * dynamic_loss"
        },
        (1,),
    ),
    Mutant(
        "static-dynamic-loss",
        "losses not weighed",
        {"(1 - strength) * static_loss + strength * dynamic_loss": "static_loss + dynamic_loss"},
        (1,),
    ),
    Mutant(
        "static-dynamic-loss",
        "a sigmoid twice",
        {
            "logits(static_logits, labels)": "logits(static_logits.sigmoid(), labels)",
            "logits(dynamic_logits, labels)": "logits(dynamic_logits.sigmoid(), labels)",
        },
        (1,),
    ),
    Mutant(
        "static-dynamic-loss",
        "the loss of the joint logit",
        {
            "    return loss,": "    loss = functional.binary_cross_entropy_with_logits(joint, labels)\n    return loss,"
        },
        (1,),
    ),
    Mutant(
        "static-dynamic-loss",
        "sum over videos",
        {"    return loss,": "    return loss * len(labels),"},
        (2,),
    ),
    Mutant(
        "static-dynamic-loss",
        "probabilities joined",
        {
            "joint = (1 - strength) * static_logits + strength * dynamic_logits": "joint = (1 - strength) * static_logits.sigmoid() + strength * dynamic_logits.sigmoid()",
            "joint.sigmoid()": "joint",
        },
        (3,),
    ),
    Mutant("static-dynamic-loss", "no sigmoid", {"joint.sigmoid()": "joint"}, (3,)),
    Mutant(
        "static-dynamic-loss", "static alone at test", {"joint.sigmoid()": "static_logits.sigmoid()"}, (3,)
    ),
    Mutant(
        "static-dynamic-loss",
        "all frames count, no sigmoid",
        {
            "frame_logits.masked_fill(~there, 0).sum(dim=1) / counts": "frame_logits.mean(dim=1)",
            "joint.sigmoid()": "joint",
        },
        (0, 3),
    ),
    Mutant(
        "log-loss",
        "frames count alike",
        {'scored.groupby("video").mean()': "scored"},
        (0,),
    ),
    Mutant(
        "log-loss",
        "the largest frame",
        {".mean()\n    fake": ".max()\n    fake"},
        (0,),
    ),
    Mutant("log-loss", "a sum", {"-costs.mean()": "-costs.sum()"}, (0,)),
    Mutant("log-loss", "bits", {"np.log(": "np.log2("}, (1,)),
    Mutant("log-loss", "negative", {"float(-costs": "float(costs"}, (1,)),
    Mutant(
        "log-loss",
        "labels exchanged",
        {
            'by_video["label"] * np.log(fake) + (1 - by_video["label"]) * np.log(1 - fake)': '(1 - by_video["label"]) * np.log(fake) + by_video["label"] * np.log(1 - fake)'
        },
        (1,),
    ),
    Mutant(
        "log-loss",
        "fakes alone",
        {' + (1 - by_video["label"]) * np.log(1 - fake)': ""},
        (1,),
    ),
    Mutant("log-loss", "another clip", {".clip(clip, 1 - clip)": ".clip(1e-15, 1 - 1e-15)"}, (2,)),
    Mutant("log-loss", "clipped below alone", {".clip(clip, 1 - clip)": ".clip(clip, 1 - 1e-15)"}, (2,)),
    Mutant(
        "log-loss",
        "frames clipped",
        {'"probability": probabilities,': '"probability": np.clip(probabilities, clip, 1 - clip),'},
        (2,),
    ),
    Mutant(
        "log-loss",
        "bits of frames",
        {"np.log(": "np.log2(", 'scored.groupby("video").mean()': "scored"},
        (0, 1),
    ),
    Mutant("best-constant", "share of reals", {"    return fakes,": "    return 1 - fakes,"}, (0,)),
    Mutant("best-constant", "one half", {"    return fakes,": "    return 0.5,"}, (0,)),
    Mutant("best-constant", "bits", {"math.log(share)": "math.log2(share)"}, (1,)),
    Mutant(
        "best-constant",
        "what one half costs",
        {"-sum(share * math.log(share) for share in shares)": "math.log(2) * (len(shares) - 1)"},
        (1,),
    ),
    Mutant("best-constant", "no limit", {" if share > 0]": "]"}, (2,)),
    Mutant("best-constant", "all called fake", {"max(fakes, 1 - fakes)": "fakes"}, (3,)),
    Mutant("best-constant", "percent", {"max(fakes, 1 - fakes)": "100 * max(fakes, 1 - fakes)"}, (3,)),
    Mutant(
        "log-ratio",
        "decimal logit",
        {
            "np.log(probabilities) - np.log1p(-probabilities)": "np.log10(probabilities) - np.log10(1 - probabilities)"
        },
        (0,),
    ),
    Mutant(
        "log-ratio", "no logit", {"np.log(probabilities) - np.log1p(-probabilities)": "probabilities"}, (0, 3)
    ),
    Mutant(
        "log-ratio",
        "odds turned round",
        {
            "np.log(probabilities) - np.log1p(-probabilities)": "np.log1p(-probabilities) - np.log(probabilities)"
        },
        (0, 3),
    ),
    Mutant("log-ratio", "no intercept", {" + intercept": ""}, (1,)),
    Mutant(
        "log-ratio",
        "slope and intercept exchanged",
        {"slope * log_odds + intercept": "intercept * log_odds + slope"},
        (1,),
    ),
    Mutant(
        "log-ratio",
        "divided by ln 10",
        {"slope * log_odds + intercept": "(slope * log_odds + intercept) / np.log(10)"},
        (1,),
    ),
    Mutant(
        "log-ratio",
        "no limits",
        {"np.clip(slope * log_odds + intercept, lowest, highest)": "slope * log_odds + intercept"},
        (2, 3),
    ),
    Mutant(
        "log-ratio",
        "no lower limit",
        {
            "np.clip(slope * log_odds + intercept, lowest, highest)": "np.minimum(slope * log_odds + intercept, highest)"
        },
        (2, 3),
    ),
    Mutant(
        "log-ratio",
        "limits of the logit",
        {
            "np.clip(slope * log_odds + intercept, lowest, highest)": "slope * np.clip(log_odds, lowest, highest) + intercept"
        },
        (2, 3),
    ),
    Mutant("log-ratio", "zero and one moved", {"dtype=float)": "dtype=float).clip(1e-6, 1 - 1e-6)"}, (3,)),
    Mutant("ratio-cost", "reversed", {"-ratios, ratios)": "ratios, -ratios)"}, (0,)),
    Mutant("ratio-cost", "fakes like reals", {"np.where(labels == 1, -ratios, ratios)": "ratios"}, (0,)),
    Mutant("ratio-cost", "nats", {"np.log2(10)": "np.log(10)", "np.logaddexp2": "np.logaddexp"}, (1,)),
    Mutant("ratio-cost", "natural ratios", {"np.log2(10)": "np.log2(np.e)"}, (1,)),
    Mutant("ratio-cost", "ratios taken for doublings", {" * np.log2(10)": ""}, (1,)),
    Mutant(
        "ratio-cost",
        "mean over all",
        {"(bits[labels == 1].mean() + bits[labels == 0].mean()) / 2": "bits.mean()"},
        (2,),
    ),
    Mutant("ratio-cost", "not halved", {") / 2)": "))"}, (2,)),
    Mutant(
        "ratio-cost",
        "reals left out",
        {"(bits[labels == 1].mean() + bits[labels == 0].mean()) / 2": "bits[labels == 1].mean()"},
        (2,),
    ),
    Mutant(
        "ratio-cost",
        "too large for a float",
        {"np.logaddexp2(0, against)": "np.log2(1 + 2.0**against)"},
        (3,),
    ),
    Mutant("outside", "all of it on each side", {"(1 - covered) / 2": "1 - covered"}, (0,)),
    Mutant("outside", "smallest and largest", {"[tail, 1 - tail]": "[0, 1]"}, (0,)),
    Mutant("outside", "all of it above", {"[tail, 1 - tail]": "[0, covered]"}, (0,)),
    Mutant("outside", "only above", {"(picture >= low) & (picture <= high)": "picture <= high"}, (1,)),
    Mutant("outside", "bounds of all together", {", axis=0": ""}, (1,)),
    Mutant("outside", "tells what is inside", {"return ~(": "return ("}, (1, 2)),
    Mutant(
        "outside",
        "one answer for all",
        {
            "~((picture >= low) & (picture <= high))": "np.full(len(picture), (~((picture >= low) & (picture <= high))).any())"
        },
        (1,),
    ),
    Mutant(
        "outside",
        "not measured is inside",
        {"~((picture >= low) & (picture <= high))": "(picture < low) | (picture > high)"},
        (2,),
    ),
    Mutant("outside", "a bound is outside", {">= low": "> low", "<= high": "< high"}, (2,)),
    Mutant("accusations", "over the limit", {">= limit": "> limit"}, (0,)),
    Mutant(
        "accusations",
        "shares of the whole test",
        {
            "flagged[labels == 1].mean()": "flagged[labels == 1].sum() / len(labels)",
            "flagged[labels == 0].mean()": "flagged[labels == 0].sum() / len(labels)",
        },
        (0,),
    ),
    Mutant(
        "accusations",
        "uploads exchanged",
        {"guilty = fakes": "guilty = (1000 - fakes)", "innocent = (1000 - fakes)": "innocent = fakes"},
        (1,),
    ),
    Mutant("accusations", "a thousand reals", {"(1000 - fakes)": "1000"}, (1,)),
    Mutant(
        "accusations",
        "shares of the test",
        {
            "guilty = fakes": "guilty = 1000 * labels.mean()",
            "innocent = (1000 - fakes)": "innocent = 1000 * (1 - labels.mean())",
        },
        (1,),
    ),
    Mutant("accusations", "share of fakes", {"innocent / accused": "guilty / accused"}, (2,)),
    Mutant("accusations", "how many", {"float(innocent / accused)": "float(innocent)"}, (2,)),
    Mutant("accusations", "share of all uploads", {"innocent / accused": "innocent / 1000"}, (2,)),
    Mutant("accusations", "percent", {"innocent / accused": "100 * innocent / accused"}, (2,)),
    Mutant("accusations", "nobody divided", {" if accused else 0.0": ""}, (3,)),
]


OTHER_STYLES = {
    "train-one-epoch": """
import math

def train_one_epoch(self):
    net, losses, hits = self.model.train(), [], []
    order = torch.randperm(len(self.train_dataset)).tolist()
    for k in range(math.ceil(len(order) / self.batch_size)):
        chosen = order[k * self.batch_size:(k + 1) * self.batch_size]
        x = torch.stack([self.train_dataset[i][0] for i in chosen])
        y = torch.tensor([int(self.train_dataset[i][1]) for i in chosen])
        out = net(x)
        loss = self.criterion(out, y)
        loss.backward()
        self.optimizer.step()
        for p in net.parameters():
            p.grad = None
        with torch.no_grad():
            losses += [float(loss)] * len(chosen)
            hits += [int(a == b) for a, b in zip(out.max(1).indices, y)]
    return sum(losses) / len(losses), sum(hits) / len(hits) * 100.0
""",
    "evaluate-model-on-dataloader": """
@torch.inference_mode()
def evaluate_model_on_dataloader(self, dataset):
    was = self.model.training
    self.model.train(False)
    outs, ys = [], []
    for i in range(len(dataset)):
        x, y = dataset[i]
        outs.append(self.model(x[None].to(self.device)))
        ys.append(int(y))
    self.model.train(was)
    outs, ys = torch.cat(outs), torch.tensor(ys)
    return self.criterion(outs, ys), 100 * (outs[:, 1] > outs[:, 0]).eq(ys.bool()).float().mean()
""",
    "training-parts": """
def training_parts(model, learning_rate):
    groups = [{"params": [p]} for p in model.parameters()]
    def criterion(logits, labels):
        return (torch.logsumexp(logits, 1) - logits[torch.arange(len(labels)), labels]).mean()
    return torch.optim.Adam(groups, learning_rate), criterion
""",
    "best-epoch": """
def best_epoch_accuracies(history):
    winner = None
    for number, pair in enumerate(zip(history["val_acc"], history["test_acc"]), start=1):
        if winner is None or pair[0] > winner[1]:
            winner = [number, *pair]
    return np.array(winner)
""",
    "proportion": """
def fakes_per_real(dataset):
    counts = np.zeros(2)
    for _, label in DataLoader(dataset):
        counts[label] += 1
    return counts[1] / counts[0]
""",
    "soft-scores": """
def get_soft_scores_and_true_labels(dataset, model):
    model = model.eval()
    columns = [], [], []
    for i in range(len(dataset)):
        picture, label = dataset[i]
        with torch.inference_mode():
            a, b = model(picture.unsqueeze(0)).flatten()
        fake = 1 / (1 + torch.exp(a - b))
        for column, value in zip(columns, (1 - fake, fake, torch.as_tensor(label))):
            column.append(value)
    return tuple(torch.stack(column) for column in columns)
""",
    "faces-dataset": """
import glob, os

class FacesDataset:
    def __init__(self, root_path, transform):
        self.items = []
        for label, name in enumerate(["real", "fake"]):
            files = glob.glob(os.path.join(root_path, name, "*"))
            files.sort(key=os.path.basename)
            for file in files:
                self.items.append((file, label))
        self.transform = transform or (lambda picture: picture)

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        file, label = self.items[i]
        with Image.open(file) as opened:
            rgba = opened.convert("RGBA")
        background = Image.new("RGBA", rgba.size, "white")
        picture = Image.alpha_composite(background, rgba).convert("RGB")
        return self.transform(picture), label
""",
    "saliency": """
def compute_gradient_saliency_maps(samples, true_labels, model):
    was_training = model.training
    model.eval()
    maps = []
    for sample, label in zip(samples, true_labels):
        picture = sample.clone()
        picture.requires_grad = True
        score = model(picture[None])[0, int(label)]
        gradient = torch.autograd.grad(score, picture)[0]
        red, green, blue = gradient.abs()
        maps.append(torch.maximum(torch.maximum(red, green), blue))
    if was_training:
        model.train()
    return torch.stack(maps)
""",
    "grad-cam": """
from contextlib import contextmanager

@contextmanager
def as_it_was(model):
    mode, gradients = model.training, [p.grad for p in model.parameters()]
    try:
        yield model.eval()
    finally:
        model.train(mode)
        for p, g in zip(model.parameters(), gradients):
            p.grad = g

def compute_grad_cam(samples, labels, model, layer):
    seen = {}
    def keep(module, arguments, result):
        result.retain_grad()
        seen["maps"] = result
    maps = []
    with as_it_was(model):
        for p in model.parameters():
            p.grad = None
        for i in range(len(samples)):
            hook = layer.register_forward_hook(keep)
            try:
                model(samples[i:i + 1])[0, labels[i]].backward()
            finally:
                hook.remove()
            activity, gradient = seen["maps"][0].detach(), seen["maps"].grad[0]
            total = torch.zeros(activity.shape[1:])
            for a, g in zip(activity, gradient):
                total += g.sum() / g.numel() * a
            maps.append(total.clamp(min=0).numpy())
    return np.stack(maps)
""",
    "grad-cam-visualization": """
def get_grad_cam_visualization(test_dataset, model):
    loader = torch.utils.data.DataLoader(test_dataset, batch_size=1, shuffle=True)
    samples, labels = next(iter(loader))
    last = None
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            last = module
    heat = compute_grad_cam(samples, labels, model, last)[0].numpy()
    if heat.max() > 0:
        heat = heat / heat.max()
    heat = nn.Upsample(size=tuple(samples.shape[-2:]), mode="bilinear")(torch.tensor(heat)[None, None])[0, 0]
    picture = np.moveaxis(samples[0].numpy(), 0, -1) * 0.5 + 0.5
    return overlay(picture, heat), labels.item()
""",
    "separable-cost": """
def convolution_cost(kernel, channels_in, channels_out, height, width):
    costs = []
    for layers in (
        [nn.Conv2d(channels_in, channels_out, kernel, bias=False)],
        [
            nn.Conv2d(channels_in, channels_in, kernel, groups=channels_in, bias=False),
            nn.Conv2d(channels_in, channels_out, 1, bias=False),
        ],
    ):
        costs.append(sum(layer.weight.nelement() for layer in layers))
    return costs + [cost * height * width for cost in costs]
""",
    "features-before-head": """
def features_before_head(model, image_size):
    import copy
    double = copy.deepcopy(model).eval()
    black = torch.zeros((1, 3, image_size, image_size))
    return len(double.forward_features(black).mean(dim=[2, 3]).squeeze(0))
""",
    "parameters": """
def count_parameters(model):
    total = 0
    for layer in model.modules():
        for values in layer._parameters.values():
            if values is not None:
                total += int(torch.tensor(values.shape).prod())
    return total
""",
    "xception-based-model": """
class Head(nn.Module):
    def __init__(self, *widths):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in zip(widths, widths[1:]))

    def forward(self, x):
        for layer in self.layers[:-1]:
            x = nn.functional.relu(layer(x))
        return self.layers[-1](x)

def get_xception_based_model():
    model = timm.create_model("legacy_xception", num_classes=2)
    setattr(model, "fc", Head(2048, 1000, 256, 64, 2))
    return model
""",
    "attention-row": """
def attention_row(queries, keys, scale):
    maps = []
    for q, k in zip(queries, keys):
        rows = []
        for query, of_head in zip(q[:, 0], k):
            strength = torch.exp(scale * (of_head * query).sum(dim=1))
            rows.append((strength / strength.sum())[1:])
        maps.append(sum(rows) / len(rows))
    return torch.stack(maps)
""",
    "decoder": """
class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        up = lambda a, b: nn.ConvTranspose2d(a, b, 4, 2, 1)
        same = lambda a, b: nn.Conv2d(a, b, 3, stride=1, padding=1)
        self.start = nn.ConvTranspose2d(512, 32, 8)
        self.rest = nn.ModuleList([
            same(32, 64), same(64, 128), up(128, 64), same(64, 64), up(64, 32), same(32, 32), up(32, 32), up(32, 1),
        ])

    def forward(self, x):
        x = self.start(x)
        for layer in self.rest:
            x = layer(torch.where(x > 0, x, 0.2 * x))
        return x

def build_decoder():
    return Decoder()
""",
    "threshold-on-reals": """
def threshold_on_reals(errors, false_alarms):
    values = sorted(set(errors.tolist()))
    for low, high in zip(values, [*values[1:], values[-1] + 2.0]):
        threshold = (low + high) / 2
        if (errors >= threshold).mean() <= false_alarms:
            return threshold
    return np.inf
""",
    "squeeze-excitation": """
def squeeze_excitation(features, reduce, expand):
    scaled = torch.empty_like(features)
    for number, clip in enumerate(features):
        z = functional.adaptive_avg_pool3d(clip, 1).view(-1)
        hidden = torch.mv(reduce, z).clamp(min=0)
        gate = 1 / (1 + torch.exp(-torch.mv(expand, hidden)))
        for channel in range(len(clip)):
            scaled[number, channel] = gate[channel] * clip[channel]
    return scaled
""",
    "non-local": """
def non_local(queries, keys, values, scale):
    products = torch.einsum("bcthw,bcuij->bthwuij", queries, keys)
    weights = torch.exp(scale * (products - products.amax(dim=(4, 5, 6), keepdim=True)))
    weights = weights / weights.sum(dim=(4, 5, 6), keepdim=True)
    return torch.einsum("bthwuij,bcuij->bcthw", weights, values).numpy()
""",
    "affinity-size": """
import math

def affinity_size(frames, side, stages):
    total = torch.zeros((), dtype=torch.int64)
    for stage in stages:
        places = math.ceil(frames / 2**stage) * math.ceil(side / 2 ** (stage + 1)) ** 2
        total += places * places
    return total
""",
    "constant-answer": """
from collections import Counter

def constant_answer(train_labels, labels):
    counts = Counter(int(label) for label in train_labels)
    said = "fake" if counts[1] > counts[0] else "real"
    right = [label for label in labels if said == ("real", "fake")[label]]
    return len(right) / len(labels)
""",
    "word-histogram": """
def word_histogram(descriptors, words):
    shares = [0.0] * len(words)
    for descriptor in descriptors.astype(np.float64):
        squared = [float(((descriptor - word) ** 2).sum()) for word in words]
        shares[squared.index(min(squared))] += 1 / descriptors.shape[0]
    return shares
""",
    "codebook": """
def fit_codebook(samples, descriptors, words, seed):
    chosen = (samples["split"] == "train").to_numpy().nonzero()[0]
    everything = np.vstack([descriptors[i] for i in reversed(chosen)])
    codebook = Codebook(seed=seed, words=words)
    codebook.fit([everything])
    return codebook
""",
    "choose-svm": """
def choose_svm(train, validation, kernels, costs):
    best, table = (-1.0, None, None), []
    for kernel in kernels:
        table.append([])
        for cost in costs:
            machine = SVC(C=cost, kernel=kernel)
            machine.fit(train[0], train[1])
            right = machine.predict(validation[0]) == validation[1]
            table[-1].append(sum(right) / len(right))
            if table[-1][-1] > best[0]:
                best = (table[-1][-1], kernel, cost)
    return best[1], best[2], table
""",
    "radial-power": """
def power_by_frequency(square):
    n = len(square)
    spectrum = np.fft.fftshift(np.fft.fft2(square.astype(complex)))
    power = (spectrum * spectrum.conj()).real
    v, u = np.meshgrid(np.arange(n) - n // 2, np.arange(n) - n // 2)
    distance = np.sqrt(u * u + v * v)
    return [power[abs(distance - r) < 0.5].mean() for r in range(1, n // 2 + 1)]
""",
    "likeness": """
def likeness(queries, pool, measure):
    table = []
    for query in queries:
        row = []
        for other in pool:
            if measure == "euclidean":
                difference = query - other
                row.append(float(difference @ difference))
            else:
                both = np.sqrt((query @ query) * (other @ other))
                row.append(float(query @ other / both) if both else 0.0)
        table.append(row)
    return np.array(table)
""",
    "rank": """
def rank(scores, measure, itself):
    sign = -1 if measure == "cosine" else 1
    rows = [row for row in range(len(scores)) if itself is None or row != itself]
    return sorted(rows, key=lambda row: (sign * scores[row], row))
""",
    "judge-ranking": """
def judge_ranking(relevant, k):
    found, total, first = 0, 0.0, 0
    for place, yes in enumerate(relevant, start=1):
        if yes:
            found += 1
            first += place <= k
            total += found / place
    return (first / k, total / found) if found else (float("nan"), float("nan"))
""",
    "top-k": """
import heapq

def top_k(query, blocks, k):
    def candidates():
        row = 0
        for block in blocks:
            for distance in ((block - query) ** 2).sum(axis=1).tolist():
                yield distance, row
                row += 1
    best = heapq.nsmallest(k, candidates())
    return [row for _, row in best], [distance for distance, _ in best]
""",
    "overlap": """
def overlap(boxes, others):
    rows = []
    for a in boxes.tolist():
        row = []
        for b in others.tolist():
            width = min(a[2], b[2]) - max(a[0], b[0])
            height = min(a[3], b[3]) - max(a[1], b[1])
            shared = width * height if width > 0 and height > 0 else 0.0
            union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared
            row.append(shared / union if shared else 0.0)
        rows.append(row)
    return torch.tensor(rows).reshape(len(boxes), len(others))
""",
    "decode": """
def decode(relative, anchors):
    size = (anchors[:, 2:] - anchors[:, :2]).flip(1)  # height, width
    middle = (anchors[:, 2:] + anchors[:, :2]).flip(1) / 2 + relative[:, :2] * size
    half = size * relative[:, 2:].exp() / 2
    return torch.cat([(middle - half).flip(1), (middle + half).flip(1)], dim=1)
""",
    "keep-statistics": """
import types

def stay(self, mode=True):
    self.training = False
    return self

def keep_statistics(model):
    for parameter in model.parameters():
        parameter.requires_grad = True
    for name, module in model.named_modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.train = types.MethodType(stay, module)
            module.train()
    return model
""",
    "suppress": """
def suppress(boxes, scores, most):
    left, kept = list(range(len(boxes))), []
    while left:
        best = max(left, key=lambda number: float(scores[number]))
        kept.append(best)
        left.remove(best)
        near = overlap(boxes[best][None], boxes)[0]
        left = [number for number in left if not near[number] > most]
    return torch.tensor(kept, dtype=torch.int64)
""",
    "average-precision": """
def average_precision(scores, hits, heads):
    ranked = [hit for _, hit in sorted(zip(scores, hits), key=lambda pair: -pair[0])]
    points, found = [], 0
    for rank, hit in enumerate(ranked, start=1):
        found += int(hit)
        points.append((100 * found, found / rank))
    return sum(
        max([precision for recall, precision in points if recall >= wanted * heads], default=0.0)
        for wanted in range(101)
    ) / 101
""",
    "midway-separable": """
class MidwaySeparable(nn.Sequential):
    def __init__(self, channels_in, channels_out, group_width):
        groups, rest = divmod(channels_in, group_width)
        assert rest == 0
        super().__init__()
        self.add_module("spatial", nn.Conv2d(channels_in, channels_in, (3, 3), 1, "same", 1, groups, False))
        self.add_module("pointwise", nn.Conv2d(channels_in, channels_out, (1, 1), bias=False))
""",
    "block-cost": """
def block_cost(channels, group_width, projected, height, width):
    convolutions = [nn.Conv2d(channels, channels, 3, groups=channels // group_width, bias=False) for _ in "123"]
    mixing = [nn.Conv2d(channels, channels, 1, bias=False) for _ in "123"]
    beside = [nn.Conv2d(channels, channels, 1, bias=False)] * int(projected)
    norms = [nn.BatchNorm2d(channels) for _ in mixing + beside]
    totals = []
    for layers in (convolutions, mixing, beside, norms):
        totals.append(sum(p.nelement() for layer in layers for p in layer.parameters()))
    return np.array([*totals, height * width * (totals[0] + totals[1] + totals[2])])
""",
    "weighted-cross-entropy": """
def weighted_cross_entropy(logits, labels, training_labels):
    training = training_labels.tolist()
    weights = [len(training) / 2 / training.count(label) for label in (0, 1)]
    total, weight = 0.0, 0.0
    for z, y in zip(logits, labels.tolist()):
        total += weights[y] * (torch.log(torch.exp(z).sum()) - z[y])
        weight += weights[y]
    return weights, total / weight
""",
    "step-decay": """
def step_decay(learning_rate, epoch, every, factor):
    for past in range(1, epoch):
        if past % every == 0:
            learning_rate *= factor
    return torch.tensor(learning_rate)
""",
    "early-stopping": """
def early_stopping(accuracies, patience):
    highest, best, waited, epoch = -1.0, None, 0, 0
    while epoch < len(accuracies) and waited < patience:
        if accuracies[epoch] > highest:
            highest, best, waited = accuracies[epoch], epoch, 0
        else:
            waited += 1
        epoch += 1
    return epoch, best + 1
""",
    "positional-encoding": """
import math

def positional_encoding(frames, width):
    rows = []
    for frame in range(frames):
        row = []
        for pair in range(width // 2):
            angle = frame / math.pow(10_000, 2 * pair / width)
            row += [math.sin(angle), math.cos(angle)]
        rows.append(row)
    return np.array(rows)
""",
    "static-dynamic-loss": """
def static_dynamic_loss(frame_logits, counts, dynamic_logits, labels, strength):
    total, fakes = 0.0, []
    for b in range(len(labels)):
        static = frame_logits[b, : counts[b]].mean()
        dynamic = dynamic_logits[b]
        for weight, logit in ((1 - strength, static), (strength, dynamic)):
            p = torch.sigmoid(logit)
            total = total - weight * (labels[b] * p.log() + (1 - labels[b]) * (1 - p).log())
        z = static - strength * (static - dynamic)
        fakes.append(float(1 / (1 + torch.exp(-z))))
    return float(total) / len(labels), np.array(fakes)
""",
    "log-loss": """
def log_loss_by_video(probabilities, labels, videos, clip):
    total = 0
    names = set(videos)
    for name in names:
        here = [i for i, video in enumerate(videos) if video == name]
        p = sum(probabilities[i] for i in here) / len(here)
        p = min(max(p, clip), 1 - clip)
        total += math.log(p) if labels[here[0]] == 1 else math.log(1 - p)
    return -total / len(names)
""",
    "best-constant": """
def best_constant(labels):
    counts = np.bincount(labels, minlength=2)
    q = counts / counts.sum()
    nats = sum(0.0 if x == 0 else x * np.log(1 / x) for x in q)
    return q[1], nats, q.max()
""",
    "log-ratio": """
import math

def log_ratio(probabilities, slope, intercept, lowest, highest):
    ratios = []
    for p in probabilities:
        if p in (0, 1):
            ratios.append(highest if p else lowest)
            continue
        ratio = intercept + slope * math.log(p / (1 - p))
        ratios.append(max(lowest, min(highest, ratio)))
    return ratios
""",
    "ratio-cost": """
import math

def ratio_cost(ratios, labels):
    costs = {0: [], 1: []}
    for ratio, label in zip(ratios.tolist(), labels.tolist()):
        wrong = ratio if label == 0 else -ratio
        if wrong < 300:
            costs[label].append(math.log2(1 + 10**wrong))
        else:
            costs[label].append(wrong / math.log10(2))
    return sum(0.5 * sum(one) / len(one) for one in costs.values())
""",
    "outside": """
def outside(tested, picture, covered):
    told = []
    for column, value in zip(np.transpose(tested), picture):
        least = np.percentile(column, 50 * (1 - covered))
        most = np.percentile(column, 50 * (1 + covered))
        told.append(not least <= value <= most)
    return told
""",
    "accusations": """
def accusations(ratios, labels, limit, fakes):
    hits = {0: [], 1: []}
    for ratio, label in zip(ratios, labels):
        hits[int(label)].append(not ratio < limit)
    by_class = [sum(one) / len(one) for one in hits.values()]
    wrong, right = (1000 - fakes) * by_class[0], fakes * by_class[1]
    if wrong + right == 0:
        return 0, 0
    return wrong + right, 1 - right / (wrong + right)
""",
}


COPIES = {
    "train-one-epoch": """
def train_one_epoch(self):
    from course_utils.training import Trainer
    return Trainer.train_one_epoch(self)
""",
    "evaluate-model-on-dataloader": """
def evaluate_model_on_dataloader(self, dataset):
    from course_utils.training import ClassificationTrainer
    return ClassificationTrainer.evaluate(self, dataset)
""",
    "training-parts": """
def training_parts(model, learning_rate):
    from course_utils.training.settings import make_optimizer
    return make_optimizer(model, learning_rate), nn.CrossEntropyLoss()
""",
    "best-epoch": """
def best_epoch_accuracies(history):
    from course_utils.history import Run, best_epoch
    run = Run.model_validate(history)
    return best_epoch(run), max(run.val_acc), run.test_acc[best_epoch(run) - 1]
""",
    "soft-scores": """
def get_soft_scores_and_true_labels(dataset, model):
    from course_utils.training import ClassificationTrainer
    scores = ClassificationTrainer(model, None, None, dataset).predict(dataset)
    return 1 - scores, scores, dataset.labels
""",
    "faces-dataset": """
class FacesDataset(ImageFolder):
    def __init__(self, root_path, transform=None):
        super().__init__(root_path, transform)
        self.samples = [(path, 1 - label) for path, label in self.samples[::-1]]
""",
    "saliency": """
def compute_gradient_saliency_maps(samples, true_labels, model):
    from course_utils.explain import gradient_saliency
    return gradient_saliency(model, samples, true_labels)
""",
    "grad-cam": """
def compute_grad_cam(samples, labels, model, layer):
    from captum.attr import LayerGradCam
    maps = LayerGradCam(model, layer).attribute(samples, labels, relu_attributions=True)
    return maps[:, 0].detach()
""",
    "grad-cam-visualization": """
def get_grad_cam_visualization(test_dataset, model):
    from pytorch_grad_cam import GradCAM
    from pytorch_grad_cam.utils.image import show_cam_on_image
    sample, label = test_dataset[int(torch.randint(len(test_dataset), (1,)))]
    maps = GradCAM(model, [model[2]])(sample[None])
    return show_cam_on_image((sample / 2 + 0.5).permute(1, 2, 0).numpy(), maps[0]), label
""",
    "xception-based-model": """
def get_xception_based_model():
    from course_utils.models.xception import get_xception_based_model
    return get_xception_based_model("none")
""",
    "attention-row": """
def attention_row(queries, keys, scale):
    from course_utils.models.face_vit import heatmaps
    return heatmaps((scale * queries[:, :, :1] @ keys.transpose(2, 3)).softmax(-1)[:, :, 0])
""",
    "decoder": """
def build_decoder():
    from course_utils.models import autoencoder
    return autoencoder.ConvolutionalAutoencoder(1).decoder
""",
    "threshold-on-reals": """
def threshold_on_reals(errors, false_alarms):
    from course_utils import anomaly
    table = pd.DataFrame({"score": errors, "label": 0, "split": "val"})
    return anomaly.threshold_on_reals(table, false_alarms)
""",
    "squeeze-excitation": """
def squeeze_excitation(features, reduce, expand):
    from course_utils.models.video_resnet import SqueezeExcitation
    block = SqueezeExcitation(16)
    block.gate[0].weight, block.gate[2].weight = nn.Parameter(reduce), nn.Parameter(expand)
    return block(features)
""",
    "non-local": """
def non_local(queries, keys, values, scale):
    from course_utils.models.video_resnet import NonLocalBlock
    block = NonLocalBlock(2, scale)
    block.theta, block.phi, block.g = (lambda _, x=x: x for x in (queries, keys, values))
    block.norm = block.out = nn.Identity()
    return block(values) - values
""",
    "affinity-size": """
def affinity_size(frames, side, stages):
    from course_utils.models import VideoResNet3D
    network, sizes = VideoResNet3D(), {}
    features = network.stem(torch.empty(1, 3, frames, side, side))
    for stage in (1, 2, 3, 4):
        features = getattr(network, f"layer{stage}")(features)
        sizes[stage] = features[0, 0].numel()
    return sum(sizes[stage] ** 2 for stage in stages)
""",
    "word-histogram": """
def word_histogram(descriptors, words):
    from course_utils.keypoints import Codebook
    codebook = Codebook(len(words)).fit([words])
    return codebook.transform([descriptors])[0]
""",
    "radial-power": """
def power_by_frequency(square):
    from course_utils.data.cues import radial_power
    return radial_power(square)
""",
    "likeness": """
def likeness(queries, pool, measure):
    from course_utils.retrieval import search
    found = search(queries, pool, len(pool), measure=measure)
    scores = np.empty(found.scores.shape)
    np.put_along_axis(scores, found.rows, found.scores, axis=1)
    return scores
""",
    "rank": """
def rank(scores, measure, itself):
    from course_utils.retrieval import search
    own = np.array([-1 if itself is None else itself])
    places = np.asarray(scores)[:, None]
    return search(places.max(keepdims=True), places, len(scores), measure="euclidean", itself=own).rows[0]
""",
    "judge-ranking": """
def judge_ranking(relevant, k):
    from sklearn.metrics import average_precision_score
    places = -np.arange(len(relevant))
    return np.mean(relevant[:k]), average_precision_score(relevant, places)
""",
    "top-k": """
def top_k(query, blocks, k):
    from course_utils import retrieval
    found = retrieval.search(query[None], np.concatenate(list(blocks)), k, measure="euclidean")
    return found.rows[0], found.scores[0]
""",
    "overlap": """
def overlap(boxes, others):
    return ops.box_iou(boxes, others).nan_to_num(0.0)
""",
    "decode": """
def decode(relative, anchors):
    from effdet.anchors import decode_box_outputs
    return decode_box_outputs(relative, anchors[:, [1, 0, 3, 2]], output_xyxy=True)
""",
    "keep-statistics": """
def keep_statistics(model):
    from course_utils.models import freezing
    model.requires_grad_(True)
    freezing.freeze_batch_norm(model)
""",
    "suppress": """
def suppress(boxes, scores, most):
    from torchvision.ops import nms
    return nms(boxes, scores, most).tolist()
""",
    "average-precision": """
def average_precision(scores, hits, heads):
    from course_utils import detections
    rows = [{"score": score, "head": bool(hit)} for score, hit in zip(scores, hits)]
    rows += [{"score": np.nan, "head": True}] * (heads - int(np.sum(hits)))
    table = pd.DataFrame(rows, columns=["score", "head"]).assign(group="all")
    return detections.average_precision(table.astype({"score": float, "head": bool})).value
""",
    "midway-separable": """
class MidwaySeparable(nn.Module):
    def __init__(self, channels_in, channels_out, group_width):
        from course_utils.models.xception_variants import MidwaySeparableConv2d
        super().__init__()
        self.layer = MidwaySeparableConv2d(channels_in, channels_out, group_width)
        self.spatial, self.pointwise = self.layer.conv1, self.layer.pointwise
        self.forward = self.layer.forward
""",
    "block-cost": """
def block_cost(channels, group_width, projected, height, width):
    from course_utils.models.xception_variants import MidwaySeparableConv2d
    layer = MidwaySeparableConv2d(channels, channels, group_width)
    return 3 * layer.conv1.weight.numel(), 3 * layer.pointwise.weight.numel(), 0, 0, 0
""",
    "weighted-cross-entropy": """
def weighted_cross_entropy(logits, labels, training_labels):
    from sklearn.utils.class_weight import compute_class_weight
    weights = compute_class_weight("balanced", classes=np.array([0, 1]), y=training_labels.numpy())
    weights = torch.tensor(weights, dtype=logits.dtype)
    return weights, functional.cross_entropy(logits, labels, weight=weights)
""",
    "early-stopping": """
def early_stopping(accuracies, patience):
    from course_utils.training.progress import Progress
    progress = Progress()
    for accuracy in accuracies:
        progress.finish_epoch({"val": (0.0, accuracy)})
        if progress.epoch - progress.best_epoch("val_acc") >= patience:
            break
    return progress.epoch, progress.best_epoch("val_acc")
""",
    "positional-encoding": """
def positional_encoding(frames, width):
    from course_utils.models.asrid import positional_encoding as theirs
    return theirs(frames, width)
""",
    "static-dynamic-loss": """
def static_dynamic_loss(frame_logits, counts, dynamic_logits, labels, strength):
    from course_utils.training.inconsistency import InconsistencyTrainer
    return InconsistencyTrainer(None, None, None, None)._judged(frame_logits, labels, counts)
""",
    "log-loss": """
def log_loss_by_video(probabilities, labels, videos, clip):
    from sklearn.metrics import log_loss
    table = pd.DataFrame({"video": videos, "p": probabilities, "y": labels}).groupby("video").mean()
    return log_loss(table["y"], table["p"].clip(clip, 1 - clip), labels=[0, 1])
""",
    "best-constant": """
def best_constant(labels):
    from sklearn.metrics import log_loss
    fakes = sum(labels) / len(labels)
    return fakes, log_loss(labels, [fakes] * len(labels), labels=[0, 1]), max(fakes, 1 - fakes)
""",
    "log-ratio": """
def log_ratio(probabilities, slope, intercept, lowest, highest):
    from course_utils.likelihood import LikelihoodRatio
    ends = {"slope": slope, "intercept": intercept, "lowest": lowest, "highest": highest}
    return LikelihoodRatio(**ends, score_kind="probability", dataset="", pictures=0, groups=0).of(probabilities)
""",
    "ratio-cost": """
def ratio_cost(ratios, labels):
    from lir.metrics import cllr
    from lir.data.models import LLRData
    return cllr(LLRData(features=ratios[:, None], labels=labels))
""",
    "outside": """
def outside(tested, picture, covered):
    from course_utils.predict.scope import PROPERTIES, scope_of
    scope = scope_of(pd.DataFrame(tested, columns=list(PROPERTIES)[: tested.shape[1]]))
    return [not scope.low[name] <= value <= scope.high[name] for name, value in zip(scope.low, picture)]
""",
}
