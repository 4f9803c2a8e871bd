//===- CudaGraph.cpp - An entry's steps become a graph --------------------===//
#include "runtime/Device/CudaGraph.h"

#include <algorithm>

namespace mm1 {

using namespace cuda;

//===----------------------------------------------------------------------===//
// Edges
//===----------------------------------------------------------------------===//

Builtin builtinOf(const Plan &plan, const Plan::Step &step) {
  const Plan::Launch *launch = step.as<Plan::Launch>();
  return launch ? plan.kernels[launch->kernel].builtin : Builtin::None;
}

namespace {

/// Whether `a` and `b` touch the same bytes and one of them writes.
bool conflicts(const Plan::Arg &a, const Plan::Arg &b) {
  if (a.kind != b.kind ||
      (a.access == Access::Read && b.access == Access::Read))
    return false;
  if (a.kind != ArgKind::Arena)
    return a.index == b.index;
  return a.index < b.index + b.sizeBytes && b.index < a.index + a.sizeBytes;
}

bool conflicts(const Plan::Step &a, const Plan::Step &b) {
  for (const Plan::Arg &left : a.args)
    for (const Plan::Arg &right : b.args)
      if (conflicts(left, right))
        return true;
  return false;
}

/// Sets of steps as bits.
class StepSets {
public:
  explicit StepSets(size_t count)
      : words((count + 63) / 64), bits(count * words) {}

  bool has(size_t set, size_t step) const {
    return bits[set * words + step / 64] >> (step % 64) & 1;
  }
  void add(size_t set, size_t step) {
    bits[set * words + step / 64] |= uint64_t(1) << (step % 64);
  }
  void addAll(size_t set, size_t other) {
    for (size_t i = 0; i < words; ++i)
      bits[set * words + i] |= bits[other * words + i];
  }

private:
  size_t words;
  std::vector<uint64_t> bits;
};

} // namespace

std::vector<StepEdge> findEdges(const Plan &plan, const Plan::Entry &entry,
                                bool startsEarly) {
  size_t count = entry.steps.size();
  std::vector<StepEdge> edges;
  std::vector<uint8_t> isBegin(count);
  for (size_t i = 0; i < count; ++i)
    isBegin[i] = builtinOf(plan, entry.steps[i]) == Builtin::Begin;
  StepSets before(count); // all that each step waits for, also through others
  for (size_t to = 0; to < count; ++to) {
    const Plan::Step &step = entry.steps[to];
    size_t first = edges.size();
    // The nearest first, so that an edge never turns out to follow from a
    // later one.
    for (size_t from = to; from-- > 0;) {
      const Plan::Step &other = entry.steps[from];
      // `begin` also writes what every kernel reads: the sizes of the step.
      bool shareSizes = (isBegin[from] || isBegin[to]) &&
                        other.as<Plan::Launch>() && step.as<Plan::Launch>();
      if (before.has(to, from) || !(shareSizes || conflicts(other, step)))
        continue;
      edges.push_back({uint32_t(from), uint32_t(to), false});
      before.add(to, from);
      before.addAll(to, from);
    }
    const Plan::Launch *launch = step.as<Plan::Launch>();
    if (startsEarly && launch && launch->earlyStart &&
        edges.size() == first + 1 &&
        entry.steps[edges.back().from].as<Plan::Launch>())
      edges.back().isEarly = true;
  }
  return edges;
}

//===----------------------------------------------------------------------===//
// Nodes
//===----------------------------------------------------------------------===//

namespace {

/// Arguments of one launch, packed as the driver takes them.
struct Packed {
  explicit Packed(const CudaWork &work)
      : sizeBytes(work.arguments.size() * sizeof(Address)),
        extra{kArgumentBuffer, const_cast<Address *>(work.arguments.data()),
              kArgumentSize, &sizeBytes, kArgumentEnd} {}
  Packed(const Packed &) = delete;

  size_t sizeBytes;
  void *extra[5];
};

NodeParams kernelNode(const CudaWork &work, Packed &packed) {
  NodeParams node = {};
  node.type = kKernelNode;
  node.kernel.function = work.function;
  node.kernel.gridX = work.blocks;
  node.kernel.gridY = node.kernel.gridZ = 1;
  node.kernel.blockX = work.threads;
  node.kernel.blockY = node.kernel.blockZ = 1;
  node.kernel.sharedBytes = work.sharedBytes;
  node.kernel.extra = packed.extra;
  return node;
}

NodeParams copyNode(const CudaWork &work, Context context) {
  NodeParams node = {};
  node.type = kCopyNode;
  node.copy.context = context;
  Copy3D &copy = node.copy.copy;
  copy.from.type = copy.to.type = kMemoryDevice;
  copy.from.device = work.arguments[0];
  copy.to.device = work.arguments[1];
  copy.widthBytes = work.copyBytes;
  copy.height = copy.depth = 1;
  return node;
}

} // namespace

/// A graph of all nodes, not yet made executable.
static Expected<CudaOwned<Graph>> addNodes(CudaContext &gpu,
                                           const Plan::Entry &entry,
                                           std::span<const CudaWork> works,
                                           std::span<const StepEdge> edges,
                                           bool startsEarly) {
  const CudaDriver &cu = gpu.driver();
  Graph made = nullptr;
  if (Status status = gpu.check(cu.cuGraphCreate(&made, 0), "cuGraphCreate");
      !status)
    return status.takeError();
  CudaOwned<Graph> graph(made, cu.cuGraphDestroy);
  std::vector<Node> nodes(entry.steps.size()); // null where nothing is done
  std::vector<Node> after;
  std::vector<Edge> kinds;
  auto edge = edges.begin();
  for (const CudaWork &work : works) {
    after.clear();
    kinds.clear();
    for (; edge != edges.end() && edge->to <= work.step; ++edge) {
      after.push_back(nodes[edge->from]);
      kinds.push_back(edge->isEarly && startsEarly ? kProgrammaticEdge
                                                   : Edge{});
    }
    Packed packed(work);
    NodeParams node = work.function ? kernelNode(work, packed)
                                    : copyNode(work, gpu.context());
    gpu.place.launch = &entry.steps[work.step];
    if (Status status = gpu.check(
            cu.cuGraphAddNode(&nodes[work.step], graph.get(), after.data(),
                              kinds.data(), after.size(), &node),
            "cuGraphAddNode");
        !status)
      return status.takeError();
  }
  gpu.place.launch = nullptr;
  return graph;
}

Expected<CudaGraph> buildGraph(CudaContext &gpu, const Plan::Entry &entry,
                               std::span<const CudaWork> works,
                               std::span<const StepEdge> edges) {
  const CudaDriver &cu = gpu.driver();
  CudaGraph built;
  bool startsEarly =
      std::any_of(edges.begin(), edges.end(),
                  [](const StepEdge &edge) { return edge.isEarly; });
  while (true) {
    auto graph = addNodes(gpu, entry, works, edges, startsEarly);
    if (!graph)
      return graph.takeError();
    InstantiateParams params = {kInstantiateUpload, gpu.stream(), nullptr, 0};
    GraphExec executable = nullptr;
    Result result =
        cu.cuGraphInstantiateWithParams(&executable, graph->get(), &params);
    built.executable = {executable, cu.cuGraphExecDestroy};
    if (result == kSuccess)
      return built;
    if (!startsEarly || isFault(result))
      return gpu.check(result, "cuGraphInstantiateWithParams").takeError();
    built.refusal = cu.describe(result);
    startsEarly = false;
  }
}

Status launch(CudaContext &gpu, const CudaWork &work) {
  const CudaDriver &cu = gpu.driver();
  if (!work.function)
    return gpu.check(cu.cuMemcpyDtoDAsync(work.arguments[1], work.arguments[0],
                                          work.copyBytes, gpu.stream()),
                     "cuMemcpyDtoDAsync");
  Packed packed(work);
  LaunchConfig config = {
      work.blocks,  1,       1, work.threads, 1, 1, work.sharedBytes,
      gpu.stream(), nullptr, 0};
  return gpu.check(
      cu.cuLaunchKernelEx(&config, work.function, nullptr, packed.extra),
      "cuLaunchKernelEx");
}

} // namespace mm1
