// SPDX-License-Identifier: MIT
// Executes every equation of the source documents and prints what it found: whether the print is true, how far its two
// sides are apart, and where it is false the worst case. docs/equations holds the verdicts that must come out.
#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <vector>

#include "intuitions.hpp"
#include "joint.hpp"
#include "note.hpp"
#include "walk.hpp"

namespace {

struct Source {
  const char* title;
  std::vector<equations::Check> checks;
};

std::vector<Source> sources() {
  return {
      {"Intuitions on Diffusion Model", equations::intuitions::checks()},
      {"Diffusion models, by the example of DDPM", equations::note::checks()},
      {"Diffusion, a walk in a space of many dimensions", equations::walk::checks()},
      {"Diffusion models, a second view: joint distributions", equations::joint::checks()},
  };
}

}  // namespace

int main(int argc, char** argv) {
  bool tsv = false;
  std::string only;
  CLI::App app("Executes the equations of the source documents, in 192 bits.");
  app.add_flag("--tsv", tsv, "print key, verdict and witness for scripts/equations");
  app.add_option("--only", only, "run the keys that start with this");
  CLI11_PARSE(app, argc, argv);

  const auto start = std::chrono::steady_clock::now();
  int wrong = 0, holding = 0, mended = 0;
  for (const Source& source : sources()) {
    if (!tsv) std::printf("\n%s\n", source.title);
    for (const equations::Check& check : source.checks) {
      if (!std::string(check.key).starts_with(only)) continue;
      const equations::Outcome printed = check.printed();
      const bool has_correction = check.corrected != nullptr;
      const equations::Outcome corrected = has_correction ? check.corrected() : printed;
      // A print that holds needs no correction; one that does not must have one that does.
      const bool consistent = printed.holds ? !has_correction : has_correction && corrected.holds;
      (printed.holds ? holding : mended) += 1;
      wrong += consistent ? 0 : 1;
      if (tsv) {
        std::printf("%s\t%s\t%s\n", check.key, printed.holds ? "holds" : "false", printed.witness.c_str());
      } else {
        std::printf("  %-44s %-5s %8.1e", check.key, printed.holds ? "holds" : "FALSE", printed.residual);
        if (!printed.holds) std::printf("  corrected %8.1e  (%s)", corrected.residual, printed.witness.c_str());
        std::printf("\n");
      }
      if (!consistent)
        std::fprintf(stderr, "%s: %s\n", check.key,
                     printed.holds ? "holds as printed, and has a correction"
                                   : (has_correction ? corrected.witness : "false, without a correction").c_str());
    }
  }
  if (!tsv)
    std::printf("\n%d equations hold as printed; %d do not, and are corrected; %.1f s\n", holding, mended,
                std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  return wrong == 0 ? 0 : 1;
}
