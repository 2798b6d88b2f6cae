"""Messages show addresses, but no secret in them."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from core.errors import UserError, without_secrets

NAME = st.from_regex(r"[a-z0-9]+([.-][a-z0-9]+)*", fullmatch=True)
HOST = st.one_of(NAME, st.just("[::1]")).flatmap(lambda host: st.sampled_from([host, f"{host}:5000"]))
SEGMENTS = st.lists(st.from_regex(r"@?[\w~.+%-]+(@[\w.]+)?", fullmatch=True), max_size=3)
ADDRESS = st.builds(lambda host, segments: "/".join([host, *segments]), HOST, SEGMENTS)
SCHEME = st.sampled_from(["http", "https", "postgresql", "mysql+pymysql", "s3"])
CHARACTERS = st.sampled_from("a0:/@?#'\"%&=+;,.[]()é비")
AROUND = st.sampled_from(["{}", "'{}'", "at {} since", "['{}','http://other.org/']"])
QUERY = st.sampled_from(["", "?token=hidden", "?token=hid@den&x=/y"])


@given(SCHEME, ADDRESS, QUERY, AROUND)
def test_an_address_without_a_user_loses_nothing_but_its_query(
    scheme: str, address: str, query: str, around: str
) -> None:
    assert without_secrets(around.format(f"{scheme}://{address}{query}")) == around.format(f"{scheme}://{address}")


@given(SCHEME, st.text(CHARACTERS, min_size=1), NAME, ADDRESS.filter(lambda address: "@" not in address))
def test_a_password_of_any_characters_is_left_out(scheme: str, password: str, user: str, address: str) -> None:
    beyond_the_authority = bool({"/", "?", "#"} & set(password))
    assume(not (beyond_the_authority and password[0].isdigit()))  # which is a host and its port
    assume(not (beyond_the_authority and "@" in password))  # which may be two hosts
    assert without_secrets(f"{scheme}://{user}:{password}@{address}") == f"{scheme}://{address}"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("'postgresql://me:sec'ret@host/db' is down", "'postgresql://host/db' is down"),
        ("http://me:sec/r@et@host/x?token=secret#y: no", "http://host/x no"),
        ("https://me:p@ss/w:rd@host.org/x", "https://host.org/x"),
        ("postgresql://me:sec?ret@host/db", "postgresql://host/db"),
        ("https://token@host.org/@scope/package", "https://host.org/@scope/package"),
        ("https://me:secret@host.org/package@1.2", "https://host.org/package@1.2"),
        ("https://me:secret@host/x?mail=a@b", "https://host/x"),
        ("Max retries exceeded with url: /api?token=secret (Caused", "Max retries exceeded with url: /api (Caused"),
        ("is it http://host/x, or not? me@host knows", "is it http://host/x, or not? me@host knows"),
    ],
)
def test_what_may_be_secret_in_an_address_is_left_out(text: str, shown: str) -> None:
    assert without_secrets(text) == shown


def test_no_error_shows_a_secret_of_an_address_that_it_quotes() -> None:
    error = UserError("data.source is 'https://me:secret@host.org/a.zip?token=abc';\nallowed: a file")
    assert str(error) == "data.source is 'https://host.org/a.zip'; allowed: a file"
