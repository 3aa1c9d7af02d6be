"""What gunicorn does beside its command line: each worker opens the index and loads the encoder after it has started.

Nothing is loaded before the fork: a process that has loaded torch or FAISS and is then forked hangs.
"""

import logging
import threading

preload_app = False


def post_worker_init(worker) -> None:
    """Let the first visitor wait neither for files nor for the model; pages without a search are served meanwhile."""
    threading.Thread(target=_warm_up, args=(worker.wsgi,), name="warm-up", daemon=True).start()


def _warm_up(app) -> None:
    from kcz_match.catalogue.units import same_dimension
    from kcz_match.matching.engine import engine

    try:
        same_dimension("%", "ppm")
        with app.app_context():
            engine().index.generation  # noqa: B018 - reading it verifies and opens the files
        engine().encoder.encode(["预热"], role="query")
    except Exception:  # the site works by words without an encoder, and `flask doctor` says what is wrong
        logging.getLogger(__name__).exception("the encoder could not be loaded")
