"""Signatures that a verifier which is not ours accepts, and that break when a byte is another (A01, A02)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import dkim as verifier
import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.mail import dkim, dkim_keys, dkim_records, headers, message, quoted_printable
from campaigns.mail.dkim_records import Algorithm

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
RSA = dkim.Key("example.com", "loft-rsa", dkim_keys.generate(Algorithm.RSA))
ED25519 = dkim.Key("example.com", "loft-ed", dkim_keys.generate(Algorithm.ED25519))
KEYS = {"RSA": (RSA,), "Ed25519": (ED25519,), "both": (RSA, ED25519)}
ZONE = {
    f"{key.selector}._domainkey.{key.domain}.".encode(): dkim_keys.record(key.private).encode()
    for key in (RSA, ED25519)
}
MAIL = message.frame(
    [headers.mailbox("From", "Die Pöst", "news@example.com"), headers.mailbox("To", "", "ada@example.org")],
    (),
    [
        headers.unstructured("Subject", "Grüße aus dem Taubenschlag"),
        "Date: Mon, 23 Nov 2026 09:30:00 +0000\r\n",
        "Message-ID: <a@example.com>\r\n",
        "Reply-To: answers@example.com\r\n",
        "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n",
        headers.uris("List-Unsubscribe", ["https://example.com/u/token"]),
        headers.list_id("Pigeons", "pigeons.example.com"),
        "Feedback-ID: 1:2:3:columba\r\n",
        "X-Mailer: Columba\r\n",
    ],
    boundary="=_boundary",
)


def signed(header: bytes, body: bytes, *keys: dkim.Key) -> bytes:
    return dkim.Signer(keys).at(NOW)(header, body) + header + b"\r\n" + body


def whole(*keys: dkim.Key) -> bytes:
    return MAIL.joined(
        "",
        quoted_printable.body("Grüße"),
        quoted_printable.body("<p>Grüße</p>"),
        sign=dkim.Signer(keys).at(NOW),
    )


def verified(raw: bytes) -> list[bool]:
    """What dkimpy says of each signature, in order."""
    mail = verifier.DKIM(raw)
    count = sum(name.lower() == b"dkim-signature" for name, _value in mail.headers)
    return [_one(raw, number) for number in range(count)]


def _one(raw: bytes, number: int) -> bool:
    try:
        return verifier.DKIM(raw).verify(idx=number, dnsfunc=lambda name, timeout=5: ZONE.get(name))
    except verifier.DKIMException:
        return False


def tags(raw: bytes) -> list[dict[str, str]]:
    fields = re.findall(rb"DKIM-Signature:((?:[^\r]|\r\n[ ])*)\r\n", raw)
    return [dkim_records.tags(re.sub(r"\s", "", field.decode())) for field in fields]


@pytest.mark.parametrize("name", KEYS)
def test_A01_a_mail_verifies_elsewhere(name: str) -> None:
    assert verified(whole(*KEYS[name])) == [True] * len(KEYS[name])


def test_A02_both_keys_make_two_fields_over_the_same_hash() -> None:
    first, second = tags(whole(RSA, ED25519))
    assert (first["a"], second["a"]) == ("rsa-sha256", "ed25519-sha256")
    assert (first["s"], second["s"]) == ("loft-rsa", "loft-ed")
    assert first["bh"] == second["bh"]


def test_A01_what_a_reader_sees_or_a_program_acts_on_is_signed_and_nothing_is_left_open() -> None:
    (said,) = tags(whole(RSA))
    names = said["h"].split(":")
    wanted = (
        "from to cc subject date message-id reply-to mime-version content-type list-id list-unsubscribe "
        "list-unsubscribe-post feedback-id"
    )
    assert set(wanted.split()) <= set(names)
    assert names.count("from") == 2
    assert (said["c"], said["d"], said["i"], said["t"]) == (
        "relaxed/relaxed",
        "example.com",
        "@example.com",
        str(int(NOW.timestamp())),
    )
    assert "l" not in said


@pytest.mark.parametrize(
    "name",
    [
        "From",
        "To",
        "Subject",
        "Date",
        "Message-ID",
        "Reply-To",
        "List-Unsubscribe",
        "List-Unsubscribe-Post",
        "List-Id",
        "Feedback-ID",
        "MIME-Version",
        "Content-Type",
    ],
)
def test_A01_a_signed_field_can_be_neither_changed_nor_removed_nor_doubled(name: str) -> None:
    raw = whole(RSA, ED25519)
    field = re.search(rb"\r\n(%s: (?:[^\r]|\r\n )*)(?=\r\n)" % name.encode(), raw, re.I)
    assert field is not None
    before, text, after = raw[: field.start(1)], field[1], raw[field.end(1) + 2 :]
    assert verified(before + text + b"\r\n" + after) == [True, True]
    assert verified(before + text + b"x\r\n" + after) == [False, False]
    assert verified(before + after) == [False, False]
    assert verified(before + text + b"\r\n" + text + b"\r\n" + after) == [False, False]
    assert verified(text + b"\r\n" + raw) == [False, False]


@pytest.mark.parametrize("name", ["Cc", "From", "Subject"])
def test_A01_nobody_adds_a_field_that_the_mail_never_had(name: str) -> None:
    assert verified(name.encode() + b": mallory@example.net\r\n" + whole(RSA)) == [False]


def test_a_relay_may_stamp_its_own_fields() -> None:
    assert verified(b"Received: by relay.example\r\nX-Relay: yes\r\n" + whole(RSA, ED25519)) == [True, True]


def test_a_relay_may_fold_anew_and_trim_the_ends_of_lines() -> None:
    raw = whole(RSA, ED25519)
    other = raw.replace(b"Mon, 23 Nov", b"Mon,\r\n\t23  Nov").replace(b"Fe</p>=\r\n", b"Fe</p>= \t\r\n")
    assert len(other) == len(raw) + 5
    assert verified(other) == [True, True]


def test_a_changed_byte_of_the_body_breaks_it() -> None:
    raw = whole(RSA, ED25519)
    assert verified(raw.replace(b"<p>", b"<b>")) == [False, False]
    assert verified(raw + b"more\r\n") == [False, False]


def test_the_same_mail_at_the_same_moment_is_the_same_bytes() -> None:
    signer = dkim.Signer([RSA, ED25519])
    header, body = b"From: a@example.com\r\nSubject: one\r\n", b"Hello\r\n"
    first = signer.at(NOW)(header, body)
    other = signer.at(NOW)(header.replace(b"one", b"two"), body)
    assert signer.at(NOW)(header, body) == first != other


@pytest.mark.parametrize("in_eights", [True, False])
@pytest.mark.parametrize("keys", KEYS)
def test_many_at_once_are_signed_as_each_by_itself(keys: str, in_eights: bool) -> None:
    signer = dkim.Signer(KEYS[keys], in_eights=in_eights)
    texts = [quoted_printable.body(f"Grüße {number}") for number in range(11)]
    moments = [NOW + timedelta(seconds=number) for number in range(11)]
    plain = [MAIL.joined("", text, text) for text in texts]
    made = signer.signed(plain, moments)
    alone = dkim.Signer(KEYS[keys], in_eights=False)
    pairs = zip(texts, moments, strict=True)
    assert made == [MAIL.joined("", text, text, sign=alone.at(moment)) for text, moment in pairs]
    for raw in made:
        assert all(verified(raw))
    assert signer.signed([], []) == []


def test_a_signature_keeps_its_lines_short() -> None:
    block = whole(RSA, ED25519).partition(b"From:")[0]
    assert max(map(len, block.split(b"\r\n"))) <= 100


words = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=120)
space = st.sampled_from([b" ", b"  ", b"\t", b" \t ", b"\r\n ", b" \r\n\t"])
ink = st.binary(min_size=1, max_size=30).map(
    lambda raw: bytes(33 + byte % 94 for byte in raw)  # printable ASCII
)
folded = st.lists(st.tuples(ink, space), min_size=1, max_size=8).map(
    lambda parts: b"".join(word + gap for word, gap in parts).rstrip()
)
line = st.lists(st.one_of(ink, st.sampled_from([b" ", b"\t", b"   "])), max_size=5).map(b"".join)
bodies = st.lists(line, max_size=12).map(lambda lines: b"".join(each + b"\r\n" for each in lines))


@given(
    subject=words,
    name=words,
    extra=st.lists(
        st.tuples(st.sampled_from([b"Reply-To", b"List-Id", b"Cc", b"X-Other"]), folded), max_size=5
    ),
    body=st.one_of(
        bodies, st.just(b""), st.just(b"\r\n"), st.just(b"\r\n\r\n\r\n"), bodies.map(lambda b: b + b"end")
    ),
)
def test_A01_A02_any_header_and_body_verify_elsewhere(subject, name, extra, body) -> None:
    fields = headers.mailbox("From", name, "news@example.com") + headers.unstructured("Subject", subject)
    header = fields.encode() + b"".join(key + b": " + value + b"\r\n" for key, value in extra)
    assert verified(signed(header, body, RSA, ED25519)) == [True, True]


@given(body=bodies, place=st.integers(0, 10_000), ink=st.integers(33, 126))
def test_A01_any_changed_octet_that_is_ink_breaks_it(body, place, ink) -> None:
    body += b"the end\r\n"
    inked = [number for number, octet in enumerate(body) if octet not in b" \t\r\n" and octet != ink]
    if not inked:
        return
    at = inked[place % len(inked)]
    changed = body[:at] + bytes([ink]) + body[at + 1 :]
    raw = signed(b"From: a@example.com\r\n", body, ED25519)
    assert verified(raw[: len(raw) - len(body)] + changed) == [False]


@pytest.mark.parametrize("key", [RSA, ED25519])
def test_A03_a_record_is_of_short_strings_and_publishes_its_key_only(key) -> None:
    record = dkim_keys.record(key.private)
    parts = dkim_records.strings(record)
    assert "".join(parts) == record
    assert max(map(len, parts)) <= 255
    assert dkim_keys.publishes(record, key.private)
    assert not dkim_keys.publishes(record, dkim_keys.generate(dkim_keys.algorithm_of(key.private)))


@pytest.mark.parametrize(
    ("change", "is_right"),
    [
        (lambda text: text.replace("v=DKIM1; ", ""), True),
        (lambda text: text.replace("; ", ";"), True),
        (lambda text: text + "; t=s; n=ours", True),
        (lambda text: text.replace("p=MI", "p=M I"), True),
        (lambda text: text.replace("k=rsa; ", ""), True),
        (lambda text: text.replace("k=rsa", "k=ed25519"), False),
        (lambda text: text.replace("DKIM1", "DKIM2"), False),
        (lambda text: text + "; h=sha1", False),
        (lambda text: text + "; s=tlsrpt", False),
        (lambda text: text[:-8], False),
        (lambda text: re.sub("p=.*", "p=", text), False),
        (lambda text: "nonsense", False),
    ],
)
def test_A03_a_published_record_is_compared_as_a_verifier_reads_it(change, is_right: bool) -> None:
    assert dkim_keys.publishes(change(dkim_keys.record(RSA.private)), RSA.private) is is_right


def test_a_key_is_kept_as_text() -> None:
    for key in (RSA, ED25519):
        again = dkim_keys.from_text(dkim_keys.to_text(key.private))
        assert dkim_keys.public_text(again) == dkim_keys.public_text(key.private)
    with pytest.raises(ValueError, match="PEM"):
        dkim_keys.from_text("nonsense")
