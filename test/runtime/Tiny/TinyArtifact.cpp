//===- TinyArtifact.cpp - Write an artifact without a compiler ------------===//
#include "test/runtime/Tiny/TinyArtifact.h"
#include "runtime/Artifact/HostCalls.h"
#include "runtime/Artifact/KernelABI.h"
#include "test/runtime/Tiny/TinyModel.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace mm1::tiny {

namespace fs = std::filesystem;

namespace {

constexpr const char *kWeightsPath = "weights/rank-0.safetensors";

// Offsets in the arena.
constexpr uint64_t kTokensAt = 0, kPositionsAt = 64, kStartsAt = 128,
                   kSlotsAt = 192, kPagesAt = 256, kRowsAt = 384,
                   kHiddenAt = 448,
                   kLogitsAt = kHiddenAt + kPrefill * kWidth * 4,
                   kXAt = kLogitsAt + kHeadRows * kWidth * 4,
                   kYAt = kXAt + kPrefill * kWidth * 4,
                   kMaskAt = kYAt + kPrefill * kWidth * 4,
                   kCountsAt = kMaskAt + 64, kScalesAt = kCountsAt + 64,
                   kValuesAt = kScalesAt + 64,
                   kIdsAt = kValuesAt + kHeadRows * kWidth * 4,
                   kSumsAt = kIdsAt + 128, kArenaBytes = kSumsAt + 64;
// Floats from one row of sums to the next.
constexpr int64_t kSumsStride = 2;
enum : uint32_t { kEmbed, kDecay, kAppend, kAttend, kHead, kLogits };

void addPort(std::vector<std::unique_ptr<fb::PortT>> &ports, std::string name,
             fb::Element element, uint64_t offset, uint64_t rows,
             uint64_t columns, uint64_t rowBytes) {
  auto port = std::make_unique<fb::PortT>();
  port->name = std::move(name);
  port->element = element;
  port->offset = offset;
  port->rows = rows;
  port->columns = columns;
  port->row_bytes = rowBytes;
  ports.push_back(std::move(port));
}

struct ArgSpec {
  fb::ArgKind kind;
  fb::Access access;
  uint64_t index, bytes;
};
ArgSpec reads(uint64_t offset, uint64_t bytes) {
  return {fb::ArgKind::Arena, fb::Access::Read, offset, bytes};
}
ArgSpec writes(uint64_t offset, uint64_t bytes) {
  return {fb::ArgKind::Arena, fb::Access::Write, offset, bytes};
}

std::unique_ptr<fb::GridT> makeGrid(fb::GridUnit unit, uint32_t per) {
  auto grid = std::make_unique<fb::GridT>();
  grid->tasks = 1;
  grid->unit = unit;
  grid->per = per;
  return grid;
}

/// A step without an action.
fb::StepT &addStep(fb::EntryT &entry, const std::vector<ArgSpec> &args) {
  auto step = std::make_unique<fb::StepT>();
  step->label = "step " + std::to_string(entry.steps.size());
  for (const ArgSpec &spec : args) {
    auto arg = std::make_unique<fb::ArgT>();
    arg->kind = spec.kind;
    arg->access = spec.access;
    arg->index = spec.index;
    arg->bytes = spec.bytes;
    step->args.push_back(std::move(arg));
  }
  entry.steps.push_back(std::move(step));
  return *entry.steps.back();
}

void addLaunch(fb::EntryT &entry, uint32_t kernel, fb::GridUnit unit,
               uint32_t per, const std::vector<ArgSpec> &args) {
  fb::LaunchT launch;
  launch.kernel = kernel;
  launch.grid = makeGrid(unit, per);
  for (const ArgSpec &spec : args)
    if (spec.kind == fb::ArgKind::Weight)
      launch.weight_bytes = kWidth * 4;
  addStep(entry, args).action.Set(std::move(launch));
}

/// The best of `rows` rows of logits.
void addCandidates(fb::EntryT &entry, uint64_t rows) {
  fb::HostCallT call;
  call.callee = kTopCandidates;
  call.numbers = {kVocab, kCandidates, kWidth,
                  kWidth, kCandidates, kSumsStride};
  call.grid = makeGrid(fb::GridUnit::Tokens, 1);
  addStep(entry, {reads(kLogitsAt, rows * kWidth * 4), reads(kMaskAt, 4),
                  reads(kCountsAt, rows * 4), reads(kScalesAt, rows * 4),
                  writes(kValuesAt, rows * kWidth * 4),
                  writes(kIdsAt, rows * kCandidates * 4),
                  writes(kSumsAt, rows * kSumsStride * 4)})
      .action.Set(std::move(call));
}

std::unique_ptr<fb::EntryT> makeStep(fb::EntryKind kind, uint32_t tokens,
                                     uint32_t sequences) {
  auto entry = std::make_unique<fb::EntryT>();
  entry->kind = kind;
  entry->max_tokens = tokens;
  entry->max_sequences = sequences;
  uint64_t row = kWidth * 4;
  ArgSpec starts = reads(kStartsAt, (sequences + 1) * 4),
          slots = reads(kSlotsAt, sequences * 4),
          positions = reads(kPositionsAt, tokens * 4),
          pages = reads(kPagesAt, kSequences * kPageColumns * 4),
          hidden = writes(kHiddenAt, tokens * row),
          table{fb::ArgKind::Weight, fb::Access::Read, 0, 0},
          state{fb::ArgKind::State, fb::Access::Update, 0, 0},
          kv{fb::ArgKind::State, fb::Access::Update, 1, 0};
  addLaunch(*entry, kEmbed, fb::GridUnit::Tokens, 1,
            {reads(kTokensAt, tokens * 4), table, writes(kXAt, tokens * row)});
  addLaunch(*entry, kDecay, fb::GridUnit::Sequences, 1,
            {reads(kXAt, tokens * row), slots, starts, positions, state,
             writes(kYAt, tokens * row)});
  addLaunch(*entry, kAppend, fb::GridUnit::Sequences, 1,
            {reads(kXAt, tokens * row), slots, starts, positions, pages, kv});
  kv.access = fb::Access::Read;
  addLaunch(
      *entry, kAttend, fb::GridUnit::Tokens, kAttendTokens,
      {reads(kYAt, tokens * row), slots, starts, positions, pages, kv, hidden});
  if (kind == fb::EntryKind::Decode) {
    hidden.access = fb::Access::Read;
    addLaunch(*entry, kLogits, fb::GridUnit::Tokens, 1,
              {hidden, writes(kLogitsAt, tokens * row)});
    addCandidates(*entry, tokens);
  }
  return entry;
}

std::unique_ptr<fb::EntryT> makeHead(uint32_t rows, uint32_t sequences) {
  auto entry = std::make_unique<fb::EntryT>();
  entry->kind = fb::EntryKind::Head;
  entry->max_tokens = rows;
  entry->max_sequences = sequences;
  addLaunch(*entry, kHead, fb::GridUnit::Tokens, 1,
            {reads(kHiddenAt, kPrefill * kWidth * 4), reads(kRowsAt, rows * 4),
             writes(kLogitsAt, rows * kWidth * 4)});
  addCandidates(*entry, rows);
  return entry;
}

} // namespace

TinyArtifact::TinyArtifact() : kernelsFile(MM1_TINY_KERNELS) {
  plan.version = kPlanVersion;
  plan.pp = plan.ep = plan.tp = 1;
  plan.vocab_size = kVocab;
  plan.candidates = kCandidates;
  plan.max_sequences = kSequences;
  plan.max_context = kContext;
  plan.max_prefill = kPrefill;
  plan.page_tokens = kPageTokens;
  plan.page_image = "tiny-1";
  plan.arena_bytes = kArenaBytes;
  auto module = std::make_unique<fb::ModuleT>();
  module->variants.push_back(std::make_unique<fb::VariantT>());
  plan.modules.push_back(std::move(module));
  for (const char *symbol :
       {"embed", "decay", "append", "attend", "head", "logits"}) {
    auto kernel = std::make_unique<fb::KernelT>();
    kernel->symbol = symbol;
    kernel->scratch_bytes = std::string(symbol) == "decay" ? 64 : 0;
    plan.kernels.push_back(std::move(kernel));
  }
  auto weight = std::make_unique<fb::WeightT>();
  weight->name = "table";
  weight->element = fb::Element::F32;
  weight->bytes = kVocab * kWidth * 4;
  plan.weights.push_back(std::move(weight));
  for (fb::StateKind kind :
       {fb::StateKind::Recurrent, fb::StateKind::KVPages}) {
    auto state = std::make_unique<fb::StateT>();
    bool isRecurrent = kind == fb::StateKind::Recurrent;
    state->name = isRecurrent ? "decay" : "kv";
    state->kind = kind;
    state->unit_bytes = 64;
    state->units = isRecurrent ? kSequences : kPages;
    plan.states.push_back(std::move(state));
  }
  addPort(plan.inputs, "tokens", fb::Element::I32, kTokensAt, kPrefill, 1, 4);
  addPort(plan.inputs, "positions", fb::Element::I32, kPositionsAt, kPrefill, 1,
          4);
  addPort(plan.inputs, "starts", fb::Element::I32, kStartsAt, kSequences + 1, 1,
          4);
  addPort(plan.inputs, "slots", fb::Element::I32, kSlotsAt, kSequences, 1, 4);
  addPort(plan.inputs, "pages", fb::Element::I32, kPagesAt, kSequences,
          kPageColumns, kPageColumns * 4);
  addPort(plan.inputs, "rows", fb::Element::I32, kRowsAt, kHeadRows, 1, 4);
  addPort(plan.inputs, "vocabulary_mask", fb::Element::I32, kMaskAt, 1, 1, 4);
  addPort(plan.inputs, "candidate_counts", fb::Element::I32, kCountsAt,
          kHeadRows, 1, 4);
  addPort(plan.inputs, "inverse_temperatures", fb::Element::F32, kScalesAt,
          kHeadRows, 1, 4);
  addPort(plan.outputs, "hidden", fb::Element::F32, kHiddenAt, kPrefill, kWidth,
          kWidth * 4);
  addPort(plan.outputs, "logits", fb::Element::F32, kLogitsAt, kHeadRows,
          kVocab, kWidth * 4);
  addPort(plan.outputs, "candidate_values", fb::Element::F32, kValuesAt,
          kHeadRows, kCandidates, kWidth * 4);
  addPort(plan.outputs, "candidate_ids", fb::Element::I32, kIdsAt, kHeadRows,
          kCandidates, kCandidates * 4);
  addPort(plan.outputs, "candidate_sums", fb::Element::F32, kSumsAt, kHeadRows,
          2, kSumsStride * 4);
  plan.entries.push_back(makeStep(fb::EntryKind::Decode, 1, 1));
  plan.entries.push_back(
      makeStep(fb::EntryKind::Decode, kSequences, kSequences));
  plan.entries.push_back(makeStep(fb::EntryKind::Prefill, 4, kSequences));
  plan.entries.push_back(
      makeStep(fb::EntryKind::Prefill, kPrefill, kSequences));
  plan.entries.push_back(makeHead(1, 1));
  plan.entries.push_back(makeHead(kHeadRows, kSequences));

  std::string pattern =
      (fs::temp_directory_path() / "mm1-tiny.XXXXXX").string();
  root = ::mkdtemp(pattern.data());
}

TinyArtifact::~TinyArtifact() {
  std::error_code ignored;
  fs::remove_all(root, ignored);
}

std::string TinyArtifact::kernelsPath() const {
  return "kernels/cpu-" + level + ".so";
}

std::vector<std::byte> TinyArtifact::planBytes() {
  if (!plan.modules.empty() && !plan.modules[0]->variants.empty()) {
    plan.modules[0]->variants[0]->name = level;
    plan.modules[0]->variants[0]->path = kernelsPath();
  }
  flatbuffers::FlatBufferBuilder builder;
  fb::FinishPlanBuffer(builder, fb::Plan::Pack(builder, &plan));
  auto begin = reinterpret_cast<const std::byte *>(builder.GetBufferPointer());
  return {begin, begin + builder.GetSize()};
}

const std::string &TinyArtifact::write() {
  for (const char *folder : {"kernels", "weights"})
    fs::create_directories(root + "/" + folder);
  std::vector<std::byte> bytes = planBytes();
  writeAll(root + "/plan.bin",
           {reinterpret_cast<const char *>(bytes.data()), bytes.size()});
  writeAll(root + "/" + kernelsPath(), readAll(kernelsFile));
  for (const auto &[path, text] : moreFiles) {
    fs::create_directories(fs::path(root + "/" + path).parent_path());
    writeAll(root + "/" + path, text);
  }
  std::vector<float> table;
  for (int64_t token = 0; token < kVocab; ++token)
    for (int64_t column = 0; column < kWidth; ++column)
      table.push_back(tableValue(token, column));
  std::string weights = root + "/" + kWeightsPath;
  fs::remove(weights);
  auto writer = SafeTensorsWriter::create(
      weights, {{"table", ElementType::F32, {kVocab, kWidth}}});
  if (!writer || !writer->write(0, 0, std::as_bytes(std::span(table))) ||
      !writer->finish())
    std::abort();
  writeAll(root + "/manifest.json", sealManifest(manifestFields()));
  return root;
}

nlohmann::ordered_json TinyArtifact::manifestFields() {
  auto hashOf = [&](const std::string &path) {
    std::string bytes = readAll(root + "/" + path);
    return hashHex(std::as_bytes(std::span(bytes)));
  };
  auto files = nlohmann::ordered_json::array();
  auto addFile = [&](const std::string &path) {
    files.push_back({{"path", path},
                     {"bytes", fs::file_size(root + "/" + path)},
                     {"xxh3", hashOf(path)}});
  };
  addFile("plan.bin");
  addFile(kernelsPath());
  for (const auto &[path, text] : moreFiles)
    addFile(path);
  addFile(kWeightsPath);
  if (hashesTensors) {
    files.back().erase("xxh3");
    auto opened = SafeTensorsFile::open(root + "/" + kWeightsPath);
    files.back()["tensors"] = {
        {"table", hashHex(opened->find("table")->bytes)}};
  }
  nlohmann::ordered_json fields = {
      {"format", "mm1-artifact"},
      {"version", versionString()},
      {"kernel_abi", kKernelABIVersion},
      {"command", "mm1c compile tiny -o tiny.mm1"},
      {"compute", "f32"},
      {"target", {{"device", "cpu"}, {"levels", {level}}}},
      {"ranks", 1},
      {"files", files}};
  if (extra.is_object())
    fields.update(extra);
  return fields;
}

std::string readAll(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream bytes;
  bytes << file.rdbuf();
  return bytes.str();
}

void writeAll(const std::string &path, std::string_view bytes) {
  fs::remove(path); // a library that is loaded keeps its bytes
  std::ofstream(path, std::ios::binary)
      .write(bytes.data(), std::streamsize(bytes.size()));
}

} // namespace mm1::tiny
