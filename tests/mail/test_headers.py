"""Header fields: read back by the standard library as what they were, and impossible to break out of."""

import email
import email.policy
import re
from email.header import decode_header, make_header
from email.utils import getaddresses

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from campaigns.mail import headers
from campaigns.mail.headers import HeaderInjection

TEXTS = st.one_of(
    st.text(max_size=300),
    st.text(alphabet="中文字日本語 👩‍👧שלוםабв", max_size=200),
    st.lists(st.text(alphabet="abc=?_ ", max_size=90), max_size=8).map(" ".join),
)
BREAKS = [chr(code) for code in (*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029)]


def read(block: str) -> email.message.EmailMessage:
    return email.message_from_bytes((block + "\r\n").encode(), policy=email.policy.default)  # type: ignore[return-value]


def assert_well_folded(field: str) -> None:
    assert field.endswith("\r\n")
    lines = field[:-2].split("\r\n")
    assert not any("\r" in line or "\n" in line for line in lines)
    assert all(line[0] in " \t" and line.strip() for line in lines[1:])
    assert all(len(line) <= 998 for line in lines)
    for word in re.findall(r"=\?[^?]+\?[bq]\?[^?]*\?=", field):
        assert len(word) <= 75


@example("\x1b 0")
@example("a \x00 b")
@given(TEXTS)
def test_a_subject_reads_back_as_its_visible_text(text: str) -> None:
    field = headers.unstructured("Subject", text)
    assert_well_folded(field)
    assert all(len(line) <= 78 for line in field.split("\r\n"))
    assert re.sub(" +", " ", str(read(field)["Subject"])) == headers.visible(text)


@given(TEXTS)
def test_each_encoded_word_holds_whole_characters(text: str) -> None:
    for word in re.findall(r"=\?utf-8\?[bq]\?[^?]*\?=", headers.encoded_words(text + "é", used=9)):
        [(raw, charset)] = decode_header(word)
        assert raw.decode(charset)


@given(TEXTS)
def test_a_mailbox_reads_back_as_name_and_address(name: str) -> None:
    field = headers.mailbox("To", name, "ana@example.org")
    assert_well_folded(field)
    [(phrase, address)] = getaddresses([field.removeprefix("To: ").replace("\r\n", "")])
    assert address == "ana@example.org"
    expected = headers._INVISIBLE.sub("", " ".join(name.split())).strip()
    assert re.sub(" +", " ", str(make_header(decode_header(phrase)))) == re.sub(" +", " ", expected)


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("Ana Silva", "To: Ana Silva <ana@example.org>\r\n"),
        ("", "To: ana@example.org\r\n"),
        ("a@evil.com", 'To: "a@evil.com" <ana@example.org>\r\n'),
        ('Ana "The Loft" Silva', 'To: "Ana \\"The Loft\\" Silva" <ana@example.org>\r\n'),
        ("Silva, Ana", 'To: "Silva, Ana" <ana@example.org>\r\n'),
        ("Ana\r\nBcc: all@example.org", 'To: "Ana Bcc: all@example.org" <ana@example.org>\r\n'),
        ("\u202eana\u2066", "To: ana <ana@example.org>\r\n"),
        ("=?utf-8?q?x?=", "To: =?utf-8?b?PT91dGYtOD9xP3g/PQ==?= <ana@example.org>\r\n"),
        ("Zoë", "To: =?utf-8?b?Wm/Dqw==?= <ana@example.org>\r\n"),
    ],
)
def test_a_display_name_is_quoted_as_it_must_be(name: str, field: str) -> None:
    assert headers.mailbox("To", name, "ana@example.org") == field


@pytest.mark.parametrize("character", BREAKS)
def test_no_control_character_gets_through(character: str) -> None:
    evil = f"a{character}Bcc: all@example.org"
    for field in (headers.unstructured("Subject", evil), headers.mailbox("To", evil, "ana@example.org")):
        assert len(read(field).keys()) == 1
        assert character not in field[:-2].replace("\r\n", "")
    for refused in (
        lambda: headers.constant("X-Campaign", evil),
        lambda: headers.mailbox("To", "", f"ana{character}@example.org"),
        lambda: headers.mailbox("To", "", f"ana@example.org{character}"),
        lambda: headers.uris("List-Unsubscribe", [f"https://example.org/{character}x"]),
        lambda: headers.list_id("News", f"news{character}.example.org"),
        lambda: headers.field_name(f"X{character}"),
    ):
        with pytest.raises(HeaderInjection):
            refused()


@pytest.mark.parametrize(
    "address", ["", "ana", "a b@example.org", "a@b@c", "<a@b.c>", "a@b.c, d@e.f", "group:;"]
)
def test_what_is_not_one_bare_address_is_refused(address: str) -> None:
    with pytest.raises(HeaderInjection):
        headers.mailbox("To", "Ana", address)


def test_an_international_domain_goes_out_in_ascii() -> None:
    assert headers.mailbox("To", "", "ana@bücher.example") == "To: ana@xn--bcher-kva.example\r\n"


def test_a_long_unsubscribe_uri_is_never_encoded_or_broken() -> None:
    uri = "https://news.example.org/u/" + "a" * 300
    field = headers.uris("List-Unsubscribe", [uri, "mailto:u@example.org?subject=x"])
    assert field == f"List-Unsubscribe: <{uri}>,\r\n <mailto:u@example.org?subject=x>\r\n"


def test_a_list_id_keeps_its_name_outside_the_brackets() -> None:
    assert (
        headers.list_id("Pigeon Post", "post.example.org") == 'List-Id: "Pigeon Post" <post.example.org>\r\n'
    )
    assert "<post.example.org>" in headers.list_id("鸽子邮报" * 20, "post.example.org").replace("\r\n ", "")
