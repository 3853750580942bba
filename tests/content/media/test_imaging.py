"""What becomes of an uploaded image, however hostile."""

from __future__ import annotations

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from campaigns.content.media import imaging, names
from campaigns.core.errors import Invalid
from tests.content.media import pictures


def opened(picture: imaging.Picture) -> Image.Image:
    return Image.open(io.BytesIO(picture.data))


def test_a_wide_photo_is_made_in_three_widths() -> None:
    made = imaging.make(pictures.photo(3000, 1500))
    assert [(each.width, each.height, each.type) for each in made] == [
        (2400, 1200, "jpg"),
        (1200, 600, "jpg"),
        (600, 300, "jpg"),
    ]
    assert all(opened(each).size == (each.width, each.height) for each in made)


@pytest.mark.parametrize(
    ("kind", "becomes"), [("PNG", "png"), ("WEBP", "jpg"), ("AVIF", "jpg"), ("GIF", "png")]
)
def test_each_kind_becomes_one_that_email_apps_show(kind: str, becomes: str) -> None:
    assert [each.type for each in imaging.make(pictures.photo(100, 50, kind))] == [becomes]


def test_transparency_is_kept() -> None:
    file = io.BytesIO()
    Image.new("RGBA", (50, 50), (255, 0, 0, 0)).save(file, "WEBP", lossless=True)
    [made] = imaging.make(file.getvalue())
    assert made.type == "png"
    assert opened(made).convert("RGBA").getpixel((5, 5))[3] == 0  # type: ignore[index]


@settings(max_examples=8)
@given(st.integers(1, 8), st.sampled_from(["JPEG", "PNG", "WEBP"]))
def test_exif_is_applied_and_then_gone(orientation: int, kind: str) -> None:
    source = pictures.with_exif(orientation, kind=kind)
    assert pictures.MARK.encode() in source
    [made] = imaging.make(source)
    image = opened(made)
    assert (image.width, image.height) == ((40, 80) if orientation >= 5 else (80, 40))
    assert not image.getexif()
    assert pictures.MARK.encode() not in made.data


def test_an_animation_stays_one() -> None:
    [made] = imaging.make(pictures.animation(12))
    image = opened(made)
    assert made.type == "gif"
    assert image.n_frames == 12  # type: ignore[attr-defined]
    assert image.info["duration"] == 50


def test_a_part_can_be_cut_out() -> None:
    [made] = imaging.make(pictures.photo(400, 200), crop=(300, 0, 100, 100))
    red, _green, blue = opened(made).getpixel((50, 50))  # type: ignore[misc]
    assert (made.width, made.height) == (100, 100)
    assert blue > 200 > red


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"", "unknown"),
        (b"MZ not an image at all", "unknown"),
        (b"<html><script>alert(1)</script>", "unknown"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "unknown"),
        (b'<?xml version="1.0"?><svg onload="alert(1)"/>', "svg"),
        (b"\xef\xbb\xbf<SVG/>", "svg"),
    ],
)
def test_what_is_no_image_is_refused(data: bytes, word: str) -> None:
    with pytest.raises(Invalid) as caught:
        imaging.make(data)
    assert caught.value.message == imaging.REFUSALS[word]
    assert caught.value.field == "file"


def test_a_pixel_bomb_is_refused_before_it_is_decoded() -> None:
    with pytest.raises(Invalid) as caught:
        imaging.make(pictures.bomb())
    assert caught.value.message == imaging.REFUSALS["pixels"]


def test_an_animation_of_thousands_of_frames_is_refused() -> None:
    with pytest.raises(Invalid) as caught:
        imaging.make(pictures.animation(400, 4))
    assert caught.value.message == imaging.REFUSALS["frames"]


def test_a_file_that_is_too_large_is_refused() -> None:
    with pytest.raises(Invalid, match="25 MB"):
        imaging.make(b"\0" * (imaging.LARGEST_BYTES + 1))


@settings(max_examples=10)
@given(st.sampled_from(["JPEG", "PNG", "WEBP", "GIF", "AVIF"]), st.floats(0.05, 0.9))
def test_a_truncated_image_is_refused_or_made_whole(kind: str, share: float) -> None:
    data = pictures.photo(300, 200, kind)
    try:
        made = imaging.make(data[: int(len(data) * share)])
    except Invalid as refused:
        assert refused.message in (imaging.REFUSALS["damaged"], imaging.REFUSALS["unknown"])
    else:
        opened(made[0]).load()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF"])
@pytest.mark.parametrize(
    "more", [b"<script>alert(1)</script>", b"PK\x03\x04 a zip", b"<?php system($_GET[0]);"]
)
def test_what_hangs_on_an_image_does_not_survive(kind: str, more: bytes) -> None:
    for made in imaging.make(pictures.photo(60, 30, kind) + more):
        assert more not in made.data


@given(st.text(max_size=300))
def test_any_file_name_gives_a_safe_name(filename: str) -> None:
    name = names.clean(filename)
    assert name
    assert len(name) <= names.LONGEST_NAME
    assert not set(name) & set("/\\\0\n\r")
    assert names.in_url(name).isascii()
    assert not set(names.in_url(name)) & set("/?#&<>\"'")


@given(st.text(alphabet="ab./\\ \0é", max_size=60))
def test_no_folder_climbs(path: str) -> None:
    parts = names.folder(path).split("/")
    assert len(parts) <= names.DEEPEST
    assert not {".", ".."} & set(parts)


def test_names_of_any_language_are_kept() -> None:
    assert names.clean("C:\\Bilder\\Grüße aus 北京.JPG") == "Grüße aus 北京"
    assert names.clean("../../etc/passwd.png") == "passwd"
    assert names.clean("\u202egnp.exe.png") == "gnp.exe"
