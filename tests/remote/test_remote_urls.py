"""What the URL of a server means, and that its token is shown nowhere."""

from __future__ import annotations

import pickle

import pytest

from agentdb import create_client, create_client_sync
from agentdb.clients.remote.server_url import server_url
from agentdb.clients.remote.settings import Token
from agentdb.errors import AgentDBError, InvalidArgumentError

SECRET = "s3cret-token"


@pytest.mark.parametrize(
    ("url", "spoken"),
    [
        ("libsql://db.example.com", "https://db.example.com"),
        ("https://db.example.com/", "https://db.example.com"),
        ("wss://db.example.com/base/", "https://db.example.com/base"),
        ("ws://localhost:8080", "http://localhost:8080"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("HTTP://127.0.0.1:80", "http://127.0.0.1"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("libsql://localhost:8080?tls=0", "http://localhost:8080"),
    ],
)
def test_each_scheme_is_spoken_over_http(url: str, spoken: str) -> None:
    place, token = server_url(url)
    assert (str(place), token) == (spoken, None)
    assert f"{place.scheme}://{place.authority}{place.path}" == spoken


@pytest.mark.parametrize(
    "url",
    [
        f"http://?authToken={SECRET}",
        f"http://user:{SECRET}@host",
        f"http://host/?authToken={SECRET}#fragment",
        f"http://host/?authToken={SECRET}&other={SECRET}",
        f"http://host:port/?authToken={SECRET}",
        f"https://host/?tls=0&authToken={SECRET}",
        f"libsql://host/?tls=0&authToken={SECRET}",
        f"http://host/?tls=2&authToken={SECRET}",
    ],
)
@pytest.mark.parametrize("create", [create_client, create_client_sync])
def test_a_url_that_cannot_be_is_refused_without_its_token(url: str, create: object) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        create(url)  # type: ignore[operator]
    assert caught.value.code == "unsupported_url"
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("how", ["url", "text", "function"])
def test_no_repr_and_no_error_shows_the_token(how: str) -> None:
    url = f"http://127.0.0.1:1/?authToken={SECRET}" if how == "url" else "http://127.0.0.1:1"
    given = {"url": None, "text": SECRET, "function": lambda: SECRET}[how]
    with create_client_sync(url, auth_token=given, connect_timeout=0.2) as client:  # type: ignore[attr-defined]
        with pytest.raises(AgentDBError) as caught:
            client.execute("SELECT 1")
        shown = [repr(client), str(caught.value), repr(caught.value), repr(client.server.token), client.path]  # type: ignore[attr-defined]
        assert client.server.token.value == SECRET  # type: ignore[attr-defined]
    assert not any(SECRET in one for one in shown)
    assert caught.value.code == "network"


def test_a_token_is_not_pickled_and_is_one_word() -> None:
    with pytest.raises(TypeError):
        pickle.dumps(Token(SECRET))
    for wrong in ("", "two words", "line\nbreak", "ü", 7):
        with pytest.raises(InvalidArgumentError) as caught:
            Token(wrong)  # type: ignore[arg-type]
        assert str(wrong) not in caught.value.message or wrong == ""


@pytest.mark.parametrize(
    "option", [{"read_only": True}, {"synchronous": "OFF"}, {"journal_mode": "delete"}, {"mode": 0o644}]
)
def test_an_option_of_a_file_is_refused(option: dict[str, object]) -> None:
    with pytest.raises(InvalidArgumentError, match="is an option of a file"):
        create_client_sync("http://127.0.0.1:1", **option)  # type: ignore[arg-type]


@pytest.mark.parametrize("option", [{"timeout": 1.0}, {"connect_timeout": 1.0}])
def test_an_option_of_a_server_is_refused_for_a_file(option: dict[str, float]) -> None:
    with pytest.raises(InvalidArgumentError, match="is of a server"):
        create_client_sync(":memory:", **option)  # type: ignore[arg-type]
