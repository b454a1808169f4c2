"""docs/requirements.md and those who cite it: every id cited is a row, every row has a test or says "not built"."""

from tests.requirements import CITED, NOT_BUILT, PAGE, ROOT, ROW, citations, rewritten

ROWS = {match[1]: match[2] for line in PAGE.read_text().splitlines() if (match := ROW.match(line))}
TESTS = citations(ROOT / "tests")


def test_every_id_cited_is_a_row() -> None:
    cited = citations(ROOT / "gateway") | TESTS
    for page in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]:
        cited |= {row: [page.name] for row in CITED.findall(page.read_text())}
    assert {row: files for row, files in cited.items() if row not in ROWS} == {}


def test_every_row_that_is_built_has_a_test() -> None:
    assert len(ROWS) > 80
    built = {row for row, text in ROWS.items() if not text.startswith(NOT_BUILT)}
    assert built == set(TESTS)


def test_the_page_names_the_tests_that_there_are() -> None:
    assert PAGE.read_text() == rewritten(PAGE.read_text()), "`python -m tests.requirements` writes the column anew"
