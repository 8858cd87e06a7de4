"""Every image that ingest takes is answered, with the result of the file read directly."""

import base64
import io

import numpy as np
import pytest
from PIL import Image
from running_server import running
from tiny_model import GREY, patterns

from models.export.inference import LoadedModel
from pipeline.serving.client import compare_at
from pipeline.serving.server.admission import Limits
from pipeline.serving.server.endpoints import Metrics
from pipeline.serving.server.transformer import Transformer

UPRIGHT = Image.fromarray(patterns(1, GREY.model_copy(update={"height": 36, "width": 30}), seed=4)[0, :, :, 0])
FORMATS = {
    "png": (UPRIGHT, "PNG", {}),
    "jpeg": (UPRIGHT, "JPEG", {"quality": 90}),
    "progressive jpeg": (UPRIGHT.convert("RGB"), "JPEG", {"progressive": True}),
    "cmyk jpeg": (UPRIGHT.convert("CMYK"), "JPEG", {}),
    "rotated jpeg": (UPRIGHT.transpose(Image.Transpose.ROTATE_90), "JPEG", {"exif": {0x0112: 6}}),
    "16-bit png": (Image.fromarray(np.asarray(UPRIGHT).astype(np.uint16) * 257), "PNG", {}),
    "alpha png": (UPRIGHT.convert("LA"), "PNG", {}),
    "palette png": (UPRIGHT.convert("P"), "PNG", {}),
    "bilevel png": (UPRIGHT.convert("1"), "PNG", {}),
    "bmp": (UPRIGHT.convert("RGB"), "BMP", {}),
    "gif": (UPRIGHT, "GIF", {}),
    "tiff": (UPRIGHT, "TIFF", {"compression": "tiff_lzw"}),
    "webp": (UPRIGHT.convert("RGB"), "WEBP", {"lossless": True}),
    "avif": (UPRIGHT.convert("RGB"), "AVIF", {"quality": 95}),
    "pgm": (UPRIGHT, "PPM", {}),
    "ppm": (UPRIGHT.convert("RGB"), "PPM", {}),
}


def encoded(name: str) -> bytes:
    image, container, options = FORMATS[name]
    exif = Image.Exif()
    exif.update(options.get("exif", {}))
    file = io.BytesIO()
    image.save(file, container, **{**options, **({"exif": exif} if exif else {})})
    return file.getvalue()


@pytest.fixture(scope="module")
def model(exported):
    return LoadedModel(exported.path)


@pytest.fixture(scope="module")
def transformer(server):
    with running(Transformer(server.url, "siamese", Limits(), Metrics()).app) as url:
        yield url


@pytest.mark.parametrize("name", FORMATS)
def test_the_score_is_that_of_the_file(server, transformer, model, images, tmp_path, name):
    (tmp_path / "a").write_bytes(encoded(name))
    (tmp_path / "b.png").write_bytes(images[0])
    expected = model.compare(tmp_path / "a", tmp_path / "b.png")
    files = {"image_a": tmp_path / "a", "image_b": tmp_path / "b.png"}
    instance = {key: {"b64": base64.b64encode(file.read_bytes()).decode()} for key, file in files.items()}
    body = {"signature_name": "compare", "instances": [instance]}
    through = server.client.post(f"{transformer}/v1/models/siamese:predict", json=body)
    for found in (server.predict(body).json()["predictions"][0], through.json()["predictions"][0]):
        assert found["score"] == pytest.approx(expected.score, abs=1e-6)
        assert found["distance"] == pytest.approx(expected.distance, abs=1e-6)
        assert found["same"] is expected.same
    assert compare_at(server.url, tmp_path / "a", tmp_path / "b.png") == pytest.approx(expected, abs=1e-6)


def test_embeddings_too(server, model):
    names = list(FORMATS)
    values = [{"b64": base64.b64encode(encoded(name)).decode()} for name in names]
    found = server.predict({"signature_name": "embed", "instances": values}).json()["predictions"]
    from models.data.image_formats import normalise

    np.testing.assert_allclose(found, model.embed(normalise(encoded(name)).data for name in names), atol=1e-5)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\xff\xd8" + b"\xff\xd8" * 200_000, "over budget: more than 100000 JPEG segments"),
        (encoded("jpeg")[:-2] + b"\xff" * 5000 + b"\xff\xd9", "over budget: JPEG fill bytes"),
        (b"P1 300 300\n" + b"1 #\n" * 150_000, "over budget: more than 100000 PPM comments"),
        (b"P5 1 1000001 255\n", "too many pixels: 1x1000001 has a side of more than 1000000"),
        (encoded("avif")[:300], "damaged"),
    ],
)
def test_an_image_over_its_budget_is_a_400_and_the_next_one_is_answered(server, transformer, images, data, reason):
    for value, status in ((data, 400), (images[0], 200)):
        body = {"signature_name": "embed", "instances": [{"b64": base64.b64encode(value).decode()}]}
        through = server.client.post(f"{transformer}/v1/models/siamese:predict", json=body)
        for found in (server.predict(body), through):
            assert found.status_code == status, found.text
            assert status == 200 or reason in found.json()["error"]
