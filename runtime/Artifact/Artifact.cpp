//===- Artifact.cpp - Open a compiled model -------------------------------===//
// Order of the checks: the manifest; size and hash of every other file; the
// plan; the weights against the plan. A damaged file is thus reported as
// damaged, not as the nonsense that it says.
#include "runtime/Artifact/Artifact.h"
#include "runtime/Support/Json.h"
#include "runtime/Support/MappedFile.h"

#include <sys/stat.h>

namespace mm1 {

namespace {

constexpr std::string_view kManifest = "manifest.json";
constexpr std::string_view kPlan = "plan.bin";
constexpr std::string_view kWeights = "weights/rank-0.safetensors";

std::string_view asText(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char *>(bytes.data()), bytes.size()};
}

Error hashError(const std::string &path, const std::string &found,
                const std::string &wanted) {
  return inputError(
      path + ": hashes to " + found + "; manifest.json says " + wanted +
      ": the file was changed or damaged; copy or build the artifact again");
}

Status checkFile(const std::string &path, const Manifest::File &file) {
  auto mapped = MappedFile::open(path);
  if (!mapped)
    return mapped.takeError();
  if (mapped->bytes().size() != file.sizeBytes)
    return inputError(path + ": has " + std::to_string(mapped->bytes().size()) +
                      " bytes; manifest.json says " +
                      std::to_string(file.sizeBytes));
  if (file.path == kWeights)
    return Status::ok(); // verifyWeights
  if (file.hash.empty())
    return inputError(path + ": has no hash of its whole in manifest.json");
  std::string hash = hashHex(mapped->bytes());
  return hash == file.hash ? Status::ok()
                           : Status(hashError(path, hash, file.hash));
}

Status checkWeight(const std::string &path, const Plan::Weight &wanted,
                   const SafeTensor *found) {
  std::string prefix = path + ": tensor " + inQuotes(wanted.name) + " ";
  if (!found)
    return inputError(prefix + "is missing; plan.bin reads it");
  if (found->type != wanted.element || found->bytes.size() != wanted.sizeBytes)
    return inputError(prefix + "has " + std::to_string(found->bytes.size()) +
                      " bytes of " + std::string(name(found->type)) +
                      "; plan.bin reads " + std::to_string(wanted.sizeBytes) +
                      " bytes of " + std::string(name(wanted.element)));
  if (found->offset % kBufferAlignment != 0)
    return inputError(prefix + "starts at byte " +
                      std::to_string(found->offset) + ", not a multiple of " +
                      std::to_string(kBufferAlignment));
  return Status::ok();
}

} // namespace

Expected<Artifact> Artifact::open(const std::string &folder) {
  struct stat info;
  if (::stat(folder.c_str(), &info) == 0 && !S_ISDIR(info.st_mode))
    return inputError(
        folder +
        ": is a file; an artifact is a folder that 'mm1c compile' wrote");
  std::string prefix = folder + "/";
  std::string manifestPath = prefix + std::string(kManifest);
  auto manifestFile = MappedFile::open(manifestPath);
  if (!manifestFile)
    return manifestFile.takeError();
  auto manifest = Manifest::parse(asText(manifestFile->bytes()), manifestPath);
  if (!manifest)
    return manifest.takeError();
  if (manifest->ranks != 1)
    return inputError(
        manifestPath + ": 'ranks' is " + std::to_string(manifest->ranks) +
        ", but this mm1-run drives one; recompile for one device");
  for (std::string_view needed : {kPlan, kWeights})
    if (!manifest->find(needed) && (manifest->hasWeights || needed == kPlan))
      return inputError(manifestPath + ": 'files' has no '" +
                        std::string(needed) + "'");
  for (const Manifest::File &file : manifest->files)
    if (Status status = checkFile(prefix + file.path, file); !status)
      return status.takeError();

  std::string planPath = prefix + std::string(kPlan);
  auto planFile = MappedFile::open(planPath);
  if (!planFile)
    return planFile.takeError();
  auto plan = Plan::parse(planFile->bytes(), planPath);
  if (!plan)
    return plan.takeError();
  if (plan->ranks() != manifest->ranks)
    return inputError(planPath + ": is for " + std::to_string(plan->ranks()) +
                      " ranks; manifest.json says " +
                      std::to_string(manifest->ranks));
  for (const Plan::Module &module : plan->modules)
    for (const Plan::Variant &variant : module.variants)
      if (!manifest->find(variant.path))
        return inputError(planPath + ": has kernels in " +
                          inQuotes(variant.path) +
                          ", which manifest.json does not list");

  if (!manifest->hasWeights)
    return Artifact(folder, std::move(*manifest), std::move(*plan),
                    std::nullopt);
  std::string weightsPath = prefix + std::string(kWeights);
  auto weights = SafeTensorsFile::open(weightsPath);
  if (!weights)
    return weights.takeError();
  Artifact artifact(folder, std::move(*manifest), std::move(*plan),
                    std::move(*weights));
  for (const Plan::Weight &wanted : artifact.steps.weights) {
    const SafeTensor *found = artifact.tensors->find(wanted.name);
    if (Status status = checkWeight(weightsPath, wanted, found); !status)
      return status.takeError();
    artifact.weightTensors.push_back(found);
  }
  return artifact;
}

Status Artifact::verifyWeights(const Progress &progress) const {
  if (!tensors)
    return Status::ok();
  const Manifest::File &file = *description.find(kWeights);
  std::string weightsPath = path(kWeights);
  if (!file.hash.empty()) {
    auto mapped = MappedFile::open(weightsPath);
    if (!mapped)
      return mapped.takeError();
    std::string hash = hashHex(mapped->bytes());
    if (hash != file.hash)
      return hashError(weightsPath, hash, file.hash);
    progress(file.sizeBytes, file.sizeBytes);
    return Status::ok();
  }
  uint64_t done = 0, total = 0;
  for (const SafeTensor &tensor : tensors->tensors())
    total += tensor.bytes.size();
  for (const SafeTensor &tensor : tensors->tensors()) {
    if (isPadding(tensor.name))
      continue;
    auto wanted = file.tensors.find(tensor.name);
    if (wanted == file.tensors.end())
      return inputError(weightsPath + ": tensor " + inQuotes(tensor.name) +
                        " has no hash in manifest.json");
    std::string hash = hashHex(tensor.bytes);
    if (hash != wanted->second)
      return hashError(weightsPath + ": tensor " + inQuotes(tensor.name), hash,
                       wanted->second);
    done += tensor.bytes.size();
    progress(done, total);
  }
  return Status::ok();
}

} // namespace mm1
