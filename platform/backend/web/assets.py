"""The static files as they are served: put together once, compressed, named by their content.

A name changes with what it names, so browsers may keep an asset for good.
"""

import gzip
import hashlib
import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

from web.environment import ENVIRONMENT, TEMPLATES
from web.javascript import translate

_DIGEST = re.compile(r"\.[0-9a-f]{12}\.")
STATIC = Path(__file__).parent / "static"


class Asset(NamedTuple):
    """`name` is that in its address."""

    name: str
    media_type: str
    body: bytes
    compressed: bytes
    """The body, by gzip."""

    def is_called(self, name: str) -> bool:
        """Whether that is its name, in this version or another."""
        return _DIGEST.sub(".", name) == _DIGEST.sub(".", self.name)


@cache
def assets() -> dict[str, Asset]:
    """By the name that templates use."""
    return {
        "reader.js": _asset("reader.js", "text/javascript", _module()),
        "reader.css": _asset("reader.css", "text/css", (STATIC / "reader.css").read_text()),
        "icon.svg": _asset("icon.svg", "image/svg+xml", (STATIC / "icon.svg").read_text()),
    }


def _module() -> str:
    """One module: the filters, the cards, and what follows the feed."""
    cards = translate(ENVIRONMENT, (TEMPLATES / "cards.html").read_text())
    words, reader = ((STATIC / name).read_text() for name in ("words.js", "reader.js"))
    return f"{words}\nconst card = (() => {{\n{cards}return card;\n}})();\n\n{reader}"


def _asset(name: str, media_type: str, text: str) -> Asset:
    body = text.encode()
    stem, _, kind = name.partition(".")
    digest = hashlib.sha256(body).hexdigest()[:12]
    compressed = gzip.compress(body, 9, mtime=0)
    return Asset(f"{stem}.{digest}.{kind}", f"{media_type}; charset=utf-8", body, compressed)


def address(name: str) -> str:
    """Where the asset is served."""
    return f"/assets/{assets()[name].name}"


@cache
def version() -> str:
    """Changes with everything that shapes a page besides the data."""
    texts = [path.read_bytes() for path in sorted(TEMPLATES.iterdir())]
    texts += [path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py"))]
    texts += [asset.body for asset in assets().values()]
    return hashlib.sha256(b"\0".join(texts)).hexdigest()[:8]


ENVIRONMENT.globals["asset"] = address
