"""A web server of the test's own."""

import hashlib
import http.server
import threading
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from rabench.datasets.download import Archive


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves a folder with ranges, as its site says."""

    def __init__(self, *arguments, site, **options):
        self.site = site
        super().__init__(*arguments, directory=str(site.folder), **options)

    def do_GET(self):
        self.site.ranges_asked.append(self.headers.get("Range"))
        try:
            content = Path(self.translate_path(self.path)).read_bytes()
        except OSError:
            return self.send_error(404)
        begin = 0
        if self.site.ranges and self.headers.get("Range"):
            begin = int(self.headers["Range"].removeprefix("bytes=").rstrip("-"))
            if begin >= len(content):
                return self.send_error(416)
        self.send_response(206 if begin else 200)
        self.send_header("Content-Length", str(len(content) - begin))
        self.end_headers()
        self.wfile.write(content[begin : begin + self.site.cut] if self.site.cut else content[begin:])

    def log_message(self, *_):
        pass


class Site:
    """A folder and the address it is served at."""

    def __init__(self, folder):
        self.folder, self.address = folder, ""
        self.cut = None
        """After so many bytes a reply ends."""
        self.ranges = True
        """Off: every reply is the whole file."""
        self.ranges_asked = []
        """The Range of each request, None where it had none."""

    def archive(self, name, content):
        """A file on the site, as a data set names it."""
        (self.folder / name).write_bytes(content)
        return Archive(f"{self.address}/{name}", hashlib.md5(content).hexdigest())


@contextmanager
def served(folder):
    """The site of a folder, until the end of the block."""
    site = Site(folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, site=site)) as server:
        site.address = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()  # seconds between looks
        yield site
        server.shutdown()
