//===- MakeKitArguments.h - The command line of mm1-make-gpu-kit ----------===//
#pragma once

#include <optional>
#include <string>

namespace mm1::kit {

struct MakeKitArguments {
  std::string artifact, output;
  std::string nvrtc;        ///< its file; empty: searched
  std::string hostCompiler; ///< empty: searched
};

/// Reads the command line. \returns the code to exit with, if that is all.
std::optional<int> readArguments(int argc, char **argv,
                                 MakeKitArguments &arguments);

} // namespace mm1::kit
