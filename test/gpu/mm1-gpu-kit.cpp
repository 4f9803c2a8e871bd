//===- mm1-gpu-kit.cpp - Ask a GPU what only a GPU can say ----------------===//
// The command line. Everything else is in RunKit.h; this is the one file that
// is built with exceptions, because CLI11 reports through them.
//===----------------------------------------------------------------------===//
#include "test/gpu/RunKit.h"

#include <CLI/CLI.hpp>

#include <cstdio>

using namespace mm1;

int main(int argc, char **argv) {
  kit::RunOptions options;
  CLI::App app("Runs a kit of kernels, made by mm1-make-gpu-kit, on a GPU");
  app.add_option("KIT", options.kit, "The folder of the kit")->required();
  app.add_option("--driver", options.driver,
                 "CUDA's driver library, or libcuda-emulated.so")
      ->capture_default_str();
  app.add_option("--gpu", options.gpu, "Number of the GPU")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber);
  app.add_option("--json", options.json,
                 "Write the results here, anew after each");
  app.add_option("--only", options.only, "Some of the groups")
      ->delimiter(',')
      ->check(CLI::IsMember(kit::kGroups));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError &error) {
    return app.exit(error) == 0 ? 0 : static_cast<int>(ErrorKind::Usage);
  }
  if (Status status = kit::runKit(options); !status) {
    std::fprintf(stderr, "mm1-gpu-kit: error: %s\n",
                 status.error().message.c_str());
    return status.error().exitCode();
  }
  return 0;
}
