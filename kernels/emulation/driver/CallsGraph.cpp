//===- CallsGraph.cpp - Graphs of explicit nodes --------------------------===//
#include "kernels/emulation/driver/Launch.h"
#include "kernels/emulation/driver/Machine.h"
#include "kernels/emulation/driver/Schedule.h"

#include <algorithm>

using namespace mm1::emulated;
using namespace mm1::cuda;

MM1_DRIVER_CALL cuGraphCreate(Graph *graph, unsigned flags) {
  MM1_ENTER(Context);
  if (!graph || flags != 0)
    return kInvalidValue;
  *graph = m.graphs.add(std::make_unique<GraphHandle>());
  return kSuccess;
}

MM1_DRIVER_CALL cuGraphDestroy(Graph graph) {
  MM1_ENTER(Context);
  if (!m.graphs.isLive(graph) || graph->origin)
    return kInvalidValue;
  for (NodeHandle *node : graph->nodes)
    m.nodes.kill(node);
  m.graphs.kill(graph);
  return kSuccess;
}

namespace {

Result makeKernelNode(Call &call, const KernelNode &node, Piece &piece) {
  Machine &m = call.m;
  KernelHandle *kernel = node.kernel;
  if (node.function) {
    if (!m.functions.isLive(node.function) ||
        node.function->context != call.context)
      return kInvalidHandle;
    kernel = node.function->kernel;
  } else if (!m.kernels.isLive(kernel)) {
    return kInvalidHandle;
  }
  if (node.context && node.context != call.context)
    return kInvalidContext;
  KernelWork work;
  Result result = makeLaunch(call,
                             {kernel,
                              {node.gridX, node.gridY, node.gridZ},
                              {node.blockX, node.blockY, node.blockZ},
                              node.sharedBytes,
                              false,
                              node.parameters,
                              node.extra},
                             work);
  piece.what = std::move(work);
  return result;
}

/// Copies of one row, between the device and the device or pinned memory.
Result makeCopyNode(Call &call, const CopyNode &node, Piece &piece) {
  Machine &m = call.m;
  const Copy3D &copy = node.copy;
  auto isPlain = [](const Copy3D::End &end) {
    return end.x == 0 && end.y == 0 && end.z == 0 && end.level == 0 &&
           !end.array && !end.reserved &&
           (end.type == kMemoryDevice || end.type == kMemoryHost);
  };
  if (node.flags != 0 || node.reserved != 0 || !isPlain(copy.from) ||
      !isPlain(copy.to) || copy.height != 1 || copy.depth != 1 ||
      copy.widthBytes == 0)
    return kInvalidValue;
  if (node.context != call.context)
    return kInvalidContext;
  bool fromHost = copy.from.type == kMemoryHost;
  bool toHost = copy.to.type == kMemoryHost;
  if (fromHost && toHost)
    return kNotSupported;
  auto addressOf = [](const Copy3D::End &end) {
    return end.type == kMemoryHost ? reinterpret_cast<uintptr_t>(end.host)
                                   : uintptr_t(end.device);
  };
  CopyWork work{fromHost ? Direction::ToDevice
                : toHost ? Direction::ToHost
                         : Direction::OnDevice,
                addressOf(copy.to), addressOf(copy.from), copy.widthBytes};
  for (auto [address, isHost] :
       {std::pair(work.from, fromHost), std::pair(work.to, toHost)}) {
    std::string problem = m.memory.problem(address, work.bytes);
    if (problem.empty() && m.memory.isPinned(address) != isHost)
      problem = m.memory.text(address) + " is memory of the other kind";
    if (!problem.empty()) {
      m.report("cuGraphAddNode: a copy of " + problem);
      return kInvalidValue;
    }
  }
  piece.what = work;
  return kSuccess;
}

Result makeEdge(Call &call, const NodeHandle &node, NodeHandle *from,
                const Edge &edge, NodeHandle::Edge &made) {
  Machine &m = call.m;
  constexpr unsigned char kWhenTriggered = 1, kWhenStarted = 2;
  if (!m.nodes.isLive(from) || from->graph != node.graph)
    return kInvalidValue;
  made = {from, false};
  if (edge.type == 0)
    return edge.fromPort == 0 && edge.toPort == 0 ? kSuccess : kInvalidValue;
  if (edge.type != kProgrammaticEdge.type || edge.toPort != 0 ||
      (edge.fromPort != kWhenTriggered && edge.fromPort != kWhenStarted) ||
      !from->piece.as<KernelWork>() || !node.piece.as<KernelWork>()) {
    m.report("cuGraphAddNode: a programmatic edge leads from port 1 or 2 of a "
             "kernel to port 0 of a kernel");
    return kInvalidValue;
  }
  if (m.config.arch < 90) {
    m.report("cuGraphAddNode: a programmatic edge needs sm_90");
    return kNotSupported;
  }
  made.programmatic = true;
  return kSuccess;
}

} // namespace

MM1_DRIVER_CALL cuGraphAddNode(Node *to, Graph graph, const Node *after,
                               const Edge *edges, size_t numEdges,
                               NodeParams *parameters) {
  MM1_ENTER(Context);
  if (!to || !parameters || (numEdges > 0 && !after) ||
      !m.graphs.isLive(graph) || graph->origin)
    return kInvalidValue;
  if (parameters->reserved2 != 0 ||
      std::any_of(std::begin(parameters->reserved0),
                  std::end(parameters->reserved0),
                  [](int word) { return word != 0; }))
    return kInvalidValue;
  auto node = std::make_unique<NodeHandle>();
  node->graph = graph;
  node->index = static_cast<uint32_t>(graph->nodes.size());
  Result result = kNotSupported;
  if (parameters->type == kKernelNode)
    result = makeKernelNode(call, parameters->kernel, node->piece);
  else if (parameters->type == kCopyNode)
    result = makeCopyNode(call, parameters->copy, node->piece);
  if (result != kSuccess)
    return result;
  for (size_t i = 0; i < numEdges; ++i) {
    NodeHandle::Edge edge;
    result = makeEdge(call, *node, after[i], edges ? edges[i] : Edge{}, edge);
    if (result != kSuccess)
      return result;
    for (const NodeHandle::Edge &other : node->edges)
      if (other.from == edge.from)
        return kInvalidValue;
    node->edges.push_back(edge);
    if (edge.programmatic)
      node->piece.as<KernelWork>()->programmatic = true;
  }
  *to = m.nodes.add(std::move(node));
  graph->nodes.push_back(*to);
  return kSuccess;
}

MM1_DRIVER_CALL cuGraphInstantiateWithParams(GraphExec *exec, Graph graph,
                                             InstantiateParams *parameters) {
  MM1_ENTER(Context);
  MM1_NOT_WHILE_CAPTURING();
  if (!exec || !parameters || !m.graphs.isLive(graph) || graph->origin ||
      (parameters->flags & ~uint64_t(kInstantiateUpload)) != 0)
    return kInvalidValue;
  if ((parameters->flags & kInstantiateUpload) &&
      !m.streams.isLive(parameters->uploadStream))
    return kInvalidHandle;
  auto made = std::make_unique<GraphExecHandle>();
  made->context = call.context;
  made->name = "graph " + std::to_string(m.execs.size() + 1);
  for (const NodeHandle *node : graph->nodes) {
    GraphExecHandle::Node &copy = made->nodes.emplace_back();
    copy.piece = node->piece;
    for (const NodeHandle::Edge &edge : node->edges) {
      copy.edges.emplace_back(edge.from->index, edge.programmatic);
      made->nodes[edge.from->index].readers.push_back(node->index);
    }
  }
  parameters->failedNode = nullptr;
  parameters->failureReason = 0;
  *exec = m.execs.add(std::move(made));
  return kSuccess;
}

MM1_DRIVER_CALL cuGraphUpload(GraphExec exec, Stream stream) {
  MM1_ENTER(Context);
  if (!m.execs.isLive(exec))
    return kInvalidValue;
  return m.streams.isLive(stream) ? kSuccess : kInvalidHandle;
}

MM1_DRIVER_CALL cuGraphLaunch(GraphExec exec, Stream stream) {
  MM1_ENTER(Context);
  if (!m.execs.isLive(exec))
    return kInvalidValue;
  if (!m.streams.isLive(stream)) {
    if (!stream)
      m.report("cuGraphLaunch uses the default stream");
    return kInvalidHandle;
  }
  if (exec->context != stream->context)
    return kInvalidValue;
  if (stream->capture)
    return kNotSupported;
  return give(call, *stream, {GraphWork{exec}, {}});
}

MM1_DRIVER_CALL cuGraphExecDestroy(GraphExec exec) {
  MM1_ENTER(Context);
  if (!m.execs.isLive(exec))
    return kInvalidValue;
  bool isPending = exec->isRunning;
  for (const auto &stream : m.streams)
    for (const Piece &piece : stream->queue)
      if (auto *work = piece.as<GraphWork>())
        isPending |= work->exec == exec;
  if (isPending)
    m.report(exec->name + " is destroyed while a launch of it has yet to run");
  m.execs.kill(exec);
  return kSuccess;
}
