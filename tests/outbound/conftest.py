"""HTTPS sites at public addresses, with a certificate authority that the client under test trusts."""

import ssl

import pytest
import trustme

from portraitist.outbound.client import Outbound

from .network import Canary, Network, Site


@pytest.fixture(scope="session")
def authority():
    return trustme.CA()


@pytest.fixture(scope="session")
def canary():
    canary = Canary()
    yield canary
    canary.close()


@pytest.fixture
def network(canary):
    canary.connections = 0
    return Network(canary)


@pytest.fixture
def outbound(network, authority):
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)

    def make(**options):
        return Outbound(resolve=network.resolve, connect=network.connect, tls=trusting, **options)

    return make


@pytest.fixture
def site(network, authority):
    """site(answer, "name", address="93.184.216.34", tls=True) -> a running Site."""
    sites = []

    def start(answer, name="photos.example", address="93.184.216.34", certificate=None, tls=True):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(certificate or name).configure_cert(context)
        one = Site(answer, context if tls else None)
        network.names[name], network.servers[address] = [address], one.port
        sites.append(one)
        return one

    yield start
    for one in sites:
        one.close()
