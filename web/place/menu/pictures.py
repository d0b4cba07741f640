"""Photos from uploads: decoded to be sure what they are, and made anew, so that nothing but pixels is kept."""

from __future__ import annotations

import hashlib
import io
import warnings
from typing import Literal

from PIL import Image, ImageOps, UnidentifiedImageError

from stores.menu_photos import Photo

MAX_BYTES = 6 * 1024 * 1024
MAX_PIXELS = 16_000_000  # decoded they are 64 MB, and a process has not much more
MAX_JPEG_PIXELS = 60_000_000  # of which no more is decoded than we need; telephones take 12 to 50 million
SMALL, LARGE = 112, 960  # pixels: a square in the list at twice its size; the longer side on the item's page
_FORMATS = ("JPEG", "PNG", "WEBP")

Reason = Literal["empty", "too_large", "no_picture", "too_many_pixels"]


class PictureError(ValueError):
    """An upload that is no photo for us; ``reason`` says why."""

    def __init__(self, reason: Reason) -> None:
        self.reason = reason
        super().__init__(reason)


def photo_of(content: bytes) -> Photo:
    """Both sizes as WebP, upright, without any metadata. Raises PictureError."""
    if not content:
        raise PictureError("empty")
    if len(content) > MAX_BYTES:
        raise PictureError("too_large")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content), formats=_FORMATS) as picture:
                if picture.width * picture.height > (MAX_JPEG_PIXELS if picture.format == "JPEG" else MAX_PIXELS):
                    raise PictureError("too_many_pixels")
                picture.draft("RGB", (2 * LARGE, 2 * LARGE))  # a JPEG is decoded no larger than it is needed
                upright = _on_white(ImageOps.exif_transpose(picture))
    except PictureError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise PictureError("too_many_pixels") from error
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, EOFError) as error:
        raise PictureError("no_picture") from error
    small = _webp(ImageOps.fit(upright, (SMALL, SMALL)), 60)
    upright.thumbnail((LARGE, LARGE))
    large = _webp(upright, 78)
    return Photo(hashlib.sha256(large).hexdigest()[:32], small, large)


def _on_white(picture: Image.Image) -> Image.Image:
    """Without what shows through: a list of dishes is read on paper of any colour."""
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    seen = picture.convert("RGBA")
    paper = Image.new("RGB", seen.size, "white")
    paper.paste(seen, mask=seen.getchannel("A"))
    return paper


def _webp(picture: Image.Image, quality: int) -> bytes:
    file = io.BytesIO()
    Image.frombytes("RGB", picture.size, picture.tobytes()).save(file, "WEBP", quality=quality)
    return file.getvalue()
