"""Opens the page over the index of this folder: `python app.py`, or `qa serve` from anywhere."""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as in qa/cli.py, and likewise before numpy is imported

from qa.page import over, serve

demo = over()

if __name__ == "__main__":
    serve(
        host=os.environ.get("GRADIO_SERVER_NAME", "127.0.0.1"),
        port=int(os.environ.get("GRADIO_SERVER_PORT", "7860")),
        blocks=demo,
    )
