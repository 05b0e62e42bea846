"""Networks that others trained: published state dicts, torchvision's, timm's and LiteRT's, and mistakes with them."""

import numpy as np
import pytest
import torch
from PIL import Image
from rabench.classifiers import CLASSIFIERS
from rabench.core.errors import RabenchError, Refused, Unavailable, UnknownName
from rabench.datasets import DATASETS
from safetensors.torch import save_file
from torchvision_on_a_cpu import usable_torchvision

RNG = np.random.default_rng(0)


def loaded(folder):
    dataset = DATASETS.make(f'parquet:path="{folder}"')
    return dataset.load(0, len(dataset))


@pytest.mark.slow
@pytest.mark.parametrize(("layers", "right"), [(20, 932), (32, 944)])
def test_the_published_cifar_resnets_are_as_right_as_by_their_own_code(cifar10_lossless, networks, layers, right):
    """932 of 1,017 is what akamaster's code gives for ResNet-20; the same network by PyTorch alone gives 944 for ResNet-32."""
    classifier = CLASSIFIERS.make(f'resnet{layers}:weights="{networks}/cifar10-resnet{layers}.safetensors"')
    block = loaded(cifar10_lossless)
    assert int((classifier.logits(block.images).argmax(1) == block.labels).sum()) == right
    assert classifier.normalization == ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    assert len(classifier.classes) == 10 and classifier.size == 32


@pytest.mark.parametrize(("layers", "parameters"), [(20, 0.27), (32, 0.46), (44, 0.66), (56, 0.85)])
def test_the_cifar_resnets_have_the_published_number_of_parameters(layers, parameters):
    """He et al. (2016), table 6, in millions."""
    network = CLASSIFIERS[f"resnet{layers}"].build(10, 16)
    assert sum(p.numel() for p in network.parameters()) / 1e6 == pytest.approx(parameters, abs=0.006)


def test_a_checkpoint_of_several_gpus_is_read_with_the_accuracy_that_it_names(tmp_path):
    torch.manual_seed(0)
    network = CLASSIFIERS["resnet20"].build(7, 4)
    state = {f"module.{name}": t for name, t in network.state_dict().items() if "num_batches" not in name}
    torch.save({"state_dict": state, "best_prec1": 91.5}, tmp_path / "net.th")
    classifier = CLASSIFIERS.make(f'resnet20:weights="{tmp_path}/net.th"')
    assert len(classifier.classes) == 7
    assert str(classifier.published_accuracy) == "91.5 % on the test images of its training run"
    image = RNG.integers(0, 256, (32, 32, 3), np.uint8)
    normalization = classifier.normalization or ()
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in normalization)
    x = (torch.from_numpy(image).permute(2, 0, 1).float() / 255 - mean) / std
    with torch.inference_mode():
        np.testing.assert_allclose(classifier.logits([image])[0], network.eval()(x[None])[0].numpy(), atol=1e-5)


def test_weights_of_another_architecture_are_refused_with_the_first_names(networks):
    with pytest.raises(Refused, match=r"than resnet32: it lacks layer1\.3\.conv1\.weight, .* and 57 more"):
        CLASSIFIERS.make(f'resnet32:weights="{networks}/cifar10-resnet20.safetensors"').version()  # before a run begins


def test_weights_of_other_shapes_are_refused(tmp_path):
    state = CLASSIFIERS["resnet20"].build(10, 16).state_dict()
    state["layer1.0.conv1.weight"] = torch.zeros(16, 16, 1, 1)
    save_file(state, tmp_path / "odd.safetensors")
    with pytest.raises(Refused, match=r"layer1\.0\.conv1\.weight \(16x16x1x1 instead of 16x16x3x3\)"):
        CLASSIFIERS.make(f'resnet20:weights="{tmp_path}/odd.safetensors"').module()


class Harmful:
    def __reduce__(self):
        return (print, ("executed",))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"epoch": 3}, "holds a dictionary of epoch, no state dict"),
        ([1, 2], "holds list, no state dict"),
        (Harmful(), "holds more than tensors, and would have to run code to be read"),
    ],
)
def test_a_pickle_that_is_no_state_dict_is_one_line_and_runs_nothing(tmp_path, capsys, content, message):
    torch.save(content, tmp_path / "net.pth")
    with pytest.raises(Refused, match=message) as caught:
        CLASSIFIERS.make(f'resnet20:weights="{tmp_path}/net.pth"').version()
    assert "\n" not in str(caught.value) and "executed" not in capsys.readouterr().out


def torchvision_files(folder):
    models = usable_torchvision().models
    torch.manual_seed(0)
    network = models.resnet18(num_classes=6)
    save_file(network.state_dict(), folder / "net.safetensors")
    torch.save(network.state_dict(), folder / "net.pth")
    return network.eval()


@pytest.mark.slow
@pytest.mark.parametrize("form", ["safetensors", "pth"])
def test_a_torchvision_network_gives_what_torchvision_gives(tmp_path, form):
    network = torchvision_files(tmp_path)
    classifier = CLASSIFIERS.make(f'torchvision:model=resnet18:weights="{tmp_path}/net.{form}"')
    preset = usable_torchvision().models.ResNet18_Weights.IMAGENET1K_V1.transforms()
    images = [RNG.integers(0, 256, (*size, 3), np.uint8) for size in ((260, 300), (64, 64))]
    x = torch.stack([preset(Image.fromarray(i)) for i in images])
    with torch.inference_mode():
        np.testing.assert_allclose(classifier.logits(images), network(x).numpy(), atol=1e-5)
    assert classifier.classes == tuple("012345")
    assert classifier.published_accuracy is None  # another file than the published one has no published accuracy


@pytest.mark.slow
def test_a_timm_network_gives_what_timm_gives(tmp_path):
    usable_torchvision()
    timm = pytest.importorskip("timm", reason="timm is not installed: pip install -c constraints.txt '.[networks]'")
    torch.manual_seed(0)
    network = timm.create_model("resnet18.tv_in1k").eval()
    save_file(network.state_dict(), tmp_path / "net.safetensors")
    classifier = CLASSIFIERS.make(f'timm:model=resnet18.tv_in1k:weights="{tmp_path}/net.safetensors"')
    transform = timm.data.create_transform(**timm.data.resolve_model_data_config(network, use_test_size=True))
    image = RNG.integers(0, 256, (300, 260, 3), np.uint8)
    with torch.inference_mode():
        theirs = network(transform(Image.fromarray(image))[None])[0].numpy()
    np.testing.assert_allclose(classifier.logits([image])[0], theirs, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("spec", "error", "message"),
    [
        ("torchvision:model=resnt18:weights=x", UnknownName, "no model 'resnt18' .did you mean 'resnet18'"),
        ("timm:model=resnet18x:weights=x", UnknownName, "no model 'resnet18x' .did you mean 'resnet18'"),
        ("torchvision:model=resnet18:weights=IMAGENET", Unavailable, "did you mean 'IMAGENET1K_V1'"),
        ("timm:model=resnet18:weights=x", Unavailable, "no file at 'x'; give weights=FILE or weights=pretrained"),
    ],
)
def test_a_name_that_the_library_does_not_know_is_answered_with_near_misses(spec, error, message):
    usable_torchvision()
    with pytest.raises(error, match=message) as caught:
        CLASSIFIERS.make(spec).version()
    assert "\n" not in str(caught.value)


def test_named_weights_without_a_network_say_which_file_to_put_where(tmp_path, monkeypatch):
    usable_torchvision()
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", _no_network)
    with pytest.raises(
        Unavailable, match=f"put resnet34-b627a593.pth into {tmp_path}/checkpoints, or give weights=FILE"
    ):
        CLASSIFIERS.make("torchvision:model=resnet34:weights=IMAGENET1K_V1").version()


def _no_network(*_, **__):
    raise OSError("no route to host")


def mobilenet(networks, more=""):
    pytest.importorskip("ai_edge_litert", reason="LiteRT is not installed: pip install -c constraints.txt '.[litert]'")
    return CLASSIFIERS.make(f'litert:path="{networks}/imagenet-mobilenet-v2-int8.tflite"{more}')


def directly(networks, images, center):
    """The predictions by LiteRT's interpreter alone. center: normalized as Keras does, then quantized by the file."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(networks / "imagenet-mobilenet-v2-int8.tflite"), num_threads=1)
    interpreter.allocate_tensors()
    (given,), (wanted,) = interpreter.get_input_details(), interpreter.get_output_details()
    scale, zero = given["quantization"]
    for image in images:
        picture = Image.fromarray(image)
        short = min(picture.size)
        picture = picture.resize(tuple(int(256 * side / short) for side in picture.size), Image.Resampling.BILINEAR)
        left, top = (round((side - 224) / 2) for side in picture.size)
        x = np.asarray(picture.crop((left, top, left + 224, top + 224)))
        if center:
            x = np.clip(np.round((x / 127.5 - 1) / scale + zero), 0, 255).astype(np.uint8)
        interpreter.set_tensor(given["index"], x[None])
        interpreter.invoke()
        yield int(interpreter.get_tensor(wanted["index"])[0].argmax())


@pytest.mark.long
def test_mobilenet_is_right_as_often_as_by_litert_alone(imagenet_sample, networks):
    """With pixels as they are, and normalized as Keras does it before the file's own quantization."""
    classifiers = {False: mobilenet(networks, ":resize=256")}
    classifiers[True] = mobilenet(networks, ':resize=256:mean="0.5,0.5,0.5":std="0.5,0.5,0.5"')
    dataset = DATASETS.make(f'parquet:path="{imagenet_sample}"')
    right, alone = {False: 0, True: 0}, {False: 0, True: 0}
    for start in range(0, len(dataset), 100):
        block = dataset.load(start, start + 30)
        for center, classifier in classifiers.items():
            right[center] += int((classifier.logits(block.images).argmax(1) == block.labels).sum())
            predictions = np.array(list(directly(networks, block.images, center)))
            alone[center] += int((predictions == block.labels).sum())
    assert min(right.values()) >= 0.88 * 300
    assert all(abs(right[center] - alone[center]) <= 1 for center in right)


def test_litert_gives_log_probabilities_of_a_softmax_and_threads_are_no_part_of_a_key(networks):
    classifier = mobilenet(networks)
    logits = classifier.logits([RNG.integers(0, 256, (224, 224, 3), np.uint8)])
    # each of the thousand probabilities is a multiple of 1/256, and most are rounded to 0
    assert np.exp(logits).sum() == pytest.approx(1, abs=0.15)
    assert mobilenet(networks, ":threads=2").key == classifier.key
    assert classifier.size == 224 and len(classifier.classes) == 1000


def test_a_tflite_without_classes_at_its_end_is_refused(networks, tmp_path):
    """MobileNetV2 without its head: its last output of four axes becomes that of the file."""
    mobilenet(networks)
    flatbuffers = pytest.importorskip("flatbuffers", reason="comes with ai-edge-litert")
    schema = pytest.importorskip("ai_edge_litert.schema_py_generated")
    file = bytearray((networks / "imagenet-mobilenet-v2-int8.tflite").read_bytes())
    model = schema.ModelT.InitFromPackedBuf(file, 0)
    graph = model.subgraphs[0]
    graph.outputs = [[i for step in graph.operators for i in step.outputs if len(graph.tensors[i].shape) == 4][-1]]
    builder = flatbuffers.Builder(1 << 20)
    builder.Finish(model.Pack(builder), b"TFL3")
    (tmp_path / "headless.tflite").write_bytes(bytes(builder.Output()))
    with pytest.raises(Refused, match=r"headless\.tflite gives 1x7x7x1280; a classifier gives 1 x classes"):
        CLASSIFIERS.make(f'litert:path="{tmp_path}/headless.tflite"').version()


def test_a_broken_tflite_is_one_line(tmp_path):
    pytest.importorskip("ai_edge_litert", reason="LiteRT is not installed: pip install -c constraints.txt '.[litert]'")
    with pytest.raises(Unavailable, match=r"no file at 'x\.tflite'"):
        CLASSIFIERS.make("litert:path=x.tflite").version()
    (tmp_path / "x.tflite").write_bytes(b"no network at all")
    with pytest.raises(RabenchError, match="cannot be loaded") as caught:
        _ = CLASSIFIERS.make(f'litert:path="{tmp_path}/x.tflite"').classes
    assert "\n" not in str(caught.value)
