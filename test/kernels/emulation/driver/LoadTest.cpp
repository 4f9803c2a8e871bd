//===- LoadTest.cpp - Finding functions, devices and kernels --------------===//
#include "test/kernels/emulation/driver/Machine.h"

#include <sys/mman.h>

using namespace mm1::cuda;

namespace mm1::test {
namespace {

using GetProcAddress = Result (*)(const char *, void **, int, uint64_t, int *);

class Load : public testing::Test {
protected:
  void SetUp() override { start(defaultConfig()); }

  static void start(mm1_emulated_config config) {
    ASSERT_NO_FATAL_FAILURE(startMachine(config));
  }
  Result load(const void *image, Library *library) {
    return cu.cuLibraryLoadData(library, image, nullptr, nullptr, 0, nullptr,
                                nullptr, 0);
  }

  const CudaDriver &cu = driver();
};

TEST_F(Load, GivesFunctionsByTheVersionOfTheirSignature) {
  auto get =
      reinterpret_cast<GetProcAddress>(driver().symbol("cuGetProcAddress_v2"));
  ASSERT_NE(get, nullptr);
  void *function = nullptr;
  int status = -1;
  EXPECT_EQ(get("cuGraphAddNode", &function, 12030, 1, &status), kSuccess);
  EXPECT_NE(function, nullptr);
  EXPECT_EQ(status, 0);
  // The form without edge data is another signature.
  EXPECT_EQ(get("cuGraphAddNode", &function, 12020, 1, &status), kSuccess);
  EXPECT_EQ(function, nullptr);
  EXPECT_EQ(status, 2);
  EXPECT_EQ(get("cuNoSuchCall", &function, 12030, 1, &status), kSuccess);
  EXPECT_EQ(function, nullptr);
  EXPECT_EQ(status, 1);
  EXPECT_EQ(get("cuInit", &function, 99000, 1, &status), kInvalidValue);
}

TEST_F(Load, DescribesTheMachine) {
  mm1_emulated_config config = defaultConfig();
  config.devices = 2;
  config.arch = 80;
  config.memory_bytes = 1 << 20;
  start(config);
  Gpu gpu;
  ASSERT_DRIVER(gpu.open(1));
  int value = 0;
  ASSERT_DRIVER(cu.cuDeviceGetCount(&value));
  EXPECT_EQ(value, 2);
  ASSERT_DRIVER(cu.cuDeviceGetAttribute(&value, kCapabilityMajor, 1));
  EXPECT_EQ(value, 8);
  ASSERT_DRIVER(cu.cuDeviceGetAttribute(&value, kMaxSharedOptIn, 1));
  EXPECT_EQ(value, 163 << 10);
  char name[32];
  ASSERT_DRIVER(cu.cuDeviceGetName(name, sizeof name, 1));
  EXPECT_STREQ(name, "Emulated sm_80");
  EXPECT_EQ(cu.cuDeviceGetAttribute(&value, kCapabilityMajor, 2),
            kInvalidDevice);
}

/// An artifact for sm_80 wants another machine than one for sm_90a.
TEST_F(Load, HasTheArchitectureOfItsModules) {
  for (int arch : {80, 90}) {
    mm1_emulated_config config = defaultConfig();
    config.arch = 0;
    controls().reset(&config);
    auto cubin = makeCubin(arch, testKernels());
    ASSERT_EQ(
        controls().addModule(cubin.data(), cubin.size(), MM1_PLAIN_KERNELS),
        nullptr);
    ASSERT_DRIVER(cu.cuInit(0));
    int major = 0;
    ASSERT_DRIVER(cu.cuDeviceGetAttribute(&major, kCapabilityMajor, 0));
    EXPECT_EQ(10 * major, arch);
  }
}

TEST_F(Load, RunsOutOfMemory) {
  mm1_emulated_config config = defaultConfig();
  config.memory_bytes = 1 << 20;
  start(config);
  Gpu gpu;
  ASSERT_DRIVER(gpu.open());
  Address half, other;
  ASSERT_DRIVER(cu.cuMemAlloc(&half, 600'000));
  size_t free = 0, total = 0;
  ASSERT_DRIVER(cu.cuMemGetInfo(&free, &total));
  EXPECT_EQ(total, size_t(1) << 20);
  EXPECT_EQ(free, total - 600'000);
  EXPECT_EQ(cu.cuMemAlloc(&other, 600'000), kOutOfMemory);
  ASSERT_DRIVER(cu.cuMemFree(half));
  ASSERT_DRIVER(cu.cuMemAlloc(&other, 600'000));
  EXPECT_NE(half, other) << "an address is given out once";
}

TEST_F(Load, RefusesWhereThereIsNoGpu) {
  mm1_emulated_config config = defaultConfig();
  config.devices = 0;
  start(config);
  EXPECT_EQ(cu.cuInit(0), kNoDevice);
}

TEST_F(Load, RefusesAContextOfABusyGpu) {
  mm1_emulated_config config = defaultConfig();
  config.compute_mode = kComputeProhibited;
  start(config);
  EXPECT_EQ(Gpu().open(), kUnknown);
}

TEST_F(Load, RefusesAnOldDriver) {
  mm1_emulated_config config = defaultConfig();
  config.driver_version = 12090;
  start(config);
  auto opened = CudaDriver::open(MM1_EMULATED_DRIVER);
  ASSERT_FALSE(opened);
  EXPECT_NE(opened.error().message.find("r580"), std::string::npos);
  EXPECT_EQ(Gpu().open(), kNoBinaryForGpu);
  EXPECT_REPORTS("a cubin of CUDA 13 needs driver r580, this one speaks "
                 "version 12090");
}

TEST_F(Load, RefusesACubinOfAnotherArchitecture) {
  ASSERT_DRIVER(cu.cuInit(0));
  auto cubin = makeCubin(80, testKernels());
  Library library;
  EXPECT_EQ(load(cubin.data(), &library), kNoBinaryForGpu);
  EXPECT_REPORTS("a cubin for sm_80 on a device of sm_90");
}

TEST_F(Load, RefusesACubinWithoutHostModule) {
  ASSERT_DRIVER(cu.cuInit(0));
  auto kernels = testKernels();
  kernels[0].registers = 77; // other bytes
  auto cubin = makeCubin(90, kernels);
  Library library;
  EXPECT_EQ(load(cubin.data(), &library), kNoBinaryForGpu);
  EXPECT_REPORTS("no host module was given for this cubin");
}

/// The driver is told no length; whatever the file announces, memory that is
/// not there is not read.
TEST_F(Load, RefusesDamagedImages) {
  ASSERT_DRIVER(cu.cuInit(0));
  auto cubin = makeCubin(90, testKernels());
  constexpr size_t kPage = 4096;
  size_t room = (cubin.size() + kPage - 1) / kPage * kPage;
  auto *pages = static_cast<std::byte *>(
      ::mmap(nullptr, room + kPage, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  ASSERT_EQ(::mprotect(pages + room, kPage, PROT_NONE), 0);
  for (size_t bytes : {size_t(1), size_t(63), size_t(64), size_t(200),
                       cubin.size() / 2, cubin.size() - 1}) {
    std::byte *image = pages + room - bytes;
    std::memcpy(image, cubin.data(), bytes);
    Library library;
    EXPECT_EQ(load(image, &library), kInvalidImage) << bytes << " bytes";
  }
  EXPECT_REPORTS("cuLibraryLoadData: cubin: ");
  const char ptx[] = "//\n// Generated by NVIDIA NVVM Compiler\n//\n\n"
                     ".version 9.0\n.target sm_90a\n.address_size 64\n";
  Library library;
  EXPECT_EQ(load(ptx, &library), kInvalidImage);
  EXPECT_REPORTS("PTX and fat binaries are not loaded");
  ::munmap(pages, room + kPage);
}

TEST_F(Load, NamesAHostModuleOfAnotherText) {
  auto problemOf = [&](std::vector<CubinKernelText> kernels) {
    auto cubin = makeCubin(90, kernels);
    const char *problem =
        controls().addModule(cubin.data(), cubin.size(), MM1_PLAIN_KERNELS);
    return std::string(problem ? problem : "");
  };
  auto kernels = testKernels();
  kernels[0].parameterBytes.pop_back();
  EXPECT_NE(problemOf(kernels).find("of 'scale' the cubin has 3 parameters, "
                                    "the host module 4"),
            std::string::npos);
  kernels = testKernels();
  kernels[0].parameterBytes[1] = 4;
  EXPECT_NE(problemOf(kernels).find("of 'scale' the cubin has 4 bytes for "
                                    "parameter 1, the host module 8"),
            std::string::npos);
  kernels = testKernels();
  kernels[0].threads = 256;
  EXPECT_NE(problemOf(kernels).find("of 'scale' the cubin has 256 threads in a "
                                    "block, the host module 128"),
            std::string::npos);
  kernels = testKernels();
  kernels.push_back({"newer", {8}});
  EXPECT_NE(problemOf(kernels).find("the host module has no kernel 'newer'"),
            std::string::npos);
  kernels = testKernels();
  kernels.pop_back();
  EXPECT_NE(problemOf(kernels).find("the cubin has no kernel 'half_barrier'"),
            std::string::npos);

  auto cubin = makeCubin(90, testKernels());
  const char *problem =
      controls().addModule(cubin.data(), cubin.size(), "/no/such/module.so");
  ASSERT_NE(problem, nullptr);
  EXPECT_NE(std::string(problem).find("/no/such/module.so"), std::string::npos);
  problem =
      controls().addModule(cubin.data(), cubin.size() / 2, MM1_PLAIN_KERNELS);
  ASSERT_NE(problem, nullptr);
  EXPECT_NE(std::string(problem).find("cubin: "), std::string::npos);
}

TEST_F(Load, TellsKernelsAsTheirCubinDoes) {
  Gpu gpu;
  ASSERT_DRIVER(gpu.open());
  Kernel kernel = gpu.kernels["block_sum"];
  int value = 0;
  ASSERT_DRIVER(
      cu.cuKernelGetAttribute(&value, kFunctionSharedBytes, kernel, 0));
  EXPECT_EQ(value, 512);
  ASSERT_DRIVER(cu.cuKernelGetAttribute(&value, kFunctionRegisters, kernel, 0));
  EXPECT_EQ(value, 24);
  ASSERT_DRIVER(
      cu.cuKernelGetAttribute(&value, kFunctionMaxThreads, kernel, 0));
  EXPECT_EQ(value, 128);
  size_t offset = 0, bytes = 0;
  ASSERT_DRIVER(cu.cuKernelGetParamInfo(kernel, 1, &offset, &bytes));
  EXPECT_EQ(offset, 8u);
  EXPECT_EQ(bytes, 8u);
  EXPECT_EQ(cu.cuKernelGetParamInfo(kernel, 2, &offset, &bytes), kInvalidValue);
  EXPECT_EQ(cu.cuLibraryGetKernel(&kernel, gpu.library, "no_such"), kNotFound);
  // What is over the device's limit cannot be asked for.
  EXPECT_EQ(cu.cuKernelSetAttribute(kFunctionMaxDynamicShared, 227 << 10,
                                    gpu.kernels["block_sum"], 0),
            kInvalidValue);
  ASSERT_DRIVER(cu.cuLibraryUnload(gpu.library));
  EXPECT_EQ(
      cu.cuKernelGetFunction(&gpu.functions["scale"], gpu.kernels["scale"]),
      kInvalidHandle);
  EXPECT_EQ(gpu.launch("scale", 1, 128, {0, 0, 0, 0}, gpu.a), kInvalidHandle);
}

/// A load and a step; every call of them is made to fail once, and its code
/// comes back.
TEST_F(Load, FailsWhereATestSaysSo) {
  auto loadAndStep = [&] {
    Gpu gpu;
    Result result;
    Address x;
    void *host;
    if ((result = gpu.open()) || (result = cu.cuMemAlloc(&x, 1024)) ||
        (result = cu.cuMemHostAlloc(&host, 1024, kHostPortable)) ||
        (result = cu.cuMemcpyHtoDAsync(x, host, 1024, gpu.a)) ||
        (result = gpu.launch("block_sum", 2, 128, {x, x}, gpu.a)) ||
        (result = cu.cuMemcpyDtoHAsync(host, x, 1024, gpu.a)) ||
        (result = cu.cuStreamSynchronize(gpu.a)))
      return result;
    return kSuccess;
  };
  ASSERT_DRIVER(loadAndStep());
  uint64_t calls = controls().calls();
  ASSERT_GT(calls, 30u);
  EXPECT_STREQ(controls().callName(1), "cuInit");
  EXPECT_STREQ(controls().callName(calls), "cuStreamSynchronize");
  for (int nth = 1; nth <= int(calls); ++nth) {
    start(defaultConfig());
    controls().inject(nullptr, nth, kOutOfMemory);
    EXPECT_EQ(loadAndStep(), kOutOfMemory) << controls().callName(nth);
    EXPECT_EQ(controls().calls(), uint64_t(nth)) << "nothing went on";
  }
  start(defaultConfig());
  controls().inject("cuMemAlloc", 1, kIllegalAddress);
  EXPECT_EQ(loadAndStep(), kIllegalAddress);
  size_t free, total;
  EXPECT_EQ(cu.cuMemGetInfo(&free, &total), kIllegalAddress)
      << "a sticky code stays";
}

/// Run by the test EmulatedDriverEnvironment: before any reset the machine is
/// as MM1_EMULATED says.
TEST(Environment, DISABLED_SaysWhatTheMachineIs) {
  const CudaDriver &cu = driver();
  ASSERT_DRIVER(cu.cuInit(0));
  int value = 0;
  ASSERT_DRIVER(cu.cuDeviceGetCount(&value));
  EXPECT_EQ(value, 3);
  ASSERT_DRIVER(cu.cuDeviceGetAttribute(&value, kCapabilityMajor, 2));
  EXPECT_EQ(value, 8);
  size_t bytes = 0;
  ASSERT_DRIVER(cu.cuDeviceTotalMem(&bytes, 0));
  EXPECT_EQ(bytes, size_t(1) << 20);
}

} // namespace
} // namespace mm1::test
