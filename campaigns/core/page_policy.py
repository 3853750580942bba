"""The Content-Security-Policy of the app's own pages."""

from __future__ import annotations

POLICY = {
    "default-src": "'self'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "font-src": "'self'",
    "connect-src": "'self'",
    "frame-src": "'self'",
    "object-src": "'none'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}
# A page on which an email is written shows its images, from wherever they are.
ANY_IMAGE = "'self' data: http: https:"


def text(**changes: str) -> str:
    """The policy as a header field; `changes` replace directives (`img_src`)."""
    given = {name.replace("_", "-"): value for name, value in changes.items()}
    return "; ".join(f"{name} {value}" for name, value in {**POLICY, **given}.items())
