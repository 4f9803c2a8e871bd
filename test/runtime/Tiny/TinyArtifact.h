//===- TinyArtifact.h - Write an artifact without a compiler --------------===//
// The tiny model of TinyModel.h as an artifact, with every part open to be
// spoilt before it is written:
//
//   TinyArtifact tiny;
//   launchOf(tiny.plan, 0, 0).kernel = 99;
//   std::string folder = tiny.write();
//   Artifact::open(folder);            // says what is wrong
//===----------------------------------------------------------------------===//
#pragma once

#include "runtime/Artifact/Artifact.h"
#include "runtime/Artifact/plan_generated.h"

#include <cstddef>
#include <map>
#include <string>
#include <vector>

namespace mm1::tiny {

class TinyArtifact {
public:
  TinyArtifact();
  ~TinyArtifact();

  /// Writes the folder and returns its path; it goes away with this object.
  const std::string &write();
  const std::string &folder() const { return root; }

  std::vector<std::byte> planBytes();
  /// The manifest's fields for the files as write() makes them.
  nlohmann::ordered_json manifestFields();

  /// Makes it one for a GPU: kernels of TinyCuda.cu as a host module, and a
  /// cubin that describes them and has no code, so that only an emulated driver
  /// runs it. `architecture` is "sm_90a" or "sm_80".
  void makeCuda(const std::string &architecture = "sm_90a");

  fb::PlanT plan;
  nlohmann::ordered_json extra; ///< merged over the manifest's fields
  bool hashesTensors =
      false; ///< one hash per tensor instead of one for the weights' file
  std::string level = "x86-64-v3";
  std::string kernelsFile; ///< copied to kernels/cpu-LEVEL.so
  std::map<std::string, std::string> moreFiles; ///< by path in the artifact

private:
  std::string kernelsPath() const;
  std::string root;
};

/// Step `step` of entry `entry`, and its launch.
inline fb::StepT &stepOf(fb::PlanT &plan, size_t entry, size_t step) {
  return *plan.entries[entry]->steps[step];
}
inline fb::LaunchT &launchOf(fb::PlanT &plan, size_t entry, size_t step) {
  return *stepOf(plan, entry, step).action.AsLaunch();
}

/// A file's bytes, and back.
std::string readAll(const std::string &path);
void writeAll(const std::string &path, std::string_view bytes);

} // namespace mm1::tiny
