//===- Plan.h - plan.bin after every check --------------------------------===//
// plan.bin is a FlatBuffer that anybody may have written. Plan::parse reads it
// once, believes nothing, and gives plain structs whose indices, offsets and
// sizes can be used without another check:
//
//   auto plan = Plan::parse(bytes, "m1.mm1/plan.bin");
//   if (!plan)
//     return plan.takeError(); // m1.mm1/plan.bin: entries[2].steps[7].kernel
//                              // is 99; expected below 41
//   const Plan::Entry *entry = plan->bucket(EntryKind::Decode, 3, 3);
//
// The words are those of plan.fbs, which says what they mean.
//===----------------------------------------------------------------------===//
#pragma once

#include "runtime/Support/ElementType.h"
#include "runtime/Support/Expected.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace mm1 {

/// Plan.version of the format in plan.fbs.
inline constexpr uint32_t kPlanVersion = 2;
/// Alignment of every buffer that a kernel sees.
inline constexpr uint64_t kBufferAlignment = 64;

enum class StateKind : uint8_t { Recurrent, KVPages };
enum class EntryKind : uint8_t { Decode, Prefill, Head };
enum class GridUnit : uint8_t { One, Tokens, Sequences };
enum class ArgKind : uint8_t { Arena, Weight, State };
enum class Access : uint8_t { Read, Write, Update };
enum class DeviceKind : uint8_t { CPU, CUDA };
enum class Builtin : uint8_t { None, Begin, Publish };
enum class GridAxis : uint8_t { PP, EP, TP };
enum class CollectiveKind : uint8_t { AllReduce, AllGather };

/// "decode", "prefill", "head".
std::string_view name(EntryKind kind);
/// "cpu", "cuda".
std::string_view name(DeviceKind kind);

/// What the runtime follows; see plan.fbs. Only parse() makes one.
struct Plan {
  struct Weight {
    std::string name;
    ElementType element;
    uint64_t sizeBytes;
  };
  struct State {
    std::string name;
    StateKind kind;
    uint64_t unitBytes, units;

    uint64_t sizeBytes() const { return unitBytes * units; }
  };
  struct Variant {
    std::string name, path;
  };
  struct Module {
    DeviceKind device;
    std::vector<Variant> variants; // at least one
    std::optional<uint32_t> hostOf;

    /// The build called `name`, or null.
    const Variant *variant(std::string_view name) const;
  };
  struct Kernel {
    std::string symbol;
    uint32_t module;
    uint64_t scratchBytes;
    bool waits;
    Builtin builtin;
  };
  struct Arg {
    ArgKind kind;
    Access access;
    uint64_t
        index; ///< byte offset in the arena, or index into weights or states
    uint64_t sizeBytes; ///< extent, for Arena
  };
  /// Tasks: tasks * ceil(count(unit) / per).
  struct Grid {
    uint64_t tasks;
    GridUnit unit;
    uint32_t per;

    /// Tasks of a batch; at most UINT32_MAX for the largest batch of the entry.
    uint64_t count(uint64_t tokens, uint64_t sequences) const {
      uint64_t count = unit == GridUnit::One      ? per
                       : unit == GridUnit::Tokens ? tokens
                                                  : sequences;
      return tasks * ((count + per - 1) / per);
    }
  };
  struct Launch {
    uint32_t kernel;
    Grid grid;
    uint32_t grain, threads, sharedBytes;
    uint64_t workspaceBytes;
    bool earlyStart;
    uint64_t weightBytes;
  };
  struct Copy {};
  struct Collective {
    CollectiveKind kind;
    std::vector<GridAxis> axes;
  };
  struct Signal {
    uint32_t event;
  };
  struct Wait {
    uint32_t event;
  };
  struct HostCall {
    std::string callee;
    std::vector<int64_t> numbers;
    Grid grid;
  };
  struct Step {
    uint32_t stream;
    std::vector<Arg> args;
    std::string label;
    std::variant<Launch, Copy, Collective, Signal, Wait, HostCall> action;

    /// The action when it is of this kind, or null.
    template <typename T> const T *as() const {
      return std::get_if<T>(&action);
    }
    /// Of a launch: read at most.
    uint64_t weightBytes() const {
      const Launch *launch = as<Launch>();
      return launch ? launch->weightBytes : 0;
    }
  };
  struct Entry {
    EntryKind kind;
    uint32_t stage, maxTokens, maxSequences;
    std::vector<Step> steps;
  };
  struct Port {
    std::string name;
    ElementType element;
    uint64_t offset, rows, columns, rowBytes;

    uint64_t sizeBytes() const { return rows * rowBytes; }
  };

  /// Reads and checks `bytes`. Input error naming the field, what was found and
  /// what was expected; `origin` (a file) opens the message. Memory stays in
  /// proportion to the size of `bytes`.
  static Expected<Plan> parse(std::span<const std::byte> bytes,
                              std::string_view origin);

  /// The entry of `kind` with the smallest limits that takes the batch, or
  /// null.
  const Entry *bucket(EntryKind kind, uint32_t tokens,
                      uint32_t sequences) const;
  /// The port called `name`, or null.
  const Port *input(std::string_view name) const;
  const Port *output(std::string_view name) const;
  bool hasState(StateKind kind) const;
  /// Units of every pool of `kind` (they agree), 0 without one.
  uint64_t units(StateKind kind) const;
  /// Bytes of one unit over all pools of `kind`.
  uint64_t unitBytes(StateKind kind) const;
  uint64_t stateBytes() const;
  uint64_t weightBytes() const;
  uint64_t maxScratchBytes() const;
  uint32_t ranks() const { return pp * ep * tp; }
  /// Pages of the longest sequence: columns of the page table.
  uint64_t pageColumns() const {
    return (maxContext + pageTokens - 1) / pageTokens;
  }

  uint32_t pp, ep, tp;
  uint64_t vocabSize;
  uint32_t candidates;
  uint32_t maxSequences, maxPrefill, pageTokens;
  uint64_t maxContext;
  std::string pageImage;
  uint32_t spareSlots, sparePages;
  uint64_t arenaBytes;
  std::vector<Module> modules;
  std::vector<Kernel> kernels;
  std::vector<Weight> weights;
  std::vector<State> states;
  std::vector<Port> inputs, outputs;
  std::vector<Entry> entries;
};

} // namespace mm1
