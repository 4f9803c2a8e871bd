//===- Checkpoint.h - A folder of weights, checked against its config -----===//
// Opens config.json's neighbours: model.safetensors, or shards with
// model.safetensors.index.json. After open() every tensor the config implies is
// there with the right shape and a type we read; bytes are mapped, read when
// touched.
//
//   auto config = ModelConfig::load(folder + "/config.json");
//   auto checkpoint = Checkpoint::open(folder, *config);
//   const CheckpointTensor *norm = checkpoint->tensor("model.norm.weight");
//   norm->bytes;
//
// openMetadata() also accepts a folder with config.json alone, or with an index
// but no shards: enough to compile for, not to pack weights from.
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/Import/TensorTable.h"
#include "runtime/Artifact/SafeTensors.h"

#include <memory>

namespace mm1 {

/// One tensor the model uses.
struct CheckpointTensor {
  std::string_view name;
  std::span<const int64_t> shape;
  ElementType type; ///< as stored: BF16 or F32; without weights, as published
  TensorRole role;
  int32_t layer, expert;
  std::string_view file; ///< file name inside the folder, empty without weights
  uint64_t offset = 0;   ///< of the first byte in the file
  std::span<const std::byte> bytes; ///< empty without weights
};

class Checkpoint {
public:
  /// Opens and checks the weights in `folder`. Input error naming file and
  /// tensor for a missing or extra tensor, a wrong shape or type, a missing
  /// shard, an index that lies or leads out of the folder. Also the errors of
  /// SafeTensorsFile::open.
  static Expected<Checkpoint> open(const std::string &folder,
                                   const ModelConfig &config);
  /// The same, but content with no weights at all; an index is checked when
  /// there is one.
  static Expected<Checkpoint> openMetadata(const std::string &folder,
                                           const ModelConfig &config);

  Checkpoint(Checkpoint &&) = default;
  Checkpoint &operator=(Checkpoint &&) = default;

  /// The config with shared expert widths taken from the tensors.
  const ModelConfig &config() const { return *model; }
  ExpertLayout expertLayout() const { return layout; }
  bool hasWeights() const { return !files.empty(); }

  /// All used tensors, in the order a token meets them.
  std::span<const CheckpointTensor> tensors() const { return used; }
  const CheckpointTensor *tensor(std::string_view name) const;
  /// Tensors in the files that the model does not need (see
  /// TensorTable::isIgnorable).
  std::span<const std::string> ignored() const { return ignoredNames; }
  /// Oddities that do no harm, one line each.
  std::span<const std::string> notes() const { return noteLines; }
  /// Bytes of all used tensors.
  uint64_t sizeBytes() const;

private:
  Checkpoint() = default;
  friend class CheckpointReader;

  std::unique_ptr<ModelConfig> model;
  std::unique_ptr<TensorTable> table; // owns names and shapes of `used`
  ExpertLayout layout = ExpertLayout::PerExpert;
  std::vector<std::unique_ptr<SafeTensorsFile>> files;
  std::vector<std::string> fileNames;
  std::vector<CheckpointTensor> used; // parallel to table->tensors()
  std::vector<std::string> ignoredNames, noteLines;
};

} // namespace mm1
