from __future__ import annotations

from pathlib import Path

import pytest

from devstack.speech.server import SpeechSettings
from voices import models

pytestmark = pytest.mark.unit


def test_a_model_that_is_named_but_missing_is_an_error_that_names_the_variable(tmp_path: Path) -> None:
    settings = SpeechSettings(speech_models_dir=str(tmp_path), whisper_model_dir=str(tmp_path / "nothing"))
    with pytest.raises(models.ModelError, match="WHISPER_MODEL_DIR"):
        models.locate(settings)


def test_a_damaged_part_leaves_no_model_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    damaged = models.JoinedFile(models.KOKORO.name, models.KOKORO.parts[:1], models.KOKORO.size, models.KOKORO.sha256)
    monkeypatch.setattr(models, "KOKORO", damaged)
    with pytest.raises(models.ModelError, match="damaged"):
        models.locate(SpeechSettings(speech_models_dir=str(tmp_path), whisper_model_dir=str(tmp_path)))
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_directory_that_cannot_be_written_is_an_error_that_names_the_setting(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(models.ModelError, match="SPEECH_MODELS_DIR"):
        models.locate(SpeechSettings(speech_models_dir=str(file)))


def test_a_model_that_was_joined_is_not_joined_again(tmp_path: Path) -> None:
    settings = SpeechSettings(speech_models_dir=str(tmp_path), whisper_model_dir=str(tmp_path))
    first = models.locate(settings).kokoro_model.stat().st_mtime_ns
    assert models.locate(settings).kokoro_model.stat().st_mtime_ns == first
