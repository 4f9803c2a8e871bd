//===- InspectCommand.cpp - mm1c inspect: what an artifact holds ----------===//
#include "compiler/tools/Commands.h"
#include "runtime/Artifact/Artifact.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdio>

namespace mm1 {

static constexpr const char *kNumbers[] = {"registers", "shared_bytes",
                                           "spill_bytes"};

/// The manifest's list of kernels. Manifests are hashed, but somebody may have
/// written one: nothing in it is believed.
static Expected<nlohmann::json> findKernels(const Artifact &artifact) {
  const nlohmann::json &fields = artifact.manifest().fields;
  auto kernels = fields.find("kernels");
  if (kernels == fields.end())
    return inputError(artifact.folder() +
                      ": lists no kernels: only artifacts of GPUs do "
                      "(mm1c compile --target sm_90a)");
  auto isKernel = [](const nlohmann::json &kernel) {
    return kernel.is_object() && kernel.contains("name") &&
           kernel["name"].is_string() && kernel.contains("arch") &&
           kernel["arch"].is_string() &&
           std::all_of(std::begin(kNumbers), std::end(kNumbers),
                       [&](const char *field) {
                         return kernel.contains(field) &&
                                kernel[field].is_number_unsigned();
                       });
  };
  if (!kernels->is_array() ||
      !std::all_of(kernels->begin(), kernels->end(), isKernel))
    return inputError(artifact.folder() +
                      "/manifest.json: 'kernels' is no list of kernels");
  return *kernels;
}

Status inspectCommand(const InspectArguments &arguments) {
  Expected<Artifact> artifact = Artifact::open(arguments.artifact);
  if (!artifact)
    return artifact.takeError();
  Expected<nlohmann::json> kernels = findKernels(*artifact);
  if (!kernels)
    return kernels.takeError();
  if (arguments.json) {
    std::printf(
        "%s\n",
        kernels->dump(2, ' ', true, nlohmann::json::error_handler_t::replace)
            .c_str());
    return {};
  }
  size_t width = 6;
  for (const nlohmann::json &kernel : *kernels)
    width = std::max(width, kernel["name"].get<std::string>().size());
  std::printf("%-*s  %-7s %9s %12s %11s\n", int(width), "kernel", "arch",
              "registers", "shared bytes", "spill bytes");
  for (const nlohmann::json &kernel : *kernels)
    std::printf("%-*s  %-7s %9llu %12llu %11llu\n", int(width),
                kernel["name"].get<std::string>().c_str(),
                kernel["arch"].get<std::string>().c_str(),
                kernel["registers"].get<unsigned long long>(),
                kernel["shared_bytes"].get<unsigned long long>(),
                kernel["spill_bytes"].get<unsigned long long>());
  std::printf("%zu kernels\n", kernels->size());
  return {};
}

} // namespace mm1
