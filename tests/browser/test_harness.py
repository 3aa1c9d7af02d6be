"""The harness sees what it must see: on a small page of its own, so that a fault of the site is not mixed in."""

import http.server
import threading

import chromium
import pytest
import screenshots

PAGE = """<!doctype html><html lang="zh-CN"><title>页</title><meta name="viewport" content="width=device-width">
<main>%s</main>"""
POLICY = "default-src 'self'; script-src 'self'; style-src 'self'"


class Site(http.server.BaseHTTPRequestHandler):
    pages: dict[str, str] = {}

    def do_GET(self):
        text = self.pages.get(self.path)
        self.send_response(200 if text is not None else 404)
        self.send_header("Content-Type", "text/javascript" if self.path.endswith(".js") else "text/html; charset=utf-8")
        self.send_header("Content-Security-Policy", POLICY)
        self.end_headers()
        self.wfile.write((text or "没有这个页面").encode())

    def log_message(self, *words):
        pass


@pytest.fixture
def site(monkeypatch):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()

        def show(**pages):
            monkeypatch.setattr(Site, "pages", {f"/{name.replace('_', '.')}": text for name, text in pages.items()})
            return f"http://127.0.0.1:{running.server_port}"

        yield show
        running.shutdown()


@pytest.fixture
def look(browser):
    """Open a page and return what went astray on it."""
    opened = []

    def open_page(url, path, width=1280):
        page, strays = chromium.page_at(browser, url, width)
        opened.append(page)
        page.goto(path, wait_until="networkidle")
        return page, strays

    yield open_page
    for page in opened:
        page.context.close()


def test_a_quiet_page_has_no_strays_and_draws_chinese(site, look):
    page, strays = look(site(a=PAGE % "<p>科创匹配</p>"), "/a")
    assert page.inner_text("main") == "科创匹配"
    assert strays == []


def test_a_request_to_another_origin_is_cut_off_and_reported(site, look):
    body = PAGE % '<form action="/a"></form><script src="go.js"></script>'
    url = site(a=body, go_js="location.href = 'http://localhost:9/elsewhere'")
    _, strays = look(url, "/a")
    assert strays == ["request to another origin: http://localhost:9/elsewhere"]


def test_an_error_in_a_script_is_reported(site, look):
    _, strays = look(site(a=PAGE % '<script src="go.js"></script>', go_js="throw new Error('broken')"), "/a")
    assert strays == ["error in a script: broken"]


def test_a_blocked_inline_style_is_reported(site, look):
    _, strays = look(site(a=PAGE % '<p style="color: red">x</p>'), "/a")
    assert len(strays) == 1
    assert strays[0].startswith("Applying inline style violates the following Content Security Policy directive")


def test_pictures_are_named_for_path_and_width_and_tell_a_page_that_is_too_wide(browser, site, tmp_path, capsys):
    url = site(wide=PAGE % f"<pre>{'宽' * 200}</pre>", fits=PAGE % "<p>合适</p>")
    made = screenshots.take(browser, url, [screenshots.Look("/wide"), screenshots.Look("/fits")], tmp_path, (390,))
    assert made == [tmp_path / "wide-390.png", tmp_path / "fits-390.png"]
    assert [path.read_bytes()[:4] for path in made] == [b"\x89PNG", b"\x89PNG"]
    assert capsys.readouterr().out.splitlines() == [f"200 {made[0]} is wider than its window", f"200 {made[1]}"]


def test_a_page_that_is_not_there_gets_a_picture_of_the_answer(browser, site, tmp_path, capsys):
    made = screenshots.take(browser, site(), [screenshots.Look("/needs/abc?tab=match")], tmp_path, (1280,))
    assert capsys.readouterr().out == f"404 {tmp_path / 'needs-abc-tab-match-1280.png'}\n"
    assert made[0].exists()


def test_a_link_is_followed_to_a_record_whose_address_is_not_known(browser, site, tmp_path, capsys):
    url = site(list=PAGE % '<a href="/rec">需求甲</a>', rec_part=PAGE % "<p>匹配</p>")
    look = screenshots.Look("/list", follow="需求甲", then=".part", name="main")
    screenshots.take(browser, url, [look], tmp_path, (1280,))
    assert capsys.readouterr().out == f"200 {tmp_path / 'main-1280.png'}\n"


def test_the_front_page_is_called_home():
    assert screenshots.picture_name("/", 1280) == "home-1280.png"
