//===- Plan.cpp - plan.bin after every check ------------------------------===//
// First the FlatBuffers verifier (no offset leaves the file), then each number
// against what it indexes or adds up to. Steps: PlanSteps.cpp.
#include "runtime/Artifact/PlanReader.h"
#include "runtime/Support/Candidates.h"

#include <algorithm>

namespace mm1 {

namespace {

constexpr uint64_t kMaxScratchBytes = uint64_t(1) << 30;
// Tables may share bytes in a FlatBuffer, so a small file can spell a large
// plan. The largest we know (80 layers, 20 buckets) has 93,000 tables.
constexpr uint32_t kMaxTables = 2u << 20;

template <typename T>
using FbVector = flatbuffers::Vector<flatbuffers::Offset<T>>;

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
  uint64_t slots = uint64_t(plan.maxSequences) + plan.spareSlots;
  if (plan.hasState(StateKind::Recurrent) &&
      plan.units(StateKind::Recurrent) < slots)
    reader.fail("states", "have " +
                              std::to_string(plan.units(StateKind::Recurrent)) +
                              " slots; max_sequences and spare_slots are " +
                              std::to_string(slots));
  if (plan.hasState(StateKind::KVPages) &&
      plan.units(StateKind::KVPages) <= plan.sparePages)
    reader.fail("states", "have " +
                              std::to_string(plan.units(StateKind::KVPages)) +
                              " pages, of which " +
                              std::to_string(plan.sparePages) + " are spare");
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
  // Tokens of a step, rows that the head is asked for, rows that get logits.
  uint64_t tokens = 1, hidden = 1, rows = 1, logits = 1, sequences = 1;
  for (const Plan::Entry &entry : plan.entries) {
    bool isHead = entry.kind == EntryKind::Head;
    uint64_t most = entry.maxTokens;
    tokens = std::max(tokens, isHead ? 1 : most);
    rows = std::max(rows, isHead ? most : 1);
    hidden = std::max(hidden, entry.kind == EntryKind::Prefill ? most : 1);
    logits = std::max(logits, entry.kind == EntryKind::Prefill ? 1 : most);
    sequences = std::max<uint64_t>(sequences, entry.maxSequences);
  }
  auto checkInput = [&](std::string_view name, uint64_t rows, uint64_t columns,
                        bool isNeeded, ElementType element = ElementType::I32) {
    const Plan::Port *port = plan.input(name);
    if (port || isNeeded)
      checkPort(name, port, element, rows, columns, reader);
    // Kernels index inputs as dense arrays.
    if (port && port->rowBytes != port->columns * 4)
      reader.fail("port '" + std::string(name) + "'", "is not dense");
  };
  bool hasPages = plan.hasState(StateKind::KVPages),
       hasSlots = plan.hasState(StateKind::Recurrent);
  checkInput("tokens", tokens, 1, true);
  checkInput("positions", tokens, 1, hasPages);
  checkInput("starts", sequences + 1, 1, true);
  checkInput("slots", sequences, 1, hasSlots || hasPages);
  // Rows of the page table belong to slots.
  checkInput("pages", uint64_t(plan.maxSequences) + plan.spareSlots,
             plan.pageColumns(), hasPages);
  checkInput("rows", rows, 1, true);
  checkInput("vocabulary_mask", (plan.vocabSize + 31) / 32, 1, true);
  checkInput("candidate_counts", logits, 1, true);
  checkInput("inverse_temperatures", logits, 1, true, ElementType::F32);
  static constexpr std::string_view kInputs[] = {"tokens",
                                                 "positions",
                                                 "starts",
                                                 "slots",
                                                 "pages",
                                                 "rows",
                                                 "vocabulary_mask",
                                                 "candidate_counts",
                                                 "inverse_temperatures"};
  for (const Plan::Port &port : plan.inputs)
    if (std::find(std::begin(kInputs), std::end(kInputs), port.name) ==
        std::end(kInputs))
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

  const Plan::Port *port = plan.output("hidden");
  checkPort("hidden", port, port ? port->element : ElementType::F32, hidden, 1,
            reader);
  auto checkOutput = [&](std::string_view name, ElementType element,
                         uint64_t columns) {
    checkPort(name, plan.output(name), element, logits, columns, reader);
  };
  checkOutput("logits", ElementType::F32, plan.vocabSize);
  checkOutput("candidate_values", ElementType::F32, plan.candidates);
  checkOutput("candidate_ids", ElementType::I32, plan.candidates);
  checkOutput("candidate_sums", ElementType::F32, 2);
}

void readModules(const fb::Plan &source, Plan &plan, Reader &reader) {
  for (const fb::Module *module : *source.modules()) {
    std::string field = item("modules", plan.modules.size());
    Plan::Module result{reader.choice<DeviceKind>(field + ".device",
                                                  module->device(),
                                                  fb::DeviceKind::MAX),
                        {},
                        {}};
    std::unordered_set<std::string> seen;
    for (const fb::Variant *variant : *module->variants()) {
      std::string place = item(field + ".variants", result.variants.size());
      Plan::Variant build{reader.name(place + ".name", variant->name(), seen),
                          reader.text(place + ".path", variant->path())};
      if (build.path.empty() || build.path.front() == '/' ||
          build.path.find("..") != build.path.npos)
        reader.fail(place + ".path",
                    inQuotes(build.path) + " is no path inside an artifact");
      result.variants.push_back(std::move(build));
    }
    if (result.variants.empty())
      reader.fail(field + ".variants", "are empty");
    if (module->host_of() != -1)
      result.hostOf = uint32_t(
          reader.index(field + ".host_of", uint64_t(int64_t(module->host_of())),
                       source.modules()->size()));
    plan.modules.push_back(std::move(result));
  }
  for (size_t i = 0; i < plan.modules.size(); ++i)
    if (const Plan::Module &module = plan.modules[i];
        module.hostOf &&
        (module.device != DeviceKind::CPU ||
         plan.modules[*module.hostOf].device == DeviceKind::CPU))
      reader.fail(item("modules", i) + ".host_of",
                  "is " + std::to_string(*module.hostOf) +
                      "; expected of a cpu module, to name a cuda module");
}

void readKernels(const fb::Plan &source, Plan &plan, Reader &reader) {
  std::unordered_set<std::string> symbols;
  for (const fb::Kernel *kernel : *source.kernels()) {
    std::string field = item("kernels", plan.kernels.size());
    Plan::Kernel result{
        reader.name(field + ".symbol", kernel->symbol(), symbols),
        uint32_t(reader.index(field + ".module_index", kernel->module_index(),
                              plan.modules.size())),
        reader.number(field + ".scratch_bytes", kernel->scratch_bytes(), 0,
                      kMaxScratchBytes),
        kernel->waits(),
        reader.choice<Builtin>(field + ".builtin", kernel->builtin(),
                               fb::Builtin::MAX)};
    if (reader.failed())
      return;
    if (plan.modules[result.module].device == DeviceKind::CPU &&
        (result.waits || result.builtin != Builtin::None))
      reader.fail(field, result.waits ? "waits, but is a cpu's"
                                      : "is a builtin, but a cpu's");
    plan.kernels.push_back(std::move(result));
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

std::string_view name(DeviceKind kind) {
  return kind == DeviceKind::CPU ? "cpu" : "cuda";
}

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
  // The version is where it was in every version; the rest is read as its
  // tables say. A table has a body even in a file that is cut.
  flatbuffers::Verifier head(data, bytes.size());
  auto version = flatbuffers::GetRoot<fb::AnyPlan>(data);
  if (head.VerifyBuffer<fb::AnyPlan>(fb::PlanIdentifier()) &&
      version->version() != kPlanVersion)
    return inputError(
        std::string(origin) +
        (version->version() < kPlanVersion
             ? ": made by mm1c 0.1 (plan version " +
                   std::to_string(version->version()) + "); compile again"
             : ": has plan version " + std::to_string(version->version()) +
                   "; this runtime reads " + std::to_string(kPlanVersion) +
                   "; use a newer one, or compile again"));
  flatbuffers::Verifier verifier(data, bytes.size(), /*max_depth=*/16,
                                 kMaxTables);
  if (!fb::VerifyPlanBuffer(verifier))
    return inputError(
        std::string(origin) + ": its tables point outside of the file of " +
        std::to_string(bytes.size()) + " bytes; recompile the artifact");

  const fb::Plan &source = *fb::GetPlan(data);
  Plan plan;
  constexpr uint64_t kMaxRanks = 1024;
  plan.pp = uint32_t(reader.number("pp", source.pp(), 1, kMaxRanks));
  plan.ep = uint32_t(reader.number("ep", source.ep(), 1, kMaxRanks));
  plan.tp = uint32_t(reader.number("tp", source.tp(), 1, kMaxRanks));
  reader.number("pp * ep * tp", uint64_t(plan.pp) * plan.ep * plan.tp, 1,
                kMaxRanks);
  plan.vocabSize =
      reader.number("vocab_size", source.vocab_size(), 1, kMaxTokens);
  plan.candidates = uint32_t(
      reader.number("candidates", source.candidates(), 1,
                    std::min(uint64_t(kMostCandidates), plan.vocabSize)));
  plan.maxSequences = uint32_t(
      reader.number("max_sequences", source.max_sequences(), 1, kMaxSequences));
  plan.maxContext =
      reader.number("max_context", source.max_context(), 1, kMaxTokens);
  plan.maxPrefill = uint32_t(
      reader.number("max_prefill", source.max_prefill(), 1, kMaxTokens));
  plan.pageTokens =
      uint32_t(reader.number("page_tokens", source.page_tokens(), 1, 65536));
  plan.pageImage = reader.text("page_image", source.page_image());
  if (plan.pageImage.empty())
    reader.fail("page_image", "is empty");
  plan.spareSlots = uint32_t(
      reader.number("spare_slots", source.spare_slots(), 0, kMaxSequences));
  plan.sparePages = uint32_t(
      reader.number("spare_pages", source.spare_pages(), 0, kMaxTokens));
  plan.arenaBytes =
      reader.number("arena_bytes", source.arena_bytes(), 1, kMaxBytes);

  readModules(source, plan, reader);
  if (!reader.failed())
    readKernels(source, plan, reader);
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

const Plan::Variant *Plan::Module::variant(std::string_view name) const {
  for (const Variant &each : variants)
    if (each.name == name)
      return &each;
  return nullptr;
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
