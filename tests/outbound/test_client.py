"""Fetching and posting, against real HTTPS servers."""

import time

import pytest

from portraitist.errors import DownloadFailed, UrlRefused
from portraitist.outbound.client import Outbound

from .network import reply

URL = "https://photos.example/a/ana.jpg?key=1"


def get(client, url=URL, max_bytes=2**20, timeout_s=10.0):
    return client.get(url, max_bytes=max_bytes, timeout_s=timeout_s)


def test_a_photo(site, outbound, network):
    served = site(lambda h: reply(h, body=b"a photo"))
    assert get(outbound()) == b"a photo"
    method, path, headers, _ = served.requests[0]
    assert (method, path, headers["Host"]) == ("GET", "/a/ana.jpg?key=1", "photos.example")
    assert not {"Cookie", "Authorization", "Referer"} & set(headers)
    assert network.asked == ["photos.example"] and network.connected == ["93.184.216.34"]


def test_a_post(site, outbound):
    served = site(lambda h: reply(h, 204, Retry_After="7"), "hooks.example")
    answer = outbound().post("https://hooks.example/in", b"{}", {"webhook-id": "msg_1"}, timeout_s=10.0)
    assert answer.status == 204 and answer.headers["retry-after"] == "7"
    method, path, headers, body = served.requests[0]
    assert (method, path, headers["webhook-id"], body) == ("POST", "/in", "msg_1", b"{}")


def test_a_post_follows_no_redirect(site, outbound, network):
    site(lambda h: reply(h, 307, Location="https://127.0.0.1/"), "hooks.example")
    assert outbound().post("https://hooks.example/", b"", {}, timeout_s=10.0).status == 307
    assert network.connected == ["93.184.216.34"]


def test_a_redirect_is_followed_and_resolved_anew(site, outbound, network):
    site(lambda h: reply(h, 302, Location="https://cdn.example/b.jpg"))
    site(lambda h: reply(h, body=b"b"), "cdn.example", address="8.8.4.4")
    assert get(outbound()) == b"b" and network.asked == ["photos.example", "cdn.example"]


def test_redirects_end(site, outbound):
    served = site(lambda h: reply(h, 302, Location="/again"))
    with pytest.raises(DownloadFailed, match="redirects"):
        get(outbound())
    assert len(served.requests) == 4


def test_a_name_is_asked_for_once_and_its_first_answer_counts(site, outbound, network, canary):
    """DNS rebinding: public when checked, private when connected to."""
    site(lambda h: reply(h, body=b"a"))
    network.names["photos.example"] = [["93.184.216.34"], ["127.0.0.1"]]
    assert get(outbound()) == b"a" and network.connected == ["93.184.216.34"]
    with pytest.raises(UrlRefused):
        get(outbound())
    assert canary.connections == 0


def test_one_private_address_among_public_ones_is_enough(site, outbound, network):
    site(lambda h: reply(h))
    network.names["photos.example"] = ["93.184.216.34", "10.0.0.1"]
    with pytest.raises(UrlRefused, match="not on the public internet") as caught:
        get(outbound())
    assert "10.0.0.1" not in str(caught.value) and network.connected == []


def test_the_next_address_is_tried(site, outbound, network):
    served = site(lambda h: reply(h, body=b"a"))
    network.names["photos.example"] = ["2606:4700::1", "93.184.216.34"]
    network.connect, connect = None, network.connect

    def first_is_down(address, timeout):
        if ":" in address[0]:
            raise ConnectionRefusedError("down")
        return connect(address, timeout)

    client = Outbound(resolve=network.resolve, connect=first_is_down, tls=outbound()._tls)
    assert get(client) == b"a" and len(served.requests) == 1


def test_the_certificate_must_be_the_names(site, outbound):
    served = site(lambda h: reply(h, body=b"a"), certificate="other.example")
    with pytest.raises(DownloadFailed, match="certificate"):
        get(outbound())
    assert served.requests == []


def test_plain_http_and_other_ports_are_for_listed_origins(site, outbound, network):
    served = site(lambda h: reply(h, body=b"a"), "hooks.internal", address="10.1.2.3", tls=False)
    network.servers["10.1.2.3"] = served.port
    for url in ("http://hooks.internal:8080/x", "http://hooks.internal/", "https://hooks.internal:8443/"):
        with pytest.raises(UrlRefused, match="PORTRAITIST_ALLOW_ORIGINS"):
            get(outbound(), url)
    listed = outbound(allow_origins=("http://hooks.internal:8080",))
    assert (
        get(listed, "http://hooks.internal:8080/x") == b"a" and served.requests[0][2]["Host"] == "hooks.internal:8080"
    )
    for url in ("https://hooks.internal/x", "http://hooks.internal:8081/x", "http://10.1.2.3:8080/x"):
        with pytest.raises(UrlRefused):
            get(listed, url)


def test_the_environment_changes_only_what_it_should(site, outbound, monkeypatch, network, tmp_path):
    site(lambda h: reply(h, body=b"a"))
    (tmp_path / "netrc").write_text("machine photos.example login me password secret")
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    assert get(outbound()) == b"a" and network.connected == ["93.184.216.34"]
    monkeypatch.setenv("PORTRAITIST_ALLOW_ORIGINS", "http://a.internal:1 https://b.internal")
    assert Outbound.from_environment()._origins == {"http://a.internal:1", "https://b.internal"}


# -- limits ----------------------------------------------------------------------------------------------------------


def endless(handler):
    handler.send_response(200)
    handler.end_headers()
    for _ in range(10_000):
        handler.wfile.write(b"x" * 65536)


def chunked(handler):
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    for _ in range(10_000):
        handler.wfile.write(b"10000\r\n" + b"x" * 65536 + b"\r\n")


@pytest.mark.parametrize("answer", [endless, chunked])
def test_too_much(site, outbound, answer):
    site(answer)
    with pytest.raises(DownloadFailed, match="more than 1 MiB"):
        get(outbound())


def drip_body(handler):
    handler.send_response(200)
    handler.end_headers()
    for _ in range(500):
        handler.wfile.write(b"x")
        time.sleep(0.05)


def drip_head(handler):
    for _ in range(500):
        handler.wfile.write(b"H")
        time.sleep(0.05)


@pytest.mark.parametrize("tls", [True, False])
@pytest.mark.parametrize("answer", [drip_body, drip_head, lambda h: time.sleep(25)])
def test_too_slow(site, outbound, answer, tls):
    site(answer, tls=tls)
    began = time.monotonic()
    client = outbound() if tls else outbound(allow_origins=("http://photos.example",))
    with pytest.raises(DownloadFailed, match="too long"):
        get(client, URL if tls else URL.replace("https", "http"), timeout_s=0.6)
    assert time.monotonic() - began < 10


def test_a_name_server_that_does_not_answer(outbound, network):
    network.resolve = lambda host, port: time.sleep(20)
    began = time.monotonic()
    with pytest.raises(DownloadFailed, match="resolved"):
        get(Outbound(resolve=network.resolve, connect=network.connect), timeout_s=0.3)
    assert time.monotonic() - began < 10


def test_what_a_server_may_answer_wrongly(site, outbound):
    answers = iter(
        [
            lambda h: reply(h, 404, b"no"),
            lambda h: reply(h, body=b"short", Content_Length="100"),
            lambda h: reply(h, body=b"\x1f\x8b", Content_Encoding="gzip"),
            lambda h: h.wfile.write(b"\xff\xfe\x00 nonsense\r\n\r\n"),
            lambda h: h.wfile.write(
                b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(200)) + b"\r\n"
            ),
            lambda h: h.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n"),
            lambda h: reply(h, 302),
        ]
    )
    site(lambda h: next(answers)(h))
    for _ in range(6):
        with pytest.raises(DownloadFailed):
            get(outbound())
    with pytest.raises(DownloadFailed, match="302"):
        get(outbound())
