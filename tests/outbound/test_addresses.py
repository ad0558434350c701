"""Reading addresses: what is public, and what is a URL."""

import ipaddress
import random

import pytest

from portraitist.errors import UrlRefused
from portraitist.outbound.addresses import is_public
from portraitist.outbound.urls import parse

PUBLIC = ["8.8.8.8", "1.1.1.1", "93.184.216.34", "100.63.255.255", "100.128.0.0", "172.15.0.1", "172.32.0.1", "169.253.0.1",
          "2606:4700::1111", "2a00:1450:4001:80b::200e", "::ffff:8.8.8.8", "64:ff9b::808:808"]  # fmt: skip
NOT_PUBLIC = ["127.0.0.1", "127.255.255.254", "0.0.0.0", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1",
              "169.254.169.254", "168.63.129.16", "192.0.0.192", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255",
              "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "ff02::1", "::ffff:127.0.0.1",
              "::ffff:169.254.169.254", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2002:7f00:1::", "2001::1",
              "2001:db8::1", "::127.0.0.1", "2606:4700::5efe:7f00:1", "2606:4700::200:5efe:7f00:1", "fec0::1", "",
              "x", "1.2.3"]  # fmt: skip


def test_public():
    assert [a for a in PUBLIC if not is_public(a)] == []
    assert [a for a in NOT_PUBLIC if is_public(a)] == []


def test_nothing_that_python_calls_private_is_public():
    random.seed(0)
    for _ in range(5_000):
        four, six = ipaddress.IPv4Address(random.getrandbits(32)), ipaddress.IPv6Address(random.getrandbits(128))
        assert not is_public(str(four)) or (four.is_global and not four.is_multicast)
        assert not is_public(str(six)) or (six.is_global and not six.is_multicast)


def test_urls():
    t = parse("HTTPS://Photos.Example.:443/a%20b/ä.jpg?q=ü&x=[1]#part")
    assert (t.scheme, t.host, t.port, t.netloc, t.path) == (
        "https", "photos.example", 443, "photos.example", "/a%20b/%C3%A4.jpg?q=%C3%BC&x=[1]")  # fmt: skip
    assert (
        t.name == "ä.jpg" and parse("https://a.example").path == "/" and parse("https://a.example?x=1").path == "/?x=1"
    )
    assert parse("http://[2606:4700:0::1]:8080/").netloc == "[2606:4700::1]:8080"
    assert parse("https://a.example/..%2f..%2fetc%2fpasswd").name == "passwd"
    assert t.joined("//b.example/c").host == "b.example" and t.joined("d").path == "/a%20b/d"


@pytest.mark.parametrize(
    "url", ["https://u:sekret@a.example/", "https://a b.example/?token=sekret", "https://a.example:x/?sekret"]
)
def test_messages_keep_secrets(url):
    with pytest.raises(UrlRefused) as caught:
        parse(url)
    assert "sekret" not in str(caught.value)
