"""Bytes for the wire."""

import codecs


def _escape(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    units = error.object[error.start : error.end].encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[i : i + 4]}" for i in range(0, len(units), 4)), error.end


codecs.register_error("json_escape", _escape)


def ascii_json(text: bytes) -> bytes:
    """The same JSON in ASCII: other characters, which stand only in strings, become `\\uXXXX`.

    So every frame is one line for every reader, even one that breaks lines at U+2028. It is a
    transliteration of bytes: the JSON is not decoded.
    """
    return text if text.isascii() else text.decode().encode("ascii", "json_escape")
