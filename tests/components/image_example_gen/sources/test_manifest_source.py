"""Manifests: the images that they list, and each error in one line with the remedy."""

import csv
import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.image_example_gen.sources.manifest import ManifestSource, read_rows
from components.image_example_gen.sources.source import Found, Listing, SetAside
from components.storage.folders import open_folder
from components.storage.text_files import one_text
from models.errors import UserError

HEADER = "path,identity,group,split,impostor_of\n"


def write(folder: Path, text: str, *images: str, name: str = "list.csv") -> ManifestSource:
    for image in images:
        (folder / image).parent.mkdir(parents=True, exist_ok=True)
        (folder / image).write_bytes(b"x" * 7)
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")
    return ManifestSource(open_folder(str(folder)), name)


def message_of(text: str, name: str = "list.csv", code: str = "data-manifest") -> str:
    with pytest.raises(UserError) as caught:
        read_rows(name, text.encode())
    assert caught.value.code == code
    return caught.value.message


def test_lists_the_images_that_exist_sorted_by_path(tmp_path):
    text = HEADER + '"b/ö 2.png",bob,g,test,\na.png,ann,g,,\n\nf/f 1.png,,,,ann\nf/f 2.png,carl,,val,ann\n'
    source = write(tmp_path, text, "b/ö 2.png", "a.png", "f/f 1.png", "f/f 2.png", "f/not listed.png")
    assert source.list() == Listing(
        [
            Found("a.png", "ann", "g", bytes=7),
            Found("b/ö 2.png", "bob", "g", "test", bytes=7),
            Found("f/f 1.png", "ann forged: f/f 1.png", "", "", "ann", bytes=7),
            Found("f/f 2.png", "ann forged by carl: f/f 2.png", "", "val", "ann", bytes=7),
        ],
        [],
    )
    with source.reader() as reader:
        assert reader.read(source.list().found[1], 100) == b"x" * 7


def test_json_lines_are_read_as_csv_is(tmp_path):
    lines = [{"path": "./a.png", "identity": 7}, {"identity": "bob", "path": "b.png", "group": None, "split": "val"}]
    text = "\ufeff" + "\n".join(json.dumps(line) for line in lines) + "\n"
    source = write(tmp_path, text, "a.png", "b.png", name="list.JSONL")
    found = source.list().found
    assert found == [Found("a.png", "7", "", bytes=7), Found("b.png", "bob", "", "val", bytes=7)]


def test_a_missing_image_is_set_aside(tmp_path):
    source = write(tmp_path, "identity,path\na,gone.png\na,here.png\n", "here.png")
    assert source.list().set_aside == [SetAside("gone.png", "missing: no such file", 0, "a")]
    nothing = write(tmp_path / "elsewhere", "identity,path\na,gone.png\n")
    with pytest.raises(UserError, match=r"line 2 would be .*/elsewhere/gone\.png") as caught:
        nothing.list()
    assert caught.value.code == "data-no-images"


def test_a_link_may_not_leave_the_folder(tmp_path):
    write(tmp_path / "elsewhere", "", "1.png")
    source = write(tmp_path / "data", "path,identity\nout.png,a\nin.png,a\nfolder/1.png,b\n", "real.png")
    (tmp_path / "data" / "out.png").symlink_to("../elsewhere/1.png")
    (tmp_path / "data" / "in.png").symlink_to("real.png")
    (tmp_path / "data" / "folder").symlink_to("../elsewhere")
    with pytest.raises(UserError) as caught:
        source.list()
    assert [line.strip() for line in str(caught.value).splitlines()[1:]] == [
        "line 4: 'folder/1.png' is a link that leaves the manifest's folder",
        "line 2: 'out.png' is a link that leaves the manifest's folder",
    ]


def test_nothing_that_is_not_listed_is_looked_at(tmp_path, monkeypatch):
    source = write(tmp_path, "path,identity\na/1.png,a\n.hidden/2.png,b\n", "a/1.png", ".hidden/2.png", "c/3.png")
    (tmp_path / "c" / "z:").symlink_to("/")
    (tmp_path / "a" / "z:").symlink_to("/")
    before = source.fingerprint()

    def refuse(path="."):
        raise PermissionError(13, "denied", path)

    monkeypatch.setattr("os.scandir", refuse)
    monkeypatch.setattr("os.listdir", refuse)
    assert [one.image_id for one in source.list().found] == [".hidden/2.png", "a/1.png"]
    assert source.fingerprint() == before
    missing = write(tmp_path, "path,identity\na/9.png,a\n")
    with pytest.raises(UserError, match=r"may not be read \(permission denied\)$") as caught:
        missing.list()
    assert caught.value.code == "data-unreadable"


@pytest.mark.parametrize(
    ("row", "key_fact"),
    [
        ("/etc/passwd,a,,,", "line 3: '/etc/passwd' is absolute; paths are relative to the manifest's folder"),
        ("gs://b/1.png,a,,,", "is absolute"),
        ("C:/1.png,a,,,", "is absolute"),
        ("a/../../1.png,a,,,", "'a/../../1.png' leaves the manifest's folder"),
        ("a\\1.png,a,,,", "write / between folders"),
        ("folder/,a,,,", "is a folder"),
        (".,a,,,", "is a folder"),
        (",a,,,", "path is empty"),
        ("1.png, ,,,", "identity is empty"),
        ("1.png,a,,tset,", "split 'tset' is unknown; did you mean test?"),
        ("1.png,a,,vall,", "did you mean val?"),
        ("1.png,a,,x,", "train, val or test"),
        ("1.png,a,,,a", "impostor_of is the row's own identity 'a'"),
        ("1.png,,,,okk", "impostor_of 'okk' is nobody; did you mean 'ok'?"),
        ("1.png,a,,,nobody at all", "must be the identity of another row"),
        ("ok.png,a,,,", "'ok.png' is already in line 2"),
        ("./x/../ok.png,a,,,", "leaves the manifest's folder"),
        (".//ok.png,a,,,", "'ok.png' is already in line 2"),
        ("1.png,ok,other,,", "'ok' is in the group 'other', but in line 2 in 'g'"),
        ("1.png,a", "2 fields, but 5 columns"),
        ("1.png,a,,,,,", "7 fields, but 5 columns"),
    ],
)
def test_an_error_is_named_with_its_line(row, key_fact):
    message = message_of(HEADER + "ok.png,ok,g,,\n" + row + "\n")
    assert key_fact in message
    assert message.startswith("list.csv line ")
    assert "\n" not in message


def test_a_null_character_is_named_with_its_line():
    with pytest.raises(UserError, match=r"^list\.csv line 2: ") as caught:
        read_rows("list.csv", f"{HEADER}1\0.png,a,,,\n".encode())
    assert caught.value.code in ("data-manifest", "data-not-csv")  # before Python 3.11 the csv library refuses it


@pytest.mark.parametrize("row", ['1.png,"a,,,', '1.png,"a"b,,,'])
def test_a_line_that_is_not_csv_is_named(row):
    assert message_of(HEADER + row + "\n", code="data-not-csv").startswith("list.csv line 2: ")


@pytest.mark.parametrize(
    ("header", "key_fact"),
    [
        ("path,idendity", "unknown column 'idendity'; did you mean identity?"),
        ("path,label", "unknown column 'label'; it must have the columns path,identity"),
        ("path,path,identity", "the column 'path' appears twice"),
        ("identity", "the column 'path' is missing"),
        ("path,group", "the column 'identity' is missing"),
        ("", "the column 'path' is missing"),
    ],
)
def test_a_wrong_header_is_named(header, key_fact):
    assert key_fact in message_of(header + "\n1.png,a\n")


@pytest.mark.parametrize("separator", [", ", ";", "\t", "|"])
def test_any_separator_is_read(tmp_path, separator):
    lines = [["path", "identity", "split"], ["a.png", "ann", "val"], ['"b, 2.png"', "bob", ""]]
    source = write(tmp_path, "\n".join(map(separator.join, lines)), "a.png", "b, 2.png")
    assert [(one.image_id, one.identity, one.given_split) for one in source.list().found] == [
        ("a.png", "ann", "val"),
        ("b, 2.png", "bob", ""),
    ]


@pytest.mark.parametrize(
    ("line", "key_fact"),
    [
        ("{", "line 2: not JSON"),
        ("[1]", "must be an object"),
        ('{"path": "1.png", "identity": ["a"]}', 'identity must be text, not ["a"]'),
        ('{"path": "1.png", "identity": true}', "identity must be text, not true"),
        ('{"path": "1.png", "identity": "a", "spilt": "val"}', "unknown key 'spilt'; did you mean split?"),
        ('{"path": "\\ud800.png", "identity": "a"}', "a character that no name can have"),
        ("[" * 100_000, "nested too deep"),
        ('{"path": "1.png", "path": "2.png", "identity": "a"}', "line 2: not JSON: a key appears twice"),
    ],
)
def test_an_error_in_json_lines_is_named(line, key_fact):
    assert key_fact in message_of('{"path": "ok.png", "identity": "ok"}\n' + line + "\n", "list.jsonl")


def test_many_errors_are_reported_together_and_counted():
    lines = message_of(HEADER + "".join(f"{n}.png,,,,\n" for n in range(1500))).splitlines()
    assert lines[0] == "list.csv: 1,500 errors"
    assert len(lines) == 12
    assert lines[1].strip().startswith("line 2: identity is empty")
    assert lines[-1].strip() == "and 1,490 more"


def test_not_utf8_is_named_with_its_line():
    with pytest.raises(UserError, match=r"list\.csv line 3: ") as caught:
        read_rows("list.csv", "path,identity\nok.png,a\nö.png,b\n".encode("latin-1"))
    assert caught.value.code == "data-not-utf8"


def test_an_empty_list():
    assert "path,identity" in message_of("path,identity\n", code="data-no-images")


def test_a_missing_manifest_is_the_users_error(tmp_path):
    with pytest.raises(UserError, match=r"none\.csv: ") as caught:
        ManifestSource(open_folder(str(tmp_path)), "none.csv").list()
    assert caught.value.code == "data-unreadable"


def test_the_fingerprint_knows_the_list_and_its_images_alone(tmp_path):
    source = write(tmp_path, "path,identity\na.png,a\n", "a.png", "b.png")
    first = source.fingerprint()
    (tmp_path / "b.png").write_bytes(b"other")
    assert source.fingerprint() == first
    (tmp_path / "a.png").write_bytes(b"longer than before")
    second = source.fingerprint()
    (tmp_path / "list.csv").write_text("path,identity\na.png,b\n")
    assert len({first, second, source.fingerprint()}) == 3


NAMES = st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\\/"), min_size=1).map(str.strip)
NAMES = NAMES.filter(lambda name: name and not name.startswith(".") and ":" not in name)


@given(st.dictionaries(NAMES, NAMES, min_size=1), st.randoms())
def test_what_is_written_is_read_in_any_order_and_either_form(identities, random):
    table = io.StringIO()
    rows = [{"path": f"x/{path}.png", "identity": identity} for path, identity in identities.items()]
    random.shuffle(rows)
    writer = csv.DictWriter(table, ["identity", "path"])
    writer.writeheader()
    writer.writerows(rows)
    lines = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    for name, text in (("list.csv", table.getvalue()), ("list.jsonl", lines)):
        assert {row.path: row.identity for row in read_rows(name, text.encode())} == {
            row["path"]: one_text(row["identity"]) for row in rows
        }
