//===- ReferenceOps.cpp - What each op of mm1 means, in double ------------===//
// Written for reading: each loop is its formula. Work is shared among threads
// over outputs only, so the number of threads never changes a result.
//===----------------------------------------------------------------------===//
#include "compiler/Reference/ReferenceOps.h"

#include "llvm/Support/Parallel.h"

#include <algorithm>
#include <cmath>
#include <limits>

using namespace mlir::mm1;

namespace {

/// Calls fn(0) .. fn(count - 1), on several threads when it pays.
void forEach(int64_t count, int64_t operationsEach,
             llvm::function_ref<void(size_t)> fn) {
  constexpr int64_t kWorthThreads = 1 << 18;
  if (count * operationsEach >= kWorthThreads)
    return llvm::parallelFor(0, count, fn);
  for (int64_t i = 0; i < count; ++i)
    fn(i);
}

/// Four sums side by side, so that one addition need not wait for the last.
double dot(const double *a, const double *b, int64_t count) {
  double sums[4] = {0, 0, 0, 0};
  int64_t i = 0;
  for (; i + 4 <= count; i += 4)
    for (int64_t lane = 0; lane < 4; ++lane)
      sums[lane] += a[i + lane] * b[i + lane];
  for (; i < count; ++i)
    sums[0] += a[i] * b[i];
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

/// y[i] = fn(i) for every element, in the shape of `like`.
template <typename Fn> Tensor elementwise(const Tensor &like, Fn fn) {
  Tensor y(like.shape);
  for (int64_t i = 0; i < y.size(); ++i)
    y[i] = fn(i);
  return y;
}

} // namespace

//===---------------------------- Rows and norms --------------------------===//

Tensor mlir::mm1::gatherRows(const Tensor &x, const Tensor &rows) {
  Tensor y({rows.size(), x.width()});
  for (int64_t r = 0; r < rows.size(); ++r)
    std::copy_n(x.row(static_cast<int64_t>(rows[r])), x.width(), y.row(r));
  return y;
}

Tensor mlir::mm1::embedding(const Tensor &tokens, const Tensor &table) {
  return gatherRows(table, tokens);
}

Tensor mlir::mm1::rmsNorm(const Tensor &x, const Tensor &weight, double eps) {
  Tensor y(x.shape);
  for (int64_t r = 0; r < x.numRows(); ++r) {
    const double *in = x.row(r);
    double mean = dot(in, in, x.width()) / static_cast<double>(x.width());
    double factor = 1 / std::sqrt(mean + eps);
    for (int64_t i = 0; i < x.width(); ++i)
      y.row(r)[i] = in[i] * factor * weight[i];
  }
  return y;
}

Tensor mlir::mm1::sumSquares(const Tensor &x, int64_t parts) {
  Tensor sums({x.numRows(), parts});
  int64_t columns = x.width() / parts;
  for (int64_t r = 0; r < x.numRows(); ++r)
    for (int64_t p = 0; p < parts; ++p) {
      const double *stretch = x.row(r) + p * columns;
      sums.row(r)[p] = dot(stretch, stretch, columns);
    }
  return sums;
}

Tensor mlir::mm1::normRows(const Tensor &x, const Tensor &sums, int64_t width,
                           double eps) {
  Tensor y(x.shape);
  for (int64_t r = 0; r < x.numRows(); ++r) {
    double sum = std::accumulate(sums.row(r), sums.row(r) + sums.width(), 0.0);
    double factor = 1 / std::sqrt(sum / static_cast<double>(width) + eps);
    for (int64_t i = 0; i < x.width(); ++i)
      y.row(r)[i] = x.row(r)[i] * factor;
  }
  return y;
}

Tensor mlir::mm1::scaleColumns(const Tensor &x, const Tensor &weight) {
  return elementwise(x,
                     [&](int64_t i) { return x[i] * weight[i % x.width()]; });
}

Tensor mlir::mm1::residual(const Tensor &stream, const Tensor &branch,
                           double alpha, double beta) {
  return elementwise(
      stream, [&](int64_t i) { return alpha * stream[i] + beta * branch[i]; });
}

//===----------------------------- Elementwise ----------------------------===//

Tensor mlir::mm1::silu(const Tensor &x) {
  return elementwise(x, [&](int64_t i) { return x[i] * sigmoid(x[i]); });
}

Tensor mlir::mm1::mul(const Tensor &a, const Tensor &b) {
  return elementwise(a, [&](int64_t i) { return a[i] * b[i]; });
}

Tensor mlir::mm1::sigmoidGate(const Tensor &x, const Tensor &gate) {
  return elementwise(x, [&](int64_t i) { return x[i] * sigmoid(gate[i]); });
}

Tensor mlir::mm1::blend(const Tensor &coefficient, const Tensor &routed,
                        const Tensor &shared) {
  return elementwise(routed, [&](int64_t i) {
    double s = sigmoid(coefficient[i / routed.width()]);
    return (1 - s) * routed[i] + s * shared[i];
  });
}

//===-------------------------------- Linear ------------------------------===//

Tensor mlir::mm1::linear(const Tensor &x, const Tensor &weight,
                         const Tensor *scale) {
  int64_t tokens = x.dim(0), depth = weight.dim(1), outputs = weight.dim(0);
  Tensor y({tokens, outputs});
  forEach(outputs, tokens * depth, [&](int64_t o) {
    double factor = scale ? (*scale)[o] : 1;
    for (int64_t t = 0; t < tokens; ++t)
      y.row(t)[o] = factor * dot(x.row(t), weight.row(o), depth);
  });
  return y;
}

//===-------------------------- Lightning attention -----------------------===//

std::pair<Tensor, Tensor>
mlir::mm1::lightningAttention(const Tensor &qkv, const Tensor &slopes,
                              Tensor state, const Batch &batch,
                              const Tensor &slots, const Tensor &positions) {
  int64_t heads = state.dim(1), dim = state.dim(2);
  Tensor out({qkv.dim(0), heads * dim});
  for (const Sequence &sequence : batch)
    forEach(heads, (sequence.end - sequence.begin) * dim * dim, [&](int64_t h) {
      double decay = std::exp(-slopes[h]);
      int64_t slot = static_cast<int64_t>(slots[sequence.number]);
      double *s = state.values.data() + (slot * heads + h) * dim * dim;
      if (positions[sequence.begin] == 0)
        std::fill_n(s, dim * dim, 0.0);
      for (int64_t t = sequence.begin; t < sequence.end; ++t) {
        const double *q = qkv.row(t) + 3 * dim * h;
        const double *k = q + dim, *v = k + dim;
        double *o = out.row(t) + dim * h;
        for (int64_t i = 0; i < dim; ++i)
          for (int64_t j = 0; j < dim; ++j) {
            double &cell = s[i * dim + j];
            cell = decay * cell + k[i] * v[j];
            o[j] += q[i] * cell;
          }
      }
    });
  return {std::move(out), std::move(state)};
}

//===--------------------------- Softmax attention ------------------------===//

std::pair<Tensor, Tensor> mlir::mm1::ropeAngles(const Tensor &positions,
                                                const Tensor &frequencies) {
  Tensor cos({positions.size(), frequencies.size()}), sin(cos.shape);
  for (int64_t t = 0; t < positions.size(); ++t)
    for (int64_t i = 0; i < frequencies.size(); ++i) {
      // The rounding of this product is part of the model.
      float angle =
          static_cast<float>(positions[t]) * static_cast<float>(frequencies[i]);
      cos.row(t)[i] = std::cos(static_cast<double>(angle));
      sin.row(t)[i] = std::sin(static_cast<double>(angle));
    }
  return {std::move(cos), std::move(sin)};
}

Tensor mlir::mm1::rope(const Tensor &x, const Tensor &cos, const Tensor &sin,
                       int64_t headDim) {
  Tensor y = x;
  int64_t pairs = cos.width();
  for (int64_t t = 0; t < x.dim(0); ++t)
    for (int64_t head = 0; head < x.width(); head += headDim) {
      const double *in = x.row(t) + head;
      double *out = y.row(t) + head;
      for (int64_t i = 0; i < pairs; ++i) {
        double c = cos.row(t)[i], s = sin.row(t)[i];
        out[i] = in[i] * c - in[i + pairs] * s;
        out[i + pairs] = in[i + pairs] * c + in[i] * s;
      }
    }
  return y;
}

namespace {

/// Where the key or value of a token lies in a cache [pages, 2, kv_heads, page,
/// D].
struct CacheView {
  const Tensor &cache;
  const Tensor &slots;
  const Tensor &pages;

  int64_t kvHeads() const { return cache.dim(2); }
  int64_t dim() const { return cache.dim(4); }
  /// `part` is 0 for the key, 1 for the value.
  int64_t offset(int64_t sequence, int64_t position, int64_t part,
                 int64_t kvHead) const {
    int64_t pageTokens = cache.dim(3);
    const double *table = pages.row(static_cast<int64_t>(slots[sequence]));
    auto page = static_cast<int64_t>(table[position / pageTokens]);
    int64_t block = (page * 2 + part) * kvHeads() + kvHead;
    return (block * pageTokens + position % pageTokens) * dim();
  }
};

} // namespace

Tensor mlir::mm1::cacheAppend(const Tensor &k, const Tensor &v, Tensor cache,
                              const Batch &batch, const Tensor &slots,
                              const Tensor &positions, const Tensor &pages) {
  CacheView view{cache, slots, pages};
  int64_t dim = view.dim();
  for (const Sequence &sequence : batch)
    for (int64_t t = sequence.begin; t < sequence.end; ++t) {
      int64_t position = static_cast<int64_t>(positions[t]);
      for (int64_t head = 0; head < view.kvHeads(); ++head)
        for (int64_t part : {0, 1}) {
          const double *from = (part == 0 ? k : v).row(t) + head * dim;
          int64_t to = view.offset(sequence.number, position, part, head);
          std::copy_n(from, dim, cache.values.begin() + to);
        }
    }
  return cache;
}

namespace {

/// One query head of one token over tokens first <= u < last of its sequence.
struct HeadSpan {
  const double *q;
  double scale;
  CacheView view;
  int64_t sequence, kvHead;
  double largest = -1e30, sum = 0;

  /// Adds exp(score - largest) V[u] of each token to `o`, and sets the largest
  /// score and the sum of the exponentials.
  void attend(int64_t first, int64_t last, double *o) {
    auto stored = [&](int64_t u, int64_t part) {
      return view.cache.values.data() + view.offset(sequence, u, part, kvHead);
    };
    std::vector<double> p;
    for (int64_t u = first; u < last; ++u)
      p.push_back(scale * dot(q, stored(u, 0), view.dim()));
    if (!p.empty())
      largest = *std::max_element(p.begin(), p.end());
    for (double &value : p)
      sum += value = std::exp(value - largest);
    for (int64_t u = first; u < last; ++u)
      for (int64_t j = 0; j < view.dim(); ++j)
        o[j] += p[u - first] * stored(u, 1)[j];
  }
};

/// Calls fn(t, head, span) for every token of a sequence and query head, with a
/// span that has seen no token yet.
void forHeads(const Tensor &q, const CacheView &view, const Batch &batch,
              double scale,
              llvm::function_ref<void(int64_t, int64_t, HeadSpan)> fn) {
  int64_t heads = q.width() / view.dim(), group = heads / view.kvHeads();
  for (const Sequence &sequence : batch) {
    int64_t tokens = sequence.end - sequence.begin;
    forEach(tokens * heads, tokens * view.dim(), [&](int64_t index) {
      int64_t t = sequence.begin + index / heads, head = index % heads;
      fn(t, head,
         {q.row(t) + head * view.dim(), scale, view, sequence.number,
          head / group});
    });
  }
}

/// Where span j begins (and span j - 1 ends) for a token that sees `tokens`.
int64_t spanStart(const Spans &spans, int64_t tokens, int64_t page, int64_t j) {
  if (j >= spans.count)
    return tokens;
  if (spans.tokens != 0)
    return std::min(j * spans.tokens, tokens);
  int64_t pages = (tokens + page - 1) / page;
  int64_t used = std::clamp<int64_t>(pages / 2, 1, spans.count);
  return j < used ? j * pages / used * page : tokens;
}

} // namespace

Tensor mlir::mm1::softmaxAttention(const Tensor &q, const Tensor &cache,
                                   const Batch &batch, const Tensor &slots,
                                   const Tensor &positions, const Tensor &pages,
                                   double scale) {
  CacheView view{cache, slots, pages};
  int64_t dim = view.dim();
  Tensor out(q.shape);
  forHeads(q, view, batch, scale, [&](int64_t t, int64_t head, HeadSpan whole) {
    double *o = out.row(t) + head * dim;
    whole.attend(0, static_cast<int64_t>(positions[t]) + 1, o);
    for (int64_t j = 0; j < dim; ++j)
      o[j] /= whole.sum;
  });
  return out;
}

std::pair<Tensor, Tensor>
mlir::mm1::attentionPartials(const Tensor &q, const Tensor &cache,
                             const Batch &batch, const Tensor &slots,
                             const Tensor &positions, const Tensor &pages,
                             double scale, const Spans &spans) {
  CacheView view{cache, slots, pages};
  int64_t dim = view.dim(), heads = q.width() / dim;
  Tensor stats({q.dim(0), spans.count, heads * 2});
  Tensor weighted({q.dim(0), spans.count, heads * dim});
  for (int64_t i = 0; i < stats.size(); i += 2)
    stats[i] = -1e30; // no token
  forHeads(q, view, batch, scale, [&](int64_t t, int64_t head, HeadSpan none) {
    int64_t tokens = static_cast<int64_t>(positions[t]) + 1;
    for (int64_t j = 0; j < spans.count; ++j) {
      auto start = [&](int64_t span) {
        return spanStart(spans, tokens, cache.dim(3), span);
      };
      int64_t row = t * spans.count + j;
      HeadSpan span = none;
      span.attend(start(j), start(j + 1), weighted.row(row) + head * dim);
      stats.row(row)[2 * head] = span.largest;
      stats.row(row)[2 * head + 1] = span.sum;
    }
  });
  return {std::move(stats), std::move(weighted)};
}

Tensor mlir::mm1::mergePartials(const Tensor &stats, const Tensor &weighted) {
  int64_t tokens = stats.dim(0), spans = stats.dim(1),
          heads = stats.width() / 2, dim = weighted.width() / heads;
  Tensor out({tokens, weighted.width()});
  for (int64_t t = 0; t < tokens; ++t)
    for (int64_t head = 0; head < heads; ++head) {
      auto stat = [&](int64_t j, int64_t which) {
        return stats.row(t * spans + j)[2 * head + which];
      };
      if (stat(0, 1) == 0)
        continue; // a token of no sequence
      double largest = stat(0, 0), sum = 0;
      for (int64_t j = 1; j < spans; ++j)
        largest = std::max(largest, stat(j, 0));
      double *o = out.row(t) + head * dim;
      for (int64_t j = 0; j < spans; ++j) {
        double factor = std::exp(stat(j, 0) - largest);
        sum += factor * stat(j, 1);
        for (int64_t i = 0; i < dim; ++i)
          o[i] += factor * weighted.row(t * spans + j)[head * dim + i];
      }
      for (int64_t i = 0; i < dim; ++i)
        o[i] /= sum;
    }
  return out;
}

//===-------------------------------- Experts -----------------------------===//

std::pair<Tensor, Tensor> mlir::mm1::router(const Tensor &logits,
                                            int64_t choices) {
  int64_t tokens = logits.dim(0), experts = logits.width();
  Tensor ids({tokens, choices}), weights(ids.shape);
  for (int64_t t = 0; t < tokens; ++t) {
    const double *row = logits.row(t);
    // The softmax over all experts, up to a factor that cancels below.
    double largest = *std::max_element(row, row + experts);
    std::vector<double> p(experts);
    for (int64_t e = 0; e < experts; ++e)
      p[e] = std::exp(row[e] - largest);
    // By falling p; the lower expert first among equals.
    std::vector<int64_t> order(experts);
    std::iota(order.begin(), order.end(), 0);
    std::sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
      return p[a] > p[b] || (p[a] == p[b] && a < b);
    });
    double sum = 0;
    for (int64_t j = 0; j < choices; ++j)
      sum += p[order[j]];
    for (int64_t j = 0; j < choices; ++j) {
      ids.row(t)[j] = static_cast<double>(order[j]);
      weights.row(t)[j] = p[order[j]] / sum;
    }
  }
  return {std::move(ids), std::move(weights)};
}

std::pair<Tensor, Tensor> mlir::mm1::groupTokens(const Tensor &ids,
                                                 int64_t experts) {
  Tensor order(ids.shape), offsets({experts + 1});
  int64_t next = 0;
  for (int64_t e = 0; e < experts; ++e) {
    offsets[e] = static_cast<double>(next);
    for (int64_t pair = 0; pair < ids.size(); ++pair)
      if (ids[pair] == static_cast<double>(e))
        order[next++] = static_cast<double>(pair);
  }
  offsets[experts] = static_cast<double>(next);
  return {std::move(order), std::move(offsets)};
}

Tensor mlir::mm1::expertLinear(const Tensor &x, const Tensor &ids,
                               const Tensor &weight, const Tensor *scale) {
  int64_t tokens = ids.dim(0), choices = ids.dim(1);
  int64_t experts = weight.dim(0), outputs = weight.dim(1),
          depth = weight.dim(2);
  bool rowsArePairs = x.rank() == 3;
  Tensor y({tokens, choices, outputs});
  std::vector<std::vector<int64_t>> pairsOf(experts);
  for (int64_t pair = 0; pair < ids.size(); ++pair)
    pairsOf[static_cast<int64_t>(ids[pair])].push_back(pair);
  int64_t pairsEach = ids.size() / experts + 1; // about
  forEach(experts * outputs, pairsEach * depth, [&](int64_t matrixRow) {
    int64_t e = matrixRow / outputs, o = matrixRow % outputs;
    double factor = scale ? (*scale)[matrixRow] : 1;
    for (int64_t pair : pairsOf[e]) {
      const double *in = x.row(rowsArePairs ? pair : pair / choices);
      y.row(pair)[o] = factor * dot(in, weight.row(matrixRow), depth);
    }
  });
  return y;
}

Tensor mlir::mm1::combine(const Tensor &x, const Tensor &weights) {
  int64_t tokens = x.dim(0), choices = x.dim(1), width = x.dim(2);
  Tensor y({tokens, width});
  for (int64_t t = 0; t < tokens; ++t)
    for (int64_t j = 0; j < choices; ++j)
      for (int64_t i = 0; i < width; ++i)
        y.row(t)[i] += weights.row(t)[j] * x.row(t * choices + j)[i];
  return y;
}

//===---------------------------- Choosing tokens -------------------------===//

TopCandidates mlir::mm1::topCandidates(const Tensor &logits, const Tensor &mask,
                                       const Tensor &counts,
                                       const Tensor &inverseTemperatures,
                                       int64_t k) {
  int64_t rows = logits.dim(0);
  TopCandidates result{Tensor({rows, k}), Tensor({rows, k}), Tensor({rows, 2})};
  std::fill(result.ids.values.begin(), result.ids.values.end(), -1);
  std::vector<int64_t> allowed;
  for (int64_t id = 0; id < logits.width(); ++id)
    if (static_cast<int64_t>(mask[id / 32]) >> (id % 32) & 1)
      allowed.push_back(id);
  for (int64_t r = 0; r < rows; ++r) {
    const double *row = logits.row(r);
    // By falling logit, NaN last; the lower id first among equals.
    std::vector<int64_t> order = allowed;
    std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
      return row[a] > row[b] || (std::isnan(row[b]) && !std::isnan(row[a]));
    });
    auto count = static_cast<size_t>(counts[r]);
    for (size_t j = 0; j < std::min(count, order.size()); ++j) {
      result.values.row(r)[j] = row[order[j]];
      result.ids.row(r)[j] = static_cast<double>(order[j]);
    }
    double largest = order.empty() ? -std::numeric_limits<double>::infinity()
                                   : row[order.front()];
    double sum = 0;
    for (int64_t id : order)
      if (count > 1 || std::isnan(row[id]))
        sum += std::exp((row[id] - largest) * inverseTemperatures[r]);
    result.sums.row(r)[0] = largest;
    result.sums.row(r)[1] = sum;
  }
  return result;
}
