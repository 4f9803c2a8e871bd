//===- Schedule.cpp - See Schedule.h --------------------------------------===//
#include "kernels/emulation/driver/Schedule.h"
#include "kernels/emulation/driver/Machine.h"

#include <algorithm>
#include <sched.h>

namespace mm1::emulated {

using namespace cuda;
using SteadyClock = std::chrono::steady_clock;

namespace {

//===------------------------- One piece of a stream ----------------------===//

bool canStart(const StreamHandle &stream) {
  if (stream.flight || stream.graphRun || stream.queue.empty())
    return false;
  const Piece &piece = stream.queue.front();
  if (auto *await = piece.as<AwaitWork>())
    return await->event->done >= await->count;
  if (auto *graph = piece.as<GraphWork>())
    return !graph->exec->isRunning;
  return true;
}

/// An ordinary piece is behind everything in front of it.
Order plainOrder(StreamHandle &stream, const Piece &piece) {
  Clock start = stream.all;
  join(start, piece.given);
  return {start, start, start};
}

/// A kernel whose launch allows it overlaps the kernel in front of it: until
/// its wait it is only behind what that one started behind.
Order kernelOrder(StreamHandle &stream, const Piece &piece) {
  if (!piece.as<KernelWork>()->programmatic || !stream.isAfterKernel)
    return plainOrder(stream, piece);
  Order order;
  order.start = stream.last.start;
  join(order.start, piece.given);
  order.waited = order.start;
  join(order.waited, stream.last.done);
  return order;
}

void endKernel(StreamHandle &stream, const Flight &flight) {
  stream.last = flight.order;
  stream.isAfterKernel = true;
  join(stream.all, flight.order.done);
}

Moment beginPiece(StreamHandle &stream, const Clock &start,
                  const std::string &what) {
  return machine().timeline.begin(stream.lanes, start,
                                  what + " in " + stream.name);
}

std::string copyName(const CopyWork &copy) {
  switch (copy.direction) {
  case Direction::ToDevice:
    return "a copy to the device";
  case Direction::ToHost:
    return "a copy to the host";
  case Direction::OnDevice:
    return "a copy on the device";
  }
  return {};
}

void startGraph(StreamHandle &stream, const Piece &piece) {
  auto run = std::make_unique<GraphRun>();
  run->exec = piece.as<GraphWork>()->exec;
  run->base = plainOrder(stream, piece).start;
  join(run->base, run->exec->all);
  run->all = run->base;
  size_t count = run->exec->nodes.size();
  run->orders.resize(count);
  run->left = count;
  for (uint32_t i = 0; i < count; ++i) {
    run->missing.push_back(run->exec->nodes[i].edges.size());
    if (run->missing.back() == 0)
      run->ready.insert(i);
  }
  if (count == 0)
    return;
  run->exec->isRunning = true;
  stream.graphRun = std::move(run);
}

void runFront(StreamHandle &stream) {
  Piece piece = std::move(stream.queue.front());
  stream.queue.pop_front();
  bool isDead = stream.context->sticky != kSuccess;

  if (auto *record = piece.as<RecordWork>()) {
    record->event->clock = plainOrder(stream, piece).start;
    record->event->nanoseconds = static_cast<uint64_t>(
        SteadyClock::now().time_since_epoch() / std::chrono::nanoseconds(1));
    record->event->done = record->count;
    return;
  }
  if (isDead)
    return;
  if (auto *await = piece.as<AwaitWork>()) {
    join(stream.all, await->event->clock);
    stream.isAfterKernel = false;
    return;
  }
  if (auto *kernel = piece.as<KernelWork>()) {
    Order order = kernelOrder(stream, piece);
    Moment moment = beginPiece(stream, order.start, kernel->kernel->name);
    stream.flight =
        startKernel(*stream.context, *kernel, std::move(order), moment);
    if (stream.flight && stream.flight->advance()) {
      endKernel(stream, *stream.flight);
      stream.flight.reset();
    }
    return;
  }
  stream.isAfterKernel = false;
  if (piece.as<GraphWork>()) {
    startGraph(stream, piece);
    return;
  }
  Clock start = plainOrder(stream, piece).start;
  Moment moment;
  if (auto *copy = piece.as<CopyWork>()) {
    moment = beginPiece(stream, start, copyName(*copy));
    runCopy(*copy, start, moment);
  } else if (auto *fill = piece.as<FillWork>()) {
    moment = beginPiece(stream, start, "a fill");
    runFill(*fill, start, moment);
  }
  join(stream.all, start);
  join(stream.all, moment);
}

//===---------------------------- Nodes of a graph ------------------------===//

/// Ends a launched graph, whether all of it has run or not.
void dropGraph(StreamHandle &stream) {
  GraphRun &run = *stream.graphRun;
  join(stream.all, run.all);
  join(run.exec->all, run.all);
  run.exec->isRunning = false;
  stream.graphRun.reset();
}

void endNode(StreamHandle &stream, uint32_t node, Order order) {
  GraphRun &run = *stream.graphRun;
  join(run.all, order.done);
  run.orders[node] = std::move(order);
  for (uint32_t reader : run.exec->nodes[node].readers)
    if (--run.missing[reader] == 0)
      run.ready.insert(reader);
  if (--run.left > 0)
    return;
  dropGraph(stream);
}

void runNode(StreamHandle &stream, uint32_t index) {
  GraphRun &run = *stream.graphRun;
  run.ready.erase(index);
  const GraphExecHandle::Node &node = run.exec->nodes[index];
  if (stream.context->sticky != kSuccess)
    return endNode(stream, index, {run.base, run.base, run.base});

  Order order;
  order.start = run.base;
  for (auto [from, programmatic] : node.edges)
    join(order.start,
         programmatic ? run.orders[from].start : run.orders[from].done);
  order.waited = order.start;
  for (auto [from, programmatic] : node.edges)
    if (programmatic)
      join(order.waited, run.orders[from].done);
  order.done = order.waited;

  std::string where =
      " of node " + std::to_string(index) + " of " + run.exec->name;
  auto begin = [&](const std::string &what) {
    return machine().timeline.begin(run.exec->lanes, order.start, what + where);
  };
  if (auto *kernel = node.piece.as<KernelWork>()) {
    Moment moment = begin(kernel->kernel->name);
    auto flight =
        startKernel(*stream.context, *kernel, std::move(order), moment);
    if (!flight)
      return endNode(stream, index, {run.base, run.base, run.base});
    if (flight->advance())
      return endNode(stream, index, std::move(flight->order));
    run.flights.emplace_back(index, std::move(flight));
    return;
  }
  Moment moment;
  if (auto *copy = node.piece.as<CopyWork>()) {
    moment = begin(copyName(*copy));
    runCopy(*copy, order.start, moment);
  } else if (auto *fill = node.piece.as<FillWork>()) {
    moment = begin("a fill");
    runFill(*fill, order.start, moment);
  }
  join(order.done, moment);
  endNode(stream, index, std::move(order));
}

//===------------------------------ Who goes next -------------------------===//

/// Stops what is under way in a stream; true when anything was.
bool dropFlights(StreamHandle &stream) {
  bool any = stream.flight || stream.graphRun;
  stream.flight.reset();
  if (stream.graphRun)
    dropGraph(stream);
  return any;
}

/// Gives every kernel that spins a turn; true when one has ended.
bool advanceFlights() {
  bool ended = false;
  for (const auto &stream : machine().streams) {
    if (stream->context->sticky != kSuccess) {
      ended |= dropFlights(*stream);
      continue;
    }
    if (stream->flight && stream->flight->advance()) {
      endKernel(*stream, *stream->flight);
      stream->flight.reset();
      ended = true;
    }
    for (size_t i = 0; stream->graphRun && i < stream->graphRun->flights.size();
         ++i) {
      auto &[node, flight] = stream->graphRun->flights[i];
      if (!flight->advance())
        continue;
      uint32_t index = node;
      Order order = std::move(flight->order);
      stream->graphRun->flights.erase(stream->graphRun->flights.begin() +
                                      static_cast<ptrdiff_t>(i));
      endNode(*stream, index, std::move(order));
      ended = true;
      break;
    }
  }
  return ended;
}

bool isInFlight() {
  for (const auto &stream : machine().streams)
    if (stream->flight ||
        (stream->graphRun && !stream->graphRun->flights.empty()))
      return true;
  return false;
}

/// Kernels that spin for ever: a GPU would hang.
void stopFlights() {
  for (const auto &stream : machine().streams) {
    bool spins = stream->flight ||
                 (stream->graphRun && !stream->graphRun->flights.empty());
    if (!spins)
      continue;
    machine().report(
        "kernels in " + stream->name + " spun for " +
        std::to_string(machine().config.spin_milliseconds) +
        " milliseconds while nothing else could run: they wait for what nobody "
        "writes");
    stream->context->sticky = kLaunchTimeout;
    dropFlights(*stream);
  }
}

/// Spun: all that is under way waits for memory that somebody has to write.
enum class Step { Ran, Spun, Nothing };

/// Runs one piece of work, whichever config.order says.
Step step() {
  Machine &m = machine();
  struct Choice {
    StreamHandle *stream;
    int64_t node; ///< -1: the front of the stream
  };
  std::vector<Choice> choices;
  for (const auto &stream : m.streams) {
    if (canStart(*stream))
      choices.push_back({stream.get(), -1});
    if (stream->graphRun)
      for (uint32_t node : stream->graphRun->ready)
        choices.push_back({stream.get(), node});
  }
  if (!choices.empty()) {
    Choice choice = choices[m.choose(choices.size())];
    if (choice.node < 0)
      runFront(*choice.stream);
    else
      runNode(*choice.stream, static_cast<uint32_t>(choice.node));
    m.lastProgress = SteadyClock::now();
    return Step::Ran;
  }
  if (advanceFlights()) {
    m.lastProgress = SteadyClock::now();
    return Step::Ran;
  }
  if (!isInFlight())
    return Step::Nothing;
  if (SteadyClock::now() - m.lastProgress >
      std::chrono::milliseconds(m.config.spin_milliseconds))
    stopFlights();
  return Step::Spun;
}

/// What piece uses [address, address + bytes), or nothing.
std::string useOf(const Piece &piece, uintptr_t address, size_t bytes) {
  auto meets = [&](uintptr_t from, size_t size) {
    return from < address + bytes && address < from + size;
  };
  if (auto *copy = piece.as<CopyWork>())
    if (meets(copy->to, copy->bytes) || meets(copy->from, copy->bytes))
      return copyName(*copy);
  if (auto *fill = piece.as<FillWork>(); fill && meets(fill->to, fill->bytes))
    return "a fill";
  if (auto *kernel = piece.as<KernelWork>())
    for (const CubinKernel::Parameter &parameter :
         kernel->kernel->info.parameters)
      if (meets(addressOf(*kernel, parameter), 1))
        return kernel->kernel->name;
  if (auto *graph = piece.as<GraphWork>())
    for (const GraphExecHandle::Node &node : graph->exec->nodes)
      if (std::string use = useOf(node.piece, address, bytes); !use.empty())
        return use + " of " + graph->exec->name;
  return {};
}

} // namespace

void workOnce() { step(); }

Result workUntil(Call &call, const std::function<bool()> &done) {
  while (!done() && call.context->sticky == kSuccess) {
    switch (step()) {
    case Step::Ran:
      break;
    case Step::Spun:
      // Another thread may have to launch what they wait for.
      call.pause();
      break;
    case Step::Nothing:
      call.m.report("a wait for what was never given");
      return kLaunchFailed;
    }
  }
  return call.context->sticky;
}

Result give(Call &call, StreamHandle &stream, Piece piece) {
  piece.given = call.m.host;
  if (GraphHandle *graph = stream.capture) {
    auto *kernel = piece.as<KernelWork>();
    // Behind two nodes, or behind a copy: an ordinary launch.
    if (kernel &&
        !(stream.tip.size() == 1 && stream.tip[0]->piece.as<KernelWork>()))
      kernel->programmatic = false;
    bool programmatic = kernel && kernel->programmatic;
    auto node = std::make_unique<NodeHandle>();
    node->graph = graph;
    node->index = static_cast<uint32_t>(graph->nodes.size());
    for (NodeHandle *from : stream.tip)
      node->edges.push_back({from, programmatic});
    node->piece = std::move(piece);
    stream.tip = {call.m.nodes.add(std::move(node))};
    graph->nodes.push_back(stream.tip[0]);
    return kSuccess;
  }
  stream.queue.push_back(std::move(piece));
  call.m.lastProgress = SteadyClock::now();
  if (!call.m.config.late)
    while (step() == Step::Ran)
      ;
  return call.context->sticky;
}

std::string pendingUse(uintptr_t address, size_t bytes) {
  for (const auto &stream : machine().streams) {
    for (const Piece &piece : stream->queue)
      if (std::string use = useOf(piece, address, bytes); !use.empty())
        return use + " in " + stream->name;
    if (!stream->graphRun)
      continue;
    for (const GraphExecHandle::Node &node : stream->graphRun->exec->nodes)
      if (std::string use = useOf(node.piece, address, bytes); !use.empty())
        return use + " of " + stream->graphRun->exec->name;
  }
  return {};
}

bool isPendingTarget(uintptr_t address, size_t bytes) {
  for (const auto &stream : machine().streams)
    for (const Piece &piece : stream->queue)
      if (auto *copy = piece.as<CopyWork>(); copy &&
                                             copy->to < address + bytes &&
                                             address < copy->to + copy->bytes)
        return true;
  return false;
}

void checkRedZones() {
  Machine &m = machine();
  for (const auto &[address, block] : m.memory.all())
    if (block.live)
      if (std::string problem = m.memory.redZoneProblem(block);
          !problem.empty())
        m.report(problem);
}

} // namespace mm1::emulated
