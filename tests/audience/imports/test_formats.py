"""Workbooks and compressed files are read like the CSV file that is in them, within limits."""

from __future__ import annotations

import gzip
import io
import zipfile

import pytest
from flask import Flask

from campaigns.audience import queries
from campaigns.audience.imports import setup
from campaigns.audience.imports.files import unpacking, uploads
from campaigns.core.errors import Invalid
from tests.audience.imports.files import imported
from tests.factories import make_list

CSV = "Email,Name,Points,Since\nzoë@example.org,Zoë <b>,5,2026-11-23\nbob@example.org,,2.5,\n"
PEOPLE = {
    "zoë@example.org": {"name": "Zoë <b>", "points": "5", "since": "2026-11-23"},
    "bob@example.org": {"points": "2.5"},
}
ROWS = [
    ["Email", "Name", "Points", "Since"],
    ["zoë@example.org", "Zoë <b>", 5, "2026-11-23"],
    ["bob@example.org", "", 2.5, ""],
]


def escaped(value: object) -> str:
    return str(value).replace("&", "&amp;").replace("<", "&lt;")


def zipped(files: dict[str, str | bytes], *, compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as opened:
        for name, content in files.items():
            opened.writestr(name, content)
    return buffer.getvalue()


def xlsx(rows: list[list[object]]) -> bytes:
    """A workbook with one sheet; the last column of dates as numbers with a format, as Excel keeps them."""

    def cell(value: object) -> str:
        if value == "2026-11-23":
            return '<c s="1"><v>46349</v></c>'
        if isinstance(value, int | float):
            return f"<c><v>{value}</v></c>"
        return f'<c t="inlineStr"><is><t>{escaped(value)}</t></is></c>'

    body = "".join(f"<row>{''.join(map(cell, row))}</row>" for row in rows)
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    return zipped(
        {
            "[Content_Types].xml": f'<Types xmlns="{package}/content-types">'
            '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            f'<Override PartName="/xl/workbook.xml" ContentType="{kind}.sheet.main+xml"/>'
            f'<Override PartName="/xl/styles.xml" ContentType="{kind}.styles+xml"/>'
            f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{kind}.worksheet+xml"/></Types>',
            "_rels/.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="rId1"'
            f' Type="{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
            "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets>'
            '<sheet name="People" sheetId="1" r:id="rId1"/></sheets></workbook>',
            "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="rId1"'
            f' Type="{office}/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="rId2"'
            f' Type="{office}/styles" Target="styles.xml"/></Relationships>',
            "xl/styles.xml": f'<styleSheet xmlns="{main}"><cellXfs count="2"><xf numFmtId="0"/>'
            '<xf numFmtId="14" applyNumberFormat="1"/></cellXfs></styleSheet>',
            "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{main}"><sheetData>{body}</sheetData></worksheet>',
        }
    )


def ods(rows: list[list[object]]) -> bytes:
    def cell(value: object) -> str:
        if value == "2026-11-23":
            return '<table:table-cell office:value-type="date" office:date-value="2026-11-23"/>'
        if isinstance(value, int | float):
            return f'<table:table-cell office:value-type="float" office:value="{value}"/>'
        return f'<table:table-cell office:value-type="string"><text:p>{escaped(value)}</text:p></table:table-cell>'

    body = "".join(f"<table:table-row>{''.join(map(cell, row))}</table:table-row>" for row in rows)
    names = "".join(
        f' xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
        for name in ("office", "table", "text")
    )
    return zipped(
        {
            "mimetype": "application/vnd.oasis.opendocument.spreadsheet",
            "META-INF/manifest.xml": '<m:manifest xmlns:m="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>',
            "content.xml": f"<office:document-content{names}><office:body><office:spreadsheet>"
            f'<table:table table:name="People">{body}</table:table>'
            "</office:spreadsheet></office:body></office:document-content>",
        }
    )


FILES = {
    "people.csv": CSV.encode(),
    "people.tsv": CSV.replace(",", "\t").encode(),
    "people.csv.gz": gzip.compress(CSV.encode()),
    "people.zip": zipped(
        {"folder/people.csv": CSV, "__MACOSX/folder/._people.csv": "x", "folder/.DS_Store": "x"}
    ),
    "people.xlsx": xlsx(ROWS),
    "people.ods": ods(ROWS),
    "workbook.zip": zipped({"people.xlsx": xlsx(ROWS)}),
    "people.xlsx.gz": gzip.compress(CSV.encode("utf-16")),
}


@pytest.mark.parametrize("name", FILES)
def test_each_format_brings_the_same_people(app: Flask, name: str) -> None:
    done = imported(FILES[name], make_list(), file_name=name)
    assert (done.new, done.refused) == (2, 0)
    found = {person.email: person.fields for person in (queries.person(1), queries.person(2))}
    assert found == PEOPLE
    assert list(uploads.folder().iterdir()) == []


def refusal(app: Flask, content: bytes) -> str:
    with app.test_request_context(), pytest.raises(Invalid) as refused:
        setup.keep(io.BytesIO(content))
    assert list(uploads.folder().iterdir()) == [], "nothing is left behind"
    with app.test_request_context():
        return str(refused.value)


DAMAGED_WORKBOOK = xlsx(ROWS).replace(b"sheet1", b"sheet2")
BAD = {
    "a zip bomb": (
        zipped({"people.csv": b"a" * (30 << 20)}),
        "The file becomes too large when it is unpacked. Split it.",
    ),
    "a gzip bomb": (
        gzip.compress(b"a" * (30 << 20)),
        "The file becomes too large when it is unpacked. Split it.",
    ),
    "a workbook that is a bomb": (
        zipped({"[Content_Types].xml": "x", "xl/worksheets/sheet1.xml": b" " * (30 << 20)}),
        "The file becomes too large when it is unpacked. Split it.",
    ),
    "two files": (
        zipped({"one.csv": CSV, "two.csv": CSV}),
        "The zip file has 2 files in it. Put one in it.",
    ),
    "no file": (zipped({"folder/": ""}), "The zip file has 0 files in it. Put one in it."),
    "a zip file that ends early": (
        zipped({"people.csv": CSV * 1000})[:400],
        "The compressed file is damaged. Compress it again.",
    ),
    "a gzip file that ends early": (
        gzip.compress(bytes(range(256)) * 100)[:200],
        "The compressed file is damaged. Compress it again.",
    ),
    "an archive in an archive": (
        zipped({"people.zip": zipped({"people.csv": CSV})}),
        "This is an archive in an archive. Unpack it and upload the file in it.",
    ),
    "a document": (
        zipped({"[Content_Types].xml": "<Types/>", "word/document.xml": "<w/>"}),
        "The workbook is damaged or can't be read. Save it again, or as CSV.",
    ),
    "an old document": (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2000),
        "The workbook is damaged or can't be read. Save it again, or as CSV.",
    ),
    "a wide workbook": (
        xlsx([["Email", *(str(number) for number in range(10_000))]]),
        "The workbook has more than 1,000 columns. Remove the empty ones.",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_what_can_not_be_unpacked_is_refused_in_a_sentence(app: Flask, name: str) -> None:
    content, sentence = BAD[name]
    assert refusal(app, content) == sentence


def test_the_limit_holds_for_what_comes_out_not_for_what_the_file_says(app: Flask, monkeypatch) -> None:
    monkeypatch.setattr(unpacking, "LARGEST_UNPACKED", 1000)
    lying = bytearray(zipped({"people.csv": b"email\n" * 1000}))
    at = lying.index(b"PK\x01\x02") + 24  # the size in the directory
    lying[at : at + 4] = (10).to_bytes(4, "little")
    assert refusal(app, bytes(lying)) in (
        "The file becomes too large when it is unpacked. Split it.",
        "The compressed file is damaged. Compress it again.",
    )
