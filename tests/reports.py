"""What tests of reports share: a page taken apart."""

import html
import re
from html.parser import HTMLParser


class Page(HTMLParser):
    """Everything on a page that a test asks for: tags with their attributes, ids, headings, drawings."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[tuple[str, str]] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.open.append(tag)

    def handle_endtag(self, tag):
        if tag in self.open:
            while self.open.pop() != tag:
                pass

    def handle_data(self, data):
        if data.strip() and self.open:
            self.words.append((self.open[-1], data))

    def ids(self) -> list[str]:
        return [found["id"] for _, found in self.tags if "id" in found]

    def text(self, tag: str) -> list[str]:
        return [data for name, data in self.words if name == tag]


def text_of(page: str) -> str:
    """What a reader reads, in one line."""
    bare = re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", bare)).split())


def drawing(page: str, name: str) -> str:
    """One inline SVG of a page."""
    found = re.search(rf'<svg [^>]*aria-labelledby="{name}-title".*?</svg>', page, flags=re.DOTALL)
    assert found is not None, name
    return found[0]


def rows_of(page: str, table: str) -> list[list[str]]:
    """The rows of a table by the name of its caption, each cell as text: value, then interval."""
    body = re.search(rf'<caption id="{table}-caption">.*?</table>', page, flags=re.DOTALL)
    assert body is not None, table
    rows = re.findall(r"<tr>(.*?)</tr>", body[0], flags=re.DOTALL)
    cells = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, flags=re.DOTALL) for row in rows]
    return [[text_of(cell.replace("<small>", " | ")) for cell in row] for row in cells]
