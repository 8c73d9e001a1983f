"""Reads declarations in TypeScript: the small part of it that web/feed-items.d.ts is written in.

    file      = { "export" ( interface | alias ) }
    interface = "interface" name [ "extends" name ] "{" { name [ "?" ] ":" type ";" } "}"
    alias     = "type" name "=" type ";"
    type      = [ "|" ] one { "|" one }
    one       = ( string | name ) { "[" "]" }

Whatever else stands there is a SyntaxError.
"""

import re
from dataclasses import dataclass, field

TOKEN = re.compile(r"""\s+ | //[^\n]* | /\*.*?\*/ | ("[^"]*" | \w+ | [][{}:;?|=])""", re.S | re.X)

Type = list[str]
"""What a value may be: names, strings in their quotes; with `[]` behind them, lists of these."""


@dataclass
class Property:
    type: Type
    optional: bool


@dataclass
class Declarations:
    interfaces: dict[str, dict[str, Property]] = field(default_factory=dict)
    """Properties by name; those of the extended interface are among them."""
    aliases: dict[str, Type] = field(default_factory=dict)


def parse(text: str) -> Declarations:
    """An interface may extend one that comes later."""
    return _Parser(text).file()


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._bases: dict[str, str] = {}
        self._found = Declarations()

    def file(self) -> Declarations:
        while self._tokens:
            self._take("export")
            if self._next("interface"):
                self._interface()
            else:
                self._take("type")
                name = self._take()
                self._take("=")
                self._found.aliases[name] = self._type()
                self._take(";")
        whole = {name: self._whole(name) for name in self._found.interfaces}
        return Declarations(whole, self._found.aliases)

    def _whole(self, name: str) -> dict[str, Property]:
        base = self._bases.get(name)
        return (self._whole(base) if base else {}) | self._found.interfaces[name]

    def _interface(self) -> None:
        name = self._take()
        if self._next("extends"):
            self._bases[name] = self._take()
        self._take("{")
        properties = self._found.interfaces[name] = {}
        while not self._next("}"):
            key = self._take()
            optional = self._next("?")
            self._take(":")
            properties[key] = Property(self._type(), optional)
            self._take(";")

    def _type(self) -> Type:
        self._next("|")
        found = [self._one()]
        while self._next("|"):
            found.append(self._one())
        return found

    def _one(self) -> str:
        name = self._take()
        while self._next("["):
            self._take("]")
            name += "[]"
        return name

    def _next(self, token: str) -> bool:
        """Whether this token is the next one; it is taken then."""
        if self._tokens and self._tokens[0] == token:
            self._tokens.pop(0)
            return True
        return False

    def _take(self, token: str | None = None) -> str:
        """The next token: this one, or else any name or string."""
        found = self._tokens.pop(0) if self._tokens else "the end"
        if found != token if token else not re.fullmatch(r'"[^"]*"|\w+', found):
            raise SyntaxError(f"{found} instead of {token or 'a name'}")
        return found


def _tokens(text: str) -> list[str]:
    found, end = [], 0
    while end < len(text):
        match = TOKEN.match(text, end)
        if not match:
            raise SyntaxError(f"at {text[end : end + 20]!r}")
        if match[1]:
            found.append(match[1])
        end = match.end()
    return found
