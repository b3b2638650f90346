"""A throw-away certificate authority, made with the openssl command."""

import os
import subprocess

_VALID_DAYS = "2"
_TIMEOUT_SECONDS = 60.0
_SERVER_EXTENSIONS = (
    "subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1\nbasicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\n"
)
_CLIENT_EXTENSIONS = "basicConstraints=CA:FALSE\nextendedKeyUsage=clientAuth\n"


class Certificates:
    """An authority (`ca_file`), a certificate for localhost and 127.0.0.1 (`server_…`) and one for a client."""

    def __init__(self, directory):
        self.directory = directory
        self.ca_file = self._path("ca.pem")
        self.server_cert = self._path("server.pem")
        self.server_key = self._path("server.key")
        self.client_cert = self._path("client.pem")
        self.client_key = self._path("client.key")
        self._ca_key = self._path("ca.key")

    def create(self):
        """Writes all the files. Elliptic keys: a fraction of a second for everything."""
        os.makedirs(self.directory, mode=0o700, exist_ok=True)
        self._openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-days", _VALID_DAYS, "-subj", "/CN=asya test authority", "-keyout", self._ca_key, "-out", self.ca_file,
        )
        self._issue("server", "/CN=localhost", _SERVER_EXTENSIONS)
        self._issue("client", "/CN=asya-sidecar", _CLIENT_EXTENSIONS)

    def _issue(self, name, subject, extensions):
        key, request, certificate = (self._path(f"{name}.{suffix}") for suffix in ("key", "csr", "pem"))
        extension_file = self._path(f"{name}.ext")
        with open(extension_file, "w", encoding="ascii") as file:
            file.write(extensions)
        self._openssl(
            "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-subj", subject, "-keyout", key, "-out", request,
        )
        self._openssl(
            "x509", "-req", "-in", request, "-CA", self.ca_file, "-CAkey", self._ca_key, "-CAcreateserial",
            "-days", _VALID_DAYS, "-extfile", extension_file, "-out", certificate,
        )

    def _openssl(self, *arguments):
        try:
            done = subprocess.run(
                ["openssl", *arguments],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=_TIMEOUT_SECONDS,
                check=False,
            )
        except FileNotFoundError:
            raise RuntimeError("the openssl command is missing: apt-get install openssl") from None
        if done.returncode != 0:
            raise RuntimeError(f"openssl {arguments[0]} failed with status {done.returncode}:\n{done.stderr}")

    def _path(self, name):
        return os.path.join(self.directory, name)
