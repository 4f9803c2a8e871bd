//===- RandomModule.cpp - Modules that no model has, for property tests ---===//
#include "RandomModule.h"

#include "llvm/Support/FormatVariadic.h"

#include <random>
#include <vector>

using llvm::formatv;

namespace {

struct Rows {
  std::string name;
  int64_t width;
};

class Generator {
public:
  explicit Generator(uint64_t seed) : random(seed) {
    element = chance(2) ? "f32" : "bf16";
  }

  std::string run(const std::string &entry) {
    Rows x = declare(pick({32, 64}));
    say(x, formatv("mm1.embedding %tokens, {0} : (tensor<?xi32>, {1}) -> {2}",
                   weight({kVocabulary, x.width}), lastWeightType, type(x)));
    int64_t blocks = 4 + next(12);
    for (int64_t i = 0; i < blocks; ++i)
      addBlock();
    // Some of what was made is returned, at least the last.
    std::string values = pool.back().name, types = type(pool.back());
    for (size_t i = 1; i + 1 < pool.size(); ++i)
      if (chance(8)) {
        values += ", " + pool[i].name;
        types += ", " + type(pool[i]);
      }
    return globals + formatv(R"(
func.func @f(%tokens: tensor<?xi32>, %positions: tensor<?xi32>, %starts: tensor<?xi32>, %slots: tensor<?xi32>, %pages: tensor<?x?xi32>)
    -> ({0}) attributes {{mm1.entry = "{1}"} {{
{2}  return {3} : {0}
}
)",
                             types, entry, body, values)
                         .str();
  }

private:
  static constexpr int64_t kVocabulary = mlir::mm1::kRandomVocabulary;

  //===------------------------------ Randomness ----------------------------===//

  int64_t next(int64_t end) {
    return std::uniform_int_distribution<int64_t>(0, end - 1)(random);
  }
  bool chance(int64_t outOf) { return next(outOf) == 0; }
  int64_t pick(std::vector<int64_t> of) { return of[next(of.size())]; }

  /// Rows that were made; mostly recent ones.
  Rows any() {
    int64_t recent = std::min<int64_t>(pool.size(), 4);
    return chance(3) ? pool[next(pool.size())]
                     : pool[pool.size() - 1 - next(recent)];
  }
  /// Rows of this width, made by a linear when there are none.
  Rows like(const Rows &other) {
    std::vector<Rows> fitting;
    for (const Rows &rows : pool)
      if (rows.width == other.width && rows.name != other.name)
        fitting.push_back(rows);
    return fitting.empty() ? linear(any(), other.width)
                           : fitting[next(fitting.size())];
  }

  //===-------------------------------- Text --------------------------------===//

  std::string type(const Rows &rows) const {
    return formatv("tensor<?x{0}x{1}>", rows.width, element);
  }
  Rows declare(int64_t width) {
    return {"%v" + std::to_string(numValues++), width};
  }
  /// `rows = op`, and rows are there for later blocks.
  Rows say(const Rows &rows, const std::string &op) {
    body += "  " + rows.name + " = " + op + "\n";
    pool.push_back(rows);
    return rows;
  }
  std::string fresh(const std::string &op) {
    std::string name = "%t" + std::to_string(numValues++);
    body += "  " + name + " = " + op + "\n";
    return name;
  }
  std::string weight(std::vector<int64_t> shape) {
    std::string sizes;
    for (int64_t size : shape)
      sizes += std::to_string(size) + "x";
    lastWeightType = "tensor<" + sizes + "f32>";
    std::string name = "w" + std::to_string(numWeights++);
    globals += formatv("mm1.weight @{0} : {1} = #mm1.recipe<sources = "
                       "[#mm1.source<\"{0}\" : {1}>], steps = []>\n",
                       name, lastWeightType);
    return fresh(formatv("mm1.load_weight @{0} : {1}", name, lastWeightType));
  }
  std::string state(const std::string &kind, const std::string &type) {
    std::string name = "s" + std::to_string(numStates++);
    globals += formatv("mm1.state {0} @{1} : {2}\n", kind, name, type);
    return name;
  }

  //===------------------------------- Blocks -------------------------------===//

  Rows linear(const Rows &x, int64_t width) {
    std::string w = weight({width, x.width}), wType = lastWeightType;
    Rows y = declare(width);
    return say(y, formatv("mm1.linear {0} weights({1}) : ({2}, {3}) -> {4}",
                          x.name, w, type(x), wType, type(y)));
  }

  Rows norm(const Rows &x) {
    std::string w = weight({x.width}), wType = lastWeightType;
    return say(declare(x.width),
               formatv("mm1.rms_norm {0}, {1} eps = 1.0e-5 : ({2}, {3}) -> {2}",
                       x.name, w, type(x), wType));
  }

  Rows unary(const std::string &op, const Rows &x) {
    return say(declare(x.width),
               formatv("mm1.{0} {1} : {2}", op, x.name, type(x)));
  }
  Rows binary(const std::string &op, const Rows &x, const Rows &y) {
    std::string numbers = op == "residual" ? " alpha = 1.5 beta = 0.5" : "";
    return say(declare(x.width), formatv("mm1.{0} {1}, {2}{3} : {4}", op,
                                         x.name, y.name, numbers, type(x)));
  }

  void addBlock() {
    Rows x = any();
    switch (next(10)) {
    case 0:
      norm(x);
      break;
    case 1:
      addLinears(x);
      break;
    case 2:
      unary("silu", x);
      break;
    case 3:
      binary("mul", x, like(x));
      break;
    case 4:
      binary("sigmoid_gate", x, like(x));
      break;
    case 5:
      binary("residual", x, like(x));
      break;
    case 6:
      addExperts(chance(2) ? norm(x) : x);
      break;
    case 7:
      addLightning(chance(2) ? norm(x) : x);
      break;
    case 8:
      addAttention(chance(2) ? norm(x) : x);
      break;
    case 9: {
      std::string w = weight({x.width});
      say(declare(x.width),
          formatv("mm1.scale_columns {0}, {1} : ({2}, {3}) -> {2}", x.name, w,
                  type(x), lastWeightType));
      break;
    }
    }
  }

  /// One to three linears of the same rows, and what often follows them.
  void addLinears(const Rows &x) {
    int64_t count = 1 + next(3);
    std::vector<Rows> made;
    for (int64_t i = 0; i < count; ++i)
      made.push_back(linear(x, pick({32, 64, 96})));
    if (chance(2))
      unary("silu", made[0]);
    if (count > 1 && made[0].width == made[1].width && chance(2))
      binary("mul", made[0], made[1]);
    if (made[0].width == x.width && chance(2))
      binary("residual", x, made[0]);
  }

  void addExperts(const Rows &x) {
    int64_t experts = 3 + next(3), choices = 1 + next(2), width = 32;
    std::string router = weight({experts, x.width});
    std::string logits = fresh(
        formatv("mm1.linear {0} weights({1}) : ({2}, {3}) -> tensor<?x{4}xf32>",
                x.name, router, type(x), lastWeightType, experts));
    std::string ids = "%ids" + std::to_string(numValues),
                shares = "%shares" + std::to_string(numValues++);
    body += formatv("  {0}, {1} = mm1.router {2} : tensor<?x{3}xf32> -> "
                    "tensor<?x{4}xi32>, tensor<?x{4}xf32>\n",
                    ids, shares, logits, experts, choices);
    std::string pairs =
        formatv("tensor<?x{0}x{1}x{2}>", choices, width, element);
    auto expertLinear = [&](const std::string &input,
                            const std::string &inputType, int64_t columns,
                            int64_t depth, const std::string &resultType) {
      std::string w = weight({experts, columns, depth});
      return fresh(formatv("mm1.expert_linear {0}, {1} weights({2}) : ({3}, "
                           "tensor<?x{4}xi32>, {5}) -> {6}",
                           input, ids, w, inputType, choices, lastWeightType,
                           resultType));
    };
    std::string g = expertLinear(x.name, type(x), width, x.width, pairs);
    std::string h = fresh(formatv("mm1.silu {0} : {1}", g, pairs));
    if (!chance(4)) {
      std::string u = expertLinear(x.name, type(x), width, x.width, pairs);
      h = fresh(formatv("mm1.mul {0}, {1} : {2}", h, u, pairs));
    }
    std::string out =
        formatv("tensor<?x{0}x{1}x{2}>", choices, x.width, element);
    std::string d = expertLinear(h, pairs, x.width, width, out);
    Rows y =
        say(declare(x.width),
            formatv("mm1.combine {0}, {1} : ({2}, tensor<?x{3}xf32>) -> {4}", d,
                    shares, out, choices, type(x)));
    if (chance(2))
      binary("residual", x, y);
  }

  void addLightning(const Rows &x) {
    int64_t heads = 2, size = pick({8, 16}), width = heads * size;
    Rows qkv = linear(x, 3 * width);
    if (chance(2))
      qkv = unary("silu", qkv);
    Rows gate = linear(x, width);
    std::string slopes = weight({heads}), slopesType = lastWeightType;
    std::string pool = formatv("tensor<?x{0}x{1}x{1}xf32>", heads, size).str();
    std::string name = state("recurrent", pool);
    std::string old = fresh(formatv("mm1.load_state @{0} : {1}", name, pool));
    Rows o = declare(width);
    std::string after = o.name + "s";
    body +=
        formatv("  {0}, {1} = mm1.lightning_attention {2}, {3}, {4} "
                "batch(%slots, %starts, %positions) : ({5}, {6}, {7}, "
                "tensor<?xi32>, tensor<?xi32>, tensor<?xi32>) -> ({8}, {7})\n"
                "  mm1.store_state {1}, @{9} : {7}\n",
                o.name, after, qkv.name, slopes, old, type(qkv), slopesType,
                pool, type(o), name);
    this->pool.push_back(o);
    if (chance(4))
      return;
    Rows y = binary("sigmoid_gate", norm(o), gate);
    y = linear(y, x.width);
    if (chance(2))
      binary("residual", x, y);
  }

  void addAttention(const Rows &x) {
    constexpr int64_t heads = 4, kvHeads = 2, size = 16;
    Rows q = linear(x, heads * size), k = linear(x, kvHeads * size),
         v = linear(x, kvHeads * size);
    if (!chance(3)) {
      q = rope(q);
      k = rope(k);
    }
    std::string cacheType =
        formatv("tensor<?x2x{0}x64x{1}x{2}>", kvHeads, size, element);
    std::string name = state("kv_pages", cacheType);
    std::string old =
        fresh(formatv("mm1.load_state @{0} : {1}", name, cacheType));
    std::string batch = "batch(%slots, %starts, %positions, %pages)",
                batchTypes = "tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, "
                             "tensor<?x?xi32>";
    std::string after = fresh(formatv(
        "mm1.cache_append {0}, {1}, {2} {3} : ({4}, {4}, {5}, {6}) -> {5}",
        k.name, v.name, old, batch, type(k), cacheType, batchTypes));
    body +=
        formatv("  mm1.store_state {0}, @{1} : {2}\n", after, name, cacheType);
    Rows o = say(declare(q.width),
                 formatv("mm1.softmax_attention {0}, {1} {2} scale = 0.25 : "
                         "({3}, {4}, {5}) -> {3}",
                         q.name, after, batch, type(q), cacheType, batchTypes));
    if (!chance(4)) {
      Rows y = linear(o, x.width);
      if (chance(2))
        binary("residual", x, y);
    }
  }

  Rows rope(const Rows &x) {
    if (angles.empty()) {
      std::string w = weight({4});
      std::string n = std::to_string(numValues++);
      angles = "%cos" + n + ", %sin" + n;
      body +=
          formatv("  {0} = mm1.rope_angles %positions, {1} : (tensor<?xi32>, "
                  "{2}) -> (tensor<?x4xf32>, tensor<?x4xf32>)\n",
                  angles, w, lastWeightType);
    }
    return say(declare(x.width),
               formatv("mm1.rope {0}, {1} head_dim = 16 : ({2}, "
                       "tensor<?x4xf32>, tensor<?x4xf32>) -> {2}",
                       x.name, angles, type(x)));
  }

  std::mt19937_64 random;
  std::string element, globals, body, angles, lastWeightType;
  std::vector<Rows> pool;
  int64_t numValues = 0, numWeights = 0, numStates = 0;
};

} // namespace

std::string mlir::mm1::randomModule(uint64_t seed, const std::string &entry) {
  return Generator(seed).run(entry);
}
