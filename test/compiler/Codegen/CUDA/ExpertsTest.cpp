//===- ExpertsTest.cpp - Products with the experts of each token ----------===//
// The clusters of a MoE layer in all their forms, run on a CPU, against plain
// loops in double: the choice from memory, made again in front, or sorted by
// expert, in every weight format. All forms give the same bits.
//===----------------------------------------------------------------------===//
#include "HostKernel.h"

#include <algorithm>
#include <numeric>

using namespace mlir::mm1::cuda::test;

namespace {

/// Where a kernel knows the experts of a token from.
enum class Form { Memory, Routed, Stored, Grouped };

struct Shape {
  int64_t experts, choices, columns, depth;
  Element x, weight;
  Matrix::Layout layout = Matrix::Swizzled;
  int64_t blockColumns = 8, warps = 2;

  bool isScaled() const { return weight == Element::I8; }
};

const char *nameOf(Element element) {
  return element == Element::F32    ? "f32"
         : element == Element::BF16 ? "bf16"
                                    : "i8";
}

//===------------------------------ Their text ------------------------------===//

/// A cluster being written: operands, types and ops.
class ClusterSource {
public:
  explicit ClusterSource(const Shape &shape) : shape(shape) {
    auto number = [](int64_t value) { return std::to_string(value); };
    bool isFragment = shape.isScaled() && shape.layout == Matrix::Swizzled;
    words = {
        {"EK", number(shape.experts) + "x" + number(shape.columns)},
        {"E1", number(shape.experts + 1)},
        {"E", number(shape.experts)},
        {"C", number(shape.choices)},
        {"N", number(shape.columns)},
        {"K", number(shape.depth)},
        {"X", nameOf(shape.x)},
        {"W",
         std::string(nameOf(shape.weight)) +
             (shape.layout == Matrix::Rows ? ", #mm1.padded<multiple = 32>"
              : isFragment ? ", #mm1.swizzled<rows = 64, order = fragment>"
                           : ", #mm1.swizzled<rows = 64, order = natural>")}};
  }
  void input(const std::string &name, const std::string &type) {
    names.push_back("%" + name);
    types.push_back("tensor<" + fill(type, words) + ">");
  }
  void op(const std::string &text) { ops += fill(text, words) + "\n"; }
  void yield(const std::string &name, const std::string &type) {
    results.push_back("%" + name);
    resultTypes.push_back("tensor<" + fill(type, words) + ">");
  }
  /// The inputs and ops of an expert_linear of `count` weights, from %`rows`.
  void experts(int count, const std::string &rows, const std::string &rowType,
               const std::string &outputType, Form form) {
    std::string weights, scales, operandTypes, scaleTypes, outputTypes;
    for (int i = 0; i < count; ++i) {
      std::string comma = i ? ", " : "", n = std::to_string(i);
      input("w" + n, "$Ex$Nx$Kx$W");
      weights += comma + "%w" + n;
      operandTypes += ", tensor<$Ex$Nx$Kx$W>";
      outputTypes += comma + "tensor<?x$Cx$Nx" + outputType + ">";
    }
    for (int i = 0; shape.isScaled() && i < count; ++i) {
      std::string n = std::to_string(i);
      input("s" + n, "$EKxf32, #mm1.padded<multiple = 32>");
      scales += (i ? ", %s" : "%s") + n;
      scaleTypes += ", tensor<$EKxf32, #mm1.padded<multiple = 32>>";
    }
    std::string ids = ", tensor<?x$Cxi32>";
    bool isGrouped = form == Form::Grouped;
    op("%y:" + std::to_string(count) + " = mm1.expert_linear %" + rows +
       ", %ids " + (isGrouped ? "grouped(%order, %offsets) " : "") +
       "weights(" + weights + ")" +
       (shape.isScaled() ? " scales(" + scales + ")" : "") + " : (tensor<" +
       rowType + ">" + ids +
       (isGrouped ? ids + ", tensor<$E1xi32>" : std::string()) + operandTypes +
       scaleTypes + ") -> (" + outputTypes + ")");
  }
  /// The inputs and the router that give %ids and %p.
  void choice(Form form, bool usesWeights) {
    if (form == Form::Routed || form == Form::Stored) {
      input("logits", "?x$Exf32");
      op("%ids, %p = mm1.router %logits : tensor<?x$Exf32> -> "
         "tensor<?x$Cxi32>, tensor<?x$Cxf32>");
      return;
    }
    input("ids", "?x$Cxi32");
    if (usesWeights)
      input("p", "?x$Cxf32");
    if (form == Form::Grouped) {
      input("order", "?x$Cxi32");
      input("offsets", "$E1xi32");
    }
  }
  std::string str(Form form, int64_t tasks) const {
    auto join = [](const std::vector<std::string> &all) {
      std::string text;
      for (const std::string &each : all)
        text += (text.empty() ? "" : ", ") + each;
      return text;
    };
    // The function's parameters, and the cluster's of the same types.
    std::string outer, operands, inner;
    for (size_t i = 0; i < names.size(); ++i) {
      std::string comma = i ? ", " : "", operand = "%f" + std::to_string(i);
      outer += comma + operand + ": " + types[i];
      operands += comma + operand;
      inner += comma + names[i] + ": " + types[i];
    }
    bool isRouted = form == Form::Routed || form == Form::Stored;
    return fill(
        R"(func.func @f($Q) -> ($R) {
          %r:$n = mm1.cluster $kinds ($I) schedule {columns = $c : i64, per = 1 : i64,
              tasks = $t : i64, unit = "$unit", warps = $w : i64} : ($T) -> ($R) {
          ^bb0($P):
          $O
            mm1.yield $Y : $R
          }
          return $return : $R
        })",
        {{"kinds", isRouted ? "routing, grouped_matmul" : "grouped_matmul"},
         {"return", results.size() == 1 ? "%r#0" : "%r#0, %r#1, %r#2"},
         {"unit", form == Form::Grouped ? "one" : "tokens"},
         {"n", std::to_string(results.size())},
         {"c", std::to_string(shape.blockColumns)},
         {"t", std::to_string(tasks)},
         {"w", std::to_string(shape.warps)},
         {"P", inner},
         {"Q", outer},
         {"I", operands},
         {"T", join(types)},
         {"R", join(resultTypes)},
         {"O", ops},
         {"Y", join(results)}});
  }

private:
  const Shape &shape;
  std::vector<std::pair<std::string, std::string>> words;
  std::vector<std::string> names, types, results, resultTypes;
  std::string ops;
};

/// Blocks of columns, and tasks of a grouped launch.
int64_t columnBlocks(const Shape &shape) {
  return (shape.columns + shape.blockColumns - 1) / shape.blockColumns;
}
constexpr int64_t kGroupedTasks = 3;

/// silu(g) * u of each pair; Stored also gives ids and weights.
std::string gate(const Shape &shape, Form form) {
  ClusterSource source(shape);
  source.choice(form, false);
  source.input("x", "?x$Kx$X");
  source.experts(2, "x", "?x$Kx$X", "f32", form);
  source.op("%a = mm1.silu %y#0 : tensor<?x$Cx$Nxf32>");
  source.op("%h = mm1.mul %a, %y#1 : (tensor<?x$Cx$Nxf32>, "
            "tensor<?x$Cx$Nxf32>) -> tensor<?x$Cx$Nx$X>");
  source.yield("h", "?x$Cx$Nx$X");
  if (form == Form::Stored) {
    source.yield("ids", "?x$Cxi32");
    source.yield("p", "?x$Cxf32");
  }
  return source.str(form, form == Form::Grouped
                              ? kGroupedTasks
                              : columnBlocks(shape) * shape.choices);
}

/// 2 r + sum_j p_j y_j, where y_j is rounded to the type of x.
std::string combine(const Shape &shape, Form form) {
  ClusterSource source(shape);
  source.choice(form, true);
  source.input("x", "?x$Cx$Kx$X");
  source.input("r", "?x$Nx$X");
  source.experts(1, "x", "?x$Cx$Kx$X", "$X", form);
  source.op("%f = mm1.combine %y#0, %p : (tensor<?x$Cx$Nx$X>, "
            "tensor<?x$Cxf32>) -> tensor<?x$Nxf32>");
  source.op("%o = mm1.residual %r, %f alpha = 2.0 beta = 1.0 : "
            "(tensor<?x$Nx$X>, tensor<?x$Nxf32>) -> tensor<?x$Nxf32>");
  source.yield("o", "?x$Nxf32");
  return source.str(form, columnBlocks(shape));
}

//===------------------------------ Their inputs ----------------------------===//

/// [E, N, K]: one matrix behind the other.
struct ExpertWeights {
  ExpertWeights(const Shape &shape, int seed)
      : buffer(shape.weight, 0),
        scales(Element::F32, shape.experts, shape.columns) {
    for (int64_t e = 0; e < shape.experts; ++e)
      matrices.push_back(std::make_unique<Matrix>(shape.weight, shape.columns,
                                                  shape.depth, seed + int(e),
                                                  shape.layout));
    int64_t size = matrices.front()->buffer.elements();
    buffer = Buffer(shape.weight, size * shape.experts);
    for (int64_t e = 0; e < shape.experts; ++e)
      std::memcpy(static_cast<char *>(buffer.data()) +
                      e * size * bytesOf(shape.weight),
                  matrices[e]->buffer.data(), size * bytesOf(shape.weight));
    for (int64_t e = 0; e < shape.experts; ++e)
      for (int64_t n = 0; n < shape.columns; ++n)
        scales.buffer.set(e * scales.padded + n,
                          0.002 * double(1 + (e + n) % 7));
  }
  double scale(int64_t e, int64_t n) const {
    return scales.buffer.get(e * scales.padded + n);
  }

  std::vector<std::unique_ptr<Matrix>> matrices;
  Buffer buffer;
  Rows scales; ///< of weights: rows of `padded`
};

/// A batch whose logits choose, and what is known of the choice.
struct Batch {
  Batch(const Shape &shape, int64_t tokens, int seed)
      : tokens(tokens), shape(shape),
        logits(Element::F32, tokens, shape.experts),
        ids(Element::I32, tokens, shape.choices),
        weights(Element::F32, tokens, shape.choices),
        order(Element::I32, tokens, shape.choices),
        offsets(Element::I32, 1, shape.experts + 1) {
    logits.randomise(seed);
    choose();
  }
  /// Sets ids, weights, order and offsets from the logits.
  void choose() {
    std::vector<std::pair<int64_t, int64_t>> pairs; // expert, pair
    for (int64_t t = 0; t < tokens; ++t) {
      std::vector<int64_t> all(shape.experts);
      std::iota(all.begin(), all.end(), 0);
      std::stable_sort(all.begin(), all.end(), [&](int64_t a, int64_t b) {
        return logits.at(t, a) > logits.at(t, b);
      });
      float sum = 0;
      for (int64_t j = 0; j < shape.choices; ++j)
        sum += weight(t, all[j], all[0]);
      for (int64_t j = 0; j < shape.choices; ++j) {
        ids.set(t, j, double(all[j]));
        weights.set(t, j, weight(t, all[j], all[0]) / sum);
        pairs.push_back({all[j], t * shape.choices + j});
      }
    }
    std::sort(pairs.begin(), pairs.end());
    for (size_t i = 0; i < pairs.size(); ++i)
      order.buffer.set(int64_t(i), double(pairs[i].second));
    for (int64_t e = 0; e <= shape.experts; ++e)
      offsets.set(0, e,
                  double(std::lower_bound(pairs.begin(), pairs.end(),
                                          std::pair{e, int64_t(0)}) -
                         pairs.begin()));
  }
  /// The buffers of ClusterSource::choice.
  std::vector<void *> choiceOf(Form form, bool usesWeights) const {
    if (form == Form::Routed || form == Form::Stored)
      return {logits.buffer.data()};
    std::vector<void *> buffers = {ids.buffer.data()};
    if (usesWeights)
      buffers.push_back(weights.buffer.data());
    if (form == Form::Grouped) {
      buffers.push_back(order.buffer.data());
      buffers.push_back(offsets.buffer.data());
    }
    return buffers;
  }

  int64_t tokens;
  const Shape &shape;
  Rows logits, ids, weights, order, offsets;

private:
  float weight(int64_t t, int64_t e, int64_t best) const {
    return std::exp(float(logits.at(t, e)) - float(logits.at(t, best)));
  }
};

double product(const Shape &shape, const ExpertWeights &weights, int64_t e,
               int64_t n, const Rows &x, int64_t row) {
  double sum = 0;
  for (int64_t k = 0; k < shape.depth; ++k)
    sum += x.at(row, k) * weights.matrices[e]->at(n, k);
  return shape.isScaled() ? sum * weights.scale(e, n) : sum;
}

void append(std::vector<void *> &buffers, const Shape &shape,
            std::initializer_list<const ExpertWeights *> weights) {
  for (const ExpertWeights *each : weights)
    buffers.push_back(each->buffer.data());
  for (const ExpertWeights *each : weights)
    if (shape.isScaled())
      buffers.push_back(each->scales.buffer.data());
}

int blocksOf(const Shape &shape, Form form, int64_t tokens, bool combines) {
  if (form == Form::Grouped)
    return int(kGroupedTasks);
  return int(tokens * columnBlocks(shape) * (combines ? 1 : shape.choices));
}

/// One kernel for silu(g) * u of this form, and its two weights.
struct Gate {
  Gate(const Shape &shape, Form form)
      : shape(shape), form(form), kernel(gate(shape, form)), w1(shape, 3),
        w3(shape, 40) {}

  /// Pairs of the batch for activations `x`.
  Rows run(const Batch &batch, const Rows &x) {
    Rows out(shape.x, batch.tokens * shape.choices, shape.columns),
        ids(Element::I32, batch.tokens, shape.choices),
        weights(Element::F32, batch.tokens, shape.choices);
    std::vector<void *> buffers = batch.choiceOf(form, false);
    buffers.push_back(x.buffer.data());
    append(buffers, shape, {&w1, &w3});
    buffers.push_back(out.buffer.data());
    if (form == Form::Stored) {
      buffers.push_back(ids.buffer.data());
      buffers.push_back(weights.buffer.data());
    }
    kernel.run(buffers, blocksOf(shape, form, batch.tokens, false),
               batch.tokens);
    if (form == Form::Stored) {
      EXPECT_TRUE(ids.buffer == batch.ids.buffer);
      weights.expectNear(
          [&](int64_t t, int64_t j) { return batch.weights.at(t, j); }, 1e-6);
    }
    return out;
  }
  void expectRight(const Batch &batch, const Rows &x, const Rows &out,
                   double tolerance) const {
    out.expectNear(
        [&](int64_t pair, int64_t n) {
          int64_t t = pair / shape.choices;
          auto e = int64_t(batch.ids.at(t, pair % shape.choices));
          double g = product(shape, w1, e, n, x, t);
          return g / (1 + std::exp(-g)) * product(shape, w3, e, n, x, t);
        },
        tolerance);
  }

  const Shape &shape;
  Form form;
  HostKernel kernel;
  ExpertWeights w1, w3;
};

// Float32 sums of some hundred products: 1e-5 of values of up to 100 of both
// signs. A bf16 result has 8 bits: 2^-8.
const std::pair<Shape, double> kShapes[] = {
    {{5, 2, 50, 300, Element::F32, Element::F32}, 1e-4},
    {{4, 2, 96, 64, Element::BF16, Element::BF16}, 1.0 / 200},
    {{3, 3, 13, 40, Element::F32, Element::BF16, Matrix::Rows}, 1e-4},
    {{4, 1, 70, 200, Element::BF16, Element::I8}, 1.0 / 200},
    {{6, 2, 64, 128, Element::F32, Element::I8, Matrix::Swizzled, 32, 4}, 1e-4},
    {{3, 2, 20, 64, Element::BF16, Element::F32}, 1.0 / 200},
};

TEST(Experts, GateInAllForms) {
  for (const auto &[shape, tolerance] : kShapes) {
    SCOPED_TRACE(std::string(nameOf(shape.x)) + " by " + nameOf(shape.weight));
    Gate memory(shape, Form::Memory), routed(shape, Form::Routed),
        grouped(shape, Form::Grouped);
    Batch batch(shape, 9, 1);
    Rows x(shape.x, batch.tokens, shape.depth);
    x.randomise(2);
    Rows out = memory.run(batch, x);
    memory.expectRight(batch, x, out, tolerance);
    EXPECT_TRUE(routed.run(batch, x).buffer == out.buffer);
    EXPECT_TRUE(grouped.run(batch, x).buffer == out.buffer);
    // The first token alone.
    Batch alone(shape, 1, 1);
    Rows first(shape.x, 1, shape.depth);
    for (int64_t k = 0; k < first.padded; ++k)
      first.set(0, k, x.at(0, k));
    for (int64_t e = 0; e < shape.experts; ++e)
      alone.logits.set(0, e, batch.logits.at(0, e));
    alone.choose();
    for (Gate *form : {&memory, &routed, &grouped}) {
      Rows one = form->run(alone, first);
      for (int64_t pair = 0; pair < shape.choices; ++pair)
        for (int64_t n = 0; n < shape.columns; ++n)
          ASSERT_EQ(one.at(pair, n), out.at(pair, n));
    }
  }
}

TEST(Experts, TheFirstTaskStoresTheChoice) {
  const Shape &shape = kShapes[0].first;
  Gate stored(shape, Form::Stored), memory(shape, Form::Memory);
  Batch batch(shape, 4, 1);
  Rows x(shape.x, batch.tokens, shape.depth);
  x.randomise(2);
  EXPECT_TRUE(stored.run(batch, x).buffer == memory.run(batch, x).buffer);
}

// More pairs of an expert than an item has, and experts without any.
TEST(Experts, GroupedWhateverIsInFavour) {
  const Shape shape = {7, 2, 24, 40, Element::BF16, Element::BF16};
  Gate memory(shape, Form::Memory), grouped(shape, Form::Grouped);
  Batch batch(shape, 150, 1);
  Rows x(shape.x, batch.tokens, shape.depth);
  x.randomise(2);
  EXPECT_TRUE(grouped.run(batch, x).buffer == memory.run(batch, x).buffer);
  for (int64_t t = 0; t < batch.tokens; ++t) {
    batch.logits.set(t, 2, 100);
    batch.logits.set(t, 5, 90);
  }
  batch.choose();
  EXPECT_TRUE(grouped.run(batch, x).buffer == memory.run(batch, x).buffer);
}

TEST(Experts, BitsDependOnNoSchedule) {
  Shape shape = {4, 2, 50, 300, Element::F32, Element::BF16};
  Batch batch(shape, 3, 1);
  Rows x(shape.x, batch.tokens, shape.depth);
  x.randomise(2);
  Rows first = Gate(shape, Form::Memory).run(batch, x);
  shape.blockColumns = 20;
  shape.warps = 8;
  for (Form form : {Form::Memory, Form::Grouped})
    EXPECT_TRUE(Gate(shape, form).run(batch, x).buffer == first.buffer);
}

TEST(Experts, CombineAndResidual) {
  for (const auto &[shape, tolerance] : kShapes) {
    SCOPED_TRACE(std::string(nameOf(shape.x)) + " by " + nameOf(shape.weight));
    ExpertWeights w2(shape, 7);
    Batch batch(shape, 5, 3);
    Rows x(shape.x, batch.tokens * shape.choices, shape.depth),
        residual(shape.x, batch.tokens, shape.columns);
    x.randomise(4);
    residual.randomise(5);
    auto run = [&](Form form) {
      HostKernel kernel(combine(shape, form));
      Rows out(Element::F32, batch.tokens, shape.columns);
      std::vector<void *> buffers = batch.choiceOf(form, true);
      buffers.push_back(x.buffer.data());
      buffers.push_back(residual.buffer.data());
      append(buffers, shape, {&w2});
      buffers.push_back(out.buffer.data());
      kernel.run(buffers, blocksOf(shape, form, batch.tokens, true),
                 batch.tokens);
      out.expectNear(
          [&](int64_t t, int64_t n) {
            double sum = 2 * residual.at(t, n);
            for (int64_t j = 0; j < shape.choices; ++j) {
              double y = product(shape, w2, int64_t(batch.ids.at(t, j)), n, x,
                                 t * shape.choices + j);
              if (shape.x == Element::BF16)
                y = ::mm1::bf16ToFloat(::mm1::floatToBf16(float(y)));
              sum += batch.weights.at(t, j) * y;
            }
            return sum;
          },
          tolerance);
      return out;
    };
    Rows memory = run(Form::Memory), routed = run(Form::Routed);
    for (int64_t t = 0; t < batch.tokens; ++t)
      for (int64_t n = 0; n < shape.columns; ++n)
        ASSERT_NEAR(routed.at(t, n), memory.at(t, n), 1e-4);
  }
}

} // namespace
