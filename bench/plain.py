"""The plain recipe that qa is measured against, as anyone would write it: a script that imports nothing of qa.

    python bench/plain.py build MODEL FOLDER INDEX [ARTICLES]    # prints passages and seconds, the model loaded
    python bench/plain.py ask MODEL INDEX QUESTION               # prints the five nearest passages
"""

import json
import sys
import time
from pathlib import Path

import faiss
from langchain_text_splitters import RecursiveCharacterTextSplitter
from sentence_transformers import SentenceTransformer

task, model = sys.argv[1], SentenceTransformer(sys.argv[2], device="cpu")
if task == "build":
    folder, index = Path(sys.argv[3]), Path(sys.argv[4])
    began = time.perf_counter()
    splitter = RecursiveCharacterTextSplitter(chunk_size=1000, chunk_overlap=0)
    files = sorted(path for path in folder.rglob("*") if path.is_file())[: int((sys.argv[5:] or [1 << 40])[0])]
    passages = [{"file": str(path), "text": text} for path in files
                for text in splitter.split_text(path.read_text("utf-8", "replace"))]
    vectors = model.encode([one["text"] for one in passages], normalize_embeddings=True)
    flat = faiss.IndexFlatIP(vectors.shape[1])
    flat.add(vectors)
    index.mkdir(parents=True, exist_ok=True)
    faiss.write_index(flat, str(index / "vectors.faiss"))
    (index / "passages.json").write_text(json.dumps(passages), "utf-8")
    print(json.dumps({"passages": len(passages), "seconds": time.perf_counter() - began}))
else:
    index, question = Path(sys.argv[3]), sys.argv[4]
    flat, passages = faiss.read_index(str(index / "vectors.faiss")), json.loads((index / "passages.json").read_text())
    _, rows = flat.search(model.encode([question], normalize_embeddings=True), 5)
    for row in rows[0]:
        print(passages[row]["file"], passages[row]["text"], sep="\n")
