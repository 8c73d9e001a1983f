from collections.abc import Callable

import pytest
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import create_engine

from db.urls import libpq_url, sqlalchemy_url

SPELLINGS = [
    "postgres",
    "postgresql",
    "postgresql+asyncpg",
    "postgresql+psycopg",
    "postgresql+psycopg2",
]
VALID = {
    "postgresql://ada:pw@db.example:5433/feed": {
        "user": "ada",
        "password": "pw",
        "host": "db.example",
        "port": "5433",
        "dbname": "feed",
    },
    "postgresql://ada:p%40ss%3Aw%2Ford%20%3F%25@db/feed": {
        "user": "ada",
        "password": "p@ss:w/ord ?%",
        "host": "db",
        "dbname": "feed",
    },
    "postgresql://ada:what?ssl=@db/feed?ssl=require": {
        "user": "ada",
        "password": "what?ssl=",
        "host": "db",
        "dbname": "feed",
        "sslmode": "require",
    },
    "postgresql://ada@/feed?host=/run/pg": {"user": "ada", "host": "/run/pg", "dbname": "feed"},
    "postgresql://%2Frun%2Fpg/feed": {"host": "/run/pg", "dbname": "feed"},
    "postgresql://[::1]:5433/feed": {"host": "::1", "port": "5433", "dbname": "feed"},
    "postgresql://one:1111,two:2222/feed": {
        "host": "one,two",
        "port": "1111,2222",
        "dbname": "feed",
    },
    "postgresql://db/feed?sslmode=verify-full&application_name=a%20b": {
        "host": "db",
        "dbname": "feed",
        "sslmode": "verify-full",
        "application_name": "a b",
    },
    "postgresql://": {},
}


@pytest.mark.parametrize("scheme", SPELLINGS)
def test_every_usual_scheme_is_understood(scheme: str) -> None:
    assert libpq_url(f"{scheme}://ada:pw@db:5433/feed") == "postgresql://ada:pw@db:5433/feed"


@pytest.mark.parametrize("url", VALID)
def test_libpq_reads_what_was_meant(url: str) -> None:
    assert conninfo_to_dict(libpq_url(url)) == VALID[url]


@pytest.mark.parametrize("url", VALID)
def test_sqlalchemy_hands_the_same_to_the_driver(url: str) -> None:
    engine = create_engine(sqlalchemy_url(url))
    conninfo, parameters = engine.dialect.create_connect_args(engine.url)
    parameters.pop("context", None)  # psycopg's adapters, not part of the address

    assert engine.dialect.driver == "psycopg"
    assert conninfo_to_dict(*conninfo, **parameters) == VALID[url]


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("ssl=require", "?sslmode=require"),
        ("ssl=verify-full", "?sslmode=verify-full"),
        ("ssl=true", "?sslmode=require"),
        ("ssl=False", "?sslmode=disable"),
        ("pgbouncer=true", ""),
        ("statement_cache_size=0&prepared_statement_cache_size=0", ""),
        ("prepared_statement_name_func=f&ssl=prefer&host=/run/pg", "?sslmode=prefer&host=/run/pg"),
    ],
)
def test_parameters_for_other_drivers_are_translated_or_dropped(given: str, meant: str) -> None:
    assert libpq_url(f"postgresql+asyncpg://ada@db/feed?{given}") == (
        f"postgresql://ada@db/feed{meant}"
    )


@pytest.mark.parametrize(
    "url",
    [
        "",
        "feed",
        "mysql://ada:geheim@db/feed",
        "sqlite:///geheim.db",
        "host=db user=ada password=geheim",
        "ada:geheim@db/feed",
        "postgresql://ada:gehe%im@db/feed",
        "postgresql://ada:/?geheim@db/feed",
        "postgresql://ada:/p?geheim=x@db/feed",
        "postgresql://ada:geheim@db/feed?unheard_of=1",
        "postgresql://[geheim/feed",
    ],
)
@pytest.mark.parametrize("spell", [libpq_url, sqlalchemy_url])
def test_anything_else_is_refused_without_repeating_it(
    spell: Callable[[str], object], url: str
) -> None:
    with pytest.raises(ValueError, match=r"^The database URL") as refusal:
        spell(url)
    assert "geheim" not in str(refusal.value)
    assert refusal.value.__suppress_context__ or refusal.value.__context__ is None


def test_a_logged_address_does_not_show_the_password() -> None:
    for url in ("postgresql://ada:geheim@db/feed", "postgresql://db/feed?password=geheim"):
        assert "geheim" not in str(sqlalchemy_url(url))
