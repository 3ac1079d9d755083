"""The peers: txtai, LangChain's FAISS store and LlamaIndex beside qa, each as its documentation starts it.

    python -m bench.peers           # 100 articles
    python -m bench.peers --quick   # 20 articles, one round

Each with all-MiniLM-L6-v2, and each but LlamaIndex, which cannot load it, with the model that ships with qa; in an
environment of the bench's own (.work/bench/peers, made when it is not there; a few minutes and 1.3 GB). For each:
building an index, the first answer of a new process over it, and the answers after that.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

PACKAGES = ("torch==2.13.0",  # the build without CUDA
            "sentence-transformers", "faiss-cpu", "txtai", "langchain-community", "langchain-huggingface",
            "langchain-text-splitters", "llama-index-core", "llama-index-embeddings-huggingface")
WARM = 20  # questions


# --- one peer, in a process of the bench's environment ---------------------------------------------------------
# Each gives a function that builds an index and one that opens it, whose answer is a function from question to texts.


def texts(folder: Path) -> list[str]:
    from langchain_text_splitters import RecursiveCharacterTextSplitter

    splitter = RecursiveCharacterTextSplitter(chunk_size=1000, chunk_overlap=0)
    return [text for path in sorted(folder.rglob("*.txt")) for text in splitter.split_text(path.read_text("utf-8"))]


def txtai(model: str, hybrid: bool) -> tuple[Callable[..., int], Callable[..., Callable[[str], object]]]:
    from txtai import Embeddings

    def build(folder: Path, index: Path) -> int:
        embeddings = Embeddings(path=model, method="sentence-transformers", content=True, hybrid=hybrid)
        passages = texts(folder)
        embeddings.index(passages)
        embeddings.save(str(index))
        return len(passages)

    def opened(index: Path) -> Callable[[str], object]:
        embeddings = Embeddings()
        embeddings.load(str(index))
        return lambda question: embeddings.search(question, 5)

    return build, opened


def langchain(model: str) -> tuple[Callable[..., int], Callable[..., Callable[[str], object]]]:
    from langchain_community.vectorstores import FAISS
    from langchain_huggingface import HuggingFaceEmbeddings

    embeddings = HuggingFaceEmbeddings(model_name=model, model_kwargs={"device": "cpu"})

    def build(folder: Path, index: Path) -> int:
        passages = texts(folder)
        FAISS.from_texts(passages, embeddings).save_local(str(index))
        return len(passages)

    def opened(index: Path) -> Callable[[str], object]:
        store = FAISS.load_local(str(index), embeddings, allow_dangerous_deserialization=True)
        return lambda question: store.similarity_search(question, k=5)

    return build, opened


def llamaindex(model: str) -> tuple[Callable[..., int], Callable[..., Callable[[str], object]]]:
    from llama_index.core import (
        Settings,
        SimpleDirectoryReader,
        StorageContext,
        VectorStoreIndex,
        load_index_from_storage,
    )
    from llama_index.embeddings.huggingface import HuggingFaceEmbedding

    Settings.embed_model = HuggingFaceEmbedding(model_name=model, device="cpu")
    Settings.llm = None

    def build(folder: Path, index: Path) -> int:
        made = VectorStoreIndex.from_documents(SimpleDirectoryReader(
            str(folder), recursive=True, exclude_hidden=False).load_data())
        made.storage_context.persist(str(index))
        return len(made.docstore.docs)

    def opened(index: Path) -> Callable[[str], object]:
        retriever = load_index_from_storage(StorageContext.from_defaults(persist_dir=str(index))
                                            ).as_retriever(similarity_top_k=5)
        return lambda question: retriever.retrieve(question)

    return build, opened


def ours(model: str) -> tuple[Callable[..., int], Callable[..., Callable[[str], object]]]:
    import qa
    from qa.recipe import SHIPPED_FOLDER, SHIPPED_MODEL

    chosen = SHIPPED_MODEL if Path(model) == SHIPPED_FOLDER else model
    return (lambda folder, index: qa.rebuild(folder, index=index, model=chosen).passages,
            lambda index: lambda question: qa.retrieve(question, 5, index=index))


def peer(name: str, task: str, model: str, folder: Path, index: Path, questions: list[str]) -> dict[str, object]:
    build, opened = {"txtai": lambda: txtai(model, False), "txtai, hybrid": lambda: txtai(model, True),
                     "LangChain FAISS": lambda: langchain(model), "LlamaIndex": lambda: llamaindex(model),
                     "qa": lambda: ours(model)}[name]()
    began = time.perf_counter()
    if task == "build":
        passages = build(folder, index)
        return {"passages": passages, "seconds": time.perf_counter() - began}
    answer = opened(index)
    answer(questions[0])
    times = []
    for question in questions[1:]:
        began = time.perf_counter()
        answer(question)
        times.append(time.perf_counter() - began)
    return {"times": times}


# --- all of them, from the project's environment ----------------------------------------------------------------


def environment(where: Path) -> Path:
    """The Python of the peers' environment, made when it is not there."""
    if not (where / "installed").exists():
        print(f"installing the peers into {where}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", where], check=True)
        subprocess.run([where / "bin" / "pip", "install", "--quiet", *PACKAGES], check=True)
        (where / "installed").touch()
    return where / "bin" / "python"


def main() -> None:
    if sys.argv[1:2] == ["--peer"]:
        name, task, model, folder, index, out = sys.argv[2:8]
        found = peer(name, task, model, Path(folder), Path(index), sys.argv[8:])
        Path(out).write_text(json.dumps(found), "utf-8")
        return
    from bench import corpus, machine

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--articles", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true")
    given = parser.parse_args()
    if given.quick:
        given.articles, given.rounds = 20, 1
    from qa.recipe import SHIPPED_FOLDER

    python = environment(corpus.WORK / "peers")
    models = {"MiniLM": machine.minilm(), "shipped": SHIPPED_FOLDER}
    folder, questions = corpus.folder(given.articles), corpus.questions(WARM + 1)
    names = ("qa", "txtai", "txtai, hybrid", "LangChain FAISS", "LlamaIndex")
    # LlamaIndex asks every model how long a text may be, and a static one sets no limit
    every = [(name, model) for model in models for name in names if (name, model) != ("LlamaIndex", "shipped")]
    where, out = corpus.WORK / "peers-indexes", corpus.WORK / "peer.json"
    shutil.rmtree(where, ignore_errors=True)

    def run(one: tuple[str, str], task: str, asked: list[str]) -> tuple[machine.Run, dict[str, list[float]]]:
        name, model = one
        done = machine.run([sys.executable if name == "qa" else python, "-m", "bench.peers", "--peer", name, task,
                            models[model], folder, where / f"{name.replace(', ', '-')}-{model}", out, *asked])
        if done.code:
            raise SystemExit(f"{name} with {model}, {task}: {done.errors[-2_000:]}")
        return done, json.loads(out.read_text("utf-8"))

    where.mkdir(parents=True)
    builds = {one: run(one, "build", []) for one in every}
    for one in every:  # so that all files are in memory and all modules compiled
        run(one, "ask", questions[:1])
    first: dict[tuple[str, str], list[machine.Run]] = {one: [] for one in every}
    warm: dict[tuple[str, str], list[float]] = {one: [] for one in every}
    for _ in range(given.rounds):
        for one in every:
            first[one].append(run(one, "ask", questions[:1])[0])
            warm[one] += run(one, "ask", questions)[1]["times"]
    listed = subprocess.run([python, "-m", "pip", "list", "--format=json"], capture_output=True, check=True)
    versions = {one["name"]: one["version"] for one in json.loads(listed.stdout)}
    peers = ("txtai", "langchain-community", "llama-index-core", "torch")
    print(f"{machine.facts()}; peers: {', '.join(f'{name} {versions[name]}' for name in peers)}", end="\n\n")
    rows = []
    for one in every:
        seconds = [run.seconds for run in first[one]]
        made, beside = builds[one][1], first["qa", one[1]]
        rows.append([one[0], one[1], made["passages"], f"{builds[one][0].seconds:.1f}", f"{builds[one][0].memory:.0f}",
                     f"{machine.median(seconds):.2f}",
                     f"{machine.ratio([run.seconds for run in beside], seconds):.1f}",
                     f"{machine.median([run.memory for run in first[one]]):.0f}",
                     f"{1000 * machine.median(warm[one]):.1f}", f"{1000 * machine.worst(warm[one]):.1f}"])
    machine.table([f"{given.articles} articles", "model", "passages", "build, seconds", "MB", "first answer, seconds",
                   "times qa's", "MB", "next answers p50, ms", "p99, ms"], rows)
    os.unlink(out)


if __name__ == "__main__":
    main()
