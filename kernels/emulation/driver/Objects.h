//===- Objects.h - What the driver's handles point at ---------------------===//
// The API's handles are pointers to these. Whatever was created stays in its
// table after it is destroyed, so that a stale handle is recognised and refused
// instead of followed.
//===----------------------------------------------------------------------===//
#pragma once

#include "kernels/emulation/Engine.h"
#include "kernels/emulation/driver/Capture.h"
#include "kernels/emulation/driver/Clock.h"
#include "kernels/emulation/driver/Cubin.h"
#include "kernels/emulation/driver/Execute.h"
#include "runtime/Device/CudaDriver.h"

#include <cstring>
#include <deque>
#include <memory>
#include <set>
#include <thread>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

namespace mm1::emulated {

//===-------------------------------- Work --------------------------------===//

/// A kernel with all that a launch says, its arguments copied.
struct KernelWork {
  cuda::KernelHandle *kernel;
  uint32_t blocks;
  uint32_t threads;
  std::vector<std::byte> arguments;
  /// May begin before the kernel in front of it has ended.
  bool programmatic;
};

/// The value of a parameter of 8 bytes, which is an address; 0 for others.
inline uintptr_t addressOf(const KernelWork &work,
                           const CubinKernel::Parameter &parameter) {
  uintptr_t value = 0;
  if (parameter.size == sizeof value)
    std::memcpy(&value, work.arguments.data() + parameter.offset, sizeof value);
  return value;
}

enum class Direction { ToDevice, ToHost, OnDevice };

struct CopyWork {
  Direction direction;
  uintptr_t to;
  uintptr_t from;
  size_t bytes;
  /// Of a pinned source when the copy was asked for; it may not change.
  uint64_t sourceHash = 0;
  bool hasHash = false;
};

struct FillWork {
  uintptr_t to;
  size_t bytes;
  uint8_t value;
};

/// The `count`-th record of an event, and a wait for it.
struct RecordWork {
  cuda::EventHandle *event;
  uint64_t count;
};
struct AwaitWork {
  cuda::EventHandle *event;
  uint64_t count;
};

struct GraphWork {
  cuda::GraphExecHandle *exec;
};

/// One thing that a stream or a graph does.
struct Piece {
  std::variant<KernelWork, CopyWork, FillWork, RecordWork, AwaitWork, GraphWork>
      what;
  /// What the host knew to have ended when it gave the piece.
  Clock given;

  template <typename T> T *as() { return std::get_if<T>(&what); }
  template <typename T> const T *as() const { return std::get_if<T>(&what); }
};

/// A launched graph under way.
struct GraphRun {
  cuda::GraphExecHandle *exec;
  /// What had ended when it was launched.
  Clock base;
  /// By node: predecessors that have not ended, and its order when it ran.
  std::vector<size_t> missing;
  std::vector<Order> orders;
  std::set<uint32_t> ready;
  std::vector<std::pair<uint32_t, std::unique_ptr<Flight>>> flights;
  /// Everything in it that has ended.
  Clock all;
  size_t left;
};

//===-------------------------------- Tables ------------------------------===//

/// Owns all objects of a kind and tells a handle from any other pointer.
template <typename T> class Table {
public:
  T *add(std::unique_ptr<T> object) {
    T *handle = object.get();
    live[handle] = true;
    objects.push_back(std::move(object));
    return handle;
  }
  bool isLive(T *handle) const {
    auto it = live.find(handle);
    return it != live.end() && it->second;
  }
  void kill(T *handle) { live[handle] = false; }

  auto begin() const { return objects.begin(); }
  auto end() const { return objects.end(); }
  size_t size() const { return objects.size(); }

private:
  std::vector<std::unique_ptr<T>> objects;
  std::unordered_map<T *, bool> live;
};

} // namespace mm1::emulated

namespace mm1::cuda {

struct ContextHandle {
  int device = 0;
  int retained = 0;
  /// Set for good by a fault: the code of every later call.
  Result sticky = kSuccess;
  /// Bit d: may touch the memory of device d.
  uint64_t reach = 0;
};

struct LibraryHandle {
  std::map<std::string, KernelHandle *> kernels;
};

struct KernelHandle {
  std::string name;
  LibraryHandle *library = nullptr;
  emulated::CubinKernel info;
  const emulation::Kernel *code = nullptr;
  /// By device: MAX_DYNAMIC_SHARED_SIZE_BYTES.
  std::map<int, uint32_t> maxDynamicShared;
  /// By device: made by cuKernelGetFunction.
  std::map<int, FunctionHandle *> functions;
};

struct FunctionHandle {
  KernelHandle *kernel;
  ContextHandle *context;
};

struct EventHandle {
  ContextHandle *context;
  /// Times recorded, given and done.
  uint64_t given = 0;
  uint64_t done = 0;
  /// What a waiter is behind.
  emulated::Clock clock;
  uint64_t nanoseconds = 0;
  bool timed;
  /// While the last record lies in a capture: its graph, and what it is behind.
  GraphHandle *captured = nullptr;
  std::vector<NodeHandle *> tip;
};

struct NodeHandle {
  struct Edge {
    NodeHandle *from;
    bool programmatic;
  };
  GraphHandle *graph;
  uint32_t index;
  emulated::Piece piece;
  std::vector<Edge> edges;
};

struct GraphHandle {
  std::vector<NodeHandle *> nodes;
  /// While it is captured: who began, who joined, and whether it is spoilt.
  StreamHandle *origin = nullptr;
  std::vector<StreamHandle *> joined;
  bool isSpoilt = false;
  CaptureMode mode = kCaptureGlobal;
  std::thread::id captor;
};

struct GraphExecHandle {
  ContextHandle *context;
  std::string name;
  /// Copies: the graph may be destroyed. Edges are by index.
  struct Node {
    emulated::Piece piece;
    std::vector<std::pair<uint32_t, bool>> edges;
    std::vector<uint32_t> readers;
  };
  std::vector<Node> nodes;
  std::vector<uint32_t> lanes;
  /// A launch is behind the launches before it, in whatever stream.
  bool isRunning = false;
  emulated::Clock all;
};

struct StreamHandle {
  ContextHandle *context;
  std::string name;
  std::deque<emulated::Piece> queue;
  /// What runs at its front, if anything does.
  std::unique_ptr<emulated::Flight> flight;
  std::unique_ptr<emulated::GraphRun> graphRun;

  std::vector<uint32_t> lanes;
  /// All that has ended in it or that it has waited for.
  emulated::Clock all;
  /// Of its last piece, when that was a kernel.
  emulated::Order last;
  bool isAfterKernel = false;

  GraphHandle *capture = nullptr;
  std::vector<NodeHandle *> tip;

  bool isIdle() const { return queue.empty() && !flight && !graphRun; }
};

} // namespace mm1::cuda
