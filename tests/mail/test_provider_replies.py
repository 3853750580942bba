"""What the big providers really say, word for word, and what we make of it."""

from __future__ import annotations

import pytest

from campaigns.mail.protocol import Phase, Reply, ReplyReader
from campaigns.mail.replies import TABLE, Klass, classify

RCPT, END, MAIL = Phase.RCPT, Phase.END, Phase.MAIL

REPLIES = [
    # Amazon SES
    (END, "454 Throttling failure: Maximum sending rate exceeded.", Klass.THROTTLE),
    (MAIL, "454 Throttling failure: Maximum sending rate exceeded.", Klass.THROTTLE),
    (END, "454 Throttling failure: Daily message quota exceeded.", Klass.QUOTA),
    (END, "554 Message rejected: Email address is not verified.", Klass.ACCOUNT),
    (END, "554 Message rejected: Your account is suspended from sending", Klass.ACCOUNT),
    # Gmail
    (
        RCPT,
        "550-5.1.1 The email account that you tried to reach does not exist. Please try\n"
        "550-5.1.1 double-checking the recipient's email address for typos or\n"
        "550 5.1.1 unnecessary spaces. https://support.google.com/mail/?p=NoSuchUser a1-2 - gsmtp",
        Klass.BAD_ADDRESS,
    ),
    (RCPT, "550 5.2.1 The email account that you tried to reach is inactive. - gsmtp", Klass.DISABLED),
    (RCPT, "550 5.2.1 The email account that you tried to reach is disabled. - gsmtp", Klass.DISABLED),
    (RCPT, "452 4.2.2 The recipient's inbox is out of storage space. - gsmtp", Klass.TEMPORARY),
    (
        RCPT,
        "552 5.2.2 The recipient's inbox is out of storage space and inactive. - gsmtp",
        Klass.MAILBOX_FULL,
    ),
    (
        RCPT,
        "450 4.2.1 The user you are trying to contact is receiving mail too quickly. Please resend later.",
        Klass.TEMPORARY,
    ),
    (
        RCPT,
        "450 4.2.1 The user you are trying to contact is receiving mail at a rate that prevents"
        " additional messages from being delivered.",
        Klass.TEMPORARY,
    ),
    (
        END,
        "421-4.7.28 Gmail has detected an unusual rate of unsolicited mail originating\n"
        "421 4.7.28 from your DKIM domain [example.com 36]. To protect our users. - gsmtp",
        Klass.RECEIVER,
    ),
    (END, "421 4.7.0 Try again later, closing connection. - gsmtp", Klass.SERVER),
    (END, "550 5.4.5 Daily user sending limit exceeded. - gsmtp", Klass.QUOTA),
    (MAIL, "530 5.5.1 Authentication Required. - gsmtp", Klass.ACCOUNT),
    (Phase.AUTH, "535 5.7.8 Username and Password not accepted. - gsmtp", Klass.ACCOUNT),
    (
        END,
        "550-5.7.26 This mail has been blocked because the sender is unauthenticated.\n"
        "550 5.7.26 Gmail requires all senders to authenticate with either SPF or DKIM. - gsmtp",
        Klass.POLICY,
    ),
    (
        END,
        "550-5.7.1 [192.0.2.1] Our system has detected that this message is likely\n"
        "550 5.7.1 unsolicited mail. To reduce the amount of spam sent to Gmail, - gsmtp",
        Klass.POLICY,
    ),
    (END, "550 5.7.25 The IP address sending this message does not have a PTR record setup", Klass.POLICY),
    (END, "552 5.2.3 Your message exceeded Google's message size limits.", Klass.POLICY),
    # Yahoo, AOL
    (
        END,
        "421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred due to unexpected volume or"
        " user complaints - 4.16.55.1; see https://postmaster.yahooinc.com/error-codes",
        Klass.RECEIVER,
    ),
    (RCPT, "451 4.7.1 [TS03] All messages from 192.0.2.1 will be permanently deferred", Klass.RECEIVER),
    (
        RCPT,
        "554 delivery error: dd This user doesn't have a yahoo.com account (a@yahoo.com) [0]",
        Klass.BAD_ADDRESS,
    ),
    (RCPT, "552 1 Requested mail action aborted, mailbox not found", Klass.BAD_ADDRESS),
    (END, "554 Message not allowed - [PH01] Email not accepted for policy reasons.", Klass.POLICY),
    (END, "553 5.7.1 [BL21] Connections will not be accepted from 192.0.2.1", Klass.POLICY),
    # Microsoft: Outlook.com and 365
    (
        RCPT,
        "550 5.5.0 Requested action not taken: mailbox unavailable (S2017062302).",
        Klass.BAD_ADDRESS,
    ),
    (RCPT, "451 4.7.500 Server busy. Please try again later from [192.0.2.1]. (AS77712345)", Klass.RECEIVER),
    (
        RCPT,
        "451 4.7.650 The mail server [192.0.2.1] has been temporarily rate limited (S775)",
        Klass.RECEIVER,
    ),
    (RCPT, "421 RP-001 The mail server IP has exceeded the rate limit allowed.", Klass.RECEIVER),
    (
        RCPT,
        "550 5.7.1 Unfortunately, messages from [192.0.2.1] weren't sent. part of their network is on our"
        " block list (S3140).",
        Klass.POLICY,
    ),
    (
        END,
        "550 5.7.515 Access denied, sending domain example.com does not meet the required authentication"
        " level.",
        Klass.POLICY,
    ),
    (MAIL, "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled", Klass.ACCOUNT),
    (
        END,
        "554 5.2.0 STOREDRV.Submission.Exception:SendAsDeniedException.MapiExceptionSendAsDenied",
        Klass.ACCOUNT,
    ),
    (END, "554 5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException", Klass.QUOTA),
    (MAIL, "550 5.7.57 Client was not authenticated to send anonymous mail during MAIL FROM", Klass.ACCOUNT),
    (END, "550 5.7.708 Service unavailable. Access denied, traffic not accepted from this IP.", Klass.POLICY),
    (MAIL, "432 4.3.2 Concurrent connections limit exceeded.", Klass.THROTTLE),
    # Apple
    (RCPT, "550 5.1.1 <a@icloud.com>: user does not exist", Klass.BAD_ADDRESS),
    (RCPT, "552 5.2.2 <a@icloud.com>: user is over quota", Klass.MAILBOX_FULL),
    (END, "550 5.7.1 [CS01] Message rejected due to local policy.", Klass.POLICY),
    (END, "451 4.7.1 [HM07] Message temporarily deferred", Klass.RECEIVER),
    # GMX, T-Online, Orange, Free, Comcast
    (RCPT, "550 Requested action not taken: mailbox unavailable", Klass.BAD_ADDRESS),
    (RCPT, "450 4.7.1 <a@orange.fr>: OFR_104 Too many connections, slow down", Klass.RECEIVER),
    (END, "421 4.2.0 [IRL02] Try again later, 192.0.2.1 is rate limited by Comcast", Klass.RECEIVER),
    # Postfix, Exim, qmail and the like
    (
        RCPT,
        "450 4.2.0 <a@x>: Recipient address rejected: Greylisted, see https://postgrey.example",
        Klass.GREYLIST,
    ),
    (RCPT, "451 Temporarily greylisted. Please try again in 300 seconds.", Klass.GREYLIST),
    (RCPT, "450 4.1.1 <a@x>: Recipient address rejected: unverified address", Klass.TEMPORARY),
    (RCPT, "451 4.3.0 <a@x>: Temporary lookup failure", Klass.TEMPORARY),
    (RCPT, "452 4.3.1 Insufficient system storage", Klass.TEMPORARY),
    (RCPT, "452 4.5.3 Too many recipients", Klass.THROTTLE),
    (RCPT, "525 5.7.13 <a@x>: Account disabled", Klass.DISABLED),
    (RCPT, "550 5.4.4 Unable to route: no mail hosts for domain", Klass.BAD_DOMAIN),
    (RCPT, "553 5.1.2 We weren't able to find the recipient domain.", Klass.BAD_DOMAIN),
]


def read(text: str) -> Reply:
    return next(ReplyReader().feed(text.replace("\n", "\r\n").encode() + b"\r\n"))


@pytest.mark.parametrize(("phase", "text", "klass"), REPLIES, ids=[text[:44] for _, text, _ in REPLIES])
def test_a_provider_is_understood(phase: Phase, text: str, klass: Klass) -> None:
    assert classify(phase, read(text)).klass is klass


@pytest.mark.parametrize(("phase", "text", "klass"), REPLIES, ids=[text[:44] for _, text, _ in REPLIES])
def test_only_an_address_that_does_not_exist_is_suppressed_at_once(
    phase: Phase, text: str, klass: Klass
) -> None:
    assert classify(phase, read(text)).is_hard == (klass is Klass.BAD_ADDRESS)


def test_every_class_that_a_reply_can_have_is_said_by_a_row() -> None:
    assert {row.meaning.klass for row in TABLE} == set(Klass) - {Klass.DOUBT}
