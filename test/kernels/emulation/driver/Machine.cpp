//===- Machine.cpp - See Machine.h ----------------------------------------===//
#include "test/kernels/emulation/driver/Machine.h"

#include <cstdlib>

using namespace mm1::cuda;

namespace mm1::test {

const CudaDriver &driver() {
  static const CudaDriver opened = [] {
    auto driver = CudaDriver::open(MM1_EMULATED_DRIVER);
    if (!driver) {
      std::fprintf(stderr, "%s\n", driver.error().message.c_str());
      std::abort();
    }
    return *driver;
  }();
  return opened;
}

const Controls &controls() {
  static const Controls found = [] {
    Controls all;
    auto find = [](const char *name, auto &to) {
      to = reinterpret_cast<std::remove_reference_t<decltype(to)>>(
          driver().symbol(name));
    };
    find("mm1_emulated_default_config", all.defaultConfig);
    find("mm1_emulated_reset", all.reset);
    find("mm1_emulated_add_module", all.addModule);
    find("mm1_emulated_inject", all.inject);
    find("mm1_emulated_reports", all.reports);
    find("mm1_emulated_calls", all.calls);
    find("mm1_emulated_call_name", all.callName);
    using GetProcAddress =
        Result (*)(const char *, void **, int, uint64_t, int *);
    GetProcAddress get = nullptr;
    find("cuGetProcAddress_v2", get);
#define MM1_FIND(name, version, parameters)                                    \
  get(#name, reinterpret_cast<void **>(&all.name), version, kLegacyStream,     \
      nullptr);
    MM1_CUDA_MORE_CALLS(MM1_FIND)
#undef MM1_FIND
    return all;
  }();
  return found;
}

std::vector<CubinKernelText> testKernels() {
  return {{"scale", {8, 8, 8, 8}, 128},
          {"scale_early", {8, 8, 8, 8}, 128},
          {"add_older", {8, 8, 8, 8}, 128},
          {"no_wait", {8}, 128},
          {"block_sum", {8, 8}, 128, 512},
          {"sample", {8, 8, 8, 8}, 32},
          {"advance", {8}, 32},
          {"meet", {8, 8, 8, 8}, 32},
          {"half_barrier", {8}, 128}};
}

mm1_emulated_config defaultConfig() {
  mm1_emulated_config config;
  controls().defaultConfig(&config);
  config.arch = 90;
  config.print = 0;
  config.spin_milliseconds = 50;
  return config;
}

static const std::vector<std::byte> &testCubin(int arch) {
  static std::map<int, std::vector<std::byte>> made;
  auto &cubin = made[arch];
  if (cubin.empty())
    cubin = makeCubin(arch, testKernels());
  return cubin;
}

void startMachine(mm1_emulated_config config, Kernels kind) {
  config.print = 0;
  controls().reset(&config);
  const auto &cubin = testCubin(config.arch);
  const char *problem = controls().addModule(
      cubin.data(), cubin.size(),
      kind == Kernels::Checked ? MM1_CHECKED_KERNELS : MM1_PLAIN_KERNELS);
  ASSERT_EQ(problem, nullptr) << problem;
}

std::vector<mm1_emulated_config> everyOrder() {
  std::vector<mm1_emulated_config> all;
  for (int late : {0, 1})
    for (int order : {0, 1, 2})
      for (uint64_t seed = 1; seed <= (order == 2 ? 4u : 1u); ++seed) {
        mm1_emulated_config config = defaultConfig();
        config.late = late;
        config.order = order;
        config.seed = seed;
        all.push_back(config);
      }
  return all;
}

std::string orderName(const testing::TestParamInfo<mm1_emulated_config> &info) {
  const mm1_emulated_config &config = info.param;
  const char *orders[] = {"Forward", "Reverse", "Seed"};
  return std::string(config.late ? "Late" : "AtOnce") + orders[config.order] +
         (config.order == 2 ? std::to_string(config.seed) : "");
}

Result Gpu::open(int ordinal) {
  const CudaDriver &cu = driver();
  mm1::cuda::Device device;
  Result result;
  int arch = 0;
  if ((result = cu.cuInit(0)) || (result = cu.cuDeviceGet(&device, ordinal)) ||
      (result = cu.cuDeviceGetAttribute(&arch, kCapabilityMajor, device)) ||
      (result = cu.cuDevicePrimaryCtxRetain(&context, device)) ||
      (result = cu.cuCtxSetCurrent(context)) ||
      (result =
           cu.cuLibraryLoadData(&library, testCubin(10 * arch).data(), nullptr,
                                nullptr, 0, nullptr, nullptr, 0)) ||
      (result = cu.cuStreamCreate(&a, kStreamNonBlocking)) ||
      (result = cu.cuStreamCreate(&b, kStreamNonBlocking)))
    return result;
  for (const CubinKernelText &text : testKernels())
    if ((result = cu.cuLibraryGetKernel(&kernels[text.name], library,
                                        text.name.c_str())) ||
        (result = cu.cuKernelGetFunction(&functions[text.name],
                                         kernels[text.name])) ||
        (result = cu.cuFuncLoad(functions[text.name])))
      return result;
  return kSuccess;
}

Result Gpu::launch(const std::string &name, unsigned blocks, unsigned threads,
                   std::vector<Address> arguments, Stream stream,
                   bool programmatic, unsigned sharedBytes) const {
  LaunchAttribute attribute = {};
  attribute.id = kProgrammaticSerialization;
  attribute.value.programmaticSerialization = 1;
  size_t bytes = arguments.size() * sizeof(Address);
  void *extra[] = {kArgumentBuffer, arguments.data(), kArgumentSize, &bytes,
                   kArgumentEnd};
  LaunchConfig config = {
      blocks, 1,           1,      threads,    1,
      1,      sharedBytes, stream, &attribute, programmatic ? 1u : 0u};
  return driver().cuLaunchKernelEx(&config, functions.at(name), nullptr, extra);
}

Result Gpu::addNode(Graph graph, const std::string &name, unsigned blocks,
                    unsigned threads, std::vector<Address> arguments,
                    std::vector<Node> after, bool programmatic,
                    Node *node) const {
  size_t bytes = arguments.size() * sizeof(Address);
  void *extra[] = {kArgumentBuffer, arguments.data(), kArgumentSize, &bytes,
                   kArgumentEnd};
  NodeParams parameters = {};
  parameters.type = kKernelNode;
  parameters.kernel = {};
  parameters.kernel.function = functions.at(name);
  parameters.kernel.gridX = blocks;
  parameters.kernel.gridY = parameters.kernel.gridZ = 1;
  parameters.kernel.blockX = threads;
  parameters.kernel.blockY = parameters.kernel.blockZ = 1;
  parameters.kernel.extra = extra;
  std::vector<Edge> edges(after.size(),
                          programmatic ? kProgrammaticEdge : Edge{});
  return driver().cuGraphAddNode(node, graph, after.data(), edges.data(),
                                 after.size(), &parameters);
}

void EveryOrder::prepare(Kernels kind, const mm1_emulated_config &config) {
  ASSERT_NO_FATAL_FAILURE(startMachine(config, kind));
  ASSERT_DRIVER(gpu.open());
  for (Address *address : {&x, &w, &y, &z})
    ASSERT_DRIVER(cu.cuMemAlloc(address, kCount * sizeof(float)));
  ASSERT_DRIVER(cu.cuMemAlloc(&dims, 64));
  ASSERT_DRIVER(cu.cuMemHostAlloc(reinterpret_cast<void **>(&host),
                                  2 * kCount * sizeof(float) + 64,
                                  kHostPortable));
  ASSERT_DRIVER(cu.cuMemHostAlloc(reinterpret_cast<void **>(&out),
                                  kCount * sizeof(float), kHostPortable));
  for (int i = 0; i < kCount; ++i) {
    host[i] = static_cast<float>(i);
    host[kCount + i] = 2.0f;
  }
  long long values[8] = {kCount};
  std::memcpy(host + 2 * kCount, values, sizeof values);
  ASSERT_DRIVER(cu.cuMemcpyHtoDAsync(x, host, kCount * sizeof(float), gpu.a));
  ASSERT_DRIVER(
      cu.cuMemcpyHtoDAsync(w, host + kCount, kCount * sizeof(float), gpu.a));
  ASSERT_DRIVER(cu.cuMemcpyHtoDAsync(dims, host + 2 * kCount, 64, gpu.a));
  ASSERT_DRIVER(cu.cuStreamSynchronize(gpu.a));
}

Result EveryOrder::chain(bool programmatic, const std::string &second) {
  Result result;
  if ((result =
           gpu.launch("scale", 2, 128, {x, w, y, dims}, gpu.a, programmatic)) ||
      (result =
           gpu.launch(second, 2, 128, {y, w, z, dims}, gpu.a, programmatic)) ||
      (result =
           gpu.launch("scale", 2, 128, {z, w, x, dims}, gpu.a, programmatic)))
    return result;
  return cu.cuMemcpyDtoHAsync(out, x, kCount * sizeof(float), gpu.a);
}

Result EveryOrder::chainGraph(bool programmatic, const std::string &second,
                              GraphExec *exec) {
  Graph graph;
  Node nodes[3];
  Result result;
  InstantiateParams parameters = {};
  if ((result = cu.cuGraphCreate(&graph, 0)) ||
      (result = gpu.addNode(graph, "scale", 2, 128, {x, w, y, dims}, {}, false,
                            &nodes[0])) ||
      (result = gpu.addNode(graph, second, 2, 128, {y, w, z, dims}, {nodes[0]},
                            programmatic, &nodes[1])) ||
      (result = gpu.addNode(graph, "scale", 2, 128, {z, w, x, dims}, {nodes[1]},
                            programmatic, &nodes[2])) ||
      (result = cu.cuGraphInstantiateWithParams(exec, graph, &parameters)))
    return result;
  return cu.cuGraphDestroy(graph);
}

void EveryOrder::setCount(long long count) {
  std::memcpy(host, &count, sizeof count);
  ASSERT_DRIVER(cu.cuMemcpyHtoDAsync(dims, host, sizeof count, gpu.a));
  ASSERT_DRIVER(cu.cuStreamSynchronize(gpu.a));
}

bool EveryOrder::isRight(float factor) const {
  for (int i = 0; i < kCount; ++i)
    if (out[i] != factor * static_cast<float>(i))
      return false;
  return true;
}

} // namespace mm1::test
