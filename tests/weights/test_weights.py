"""The manifest of weights, and how a file is come by: from a folder, from a package, from a server on this machine."""

import hashlib
import io
import json
import shutil
import sys
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import retrieve_weights
import yaml
from runs import SHRUNKEN, snakemake

from abaw.running.errors import UserError
from abaw.static.imagenet import PACKAGE_BACKBONE, PACKAGE_WEIGHTS
from abaw.tables.files import read_table
from abaw.weights import retrieval
from abaw.weights.manifest import MANIFEST, Weights, check, known, package_file, read_manifest, weights_of_detector
from abaw.weights.retrieval import ATTEMPTS, retrieve

CONTENT = bytes(range(256)) * 5000
DIGEST = hashlib.sha256(CONTENT).hexdigest()


class Server:
    """Answers each request with the next of `answers`: a status, or a body and how much of it is sent."""

    def __init__(self, *answers):
        self.answers, self.paths = list(answers), []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                outer.paths.append(self.path)
                answer = outer.answers.pop(0)
                if isinstance(answer, int):
                    self.send_error(answer)
                    return
                body, sent = answer
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body[:sent])

            def log_message(self, *arguments):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/net.bin"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *error):
        self.server.shutdown()
        self.server.server_close()


def weights_of(url="http://127.0.0.1:1/net.bin", **changes):
    about = {"licence": "MIT", "input": "RGB", "mean": None, "std": None}
    return Weights(**{"name": "net", "file": "net.bin", "url": url, "sha256": DIGEST} | about | changes)


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(retrieval._fetch.retry, "wait", lambda state: 0.01)


def test_the_manifest_is_whole_and_what_packages_carry_has_its_digest():
    manifest = read_manifest()
    assert {"retinaface_mobilenet0.25", "scrfd_10g", "efficientnet_lite0"} <= set(manifest)
    for weights in manifest.values():
        if weights.package:
            check(weights, package_file(weights))
    import timm  # not before abaw.nn has made it importable

    pretrained = timm.get_pretrained_cfg(PACKAGE_BACKBONE)
    assert (pretrained.mean, pretrained.std) == (known(PACKAGE_WEIGHTS).mean, known(PACKAGE_WEIGHTS).std)


def test_no_other_file_of_the_project_has_a_digest_or_an_address_of_weights():
    root = MANIFEST.parents[1]
    sources = [path for part in ("src", "workflow", "config") for path in (root / part).rglob("*") if path.is_file()]
    text = "\n".join(path.read_text(encoding="utf-8") for path in sources if path.suffix != ".pyc")
    for weights in read_manifest().values():
        assert weights.sha256 not in text
        assert weights.url is None or weights.url not in text


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ("a: {file: f}", "sha256 Field required"),
        ("a: {file: f, url: 'ftp://x', sha256: 0, licence: l, input: i, mean: null, std: null}", "url"),
        (f"a: {{file: f, sha256: {DIGEST}, licence: l, input: i, mean: null, std: null}}", "a url or a package"),
        (f"a: {{file: ../f, url: 'http://x', sha256: {DIGEST}, licence: l, input: i, mean: null, std: null}}", "file"),
        ("a: {file: f, pickle: yes}", "pickle Extra inputs are not permitted"),
        ("- a", "cannot be read"),
        ("a: [", "cannot be read"),
    ],
)
def test_a_wrong_manifest_is_a_sentence(tmp_path, entry, says):
    (tmp_path / "weights.yaml").write_text(entry)
    with pytest.raises(UserError, match=says):
        read_manifest(tmp_path / "weights.yaml")


def test_names_that_the_manifest_does_not_know_and_files_that_do_not_fit():
    assert weights_of_detector("mediapipe", None) is None
    assert weights_of_detector("retinaface", "retinaface_mobilenet0.25").file == "mobilenet0.25_Final.pth"
    with pytest.raises(UserError, match=r"no weights resnet in .*weights\.yaml, which knows retinaface_mobilenet0\.25"):
        weights_of_detector("retinaface", "resnet")
    for detector, name in (("retinaface", "scrfd_10g"), ("insightface", "efficientnet_lite0")):
        with pytest.raises(UserError, match=f"faces.weights is {name}, .* none for faces.detector {detector}"):
            weights_of_detector(detector, name)


def test_a_download_that_breaks_off_and_fails_is_tried_again(tmp_path):
    answers = [503, (CONTENT, 70_000), 429, (CONTENT, len(CONTENT))]
    with Server(*answers) as server:
        retrieve(weights_of(server.url), tmp_path / "in" / "net.bin")
    assert (tmp_path / "in" / "net.bin").read_bytes() == CONTENT
    assert server.paths == ["/net.bin"] * 4


def test_what_does_not_pass_is_not_tried_again(tmp_path):
    with (
        Server(404) as server,
        pytest.raises(UserError, match=r"could not be downloaded .*404.* resources\.weights_dir"),
    ):
        retrieve(weights_of(server.url), tmp_path / "net.bin")
    with Server(*[503] * ATTEMPTS) as server, pytest.raises(UserError, match=r"could not be downloaded .*503"):
        retrieve(weights_of(server.url), tmp_path / "net.bin")
    assert (len(server.paths), server.answers) == (ATTEMPTS, [])
    with pytest.raises(UserError, match="could not be downloaded"):
        retrieve(weights_of(), tmp_path / "net.bin")  # nobody listens
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_digest_is_refused_and_nothing_is_left(tmp_path):
    other = CONTENT[:-1]
    with (
        Server((other, len(other))) as server,
        pytest.raises(UserError, match=f"{server.url} has the sha256 .*, expected {DIGEST} for net"),
    ):
        retrieve(weights_of(server.url), tmp_path / "net.bin")
    assert list(tmp_path.iterdir()) == []


def test_a_file_inside_an_archive(tmp_path):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("models/net.bin", CONTENT)
    body = packed.getvalue()
    with Server((body, len(body)), (body, len(body)), (b"no zip", 6)) as server:
        retrieve(weights_of(server.url, member="models/net.bin"), tmp_path / "net.bin")
        assert (tmp_path / "net.bin").read_bytes() == CONTENT
        for member in ("other.bin", "models/net.bin"):
            with pytest.raises(UserError, match="could not be downloaded"):
                retrieve(weights_of(server.url, member=member), tmp_path / "two.bin")
    assert [path.name for path in tmp_path.iterdir()] == ["net.bin"]


def test_a_folder_is_searched_for_the_file_with_the_digest(tmp_path):
    folder, output = tmp_path / "mine", tmp_path / "out" / "net.bin"
    with pytest.raises(UserError, match=r"weights_dir is .*mine, which holds no file net\.bin"):
        retrieve(weights_of(), output, folder)
    for place in ("a", "b/c"):
        (folder / place).mkdir(parents=True)
        (folder / place / "net.bin").write_bytes(b"another of that name")
    with pytest.raises(UserError, match=rf"mine/a/net\.bin has the sha256 .*, expected {DIGEST}"):
        retrieve(weights_of(), output, folder)
    assert list(output.parent.iterdir()) == []
    (folder / "b" / "c" / "net.bin").write_bytes(CONTENT)
    retrieve(weights_of(), output, folder)
    assert output.read_bytes() == CONTENT


def test_the_command_of_the_rule(tmp_path, monkeypatch, capsys):
    (tmp_path / "net.bin").write_bytes(CONTENT)
    arguments = ["--weights", weights_of().model_dump_json(), "--output", str(tmp_path / "out.bin")]
    monkeypatch.setattr(sys, "argv", ["retrieve_weights.py", *arguments, "--folder", str(tmp_path)])
    retrieve_weights.main()
    assert Path(tmp_path / "out.bin").read_bytes() == CONTENT
    assert f"net (MIT), sha256 {DIGEST}" in capsys.readouterr().out
    entry = json.loads(weights_of().model_dump_json()) | {"sha256": "no digest"}
    monkeypatch.setattr(sys, "argv", ["retrieve_weights.py", "--weights", json.dumps(entry), *arguments[2:]])
    with pytest.raises(SystemExit):
        retrieve_weights.main()


@pytest.mark.workflow
def test_the_workflow_retrieves_exports_and_detects(shared, finished, tmp_path):
    folder = tmp_path / "flow"
    shutil.copytree(finished, folder, symlinks=True)
    target = str(min((folder / "results" / "faces").glob("*.parquet")).relative_to(folder))
    faces = {"detector": "retinaface", "weights": "retinaface_mobilenet0.25", "min_score": 0.8}
    weights = folder / "results" / "weights" / faces["weights"]
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "mobilenet0.25_Final.pth").write_bytes(b"another of that name")
    for place, name in ((tmp_path / "mine", "wrong.yaml"), (shared / "weights", "right.yaml")):
        settings = {"faces": faces, "resources": {"weights_dir": str(place)}}
        (folder / name).write_text(yaml.safe_dump(settings))
    snakemake(folder, target, "--cores", "1", *SHRUNKEN, "wrong.yaml", check=False)
    (log,) = (folder / "logs" / "retrieve_weights").iterdir()
    assert "error: " in log.read_text()
    assert "mobilenet0.25_Final.pth has the sha256" in log.read_text()
    assert "Traceback" not in log.read_text()
    assert list(weights.rglob("*")) == []
    snakemake(folder, target, "--cores", "1", *SHRUNKEN, "right.yaml")
    assert {path.name for path in weights.iterdir()} == {"mobilenet0.25_Final.pth", "detector.onnx"}
    seen = [row for row in read_table("faces", folder / target).to_pylist() if row["has_face"]]
    assert len(seen) > 5
    assert all(row["score"] >= 0.8 and row["mouth_left_x_px"] > row["mouth_right_x_px"] for row in seen)
