"""The console: pages for people, rendered here, that work without a script and better with ours.

=====================  ===============================================================================================
``visit``              who is signed in and may what: the parameter of every route; the form that came
``page_route``         what goes wrong in a route becomes a page
``page`` ``rendering``  a template in the reader's language; what templates may ask for
``language`` ``words``  the catalogue beside the English of the templates; words of closed sets for people
``navigation``         the pages that every page leads to
``cookie`` ``forgery``  the session in the browser; that a form came from a page of ours
``sealed``             what a page carries to the next one, unreadable outside
``sign_in`` ``me``     signing in and out, language; one's own account
``overview``           everything at a glance, with its ``chart``
``activity``           records, one in full, its question asked again; ``mail_words`` are what became of mail
``held`` ``groups``    mail that waits; the policy of each group
``explaining``         what would become of a message, and why
``certificates``       list, one in full, its file; ``changing``: trust, deletion; ``key_export``
``adding`` ``pending``  imports, looked at first; what waits to be approved
``accounts`` ``tokens``  who may sign in, people and programs
``auditing``           who changed what
=====================  ===============================================================================================

**A new page** is a module with a ``router``, which is included below, and a template:

- A route is a plain function (FastAPI runs it in a thread) whose first parameter is the visit: ``Reading``,
  ``Checking``, ``Importing`` or ``Administering``. It asks ``admin`` for views, with ``visit.wiring`` and
  ``visit.actor``, and returns ``visit.page("name.html", fact=…)``. What it raises (``Refused``, ``Absent``,
  ``Conflict``, ``Fault``) becomes a page.
- What changes something is a POST with the parameter ``form: Posted``, whose page has ``{{ parts.token() }}`` in the
  form, and ends with ``visit.to(path, done="word")``; the sentence for the word stands in ``words.DONE``. What takes
  something along asks first: a template that extends ``confirm.html``.
- A template extends ``base.html`` and fills ``title``, ``content`` and, as it likes, ``trail``, ``lead``, ``actions``;
  ``parts`` has the macros: ``table.rows`` becomes cards on a phone by ``data-label`` on each cell, ``parts.facets`` and
  ``parts.field`` in a form with ``data-live="#list"`` filter while one types, ``parts.pager``, ``parts.badge``,
  ``parts.when``, ``parts.empty``, ``parts.pick`` in a form with ``data-pick``.
- Every text is ``{{ _("English") }}``, or ``phrase("English")`` in Python; ``locale/de.po`` has its German
  (``tests/web/test_catalogue.py``). A word of a closed set is ``{{ _(word(value)) }}``, from ``words.WORDS``.
- No inline style or script, for the content security policy forbids both; drawings are SVG with the classes ``fill-…``.
- It gets an entry in ``navigation``, and its place in ``tests/e2e/console``.
"""

from fastapi import Depends, Request
from starlette.responses import RedirectResponse, Response

from gateway.web.console import (
    accounts,
    activity,
    adding,
    auditing,
    certificates,
    changing,
    cookie,
    explaining,
    forgery,
    groups,
    held,
    key_export,
    me,
    overview,
    pending,
    sign_in,
    tokens,
)
from gateway.web.console.page_route import pages
from gateway.web.console.visit import Forbidden, Reading, known

PAGES = (
    sign_in,
    overview,
    activity,
    held,
    groups,
    explaining,
    changing,
    key_export,
    certificates,
    adding,
    pending,
    accounts,
    tokens,
    auditing,
    me,
)
"""In this order: of two routes for one address the first is taken."""


def guarded(request: Request) -> None:
    """Raise ``Forbidden``, ``Forged``: where somebody between could read along, or another site's page sent a form."""
    if not cookie.is_private(request):
        raise Forbidden
    if request.method == "POST":
        forgery.check_source(request)


router = pages()
"""All pages."""
router.dependencies.append(Depends(guarded))
for _module in PAGES:
    router.include_router(_module.router)


@router.get("/")
def first(visit: Reading) -> Response:
    """Lead to the first page."""
    return RedirectResponse("/overview", 303)


@router.get("/{path:path}")
def unknown(visit: Reading, path: str) -> Response:
    """Say of every other address that nothing is there, but to nobody who is not signed in."""
    return known(None)
