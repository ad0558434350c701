"""Names that try to become paths: of photos, personas, blobs, checkpoints, jobs, priors, tenants, files in an archive."""

UP = [
    "../secret.txt", "../../secret.txt", "../" * 40 + "etc/passwd", "a/../../secret.txt", "./../secret.txt", "..", ".", "...", "../",
    "..//secret.txt", "....//secret.txt", "..;/secret.txt", "blobs/../../secret.txt", "aa/../../../secret.txt", "~/secret.txt",
    "~root/.profile", "$HOME/secret.txt", "${HOME}/secret.txt", "`id`/../secret.txt", "$(id)/../secret.txt",
]  # fmt: skip
ABSOLUTE = [
    "/etc/passwd", "//etc/passwd", "/etc/../etc/passwd", "/proc/self/environ", "/proc/self/cwd/secret.txt", "/dev/stdin",
    "/dev/fd/0", "/root/.ssh/id_rsa", "/tmp/secret.txt", "file:///etc/passwd", "file://localhost/etc/passwd",
]  # fmt: skip
WINDOWS = [
    "..\\secret.txt", "..\\..\\secret.txt", "C:\\Windows\\win.ini", "C:/Windows/win.ini", "C:secret.txt", "\\\\host\\share\\secret.txt",
    "\\\\?\\C:\\secret.txt", "..\\../secret.txt", "CON", "NUL.jpg", "a.jpg::$DATA",
]  # fmt: skip
ENCODED = [
    "%2e%2e%2fsecret.txt", "%252e%252e%252fsecret.txt", "..%2fsecret.txt", "..%5csecret.txt", "..%c0%afsecret.txt",
    "．．／secret.txt", "‥/secret.txt", "..∕secret.txt", "..⁄secret.txt", "\u202e..\u202c/secret.txt", "..\u200b/secret.txt",
]  # fmt: skip
ODD = [
    "", " ", "\0", "../secret.txt\0.jpg", "a\0/../../secret.txt", "a\n../secret.txt", "\r\n", "-rf", "--out=/tmp/secret.txt", "a" * 5000,
    "../" * 2000, "a" * 62 + "/.", "0" * 63 + "/", "0" * 64 + "/../../../secret.txt", "0" * 64 + "\n", "job_/../../../secret.txt",
    "job_00/../../secret.txt", "job_0\n", "\udcff../secret.txt", "*", "?", "[a-z]", "a;b", "a|b", "per_../secret.txt",
]  # fmt: skip
PATHS = UP + ABSOLUTE + WINDOWS + ENCODED + ODD
