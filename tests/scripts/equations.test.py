#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""scripts/equations fails, and says why, whatever comes apart: registry, header, test, check, table or outcome."""
import pathlib
import shutil
import subprocess
import sys
import tempfile
import tomllib
import unittest

TREE = pathlib.Path(__file__).resolve().parents[2]


class Equations(unittest.TestCase):
    """Each test breaks one thing in a copy of the tree."""

    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)
        self.root = pathlib.Path(self.directory.name)
        for name in ["docs", "examples/equations", "include", "tests"]:
            shutil.copytree(TREE / name, self.root / name)
        for name in ["README.md", "scripts/equations"]:
            (self.root / name).parent.mkdir(exist_ok=True)
            shutil.copy(TREE / name, self.root / name)

    def documents(self):
        """The entries of the source documents, each with the file that executes it."""
        checks = {p: p.read_text() for p in (self.root / "examples/equations").glob("*.hpp")}
        for path in sorted((self.root / "docs/equations").glob("*.toml")):
            page = tomllib.loads(path.read_text())
            if "document" in page["source"]:
                for entry in page["equation"]:
                    file = next((p for p, text in checks.items() if f'"{entry["key"]}"' in text), None)
                    yield {**entry, "file": file and str(file.relative_to(self.root))}

    def run_script(self, *arguments):
        command = [sys.executable, self.root / "scripts/equations", *arguments]
        return subprocess.run(command, capture_output=True, text=True)

    def change(self, name, old, new):
        path = self.root / name
        text = path.read_text()
        self.assertIn(old, text)
        path.write_text(text.replace(old, new))

    def require_failure(self, message, *arguments):
        result = self.run_script(*(arguments or ["--check"]))
        self.assertNotEqual(result.returncode, 0)
        self.assertIn(message, result.stderr)

    def test_the_tree_is_in_step(self):
        result = self.run_script("--check")
        self.assertEqual((result.returncode, result.stderr), (0, ""))

    def test_header_without_its_key(self):
        self.change("include/diffusion/process/forward.hpp", "[ho2020.7]", "")
        self.require_failure("ho2020.7: include/diffusion/process/forward.hpp does not cite [ho2020.7]")

    def test_header_without_its_function(self):
        self.change("docs/equations/ho2020.toml", 'function = "q_posterior"', 'function = "q_postcrior"')
        self.require_failure("ho2020.7: q_postcrior is not in include/diffusion/process/forward.hpp")

    def test_missing_header(self):
        self.change("docs/equations/ho2020.toml", 'header = "process/forward.hpp"', 'header = "process/backward.hpp"')
        self.require_failure("ho2020.7: no header include/diffusion/process/backward.hpp")

    def test_key_without_test(self):
        self.change("tests/process/forward.test.cpp", "[ho2020.7]", "")
        self.require_failure("ho2020.7: tests/process/forward.test.cpp has no test with the tag [ho2020.7]")

    def test_unknown_tag(self):
        self.change("tests/process/forward.test.cpp", "[ho2020.7]", "[ho2020.7][ho2020.99]")
        self.require_failure("tests/process/forward.test.cpp: ho2020.99 is not in the registry")

    def test_tag_of_an_unknown_paper(self):
        self.change("tests/process/forward.test.cpp", "[ho2020.7]", "[ho2020.7][hu2020.7]")
        self.require_failure("tests/process/forward.test.cpp: hu2020.7 is not in the registry")

    def test_equation_without_check(self):
        entry = next(self.documents())
        self.change(entry["file"], f'"{entry["key"]}"', '"other"')
        self.require_failure(f"{entry['key']}: no check in examples/equations")

    def test_unknown_check(self):
        entry = next(self.documents())
        self.change(entry["file"], f'"{entry["key"]}"', f'"{entry["key"]}_x"')
        self.require_failure(f"{entry['file']}: {entry['key']}_x is not in the registry")

    def test_missing_field(self):
        self.change("docs/equations/salmon2011.toml", 'bound = "exact"\n', "")
        self.require_failure("salmon2011.philox: no bound")

    def test_duplicate_key(self):
        self.change("docs/equations/ho2020.toml", '"ho2020.6"', '"ho2020.7"')
        self.require_failure("ho2020.7: twice in the registry")

    def test_equation_that_rests_on_itself(self):
        self.change("docs/equations/luo2022.toml", 'is = "ho2020.2"', 'is = "luo2022.31"')
        self.require_failure("luo2022.31: is = luo2022.31, which does not lead to an equation of its own")

    def test_stale_pages(self):
        for name in ["README.md", "docs/errata.md", "docs/equations/README.md"]:
            with self.subTest(name):
                path = self.root / name
                text = path.read_text()
                path.write_text(text.replace("$`", "$`x", 1))
                self.require_failure(f"{name} is stale: run scripts/equations")
                path.write_text(text)

    def test_pages_are_written(self):
        self.change("README.md", "`q_transition(s, t)`", "`q_transition(t, s)`")
        self.assertEqual(self.run_script().returncode, 0)
        self.assertEqual((self.root / "README.md").read_text(), (TREE / "README.md").read_text())

    def outcomes(self, **changes):
        """What the program would print: the registry's verdicts, with changes to one that is false."""
        lines, changed = [], False
        for entry in self.documents():
            if entry["verdict"] != "holds" and not changed:
                self.key, changed = entry["key"], True
                entry.update(changes)
            verdict = "holds" if entry["verdict"] == "holds" else "false"
            lines.append("\t".join([entry["key"], verdict, entry.get("witness", "")]))
        path = self.root / "outcomes.tsv"
        path.write_text("\n".join(lines) + "\n")
        return path

    def test_outcomes(self):
        result = self.run_script("--outcomes", self.outcomes())
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        path = self.outcomes(verdict="holds")
        self.require_failure(f"{self.key}: the registry says", "--outcomes", path)
        path = self.outcomes(witness="1 against 2")
        self.require_failure(f"{self.key}: the check prints '1 against 2'", "--outcomes", path)
        path = self.outcomes(key="other.key")
        self.require_failure(f"{self.key}: not executed", "--outcomes", path)
        self.require_failure("other.key: executed, but not in the registry", "--outcomes", path)


if __name__ == "__main__":
    unittest.main()
