"""Thumbnails of source images: whatever can be decoded is shown, and no file outside the folder is opened."""

import pytest
from PIL import Image, ImageFile

from components.run_outcome.summary import RunSummary
from components.run_record.files import RunFiles
from components.run_report.content import LISTED, Content, load_content
from components.run_report.page import render
from components.run_report.source_images import EACH, MOST, excluded_files, folder_of, near_duplicates, picture


@pytest.fixture
def folder(tmp_path):
    """A complete image, a truncated one, and files that are no images."""
    path = tmp_path / "data"
    path.mkdir()
    Image.effect_noise((300, 200), 80).save(path / "whole.jpg")
    (path / "cut.jpg").write_bytes((path / "whole.jpg").read_bytes()[:4000])
    (path / "notes.txt").write_text("no image")
    (path / "empty.png").write_bytes(b"")
    return path


def test_whatever_can_be_decoded_has_a_thumbnail(folder, tmp_path):
    before = ImageFile.LOAD_TRUNCATED_IMAGES
    assert picture(folder, "whole.jpg").startswith("data:image/")
    assert picture(folder, "cut.jpg").startswith("data:image/")
    for name in ("notes.txt", "empty.png", "nowhere.png", "a\0b", "../data2/x.png"):
        assert picture(folder, name) == ""
    assert picture(None, "whole.jpg") == ""
    outside = tmp_path / "data2"
    outside.mkdir()
    Image.new("L", (4, 4)).save(outside / "x.png")
    assert picture(folder, "../data2/x.png") == ""
    assert before == ImageFile.LOAD_TRUNCATED_IMAGES


def test_images_are_relative_to_their_manifest_or_folder(folder):
    (folder / "m.csv").write_text("path,identity\n")
    assert folder_of(str(folder)) == folder_of(str(folder / "m.csv")) == folder
    for elsewhere in (None, "gs://bucket/images", str(folder / "notes.txt"), "/nowhere/{SPAN}"):
        assert folder_of(elsewhere) is None


def test_each_reason_is_shown(folder):
    lines = [*((f"{n}.png", "unreadable") for n in range(100)), ("cut.jpg", "exact duplicate of whole.jpg")]
    found = excluded_files(lines, folder)
    assert len(found) == MOST
    assert [one.reason for one in found[:2]] == ["unreadable", "exact duplicate of whole.jpg"]
    assert (found[0].picture, bool(found[1].picture)) == ("", True)


def test_a_rare_reason_far_down_the_listing_is_shown(tmp_path):
    listing = tmp_path / "quarantine.csv"
    rows = [f"{n}.png,label conflict: also {n}b.png\n" for n in range(5000)]
    listing.write_text("path,reason\n" + "".join(rows) + "z.png,too small\n")
    failed = RunSummary(run_id="r", status="failed", exit_code=2, error="e", seed=0, config_digest="")
    content = load_content(RunFiles({}), failed, [], listing)
    assert (len(content.quarantine), content.quarantined) == (LISTED + 1, 5001)
    assert ("z.png", "too small") in [(one.name, one.reason) for one in excluded_files(content.quarantine, None)]


def test_the_closest_near_duplicates_come_first(folder, tmp_path):
    listing = tmp_path / "near.csv"
    head = "path_a,path_b,distance,identity_a,identity_b,split_a,split_b\n"
    rows = [f"whole.jpg,cut.jpg,{20 - n},p{n},q{n},train,train\n" for n in range(20)]
    listing.write_text(head + "".join(rows) + "whole.jpg,cut.jpg,0,p,p,train,train\n")
    found = near_duplicates(listing, folder)
    assert list(found) == ["Near-duplicates under two identities"]
    (shown,) = found.values()
    assert [pair.score for pair in shown] == [float(n) for n in range(1, EACH + 1)]
    assert near_duplicates(listing, None) == near_duplicates(None, folder) == {}


def test_the_page_shows_both_kinds(folder, tmp_path):
    listing = tmp_path / "near.csv"
    listing.write_text(
        "path_a,path_b,distance,identity_a,identity_b,split_a,split_b\nwhole.jpg,cut.jpg,1,p,p,train,test\n"
    )
    failed = RunSummary(run_id="r", status="failed", exit_code=2, error="e", seed=0, config_digest="")
    lines = [("cut.jpg", "truncated"), ("<b>.png", "unreadable")]
    page = render(Content(failed, quarantine=lines, quarantined=2, near_duplicates=listing, images=folder))
    assert "Near-duplicates in two splits" in page
    assert "&lt;b&gt;.png" in page
    assert page.count("no preview") == 1
