"""Addresses that try to reach this machine or its private network. Served names: see `names`."""

LOOPBACK = [
    "https://127.0.0.1/", "https://127.1/", "https://127.0.1/", "https://127.255.255.254/", "https://0/", "https://0.0.0.0/",
    "https://2130706433/", "https://0x7f000001/", "https://0x7f.0.0.1/", "https://017700000001/", "https://0177.0.0.1/",
    "https://127.0.0.1./", "https://127.000.000.001/", "https://localhost/", "https://LOCALHOST./", "https://localhost.localdomain/",
    "https://[::1]/", "https://[::]/", "https://[0:0:0:0:0:0:0:1]/", "https://[::ffff:127.0.0.1]/", "https://[::ffff:7f00:1]/",
    "https://[::127.0.0.1]/", "https://[64:ff9b::7f00:1]/", "https://[2002:7f00:1::]/", "https://[fe80::1%25lo]/",
    "https://①②⑦.⓪.⓪.①/", "https://127。0。0。1/", "https://ⓛocalhost/", "https://loc\u00adalhost/",
]  # fmt: skip
PRIVATE = [
    "https://10.0.0.1/", "https://172.16.0.1/", "https://192.168.0.1/", "https://100.64.0.1/", "https://198.18.0.1/",
    "https://[fc00::1]/", "https://[fe80::1]/", "https://224.0.0.1/", "https://255.255.255.255/", "https://[ff02::1]/",
]  # fmt: skip
METADATA = [
    "https://169.254.169.254/latest/meta-data/", "https://2852039166/", "https://[::ffff:a9fe:a9fe]/", "https://[fd00:ec2::254]/",
    "https://100.100.100.200/", "https://192.0.0.192/", "https://168.63.129.16/", "https://metadata.internal/computeMetadata/v1/",
]  # fmt: skip
NAMES = ["https://private.example/", "https://mixed.example/", "https://rebinding.example/", "https://mapped.example/"]
REDIRECTS = [f"https://redirect.example/?to={to}" for to in (
    "https://127.0.0.1/", "//127.0.0.1/", "http://photos.example/", "https://private.example/", "https://[::1]/",
    "file:///etc/passwd", "https://photos.example:22/", "https://rebinding.example/",
)]  # fmt: skip
SYNTAX = [
    "https://photos.example@127.0.0.1/", "https://127.0.0.1:443@photos.example/", "https://photos.example\\@127.0.0.1/",
    "https://photos.example#@127.0.0.1/../", "https://photos.example:443:127.0.0.1/", "https://photos.example%00.127.0.0.1/",
    "https://photos.example/\r\nHost:127.0.0.1\r\n\r\n", "https://photos.example/ HTTP/1.1\r\n\r\nSLAVEOF 127.0.0.1",
    "https://photos.example:99999/", "https://photos.example:22/", "https://photos.example:6379/", "https://photos.example:-1/",
    "http://photos.example/", "http://127.0.0.1/", "file:///etc/passwd", "gopher://127.0.0.1:6379/_FLUSHALL", "ftp://127.0.0.1/",
    "dict://127.0.0.1:11211/stats", "redis://127.0.0.1:6379/", "data:image/png;base64,AAAA", "unix:///var/run/docker.sock",
    "//127.0.0.1/", "https:/127.0.0.1/", "https:127.0.0.1", "https://", "httpſ://127.0.0.1/", "https://[::1/", "https://127.0.0.1",
    "https://" + "a" * 3000 + "/", "https://" + "a." * 200 + "example/",
]  # fmt: skip
URLS = LOOPBACK + PRIVATE + METADATA + NAMES + REDIRECTS + SYNTAX


def names():
    """Answers of the name server. Those of rebinding.example alternate; an attacker gets the one that helps."""
    return {
        "private.example": ["10.0.0.5"],
        "metadata.internal": ["169.254.169.254"],
        "mixed.example": ["93.184.216.34", "127.0.0.1"],
        "mapped.example": ["::ffff:127.0.0.1"],
        "rebinding.example": [["127.0.0.1"], ["93.184.216.34"]] * 20,
    }
