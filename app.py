"""The application object, for ``flask run`` and ``gunicorn app:app``."""

from kcz_match import create_app

app = create_app()
