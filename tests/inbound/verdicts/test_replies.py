"""Replies of servers, one by one: the reason, and that none is hard by mistake."""

from __future__ import annotations

from pathlib import Path

from campaigns.inbound.verdicts.reasons import HARD, recipient

_PHASES = {
    " [RCPT]": " (in reply to RCPT TO command)",
    " [MAIL]": " (in reply to MAIL FROM command)",
    " [END]": " (in reply to end of DATA command)",
}
_HARD = {detail.value for detail in HARD}


def _replies() -> list[tuple[set[str], str]]:
    found = []
    for line in (Path(__file__).parent / "replies.txt").read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            details, _space, text = line.partition(" ")
            for mark, words in _PHASES.items():
                text = text.replace(mark, words)
            found.append((set(details.split("|")), text))
    return found


def test_a_reply_is_understood() -> None:
    wrong = [
        (text, detail.value)
        for details, text in _replies()
        if (detail := recipient("a@b.example", [text], []).detail) not in details
    ]
    assert wrong == []


def test_no_reply_is_hard_that_says_nothing_of_the_address() -> None:
    """Also where it is told of a domain that looks like a reason, or under a code of an unknown user."""
    wrong = [
        text
        for details, text in _replies()
        if not details & _HARD
        for told in (
            text,
            f"host mx.unknown.example[192.0.2.9] said: {text}",
            f"<unknown-user@b.example>: {text}",
        )
        if recipient("a@b.example", [told], []).hard
    ]
    assert wrong == []


def test_a_temporary_reply_is_never_hard() -> None:
    for _details, text in _replies():
        assert not recipient(
            "a@b.example", [text.replace("55", "45", 1).replace(" 5.", " 4.")], [], is_delay=True
        ).hard
    assert not recipient("a@b.example", ["450 4.1.1 user unknown"], []).hard
    assert recipient("a@b.example", ["550 5.1.1 user unknown"], []).hard


def test_an_unknown_host_before_the_recipient_was_named_is_the_senders() -> None:
    found = recipient(
        "a@b.example", ["550 <x@y.example>: Domain not found (in reply to MAIL FROM command)"], []
    )
    assert (found.detail.value, found.hard) == ("rejected", False)


def test_carriers_that_say_unknown_after_data_mean_a_filter() -> None:
    text = "550 Unknown user a@docomo.ne.jp (in reply to {} command)"
    assert recipient("a@docomo.ne.jp", [text.format("end of DATA")], []).detail == "filtered"
    assert recipient("a@docomo.ne.jp", [text.format("RCPT TO")], []).detail == "userunknown"
