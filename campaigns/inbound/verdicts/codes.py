"""What enhanced status codes and reply codes mean by themselves, before any text.

RFC 3463, RFC 5248 and IANA's registry of enhanced status codes; RFC 5321 section 4.2.3, RFC 7504 (521, 556).
"""

from __future__ import annotations

from enum import StrEnum

from campaigns.inbound.verdicts.verdict import Detail


class Phase(StrEnum):
    """The command that a reply answered."""

    UNKNOWN = ""
    CONNECT = "connect"
    HELLO = "hello"
    AUTH = "auth"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"


# Codes that say something whatever their class; 0 as the last digit says what the middle one is about, no more.
ENHANCED = {
    "1.1": Detail.USERUNKNOWN,
    "1.2": Detail.HOSTUNKNOWN,
    "1.3": Detail.USERUNKNOWN,
    "1.4": Detail.FILTERED,
    "1.6": Detail.HASMOVED,
    "1.7": Detail.REJECTED,
    "1.8": Detail.REJECTED,
    "1.9": Detail.SYSTEMERROR,
    "1.10": Detail.NOTACCEPT,
    "2.1": Detail.SUSPEND,
    "2.2": Detail.MAILBOXFULL,
    "2.3": Detail.EXCEEDLIMIT,
    "2.4": Detail.FILTERED,
    "3.1": Detail.SYSTEMFULL,
    "3.2": Detail.NOTACCEPT,
    "3.3": Detail.SYSTEMERROR,
    "3.4": Detail.MESGTOOBIG,
    "3.5": Detail.SYSTEMERROR,
    "4.1": Detail.EXPIRED,
    "4.2": Detail.NETWORKERROR,
    "4.3": Detail.SYSTEMERROR,
    "4.4": Detail.HOSTUNKNOWN,
    "4.5": Detail.NETWORKERROR,
    "4.6": Detail.NETWORKERROR,
    "4.7": Detail.EXPIRED,
    "5.1": Detail.SYNTAXERROR,
    "5.2": Detail.SYNTAXERROR,
    "5.3": Detail.EXCEEDLIMIT,
    "5.4": Detail.SYNTAXERROR,
    "5.5": Detail.SYNTAXERROR,
    "5.6": Detail.SECURITYERROR,
    "6.1": Detail.CONTENTERROR,
    "6.2": Detail.CONTENTERROR,
    "6.3": Detail.CONTENTERROR,
    "6.5": Detail.CONTENTERROR,
    "6.6": Detail.CONTENTERROR,
    "6.7": Detail.CONTENTERROR,
    "6.8": Detail.CONTENTERROR,
    "6.9": Detail.CONTENTERROR,
    "6.10": Detail.CONTENTERROR,
    "7.2": Detail.FILTERED,
    "7.3": Detail.SECURITYERROR,
    "7.4": Detail.SECURITYERROR,
    "7.5": Detail.SECURITYERROR,
    "7.6": Detail.SECURITYERROR,
    "7.7": Detail.SECURITYERROR,
    "7.8": Detail.SECURITYERROR,
    "7.9": Detail.SECURITYERROR,
    "7.10": Detail.SECURITYERROR,
    "7.11": Detail.SECURITYERROR,
    "7.12": Detail.SECURITYERROR,
    "7.13": Detail.SUSPEND,
    "7.14": Detail.SECURITYERROR,
    "7.15": Detail.POLICYVIOLATION,
    "7.16": Detail.POLICYVIOLATION,
    "7.17": Detail.HASMOVED,  # the owner of the mailbox has changed, RFC 7293
    "7.18": Detail.HASMOVED,
    "7.19": Detail.POLICYVIOLATION,
    "7.20": Detail.AUTHFAILURE,
    "7.21": Detail.AUTHFAILURE,
    "7.22": Detail.AUTHFAILURE,
    "7.23": Detail.AUTHFAILURE,
    "7.24": Detail.AUTHFAILURE,
    "7.25": Detail.REQUIREPTR,
    "7.26": Detail.AUTHFAILURE,
    "7.27": Detail.REJECTED,  # the sender's domain takes no email, RFC 7505
    "7.28": Detail.SPEEDING,
    "7.29": Detail.AUTHFAILURE,
    "7.30": Detail.FAILEDSTARTTLS,
}
# Microsoft: learn.microsoft.com/exchange/troubleshoot/email-delivery/ndr/non-delivery-reports-in-exchange-online.
MICROSOFT = {
    "2.121": Detail.SPEEDING,
    "2.122": Detail.SPEEDING,
    "4.310": Detail.HOSTUNKNOWN,
    "4.311": Detail.HOSTUNKNOWN,
    "4.312": Detail.NETWORKERROR,
    "4.314": Detail.NETWORKERROR,
    "4.316": Detail.EXPIRED,
    "4.317": Detail.NETWORKERROR,
    "4.14": Detail.NETWORKERROR,
    "7.51": Detail.BLOCKED,
    "7.54": Detail.NORELAYING,
    "7.57": Detail.SECURITYERROR,
    "7.64": Detail.NORELAYING,
    "7.124": Detail.REJECTED,
    "7.133": Detail.REJECTED,
    "7.134": Detail.REJECTED,
    "7.136": Detail.REJECTED,
    "7.232": Detail.SPEEDING,
    "7.233": Detail.SPEEDING,
    "7.320": Detail.FAILEDSTARTTLS,
    "7.321": Detail.FAILEDSTARTTLS,
    "7.322": Detail.FAILEDSTARTTLS,
    "7.323": Detail.FAILEDSTARTTLS,
    "7.324": Detail.FAILEDSTARTTLS,
    "7.325": Detail.FAILEDSTARTTLS,
    "7.501": Detail.SPAMDETECTED,
    "7.502": Detail.BLOCKED,
    "7.503": Detail.BLOCKED,
    "7.504": Detail.REJECTED,
    "7.505": Detail.REJECTED,
    "7.506": Detail.BLOCKED,
    "7.507": Detail.REJECTED,
    "7.508": Detail.SPEEDING,
    "7.509": Detail.AUTHFAILURE,
    "7.510": Detail.BLOCKED,
    "7.511": Detail.BLOCKED,
    "7.512": Detail.NOTCOMPLIANTRFC,
    "7.513": Detail.BLOCKED,
    "7.515": Detail.AUTHFAILURE,
    "7.520": Detail.POLICYVIOLATION,
    "7.703": Detail.POLICYVIOLATION,
    "7.705": Detail.BLOCKED,
    "7.708": Detail.BLOCKED,
    "7.750": Detail.REJECTED,
}
BANNED = range(606, 650)  # x.7.606 to x.7.649, Microsoft: the sending address is on its list

# Of codes that say no more than their middle digit.
_SUBJECT = {
    "1": Detail.USERUNKNOWN,
    "2": Detail.FILTERED,
    "3": Detail.SYSTEMERROR,
    "4": Detail.NETWORKERROR,
    "6": Detail.CONTENTERROR,
}
_REFUSED_AT = {
    Phase.CONNECT: Detail.BLOCKED,
    Phase.HELLO: Detail.BLOCKED,
    Phase.AUTH: Detail.SECURITYERROR,
    Phase.MAIL: Detail.REJECTED,
    Phase.RCPT: Detail.FILTERED,
    Phase.DATA: Detail.POLICYVIOLATION,
}
_BY_REPLY = {
    "421": Detail.SYSTEMERROR,
    "432": Detail.SPEEDING,
    "450": Detail.FILTERED,
    "451": Detail.SYSTEMERROR,
    "452": Detail.SYSTEMFULL,
    "454": Detail.SYSTEMERROR,
    "455": Detail.SYNTAXERROR,
    "500": Detail.SYNTAXERROR,
    "501": Detail.SYNTAXERROR,
    "502": Detail.SYNTAXERROR,
    "503": Detail.SYNTAXERROR,
    "504": Detail.SYNTAXERROR,
    "521": Detail.NOTACCEPT,
    "523": Detail.EXCEEDLIMIT,
    "525": Detail.SUSPEND,
    "530": Detail.SECURITYERROR,
    "534": Detail.SECURITYERROR,
    "535": Detail.SECURITYERROR,
    "538": Detail.SECURITYERROR,
    "551": Detail.HASMOVED,
    "552": Detail.MAILBOXFULL,
    "555": Detail.SYNTAXERROR,
    "556": Detail.NOTACCEPT,
}


def by_enhanced(code: str, phase: Phase) -> Detail | None:
    """What an enhanced code means; None for one that says nothing, like 5.0.0."""
    klass, _dot, rest = code.partition(".")
    subject, _dot, last = rest.partition(".")
    found = ENHANCED.get(rest) or MICROSOFT.get(rest)
    if subject == "7" and last.isdigit() and int(last) in BANNED:
        found = Detail.BLOCKED
    if found is Detail.HOSTUNKNOWN and klass == "4":
        return Detail.NETWORKERROR  # a name server that gave no answer
    if found in (Detail.USERUNKNOWN, Detail.NOTACCEPT) and phase is Phase.MAIL:
        return Detail.REJECTED
    if found is Detail.NOTACCEPT and klass == "4":
        return Detail.SYSTEMERROR
    if found is not None:
        return found
    if subject == "7":
        return _REFUSED_AT.get(phase)
    if subject == "1" and (klass == "4" or phase is not Phase.RCPT):
        return Detail.REJECTED if phase is Phase.MAIL else None
    return _SUBJECT.get(subject) if last == "0" else None


def by_reply(code: str, phase: Phase) -> Detail | None:
    """What a reply code means; None for one that says nothing."""
    if phase in (Phase.MAIL, Phase.CONNECT, Phase.HELLO) and code.startswith("5"):
        return _REFUSED_AT[phase]
    return _BY_REPLY.get(code) or (_REFUSED_AT.get(phase) if code.startswith("5") else None)
