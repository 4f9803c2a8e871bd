//===- MakeKitArguments.cpp - The command line of mm1-make-gpu-kit --------===//
#include "test/gpu/MakeKitArguments.h"

#include <CLI/CLI.hpp>

namespace mm1::kit {

std::optional<int> readArguments(int argc, char **argv,
                                 MakeKitArguments &arguments) {
  CLI::App app("Packs the kernels of an artifact for a GPU with inputs and "
               "right answers, for mm1-gpu-kit to run");
  app.add_option("ARTIFACT", arguments.artifact,
                 "What mm1c compile --target sm_90a (or emulated:sm_90a) wrote")
      ->required();
  app.add_option("-o,--output", arguments.output, "The folder to make")
      ->required();
  app.add_option("--nvrtc", arguments.nvrtc,
                 "NVIDIA's compiler, libnvrtc.so.13 (default: searched)");
  app.add_option("--host-compiler", arguments.hostCompiler,
                 "The C++ compiler for emulated targets (default: searched)");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError &error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  return std::nullopt;
}

} // namespace mm1::kit
