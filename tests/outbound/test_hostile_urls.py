"""Promise 13, first half: of all hostile addresses, none leads to a connection to anything private."""

import sys
from urllib.parse import unquote

import pytest

import portraitist
from portraitist.errors import DownloadFailed, UrlRefused
from portraitist.outbound import client
from portraitist.testing import fake_studio

from . import hostile_urls
from .network import reply

_watched = []


def _watch(event, arguments):
    if event == "socket.connect" and _watched:
        _watched[-1].append(arguments[1])


sys.addaudithook(_watch)  # it sees every connection of this process, by whatever library


@pytest.fixture
def connects():
    """Every address that this process connects to."""
    _watched.append([])
    yield _watched[-1]
    _watched.pop()


@pytest.fixture
def internet(site, network):
    site(lambda h: reply(h, body=b"public"))
    site(lambda h: reply(h, 302, Location=unquote(h.path.partition("to=")[2])), "redirect.example", address="9.9.9.9")
    network.names |= hostile_urls.names()
    return network


def attack(outbound):
    """Tries every address twice: fetched, and posted to. Returns those that were answered."""
    answered, client = [], outbound()
    for url in hostile_urls.URLS:
        for go in (
            lambda url=url: client.get(url, max_bytes=1000, timeout_s=5.0),
            lambda url=url: client.post(url, b"{}", {}, timeout_s=5.0),
        ):
            try:
                answered.append((url, go()))
            except (UrlRefused, DownloadFailed):
                pass
    return answered


def test_no_hostile_address_is_connected_to(internet, outbound, canary, connects):
    assert len(hostile_urls.URLS) == len(set(hostile_urls.URLS)) >= 60
    answered = attack(outbound)
    assert canary.connections == 0
    assert set(internet.connected) <= set(
        internet.servers
    )  # public ones: redirect.example, and rebinding's public side
    assert {port for _, port, *_ in connects} <= set(internet.servers.values())
    # What came back came from public servers: a redirect's own answer to a POST, and the fragment that is no host.
    for url, _ in answered:
        assert url.startswith(("https://redirect.example", "https://photos.example#", "https://rebinding.example")), url


def test_the_attack_would_work(internet, outbound, canary, monkeypatch):
    """Without the check of addresses the same attack reaches the canary, so the test above can fail."""
    monkeypatch.setattr(client, "is_public", lambda address: True)
    attack(outbound)
    assert canary.connections >= 50


def test_the_sdk_takes_no_other_scheme_and_no_path_for_an_address():
    """What is no http or https address is refused at once, whatever the worker would say."""
    studio = fake_studio()
    for url in hostile_urls.SYNTAX:
        if "http" not in url and ":/" in url:
            with pytest.raises(UrlRefused):
                studio.personas.create("ana", [url])
    for path in ("/etc/passwd", "//127.0.0.1/", "photo.jpg", "https:photo.jpg", "\\\\host\\share"):
        with pytest.raises(UrlRefused):
            studio.personas.create("ana", [portraitist.Link(path)])
