"""A certificate authority for tests, made with the openssl program."""
import subprocess
import tempfile
import shutil
from pathlib import Path


class Authority:
    """Signs certificates; every file lives in `directory` until close()."""

    def __init__(self, name="test authority"):
        self.directory = Path(tempfile.mkdtemp(prefix="certificates-"))
        self.certificate = self.directory / "ca.pem"
        self._key = self.directory / "ca.key"
        self._openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                      "-subj", f"/CN={name}", "-keyout", self._key, "-out", self.certificate)

    def sign(self, name, alternative, days=2):
        """(certificate, key) for `alternative`, as in "DNS:localhost,IP:127.0.0.1"; expired when `days` is negative."""
        request, key, certificate = (self.directory / f"{name}.{end}" for end in ("csr", "key", "pem"))
        extensions = self.directory / f"{name}.ext"
        extensions.write_text(f"subjectAltName={alternative}\n")
        self._openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
                      "-keyout", key, "-out", request)
        self._openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self._key, "-CAcreateserial",
                      "-days", str(days), "-extfile", extensions, "-out", certificate)
        return certificate, key

    @staticmethod
    def _openssl(*arguments):
        done = subprocess.run(["openssl", *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode != 0:
            raise AssertionError(f"openssl {arguments[0]}: {done.stderr}")

    def close(self):
        shutil.rmtree(self.directory, ignore_errors=True)
