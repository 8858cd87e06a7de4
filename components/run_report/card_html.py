"""The card as a part of a page."""

from markdown_it import MarkdownIt


def card_html(markdown: str) -> str:
    """HTML of a card, its headings two levels lower; HTML in the Markdown is text, and nothing is fetched."""
    parser = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
    tokens = parser.parse(markdown)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(int(token.tag[1]) + 2, 6)}"
    return str(parser.renderer.render(tokens, parser.options, {}))
