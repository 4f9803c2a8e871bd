//===- RoutingTest.cpp - The choice of experts, and pairs by expert -------===//
#include "HostKernel.h"

#include <algorithm>
#include <numeric>

using namespace mlir::mm1::cuda::test;

namespace {

const std::vector<std::pair<int64_t, int64_t>> kShapes = {
    {1, 1}, {4, 2}, {5, 5}, {32, 2}, {33, 3}, {256, 8}};

std::string router(int64_t experts, int64_t chosen) {
  return fill(R"(
    func.func @f(%x: tensor<?x$Exf32>) -> (tensor<?x$Kxi32>, tensor<?x$Kxf32>) {
      %i, %w = mm1.cluster routing (%x)
          schedule {tasks = 1 : i64, unit = "tokens", per = 3 : i64, warps = 2 : i64}
          : (tensor<?x$Exf32>) -> (tensor<?x$Kxi32>, tensor<?x$Kxf32>) {
      ^bb0(%logits: tensor<?x$Exf32>):
        %ids, %weights = mm1.router %logits : tensor<?x$Exf32> -> tensor<?x$Kxi32>, tensor<?x$Kxf32>
        mm1.yield %ids, %weights : tensor<?x$Kxi32>, tensor<?x$Kxf32>
      }
      return %i, %w : tensor<?x$Kxi32>, tensor<?x$Kxf32>
    })",
              {{"E", std::to_string(experts)}, {"K", std::to_string(chosen)}});
}

TEST(Router, TakesTheLargestLowestFirst) {
  const int64_t tokens = 20;
  for (auto [experts, chosen] : kShapes) {
    SCOPED_TRACE(std::to_string(chosen) + " of " + std::to_string(experts));
    HostKernel kernel(router(experts, chosen));
    Rows logits(Element::F32, tokens, experts);
    logits.randomise(1);
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
    Rows ids(Element::I32, tokens, chosen);
    Rows weights(Element::F32, tokens, chosen);
    kernel.run({logits.buffer.data(), ids.buffer.data(), weights.buffer.data()},
               7, tokens);
    EXPECT_TRUE(ids.buffer.guardIsIntact());
    std::vector<std::vector<int64_t>> order(tokens);
    for (int64_t t = 0; t < tokens; ++t) {
      order[t].resize(experts);
      std::iota(order[t].begin(), order[t].end(), 0);
      std::sort(order[t].begin(), order[t].end(), [&](int64_t a, int64_t b) {
        double x = logits.at(t, a), y = logits.at(t, b);
        return x > y || (x == y && a < b);
      });
      for (int64_t j = 0; j < chosen; ++j)
        ASSERT_EQ(ids.at(t, j), order[t][j]) << "token " << t;
    }
    weights.expectNear(
        [&](int64_t t, int64_t j) {
          auto weight = [&](int64_t choice) {
            return std::exp(logits.at(t, order[t][choice]) -
                            logits.at(t, order[t][0]));
          };
          double sum = 0;
          for (int64_t i = 0; i < chosen; ++i)
            sum += weight(i);
          return weight(j) / sum;
        },
        1e-6);
  }
}

// Whatever the logits are, ids are different experts: the next kernels index
// with them.
TEST(Router, IdsAreInRangeForAnyBits) {
  for (auto [experts, chosen] : kShapes) {
    HostKernel kernel(router(experts, chosen));
    double infinity = std::numeric_limits<double>::infinity();
    const double rows[] = {std::nan(""), -infinity, infinity};
    Rows logits(Element::F32, 5, experts);
    logits.randomise(2);
    for (int64_t t = 0; t < 5; ++t)
      for (int64_t e = 0; e < experts; ++e)
        if (t < 3 || (e + t) % 2)
          logits.set(t, e, t < 3 ? rows[t] : rows[t - 3]);
    Rows ids(Element::I32, 5, chosen), weights(Element::F32, 5, chosen);
    kernel.run({logits.buffer.data(), ids.buffer.data(), weights.buffer.data()},
               2, 5);
    for (int64_t t = 0; t < 5; ++t) {
      std::vector<bool> seen(experts);
      for (int64_t j = 0; j < chosen; ++j) {
        auto id = int64_t(ids.at(t, j));
        ASSERT_TRUE(id >= 0 && id < experts) << id;
        ASSERT_FALSE(seen[id]);
        seen[id] = true;
      }
    }
    EXPECT_TRUE(std::isnan(weights.at(0, 0)));
  }
}

TEST(GroupTokens, SortsPairsByExpert) {
  for (auto [experts, chosen] : kShapes) {
    SCOPED_TRACE(std::to_string(chosen) + " of " + std::to_string(experts));
    HostKernel kernel(fill(
        R"(
        func.func @f(%x: tensor<?x$Kxi32>) -> (tensor<?x$Kxi32>, tensor<$Fxi32>) {
          %o, %f = mm1.cluster routing (%x)
              schedule {tasks = 1 : i64, unit = "one", per = 1 : i64, warps = 4 : i64}
              : (tensor<?x$Kxi32>) -> (tensor<?x$Kxi32>, tensor<$Fxi32>) {
          ^bb0(%ids: tensor<?x$Kxi32>):
            %order, %offsets = mm1.group_tokens %ids : tensor<?x$Kxi32> -> tensor<?x$Kxi32>, tensor<$Fxi32>
            mm1.yield %order, %offsets : tensor<?x$Kxi32>, tensor<$Fxi32>
          }
          return %o, %f : tensor<?x$Kxi32>, tensor<$Fxi32>
        })",
        {{"K", std::to_string(chosen)}, {"F", std::to_string(experts + 1)}}));
    for (int64_t tokens : {1, 7, 100, 301})
      for (bool isOneExpert : {false, true}) {
        Rows ids(Element::I32, tokens, chosen);
        std::mt19937 generator(3);
        // Half of the experts have no pair.
        for (int64_t t = 0; t < tokens; ++t)
          for (int64_t j = 0; j < chosen; ++j)
            ids.set(t, j,
                    isOneExpert ? double(experts - 1)
                                : double(generator() % experts / 2));
        Rows order(Element::I32, tokens, chosen);
        Rows offsets(Element::I32, 1, experts + 1);
        kernel.run(
            {ids.buffer.data(), order.buffer.data(), offsets.buffer.data()}, 1,
            tokens);
        int64_t place = 0;
        for (int64_t e = 0; e < experts; ++e) {
          ASSERT_EQ(offsets.at(0, e), place);
          for (int64_t r = 0; r < tokens * chosen; ++r)
            if (ids.at(r / chosen, r % chosen) == e) {
              ASSERT_EQ(order.at(place / chosen, place % chosen), r);
              ++place;
            }
        }
        EXPECT_EQ(offsets.at(0, experts), tokens * chosen);
        EXPECT_TRUE(order.buffer.guardIsIntact());
        EXPECT_TRUE(offsets.buffer.guardIsIntact());
      }
  }
}

} // namespace
