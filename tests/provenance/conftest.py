import io

import numpy as np
import pytest
from PIL import Image


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    """Certificates of the tests' own, and no settings from outside."""
    for name in ("PORTRAITIST_C2PA_CERT", "PORTRAITIST_C2PA_KEY", "PORTRAITIST_C2PA_TRUST", "PORTRAITIST_MARK_KEY"):
        monkeypatch.delenv(name, raising=False)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("PORTRAITIST_HOME", str(home))
    return home


def decoded(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def small(pixels: np.ndarray) -> np.ndarray:
    """At half size and JPEG 80."""
    height, width = pixels.shape[:2]
    half = Image.fromarray(pixels).resize((width // 2, height // 2), Image.Resampling.BILINEAR)
    file = io.BytesIO()
    half.save(file, "JPEG", quality=80)
    return decoded(file.getvalue())
