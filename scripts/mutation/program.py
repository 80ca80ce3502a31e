# SPDX-License-Identifier: MIT
"""Judges mutants: all those in function bodies of a header by one program, which reads at run time whose body it runs.

A body { B } becomes { if (no mutant of it is chosen) { B } else switch (number) { case 1: { B mutated } ... } }, each mutant
on a line of its own, so that an error of the compiler names it. What is not in a body (a default, a constant of a
namespace, the list of a constructor), what the compiler evaluates, and what survives is compiled alone.
"""
import concurrent.futures
import functools
import os
import pathlib
import re
import resource
import shutil
import subprocess
import sys
import time

from mutation.source import TOKEN

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
WORK = ROOT / "build/mutate"
COMPILER = os.environ.get("CXX", "clang++")
FLAGS = ["-std=c++20", "-w", "-D_GLIBCXX_ASSERTIONS", "-isystem", "/usr/include/eigen3"]
# The tests of a header that are not, or not only, the one of its path.
TESTS = {"numerics/limbs": ["numerics/wide"], "objective/decoder": ["objective/decoder", "objective/softmax_decoder"],
         "state/apply": ["state/apply", "state/state", "state/diagonal", "process/levels"],
         "state/kernel_loop": ["state/kernels"], "random/box_muller": ["random/box_muller", "random/vector_normals"],
         "state/element_source": ["state/apply", "sampler/sample"], "numerics/vector_math": ["numerics/likelihood_kernels"],
         "numerics/each_instruction_set": ["numerics/instruction_set"]}
# Laws are compiled for a kind of state; these differ in what the code does for them.
KINDS = {"state/state": ["vector_double", "scalar_double", "vector_float", "eigen_row_major"],
         "state/diagonal": ["vector_double", "eigen_row_major"], "process/levels": ["vector_double", "eigen_row_major"]}
PRELUDE = """#include <cstdlib>
#include <type_traits>
namespace mutation {
inline const int number = [] { const char* text = std::getenv("MUTANT"); return text ? std::atoi(text) : 0; }();
constexpr bool none_of(int first, int last) { return std::is_constant_evaluated() || number < first || number > last; }
}
"""


def limited():
    resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def run(command, seconds, **environment):
    """The output of a command, and its status: None where it took too long."""
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=seconds, errors="replace",
                              preexec_fn=limited, env={**os.environ, **environment})
        return done.stdout, done.returncode
    except subprocess.TimeoutExpired:
        return "", None


@functools.cache
def catch_is_old():
    return run([COMPILER, "-E", "-xc++", "-include", "catch2/catch_all.hpp", "/dev/null"], 60)[1] != 0


@functools.cache
def precompiled(level):
    header = WORK / f"precompiled{level}.hpp"
    header.write_text(PRELUDE + "".join(f"#include <{name}>\n" for name in (
        "catch2/catch.hpp" if catch_is_old() else "catch2/catch_all.hpp", "boost/math/constants/constants.hpp",
        "boost/multiprecision/mpfr.hpp", "functional", "random", "sstream")))
    clang = "clang" in run([COMPILER, "--version"], 60)[0]
    flags = ["-fpch-instantiate-templates"] if clang else []
    output, status = run([COMPILER, *FLAGS, level, *flags, "-xc++-header", str(header), "-o",
                          f"{header}.{'pch' if clang else 'gch'}"], 300)
    if status != 0:
        sys.exit(output)
    limits = ["-ferror-limit=0", "-ftemplate-backtrace-limit=0"] if clang else ["-fmax-errors=0"]
    return [*limits, *(["-include-pch", f"{header}.pch"] if clang else ["-include", str(header)])]


@functools.cache
def catch_main():
    if not catch_is_old():
        return ["-lCatch2Main", "-lCatch2"]
    source = WORK / "catch_main.cpp"
    source.write_text("#define CATCH_CONFIG_MAIN\n#include <catch2/catch.hpp>\n")
    output, status = run([COMPILER, "-std=c++20", "-O1", "-c", str(source), "-o", f"{source}.o"], 300)
    if status != 0:
        sys.exit(output)
    return [f"{source}.o"]


def one_line(text):
    return "".join(" " if m.lastgroup == "skip" else m.group() for m in TOKEN.finditer(text))


class Program:
    """A test, compiled with the headers of a folder."""

    def __init__(self, source, kind, folder):
        self.source, self.kind, self.folder, self.level, self.seconds = source, kind, folder, "-O0", None
        self.name = source + (f" of {kind}" if kind else "")
        self.file = folder / re.sub(r"\W", "_", self.name)

    def compile(self, check_only=False):
        """What the compiler says, or None where it compiles."""
        kind = [f'-DSTATE_KIND="{WORK}/tests/support/states/{self.kind}.hpp"'] if self.kind else []
        output, status = run([COMPILER, *FLAGS, self.level, *kind, *precompiled(self.level), f"-I{self.folder}/include",
                              str(WORK / f"tests/{self.source}.test.cpp"),
                              *(["-fsyntax-only"] if check_only else ["-c", "-o", f"{self.file}.o"])], 900)
        if status != 0:
            return output or "too slow"
        if check_only:
            return None
        output, status = run([COMPILER, f"{self.file}.o", *catch_main(), "-lmpfr", "-lgmp", "-o", str(self.file)], 120)
        if status != 0:
            sys.exit(output)
        return None

    def passes(self, number, seconds):
        return run([str(self.file), "--abort", "~[long]"], seconds, MUTANT=str(number))[1] == 0

    def measure(self):
        """Compiles for speed where the test is slow, and requires that it passes with no mutant chosen."""
        for self.level in (self.level, "-O1"):
            output = self.compile()
            if output:
                sys.exit(f"{self.name} does not compile:\n{output}")
            start = time.monotonic()
            output, status = run([str(self.file), "--abort", "~[long]"], None)
            self.seconds = time.monotonic() - start
            if status != 0:
                sys.exit(f"{self.name} fails without any mutation:\n{output[-3000:]}")
            if self.seconds < 5:
                break


class Judge:
    """Judges the mutants of one header: (mutant, killer), where killer is '' for a survivor and None where the mutant does
    not compile."""

    def __init__(self, header, jobs):
        self.header, self.jobs = header, jobs
        self.folder = WORK / "judge"
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(WORK / "include", self.folder / "include")
        self.file = self.folder / "include/diffusion" / header.path
        name = header.path.rsplit(".", 1)[0]
        self.programs = [Program(source, kind, self.folder) for source in TESTS.get(name, [name])
                         for kind in KINDS.get(source, [None])]
        for program in self.programs:
            if not (WORK / f"tests/{program.source}.test.cpp").exists():
                sys.exit(f"no tests/{program.source}.test.cpp")

    def judge(self, mutants):
        together, alone, bodies = {}, [], self.header.bodies()
        for mutant in mutants:
            body = next((b for b in bodies if b[0] < mutant.start and mutant.end <= b[1]), None)
            plain = body and "\n#" not in self.header.text[body[0]:body[1]]
            together.setdefault(body, []).append(mutant) if plain else alone.append(mutant)
        numbers, number = {}, 0
        for body in sorted(together):
            for mutant in together[body]:
                number += 1
                numbers[number] = (mutant, body)

        programs = []
        for program in self.programs:
            yield from self.drop_what_does_not_compile(program, numbers, alone)
            program.measure()
            programs.append(program)
        if numbers:
            print(f"# {self.header.path}: {len(numbers)} mutants in one program, {len(alone)} alone; tests take " +
                  ", ".join(f"{p.seconds:.1f} s" for p in programs), file=sys.stderr, flush=True)
        with concurrent.futures.ThreadPoolExecutor(self.jobs) as pool:
            for number, killer in pool.map(lambda n: (n, self.killer(n)), list(numbers)):
                if killer:
                    yield numbers[number][0], killer
                else:
                    alone.append(numbers[number][0])
        for mutant in alone:
            yield mutant, self.killer_alone(mutant)
        self.file.write_text(self.header.text)

    def killer(self, number):
        return next((p.name for p in self.programs if not p.passes(number, 5 * p.seconds + 5)), "")

    def write(self, numbers):
        """Writes the header with the mutants; says which line is whose."""
        text, at, out = self.header.text, 0, []
        bodies = {}
        for number, (mutant, body) in numbers.items():
            bodies.setdefault(body, []).append(number)
        for (first, last), inside in sorted(bodies.items()):
            out.append(text[at:first] + f"{{ if (::mutation::none_of({min(inside)}, {max(inside)})) " + text[first:last + 1] +
                       " else switch (::mutation::number) {\n")
            for number in inside:
                out.append(f"case {number}: {one_line(numbers[number][0].within(first, last + 1))}\n")
            out.append("} }")
            at = last + 1
        whole = "".join(out) + text[at:]
        self.file.write_text(whole)
        return {line: int(m[1]) for line, code in enumerate(whole.split("\n"), 1) if (m := re.match(r"case (\d+): \{", code))}

    def drop_what_does_not_compile(self, program, numbers, alone):
        """Takes from numbers what the test does not compile with; what may compile by itself goes to alone."""
        place = re.compile(r"(/\S+):(\d+):\d+:")
        while True:
            lines = self.write(numbers)
            output = program.compile(check_only=True)
            if output is None:
                return
            direct, named, deduced = set(), set(), set()
            for message in re.split(r"(?m)^(?=[^\n]*(?:fatal )?error: )", output)[1:]:
                places = [int(n) for file, n in place.findall(message) if os.path.normpath(file) == str(self.file)]
                owners = [lines[n] for n in places if n in lines]
                if owners and os.path.normpath(message.split(":")[0]) == str(self.file):
                    direct.add(owners[0])
                named.update(owners[:1])
                deduced.update(owners[:1] if "deduced" in message else [])
            for number in direct or named:
                mutant = numbers.pop(number)[0]
                if number in direct - deduced:  # the result of the others, not of itself, may be what it contradicts
                    yield mutant, None
                else:
                    alone.append(mutant)
            if not (direct or named):  # a cause that no message names
                alone += [mutant for mutant, _ in numbers.values()]
                numbers.clear()

    def killer_alone(self, mutant):
        for program in self.programs:
            if program.seconds is None:
                self.file.write_text(self.header.text)
                program.measure()
            self.file.write_text(mutant.whole())
            output = program.compile()
            if output:
                return program.name if re.search(r"static assertion failed|static_assert failed", output) else None
            if not program.passes(0, 5 * program.seconds + 5):
                return program.name
        return ""
