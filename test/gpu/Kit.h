//===- Kit.h - What is carried to a machine with a GPU --------------------===//
// A kit is a folder that mm1-make-gpu-kit wrote and mm1-gpu-kit runs:
//
//   KIT/kit.json               what to launch, and how near answers must be
//       tensors.safetensors    bytes as they lie in the GPU's memory, and
//                              answers in double
//       modules/NAME-sm_90a.cubin   the kernels
//       modules/NAME-sm_90a.so      the same text for the emulated driver,
//                                   where the kit was made for it too
//
// A case is one launch. Its arguments are blocks of memory; nothing in a kit
// speaks of rows, tiles or pages, so whoever runs it needs to know none:
//
//   {"name": "linear_silu_0", "group": "kernels", "module": "kernels_0",
//    "kernel": "linear_silu_0", "blocks": 6, "threads": 256,
//    "arguments": [
//      {"bytes": 1408, "initial": "linear_silu_0.0"},           is only read
//      {"bytes": 24576, "initial": "linear_silu_0.1"},
//      {"bytes": 4224, "element": "F32", "expected": "linear_silu_0.2",
//       "absolute": 1e-5, "relative": 1e-5},                    is written
//      {"bytes": 24, "initial": "linear_silu_0.3"}],            dims
//    "tolerance": "sums of floats, 24 bits",
//    "moved_bytes": 26112, "flops": 270336}
//
// A question is a case whose memory is compared with several answers, or the
// name of a measurement, or what it needs to be asked:
//
//   {"name": "cut_sums", "question": "...", "source": "GPU attention 7.1",
//    "case": {...}, "asked": 1, "answers": [
//      {"text": "1", "words": [1065353216]},
//      {"text": "1 + 2^-23", "words": [1065353217]}]}
//
// Memory without "initial" begins as 0xFF, which is NaN. An answer has a double
// for each element of its memory, NaN where any content is right. Memory
// without an answer must keep its bytes.
//===----------------------------------------------------------------------===//
#pragma once

#include "runtime/Artifact/SafeTensors.h"
#include "runtime/Support/Expected.h"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace mm1::kit {

/// Raised when the format changes.
inline constexpr int64_t kKitVersion = 1;

inline constexpr char kIndexFile[] = "kit.json";
inline constexpr char kTensorsFile[] = "tensors.safetensors";

/// One block of memory that a kernel is given the address of.
struct Argument {
  uint64_t sizeBytes = 0;
  /// Empty: 0xFF everywhere.
  std::span<const std::byte> initial;
  /// Empty: the bytes must stay as they were.
  std::span<const double> expected;
  ElementType element = ElementType::F32; ///< of `expected`
  /// How far a float may be off: absolute + relative * |expected|. Integers
  /// must be equal.
  double absolute = 0, relative = 0;
};

/// What a question's first words of memory can say.
struct Answer {
  std::string text; ///< "1 + 2^-23"
  std::vector<uint32_t> words;
};

struct Case {
  std::string name;
  std::string group; ///< "conformance" or "kernels"
  std::string module, kernel;
  uint32_t blocks = 1, threads = 1, sharedBytes = 0;
  std::vector<Argument> arguments;
  std::string tolerance; ///< why the tolerance is what it is
  /// Through memory, each byte once, and 2 for each multiply-add of products
  /// with weights; 0: not counted.
  uint64_t movedBytes = 0, flops = 0;
  /// Of the kit's architectures those that the kernel is built for; empty: all.
  std::vector<std::string> architectures;
};

/// Something that only a GPU can say, in one of three ways: a case whose memory
/// is looked at, a measurement that the program knows by name, or not yet.
struct Question {
  std::string name, question;
  std::string source; ///< the section of the design notes that asks it
  std::optional<Case> launch;
  uint32_t asked = 0; ///< the argument of `launch` that is looked at
  /// Those that are known; the first is what the emulation is built to say.
  std::vector<Answer> answers;
  std::string measure; ///< Measurements.h
  std::string needs;   ///< what would have to be written to ask it
};

/// A kernel that has no case.
struct LeftOut {
  std::string name, why;
};

struct Module {
  std::string name, architecture;
  std::string cubin;               ///< path
  std::optional<std::string> host; ///< path
};

class Kit {
public:
  /// Opens the folder `path` and checks every byte of it. Input error: a file
  /// is missing, cut, damaged or of another version, or the index contradicts
  /// the tensors; the message names file and field.
  static Expected<Kit> open(const std::string &path);

  const std::string &path() const { return folder; }
  /// Where it comes from: "examples/02-recall, sm_90a, bf16, int8-experts".
  const std::string &origin() const { return madeFrom; }
  const std::vector<Module> &modules() const { return builds; }
  const std::vector<Case> &cases() const { return launches; }
  /// In the order in which they matter.
  const std::vector<Question> &questions() const { return asked; }
  const std::vector<LeftOut> &leftOut() const { return caseless; }
  /// "sm_80, sm_90a".
  std::string architectures() const;

private:
  std::string folder, madeFrom;
  std::unique_ptr<SafeTensorsFile> tensors;
  std::vector<Module> builds;
  std::vector<Case> launches;
  std::vector<Question> asked;
  std::vector<LeftOut> caseless;
};

} // namespace mm1::kit
