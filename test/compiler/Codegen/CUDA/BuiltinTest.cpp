//===- BuiltinTest.cpp - The first and the last kernel of a step ----------===//
// begin and publish as the plan's text asks for them, run on a CPU on blocks as
// a device gives them (kernels/step/step_block.h).
//===----------------------------------------------------------------------===//
#include "HostKernel.h"
#include "kernels/step/step_block.h"

#include <map>

using namespace mlir::mm1::cuda::test;
using ::mm1::ResultHeader;
using ::mm1::ResultRow;
using ::mm1::SlotState;
using ::mm1::SlotUpdate;
using ::mm1::StepHeader;
using ::mm1::StepRow;

namespace {

/// The text of one builtin, or the error.
Emitted emitBuiltin(const std::string &parameters) {
  mlir::MLIRContext context;
  loadDialects(context);
  Emitted emitted;
  mlir::ScopedDiagnosticHandler handler(&context,
                                        [&](mlir::Diagnostic &diagnostic) {
                                          if (emitted.error.empty())
                                            emitted.error = diagnostic.str();
                                          return mlir::success();
                                        });
  auto module = mlir::parseSourceString<mlir::ModuleOp>(
      "plan.kernel_module @kernels cuda arch = \"sm_90a\"\n"
      "plan.kernel @kernel in @kernels builtin " +
          parameters + " waits",
      &context);
  if (!module)
    return emitted;
  auto text = mlir::mm1::cuda::emitCUDABuiltin(
      *module->getOps<mlir::plan::KernelOp>().begin());
  if (mlir::succeeded(text)) {
    emitted.text = text->text;
    emitted.program = mlir::mm1::cuda::joinProgram(*text);
  }
  return emitted;
}

/// The bytes of a block, and what the kernels keep beside it.
struct Block {
  StepHeader header;
  std::vector<StepRow> rows;
  std::vector<int> starts;
  std::vector<SlotUpdate> updates;

  /// The arrays in another order than they are declared in.
  std::vector<char> bytes() {
    header.numRows = int(rows.size());
    header.numSequences = std::max(0, int(starts.size()) - 1);
    header.numUpdates = int(updates.size());
    std::vector<char> all(sizeof header);
    auto append = [&](const auto &array, int &offset) {
      offset = int(all.size());
      auto *from = reinterpret_cast<const char *>(array.data());
      all.insert(all.end(), from, from + array.size() * sizeof(*array.data()));
      all.resize((all.size() + 15) / 16 * 16);
    };
    append(updates, header.updatesAt);
    append(starts, header.startsAt);
    append(rows, header.rowsAt);
    std::memcpy(all.data(), &header, sizeof header);
    return all;
  }
};

constexpr int kSlots = 5, kPageColumns = 4, kUnwritten = -99;

/// begin for these ports, with memory for them.
struct Begin {
  explicit Begin(std::vector<std::string> names) : names(std::move(names)) {
    std::string parameters;
    for (const std::string &name : this->names)
      parameters += (parameters.empty() ? "begin (" : ", ") +
                    ((name == "pages" ? "update \"" : "write \"") + name) +
                    "\" " +
                    (name == "pages"                  ? "tensor<?x?xi32>"
                     : name == "inverse_temperatures" ? "tensor<?xf32>"
                                                      : "tensor<?xi32>");
    Emitted emitted = emitBuiltin(parameters + ")");
    EXPECT_EQ(emitted.error, "");
    kernel = HostKernel::ofProgram(emitted.program);
    for (const std::string &name : this->names)
      ports[name].assign(kSlots * kPageColumns, kUnwritten);
  }
  void run(Block block) {
    block.header.spareSlot = kSlots - 1;
    block.header.pageColumns = kPageColumns;
    block.header.pageTokens = 64;
    std::vector<char> bytes = block.bytes();
    std::vector<void *> arguments;
    for (const std::string &name : names)
      arguments.push_back(ports[name].data());
    arguments.insert(arguments.end(), {dims, bytes.data(), slots});
    kernel->call(arguments, 1);
  }
  /// The first entries of a port.
  std::vector<int> first(const std::string &name, size_t count) {
    EXPECT_EQ(ports[name][count], kUnwritten) << name;
    return {ports[name].begin(), ports[name].begin() + long(count)};
  }

  std::vector<std::string> names;
  std::unique_ptr<HostKernel> kernel;
  std::map<std::string, std::vector<int>> ports;
  int64_t dims[3] = {};
  SlotState slots[kSlots];
};

using Ints = std::vector<int>;

int bitsOf(float x) {
  int bits;
  std::memcpy(&bits, &x, sizeof bits);
  return bits;
}

TEST(Begin, WritesThePortsOfADecodeStep) {
  Begin begin({"tokens", "positions", "starts", "slots", "pages",
               "candidate_counts", "inverse_temperatures"});
  Block block;
  block.rows = {{17, 64, 3, 9}, {5, 2, 0, -1}};
  block.starts = {0, 1, 2};
  block.updates = {{.slot = 3, .candidates = 40, .inverseTemperature = 0.5f}};
  begin.run(block);
  EXPECT_EQ(begin.dims[0], 2);
  EXPECT_EQ(begin.dims[1], 2);
  EXPECT_EQ(begin.dims[2], kPageColumns);
  EXPECT_EQ(begin.first("tokens", 2), Ints({17, 5}));
  EXPECT_EQ(begin.first("positions", 2), Ints({64, 2}));
  EXPECT_EQ(begin.first("starts", 3), Ints({0, 1, 2}));
  EXPECT_EQ(begin.first("slots", 2), Ints({3, 0}));
  EXPECT_EQ(begin.first("candidate_counts", 2), Ints({40, 1}));
  EXPECT_EQ(begin.first("inverse_temperatures", 2),
            Ints({bitsOf(0.5f), bitsOf(1)}));
  Ints pages(kSlots * kPageColumns, kUnwritten);
  pages[3 * kPageColumns + 1] = 9;
  EXPECT_EQ(begin.ports["pages"], pages);

  // Settings and pages stay until they are changed.
  block.rows = {{6, 65, 3, -1}};
  block.starts = {0, 1};
  block.updates = {};
  begin.run(block);
  EXPECT_EQ(begin.ports["candidate_counts"][0], 40);
  EXPECT_EQ(begin.ports["pages"], pages);
  EXPECT_EQ(begin.dims[0], 1);
}

TEST(Begin, WritesThePortsOfAPrefillStep) {
  Begin begin({"tokens", "positions", "starts", "slots"});
  Block block;
  block.rows = {{1, 0, 2, -1}, {2, 1, 2, -1}, {3, 7, 1, -1}};
  block.starts = {0, 2, 3};
  begin.run(block);
  EXPECT_EQ(begin.dims[0], 3);
  EXPECT_EQ(begin.dims[1], 2);
  EXPECT_EQ(begin.first("tokens", 3), Ints({1, 2, 3}));
  EXPECT_EQ(begin.first("positions", 3), Ints({0, 1, 7}));
  EXPECT_EQ(begin.first("starts", 3), Ints({0, 2, 3}));
  EXPECT_EQ(begin.first("slots", 2), Ints({2, 1}));
}

TEST(Begin, WritesTheRowsOfAHead) {
  Begin begin({"rows", "candidate_counts", "inverse_temperatures"});
  Block block;
  block.rows = {{.token = 4, .slot = 1}, {.token = 0, .slot = 2}};
  block.updates = {{.slot = 2, .candidates = 7}, {.slot = 1, .candidates = 3}};
  begin.run(block);
  EXPECT_EQ(begin.dims[0], 2);
  EXPECT_EQ(begin.first("rows", 2), Ints({4, 0}));
  EXPECT_EQ(begin.first("candidate_counts", 2), Ints({3, 7}));
}

// What a slot chose last, and slots that have stopped.
TEST(Begin, KnowsWhatSlotsHaveDone) {
  Begin begin({"tokens", "positions", "starts", "slots", "pages"});
  begin.slots[1].lastToken = 77;
  begin.slots[2].hasStopped = 1;
  Block block;
  block.rows = {{::mm1::kFeedBack, 3, 1, -1}, {::mm1::kFeedBack, 128, 2, 6}};
  block.starts = {0, 1, 2};
  begin.run(block);
  EXPECT_EQ(begin.ports["tokens"][0], 77);
  EXPECT_EQ(begin.first("positions", 2), Ints({3, 0}));
  EXPECT_EQ(begin.first("slots", 2), Ints({1, kSlots - 1}));
  EXPECT_EQ(begin.ports["pages"][2 * kPageColumns + 2], 6);
  // An update lets it go on.
  block.updates = {{.slot = 2}};
  begin.run(block);
  EXPECT_EQ(begin.first("positions", 2), Ints({3, 128}));
  EXPECT_EQ(begin.first("slots", 2), Ints({1, 2}));
}

/// publish for lists of 40, with the ports and the memory for its result.
struct Publish {
  static constexpr int kCandidates = 40, kRowBytes = 16 + 8 * kCandidates,
                       kResultAt = 64;

  explicit Publish(int rows)
      : rows(rows), counts(Element::I32, 1, rows),
        values(Element::F32, rows, kCandidates),
        ids(Element::I32, rows, kCandidates), sums(Element::F32, rows, 2),
        results((kResultAt + 16 + rows * kRowBytes) / 4 + 1, kUnwritten) {
    Emitted emitted =
        emitBuiltin("publish (read \"candidate_counts\" tensor<?xi32>, "
                    "read \"candidate_values\" tensor<?x40xf32>, "
                    "read \"candidate_ids\" tensor<?x40xi32>, "
                    "read \"candidate_sums\" tensor<?x2xf32>)");
    EXPECT_EQ(emitted.error, "");
    kernel = HostKernel::ofProgram(emitted.program);
    for (int row = 0; row < rows; ++row) {
      counts.set(0, row, kCandidates);
      for (int i = 0; i < kCandidates; ++i) {
        values.set(row, i, 100 - i - row);
        ids.set(row, i, 1000 * row + i);
      }
      sums.set(row, 0, 100 - row);
      sums.set(row, 1, 0.5 * row);
    }
  }
  void run(Block block) {
    block.header.epoch = 7;
    block.header.resultAt = kResultAt;
    std::vector<char> bytes = block.bytes();
    int64_t dims[3] = {rows, rows, 0};
    kernel->call({counts.buffer.data(), values.buffer.data(), ids.buffer.data(),
                  sums.buffer.data(), dims, bytes.data(), slots,
                  results.data()},
                 1);
  }
  const ResultHeader &header() const {
    return *reinterpret_cast<const ResultHeader *>(results.data() +
                                                   kResultAt / 4);
  }
  const ResultRow &row(int number) const {
    return *reinterpret_cast<const ResultRow *>(
        reinterpret_cast<const char *>(&header() + 1) + number * kRowBytes);
  }

  int rows;
  Rows counts, values, ids, sums;
  std::vector<int> results;
  std::unique_ptr<HostKernel> kernel;
  SlotState slots[kSlots];
};

TEST(Publish, FillsTheResult) {
  constexpr int kRows = 11; // more than warps
  Publish publish(kRows);
  publish.counts.set(0, 0, 1);
  for (int i = 0; i < Publish::kCandidates; ++i)
    publish.ids.set(2, i, -1);
  Block block;
  // Only the last row is its sequence's last.
  block.rows.assign(kRows, {.token = 0, .position = -1, .slot = 3});
  block.rows.back().position = 9;
  publish.run(block);
  for (int i = 0; i < Publish::kResultAt / 4; ++i)
    EXPECT_EQ(publish.results[size_t(i)], kUnwritten);
  EXPECT_EQ(publish.results.back(), kUnwritten);
  EXPECT_EQ(publish.header().epoch, 7u);
  EXPECT_EQ(publish.header().numRows, kRows);
  EXPECT_EQ(publish.header().candidates, Publish::kCandidates);
  ASSERT_EQ(publish.header().rowBytes, Publish::kRowBytes);
  ASSERT_EQ(::mm1::resultRowBytes(Publish::kCandidates), Publish::kRowBytes);
  for (int row = 0; row < kRows; ++row) {
    const ResultRow &result = publish.row(row);
    auto *ids = reinterpret_cast<const int *>(&result + 1);
    auto *logits = reinterpret_cast<const float *>(ids + Publish::kCandidates);
    EXPECT_EQ(result.token, row == 2 ? -1 : 1000 * row);
    EXPECT_EQ(result.count, row == 0 ? 1 : Publish::kCandidates);
    EXPECT_EQ(result.largest, float(100 - row));
    EXPECT_EQ(result.sum, 0.5f * float(row));
    for (int i = 0; i < result.count; ++i) {
      EXPECT_EQ(ids[i], publish.ids.at(row, i));
      EXPECT_EQ(logits[i], publish.values.at(row, i));
    }
  }
  EXPECT_EQ(publish.slots[3].lastToken, 10000);
  EXPECT_EQ(publish.slots[0].lastToken, 0);
}

TEST(Publish, StopsSlots) {
  Publish publish(4);
  for (int slot = 0; slot < 4; ++slot)
    publish.slots[slot].settings = {
        .slot = slot, .chooses = slot != 3, .lastPosition = 6};
  publish.slots[1].settings.stopTokens[2] = 1000;
  publish.slots[3].settings.stopTokens[0] = 3000; // but the host chooses
  Block block;
  block.rows = {{.token = 1, .position = 5, .slot = 0},
                {.token = 1, .position = 5, .slot = 1},
                {.token = 1, .position = 6, .slot = 2},
                {.token = 1, .position = 9, .slot = 3}};
  publish.run(block);
  const int hasStopped[] = {0, 1, 1, 0};
  for (int slot = 0; slot < 4; ++slot) {
    EXPECT_EQ(publish.row(slot).token, 1000 * slot);
    EXPECT_EQ(publish.slots[slot].lastToken, 1000 * slot);
    EXPECT_EQ(publish.slots[slot].hasStopped, hasStopped[slot]) << slot;
  }
  publish.run(block);
  for (int slot = 0; slot < 4; ++slot)
    EXPECT_EQ(publish.row(slot).token,
              slot == 1 || slot == 2 ? -1 : 1000 * slot);
}

// Weights 1, 1/2, 1/4, 1/8, ... of which top-k keeps four and top-p three.
TEST(Publish, DrawsByTopKAndTopP) {
  constexpr int kDraws = 1750;
  Publish publish(2);
  for (int row = 0; row < 2; ++row)
    for (int i = 0; i < Publish::kCandidates; ++i) {
      publish.values.set(row, i, -2 * i * std::log(2.0));
      publish.ids.set(row, i, i);
    }
  SlotUpdate settings = {.slot = 1,
                         .inverseTemperature = 0.5f,
                         .chooses = 1,
                         .topP = 0.9f, // of 1.875: more than 1.5
                         .topK = 4,
                         .seed = 0x123456789abcdef};
  int counts[2][Publish::kCandidates] = {};
  for (int position = 0; position < kDraws; ++position) {
    publish.slots[1].settings = settings;
    publish.slots[2].settings = settings;
    publish.slots[2].settings.seed += 1;
    Block block;
    block.rows = {{.token = 1, .position = position, .slot = 1},
                  {.token = 1, .position = position, .slot = 2}};
    publish.run(block);
    int first = publish.row(0).token;
    ++counts[0][first];
    ++counts[1][publish.row(1).token];
    // The same in another row of another batch.
    if (position % 100 == 0) {
      std::swap(block.rows[0], block.rows[1]);
      publish.run(block);
      EXPECT_EQ(publish.row(1).token, first);
    }
  }
  for (const auto &count : counts) {
    // Within four standard deviations.
    EXPECT_NEAR(count[0], kDraws * 4 / 7, 4 * 21);
    EXPECT_NEAR(count[1], kDraws * 2 / 7, 4 * 19);
    EXPECT_NEAR(count[2], kDraws * 1 / 7, 4 * 15);
    EXPECT_EQ(count[0] + count[1] + count[2], kDraws);
  }
  EXPECT_NE(counts[0][0], counts[1][0]);
}

TEST(Builtins, AreNotMadeForUnknownPorts) {
  EXPECT_EQ(emitBuiltin("begin (write \"hidden\" tensor<?x64xf32>)").error,
            "'plan.kernel' op has port 'hidden', which builtin 'begin' does "
            "not know");
  EXPECT_EQ(emitBuiltin("begin (write \"tokens\" tensor<?xf32>)").error,
            "'plan.kernel' op expects 32-bit elements of another type in port "
            "'tokens', found 'tensor<?xf32>'");
  EXPECT_EQ(
      emitBuiltin("publish (read \"candidate_ids\" tensor<?x4xi32>)").error,
      "'plan.kernel' op expects ports candidate_counts, candidate_ids, "
      "candidate_values, candidate_sums");
}

} // namespace
