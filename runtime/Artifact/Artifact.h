//===- Artifact.h - Open a compiled model --------------------------------------===//
// An artifact is a folder that mm1c wrote:
//
//   m1.mm1/manifest.json                what it is, and the hash of every file (Manifest.h)
//          plan.bin                     what to run (Plan.h)
//          kernels/cpu-LEVEL.so         with what (KernelABI.h)
//          weights/rank-0.safetensors   on what
//          tokenizer/  golden/          text, and prompts with logits for the self-test
//
//   auto artifact = Artifact::open("m1.mm1");
//   if (!artifact)
//     return artifact.takeError();
//   artifact->plan().maxContext;
//
// Everything is checked before it is believed. Weights are only mapped: their names, types and sizes are checked here,
// their bytes by verifyWeights(), because reading them may take minutes.
//===---------------------------------------------------------------------------===//
#pragma once

#include "runtime/Artifact/Manifest.h"
#include "runtime/Artifact/Plan.h"
#include "runtime/Artifact/SafeTensors.h"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace mm1 {

/// Told how far a long job is.
using Progress = std::function<void(uint64_t doneBytes, uint64_t totalBytes)>;

class Artifact {
public:
  /// Opens `folder`. Input error: a file is missing, damaged, of another version, or contradicts another; the message
  /// names file and field. Machine error: no permission or no memory.
  static Expected<Artifact> open(const std::string &folder);

  /// Reads every byte of the weights and compares hashes. Input error naming the first tensor that differs.
  Status verifyWeights(const Progress &progress) const;

  const std::string &folder() const { return root; }
  const Manifest &manifest() const { return description; }
  const Plan &plan() const { return steps; }
  /// False for one that was compiled with --no-weights: it can be described,
  /// and timed with random weights.
  bool hasWeights() const { return tensors.has_value(); }
  const SafeTensorsFile &weights() const { return *tensors; }
  /// The tensor of plan().weights[index], of exactly its type and size.
  const SafeTensor &weight(size_t index) const { return *weightTensors[index]; }
  /// Whether the manifest lists `relative`; the file is then there, and its hash was right.
  bool has(std::string_view relative) const {
    return description.find(relative) != nullptr;
  }
  /// The path of a file of the artifact.
  std::string path(std::string_view relative) const {
    return root + "/" + std::string(relative);
  }

private:
  Artifact(std::string root, Manifest description, Plan steps,
           std::optional<SafeTensorsFile> tensors)
      : root(std::move(root)), description(std::move(description)),
        steps(std::move(steps)), tensors(std::move(tensors)) {}

  std::string root;
  Manifest description;
  Plan steps;
  std::optional<SafeTensorsFile> tensors;
  std::vector<const SafeTensor *>
      weightTensors; // into tensors, whose list does not move
};

} // namespace mm1
