//===- WeightPacker.h - From recipes to weights/rank-0.safetensors --------===//
// Evaluates the recipe of every `mm1.weight` and writes the tensors in the
// layout the kernels want, in the order of the module:
//
//   mm1.weight @w1 : tensor<4x96x64xbf16, #mm1.tiled<panel = 32, depth = 2>> = #mm1.recipe<
//       sources = [#mm1.source<"experts.0.w1.weight" : tensor<96x64xbf16>>, ...],
//       steps = [#mm1.stack, #mm1.tile<panel = 32, depth = 2>]>
//   ->  "w1" BF16 [4, 3, 32, 32, 2]
//
// Tensors start at multiples of 64 bytes, or of 1024 when a weight is swizzled:
// a device that loads the file as one block keeps them aligned.
//
// Streaming: a thread takes one weight (or a weight and its scales, which have
// the same sources, so that these are read once), and walks it in pieces of a
// few rows: read from the mapped checkpoint, transform, hash, write, give the
// pages back. Memory is threads times pieces, whatever the model's size.
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/Artifact/PackJournal.h"
#include "compiler/Import/Checkpoint.h"
#include "runtime/Support/Expected.h"

#include "mlir/IR/BuiltinOps.h"

#include <functional>
#include <map>
#include <string>

namespace mm1 {

struct PackProgress {
  uint64_t doneBytes, totalBytes; ///< of packed weights
  double bytesPerSecond;          ///< since the start of this run
  double secondsLeft;             ///< at that rate
};

struct PackOptions {
  uint64_t memoryBytes = uint64_t(2) << 30; ///< for buffers and mapped pages
  unsigned threads = 0;                     ///< 0: one per processor
  /// Told a few times a second, from one thread at a time; may be empty.
  std::function<void(const PackProgress &)> progress;
};

struct PackedWeights {
  uint64_t fileBytes = 0;
  std::map<std::string, std::string> hashes; ///< XXH3-64 of each tensor
  uint64_t resumedBytes = 0; ///< found finished from an earlier run
};

/// Bytes on the disk that packWeights needs, at most.
uint64_t packedFileBytes(mlir::ModuleOp module);

/// Packs all weights of `module` into the file `path` and notes finished tensors
/// in `journal`. When the journal has entries and the file is the one they speak
/// of, goes on from there after checking what is finished.
/// Input error: a source is missing or of another shape, a value that cannot be
/// quantised; usage error: less memory than one piece needs; machine error:
/// disk, permissions.
Expected<PackedWeights> packWeights(mlir::ModuleOp module,
                                    const Checkpoint &checkpoint,
                                    const std::string &path,
                                    PackJournal journal,
                                    const PackOptions &options);

} // namespace mm1
