//===- RoutingTest.cpp - The choice of experts, and tokens by expert -----===//
#include "test/compiler/Codegen/CPU/BatchHarness.h"

#include <algorithm>
#include <numeric>

using namespace mlir::mm1::cpu;
using namespace mlir::mm1::cpu::test;

namespace {

std::unique_ptr<CompiledKernel> compileRouter(int64_t experts, int64_t chosen,
                                              const CPUTarget &target) {
  return CompiledKernel::compile(
      fill(R"(
        func.func @f(%x: tensor<?x$Exf32>) -> (tensor<?x$Kxi32>, tensor<?x$Kxf32>) {
          %i, %w = mm1.cluster routing (%x)
              schedule {tasks = 1 : i64, unit = "tokens", per = 3 : i64}
              : (tensor<?x$Exf32>) -> (tensor<?x$Kxi32>, tensor<?x$Kxf32>) {
          ^bb0(%logits: tensor<?x$Exf32>):
            %ids, %weights = mm1.router %logits : tensor<?x$Exf32> -> tensor<?x$Kxi32>, tensor<?x$Kxf32>
            mm1.yield %ids, %weights : tensor<?x$Kxi32>, tensor<?x$Kxf32>
          }
          return %i, %w : tensor<?x$Kxi32>, tensor<?x$Kxf32>
        })",
           {{"E", std::to_string(experts)}, {"K", std::to_string(chosen)}}),
      target);
}

const std::vector<std::pair<int64_t, int64_t>> kShapes = {
    {1, 1}, {4, 2}, {5, 1}, {5, 5}, {32, 2}, {33, 3}, {256, 8}};

TEST(Router, TakesTheLargestLowestFirst) {
  const int64_t tokens = 40;
  for (const CPUTarget *target : targetsHere())
    for (auto [experts, chosen] : kShapes) {
      SCOPED_TRACE(std::to_string(chosen) + " of " + std::to_string(experts));
      auto kernel = compileRouter(experts, chosen, *target);
      ASSERT_TRUE(kernel);
      Rows logits(ElementType::F32, tokens, experts);
      logits.randomise(1, 2.0);
      // Half of the rows are full of equals; some are large or all the same.
      for (int64_t t = 0; t < tokens; ++t)
        for (int64_t e = 0; e < experts; ++e) {
          if (t % 2 == 1)
            logits.set(t, e, std::round(logits.at(t, e)));
          if (t == 4)
            logits.set(t, e, 1e30 * logits.at(t, e));
          if (t == 6)
            logits.set(t, e, -7.0);
        }
      Rows ids(ElementType::I32, tokens, chosen);
      Rows weights(ElementType::F32, tokens, chosen);
      kernel->run({logits.data(), ids.data(), weights.data()},
                  {.tokens = tokens}, 4);
      EXPECT_TRUE(weights.paddingIsZero());
      EXPECT_TRUE(ids.bytes.guardIsIntact());
      for (int64_t t = 0; t < tokens; ++t) {
        std::vector<int64_t> order(experts);
        std::iota(order.begin(), order.end(), 0);
        std::sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
          double x = logits.at(t, a), y = logits.at(t, b);
          return x > y || (x == y && a < b);
        });
        double sum = 0;
        for (int64_t j = 0; j < chosen; ++j)
          sum += std::exp(logits.at(t, order[j]) - logits.at(t, order[0]));
        for (int64_t j = 0; j < chosen; ++j) {
          ASSERT_EQ(ids.at(t, j), order[j]) << "token " << t;
          double wanted =
              std::exp(logits.at(t, order[j]) - logits.at(t, order[0])) / sum;
          ASSERT_TRUE(isClose(weights.at(t, j), wanted, 1e-6, 1e-30));
        }
      }
    }
}

// Whatever the logits are, ids are different experts: the next kernels index
// with them.
TEST(Router, IdsAreInRangeForAnyBits) {
  for (const CPUTarget *target : targetsHere())
    for (auto [experts, chosen] : kShapes) {
      auto kernel = compileRouter(experts, chosen, *target);
      ASSERT_TRUE(kernel);
      double infinity = std::numeric_limits<double>::infinity();
      const double rows[] = {std::nan(""), -infinity, infinity};
      Rows logits(ElementType::F32, 5, experts);
      logits.randomise(2);
      for (int64_t t = 0; t < 5; ++t)
        for (int64_t e = 0; e < experts; ++e)
          if (t < 3 || (e + t) % 2)
            logits.set(t, e, t < 3 ? rows[t] : rows[t - 3]);
      Rows ids(ElementType::I32, 5, chosen),
          weights(ElementType::F32, 5, chosen);
      kernel->run({logits.data(), ids.data(), weights.data()}, {.tokens = 5});
      for (int64_t t = 0; t < 5; ++t) {
        std::vector<bool> seen(experts);
        for (int64_t j = 0; j < chosen; ++j) {
          int64_t id = ids.at(t, j);
          ASSERT_TRUE(id >= 0 && id < experts) << id;
          ASSERT_FALSE(seen[id]);
          seen[id] = true;
        }
      }
      EXPECT_TRUE(std::isnan(weights.at(0, 0)));
    }
}

TEST(GroupTokens, SortsPairsByExpert) {
  for (const CPUTarget *target : targetsHere())
    for (auto [experts, chosen] : kShapes) {
      auto kernel =
          CompiledKernel::compile(fill(R"(
            func.func @f(%x: tensor<?x$Kxi32>) -> (tensor<?x$Kxi32>, tensor<$Fxi32>) {
              %o, %f = mm1.cluster routing (%x)
                  schedule {tasks = 1 : i64, unit = "one", per = 1 : i64}
                  : (tensor<?x$Kxi32>) -> (tensor<?x$Kxi32>, tensor<$Fxi32>) {
              ^bb0(%ids: tensor<?x$Kxi32>):
                %order, %offsets = mm1.group_tokens %ids : tensor<?x$Kxi32> -> tensor<?x$Kxi32>, tensor<$Fxi32>
                mm1.yield %order, %offsets : tensor<?x$Kxi32>, tensor<$Fxi32>
              }
              return %o, %f : tensor<?x$Kxi32>, tensor<$Fxi32>
            })",
                                       {{"K", std::to_string(chosen)},
                                        {"F", std::to_string(experts + 1)}}),
                                  *target);
      ASSERT_TRUE(kernel);
      for (int64_t tokens : {1, 7, 100}) {
        Rows ids(ElementType::I32, tokens, chosen);
        std::mt19937 generator(3);
        for (int64_t t = 0; t < tokens; ++t)
          for (int64_t j = 0; j < chosen; ++j)
            ids.set(t, j, generator() % experts / 2);
        Rows order(ElementType::I32, tokens, chosen);
        Vectors offsets(ElementType::I32, experts + 1);
        kernel->run({ids.data(), order.data(), offsets.data()},
                    {.tokens = tokens});
        int64_t place = 0;
        for (int64_t e = 0; e < experts; ++e) {
          ASSERT_EQ(offsets.at(e), place);
          for (int64_t r = 0; r < tokens * chosen; ++r)
            if (ids.at(r / chosen, r % chosen) == e) {
              ASSERT_EQ(order.at(place / chosen, place % chosen), r);
              ++place;
            }
        }
        EXPECT_EQ(offsets.at(experts), tokens * chosen);
        EXPECT_TRUE(order.bytes.guardIsIntact());
        EXPECT_TRUE(offsets.bytes.guardIsIntact());
      }
    }
}

} // namespace
