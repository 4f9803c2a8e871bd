//===- Plan.cpp - plan.bin after every check -----------------------------------===//
// First the FlatBuffers verifier (no offset leaves the file), then each number against what it indexes or adds up to.
#include "runtime/Artifact/Plan.h"
#include "runtime/Support/Json.h" // inQuotes

#include "runtime/Artifact/plan_generated.h" // made from plan.fbs

#include <algorithm>
#include <unordered_set>

namespace mm1 {

namespace {

// No machine we know has more; below it sums of a few sizes cannot overflow.
constexpr uint64_t kMaxBytes = uint64_t(1) << 46;
constexpr uint64_t kMaxScratchBytes = uint64_t(1) << 30;
constexpr uint64_t kMaxTokens = INT32_MAX; // positions are i32
constexpr uint64_t kMaxSequences = 65536;
constexpr uint64_t kMaxNameBytes = 256;
// Tables may share bytes in a FlatBuffer, so a small file can spell a large plan. The largest we know (80 layers, 18
// buckets) has 130,000 tables.
constexpr uint32_t kMaxTables = 2u << 20;
constexpr uint64_t kMaxLaunches = 1u << 18;

using FbString = flatbuffers::String;
template <typename T>
using FbVector = flatbuffers::Vector<flatbuffers::Offset<T>>;

/// Collects the first problem; every reader returns a value that is safe to go on with.
class Reader {
public:
  Reader(std::string_view origin) : origin(origin) {}

  bool failed() const { return !status; }
  Error takeError() { return status.takeError(); }

  void fail(const std::string &field, const std::string &what) {
    if (status)
      status = inputError(origin + ": " + field + " " + what);
  }
  uint64_t number(const std::string &field, uint64_t value, uint64_t min,
                  uint64_t max) {
    if (value >= min && value <= max)
      return value;
    fail(field, "is " + std::to_string(value) + "; expected from " +
                    std::to_string(min) + " to " + std::to_string(max));
    return min;
  }
  uint64_t index(const std::string &field, uint64_t value, size_t count) {
    if (value < count)
      return value;
    fail(field, "is " + std::to_string(value) + "; expected below " +
                    std::to_string(count));
    return 0;
  }
  template <typename To, typename From>
  To choice(const std::string &field, From value, From last) {
    if (value > last)
      fail(field, "is " + std::to_string(int(value)) + "; expected at most " +
                      std::to_string(int(last)));
    return static_cast<To>(value > last ? From(0) : value);
  }
  std::string text(const std::string &field, const FbString *value) {
    if (!value)
      return {};
    if (value->size() > kMaxNameBytes)
      fail(field, "has " + std::to_string(value->size()) +
                      " bytes; expected at most " +
                      std::to_string(kMaxNameBytes));
    return value->str().substr(0, kMaxNameBytes);
  }
  std::string name(const std::string &field, const FbString *value,
                   std::unordered_set<std::string> &seen) {
    std::string result = text(field, value);
    if (result.empty())
      fail(field, "is empty");
    else if (!seen.insert(result).second)
      fail(field, inQuotes(result) + " is there twice");
    return result;
  }
  /// [offset, offset + bytes) lies in the arena and starts on a buffer boundary.
  void range(const std::string &field, uint64_t offset, uint64_t bytes,
             uint64_t arenaBytes) {
    if (offset > arenaBytes || bytes > arenaBytes - offset)
      fail(field, "takes " + std::to_string(bytes) + " bytes from " +
                      std::to_string(offset) +
                      ", past the end of the arena of " +
                      std::to_string(arenaBytes));
    else if (offset % kBufferAlignment != 0)
      fail(field, "starts at " + std::to_string(offset) +
                      ", not a multiple of " +
                      std::to_string(kBufferAlignment));
  }

private:
  std::string origin;
  Status status;
};

std::string item(std::string_view list, size_t i) {
  return std::string(list) + "[" + std::to_string(i) + "]";
}

void readWeights(const fb::Plan &source, Plan &plan, Reader &reader) {
  std::unordered_set<std::string> seen;
  for (const fb::Weight *weight : *source.weights()) {
    std::string field = item("weights", plan.weights.size());
    plan.weights.push_back(
        {reader.name(field + ".name", weight->name(), seen),
         reader.choice<ElementType>(field + ".element", weight->element(),
                                    fb::Element::MAX),
         reader.number(field + ".bytes", weight->bytes(), 1, kMaxBytes)});
  }
  uint64_t total = 0;
  for (const Plan::Weight &weight : plan.weights)
    if ((total += weight.sizeBytes) > kMaxBytes)
      return reader.fail("weights", "add up to more than " +
                                        std::to_string(kMaxBytes) + " bytes");
}

void readStates(const fb::Plan &source, Plan &plan, Reader &reader) {
  std::unordered_set<std::string> seen;
  uint64_t total = 0;
  for (const fb::State *state : *source.states()) {
    std::string field = item("states", plan.states.size());
    Plan::State result{
        reader.name(field + ".name", state->name(), seen),
        reader.choice<StateKind>(field + ".kind", state->kind(),
                                 fb::StateKind::MAX),
        reader.number(field + ".unit_bytes", state->unit_bytes(), 1, kMaxBytes),
        reader.number(field + ".units", state->units(), 1, kMaxTokens)};
    if (result.unitBytes % kBufferAlignment != 0)
      reader.fail(field + ".unit_bytes", "is " +
                                             std::to_string(result.unitBytes) +
                                             ", not a multiple of " +
                                             std::to_string(kBufferAlignment));
    if (result.units > kMaxBytes / result.unitBytes ||
        (total += result.sizeBytes()) > kMaxBytes)
      return reader.fail(field, "takes the states over " +
                                    std::to_string(kMaxBytes) + " bytes");
    uint64_t others = plan.units(result.kind);
    if (others != 0 && others != result.units)
      reader.fail(field + ".units", "is " + std::to_string(result.units) +
                                        "; the states before it have " +
                                        std::to_string(others));
    plan.states.push_back(std::move(result));
  }
  if (plan.hasState(StateKind::Recurrent) &&
      plan.units(StateKind::Recurrent) < plan.maxSequences)
    reader.fail("states", "have " +
                              std::to_string(plan.units(StateKind::Recurrent)) +
                              " slots; max_sequences is " +
                              std::to_string(plan.maxSequences));
}

void readPorts(const FbVector<fb::Port> &ports, std::string_view list,
               const Plan &plan, std::vector<Plan::Port> &out, Reader &reader) {
  std::unordered_set<std::string> seen;
  for (const fb::Port *port : ports) {
    std::string field = item(list, out.size());
    Plan::Port result{
        reader.name(field + ".name", port->name(), seen),
        reader.choice<ElementType>(field + ".element", port->element(),
                                   fb::Element::MAX),
        port->offset(),
        reader.number(field + ".rows", port->rows(), 1, kMaxTokens),
        reader.number(field + ".columns", port->columns(), 1, kMaxTokens),
        reader.number(field + ".row_bytes", port->row_bytes(), 1, kMaxBytes)};
    field += " (" + inQuotes(result.name) + ")";
    if (result.rowBytes < result.columns * sizeBytes(result.element))
      reader.fail(field, "has row_bytes " + std::to_string(result.rowBytes) +
                             " for " + std::to_string(result.columns) +
                             " columns of " +
                             std::string(name(result.element)));
    if (result.rows > kMaxBytes / result.rowBytes)
      return reader.fail(field, "takes more than " + std::to_string(kMaxBytes) +
                                    " bytes");
    reader.range(field, result.offset, result.sizeBytes(), plan.arenaBytes);
    out.push_back(std::move(result));
  }
}

/// `name` is there, holds `element`, and has at least these rows and columns.
void checkPort(std::string_view name, const Plan::Port *port,
               ElementType element, uint64_t rows, uint64_t columns,
               Reader &reader) {
  std::string field = "port '" + std::string(name) + "'";
  if (!port)
    return reader.fail(field, "is missing");
  if (port->element != element)
    reader.fail(field, "is " + std::string(mm1::name(port->element)) +
                           "; expected " + std::string(mm1::name(element)));
  if (port->rows < rows)
    reader.fail(field, "has " + std::to_string(port->rows) +
                           " rows; this plan's limits need " +
                           std::to_string(rows));
  if (port->columns < columns)
    reader.fail(field, "has " + std::to_string(port->columns) +
                           " columns; this plan's limits need " +
                           std::to_string(columns));
}

void checkPorts(const Plan &plan, Reader &reader) {
  uint64_t tokens = 1, rows = 1, sequences = 1;
  for (const Plan::Entry &entry : plan.entries) {
    (entry.kind == EntryKind::Head ? rows : tokens) = std::max<uint64_t>(
        entry.kind == EntryKind::Head ? rows : tokens, entry.maxTokens);
    sequences = std::max<uint64_t>(sequences, entry.maxSequences);
  }
  auto checkInput = [&](std::string_view name, uint64_t rows, uint64_t columns,
                        bool isNeeded) {
    const Plan::Port *port = plan.input(name);
    if (port || isNeeded)
      checkPort(name, port, ElementType::I32, rows, columns, reader);
    // Kernels index inputs as dense arrays.
    if (port && port->rowBytes != port->columns * 4)
      reader.fail("port '" + std::string(name) + "'", "is not dense");
  };
  bool hasPages = plan.hasState(StateKind::KVPages),
       hasSlots = plan.hasState(StateKind::Recurrent);
  uint64_t pageColumns =
      (plan.maxContext + plan.pageTokens - 1) / plan.pageTokens;
  checkInput("tokens", tokens, 1, true);
  checkInput("positions", tokens, 1, hasPages);
  checkInput("starts", sequences + 1, 1, true);
  checkInput("slots", sequences, 1, hasSlots || hasPages);
  // Rows of the page table belong to slots.
  checkInput("pages", plan.maxSequences, pageColumns, hasPages);
  checkInput("rows", rows, 1, true);
  for (const Plan::Port &port : plan.inputs)
    if (port.name != "tokens" && port.name != "positions" &&
        port.name != "starts" && port.name != "slots" && port.name != "pages" &&
        port.name != "rows")
      reader.fail("inputs", "have a port " + inQuotes(port.name) +
                                ", which this runtime cannot fill");
  for (size_t i = 0; i < plan.inputs.size(); ++i)
    for (size_t k = 0; k < i; ++k)
      if (plan.inputs[i].offset <
              plan.inputs[k].offset + plan.inputs[k].sizeBytes() &&
          plan.inputs[k].offset <
              plan.inputs[i].offset + plan.inputs[i].sizeBytes())
        reader.fail("inputs", "'" + plan.inputs[k].name + "' and '" +
                                  plan.inputs[i].name + "' share bytes");

  const Plan::Port *hidden = plan.output("hidden");
  checkPort("hidden", hidden, hidden ? hidden->element : ElementType::F32,
            tokens, 1, reader);
  checkPort("logits", plan.output("logits"), ElementType::F32, rows,
            plan.vocabSize, reader);
}

void readArgs(const fb::Launch &launch, const std::string &field,
              const Plan &plan, std::vector<Plan::Arg> &out, Reader &reader) {
  for (const fb::Arg *arg : *launch.args()) {
    std::string place = item(field + ".args", out.size());
    Plan::Arg result{
        reader.choice<ArgKind>(place + ".kind", arg->kind(), fb::ArgKind::MAX),
        reader.choice<Access>(place + ".access", arg->access(),
                              fb::Access::MAX),
        arg->index(), arg->bytes()};
    switch (result.kind) {
    case ArgKind::Arena:
      reader.range(place, result.index, result.sizeBytes, plan.arenaBytes);
      break;
    case ArgKind::Weight:
      result.index =
          reader.index(place + ".index", result.index, plan.weights.size());
      if (result.access != Access::Read)
        reader.fail(place + ".access", "writes a weight");
      break;
    case ArgKind::State:
      result.index =
          reader.index(place + ".index", result.index, plan.states.size());
      break;
    }
    out.push_back(result);
  }
}

void readEntries(const fb::Plan &source, Plan &plan, Reader &reader) {
  uint64_t launches = 0;
  for (const fb::Entry *entry : *source.entries()) {
    std::string field = item("entries", plan.entries.size());
    Plan::Entry result{
        reader.choice<EntryKind>(field + ".kind", entry->kind(),
                                 fb::EntryKind::MAX),
        uint32_t(reader.number(field + ".max_tokens", entry->max_tokens(), 1,
                               kMaxTokens)),
        uint32_t(reader.number(field + ".max_sequences", entry->max_sequences(),
                               1, kMaxSequences)),
        {}};
    for (const fb::Launch *launch : *entry->launches()) {
      if (++launches > kMaxLaunches)
        return reader.fail("entries", "have more than " +
                                          std::to_string(kMaxLaunches) +
                                          " launches");
      std::string place = item(field + ".launches", result.launches.size());
      Plan::Launch step{
          uint32_t(reader.index(place + ".kernel", launch->kernel(),
                                plan.kernels.size())),
          {},
          {reader.number(place + ".tasks", launch->tasks(), 1, UINT32_MAX),
           reader.choice<GridUnit>(place + ".unit", launch->unit(),
                                   fb::GridUnit::MAX),
           uint32_t(
               reader.number(place + ".per", launch->per(), 1, UINT32_MAX))},
          reader.text(place + ".label", launch->label()),
          reader.number(place + ".weight_bytes", launch->weight_bytes(), 0,
                        kMaxBytes)};
      reader.number(place + ": its task count",
                    step.grid.count(result.maxTokens, result.maxSequences), 1,
                    UINT32_MAX);
      readArgs(*launch, place, plan, step.args, reader);
      result.launches.push_back(std::move(step));
      if (reader.failed())
        return;
    }
    plan.entries.push_back(std::move(result));
  }
}

/// The limits the plan promises are kept by some bucket.
void checkBuckets(const Plan &plan, Reader &reader) {
  auto need = [&](EntryKind kind, uint32_t tokens, uint32_t sequences) {
    if (!plan.bucket(kind, tokens, sequences))
      reader.fail("entries", "have no " + std::string(name(kind)) +
                                 " bucket for " + std::to_string(tokens) +
                                 " tokens of " + std::to_string(sequences) +
                                 " sequences, which the limits promise");
  };
  need(EntryKind::Decode, plan.maxSequences, plan.maxSequences);
  need(EntryKind::Prefill, plan.maxPrefill, 1);
  need(EntryKind::Head, plan.maxSequences, 1);
}

} // namespace

std::string_view name(EntryKind kind) {
  return kind == EntryKind::Decode    ? "decode"
         : kind == EntryKind::Prefill ? "prefill"
                                      : "head";
}

Expected<Plan> Plan::parse(std::span<const std::byte> bytes,
                           std::string_view origin) {
  auto data = reinterpret_cast<const uint8_t *>(bytes.data());
  Reader reader(origin);
  // The verifier reads the root offset and the identifier first.
  if (bytes.size() < 16 || !fb::PlanBufferHasIdentifier(data))
    return inputError(
        std::string(origin) + ": does not start as a plan does (" +
        std::to_string(bytes.size()) + " bytes); recompile the artifact");
  flatbuffers::Verifier verifier(data, bytes.size(), /*max_depth=*/16,
                                 kMaxTables);
  if (!fb::VerifyPlanBuffer(verifier))
    return inputError(
        std::string(origin) + ": its tables point outside of the file of " +
        std::to_string(bytes.size()) + " bytes; recompile the artifact");

  const fb::Plan &source = *fb::GetPlan(data);
  if (source.version() != kPlanVersion)
    return inputError(std::string(origin) + ": has plan version " +
                      std::to_string(source.version()) +
                      "; this runtime reads " + std::to_string(kPlanVersion) +
                      "; recompile the artifact");
  Plan plan;
  plan.ranks = uint32_t(reader.number("ranks", source.ranks(), 1, 1024));
  plan.vocabSize =
      reader.number("vocab_size", source.vocab_size(), 1, kMaxTokens);
  plan.maxSequences = uint32_t(
      reader.number("max_sequences", source.max_sequences(), 1, kMaxSequences));
  plan.maxContext =
      reader.number("max_context", source.max_context(), 1, kMaxTokens);
  plan.maxPrefill = uint32_t(
      reader.number("max_prefill", source.max_prefill(), 1, kMaxTokens));
  plan.pageTokens =
      uint32_t(reader.number("page_tokens", source.page_tokens(), 1, 65536));
  plan.arenaBytes =
      reader.number("arena_bytes", source.arena_bytes(), 1, kMaxBytes);

  std::unordered_set<std::string> symbols;
  for (const fb::Kernel *kernel : *source.kernels()) {
    std::string field = item("kernels", plan.kernels.size());
    plan.kernels.push_back(
        {reader.name(field + ".symbol", kernel->symbol(), symbols),
         reader.number(field + ".scratch_bytes", kernel->scratch_bytes(), 0,
                       kMaxScratchBytes)});
  }
  readWeights(source, plan, reader);
  readStates(source, plan, reader);
  if (!reader.failed())
    readPorts(*source.inputs(), "inputs", plan, plan.inputs, reader);
  if (!reader.failed())
    readPorts(*source.outputs(), "outputs", plan, plan.outputs, reader);
  if (!reader.failed())
    readEntries(source, plan, reader);
  if (!reader.failed())
    checkBuckets(plan, reader);
  if (!reader.failed())
    checkPorts(plan, reader);
  if (reader.failed())
    return reader.takeError();
  return plan;
}

const Plan::Entry *Plan::bucket(EntryKind kind, uint32_t tokens,
                                uint32_t sequences) const {
  const Entry *best = nullptr;
  for (const Entry &entry : entries)
    if (entry.kind == kind && entry.maxTokens >= tokens &&
        entry.maxSequences >= sequences)
      if (!best || entry.maxTokens < best->maxTokens ||
          (entry.maxTokens == best->maxTokens &&
           entry.maxSequences < best->maxSequences))
        best = &entry;
  return best;
}

static const Plan::Port *findPort(std::span<const Plan::Port> ports,
                                  std::string_view name) {
  auto found =
      std::find_if(ports.begin(), ports.end(),
                   [&](const Plan::Port &port) { return port.name == name; });
  return found == ports.end() ? nullptr : &*found;
}

const Plan::Port *Plan::input(std::string_view name) const {
  return findPort(inputs, name);
}
const Plan::Port *Plan::output(std::string_view name) const {
  return findPort(outputs, name);
}

bool Plan::hasState(StateKind kind) const { return units(kind) != 0; }

uint64_t Plan::units(StateKind kind) const {
  for (const State &state : states)
    if (state.kind == kind)
      return state.units;
  return 0;
}

uint64_t Plan::unitBytes(StateKind kind) const {
  uint64_t total = 0;
  for (const State &state : states)
    if (state.kind == kind)
      total += state.unitBytes;
  return total;
}

uint64_t Plan::stateBytes() const {
  uint64_t total = 0;
  for (const State &state : states)
    total += state.sizeBytes();
  return total;
}

uint64_t Plan::weightBytes() const {
  uint64_t total = 0;
  for (const Weight &weight : weights)
    total += weight.sizeBytes;
  return total;
}

uint64_t Plan::maxScratchBytes() const {
  uint64_t most = 0;
  for (const Kernel &kernel : kernels)
    most = std::max(most, kernel.scratchBytes);
  return most;
}

} // namespace mm1
