"""The text of a statement that is executed, recorded and hashed, and its hash."""

from __future__ import annotations

from sys import modules

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_hash: Any = None


def canonical(text: str) -> str:
    """The text that is executed, recorded and hashed: no BOM, line ends LF, no trailing blanks of lines or of the whole.

    Nothing else is touched: a comment is part of the text. (A linter, an editor or a checkout on Windows changes just
    these, and each has kept somebody's application from starting.)
    """
    if text[:1] == "\ufeff":
        text = text.lstrip("\ufeff")
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if " \n" in text or "\t\n" in text:
        text = "\n".join([line.rstrip(" \t") for line in text.split("\n")])
    return text.rstrip(" \t\n")


def fingerprint(text: str) -> str:
    """SHA-256 in hexadecimal."""
    return (_hash or _load_hash())(text.encode()).hexdigest()  # type: ignore[no-any-return]


def is_encodable(text: str) -> bool:
    """Whether it is text in UTF-8; a lone surrogate is not."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def escaped(text: str) -> str:
    """Text as it is between the quotes of canonical JSON."""
    # Not the json module: its import costs every start 4 ms. RFC 8785: the shortest escapes, everything else as it is.
    text = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    if not text.isprintable():
        short = {"\b": "\\b", "\f": "\\f", "\r": "\\r"}
        text = "".join([short.get(c) or (c if c >= " " else f"\\u{ord(c):04x}") for c in text])
    return text


def _load_hash() -> Any:
    global _hash
    # hashlib loads OpenSSL, 3 ms at every start. Where the application has it loaded, it is twice as fast as CPython's
    # own implementation, which has two names.
    if "_hashlib" in modules:
        from hashlib import sha256
    else:
        try:
            from _sha2 import sha256  # type: ignore[import-not-found,no-redef]  # 3.12 and newer
        except ImportError:
            try:
                from _sha256 import sha256  # type: ignore[import-not-found,no-redef]  # 3.11
            except ImportError:
                from hashlib import sha256
    _hash = sha256
    return sha256
