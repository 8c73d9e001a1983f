"""One database address, in the spelling of each library.

Operators paste what their provider or an older setup gave them: `postgres://`, SQLAlchemy's
`postgresql+asyncpg://` with asyncpg's parameters, a socket directory in `?host=`. libpq's parser
decides what is valid; only what it cannot know is translated here.
"""

import re

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import URL

_SCHEMES = {
    "postgres",
    "postgresql",
    "postgresql+asyncpg",
    "postgresql+psycopg",
    "postgresql+psycopg2",
}
# Advice for other clients. All of it comes down to "no named statements", which is what we do.
_NOT_FOR_US = {
    "pgbouncer",
    "prepared_statement_cache_size",
    "prepared_statement_name_func",
    "statement_cache_size",
}
# Like libpq: whatever stands before an @ is name and password, even a question mark.
_ADDRESS_AND_QUERY = re.compile(r"(?P<address>(?:[^@/]*@)?[^?]*)\??(?P<query>.*)", re.DOTALL)
_SSLMODES = {"true": "require", "false": "disable"}


def libpq_url(url: str) -> str:
    """The address for psycopg, psql and pg_dump: `postgresql://…`, percent-encoding as given.

    Raises ValueError for anything that is not the address of a PostgreSQL database. The message
    never quotes the address: with a wrong character in the password, any part may be the password.
    """
    scheme, separator, rest = url.strip().partition("://")
    if not separator or scheme.lower() not in _SCHEMES:
        raise ValueError(
            "The database URL has to start with postgresql:// "
            "(or postgres://, postgresql+asyncpg://, postgresql+psycopg://, postgresql+psycopg2://)"
        )
    parts = _ADDRESS_AND_QUERY.fullmatch(rest)
    assert parts is not None, "it matches any text"
    translated = "postgresql://" + parts["address"] + _libpq_query(parts["query"])
    try:
        conninfo_to_dict(translated)
    except ProgrammingError:
        raise ValueError(
            "The database URL cannot be read. Expected "
            "postgresql://user:password@host:port/database?sslmode=require; special characters in "
            "the password have to be percent-encoded, and parameters have to be libpq's"
        ) from None
    return translated


def sqlalchemy_url(url: str) -> URL:
    """The address for SQLAlchemy's engines, with psycopg as the driver. Its `str()` hides the
    password.

    Raises ValueError like `libpq_url`.
    """
    parts = {name: str(value) for name, value in conninfo_to_dict(libpq_url(url)).items()}
    return URL.create(
        "postgresql+psycopg",
        username=parts.pop("user", None),
        password=parts.pop("password", None),
        database=parts.pop("dbname", None),
        # Host and port stay parameters: the only place that takes sockets and lists of hosts too.
        query=parts,
    )


def _libpq_query(query: str) -> str:
    pairs = (pair.partition("=") for pair in query.split("&") if pair)
    kept = [_parameter(name, value) for name, _, value in pairs if name not in _NOT_FOR_US]
    return "?" + "&".join(kept) if kept else ""


def _parameter(name: str, value: str) -> str:
    if name == "ssl":  # asyncpg's; its values are libpq's sslmodes, or a flag
        return f"sslmode={_SSLMODES.get(value.lower(), value)}"
    return f"{name}={value}"
