//===- SelectionTest.cpp - Candidates as the processor finds them ---------===//
// The kernel against the cpu device's function (TopCandidates.h), which has its
// own tests against a sort.
//===----------------------------------------------------------------------===//
#include "HostKernel.h"
#include "runtime/Device/TopCandidates.h"
#include "runtime/Support/Candidates.h"

using namespace mlir::mm1::cuda::test;

namespace {

/// The kernel for rows of V logits and lists of k, and a step's buffers.
struct Step {
  Step(int64_t rows, int64_t vocabulary, int64_t k)
      : rows(rows), vocabulary(vocabulary), k(k),
        logits(Element::F32, rows, vocabulary),
        mask(Element::I32, 1, (vocabulary + 31) / 32),
        counts(Element::I32, 1, rows), scales(Element::F32, 1, rows),
        values(Element::F32, rows, k), ids(Element::I32, rows, k),
        sums(Element::F32, rows, 2) {
    for (int64_t row = 0; row < rows; ++row)
      counts.set(0, row, 1), scales.set(0, row, 1);
  }

  void run(HostKernel &kernel) {
    kernel.run({logits.buffer.data(), mask.buffer.data(), counts.buffer.data(),
                scales.buffer.data(), values.buffer.data(), ids.buffer.data(),
                sums.buffer.data()},
               int(rows), rows);
  }

  void expectAsOnCpu() {
    Rows cpuValues(Element::F32, rows, k), cpuIds(Element::I32, rows, k),
        cpuSums(Element::F32, rows, 2);
    int64_t numbers[::mm1::kNumTopNumbers] = {};
    numbers[::mm1::kTopVocabulary] = vocabulary;
    numbers[::mm1::kTopCount] = k;
    numbers[::mm1::kTopLogitsStride] = logits.stride;
    numbers[::mm1::kTopValuesStride] = values.stride;
    numbers[::mm1::kTopIdsStride] = ids.stride;
    numbers[::mm1::kTopSumsStride] = sums.stride;
    void *buffers[] = {logits.buffer.data(),    mask.buffer.data(),
                       counts.buffer.data(),    scales.buffer.data(),
                       cpuValues.buffer.data(), cpuIds.buffer.data(),
                       cpuSums.buffer.data(),   numbers};
    ::mm1::topCandidates(buffers, nullptr, 0, rows, nullptr);
    auto isSame = [](double a, double b) {
      return a == b || (std::isnan(a) && std::isnan(b));
    };
    for (int64_t row = 0; row < rows; ++row) {
      SCOPED_TRACE("row " + std::to_string(row));
      for (int64_t i = 0; i < k; ++i) {
        ASSERT_EQ(ids.at(row, i), cpuIds.at(row, i)) << i;
        ASSERT_TRUE(isSame(values.at(row, i), cpuValues.at(row, i)))
            << i << ": " << values.at(row, i);
      }
      EXPECT_TRUE(isSame(sums.at(row, 0), cpuSums.at(row, 0)));
      double sum = sums.at(row, 1), cpuSum = cpuSums.at(row, 1);
      if (std::isnan(cpuSum) || cpuSum == 0)
        EXPECT_TRUE(isSame(sum, cpuSum)) << sum << ", not " << cpuSum;
      else
        EXPECT_NEAR(sum / cpuSum, 1, ::mm1::Candidates::kSumError);
      for (int64_t i = k; i < values.padded; ++i)
        EXPECT_EQ(values.at(row, i), 0);
      for (int64_t i = 2; i < sums.padded; ++i)
        EXPECT_EQ(sums.at(row, i), 0);
    }
    for (const Rows *each : {&values, &ids, &sums})
      EXPECT_TRUE(each->buffer.guardIsIntact());
  }

  int64_t rows, vocabulary, k;
  Rows logits, mask, counts, scales, values, ids, sums;
};

std::string selection(int64_t vocabulary, int64_t k, int warps = 8) {
  return fill(R"(
    func.func @f(%x: tensor<?x$Vxf32>, %m: tensor<$Mxi32>, %c: tensor<?xi32>, %s: tensor<?xf32>)
        -> (tensor<?x$Kxf32>, tensor<?x$Kxi32>, tensor<?x2xf32>) {
      %v, %i, %t = mm1.cluster selection (%x, %m, %c, %s)
          schedule {tasks = 1 : i64, unit = "tokens", per = 1 : i64, warps = $W : i64}
          : (tensor<?x$Vxf32>, tensor<$Mxi32>, tensor<?xi32>, tensor<?xf32>)
            -> (tensor<?x$Kxf32>, tensor<?x$Kxi32>, tensor<?x2xf32>) {
      ^bb0(%x0: tensor<?x$Vxf32>, %m0: tensor<$Mxi32>, %c0: tensor<?xi32>, %s0: tensor<?xf32>):
        %v0, %i0, %t0 = mm1.top_candidates %x0, %m0, %c0, %s0 k = $K
            : (tensor<?x$Vxf32>, tensor<$Mxi32>, tensor<?xi32>, tensor<?xf32>)
              -> (tensor<?x$Kxf32>, tensor<?x$Kxi32>, tensor<?x2xf32>)
        mm1.yield %v0, %i0, %t0 : tensor<?x$Kxf32>, tensor<?x$Kxi32>, tensor<?x2xf32>
      }
      return %v, %i, %t : tensor<?x$Kxf32>, tensor<?x$Kxi32>, tensor<?x2xf32>
    })",
              {{"V", std::to_string(vocabulary)},
               {"M", std::to_string((vocabulary + 31) / 32)},
               {"K", std::to_string(k)},
               {"W", std::to_string(warps)}});
}

void fillMask(Rows &mask, std::mt19937 *random) {
  for (int64_t word = 0; word < mask.columns; ++word)
    mask.set(0, word,
             !random                ? -1
             : (*random)() % 3 == 0 ? 0
                                    : double(int32_t((*random)())));
}

TEST(TopCandidates, AgreeWithTheCpu) {
  std::mt19937 random(5);
  std::normal_distribution<float> normal;
  auto below = [&](uint32_t n) { return random() % n; };
  for (auto [vocabulary, k] : {std::pair{1, 1},
                               {33, 2},
                               {100, 64},
                               {517, 7},
                               {5000, 64},
                               {2999, 300}}) {
    SCOPED_TRACE(std::to_string(k) + " of " + std::to_string(vocabulary));
    HostKernel kernel(selection(vocabulary, k));
    Step step(8, vocabulary, k);
    for (int64_t row = 0; row < 8; ++row) {
      step.counts.set(0, row, row < 2 ? 1 : 1 + below(uint32_t(k)));
      step.scales.set(0, row, 0.25 * double(1 + below(20)));
      for (int64_t id = 0; id < vocabulary; ++id) {
        float x = 4 * normal(random);
        step.logits.set(row, id,
                        row == 1   ? std::round(x) // many equal ones
                        : row == 3 ? float(id)     // the worst order
                        : row == 4 ? -float(id)
                        : row == 5 && below(4) == 0 ? -INFINITY
                        : row == 6                  ? (below(2) ? 0.0f : -0.0f)
                        : row == 7 ? x * 50 // most weights are 0
                                   : x);
      }
    }
    fillMask(step.mask, nullptr);
    for (int round = 0; round < 3; ++round) {
      step.run(kernel);
      step.expectAsOnCpu();
      // Then with words that are partly and wholly cleared.
      fillMask(step.mask, &random);
    }
  }
}

// All that is large stands in the columns of a few threads: more than they can
// keep, so that the list is made one by one.
TEST(TopCandidates, ManyOfOneThread) {
  HostKernel kernel(selection(16000, 64));
  Step step(3, 16000, 64);
  fillMask(step.mask, nullptr);
  for (int64_t row = 0; row < 3; ++row) {
    step.counts.set(0, row, row == 2 ? 3 : 64);
    for (int64_t id = 0; id < 16000; ++id)
      step.logits.set(row, id, id % 256 == row ? 5 + id % 1000 : -double(id));
  }
  step.run(kernel);
  step.expectAsOnCpu();
}

TEST(TopCandidates, ShowWhatIsNotANumber) {
  HostKernel kernel(selection(40, 4));
  Step step(3, 40, 4);
  fillMask(step.mask, nullptr);
  const int counts[] = {1, 4, 3};
  for (int64_t row = 0; row < 3; ++row) {
    step.counts.set(0, row, counts[row]);
    for (int64_t id = 0; id < 40; ++id)
      step.logits.set(row, id, row == 2 ? NAN : double(id % 7));
  }
  step.logits.set(0, 5, NAN);
  step.logits.set(1, 39, NAN);
  step.run(kernel);
  step.expectAsOnCpu();
  for (int64_t id = 32; id < 40; ++id) // behind a list full of NaN
    step.logits.set(2, id, -double(id));
  step.run(kernel);
  step.expectAsOnCpu();
  step.mask.set(0, 0, 1 << 5); // NaN is all there is, then nothing
  step.mask.set(0, 1, 0);
  step.run(kernel);
  step.expectAsOnCpu();
  step.mask.set(0, 0, 0);
  step.run(kernel);
  step.expectAsOnCpu();
}

// Sums, too, have one order for any block.
TEST(TopCandidates, BitsDependOnNoSchedule) {
  HostKernel wide(selection(3000, 9)), narrow(selection(3000, 9, 2));
  Step first(2, 3000, 9), second(2, 3000, 9);
  for (Step *step : {&first, &second}) {
    step->logits.randomise(8);
    fillMask(step->mask, nullptr);
    step->counts.set(0, 1, 9);
    step->counts.set(0, 0, 5);
  }
  first.run(wide);
  second.run(narrow);
  for (int64_t row = 0; row < 2; ++row) {
    EXPECT_GT(first.sums.at(row, 1), 0);
    EXPECT_EQ(first.sums.at(row, 1), second.sums.at(row, 1));
  }
}

} // namespace
