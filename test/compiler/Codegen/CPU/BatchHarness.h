//===- BatchHarness.h - Ragged batches and text templates for tests ------===//
// What the tests of kernels with state share:
//
//   Batch batch({{.past = 0, .count = 5, .unit = 2}, {.past = 63, .count = 1}});
//   batch.starts -> 0 5 6, batch.positions -> 0 1 2 3 4 63
//
//   fill("tensor<?x$Nxf32>", {{"N", "64"}}) -> "tensor<?x64xf32>"
//===---------------------------------------------------------------------===//
#pragma once

#include "test/compiler/Codegen/CPU/KernelHarness.h"

#include <map>

namespace mlir::mm1::cpu::test {

/// Replaces each $name; longer names first, so that $DD is not $D.
inline std::string fill(std::string text,
                        const std::map<std::string, std::string> &values) {
  for (auto it = values.rbegin(); it != values.rend(); ++it)
    for (size_t at; (at = text.find("$" + it->first)) != std::string::npos;)
      text.replace(at, it->first.size() + 1, it->second);
  return text;
}

inline const char *mlirName(ElementType type) {
  return type == ElementType::BF16 ? "bf16" : "f32";
}

/// `count` tokens of one sequence, from position `past` on.
struct Sequence {
  int64_t past = 0, count = 0;
  /// Its slot, for lightning attention.
  int64_t slot = 0;
};

/// The integer inputs of a batch.
struct Batch {
  explicit Batch(std::vector<Sequence> all)
      : sequences(std::move(all)), starts(startsOf(sequences)),
        positions(positionsOf(sequences)), slots(slotsOf(sequences)) {}

  int64_t tokens() const { return positions.numColumns; }
  int64_t first(size_t b) const { return int64_t(starts.at(b)); }
  RunDims dims(int64_t pageColumns = 1) const {
    return {.tokens = tokens(),
            .sequences = int64_t(sequences.size()),
            .pageColumns = pageColumns};
  }

  std::vector<Sequence> sequences;
  Vectors starts, positions, slots;

private:
  static Vectors startsOf(const std::vector<Sequence> &sequences) {
    std::vector<int32_t> starts = {0};
    for (const Sequence &sequence : sequences)
      starts.push_back(starts.back() + sequence.count);
    return Vectors(starts);
  }
  static Vectors positionsOf(const std::vector<Sequence> &sequences) {
    std::vector<int32_t> positions;
    for (const Sequence &sequence : sequences)
      for (int64_t i = 0; i < sequence.count; ++i)
        positions.push_back(sequence.past + i);
    return Vectors(positions);
  }
  static Vectors slotsOf(const std::vector<Sequence> &sequences) {
    std::vector<int32_t> slots;
    for (const Sequence &sequence : sequences)
      slots.push_back(sequence.slot);
    return Vectors(slots);
  }
};

} // namespace mlir::mm1::cpu::test
